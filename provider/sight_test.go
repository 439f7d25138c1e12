// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// A token that has rights in another project sees nothing of this one. Terraform must not take its objects for deleted:
// they would leave the state, and a destroy would succeed.
func TestTokenThatDoesNotSeeTheProject(t *testing.T) {
	w := acctest.NewWorkspace(t)
	b := acctest.New(t)
	handler, admin := acctest.Serve(t, b.Path)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	environment := append(w.Env, "POUNCET_ENDPOINT="+server.URL)
	use := func(token string) { w.Env = append(slices.Clip(environment), "POUNCET_TOKEN="+token) }
	shop := acctest.RequiredProviders + `
provider "pouncet" { configuration = "shop" }
resource "pouncet_project" "p" { name = "shop" }
`
	w.Write("main.tf", shop+`
resource "pouncet_secret" "s" {
  project     = pouncet_project.p.name
  environment = "*"
  name        = "s"
  generate    = {}
}`)
	use(admin)
	w.Must("apply", "-auto-approve", "-input=false", "-no-color")
	use(b.BoundToken("admin"))
	for _, args := range [][]string{
		{"plan", "-input=false", "-no-color", "-target=pouncet_secret.s"},
		{"apply", "-auto-approve", "-input=false", "-no-color"},
		{"destroy", "-auto-approve", "-input=false", "-no-color"},
	} {
		out := acctest.OneLine(w.Fails(args...))
		if !strings.Contains(out, `so it cannot tell whether the object still exists`) ||
			!strings.Contains(out, "terraform state rm ADDRESS") {
			t.Errorf("terraform %s does not report the token:\n%s", args[0], out)
		}
	}
	if list := w.Must("state", "list"); !strings.Contains(list, "pouncet_secret.s") ||
		!strings.Contains(list, "pouncet_project.p") {
		t.Errorf("the state has only:\n%s", list)
	}
	if out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color")); !strings.Contains(out,
		`Token "test-none" does not see project`) {
		t.Errorf("the plan does not name the token:\n%s", out)
	}
	w.Write("main.tf", shop) // Terraform plans the deletion without an earlier read
	if out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color")); !strings.Contains(out,
		"does not see project") {
		t.Errorf("the plan of a deletion does not report the token:\n%s", out)
	}
	use(admin)
	w.Must("destroy", "-auto-approve", "-input=false", "-no-color")
}
