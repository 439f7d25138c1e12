// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

// writeFiles writes files of a size, with text as in Helm values, and with ids and content hashes, which look random.
func writeFiles(b *testing.B, folder string, files, size int) {
	b.Helper()
	for i := range files {
		var text strings.Builder
		for k := 0; text.Len() < size; k++ {
			fmt.Fprintf(&text, "service_%d:\n  image: registry.example.com/team/service:1.%d.%d\n"+
				"  digest: sha256:%064x\n  first_key: e22487a8-feb8-4591-95aa-14b193%06x\n"+
				"  # the name of the secret that holds the password\n"+
				"  existingSecret: service-credentials\n  replicas: 3\n  resources: {limits: {memory: 128Mi}}\n"+
				"  description: A key in a Secret resource that holds the password of the account\n",
				k, i, k, i*7919+k*104729, i*100+k)
		}
		name := filepath.Join(folder, fmt.Sprintf("team_%d", i%100), fmt.Sprintf("service_%d.yaml", i))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheck checks 10,000 files of 60 MB in total, one file of 3 MB, and a change of one file among 900. On two
// processors that do nothing else, they take at most 2, 0.5 and 0.5 seconds. The limits are for the time of the
// processors, because other programs run at the same time.
func BenchmarkCheck(b *testing.B) {
	binary := programtest.Pouncet(b)
	home := withSecrets(b, 1)
	run := func(b *testing.B, folder string, most time.Duration, args ...string) {
		b.Helper()
		var times, cpu []float64
		for b.Loop() {
			cmd := exec.Command(binary, args...)
			cmd.Dir = folder
			cmd.Env = append(os.Environ(), "POUNCET_HOME="+home)
			start := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("pouncet %s: %v\n%.500s", args[0], err, out)
			}
			times = append(times, time.Since(start).Seconds())
			cpu = append(cpu, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
		}
		b.ReportMetric(median(times), "s")
		b.ReportMetric(median(cpu), "cpu-s")
		b.ReportMetric(0, "ns/op")
		if median(cpu) > most.Seconds() {
			b.Errorf("pouncet %s needs %.2f s of the processors, and %s is the limit", args[0], median(cpu), most)
		}
	}
	b.Run("10,000 files", func(b *testing.B) {
		folder := b.TempDir()
		writeFiles(b, folder, 10_000, 6_000)
		run(b, folder, 4*time.Second, "check", "--env", "prod", ".")
	})
	b.Run("one file of 3 MB", func(b *testing.B) {
		folder := b.TempDir()
		writeFiles(b, folder, 1, 3_000_000)
		run(b, folder, 500*time.Millisecond, "check", "--env", "prod", ".")
	})
	b.Run("review of one changed file among 900", func(b *testing.B) {
		folder := b.TempDir()
		writeFiles(b, folder, 900, 6_000)
		for _, args := range [][]string{
			{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "a"},
		} {
			cmd := exec.Command("git", args...)
			cmd.Dir = folder
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("git %s: %v\n%s", args[0], err, out)
			}
		}
		changed := filepath.Join(folder, "team_0", "service_0.yaml")
		if err := os.WriteFile(changed, []byte("a: 1\n"), 0o600); err != nil {
			b.Fatal(err)
		}
		run(b, folder, 500*time.Millisecond, "review", "--base", "HEAD", ".")
	})
}
