// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// Of five requests, the server answers one with status 503, and closes the connection of another after it made the
// change.
func TestApplySucceedsOverAnUnreliableServer(t *testing.T) {
	b := acctest.New(t)
	handler, token := acctest.Serve(t, b.Path)
	var requests, faults atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := requests.Add(1); {
		case n%5 == 2:
			faults.Add(1)
			w.Header().Set("Retry-After", "0")
			http.Error(w, "later", http.StatusServiceUnavailable)
		case n%5 == 4:
			// The answer is lost, so that the client repeats a change that was already made.
			faults.Add(1)
			handler.ServeHTTP(httptest.NewRecorder(), r)
			if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_ = c.Close()
			}
		default:
			handler.ServeHTTP(w, r)
		}
	}))
	defer server.Close()

	config := func(token, value string) string {
		return fmt.Sprintf(`
provider "pouncet" {
  endpoint = %q
  token    = %q
}
resource "pouncet_environment" "e" { name = "staging" }
resource "pouncet_secret" "s" {
  name        = "s"
  environment = pouncet_environment.e.name
  value_wo    = %q
}`, server.URL, token, value)
	}
	version := func(v string) statecheck.StateCheck {
		return acctest.Attr("pouncet_secret.s", "version", v)
	}
	acctest.Run(t,
		acctest.Step{Config: config(token, "one"), StateChecks: acctest.Checks(version("1"))},
		acctest.Step{
			Config: config(token, "one"), PlanOnly: true,
		},
		acctest.Step{Config: config(token, "two"), StateChecks: acctest.Checks(version("2"))},
		acctest.Step{
			Config:      config("pnct_wrong", "two"),
			ExpectError: regexp.MustCompile(`(?s)unauthenticated.*cut\s+off\s+or\s+mistyped`),
		},
		acctest.Step{Config: config(token, "two")},
	)
	if faults.Load() < 5 {
		t.Errorf("only %d of %d requests had a fault", faults.Load(), requests.Load())
	}
}

// After the retries, the error says what the server did. It contains nothing of the response.
func TestPlanReportsWhatTheServerDoesWrong(t *testing.T) {
	const canary = "CANARY-e02b"
	hang := make(chan struct{})
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, code) }
	}
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		pattern string
	}{
		"status 429": {status(http.StatusTooManyRequests), `status\s+429`},
		"status 500": {status(http.StatusInternalServerError), `status\s+500`},
		"an answer in HTML": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html>" + canary))
		}, `not\s+from\s+Pouncet`},
		"incomplete body": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"objects":[{"name":"` + canary))
		}, `incomplete\s+body`},
		"no answer": {func(http.ResponseWriter, *http.Request) {
			<-hang
		}, `does\s+not\s+answer:\s+2\s+attempts\s+of\s+300ms`},
	} {
		t.Run(name, func(t *testing.T) {
			acctest.New(t)
			server := httptest.NewServer(c.answer)
			defer server.Close()
			timeout := "30s"
			if name == "no answer" {
				timeout = "300ms"
				defer close(hang)
			}
			config := fmt.Sprintf(`
provider "pouncet" {
  endpoint        = %q
  token           = "pnct_x"
  max_retries     = 1
  request_timeout = %q
}
resource "pouncet_secret" "s" {
  name        = "s"
  environment = "dev"
  value_wo    = "canary-value"
  timeouts    = { read = "60s", create = "60s" }
}`, server.URL, timeout)
			acctest.Run(t, acctest.Step{
				Config: config, PlanOnly: true,
				ExpectError: regexp.MustCompile(`(?s)Planning the secret.*(` + c.pattern + `)`),
			})
		})
	}
}

// The next apply completes what the interrupted ones left.
func TestInterruptedApplyLeavesEachSecretOldOrNew(t *testing.T) {
	w := acctest.NewWorkspace(t)
	w.Init()
	path := w.Data()
	acctest.New(t) // unsets the environment variables of the caller
	const n = 60
	config := func(value string) string {
		return acctest.RequiredProviders + fmt.Sprintf(`
resource "pouncet_environment" "e" { name = "dev" }
resource "pouncet_secret" "s" {
  count       = %d
  environment = pouncet_environment.e.name
  name        = "s${count.index}"
  value_wo    = "%s ${count.index}"
}`, n, value)
	}
	apply := []string{"apply", "-input=false", "-auto-approve", "-no-color"}
	w.Write("main.tf", config("old"))
	w.Must(apply...)
	interrupted := 0
	for _, after := range []int{1, 20, 45} {
		value := fmt.Sprintf("new%d", after)
		w.Write("main.tf", config(value))
		cmd := w.Command(apply...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), "Modifications complete") {
				if done++; done == after {
					_ = cmd.Process.Signal(os.Interrupt)
				}
			}
		}
		if err := cmd.Wait(); err != nil {
			interrupted++
		}
		values := valuesOf(t, path, n)
		for i, got := range values {
			isOldOrNew := strings.HasPrefix(got, "old ") || strings.HasPrefix(got, "new")
			if !isOldOrNew || !strings.HasSuffix(got, fmt.Sprintf(" %d", i)) {
				t.Errorf("after an interrupted apply, s%d has neither the old nor the new value", i)
			}
		}
	}
	if interrupted == 0 {
		t.Error("no apply was interrupted")
	}
	w.Must(apply...)
	for i, got := range valuesOf(t, path, n) {
		if got != fmt.Sprintf("new45 %d", i) {
			t.Errorf("after the last apply, s%d does not have the configured value", i)
		}
	}
}

func valuesOf(t *testing.T, path string, n int) []string {
	t.Helper()
	b, err := open.Open(context.Background(), open.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	refs := make([]backend.Ref, n)
	for i := range refs {
		refs[i] = backend.Ref{
			Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: fmt.Sprintf("s%d", i),
		}
	}
	out, err := b.Resolve(context.Background(), refs)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]string, n)
	for i, r := range out {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		values[i] = string(r.Value.Expose())
	}
	return values
}
