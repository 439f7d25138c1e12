// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// flaky starts a server that answers the first n requests with a fault, and later ones correctly.
func flaky(t *testing.T, n int64, fault http.HandlerFunc, s backend.Service) (endpoint string, requests *atomic.Int64) {
	t.Helper()
	requests = &atomic.Int64{}
	proper := httpapi.NewServer(s, authenticate, httpapi.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) <= n {
			fault(w, r)
			return
		}
		proper.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

func hangUp(w http.ResponseWriter, _ *http.Request) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = c.Close()
	}
}

func status(code int, header, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}
}

func TestClientRetriesTemporaryFaults(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"429":             status(429, "Retry-After: 0", "slow down"),
		"500":             status(500, "", "<html>oops</html>"),
		"502 of a proxy":  status(502, "Content-Type: text/html", "<html>"),
		"503":             status(503, "", ""),
		"closed socket":   hangUp,
		"incomplete body": status(200, "Content-Length: 100", `{"outco`),
		"not JSON":        status(200, "Content-Type: text/html", "<html>"),
	} {
		t.Run(name, func(t *testing.T) {
			s := &scripted{outcomes: []backend.Outcome{{Action: backend.ActionCreate}}}
			endpoint, requests := flaky(t, 2, fault, s)
			out, err := client(t, endpoint, goodToken).
				Apply(context.Background(), backend.ChangeSet{Changes: make([]backend.Change, 1)})
			if err != nil || len(out) != 1 {
				t.Fatalf("%v, %v", out, err)
			}
			if n := requests.Load(); n != 3 {
				t.Errorf("%d requests", n)
			}
			if s.set.IdempotencyKey == "" {
				t.Error("a repeated change had no idempotency key")
			}
		})
	}
}

func TestErrorOfAPermanentFaultNamesTheEndpoint(t *testing.T) {
	for name, c := range map[string]struct {
		fault http.HandlerFunc
		code  backend.Code
		says  string
	}{
		"not JSON": {status(200, "", "not JSON"), backend.CodeUnavailable, "not from Pouncet"},
		"login page": {status(200, "Content-Type: text/html", "<html>CANARY</html>"), backend.CodeUnavailable,
			"text/html"},
		"incomplete body": {status(200, "Content-Length: 100", `{"resol`), backend.CodeUnavailable, "incomplete body"},
		"too few resolutions": {status(200, "", `{"resolutions":[]}`), backend.CodeUnavailable,
			"0 resolutions for 1 references"},
		"redirect":                       {status(302, "Location: http://127.0.0.1:1/", ""), backend.CodeInternal, "302"},
		"redirect that keeps the method": {status(307, "Location: http://127.0.0.1:1/", ""), backend.CodeInternal, "307"},
		"another server":                 {status(404, "", "404 page not found"), backend.CodeUnavailable, "404"},
		"every response has status 500":  {status(500, "", "CANARY"), backend.CodeInternal, "500"},
		"closed sockets":                 {hangUp, backend.CodeUnavailable, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			endpoint, _ := flaky(t, 1000, c.fault, &scripted{})
			_, err := client(t, endpoint, goodToken).Resolve(context.Background(), make([]backend.Ref, 1))
			e := backend.AsError(err)
			if e == nil || e.Code != c.code || !strings.Contains(e.Error(), c.says) || !strings.Contains(e.Error(), endpoint) {
				t.Fatalf("error %v", err)
			}
			if strings.Contains(e.Error(), "CANARY") || strings.Contains(e.Error(), goodToken) {
				t.Errorf("the error shows a body or the token: %v", e)
			}
		})
	}
}

// TestClientTrustsOnlyItsCertificateAuthority gives the client the authority in its options.
func TestClientTrustsOnlyItsCertificateAuthority(t *testing.T) {
	server := httptest.NewTLSServer(httpapi.NewServer(&scripted{}, authenticate, httpapi.Options{}))
	t.Cleanup(server.Close)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the failed handshakes are expected
	ask := func(o httpapi.ClientOptions) error {
		o.Endpoint, o.Token, o.RetryMax = server.URL, goodToken, -1
		c, err := httpapi.NewClient(o)
		if err == nil {
			_, err = c.Query(context.Background(), backend.Query{})
		}
		return err
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
		0o600); err != nil {
		t.Fatal(err)
	}
	if err := ask(httpapi.ClientOptions{CACertFile: file}); err != nil {
		t.Error(err)
	}
	if err := ask(httpapi.ClientOptions{}); !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("without the authority: %v", err)
	}
	for _, bad := range []string{filepath.Join(t.TempDir(), "absent.pem"), "faults_test.go"} {
		if err := ask(httpapi.ClientOptions{CACertFile: bad}); !errors.Is(err, backend.ErrInvalid) ||
			!strings.Contains(err.Error(), filepath.Base(bad)) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestClientStopsAtItsTimeoutOrWhenCancelled(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{}, 1000)
	endpoint, _ := flaky(t, 1000, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}, &scripted{})
	t.Cleanup(func() { close(release) })
	resolve := func(ctx context.Context, timeout time.Duration) error {
		c, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: endpoint, Token: goodToken, Timeout: timeout,
			RetryWait: time.Millisecond, RetryMax: 9})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Resolve(ctx, nil)
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-arrived; cancel() }()
	if err := resolve(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	err := resolve(context.Background(), 50*time.Millisecond)
	if !errors.Is(err, backend.ErrUnavailable) || !strings.Contains(err.Error(), "2 attempts of 50ms got no response") {
		t.Errorf("after the timeout: %v", err)
	}
	if n := len(arrived); n > 2 {
		t.Errorf("%d attempts reached the server, want at most 2", n)
	}
}

func TestUnsafeEndpointsAreRefused(t *testing.T) {
	for _, endpoint := range []string{"", "example.com", "ftp://example.com", "https://",
		"https://user:CANARY@example.com", "https://example.com?token=CANARY", "http://example.com", "http://10.0.0.1",
		"://CANARY"} {
		_, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: endpoint, Token: "t"})
		if !errors.Is(err, backend.ErrInvalid) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
	for _, endpoint := range []string{"https://example.com", "https://example.com/base/", "http://127.0.0.1:8420",
		"http://localhost:1", "http://[::1]:1"} {
		if _, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: endpoint, Token: "t"}); err != nil {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
	if _, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: "https://example.com"}); !errors.Is(err,
		backend.ErrUnauthenticated) {
		t.Errorf("without a token: %v", err)
	}
}

func post(t *testing.T, url, token, kind, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the response can be cached")
	}
	return resp.StatusCode, string(text)
}

func TestInvalidRequestsAreRefused(t *testing.T) {
	server := httptest.NewServer(httpapi.NewServer(&scripted{}, authenticate, httpapi.Options{}))
	defer server.Close()
	const kind = "application/json"
	for name, c := range map[string]struct {
		path, token, kind, body string
		status                  int
		says                    string
	}{
		"no token":      {"/v1/query", "", kind, "{}", 401, "unauthenticated"},
		"wrong token":   {"/v1/query", "CANARY", kind, "{}", 401, "unauthenticated"},
		"invalid JSON":  {"/v1/query", goodToken, kind, "CANARY", 400, "cannot be parsed"},
		"probe of all":  {"/v1/resolve", goodToken, kind, `{"common":{"probe":true},"refs":[]}`, 400, `no field \"probe\"`},
		"unknown field": {"/v1/resolve", goodToken, kind, `{"refs":[{"CANARY":1}]}`, 400, "unknown field"},
		"other field":   {"/v1/resolve", goodToken, kind, `{"refs":[{"label":1}]}`, 400, `it has no field \"label\"`},
		"wrong type":    {"/v1/resolve", goodToken, kind, `{"refs":[{"name":["CANARY"]}]}`, 400, "field refs.name has"},
		"number":        {"/v1/resolve", goodToken, kind, `{"refs":[{"name":12345}]}`, 400, "field refs.name has"},
		"wrong label":   {"/v1/apply", goodToken, kind, `{"changes":[{"labels":{"CANARY":1}}]}`, 400, "has the wrong type"},
		"no base64":     {"/v1/apply", goodToken, kind, `{"changes":[{"value":"CANARY*"}]}`, 400, "is not base64"},
		"no JSON":       {"/v1/query", goodToken, kind, `{"name": CANARY}`, 400, "byte 10 is not valid JSON"},
		"cut off":       {"/v1/query", goodToken, kind, `{"name": "CANARY`, 400, "it ends before"},
		"empty":         {"/v1/query", goodToken, kind, "", 400, "it is empty"},
		"a list":        {"/v1/query", goodToken, kind, `["CANARY"]`, 400, "cannot be parsed"},
		"more text":     {"/v1/query", goodToken, kind, `{} {}`, 400, "after its JSON"},
		"content type":  {"/v1/query", goodToken, "text/plain", "{}", 400, "application/json"},
		"another path":  {"/v1/CANARY", goodToken, kind, "{}", 404, "not_found"},
		"too large":     {"/v1/query", goodToken, kind, `{"name":"` + strings.Repeat("x", 33<<20) + `"}`, 413, "33554432"},
	} {
		code, text := post(t, server.URL+c.path, c.token, c.kind, c.body)
		if code != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d %s", name, code, text)
		}
		if strings.Contains(text, "CANARY") && name != "another path" {
			t.Errorf("%s: the response repeats the request: %s", name, text)
		}
	}
}

// panics is a Service that panics.
type panics struct{ scripted }

func (*panics) Query(context.Context, backend.Query) (backend.Page, error) { panic("CANARY") }

func TestPanicGivesAnErrorWithoutDetails(t *testing.T) {
	var log bytes.Buffer
	server := httptest.NewServer(httpapi.NewServer(&panics{}, authenticate,
		httpapi.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}))
	defer server.Close()
	code, text := post(t, server.URL+"/v1/query", goodToken, "application/json", "{}")
	if code != 500 || !strings.Contains(text, `"code":"internal"`) || strings.Contains(text, "CANARY") ||
		strings.Contains(text, "goroutine") {
		t.Errorf("%d %s", code, text)
	}
}

func TestQuietServerLogsPanicsOnly(t *testing.T) {
	var log bytes.Buffer
	var mu sync.Mutex
	server := httptest.NewServer(httpapi.NewServer(&panics{}, authenticate,
		httpapi.Options{Log: slog.New(slog.NewTextHandler(writer{&mu, &log}, nil)), Quiet: true}))
	post(t, server.URL+"/v1/query", goodToken, "application/json", "{}")
	post(t, server.URL+"/v1/resolve", goodToken, "application/json", "{}")
	server.Close()
	mu.Lock()
	defer mu.Unlock()
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "msg=panic") {
		t.Errorf("the log is %s", text)
	}
}

func TestAccessLogHasNoSecrets(t *testing.T) {
	var log bytes.Buffer
	var mu sync.Mutex
	s := &scripted{resolved: []backend.Resolution{{Value: backend.PlaintextString("CANARY")}}}
	c := connect(t, s, httpapi.Options{Log: slog.New(slog.NewTextHandler(writer{&mu, &log}, nil))})
	if _, err := c.Resolve(context.Background(), []backend.Ref{{Name: "SECRET-NAME"}}); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	text := log.String()
	if !strings.Contains(text, "path=/v1/resolve") || !strings.Contains(text, "status=200") ||
		!strings.Contains(text, "principal=p") {
		t.Errorf("log %s", text)
	}
	for _, secret := range []string{"CANARY", "Q0FOQVJZ", goodToken, "SECRET-NAME"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log contains %s", secret)
		}
	}
}

type writer struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (w writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

// slow is a Service that waits for release before it answers.
type slow struct {
	scripted
	begun, release chan struct{}
}

func (s *slow) Query(context.Context, backend.Query) (backend.Page, error) {
	s.begun <- struct{}{}
	<-s.release
	return backend.Page{Next: "done"}, nil
}

func TestRunningRequestsFinishAfterAStop(t *testing.T) {
	s := &slow{begun: make(chan struct{}), release: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- httpapi.Serve(ctx, l, httpapi.NewServer(s, authenticate, httpapi.Options{}), httpapi.Options{})
	}()
	answered := make(chan error, 1)
	go func() {
		page, err := client(t, "http://"+l.Addr().String(), goodToken).Query(context.Background(), backend.Query{})
		if err == nil && page.Next != "done" {
			err = fmt.Errorf("page %+v", page)
		}
		answered <- err
	}()
	<-s.begun
	stop()
	close(s.release)
	if err := <-answered; err != nil {
		t.Errorf("the running request: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("serving: %v", err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("still listening after the stop")
	}
}

func TestRequestsOverTheLimitGetStatus429(t *testing.T) {
	s := &slow{begun: make(chan struct{}), release: make(chan struct{})}
	server := httptest.NewServer(httpapi.NewServer(s, authenticate, httpapi.Options{MaxRequests: 1}))
	defer server.Close()
	first := make(chan int, 1)
	go func() {
		code, _ := post(t, server.URL+"/v1/query", goodToken, "application/json", "{}")
		first <- code
	}()
	<-s.begun
	code, text := post(t, server.URL+"/v1/query", goodToken, "application/json", "{}")
	if code != 429 || !strings.Contains(text, "too many requests") {
		t.Errorf("the second request: %d %s", code, text)
	}
	close(s.release)
	if code := <-first; code != 200 {
		t.Errorf("the first request: %d", code)
	}
}

func TestHealthAndReadiness(t *testing.T) {
	stops := backend.Errorf(backend.CodeUnavailable, "CANARY database")
	minor := backend.Errorf(backend.CodeKeyUnusable, "CANARY KMS key")
	var ready error
	var problems []error
	server := httptest.NewServer(httpapi.NewServer(&scripted{}, authenticate, httpapi.Options{
		Ready:    func(context.Context) error { return ready },
		Problems: func() []error { return problems },
	}))
	defer server.Close()
	get := func(path, token string) (int, string) {
		req, err := http.NewRequest(http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text)
	}
	for _, c := range []struct {
		name     string
		ready    error
		problems []error
		status   int
		text     string
	}{
		{"healthy", nil, nil, 200, `{"status":"ready"}`},
		{"not ready", stops, []error{stops, minor}, 503, `{"status":"not ready"}`},
		{"ready with a problem", nil, []error{minor}, 200, `{"status":"ready"}`},
		{"an old check", stops, nil, 503, `{"status":"not ready"}`},
	} {
		ready, problems = c.ready, c.problems
		if code, _ := get("/healthz", ""); code != 200 {
			t.Errorf("%s: /healthz has status %d", c.name, code)
		}
		for _, token := range []string{"", "wrong", "CANARY"} {
			if code, text := get("/readyz", token); code != c.status || text != c.text {
				t.Errorf("%s, token %q: %d %s", c.name, token, code, text)
			}
		}
		code, text := get("/readyz", goodToken)
		want := max(len(c.problems), len(problemsOf(c.ready)))
		if code != c.status || strings.Count(text, "CANARY") != want {
			t.Errorf("%s, with a token: %d %s", c.name, code, text)
		}
		got, err := httpapi.Problems(t.Context(), client(t, server.URL, goodToken))
		if err != nil || len(got) != want {
			t.Errorf("%s: the client gets %v, %v", c.name, got, err)
		}
	}
}

func problemsOf(err error) []error {
	if err == nil {
		return nil
	}
	return []error{err}
}

func BenchmarkResolve1000(b *testing.B) {
	s := &scripted{resolved: make([]backend.Resolution, 1000)}
	for i := range s.resolved {
		s.resolved[i] = backend.Resolution{Value: backend.PlaintextString("a value of average length"),
			ID: "01890a5d-ac96-774b-bcce-b302099a8057", Environment: "prod", Scope: "project", Version: 3}
	}
	refs := make([]backend.Ref, 1000)
	for i := range refs {
		refs[i] = backend.Ref{Kind: backend.KindSecret, Project: "default", Environment: "prod",
			Name: fmt.Sprint("secret_", i)}
	}
	c := connect(b, s, httpapi.Options{})
	for b.Loop() {
		if _, err := c.Resolve(context.Background(), refs); err != nil {
			b.Fatal(err)
		}
	}
}
