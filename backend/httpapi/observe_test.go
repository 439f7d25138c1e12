// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/trace"
)

// seen is an Observer that keeps what it sees.
type seen struct {
	mu    sync.Mutex
	began int
	all   []httpapi.Exchange
}

func (s *seen) Began() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began++
}

func (s *seen) Ended(e httpapi.Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, e)
}

func TestRequestsAreObservedAndLoggedWithoutWhatTheyName(t *testing.T) {
	var log bytes.Buffer
	observer := &seen{}
	h := httpapi.NewServer(&scripted{}, authenticate, httpapi.Options{Log: slog.New(slog.NewJSONHandler(&log, nil)),
		Observer: observer, Sample: func(_ [16]byte, caller *trace.Context) bool { return caller == nil || caller.Sampled }})
	ask := func(path, token, parent, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(trace.Header, parent)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	for _, c := range []struct {
		path, token, parent, body string
		want                      httpapi.Exchange
	}{
		{"/v1/query?CANARY", goodToken, parent, `{"name":"CANARY"}`, httpapi.Exchange{Route: "/v1/query", Status: 200}},
		{"/v1/query", "CANARY", "", `{}`, httpapi.Exchange{Route: "/v1/query", Status: 401, Refused: "unauthenticated"}},
		{"/v1/query", goodToken, "", `{`, httpapi.Exchange{Route: "/v1/query", Status: 400, Refused: "invalid"}},
		{"/v1/CANARY", goodToken, "", `{}`, httpapi.Exchange{Route: httpapi.OtherRoute, Status: 404, Refused: "not_found"}},
		{"/healthz", goodToken, "CANARY", `{}`, httpapi.Exchange{Route: "/healthz", Status: 405}},
	} {
		w := ask(c.path, c.token, c.parent, c.body)
		got := observer.all[len(observer.all)-1]
		if got.Route != c.want.Route || got.Status != c.want.Status || got.Refused != c.want.Refused ||
			got.ResponseBytes != int64(w.Body.Len()) || got.Start.IsZero() {
			t.Errorf("%s: %+v, want %+v", c.path, got, c.want)
		}
		answered, ok := trace.Parse(w.Header().Get(trace.Header))
		if !ok || answered.SpanID != got.Trace.SpanID {
			t.Errorf("%s: the answer has the trace %q", c.path, w.Header().Get(trace.Header))
		}
		caller, isValid := trace.Parse(c.parent)
		if isValid && (answered.TraceID != caller.TraceID || answered.Sampled || got.Trace.Parent != caller.SpanID) {
			t.Errorf("%s: the trace %s does not continue %s", c.path, answered, caller)
		}
		if !isValid && !answered.Sampled {
			t.Errorf("%s: the server does not decide about a trace without a parent", c.path)
		}
		if line := `"trace_id":"` + answered.Trace() + `"`; !strings.Contains(log.String(), line) {
			t.Errorf("%s: the log has no %s", c.path, line)
		}
	}
	if observer.began != len(observer.all) || observer.all[0].RequestBytes != int64(len(`{"name":"CANARY"}`)) {
		t.Errorf("%d requests began, %+v ended", observer.began, observer.all)
	}
	if strings.Contains(log.String(), "CANARY") {
		t.Errorf("the log repeats a request: %s", log.String())
	}
}

// TestTheClientWaitsForTheRateLimit makes more requests than the limit, and the client repeats those that are refused.
func TestTheClientWaitsForTheRateLimit(t *testing.T) {
	observer := &seen{}
	server := httptest.NewServer(httpapi.NewServer(&scripted{}, authenticate, httpapi.Options{Observer: observer,
		RateLimit: httpapi.RateLimit{PerSecond: 2, Burst: 2}}))
	t.Cleanup(server.Close)
	var waits int
	c, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: server.URL, Token: goodToken,
		Waiting: func(time.Duration) { waits++ }})
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if _, err := c.Query(context.Background(), backend.Query{}); err != nil {
			t.Error(err)
		}
	}
	refused := 0
	for _, e := range observer.all {
		if e.Status == http.StatusTooManyRequests && e.Refused == "rate_limited" {
			refused++
		}
	}
	if refused == 0 || waits != refused {
		t.Errorf("%d requests were refused, and the client waited %d times", refused, waits)
	}
}
