// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

// BenchmarkVersion runs `pouncet version` and a Go program that does nothing, in turn. The ratio shows how much the
// start of every command costs. The target is at most 5. docs/adr/0004-dependencies.md says why Pouncet misses it.
func BenchmarkVersion(b *testing.B) {
	hello := filepath.Join(b.TempDir(), "hello")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", hello, "./hello")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("building hello: %v\n%s", err, out)
	}
	pouncet := programtest.Pouncet(b)
	run := func(program string, args ...string) float64 {
		cmd := exec.CommandContext(b.Context(), program, args...)
		start := time.Now()
		if err := cmd.Run(); err != nil {
			b.Fatalf("%s: %v", program, err)
		}
		return float64(time.Since(start)) / float64(time.Millisecond)
	}
	const runs = 50
	var ratios, ours, least []float64
	for b.Loop() {
		for range runs {
			least = append(least, run(hello))
			ours = append(ours, run(pouncet, "version"))
			ratios = append(ratios, ours[len(ours)-1]/least[len(least)-1])
		}
	}
	b.ReportMetric(median(ratios), "x-of-hello")
	b.ReportMetric(median(ours), "version-ms")
	b.ReportMetric(median(least), "hello-ms")
	b.ReportMetric(0, "ns/op")
}
