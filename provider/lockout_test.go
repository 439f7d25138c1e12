// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

const lockoutConfiguration = `
provider "pouncet" {
  configuration = "access"
}
resource "pouncet_role_binding" "own" {
  name = "own"
  role = "admin"
  to   = "group:leads"
}
resource "pouncet_role_binding" "other" {
  name    = "other"
  role    = "ROLE"
  to      = "group:others"
  project = "default"
}
`

// knownBy is a binding with which a token that may bind in the project knows a group, while another binding of the
// group is replaced.
func knownBy(group string) backend.Change {
	return backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: "known-" + group, Grant: &backend.Grant{
		Role: "planner", To: "group:" + group, Where: backend.Where{Project: backend.DefaultProject}}}
}

// A plan that takes the rights from the token that makes it warns, and another plan does not.
func TestPlanWarnsOfLostRights(t *testing.T) {
	b := acctest.New(t)
	secret, hash := access.NewToken()
	none, workload := backend.RoleNone, backend.Workload
	b.Apply(backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: "lead", Role: &none, TokenHash: hash,
		Principal: &workload},
		backend.Change{Op: backend.OpCreate, Kind: backend.KindGroup, Name: "leads", Members: []string{"token:lead"}},
		backend.Change{Op: backend.OpCreate, Kind: backend.KindGroup, Name: "others", Members: []string{}},
		knownBy("leads"), knownBy("others"))
	handler, admin := acctest.Serve(t, b.Path)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w := acctest.NewWorkspace(t)
	environment := append(w.Env, "POUNCET_ENDPOINT="+server.URL)
	use := func(token, config string) {
		w.Env = append(environment[:len(environment):len(environment)], "POUNCET_TOKEN="+token)
		w.Write("main.tf", acctest.RequiredProviders+config)
	}
	config := strings.ReplaceAll(lockoutConfiguration, "ROLE", "viewer")
	use(admin, config)
	w.Must("apply", "-auto-approve", "-input=false", "-no-color")
	from := strings.Index(config, `resource "pouncet_role_binding" "own"`)
	to := strings.Index(config, `resource "pouncet_role_binding" "other"`)
	const lost = "Warning: The apply can lose its rights"
	for what, c := range map[string]struct {
		config, replace string
		warns           bool
	}{
		"nothing changes":          {config: config},
		"the binding goes":         {config: config[:from] + config[to:], warns: true},
		"another one is replaced":  {config: config, replace: "pouncet_role_binding.other"},
		"another one goes":         {config: config[:to]},
		"another role elsewhere":   {config: strings.ReplaceAll(config, `"viewer"`, `"editor"`)},
		"the binding gives less":   {config: strings.ReplaceAll(config, `"admin"`, `"editor"`), warns: true},
		"only a description comes": {config: strings.Replace(config, `"own"`+"\n", `"own"`+"\n  description = \"x\"\n", 1)},
	} {
		use(secret, c.config)
		args := []string{"plan", "-input=false", "-no-color"}
		if c.replace != "" {
			args = append(args, "-replace="+c.replace)
		}
		out := acctest.OneLine(w.Must(args...))
		if got := strings.Contains(out, lost); got != c.warns {
			t.Errorf("%s: warns %v, want %v\n%s", what, got, c.warns, out)
		}
	}
	use(admin, config[:from])
	if out := acctest.OneLine(w.Must("apply", "-auto-approve", "-input=false", "-no-color")); strings.Contains(out, lost) {
		t.Errorf("a token with a role cannot lose its rights, and the plan warns:\n%s", out)
	}
}

// A binding that names no environment does not reach an environment any more that the plan protects.
func TestPlanWarnsOfAProtectionThatTakesRights(t *testing.T) {
	b := acctest.New(t)
	secret, hash := access.NewToken()
	none, workload := backend.RoleNone, backend.Workload
	give := func(name, environment string) backend.Change {
		return backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: name,
			Grant: &backend.Grant{Role: "admin", To: "token:lead",
				Where: backend.Where{Project: backend.DefaultProject, Environment: environment}}}
	}
	withRole := func(role string, c backend.Change) backend.Change {
		c.Grant.Role = role
		return c
	}
	b.Apply(backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: "lead", Role: &none, TokenHash: hash,
		Principal: &workload}, give("own", ""))
	handler, _ := acctest.Serve(t, b.Path)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w := acctest.NewWorkspace(t)
	w.Env = append(w.Env, "POUNCET_ENDPOINT="+server.URL, "POUNCET_TOKEN="+secret)
	plan := func(arguments string) bool {
		w.Write("main.tf", acctest.RequiredProviders+"provider \"pouncet\" { configuration = \"lead\" }\n"+
			"resource \"pouncet_environment\" \"stage\" {\n  name = \"stage\"\n"+arguments+"}\n")
		out := acctest.OneLine(w.Must("plan", "-input=false", "-no-color"))
		return strings.Contains(out, "Warning: The apply can lose its rights") &&
			strings.Contains(out, `Binding "own" gives`) &&
			strings.Contains(out, `protects environment "stage" of project "default"`)
	}
	if !plan("  protected = true\n") {
		t.Error("a new protected environment: no warning")
	}
	if plan("") {
		t.Error("a new environment: a warning")
	}
	w.Must("apply", "-auto-approve", "-input=false", "-no-color")
	if !plan("  protected = true\n") {
		t.Error("the protection: no warning")
	}
	protected := true
	b.Apply(backend.Change{Op: backend.OpUpdate, Kind: backend.KindEnvironment, Project: backend.DefaultProject,
		Name: "stage", Protected: &protected}, withRole("editor", give("sees", "stage")))
	if plan("  protected = true\n  description = \"x\"\n") {
		t.Error("another change of an environment that is protected already: a warning")
	}
	protected = false
	b.Apply(backend.Change{Op: backend.OpUpdate, Kind: backend.KindEnvironment, Project: backend.DefaultProject,
		Name: "stage", Protected: &protected}, give("named", "stage"))
	if plan("  protected = true\n") {
		t.Error("the protection of an environment that a binding names: a warning")
	}
}
