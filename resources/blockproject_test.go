// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// A provider block whose project the same plan creates or renames, while its objects exist in another project. The plan
// cannot tell the two apart. The apply of a rename succeeds. That of a creation fails with one error that says so, and
// the next plan replaces the objects.
func TestProviderBlockOfAnotherProject(t *testing.T) {
	body := func(w *ordinary, project, environment, more string) string {
		return fmt.Sprintf(`
provider "pouncet" {
  alias         = "inner"
  path          = %q
  project       = %s.name
  configuration = "shop"
}
resource "pouncet_environment" "e" {
  provider = pouncet.inner
  name     = %q
}
resource "pouncet_secret" "s" {
  provider    = pouncet.inner
  environment = pouncet_environment.e.name
  name        = "s"
  value_wo    = "v"
}
%s`, w.Data(), project, environment, more)
	}
	named := func(label, name string) string {
		return fmt.Sprintf("resource \"pouncet_project\" %q { name = %q }\n", label, name)
	}
	start := func(t *testing.T) *ordinary {
		w := newOrdinaryIn(t, acctest.NewWorkspace(t)) // one process for each provider block
		w.config(body(w, "pouncet_project.p", "e", named("p", "p")))
		w.converges(10)
		return w
	}
	for _, c := range []struct {
		name, after, environment, more string
		taint                          string
		args                           []string
		fails                          bool
	}{
		{name: "rename", more: named("p", "q")},
		{name: "rename, and replace the environment", more: named("p", "q"),
			args: []string{"-replace=pouncet_environment.e"}},
		{name: "rename, and replace the secret", more: named("p", "q"), args: []string{"-replace=pouncet_secret.s"}},
		{name: "replace under a new name", more: named("p", "q"), args: []string{"-replace=pouncet_project.p"}, fails: true},
		{name: "new name of a tainted project", more: named("p", "q"), taint: "pouncet_project.p", fails: true},
		{name: "another project", after: "pouncet_project.q", more: named("p", "p") + named("q", "q"), fails: true},
		{name: "another address and name", after: "pouncet_project.q", more: named("q", "q"), fails: true},
		{name: "rename both, and replace the environment", environment: "f", more: named("p", "q"),
			args: []string{"-replace=pouncet_environment.e"}, fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := start(t)
			id := w.pouncet("env", "list", "--project", "p", "--json")
			if c.taint != "" {
				w.Must("taint", "-no-color", c.taint)
			}
			if c.after == "" {
				c.after = "pouncet_project.p"
			}
			if c.environment == "" {
				c.environment = "e"
			}
			w.config(body(w, c.after, c.environment, c.more))
			plan := slices.Concat([]string{"plan", "-input=false", "-no-color", "-out=plan"}, c.args)
			out := acctest.OneLine(w.Must(plan...))
			if !strings.Contains(out, "Warning: The project does not exist yet") ||
				!strings.Contains(out, "the next plan replaces") {
				t.Errorf("the plan does not say what can happen:\n%s", out)
			}
			if c.fails {
				out := acctest.OneLine(w.Fails("apply", "-input=false", "-no-color", "plan"))
				if strings.Contains(out, "inconsistent") || strings.Count(out, "Error:") != 1 ||
					!strings.Contains(out, `project "q" of the provider block did not exist when Terraform planned this`) ||
					!strings.Contains(out, "Run terraform plan again") {
					t.Errorf("the apply does not say why it fails:\n%s", out)
				}
				w.converges(10)
			} else {
				w.Must("apply", "-input=false", "-no-color", "plan")
				w.isDone()
				if now := w.pouncet("env", "list", "--project", "q", "--json"); idIn(now) != idIn(id) {
					t.Errorf("the environment is another one:\n%s\n%s", id, now)
				}
			}
			w.pouncet("doctor")
			if got := w.pouncet("resolve", "s", "--env", c.environment, "--project", "q"); got != "v" {
				t.Errorf("the secret is %q", got)
			}
		})
	}
}

// idIn returns the first id in a list as JSON.
func idIn(list string) string {
	_, rest, _ := strings.Cut(list, `"id"`)
	id, _, _ := strings.Cut(rest, ",")
	return id
}

// A renamed project or environment, and the replacement of what is in it, in one plan.
func TestReplacementInARenamedContainer(t *testing.T) {
	body := func(project, environment string) string {
		return fmt.Sprintf(`
resource "pouncet_project" "p" { name = %q }
resource "pouncet_environment" "e" {
  project = pouncet_project.p.name
  name    = %q
}
resource "pouncet_secret_type" "t" {
  project = pouncet_project.p.name
  key     = "t"
  schema  = jsonencode({ type = "string" })
}
resource "pouncet_secret" "s" {
  project     = pouncet_project.p.name
  environment = pouncet_environment.e.name
  type        = pouncet_secret_type.t.key
  name        = "s"
  value_wo    = "v"
}
resource "pouncet_scoped_value" "v" {
  project     = pouncet_project.p.name
  environment = pouncet_environment.e.name
  name        = "v"
  from_secret = { name = pouncet_secret.s.name }
}`, project, environment)
	}
	for _, parallelism := range []int{1, 10} {
		w := newOrdinary(t)
		w.config(body("p", "e"))
		w.converges(parallelism)
		for i, replace := range []string{
			"pouncet_environment.e", "pouncet_secret_type.t", "pouncet_secret.s", "pouncet_scoped_value.v",
		} {
			w.config(body(fmt.Sprint("p", i), "e"))
			w.converges(parallelism, "-replace="+replace)
		}
		for i, replace := range []string{"pouncet_secret.s", "pouncet_scoped_value.v", "pouncet_secret_type.t"} {
			w.config(body("p", fmt.Sprint("e", i)))
			w.converges(parallelism, "-replace="+replace)
		}
		w.pouncet("doctor")
	}
}

// Each provider block plans by itself. An environment of another block is missing, and the error names the way out.
func TestEnvironmentOfAnotherProviderBlock(t *testing.T) {
	w := newOrdinaryIn(t, acctest.NewWorkspace(t)) // one process for each provider block
	w.config(fmt.Sprintf(`
provider "pouncet" {
  alias         = "inner"
  path          = %q
  project       = "default"
  configuration = "shop"
}
resource "pouncet_environment" "e" { name = "e" }
resource "pouncet_secret" "s" {
  provider    = pouncet.inner
  environment = pouncet_environment.e.name
  name        = "s"
  value_wo    = "v"
}`, w.Data()))
	out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color"))
	if !strings.Contains(out, `Environment "e" does not exist`) ||
		!strings.Contains(out, "terraform apply -target=ADDRESS") {
		t.Errorf("the error does not name the way out:\n%s", out)
	}
	w.applies("-target=pouncet_environment.e")
	w.converges(10)
	w.has("e", "s", "v")
}

// The same holds for an environment that another block renames, although the secret exists and no block names a
// project.
func TestEnvironmentThatAnotherProviderBlockRenames(t *testing.T) {
	w := newOrdinaryIn(t, acctest.NewWorkspace(t)) // one process for each provider block
	config := func(name string) {
		w.config(fmt.Sprintf(`
provider "pouncet" {
  alias         = "inner"
  path          = %q
  configuration = "shop"
}
resource "pouncet_environment" "e" { name = %q }
resource "pouncet_secret" "s" {
  provider    = pouncet.inner
  environment = pouncet_environment.e.name
  name        = "s"
  value_wo    = "v"
}`, w.Data(), name))
	}
	config("e")
	w.applies("-target=pouncet_environment.e")
	w.converges(10)
	config("f")
	out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color"))
	if !strings.Contains(out, `Environment "f" does not exist`) ||
		!strings.Contains(out, "terraform apply -target=ADDRESS") {
		t.Errorf("the error does not name the way out:\n%s", out)
	}
	w.applies("-target=pouncet_environment.e")
	w.converges(10)
	w.has("f", "s", "v")
}

// A link of one provider block and the deletion of its secret by another one: neither plan knows of the other. If the
// deletion comes first, the creation of the link fails, and its error names the way out.
func TestLinkToASecretThatAnotherProviderBlockDeletes(t *testing.T) {
	w := newOrdinaryIn(t, acctest.NewWorkspace(t)) // one process for each provider block
	config := func(secret, link string) {
		w.config(fmt.Sprintf(`
provider "pouncet" {
  alias         = "second"
  path          = %q
  configuration = "shop"
}
%s
%s`, w.Data(), secret, link))
	}
	const after = `
resource "pouncet_scoped_value" "first" {
  name        = "first"
  environment = "dev"
  value_json  = jsonencode(%s)
}
`
	config(`
resource "pouncet_secret" "s" {
  name        = "s"
  environment = "dev"
  value_wo    = "v"
}`, fmt.Sprintf(after, "pouncet_secret.s.id"))
	w.converges(10)
	// Terraform deletes the secret before it updates what referred to it, and creates the link after that.
	config("", fmt.Sprintf(after, `"x"`)+`
resource "pouncet_scoped_value" "link" {
  provider    = pouncet.second
  name        = "link"
  environment = "dev"
  from_secret = { name = "s" }
  depends_on  = [pouncet_scoped_value.first]
}`)
	out := acctest.OneLine(w.Fails("apply", "-auto-approve", "-input=false", "-no-color"))
	for _, want := range []string{
		`Scoped value "link" links to secret "s", which does not exist in any environment`, "with pouncet_scoped_value.link",
		"if another provider block of this configuration creates, renames or deletes the secret, use one block for both",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the error does not contain %q:\n%s", want, out)
		}
	}
}
