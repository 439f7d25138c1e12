// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

const secretsConfig = `
terraform {
  required_providers { pouncet = { source = "pouncet/pouncet" } }
}
resource "pouncet_environment" "e" { name = "dev" }
resource "pouncet_secret" "s" {
  count       = %d
  environment = pouncet_environment.e.name
  name        = "s${count.index}"
  value_wo    = "value ${count.index}"
}`

// stubProvider builds the stub as the provider pouncet, and returns its folder.
func stubProvider(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w",
		"-o", filepath.Join(dir, "terraform-provider-pouncet"), "./stub")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("building the stub: %v\n%s", err, out)
	}
	return dir
}

// workspaces returns a workspace with the provider, with an embedded backend or a server with latency, and a workspace
// with the stub.
func workspaces(b *testing.B, n int, remote bool, latency time.Duration) (ours, stub *acctest.Workspace) {
	b.Helper()
	ours, stub = acctest.NewWorkspace(b), acctest.NewWorkspaceWith(b, stubProvider(b))
	for _, w := range []*acctest.Workspace{ours, stub} {
		w.Write("main.tf", fmt.Sprintf(secretsConfig, n))
	}
	path := filepath.Join(ours.Dir, "data")
	local, err := open.Open(context.Background(), open.Config{Path: path, CreateIfAbsent: true})
	if err != nil {
		b.Fatal(err)
	}
	quota := n + 1
	_, err = local.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
			Policy: &backend.PolicyChange{MaxSecrets: &quota}},
	}})
	if err != nil {
		b.Fatal(err)
	}
	if err := local.Close(); err != nil {
		b.Fatal(err)
	}
	if remote {
		handler, token := acctest.Serve(b, path)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(latency)
			handler.ServeHTTP(w, r)
		}))
		b.Cleanup(s.Close)
		ours.Env = append(ours.Env, "POUNCET_HOME=", "POUNCET_ENDPOINT="+s.URL, "POUNCET_TOKEN="+token)
	}
	return ours, stub
}

// seconds runs Terraform and returns the time that it takes.
func seconds(w *acctest.Workspace, args ...string) float64 {
	start := time.Now()
	w.Must(args...)
	return time.Since(start).Seconds()
}

// BenchmarkPlan plans 1,000 unchanged secrets with write-only values. It compares the time with a provider that has the
// same schemas and does nothing.
func BenchmarkPlan(b *testing.B) {
	plan := []string{"plan", "-input=false", "-detailed-exitcode"}
	for _, c := range []struct {
		name    string
		remote  bool
		latency time.Duration
	}{{"embedded", false, 0}, {"http", true, 0}, {"http-50ms", true, 50 * time.Millisecond}} {
		b.Run(c.name, func(b *testing.B) {
			ours, stub := workspaces(b, 1_000, c.remote, c.latency)
			ours.Must("apply", "-input=false", "-auto-approve")
			stub.Must("apply", "-input=false", "-auto-approve")
			var ratios, more []float64
			for b.Loop() {
				for range 3 {
					baseline, measured := seconds(stub, plan...), seconds(ours, plan...)
					ratios, more = append(ratios, measured/baseline), append(more, measured-baseline)
				}
			}
			b.ReportMetric(median(ratios), "x-of-stub")
			b.ReportMetric(median(more), "s-more")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkApply creates 1,000 secrets. It compares the time with the stub.
func BenchmarkApply(b *testing.B) {
	for name, remote := range map[string]bool{"embedded": false, "http": true} {
		b.Run(name, func(b *testing.B) {
			ours, stub := workspaces(b, 1_000, remote, 0)
			apply := []string{"apply", "-input=false", "-auto-approve"}
			destroy := []string{"destroy", "-input=false", "-auto-approve"}
			var ratios []float64
			for b.Loop() {
				baseline, measured := seconds(stub, apply...), seconds(ours, apply...)
				ratios = append(ratios, measured/baseline)
				stub.Must(destroy...)
				ours.Must(destroy...)
			}
			b.ReportMetric(median(ratios), "x-of-stub")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkMemory plans 4,000 secrets and measures the peak memory of the provider.
func BenchmarkMemory(b *testing.B) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		b.Skip("this system has no /proc, which reports the peak memory")
	}
	ours, _ := workspaces(b, 4_000, false, 0)
	ours.Must("apply", "-input=false", "-auto-approve")
	most := 0
	for b.Loop() {
		cmd := ours.Command("plan", "-input=false")
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		for running := true; running; {
			select {
			case err := <-done:
				if err != nil {
					b.Fatal(err)
				}
				running = false
			case <-time.After(20 * time.Millisecond):
				most = max(most, peakOf(b, filepath.Join(ours.Dir, "bin")))
			}
		}
	}
	b.ReportMetric(float64(most)/1024, "MB")
	b.ReportMetric(0, "ns/op")
	if most == 0 {
		b.Error("no provider process was measured")
	}
}

// peakOf returns the largest peak memory, in KiB, of the running programs of a folder.
func peakOf(b *testing.B, folder string) int {
	b.Helper()
	most := 0
	out, _ := exec.Command("pgrep", "-f", folder).Output() // it fails if no program runs
	for pid := range strings.FieldsSeq(string(out)) {
		if n, err := strconv.Atoi(pid); err == nil {
			most = max(most, peakMemory(b, n))
		}
	}
	return most
}

// peakMemory returns the peak resident size of a process, in KiB, or 0 if it has ended.
func peakMemory(b *testing.B, pid int) int {
	b.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	return 0
}
