// SPDX-License-Identifier: MPL-2.0

package bench

import (
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
	"sync/atomic"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms/kmstest"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

// createSecrets creates n secrets (s0, s1, …) in environment prod of the default project.
func createSecrets(b testing.TB, service backend.Service, n int) {
	b.Helper()
	quota := max(n, backend.DefaultMaxSecrets)
	changes := []backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
			Policy: &backend.PolicyChange{MaxSecrets: &quota}},
		{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "prod"},
	}
	for i := range n {
		changes = append(changes, backend.Change{
			Op: backend.OpCreate, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "prod",
			Name: fmt.Sprintf("s%d", i), Value: backend.PlaintextString(fmt.Sprintf("value-%d-%s", i, strings.Repeat("x", 24))),
		})
	}
	for len(changes) > 0 {
		part := changes[:min(len(changes), backend.MaxChanges)]
		if _, err := service.Apply(context.Background(), backend.ChangeSet{Changes: part}); err != nil {
			b.Fatal(err)
		}
		changes = changes[len(part):]
	}
}

// BenchmarkResolve10000 resolves 10,000 secrets of one environment without the key of the environment in memory, and
// counts the calls to a KMS over HTTP.
func BenchmarkResolve10000(b *testing.B) {
	const n = 10_000
	server := kmstest.New(b)
	c := open.Config{Path: filepath.Join(b.TempDir(), "data"), KMSKey: server.URI(b)}
	if _, err := open.Init(context.Background(), c); err != nil {
		b.Fatal(err)
	}
	first, err := open.Open(context.Background(), c)
	if err != nil {
		b.Fatal(err)
	}
	createSecrets(b, first, n)
	if err := first.Close(); err != nil {
		b.Fatal(err)
	}
	refs := make([]backend.Ref, n)
	for i := range refs {
		refs[i] = backend.Ref{
			Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "prod", Name: fmt.Sprintf("s%d", i),
		}
	}
	calls := 0
	for b.Loop() {
		b.StopTimer()
		cold, err := open.Open(context.Background(), c)
		if err != nil {
			b.Fatal(err)
		}
		// One call unwraps the deployment key, with the first row that is verified.
		if _, err := cold.Query(context.Background(), backend.Query{Kind: backend.KindProject}); err != nil {
			b.Fatal(err)
		}
		before := server.Calls("Decrypt")
		b.StartTimer()
		out, err := cold.Resolve(context.Background(), refs)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		for i := range out {
			if out[i].Err != nil {
				b.Fatal(out[i].Err)
			}
		}
		calls = max(calls, server.Calls("Decrypt")-before)
		if err := cold.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(calls), "KMS-calls/op")
	if calls > 1 {
		b.Errorf("%d KMS calls, want at most 1", calls)
	}
}

// BenchmarkRenderOverHTTP runs `pouncet render` with a file of 1,000 references and a `pouncet server` on loopback. It
// compares the time with `pouncet version`. It counts the requests in a separate run, because the timed runs connect to
// the server directly.
func BenchmarkRenderOverHTTP(b *testing.B) {
	binary := programtest.Pouncet(b)
	home := filepath.Join(b.TempDir(), "data")
	made, err := open.Init(context.Background(), open.Config{Path: home})
	if err != nil {
		b.Fatal(err)
	}
	local, err := open.Open(context.Background(), open.Config{Path: home})
	if err != nil {
		b.Fatal(err)
	}
	createSecrets(b, local, 1000)
	if err := local.Close(); err != nil {
		b.Fatal(err)
	}
	token, err := os.ReadFile(made.TokenFile)
	if err != nil {
		b.Fatal(err)
	}
	var requests atomic.Int64
	endpoint := programtest.Serve(b, append(os.Environ(), "POUNCET_HOME="+home))
	counted := countRequests(b, endpoint, &requests)

	file := filepath.Join(b.TempDir(), "config.yaml")
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "key_%d: \"{{ get_secret_value('s%d') }}\"\n", i, i)
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	run := func(endpoint string, args ...string) time.Duration {
		cmd := exec.Command(binary, args...)
		cmd.Env = append(os.Environ(), "POUNCET_ENDPOINT="+endpoint, "POUNCET_TOKEN="+strings.TrimSpace(string(token)))
		start := time.Now()
		out, err := cmd.Output()
		took := time.Since(start)
		if err != nil {
			b.Fatalf("pouncet %s: %v", args[0], err)
		}
		if args[0] == "render" && (strings.Contains(string(out), "{{") || !strings.Contains(string(out), "value-999-")) {
			b.Fatal("the file was not rendered")
		}
		return took
	}
	run(counted, "render", "--env", "prod", file) // after this run, the server has the environment key in memory
	if n := requests.Load(); n != 1 {
		b.Fatalf("%d requests, want 1", n)
	}
	const runs = 15
	var ratios, versions []float64
	for b.Loop() {
		for range runs {
			version := run(endpoint, "version")
			render := run(endpoint, "render", "--env", "prod", file)
			ratios = append(ratios, float64(render)/float64(version))
			versions = append(versions, float64(version)/float64(time.Millisecond))
		}
	}
	b.ReportMetric(median(ratios), "x-of-version")
	b.ReportMetric(median(versions), "version-ms")
	b.ReportMetric(1, "requests/op")
	b.ReportMetric(0, "ns/op")
}

// countRequests starts a proxy that counts the requests to an endpoint, and returns its URL.
func countRequests(b testing.TB, endpoint string, n *atomic.Int64) string {
	b.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		b.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	b.Cleanup(s.Close)
	return s.URL
}
