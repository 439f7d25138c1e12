// SPDX-License-Identifier: MPL-2.0

package collector

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// collect starts the receiver of the collector, and returns its URL and what it receives.
func collect(t *testing.T) (string, *consumertest.TracesSink) {
	t.Helper()
	address := free(t)
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	settings := confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{"http": map[string]any{
		"endpoint": address}}})
	if err := settings.Unmarshal(config); err != nil {
		t.Fatal(err)
	}
	sink := &consumertest.TracesSink{}
	r, err := factory.CreateTraces(t.Context(), receivertest.NewNopSettings(factory.Type()), config, sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, r) })
	return "http://" + address, sink
}

func stop(t *testing.T, r component.Component) {
	if err := r.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// pouncet returns the path of the program.
func pouncet(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("POUNCET_TEST_PROGRAMS"); dir != "" {
		return filepath.Join(dir, "pouncet")
	}
	program := filepath.Join(t.TempDir(), "pouncet")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", program, "./cmd/pouncet")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// The texts that no span may hold.
const (
	value       = "CANARY-value"
	secret      = "canary_secret"
	environment = "canary-environment"
	project     = "canary-project"
	tokenName   = "canary-token"
)

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	parent  = "00f067aa0ba902b7"
)

// TestTracesOfAServer lets a server send its traces to the collector. It looks at the spans of one trace, and searches
// all of them for values, names and tokens.
func TestTracesOfAServer(t *testing.T) {
	endpoint, sink := collect(t)
	program, address := pouncet(t), free(t)
	base := []string{"PATH=" + os.Getenv("PATH"), "POUNCET_HOME=" + filepath.Join(t.TempDir(), "data")}
	run := func(environ []string, input string, args ...string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), program, args...)
		c.Env, c.Stdin = append(base, environ...), strings.NewReader(input)
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	run(nil, "", "init")
	admin := run(nil, "", "token", "create", "--role", "admin", "--name", tokenName+"-2")
	run(nil, "", "project", "set", project)
	run(nil, "", "env", "set", environment, "--project", project)
	run(nil, value, "secret", "set", secret, "--env", environment, "--project", project, "--stdin")
	token := run(nil, "", "token", "create", "--role", "runtime", "--name", tokenName)

	server := exec.CommandContext(t.Context(), program, "server", "--listen", address, "--quiet")
	server.Env = append(base, "OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint, "OTEL_SERVICE_NAME=shop",
		"OTEL_EXPORTER_OTLP_HEADERS=api-key=CANARY-key")
	var log bytes.Buffer
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	for {
		if r, err := http.Get("http://" + address + "/readyz"); err == nil {
			_ = r.Body.Close()
			break
		}
	}
	client := []string{"POUNCET_ENDPOINT=http://" + address, "POUNCET_TOKEN=" + token, "POUNCET_HOME=",
		"TRACEPARENT=00-" + traceID + "-" + parent + "-01"}
	if got := run(client, "", "resolve", secret, "--env", environment, "--project", project); got != value {
		t.Fatalf("the value is %q", got)
	}
	// A new environment needs a key.
	client[1] = "POUNCET_TOKEN=" + admin
	run(client, "", "env", "set", environment+"-2", "--project", project)
	// Requests that are refused, whose paths, tokens and bodies hold other texts.
	for _, path := range []string{"/v1/resolve-one", "/v1/CANARY-path?CANARY-query", "/v1/apply"} {
		for _, bearer := range []string{token, "CANARY-bearer"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path,
				strings.NewReader(`{"project":"CANARY-body","name":"CANARY-body"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+bearer)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("User-Agent", "CANARY-agent")
			r.Header.Set("Tracestate", "canary=CANARY-state")
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		}
	}
	// A server that stops sends what it has.
	if err := server.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	t.Log(log.String())

	marshaler := ptrace.JSONMarshaler{}
	spans := map[string]ptrace.Span{}
	all := 0
	for _, batch := range sink.AllTraces() {
		text, err := marshaler.MarshalTraces(batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, canary := range []string{"CANARY", secret, environment, project, tokenName, token, admin} {
			if bytes.Contains(text, []byte(canary)) {
				t.Errorf("a span holds %q: %s", canary, text)
			}
		}
		for _, r := range batch.ResourceSpans().All() {
			if name, _ := r.Resource().Attributes().Get("service.name"); name.Str() != "shop" {
				t.Errorf("the service has the name %q", name.Str())
			}
			for _, scope := range r.ScopeSpans().All() {
				for _, s := range scope.Spans().All() {
					all++
					if s.TraceID().String() == traceID {
						spans[s.Name()] = s
					}
					if s.EndTimestamp() < s.StartTimestamp() || s.Name() == "" || s.TraceID().IsEmpty() ||
						s.SpanID().IsEmpty() {
						t.Errorf("the span %+v is not complete", s)
					}
				}
			}
		}
	}
	t.Logf("%d spans", all)
	for name, want := range map[string]struct {
		above string
		kind  ptrace.SpanKind
	}{
		"POST /v1/resolve":    {"", ptrace.SpanKindServer},
		"engine.resolve":      {"POST /v1/resolve", ptrace.SpanKindInternal},
		"store.view":          {"", ptrace.SpanKindInternal},
		"POST /v1/apply":      {"", ptrace.SpanKindServer},
		"engine.apply":        {"POST /v1/apply", ptrace.SpanKindInternal},
		"store.update":        {"", ptrace.SpanKindInternal},
		"kms.GenerateDataKey": {"engine.apply", ptrace.SpanKindClient},
		"audit.record":        {"POST /v1/resolve", ptrace.SpanKindInternal},
	} {
		s, ok := spans[name]
		if !ok {
			t.Errorf("the span %s is missing", name)
			continue
		}
		if s.Kind() != want.kind {
			t.Errorf("%s has the kind %s", name, s.Kind())
		}
		if want.above != "" && s.ParentSpanID() != spans[want.above].SpanID() {
			t.Errorf("%s is not below %s", name, want.above)
		}
		if s.Status().Code() != ptrace.StatusCodeUnset {
			t.Errorf("%s has the status %s", name, s.Status().Code())
		}
	}
	request, ok := spans["POST /v1/resolve"]
	if !ok {
		return
	}
	if id := request.ParentSpanID(); hex.EncodeToString(id[:]) != parent {
		t.Errorf("the request is below %s", id)
	}
	for name, want := range map[string]string{"http.request.method": "POST", "http.route": "/v1/resolve",
		"url.path": "/v1/resolve", "url.scheme": "http", "http.response.status_code": "200"} {
		if got, _ := request.Attributes().Get(name); fmt.Sprint(got.AsString()) != want {
			t.Errorf("%s is %q, want %q", name, got.AsString(), want)
		}
	}
}
