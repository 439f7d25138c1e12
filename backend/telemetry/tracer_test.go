// SPDX-License-Identifier: MPL-2.0

package telemetry

import (
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/trace"
)

// variables returns a lookup of variables.
func variables(pairs ...string) func(string) string {
	all := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return all[name] }
}

func TestTraceSettings(t *testing.T) {
	const base, traces = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	for _, c := range []struct {
		variables []string
		endpoint  string // "" for off
		problem   string
	}{
		{nil, "", ""},
		{[]string{base, "http://c:4318"}, "http://c:4318/v1/traces", ""},
		{[]string{base, "https://c/prefix/"}, "https://c/prefix/v1/traces", ""},
		{[]string{traces, "http://c:4318"}, "http://c:4318/", ""},
		{[]string{base, "http://a", traces, "http://c/x"}, "http://c/x", ""},
		{[]string{base, "http://c", "OTEL_TRACES_EXPORTER", "none"}, "", ""},
		{[]string{base, "http://c", "OTEL_TRACES_EXPORTER", "otlp"}, "http://c/v1/traces", ""},
		{[]string{base, "http://c", "OTEL_SDK_DISABLED", "TRUE"}, "", ""},
		{[]string{base, "http://c", "OTEL_SDK_DISABLED", "False"}, "http://c/v1/traces", ""},
		{[]string{base, "http://c", "OTEL_SDK_DISABLED", "yes"}, "", `OTEL_SDK_DISABLED "yes" is not supported; write true`},
		{[]string{base, "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"}, "http://c/v1/traces", ""},
		{[]string{base, "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, "",
			`OTEL_EXPORTER_OTLP_PROTOCOL "grpc" is not supported; use http/protobuf`},
		{[]string{base, "http://c", "OTEL_TRACES_EXPORTER", "zipkin"}, "", `OTEL_TRACES_EXPORTER "zipkin"`},
		{[]string{base, "c:4318"}, "", base + " is not the URL of a collector"},
		{[]string{base, "http://user:CANARY@c"}, "", base + " is not the URL of a collector"},
		{[]string{base, "http://c", "OTEL_EXPORTER_OTLP_HEADERS", "CANARY"}, "", "OTEL_EXPORTER_OTLP_HEADERS is not valid"},
		{[]string{base, "http://c", "OTEL_EXPORTER_OTLP_HEADERS", "a=CANARY%0A"}, "",
			"OTEL_EXPORTER_OTLP_HEADERS is not valid"},
		{[]string{base, "http://c", "OTEL_EXPORTER_OTLP_TIMEOUT", "1s"}, "", `OTEL_EXPORTER_OTLP_TIMEOUT "1s"`},
		{[]string{base, "http://c", "OTEL_EXPORTER_OTLP_CLIENT_KEY", "k"}, "", "without its private key"},
		{[]string{base, "http://c", "OTEL_TRACES_SAMPLER", "jaeger_remote"}, "", `OTEL_TRACES_SAMPLER "jaeger_remote"`},
		{[]string{base, "http://c", "OTEL_TRACES_SAMPLER", "traceidratio", "OTEL_TRACES_SAMPLER_ARG", "2"}, "",
			`OTEL_TRACES_SAMPLER_ARG "2"`},
		{[]string{base, "http://c", "OTEL_RESOURCE_ATTRIBUTES", "a"}, "", "OTEL_RESOURCE_ATTRIBUTES is not valid"},
	} {
		s, on, err := TraceSettingsFrom(variables(c.variables...), "1")
		switch {
		case c.problem != "":
			if err == nil || !strings.Contains(err.Error(), c.problem) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%q: %v", c.variables, err)
			}
		case err != nil || on != (c.endpoint != "") || s.Endpoint != c.endpoint:
			t.Errorf("%q: %q, %v, %v", c.variables, s.Endpoint, on, err)
		}
	}
	s, _, err := TraceSettingsFrom(variables(base, "http://c", "OTEL_EXPORTER_OTLP_HEADERS", "a=1, b = x%2Cy",
		"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "250", "OTEL_RESOURCE_ATTRIBUTES", "service.name=a,team=b%20c",
		"OTEL_SERVICE_NAME", "shop"), "1.2.3")
	if err != nil || s.Headers["a"] != "1" || s.Headers["b"] != "x,y" || s.Timeout != 250*time.Millisecond {
		t.Errorf("%+v, %v", s, err)
	}
	resource := map[string]string{}
	for _, a := range s.Resource {
		resource[a.Name] = a.Text
	}
	if resource["service.name"] != "shop" || resource["service.version"] != "1.2.3" || resource["team"] != "b c" ||
		resource["service.instance.id"] == "" {
		t.Errorf("%v", resource)
	}
}

func TestSamplers(t *testing.T) {
	yes, no := trace.New(true), trace.New(false)
	for _, c := range []struct {
		name, argument     string
		alone, above, none bool // without a caller, below one that records and below one that does not
	}{
		{"", "", true, true, false},
		{"always_on", "", true, true, true},
		{"always_off", "", false, false, false},
		{"parentbased_always_off", "", false, true, false},
		{"parentbased_traceidratio", "0", false, true, false},
		{"traceidratio", "1", true, true, true},
		{"traceidratio", "", true, true, true},
	} {
		s, err := sampler(c.name, c.argument)
		if err != nil {
			t.Fatal(err)
		}
		if s(yes.TraceID, nil) != c.alone || s(yes.TraceID, &yes) != c.above || s(no.TraceID, &no) != c.none {
			t.Errorf("%s %s differs", c.name, c.argument)
		}
	}
	// A quarter of all traces, by the same numbers as the SDKs.
	s, err := sampler("traceidratio", "0.25")
	if err != nil {
		t.Fatal(err)
	}
	for first, want := range map[byte]bool{0: true, 0x3f: true, 0x40: false, 0xff: false} {
		if got := s([16]byte{8: first, 9: 0xff}, nil); got != want {
			t.Errorf("a trace with the byte %x is recorded: %v", first, got)
		}
	}
}

// answers is a collector that answers with one status after the other, and then with 200.
type answers struct {
	mu       sync.Mutex
	statuses []int
	bodies   [][]byte
	header   http.Header
	reply    []byte
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	a.bodies, a.header = append(a.bodies, body), r.Header
	if len(a.statuses) > 0 {
		if a.statuses[0] >= 300 && a.statuses[0] < 400 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(a.statuses[0])
		a.statuses = a.statuses[1:]
		return
	}
	_, _ = w.Write(a.reply)
}

// tracer returns a Tracer that sends to a collector without waiting, and the errors that it reports.
func tracer(t *testing.T, url string, pairs ...string) (*Tracer, *[]string) {
	t.Helper()
	s, _, err := TraceSettingsFrom(variables(append(pairs, "OTEL_EXPORTER_OTLP_ENDPOINT", url)...), "1")
	if err != nil {
		t.Fatal(err)
	}
	s.batchDelay, s.firstRetry = time.Hour, time.Nanosecond
	var reported []string
	tr, err := NewTracer(s, func(err error) { reported = append(reported, err.Error()) })
	if err != nil {
		t.Fatal(err)
	}
	return tr, &reported
}

// keep sends n spans and waits until the Tracer has ended.
func keep(t *testing.T, tr *Tracer, n int) {
	t.Helper()
	for range n {
		tr.Record(trace.Span{Context: trace.New(true), Name: "x", Kind: trace.Internal})
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	tr.Keep(ctx)
}

func TestSpansAreSentAndCounted(t *testing.T) {
	for _, c := range []struct {
		name                   string
		statuses               []int
		reply                  []byte
		attempts               int
		sent, failed, rejected int64
	}{
		{"received", nil, nil, 1, 3, 0, 0},
		{"busy at first", []int{503, 429, 502}, nil, 4, 3, 0, 0},
		{"always busy", []int{503, 503, 503, 503, 503}, nil, exportAttempts, 0, 3, 0},
		{"refused", []int{400}, nil, 1, 0, 3, 0},
		{"not found", []int{404}, nil, 1, 0, 3, 0},
		{"elsewhere", []int{302}, nil, 1, 0, 3, 0},
		{"partly rejected", nil, message{}.bytes(1, message{}.varint(1, 2).text(2, "why")), 1, 1, 0, 2},
		{"wrong reply", nil, []byte("<html>"), 1, 3, 0, 0},
		{"too many rejected", nil, message{}.bytes(1, message{}.varint(1, 1<<63)), 1, 0, 0, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &answers{statuses: c.statuses, reply: c.reply}
			server := httptest.NewServer(a)
			defer server.Close()
			tr, reported := tracer(t, server.URL, "OTEL_EXPORTER_OTLP_HEADERS", "api-key=CANARY")
			keep(t, tr, 3)
			if len(a.bodies) != c.attempts || tr.sent.Load() != c.sent || tr.failed.Load() != c.failed ||
				tr.rejected.Load() != c.rejected {
				t.Errorf("%d attempts, %d sent, %d failed, %d rejected", len(a.bodies), tr.sent.Load(), tr.failed.Load(),
					tr.rejected.Load())
			}
			if a.header.Get("Api-Key") != "CANARY" || a.header.Get("Content-Type") != "application/x-protobuf" {
				t.Errorf("the headers are %v", a.header)
			}
			if (len(*reported) > 0) != (c.failed > 0) || strings.Contains(strings.Join(*reported, ""), "CANARY") {
				t.Errorf("reported %q", *reported)
			}
		})
	}
}

// TestASlowCollectorBlocksNoCall fills the queue of a Tracer that sends nothing.
func TestASlowCollectorBlocksNoCall(t *testing.T) {
	tr, _ := tracer(t, "http://127.0.0.1:1")
	for range maxQueuedSpans + 5 {
		tr.Record(trace.Span{})
	}
	if n := tr.queueFull.Load(); n != 5 {
		t.Errorf("%d spans were dropped", n)
	}
	m := NewMetrics("dev")
	m.Traces(tr)
	if text := scrape(t, m); !strings.Contains(text, `pouncet_trace_spans_total{outcome="queue_full"} 5`+"\n") {
		t.Error(text)
	}
}

func TestTracesOverTLS(t *testing.T) {
	a := &answers{}
	server := httptest.NewTLSServer(a)
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE",
		Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	tr, _ := tracer(t, server.URL, "OTEL_EXPORTER_OTLP_CERTIFICATE", ca)
	keep(t, tr, 1)
	if tr.sent.Load() != 1 {
		t.Errorf("%d spans were sent", tr.sent.Load())
	}
	tr, reported := tracer(t, server.URL) // does not trust the certificate
	keep(t, tr, 1)
	if tr.sent.Load() != 0 || len(*reported) != 1 {
		t.Errorf("%d spans were sent; %q", tr.sent.Load(), *reported)
	}
}

func TestProbesHaveNoTraces(t *testing.T) {
	tr, _ := tracer(t, "http://127.0.0.1:1")
	alone := trace.New(true)
	tr.Ended(httpapi.Exchange{Method: "GET", Route: "/readyz", Status: 200, Trace: alone})
	if len(tr.queue) != 0 {
		t.Error("a probe has a span")
	}
	tr.Ended(httpapi.Exchange{Method: "GET", Route: "/readyz", Status: 200, Trace: alone.Child()})
	tr.Ended(httpapi.Exchange{Method: "POST", Route: httpapi.OtherRoute, Status: 404, Refused: "not_found", Trace: alone})
	if len(tr.queue) != 2 {
		t.Fatalf("%d spans", len(tr.queue))
	}
	<-tr.queue
	s := <-tr.queue
	if s.Name != "POST" || s.ErrorType != "not_found" || s.Failed {
		t.Errorf("%+v", s)
	}
}
