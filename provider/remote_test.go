package provider_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

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
