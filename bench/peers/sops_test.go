// SPDX-License-Identifier: MPL-2.0

//go:build unix

package peers

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

// BenchmarkSOPS fails if the process that renders needs more than 0.4 times the processor time of SOPS, or that process
// and the server together more than 0.9 times. The usual results are 0.26 and 0.7. The start of the server counts too.
// SOPS decrypts with a key of age, and the server with a key in a file, so that no program waits for a KMS.
func BenchmarkSOPS(b *testing.B) {
	theirs, ours := newSOPS(b), newPouncet(b)
	theirs.run(b)
	ours.run(b, ours.endpoint)
	var ratios, clock, us, them []float64
	rounds := 1
	for b.Loop() {
		for range 15 {
			rounds++
			var t, o float64
			ts := seconds(func() { t = theirs.run(b) })
			os := seconds(func() { o = ours.run(b, ours.endpoint) })
			ratios, clock = append(ratios, o/t), append(clock, os/ts)
			us, them = append(us, 1000*o), append(them, 1000*t)
		}
	}
	server := 1000 * ours.stop(b) / float64(rounds)
	both := (median(us) + server) / median(them)
	b.ReportMetric(median(ratios), "x-of-sops")
	b.ReportMetric(both, "x-of-sops-with-server")
	b.ReportMetric(median(clock), "x-of-sops-by-clock")
	b.ReportMetric(median(us), "render-cpu-ms")
	b.ReportMetric(server, "server-cpu-ms")
	b.ReportMetric(median(them), "sops-cpu-ms")
	b.ReportMetric(0, "ns/op")
	if x := median(ratios); x > 0.4 || both > 0.9 {
		b.Errorf("pouncet needs %.2f times the processor time of SOPS, and %.2f times with its server, "+
			"want at most 0.4 and 0.9", x, both)
	}
}

// BenchmarkLatency fails if 20 ms of latency per request add more than 30 ms.
func BenchmarkLatency(b *testing.B) {
	ours := newPouncet(b)
	direct, delayed := delay(b, ours.endpoint, 0), delay(b, ours.endpoint, 20*time.Millisecond)
	ours.run(b, direct)
	var more []float64
	for b.Loop() {
		for range 15 {
			n, f := seconds(func() { ours.run(b, direct) }), seconds(func() { ours.run(b, delayed) })
			more = append(more, 1000*(f-n))
		}
	}
	b.ReportMetric(median(more), "ms-more")
	b.ReportMetric(0, "ns/op")
	if m := median(more); m > 30 {
		b.Errorf("20 ms of latency add %.0f ms, want at most 30", m)
	}
}

// built returns the path of a program that `make bench` builds.
func built(b testing.TB, name string) string {
	b.Helper()
	path, err := filepath.Abs("../../bin/" + name)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		b.Fatalf("%s is not built: run make bench", path)
	}
	return path
}

// write writes a file of 1,000 keys.
func write(b testing.TB, value func(i int) string) string {
	b.Helper()
	var text strings.Builder
	for i := range references {
		fmt.Fprintf(&text, "key_%d: %q\n", i, value(i))
	}
	path := filepath.Join(b.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// output runs a command, checks what it prints, and returns how many seconds the processors worked for it.
func output(b testing.TB, cmd *exec.Cmd) float64 {
	b.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%s: %v\n%s", cmd.Path, err, stderr.String())
	}
	if !bytes.Contains(out, []byte(value(references-1))) {
		b.Fatalf("%s: the output does not contain the values: %.300s", cmd.Path, out)
	}
	return processSeconds(cmd)
}

type sops struct{ binary, file, key string }

func newSOPS(b testing.TB) sops {
	b.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		b.Fatal(err)
	}
	s := sops{built(b, "sops"), write(b, value), key.String()}
	cmd := exec.Command(s.binary, "encrypt", "--in-place", "--age", key.Recipient().String(), s.file)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("sops encrypt: %v\n%s", err, out)
	}
	return s
}

func (s sops) run(b testing.TB) float64 {
	cmd := exec.Command(s.binary, "-d", s.file)
	cmd.Env = append(os.Environ(), "SOPS_AGE_KEY="+s.key)
	return output(b, cmd)
}

type pouncet struct {
	binary, file, endpoint, token string
	server                        *exec.Cmd
}

// stop stops the server, and returns how many seconds the processors worked for it.
func (p pouncet) stop(b testing.TB) float64 {
	b.Helper()
	if err := p.server.Process.Signal(os.Interrupt); err != nil {
		b.Fatal(err)
	}
	_ = p.server.Wait()
	return processSeconds(p.server)
}

// newPouncet starts a server that has the values.
func newPouncet(b testing.TB) pouncet {
	b.Helper()
	home := filepath.Join(b.TempDir(), "data")
	made, err := open.Init(context.Background(), open.Config{Path: home})
	if err != nil {
		b.Fatal(err)
	}
	token, err := os.ReadFile(made.TokenFile)
	if err != nil {
		b.Fatal(err)
	}
	local, err := open.Open(context.Background(), open.Config{Path: home})
	if err != nil {
		b.Fatal(err)
	}
	quota := references
	changes := []backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
			Policy: &backend.PolicyChange{MaxSecrets: &quota}},
		{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "prod"},
	}
	for i := range references {
		changes = append(changes, backend.Change{
			Op: backend.OpCreate, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "prod",
			Name: fmt.Sprintf("s%d", i), Value: backend.PlaintextString(value(i)),
		})
	}
	for len(changes) > 0 {
		part := changes[:min(len(changes), backend.MaxChanges)]
		if _, err := local.Apply(context.Background(), backend.ChangeSet{Changes: part}); err != nil {
			b.Fatal(err)
		}
		changes = changes[len(part):]
	}
	if err := local.Close(); err != nil {
		b.Fatal(err)
	}
	binary := built(b, "pouncet")
	file := write(b, func(i int) string { return fmt.Sprintf("{{ get_secret_value('s%d') }}", i) })
	endpoint, server := serve(b, binary, home)
	return pouncet{binary, file, endpoint, strings.TrimSpace(string(token)), server}
}

func (p pouncet) run(b testing.TB, endpoint string) float64 {
	cmd := exec.Command(p.binary, "render", "--env", "prod", p.file)
	cmd.Env = append(os.Environ(), "POUNCET_ENDPOINT="+endpoint, "POUNCET_TOKEN="+p.token)
	return output(b, cmd)
}

// serve starts `pouncet server` on a free port and waits until it listens.
func serve(b testing.TB, binary, home string) (string, *exec.Cmd) {
	b.Helper()
	cmd := exec.Command(binary, "server", "--quiet", "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "POUNCET_HOME="+home)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	endpoint, err := programtest.Endpoint(stderr)
	if err != nil {
		b.Fatal(err)
	}
	return endpoint, cmd
}

// delay starts a proxy that delays every request to an endpoint, and returns its URL.
func delay(b testing.TB, endpoint string, latency time.Duration) string {
	b.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		b.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(latency)
		proxy.ServeHTTP(w, r)
	}))
	b.Cleanup(s.Close)
	return s.URL
}
