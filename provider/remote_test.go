// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// TestOverHTTP drives the provider against a server, one that every now and
// then answers 503 or hangs up before it does what it was asked.
func TestOverHTTP(t *testing.T) {
	b := acctest.New(t)
	proper, good := acctest.Serve(t, b.Path)
	var requests, faults atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := requests.Add(1); {
		case n%5 == 2:
			faults.Add(1)
			w.Header().Set("Retry-After", "0")
			http.Error(w, "later", http.StatusServiceUnavailable)
		case n%5 == 4:
			// The change is made, and the answer lost: the client asks again.
			faults.Add(1)
			proper.ServeHTTP(httptest.NewRecorder(), r)
			if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_ = c.Close()
			}
		default:
			proper.ServeHTTP(w, r)
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
	acctest.Run(t,
		resource.TestStep{Config: config(good, "one"), Check: resource.TestCheckResourceAttr("pouncet_secret.s", "version", "1")},
		resource.TestStep{Config: config(good, "one"), ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}},
		resource.TestStep{Config: config(good, "two"), Check: resource.TestCheckResourceAttr("pouncet_secret.s", "version", "2")},
		resource.TestStep{Config: config("pnct_wrong", "two"), ExpectError: regexp.MustCompile(`(?s)unauthenticated.*cut\s+or\s+mistyped`)},
		resource.TestStep{Config: config(good, "two")},
	)
	if faults.Load() < 5 {
		t.Errorf("%d faults in %d requests: the test tested little", faults.Load(), requests.Load())
	}
}

// TestServersThatDoNotAnswer names what a server does that does not do its
// part, once the retries are used up, and shows nothing of what it was told.
func TestServersThatDoNotAnswer(t *testing.T) {
	const canary = "CANARY-e02b"
	hang := make(chan struct{})
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"429":     {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusTooManyRequests) }, `status\s+429`},
		"500":     {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusInternalServerError) }, `status\s+500`},
		"garbage": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>" + canary)) }, `not\s+Pouncet's`},
		"half a body": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"objects":[{"name":"` + canary))
		}, `half\s+a\s+body`},
		"hangs": {func(http.ResponseWriter, *http.Request) { <-hang }, `longer\s+than\s+its\s+timeout|cannot\s+be\s+reached`},
	} {
		t.Run(name, func(t *testing.T) {
			acctest.New(t)
			server := httptest.NewServer(c.answer)
			defer server.Close()
			if name == "hangs" {
				defer close(hang)
			}
			config := fmt.Sprintf(`
provider "pouncet" {
  endpoint        = %q
  token           = "pnct_x"
  max_retries     = 1
  request_timeout = "300ms"
}
resource "pouncet_secret" "s" {
  name        = "s"
  environment = "dev"
  value_wo    = "canary-value"
  timeouts    = { read = "5s", create = "5s" }
}`, server.URL)
			acctest.Run(t, resource.TestStep{Config: config, PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)Planning the secret.*(` + c.says + `)`)})
		})
	}
}

// TestACancelledApplyLeavesOldOrNew interrupts applies of many secrets at
// different moments: each secret is then as before or as it should be, and the next apply completes it.
func TestACancelledApplyLeavesOldOrNew(t *testing.T) {
	w := acctest.NewWorkspace(t)
	path := filepath.Join(t.TempDir(), "data")
	acctest.New(t) // no variable of the caller's
	const n = 60
	config := func(value string) string {
		return fmt.Sprintf(`
terraform {
  required_providers { pouncet = { source = "pouncet/pouncet" } }
}
resource "pouncet_environment" "e" { name = "dev" }
resource "pouncet_secret" "s" {
  count       = %d
  environment = pouncet_environment.e.name
  name        = "s${count.index}"
  value_wo    = "%s ${count.index}"
}`, n, value)
	}
	w.Env = append(w.Env, "POUNCET_HOME="+path)
	apply := []string{"apply", "-input=false", "-auto-approve", "-no-color"}
	w.Write("main.tf", config("old"))
	w.Must(apply...)
	cut := 0
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
			cut++
		}
		values := valuesOf(t, path, n)
		for i, got := range values {
			if !strings.HasPrefix(got, "old ") && !strings.HasPrefix(got, "new") || !strings.HasSuffix(got, fmt.Sprintf(" %d", i)) {
				t.Errorf("after an interrupted apply s%d is neither old nor new", i)
			}
		}
	}
	if cut == 0 {
		t.Error("no apply was interrupted: the test tested nothing")
	}
	w.Must(apply...)
	for i, got := range valuesOf(t, path, n) {
		if got != fmt.Sprintf("new45 %d", i) {
			t.Errorf("after the last apply s%d is not what was configured", i)
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
		refs[i] = backend.Ref{Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: fmt.Sprintf("s%d", i)}
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
