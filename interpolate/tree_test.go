// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// manyFiles returns n files. Every third one has no references.
func manyFiles(n int) []interpolate.File {
	files := make([]interpolate.File, n)
	for i := range files {
		text := fmt.Sprintf("name: service-%d\nimage: {{ .Values.image }}\n", i)
		if i%3 != 0 {
			text += string(document(10))
		}
		files[i] = interpolate.File{Name: fmt.Sprintf("f%d.yaml", i), Data: []byte(text)}
	}
	return files
}

// TestRenderManyFiles renders 10,000 files with one call of Resolve, and checks their order.
func TestRenderManyFiles(t *testing.T) {
	files := manyFiles(10_000)
	r := &resolver{secrets: map[string]string{}}
	for i := range 10 {
		r.secrets[fmt.Sprintf("dev/secret_%d", i)] = "v"
	}
	o := devOptions()
	var steps [2]atomic.Int64
	o.Progress = func(stage interpolate.Stage, done, of int) {
		if of != len(files) || done < 1 || done > of {
			t.Errorf("%d of %d files", done, of)
		}
		steps[slices.Index([]interpolate.Stage{interpolate.StageScan, interpolate.StageFill}, stage)].Add(1)
	}
	out, err := interpolate.Render(t.Context(), r, files, o)
	if err != nil || r.calls != 1 || len(r.asked) != 10 {
		t.Fatalf("%d calls of Resolve for %d references, %v; want one for 10", r.calls, len(r.asked), err)
	}
	if steps[0].Load() != 10_000 || steps[1].Load() != 10_000 {
		t.Errorf("progress reported %d and %d files", steps[0].Load(), steps[1].Load())
	}
	for i, f := range out {
		if f.Name != files[i].Name || !strings.HasPrefix(string(f.Data), fmt.Sprintf("name: service-%d\n", i)) ||
			strings.Contains(string(f.Data), "get_secret_value") {
			t.Fatalf("file %d is %s: %.200s", i, f.Name, f.Data)
		}
	}
}

// TestProblemsKeepTheOrderOfFiles renders 1,000 files with a problem and a warning each.
func TestProblemsKeepTheOrderOfFiles(t *testing.T) {
	var files []interpolate.File
	for i := range 1000 {
		files = append(files,
			interpolate.File{Name: fmt.Sprintf("%d.yaml", i),
				Data: []byte("a: {{ get_secret_value(1) }}\nb: {{ get_secret_valeu('x') }}\n")})
	}
	o := devOptions()
	var warned []string
	o.Warn = func(p interpolate.Problem) { warned = append(warned, p.Pos.File) }
	_, err := interpolate.Render(t.Context(), testResolver(), files, o)
	ps := problems(t, err)
	if len(ps) != 1000 || len(warned) != 1000 {
		t.Fatalf("%d problems and %d warnings, want 1000 of each", len(ps), len(warned))
	}
	for i := range ps {
		if name := fmt.Sprintf("%d.yaml", i); ps[i].Pos.File != name || warned[i] != name {
			t.Fatalf("problem and warning %d are of files %s and %s", i, ps[i].Pos.File, warned[i])
		}
	}
}

// BenchmarkTree renders 10,000 files on one processor and on two, in turn.
func BenchmarkTree(b *testing.B) {
	if runtime.NumCPU() < 2 {
		b.Skip("needs two processors")
	}
	files := manyFiles(10_000)
	r := &resolver{secrets: map[string]string{}}
	for i := range 10 {
		r.secrets[fmt.Sprintf("dev/secret_%d", i)] = "v"
	}
	on := func(processors int) float64 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		start := time.Now()
		if _, err := interpolate.Render(b.Context(), r, files, devOptions()); err != nil {
			b.Fatal(err)
		}
		return time.Since(start).Seconds()
	}
	var ratios, times []float64
	for b.Loop() {
		one, two := on(1), on(2)
		ratios, times = append(ratios, one/two), append(times, 1000*two)
	}
	slices.Sort(ratios)
	slices.Sort(times)
	b.ReportMetric(ratios[len(ratios)/2], "x-of-one-processor")
	b.ReportMetric(times[len(times)/2], "ms")
	b.ReportMetric(0, "ns/op")
}
