// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// TestAPlanCostsAHandfulOfRequests counts what a plan of a thousand unchanged
// secrets asks a real server, and what it asks where fingerprints are forbidden.
func TestAPlanCostsAHandfulOfRequests(t *testing.T) {
	const n = 1_000
	w := acctest.NewWorkspace(t)
	path := filepath.Join(t.TempDir(), "data")
	most := 2 * n
	apply := func(changes ...backend.Change) {
		t.Helper()
		b, err := open.Open(context.Background(), open.Config{Path: path, CreateIfAbsent: true})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if _, err := b.Apply(context.Background(), backend.ChangeSet{Changes: changes}); err != nil {
			t.Fatal(err)
		}
	}
	policy := func(p backend.PolicyChange) backend.Change {
		return backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: "default", Policy: &p}
	}
	apply(policy(backend.PolicyChange{MaxSecrets: &most}))
	handler, token := acctest.Serve(t, path)
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handler.ServeHTTP(rw, r)
	}))
	defer server.Close()
	w.Env = append(w.Env, "POUNCET_HOME=", "POUNCET_ENDPOINT="+server.URL, "POUNCET_TOKEN="+token)
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
	w.Write("main.tf", config("value"))
	w.Must("apply", "-input=false", "-auto-approve")
	plan := func(want string) int64 {
		t.Helper()
		requests.Store(0)
		if out := w.Must("plan", "-input=false", "-no-color"); !strings.Contains(out, want) {
			t.Fatalf("the plan does not say %q:\n%s", want, out[:min(len(out), 2000)])
		}
		return requests.Load()
	}
	// Beside the secrets there is the environment, which is read and asked about by itself.
	if got := plan("No changes"); got > 5+2 {
		t.Errorf("%d requests, want 5 at most, and 2 for the environment", got)
	}
	yes := true
	apply(policy(backend.PolicyChange{ForbidFingerprints: &yes}))
	if got := plan("No changes"); got > n/10+5+2 {
		t.Errorf("%d requests without fingerprints, want %d at most, and 2 for the environment", got, n/10+5)
	}
	w.Write("main.tf", config("another"))
	if got := plan(fmt.Sprintf("%d to change", n)); got > n/10+5+2 {
		t.Errorf("%d requests for %d new values, want %d at most", got, n, n/10+5)
	}
}
