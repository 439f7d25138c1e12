// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// The test counts the requests to a real server, first with fingerprints and then without them.
func TestPlanSendsFewRequests(t *testing.T) {
	n := 100
	if os.Getenv("POUNCET_TEST_PARTS") != "" {
		n = 1_000
	}
	w := acctest.NewWorkspace(t)
	state := w.StateInMemory()
	path := filepath.Join(t.TempDir(), "data")
	maxSecrets, forbid := 2*n, true
	policy := func(p backend.PolicyChange) backend.Change {
		return backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: "default", Policy: &p}
	}
	change(t, path, policy(backend.PolicyChange{MaxSecrets: &maxSecrets}))
	handler, token := acctest.Serve(t, path)
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handler.ServeHTTP(rw, r)
	}))
	defer server.Close()
	w.Env = append(w.Env, "POUNCET_HOME=", "POUNCET_ENDPOINT="+server.URL, "POUNCET_TOKEN="+token)
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
	w.Write("main.tf", config("value"))
	w.Must("apply", "-input=false", "-auto-approve")
	plan := func(want string) int64 {
		t.Helper()
		requests.Store(0)
		if out := w.Must("plan", "-input=false", "-no-color"); !strings.Contains(out, want) {
			t.Fatalf("the plan does not contain %q:\n%s", want, out[:min(len(out), 2000)])
		}
		return requests.Load()
	}
	const environment = 2 // requests for the environment: one read and one dry run
	if got := plan("No changes"); got > 5+environment {
		t.Errorf("a plan with fingerprints sends %d requests, want at most %d", got, 5+environment)
	}
	managed := state.Get()
	state.Set(nil)
	w.Write("import.tf", fmt.Sprintf(`
import {
  to = pouncet_environment.e
  id = "dev"
}
import {
  for_each = range(%d)
  to       = pouncet_secret.s[each.key]
  id       = "dev/s${each.key}"
}`, n))
	if got := plan(fmt.Sprintf("%d to import", n+1)); got > 10 {
		t.Errorf("importing %d secrets sends %d requests, want at most 10", n, got)
	}
	w.Write("import.tf", importByID(t, managed))
	if got := plan(fmt.Sprintf("%d to import", n+1)); got > 25 {
		t.Errorf("importing %d secrets by id sends %d requests, want at most 25", n, got)
	}
	state.Set(managed)
	w.Write("import.tf", "")
	change(t, path, policy(backend.PolicyChange{ForbidFingerprints: &forbid}))
	if got := plan("No changes"); got > int64(n)+5+environment {
		t.Errorf("a plan without fingerprints sends %d requests, want at most %d", got, n+5+environment)
	}
	w.Write("main.tf", config("another"))
	if got := plan(fmt.Sprintf("%d to change", n)); got > int64(n)+5+environment {
		t.Errorf("a plan of %d new values sends %d requests, want at most %d", n, got, n+5+environment)
	}
}

// importByID returns import blocks, for all objects of a state, with ids as a generated configuration has them.
func importByID(t *testing.T, state []byte) string {
	t.Helper()
	var objects struct {
		Resources []struct {
			Type, Name string
			Instances  []struct {
				Index      *int `json:"index_key"`
				Attributes struct{ ID string }
			}
		}
	}
	if err := json.Unmarshal(state, &objects); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, r := range objects.Resources {
		for _, i := range r.Instances {
			address := r.Type + "." + r.Name
			if i.Index != nil {
				address += fmt.Sprintf("[%d]", *i.Index)
			}
			fmt.Fprintf(&out, "import {\n  to = %s\n  id = %q\n}\n", address, i.Attributes.ID)
		}
	}
	return out.String()
}
