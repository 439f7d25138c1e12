// SPDX-License-Identifier: MPL-2.0

//go:build unix

package peers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/helmfile/vals"
	"go.yaml.in/yaml/v3"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

const references = 1000

// document returns a document with one reference in every five lines.
func document(reference func(i int) string) []byte {
	var b bytes.Buffer
	for i := range references {
		fmt.Fprintf(&b, "service_%d:\n  host: db-%d.internal # the primary\n  port: 5432\n", i, i)
		fmt.Fprintf(&b, "  options: [a, 'b', \"c\"]\n  password: %s\n", reference(i))
	}
	return b.Bytes()
}

func value(i int) string { return fmt.Sprintf("correct-horse-battery-%d", i) }

// memoryResolver resolves references from memory.
type memoryResolver map[string]backend.Plaintext

func (m memoryResolver) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out := make([]backend.Resolution, len(refs))
	for i, ref := range refs {
		out[i].Value = m[ref.Name]
	}
	return out, nil
}

// BenchmarkVals fails if `vals eval` needs less than 15 times the processor time of Pouncet for the same references, or
// the expansion of vals alone less than 0.9 times. The usual results are 18 and 1.05.
func BenchmarkVals(b *testing.B) {
	ours := ourRender(b)
	for _, c := range []struct {
		name   string
		run    func(testing.TB) func()
		target float64
	}{{"file", valsFile, 15}, {"decoded", valsDecoded, 0.9}} {
		b.Run(c.name, func(b *testing.B) {
			theirs := c.run(b)
			ours()
			theirs()
			var ratios, us, them []float64
			for b.Loop() {
				for range 10 {
					a, t := cpuSeconds(b, ours), cpuSeconds(b, theirs)
					ratios, us, them = append(ratios, t/a), append(us, references/a), append(them, references/t)
				}
			}
			b.ReportMetric(median(ratios), "x-of-vals")
			b.ReportMetric(median(us), "refs/cpu-s")
			b.ReportMetric(median(them), "vals-refs/cpu-s")
			b.ReportMetric(0, "ns/op")
			if x := median(ratios); x < c.target {
				b.Errorf("%.2f times the references per processor second of vals, want at least %g", x, c.target)
			}
		})
	}
}

func seconds(f func()) float64 {
	start := time.Now()
	f()
	return time.Since(start).Seconds()
}

func ourRender(b testing.TB) func() {
	values := memoryResolver{}
	for i := range references {
		values[fmt.Sprintf("secret_%d", i)] = backend.PlaintextString(value(i))
	}
	files := []interpolate.File{{Name: "f.yaml", Data: document(func(i int) string {
		return fmt.Sprintf("\"{{ get_secret_value('secret_%d') }}\"", i)
	})}}
	return func() {
		out, err := interpolate.Render(b.Context(), values, files, interpolate.Options{Project: "p", Environment: "dev"})
		check(b, err, out[0].Data)
	}
}

func check(b testing.TB, err error, out []byte) {
	if err != nil {
		b.Fatal(err)
	}
	hasValue := bytes.Contains(out, []byte(value(references-1)))
	if !hasValue || bytes.Contains(out, []byte("{{")) || bytes.Contains(out, []byte("ref+echo")) {
		b.Fatalf("the document was not rendered: %.300s", out)
	}
}

func valsDocument() []byte {
	return document(func(i int) string { return "ref+echo://" + value(i) })
}

// options returns options with a cache for all values and no log.
func options() vals.Options { return vals.Options{CacheSize: 2 * references, LogOutput: io.Discard} }

func valsFile(b testing.TB) func() {
	path := filepath.Join(b.TempDir(), "f.yaml")
	if err := os.WriteFile(path, valsDocument(), 0o600); err != nil {
		b.Fatal(err)
	}
	return func() {
		nodes, err := vals.Inputs(path)
		if err != nil {
			b.Fatal(err)
		}
		if nodes, err = vals.EvalNodes(nodes, options()); err != nil {
			b.Fatal(err)
		}
		var out bytes.Buffer
		check(b, vals.Output(&out, "yaml", nodes), out.Bytes())
	}
}

// valsDecoded evaluates Go values to Go values.
func valsDecoded(b testing.TB) func() {
	var document map[string]any
	if err := yaml.Unmarshal(valsDocument(), &document); err != nil {
		b.Fatal(err)
	}
	return func() {
		runtime, err := vals.New(options())
		if err != nil {
			b.Fatal(err)
		}
		out, err := runtime.Eval(document)
		if err != nil {
			b.Fatal(err)
		}
		last, _ := out[fmt.Sprintf("service_%d", references-1)].(map[string]any)
		if password, _ := last["password"].(string); password != value(references-1) {
			b.Fatalf("the document was not evaluated: %v", last)
		}
	}
}
