// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

// withSecrets creates an embedded backend with n secrets (s0, s1, …) and returns its folder.
func withSecrets(b *testing.B, n int) string {
	b.Helper()
	home := filepath.Join(b.TempDir(), "data")
	c := open.Config{Path: home}
	if _, err := open.Init(context.Background(), c); err != nil {
		b.Fatal(err)
	}
	local, err := open.Open(context.Background(), c)
	if err != nil {
		b.Fatal(err)
	}
	createSecrets(b, local, n)
	if err := local.Close(); err != nil {
		b.Fatal(err)
	}
	return home
}

// largeFile writes a file with a reference in every hundredth line. If parsed is true, it also writes a line that needs
// the YAML parser.
func largeFile(b *testing.B, size int, parsed bool) string {
	b.Helper()
	var text bytes.Buffer
	if parsed {
		text.WriteString("first: {a: 1}\n")
	}
	for i := 0; text.Len() < size; i++ {
		if i%100 == 0 {
			fmt.Fprintf(&text, "secret_%d: \"{{ get_secret_value('s%d') }}\"\n", i, i%1000/100)
		}
		fmt.Fprintf(&text, "key_%d: a value of common length # and a comment\n", i)
	}
	path := filepath.Join(b.TempDir(), "large.yaml")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkLargeFile renders a file of 10 MB and one of 100 MB, and compares the peak memory and the time per byte.
// Both ratios are near 1 if memory and time grow in proportion to the file.
func BenchmarkLargeFile(b *testing.B) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		b.Skip("this system has no /proc, which reports the peak memory")
	}
	binary := programtest.Pouncet(b)
	home := withSecrets(b, 10)
	run := func(args ...string) (memory, seconds float64) {
		cmd := exec.Command(binary, args...)
		cmd.Env = append(os.Environ(), "POUNCET_HOME="+home, "POUNCET_ENV=prod")
		start := time.Now()
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		for {
			select {
			case err := <-done:
				if err != nil {
					b.Fatalf("pouncet %s: %v", args[0], err)
				}
				return memory, time.Since(start).Seconds()
			case <-time.After(2 * time.Millisecond):
				memory = max(memory, 1024*float64(peakMemory(b, cmd.Process.Pid)))
			}
		}
	}
	for name, parsed := range map[string]bool{"plain": false, "parsed": true} {
		b.Run(name, func(b *testing.B) {
			const small, large = 10 << 20, 100 << 20
			emptyFile, smallFile := largeFile(b, 100, parsed), largeFile(b, small, parsed)
			bigFile := largeFile(b, large, parsed)
			var memory, times, perByte []float64
			for b.Loop() {
				m0, t0 := run("render", emptyFile)
				m1, t1 := run("render", smallFile)
				m2, t2 := run("render", bigFile)
				memory = append(memory, (m2-m0)/large/((m1-m0)/small))
				times = append(times, (t2-t0)/large/((t1-t0)/small))
				perByte = append(perByte, (m2-m0)/large)
			}
			b.ReportMetric(median(perByte), "memory-B/B")
			b.ReportMetric(median(memory), "x-memory")
			b.ReportMetric(median(times), "x-time")
			b.ReportMetric(0, "ns/op")
			if median(memory) > 1.5 || median(times) > 1.5 {
				b.Errorf("a file ten times as large takes %.1f times the memory and %.1f times the time per byte",
					median(memory), median(times))
			}
		})
	}
}

// BenchmarkTree runs refs, check and render with 10,000 files, in turn with one processor and with two.
func BenchmarkTree(b *testing.B) {
	if runtime.NumCPU() < 2 {
		b.Skip("this machine has one processor")
	}
	binary := programtest.Pouncet(b)
	home := withSecrets(b, 100)
	in, out := filepath.Join(b.TempDir(), "in"), filepath.Join(b.TempDir(), "out")
	for i := range 10_000 {
		text := fmt.Sprintf("name: service-%d\nimage: {{ .Values.image }}\n", i) +
			fmt.Sprintf("password: \"{{ get_secret_value('s%d') }}\"\n", i%100) +
			strings.Repeat("# some words\nkey: value\n", 200)
		name := filepath.Join(in, fmt.Sprintf("team_%d", i%100), fmt.Sprintf("service_%d.yaml", i))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"refs", in}, {"check", "--env", "prod", in}, {"render", "--env", "prod", "-o", out, in},
	} {
		b.Run(args[0], func(b *testing.B) {
			on := func(processors int) float64 {
				cmd := exec.Command(binary, args...)
				cmd.Env = append(os.Environ(), "POUNCET_HOME="+home, fmt.Sprintf("GOMAXPROCS=%d", processors))
				start := time.Now()
				if output, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("pouncet %s: %v\n%.500s", args[0], err, output)
				}
				return time.Since(start).Seconds()
			}
			var ratios, times []float64
			for b.Loop() {
				one, two := on(1), on(2)
				ratios, times = append(ratios, one/two), append(times, two)
			}
			b.ReportMetric(median(ratios), "x-of-one-processor")
			b.ReportMetric(median(times), "s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
