// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// accessRole, accessGroup and accessBinding return blocks of a configuration.

func accessRole(label, name, rights string) string {
	return fmt.Sprintf("resource \"pouncet_role\" %q {\n  name = %q\n  rights = [%s]\n}\n", label, name, rights)
}

func accessGroup(label, name string) string {
	return fmt.Sprintf("resource \"pouncet_group\" %q {\n  name = %q\n  members = [\"token:ci\"]\n}\n", label, name)
}

func accessBinding(label, name, role, to string) string {
	return fmt.Sprintf("resource \"pouncet_role_binding\" %q {\n  name = %q\n  role = %s\n  to = %s\n"+
		"  project = \"default\"\n  environment = \"dev\"\n}\n", label, name, role, to)
}

const cbd = "  lifecycle { create_before_destroy = true }\n}\n"

// createFirst gives a block create_before_destroy.
func createFirst(block string) string { return strings.TrimSuffix(block, "}\n") + cbd }

// gives returns what the bindings of the backend give, as "NAME: ROLE to PRINCIPAL".
func (w *ordinary) gives() string {
	w.t.Helper()
	var out []string
	for _, line := range strings.Split(w.pouncet("binding", "list"), "\n")[1:] {
		f := strings.Fields(line)
		out = append(out, f[0]+": "+f[1]+" to "+f[2])
	}
	return strings.Join(out, ", ")
}

const (
	ownRoleRef = "pouncet_role.own.name"
	groupRef   = `"group:${pouncet_group.g.name}"`
)

// accessTransitions are the verbs. Each case begins with a role, a group and a binding of both.
var accessTransitions = []struct {
	name          string
	first         string // applied before the rest, so that literal names exist
	before, after string
	replace       []string
	want          string
}{
	{
		name:   "rename of all three",
		before: accessRole("own", "own", `"see"`) + accessGroup("g", "g") + accessBinding("b", "b", ownRoleRef, groupRef),
		after: accessRole("own", "own2", `"see"`) + accessGroup("g", "g2") +
			accessBinding("b", "b2", ownRoleRef, groupRef),
		want: "b2: own2 to group:g2",
	},
	{
		name: "replacement of all three",
		before: accessRole("own", "own", `"see", "resolve"`) + accessGroup("g", "g") +
			accessBinding("b", "b", ownRoleRef, groupRef),
		replace: []string{"pouncet_role.own", "pouncet_group.g", "pouncet_role_binding.b"},
		want:    "b: own to group:g",
	},
	{
		name: "replacement of all three, created first",
		before: createFirst(accessRole("own", "own", `"see"`)) + createFirst(accessGroup("g", "g")) +
			createFirst(accessBinding("b", "b", ownRoleRef, groupRef)),
		replace: []string{"pouncet_role.own", "pouncet_group.g", "pouncet_role_binding.b"},
		want:    "b: own to group:g",
	},
	{
		name:    "replacement of the role alone",
		first:   accessRole("own", "own", `"see"`) + accessGroup("g", "g"),
		before:  accessRole("own", "own", `"see"`) + accessGroup("g", "g") + accessBinding("b", "b", `"own"`, groupRef),
		replace: []string{"pouncet_role.own"},
		want:    "b: own to group:g",
	},
	{
		name:   "another role, and the old one goes",
		first:  accessRole("own", "own", `"see"`) + accessGroup("g", "g"),
		before: accessRole("own", "own", `"see"`) + accessGroup("g", "g") + accessBinding("b", "b", `"own"`, groupRef),
		after:  accessGroup("g", "g") + accessBinding("b", "b", `"viewer"`, groupRef),
		want:   "b: viewer to group:g",
	},
	{
		name: "another role, created first, and the old one goes",
		before: accessRole("own", "own", `"see"`) + accessGroup("g", "g") +
			createFirst(accessBinding("b", "b", ownRoleRef, groupRef)),
		after: accessGroup("g", "g") + createFirst(accessBinding("b", "b", `"viewer"`, groupRef)),
		want:  "b: viewer to group:g",
	},
	{
		name:   "all three go, by literal names",
		first:  accessRole("own", "own", `"see"`) + accessGroup("g", "g"),
		before: accessRole("own", "own", `"see"`) + accessGroup("g", "g") + accessBinding("b", "b", `"own"`, `"group:g"`),
		after:  "",
	},
	{
		name: "names are exchanged",
		before: accessRole("own", "own", `"see"`) + accessRole("two", "two", `"see", "write"`) + accessGroup("g", "g") +
			accessGroup("h", "h") + accessBinding("b", "b", ownRoleRef, groupRef) +
			accessBinding("c", "c", "pouncet_role.two.name", `"group:${pouncet_group.h.name}"`),
		after: accessRole("own", "two", `"see"`) + accessRole("two", "own", `"see", "write"`) + accessGroup("g", "h") +
			accessGroup("h", "g") + accessBinding("b", "c", ownRoleRef, groupRef) +
			accessBinding("c", "b", "pouncet_role.two.name", `"group:${pouncet_group.h.name}"`),
		want: "b: own to group:g, c: two to group:h",
	},
	{
		name:   "another address without moved",
		before: accessRole("own", "own", `"see"`) + accessGroup("g", "g") + accessBinding("b", "b", ownRoleRef, groupRef),
		after: accessRole("other", "own", `"see"`) + accessGroup("g", "g") +
			accessBinding("other", "b", "pouncet_role.other.name", groupRef),
		want: "b: own to group:g",
	},
	{
		name: "a shorter list",
		before: `resource "pouncet_role" "r" {
  count = 3
  name = ["one", "two", "three"][count.index]
  rights = ["see"]
}
` + accessGroup("g", "g") + accessBinding("b", "b", `pouncet_role.r[2].name`, groupRef),
		after: `resource "pouncet_role" "r" {
  count = 2
  name = ["two", "three"][count.index]
  rights = ["see"]
}
` + accessGroup("g", "g") + accessBinding("b", "b", `pouncet_role.r[1].name`, groupRef),
		want: "b: three to group:g",
	},
	{
		name:   "a rename of the environment and the project",
		before: accessGroup("g", "g") + accessPlace("shop", "live"),
		after:  accessGroup("g", "g") + accessPlace("store", "prod"),
		want:   "b: viewer to group:g",
	},
}

func accessPlace(project, environment string) string {
	return fmt.Sprintf(`resource "pouncet_project" "p" {
  name = %q
}
resource "pouncet_environment" "e" {
  project = pouncet_project.p.name
  name = %q
}
resource "pouncet_role_binding" "b" {
  name = "b"
  role = "viewer"
  to = "group:g"
  project = pouncet_project.p.name
  environment = pouncet_environment.e.name
  depends_on = [pouncet_group.g]
}
`, project, environment)
}

func TestRolesGroupsAndBindingsInAnyOrder(t *testing.T) {
	for _, parallelism := range []int{1, 10} {
		for _, c := range accessTransitions {
			t.Run(fmt.Sprintf("%s, parallelism %d", c.name, parallelism), func(t *testing.T) {
				w := newOrdinary(t)
				w.pouncet("token", "create", "--role", "none", "--name", "ci")
				w.config(c.first)
				w.applies()
				w.config(c.before)
				w.converges(parallelism)
				var args []string
				for _, address := range c.replace {
					args = append(args, "-replace="+address)
				}
				if len(args) == 0 {
					w.config(c.after)
				}
				w.converges(parallelism, args...)
				if got := w.gives(); got != c.want {
					t.Errorf("the bindings are %q, want %q", got, c.want)
				}
				for _, kind := range []string{"role", "group", "binding"} {
					if list := w.pouncet(kind, "list", "--json"); strings.Contains(list, `"held"`) {
						t.Errorf("a %s is held:\n%s", kind, list)
					}
				}
				w.config("")
				w.converges(parallelism)
				if got := w.gives(); got != "" {
					t.Errorf("after the end, the bindings are %q", got)
				}
			})
		}
	}
}

// Every wrong argument is an error of the plan, on the attribute.
func TestWrongBindingsFailInThePlan(t *testing.T) {
	b := acctest.New(t)
	b.Apply(backend.Change{Op: backend.OpCreate, Kind: backend.KindGroup, Name: "g", Members: []string{}})
	var steps []acctest.Step
	for _, c := range []struct{ arguments, want string }{
		{`role = "rotatr", to = "group:g"`, `role = "rotatr".*Role "rotatr" does not exist`},
		{`role = "viewer", to = "group:h"`, `Group "h" does not exist`},
		{`role = "viewer", to = "token:nobody"`, `Token "nobody" does not exist`},
		{`role = "viewer", to = "nobody"`, `"nobody" is not a valid principal`},
		{`role = "viewer", to = "group:g", project = "nowhere"`, `Project "nowhere" does not exist`},
		{`role = "viewer", to = "group:g", project = "default", environment = "nowhere"`, `Environment "nowhere" does not`},
		{`role = "viewer", to = "group:g", environment = "dev"`, `project.*must be specified`},
		{`role = "viewer", to = "group:g", project = "default", names = "a b"`, `pattern of names "a b" is not valid`},
		{`role = "viewer", to = "group:g", project = "default", scope = "x"`, `Scope "x" is not valid`},
	} {
		steps = append(steps, acctest.Step{
			Config: b.Config("resource \"pouncet_role_binding\" \"b\" {\n  name = \"b\"\n  " +
				strings.ReplaceAll(c.arguments, ", ", "\n  ") + "\n}\n"),
			PlanOnly: true, ExpectError: regexp.MustCompile("(?s)" + strings.ReplaceAll(c.want, " ", `\s+`)),
		})
	}
	steps = append(steps, acctest.Step{
		Config:      b.Config(accessRole("r", "admin", `"see"`)),
		ExpectError: regexp.MustCompile(`(?i)role\s+"admin"\s+is\s+built\s+in`),
	})
	acctest.Run(t, steps...)
}

// A change of somebody else after the plan makes the apply fail, and is not overwritten.
func TestStalePlanOfARole(t *testing.T) {
	w := newOrdinary(t)
	w.pouncet("token", "create", "--role", "none", "--name", "ci")
	w.config(accessRole("own", "own", `"see"`) + accessGroup("g", "g"))
	w.converges(10)
	w.config(accessRole("own", "own", `"see", "write"`) + strings.ReplaceAll(accessGroup("g", "g"), `"token:ci"`, ""))
	w.Must("plan", "-input=false", "-out=tfplan")
	w.pouncet("role", "set", "own", "--right", "see", "--right", "delete")
	w.pouncet("group", "set", "g", "--description", "changed", "--member", "token:ci")
	out := acctest.OneLine(w.Fails("apply", "-input=false", "-no-color", "tfplan"))
	for _, want := range []string{`Role "own" was changed after the plan: rights`,
		`Group "g" was changed after the plan: description`} {
		if !strings.Contains(out, want) {
			t.Errorf("the apply does not say %q:\n%s", want, out)
		}
	}
	w.converges(10)
}

func TestRolesGroupsAndBindingsAreImported(t *testing.T) {
	b := acctest.New(t)
	config := b.Config(accessRole("own", "own", `"see"`) +
		strings.ReplaceAll(accessGroup("g", "g"), `"token:ci"`, "") + accessBinding("b", "b", ownRoleRef, groupRef))
	acctest.Run(t,
		acctest.Step{Config: config},
		acctest.Step{Config: config, Import: &acctest.Import{Address: "pouncet_role.own"}},
		acctest.Step{Config: config, Import: &acctest.Import{Address: "pouncet_role.own", ID: "own"}},
		acctest.Step{Config: config, Import: &acctest.Import{Address: "pouncet_group.g", ID: "g"}},
		acctest.Step{Config: config, Import: &acctest.Import{Address: "pouncet_role_binding.b", ID: "b"}},
	)
}

// A token of one team knows others only by their ids.
func TestBindingsOfIDs(t *testing.T) {
	w := newOrdinary(t)
	w.pouncet("token", "create", "--role", "none", "--name", "ci")
	w.pouncet("group", "set", "g")
	w.pouncet("trust", "set", "github", "--issuer", "https://issuer.example.com", "--audience", "a", "--claim", "hd=acme")
	id := func(kind, name string) string {
		_, rest, _ := strings.Cut(w.pouncet(kind, "show", name, "--json=id"), `"id": "`)
		id, _, _ := strings.Cut(rest, `"`)
		return id
	}
	config := func(token, group, trust string) {
		w.config(accessBinding("t", "t", `"viewer"`, `"token:`+token+`"`) +
			accessBinding("g", "g", `"viewer"`, `"group:`+group+`"`) +
			accessBinding("s", "s", `"viewer"`, `"trust:`+trust+`/repo:acme/shop"`))
	}
	config(id("token", "ci"), id("group", "g"), id("trust", "github"))
	w.converges(10)
	const want = "g: viewer to group:g, s: viewer to trust:github/repo:acme/shop, t: viewer to token:ci"
	if got := w.gives(); got != want {
		t.Errorf("the bindings are %q, want %q", got, want)
	}
	before := w.pouncet("binding", "list", "--json=id")
	config("ci", "g", "github") // the same ones
	w.converges(10)
	w.Must("state", "rm", "pouncet_role_binding.t", "pouncet_role_binding.s")
	w.Must("import", "pouncet_role_binding.t", "t")
	w.Must("import", "pouncet_role_binding.s", "s")
	w.isDone()
	config(id("token", "ci"), id("group", "g"), id("trust", "github"))
	w.converges(1)
	if after := w.pouncet("binding", "list", "--json=id"); after != before {
		t.Errorf("bindings were replaced:\n%s\n%s", before, after)
	}
	config(id("group", "g"), id("group", "g"), id("trust", "github"))
	if out := acctest.OneLine(w.Fails("plan", "-no-color")); !strings.Contains(out, "does not exist") {
		t.Errorf("a wrong id in the plan:\n%s", out)
	}
}

// Roles and groups that wait show, and every object of a configuration can be handed to another.
func TestHeldRolesShowAndAreAdopted(t *testing.T) {
	b := acctest.New(t)
	owner := "terraform:shop"
	b.Apply(backend.Change{Op: backend.OpCreate, Kind: backend.KindRole, Name: "own", ManagedBy: &owner,
		Rights: []backend.Right{backend.RightSee}},
		backend.Change{Op: backend.OpCreate, Kind: backend.KindGroup, Name: "g", ManagedBy: &owner, Members: []string{}})
	b.Apply(backend.Change{Op: backend.OpDelete, Kind: backend.KindRole, Name: "own", ManagedBy: &owner, SameOwner: true,
		CreationFollows: true})
	run := func(want string, args ...string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), programtest.Pouncet(t), args...)
		c.Env = append(c.Environ(), "POUNCET_HOME="+b.Path)
		out, _ := c.CombinedOutput() // doctor ends with another exit code
		if !strings.Contains(string(out), want) {
			t.Errorf("pouncet %s says, without %q:\n%s", strings.Join(args, " "), want, out)
		}
	}
	run(`role "own"`, "doctor")
	run(`"held": "replaced"`, "role", "list", "--json")
	run("terraform:shop: 1 object", "configuration", "list")
	run("1 object of", "configuration", "adopt", "store", "--from", "shop")
	run("terraform:store", "group", "list", "--json")
}
