// SPDX-License-Identifier: MPL-2.0

package telemetry

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// scrape returns the metrics that a collector gets.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(func(context.Context) error { return nil }).ServeHTTP(w,
		httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestMetrics(t *testing.T) {
	m := NewMetrics("1.2.3")
	for range 2 {
		m.Began()
	}
	m.Ended(httpapi.Exchange{Route: "/v1/query", Status: 403, Refused: "denied", Duration: 3 * time.Millisecond,
		RequestBytes: 10, ResponseBytes: 20})
	m.Called(t.Context(), "Decrypt", time.Now(), nil)
	m.Called(t.Context(), "Decrypt", time.Now(), backend.Errorf(backend.CodeUnavailable, "CANARY"))
	m.Called(t.Context(), "Encrypt", time.Now(), errors.New("CANARY"))
	var cache backend.CacheCount
	var commits backend.CommitCount
	m.Cache("key", &cache)
	m.Commits("reads", &commits)
	cache.Count(true)
	cache.Count(false)
	cache.Count(true)
	commits.Count(5)
	commits.Count(2)
	text := scrape(t, m)
	for _, line := range []string{
		`pouncet_build_info{version="1.2.3",goversion="go`,
		"pouncet_http_requests_in_flight 1\n",
		`pouncet_http_requests_total{route="/v1/query",code="403"} 1` + "\n",
		`pouncet_http_refusals_total{reason="denied"} 1` + "\n",
		`pouncet_http_request_bytes_total{route="/v1/query"} 10` + "\n",
		`pouncet_http_response_bytes_total{route="/v1/query"} 20` + "\n",
		`pouncet_http_request_duration_seconds_bucket{route="/v1/query",le="0.0025"} 0` + "\n",
		`pouncet_http_request_duration_seconds_bucket{route="/v1/query",le="0.005"} 1` + "\n",
		`pouncet_kms_requests_total{operation="Decrypt",outcome="ok"} 1` + "\n",
		`pouncet_kms_requests_total{operation="Decrypt",outcome="unavailable"} 1` + "\n",
		`pouncet_kms_requests_total{operation="Encrypt",outcome="error"} 1` + "\n",
		`pouncet_kms_request_duration_seconds_count{operation="Decrypt"} 2` + "\n",
		`pouncet_cache_lookups_total{cache="key",outcome="hit"} 2` + "\n",
		`pouncet_cache_lookups_total{cache="key",outcome="miss"} 1` + "\n",
		`pouncet_commits_total{log="reads"} 2` + "\n",
		`pouncet_committed_calls_total{log="reads"} 7` + "\n",
		"go_goroutines ", "process_resident_memory_bytes ",
		"# TYPE pouncet_http_requests_total counter\n", "# TYPE pouncet_http_request_duration_seconds histogram\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("the metrics have no %q", line)
		}
	}
	if strings.Contains(text, "CANARY") {
		t.Error("the metrics hold the text of an error")
	}
	for family := range strings.Lines(text) { // each is described once
		if strings.HasPrefix(family, "# TYPE pouncet_") && strings.Count(text, family) != 1 {
			t.Errorf("%q is there %d times", family, strings.Count(text, family))
		}
	}
	// The names follow https://prometheus.io/docs/practices/naming/: base units, and counters end in _total.
	name := regexp.MustCompile(`(?m)^# TYPE (pouncet_\S+) (\w+)$`)
	for _, match := range name.FindAllStringSubmatch(text, -1) {
		if isCounter := match[2] == "counter"; isCounter != strings.HasSuffix(match[1], "_total") {
			t.Errorf("%s is a %s", match[1], match[2])
		}
	}
}

func TestMetricsOfHealth(t *testing.T) {
	var problem error
	health := httpapi.NewHealth(t.Context(), func(context.Context) ([]error, error) {
		if problem == nil {
			return nil, nil
		}
		return []error{problem}, problem
	}, func(_, _ []error) {})
	m := NewMetrics("dev")
	m.Health(health)
	text := scrape(t, m)
	if !strings.Contains(text, "pouncet_ready 1\n") || !strings.Contains(text, "pouncet_problems 0\n") {
		t.Error(text)
	}
	problem = errors.New("CANARY")
	health = httpapi.NewHealth(t.Context(), func(context.Context) ([]error, error) {
		return []error{problem}, problem
	}, func(_, _ []error) {})
	m = NewMetrics("dev")
	m.Health(health)
	text = scrape(t, m)
	if !strings.Contains(text, "pouncet_ready 0\n") || !strings.Contains(text, "pouncet_problems 1\n") {
		t.Error(text)
	}
	w := httptest.NewRecorder()
	m.Handler(health.Ready).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	if w.Code != http.StatusServiceUnavailable || w.Body.String() != `{"status":"not ready"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestProfilesAreForThisMachine(t *testing.T) {
	for address, allowed := range map[string]bool{"0": true, "127.0.0.1:0": true, "0.0.0.0:0": false, ":0": false} {
		l, err := ListenOnLoopback(t.Context(), "--pprof-listen", address)
		if (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
		if err == nil {
			_ = l.Close()
		}
	}
	for host, code := range map[string]int{
		"localhost:6060": 200, "127.0.0.1": 200, "[::1]:6060": 200, "example.com": 403,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/pprof/cmdline", nil)
		r.Host = host
		w := httptest.NewRecorder()
		Profiles().ServeHTTP(w, r)
		if w.Code != code {
			t.Errorf("host %s: status %d", host, w.Code)
		}
	}
}
