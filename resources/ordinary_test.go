// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// Ordinary life: what every provider is expected to do with every verb, in whatever order Terraform applies it. Each
// case applies one configuration and then another. The second plan must succeed, its apply too, with one resource at a
// time and with ten, and the plan after it must be empty. The cases of a test share a run of Terraform, each with an
// environment that it alone uses, because most of the time of such a test is the start of Terraform.

type ordinary struct {
	*acctest.Workspace
	t *testing.T
}

func newOrdinary(t *testing.T) *ordinary {
	return newOrdinaryIn(t, acctest.InProcess(t))
}

func newOrdinaryIn(t *testing.T, workspace *acctest.Workspace) *ordinary {
	w := &ordinary{workspace, t}
	w.Env = append(w.Env, "POUNCET_HOME="+w.Data())
	w.pouncet("init")
	w.pouncet("env", "set", "dev")
	w.pouncet("env", "set", "prod")
	return w
}

// pouncet runs the command line on the backend of the workspace.
func (w *ordinary) pouncet(args ...string) string {
	w.t.Helper()
	c := exec.CommandContext(w.t.Context(), programtest.Pouncet(w.t), args...)
	c.Env = append(c.Environ(), w.Env...)
	out, err := c.CombinedOutput()
	if err != nil {
		w.t.Fatalf("pouncet %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *ordinary) config(body string) {
	provider := fmt.Sprintf("provider \"pouncet\" {\n  path          = %q\n  configuration = \"shop\"\n}\n", w.Data())
	w.Write("main.tf", acctest.RequiredProviders+provider+body)
}

// unnamed writes a configuration whose provider block does not name it.
func (w *ordinary) unnamed(body string) {
	provider := fmt.Sprintf("provider \"pouncet\" { path = %q }\n", w.Data())
	w.Write("main.tf", acctest.RequiredProviders+provider+body)
}

// applies applies the configuration.
func (w *ordinary) applies(args ...string) {
	w.t.Helper()
	w.Must(append([]string{"apply", "-auto-approve", "-input=false", "-no-color"}, args...)...)
}

// converges applies the configuration, and expects the next plan to be empty.
func (w *ordinary) converges(parallelism int, args ...string) {
	w.t.Helper()
	w.applies(append(args, fmt.Sprintf("-parallelism=%d", parallelism))...)
	w.isDone()
}

func (w *ordinary) isDone() {
	w.t.Helper()
	w.Must("plan", "-input=false", "-no-color", "-detailed-exitcode")
}

// has compares the value of a secret or, with the flag --value, of a scoped value.
func (w *ordinary) has(environment, name, want string, flags ...string) {
	w.t.Helper()
	if got := w.pouncet(append([]string{"resolve", name, "--env", environment}, flags...)...); got != want {
		w.t.Errorf("%s in %s is %q, want %q", name, environment, got, want)
	}
}

// lacks expects that an environment has no secret of a name.
func (w *ordinary) lacks(environment, name string) {
	w.t.Helper()
	list := w.pouncet("secret", "list", "--env", environment, "--json")
	if strings.Contains(list, fmt.Sprintf("%q", name)) {
		w.t.Errorf("secret %s still exists in %s:\n%s", name, environment, list)
	}
}

// holdsNothing expects that no object is displaced or set aside.
func (w *ordinary) holdsNothing() {
	w.t.Helper()
	if list := w.pouncet("secret", "list", "--json"); strings.Contains(list, `"held"`) {
		w.t.Errorf("an object is still set aside:\n%s", list)
	}
}

// transition is one case of a test: the configurations before and after, in which ENV is its environment, and what that
// has at the end.
type transition struct {
	name          string
	before, after string
	secrets       map[string]string
	gone          []string
	values        map[string]string // scoped values
}

// run applies all cases together, with one resource at a time and with ten.
func runTransitions(t *testing.T, cases []transition) {
	for _, parallelism := range []int{1, 10} {
		t.Run(fmt.Sprintf("parallelism %d", parallelism), func(t *testing.T) {
			w := newOrdinary(t)
			environment := func(i int) string { return fmt.Sprintf("case%d", i) }
			config := func(body func(transition) string) {
				var all strings.Builder
				for i, c := range cases {
					fmt.Fprintf(&all, "\n# %s\n%s", c.name, strings.ReplaceAll(body(c), "ENV", environment(i)))
				}
				w.config(all.String())
			}
			for i := range cases {
				w.pouncet("env", "set", environment(i))
			}
			config(func(c transition) string { return c.before })
			w.applies()
			config(func(c transition) string { return c.after })
			w.converges(parallelism)
			for i, c := range cases {
				for name, value := range c.secrets {
					w.has(environment(i), name, value)
				}
				for name, value := range c.values {
					w.has(environment(i), name, value, "--value")
				}
				for _, name := range c.gone {
					w.lacks(environment(i), name)
				}
			}
			w.holdsNothing()
		})
	}
}

// numbered is a list of secrets, whose values are their names.
func numbered(names ...string) string {
	return fmt.Sprintf(`
locals { ENV = ["%s"] }
resource "pouncet_secret" "s_ENV" {
  count       = length(local.ENV)
  name        = local.ENV[count.index]
  environment = "ENV"
  value_wo    = local.ENV[count.index]
}`, strings.Join(names, `", "`))
}

func secretNamed(address, name, value string) string {
	return fmt.Sprintf(`
resource "pouncet_secret" "%s_ENV" {
  name        = %q
  environment = "ENV"
  value_wo    = %q
}`, address, name, value)
}

// inDev is a configuration with the environment dev.
func inDev(config string) string { return strings.ReplaceAll(config, "ENV", "dev") }

func TestNamesMoveInOneChange(t *testing.T) {
	two := func(a, b string) string { return secretNamed("x", a, "x") + secretNamed("y", b, "y") }
	type m = map[string]string
	runTransitions(t, []transition{
		{
			name:   "a list shifts",
			before: numbered("a", "b", "c"), after: numbered("b", "c"), secrets: m{"b": "b", "c": "c"}, gone: []string{"a"},
		},
		{
			name:   "a list shifts up",
			before: numbered("b", "c"), after: numbered("a", "b", "c"), secrets: m{"a": "a", "b": "b", "c": "c"},
		},
		{
			name:   "a chain of renames",
			before: two("a", "b"), after: two("b", "c"), secrets: m{"b": "x", "c": "y"}, gone: []string{"a"},
		},
		{name: "a swap", before: two("a", "b"), after: two("b", "a"), secrets: m{"b": "x", "a": "y"}},
		{
			name:   "another address without moved",
			before: secretNamed("old", "a", "1"), after: secretNamed("new", "a", "2"), secrets: m{"a": "2"},
		},
		{
			name:   "a name that a deleted secret had",
			before: two("a", "b"), after: secretNamed("x", "b", "x"), secrets: m{"b": "x"}, gone: []string{"a"},
		},
	})
}

// Other configurations without a name have the same mark. Their objects stay where they are.
func TestRenameWithoutAConfigurationLeavesOthers(t *testing.T) {
	w, other := newOrdinary(t), newOrdinary(t)
	other.Env = append(other.Env, "POUNCET_HOME="+w.Data())
	other.Write("main.tf", fmt.Sprintf("%s\nprovider \"pouncet\" { path = %q }\n%s", acctest.RequiredProviders, w.Data(),
		inDev(secretNamed("theirs", "theirs", "theirs"))))
	other.applies()
	w.unnamed(inDev(numbered("a", "b", "c")))
	w.applies()
	w.unnamed(inDev(numbered("b", "a", "theirs")))
	for range 2 {
		w.Fails("apply", "-auto-approve", "-input=false", "-no-color")
	}
	for name, value := range map[string]string{"theirs": "theirs", "b": "b", "a": "a", "c": "c"} {
		w.has("dev", name, value)
	}
	other.isDone()
}

// Without a name of the configuration, the apply may stop once. The second one ends in the planned state.
func TestNamesMoveWithoutAConfiguration(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after []string
	}{
		{"swap", []string{"b", "c"}, []string{"c", "b"}},
		{"cycle", []string{"a", "b", "c"}, []string{"b", "c", "a"}},
		{"chain", []string{"a", "b", "c", "d"}, []string{"b", "c", "d", "e"}},
		{"shift", []string{"a", "b", "c"}, []string{"b", "c"}},
	} {
		for _, parallelism := range []string{"-parallelism=1", "-parallelism=10"} {
			t.Run(c.name+" "+parallelism, func(t *testing.T) {
				w := newOrdinary(t)
				w.unnamed(inDev(numbered(c.before...)))
				w.applies()
				w.unnamed(inDev(numbered(c.after...)))
				out, succeeds := w.Tries("apply", "-auto-approve", "-input=false", "-no-color", parallelism)
				if !succeeds && !strings.Contains(acctest.OneLine(out), "if an apply stopped here, apply again") &&
					!strings.Contains(out, "already exists") {
					t.Errorf("the apply fails with another error:\n%s", out)
				}
				w.applies(parallelism)
				w.isDone()
				for _, name := range c.after {
					w.has("dev", name, name)
				}
			})
		}
	}
}

// Terraform deletes a secret or type before it changes what referred to it. Without a name, the provider deletes it
// after that, in the same apply.
func TestDeletionBeforeItsDependentWithoutAConfiguration(t *testing.T) {
	link := func(target string) string {
		return secretNamed(target, target, target) + fmt.Sprintf(`
resource "pouncet_scoped_value" "l" {
  name        = "l"
  environment = "dev"
  from_secret = { name = pouncet_secret.%s_ENV.name }
}
resource "pouncet_secret_type" %[1]q {
  key    = %[1]q
  schema = jsonencode({ type = "string" })
}
resource "pouncet_secret" "typed" {
  name        = "typed"
  environment = "dev"
  type        = pouncet_secret_type.%[1]s.key
  value_wo    = "v"
}
`, target)
	}
	shrinks := func(n int) string {
		return fmt.Sprintf(`
resource "pouncet_secret_type" "t" {
  count  = %[1]d
  key    = %[1]d == count.index + 1 ? "last" : "first"
  schema = jsonencode({ type = "string" })
}
resource "pouncet_secret" "s" {
  name        = "s"
  environment = "dev"
  type        = pouncet_secret_type.t[%[1]d - 1].key
  value_wo    = "v"
}
`, n)
	}
	for _, parallelism := range []int{1, 10} {
		list := newOrdinary(t)
		list.unnamed(shrinks(2))
		list.applies()
		list.unnamed(shrinks(1))
		list.Tries("apply", "-auto-approve", "-input=false", "-no-color") // it may stop once: the order is not defined
		list.converges(parallelism)
		if types := list.pouncet("type", "list", "--json"); strings.Contains(types, `"held"`) ||
			strings.Count(types, `"managed_by"`) != 1 {
			t.Errorf("the list of types did not shrink:\n%s", types)
		}
		w := newOrdinary(t)
		w.unnamed(inDev(link("a")))
		w.applies()
		w.unnamed(inDev(link("b")))
		w.converges(parallelism)
		w.lacks("dev", "a")
		w.has("dev", "l", "b", "--value")
		if list := w.pouncet("type", "list", "--json"); strings.Contains(list, `"name": "a"`) {
			t.Errorf("the type still exists:\n%s", list)
		}
	}
}

// everyKind is one resource of each kind in a project, with a secret and a scoped value in the environment.
func everyKind(project, lifecycle string) string {
	return strings.NewReplacer("PROJECT", project, "LIFECYCLE", lifecycle).Replace(`
resource "pouncet_project" "PROJECT" {
  name = "PROJECT"
  LIFECYCLE
}
resource "pouncet_environment" "PROJECT" {
  project = pouncet_project.PROJECT.name
  name    = "stage"
  LIFECYCLE
}
resource "pouncet_secret_type" "PROJECT" {
  project = pouncet_project.PROJECT.name
  key     = "word"
  schema  = jsonencode({ type = "string" })
  LIFECYCLE
}
resource "pouncet_secret" "PROJECT" {
  project     = pouncet_project.PROJECT.name
  environment = pouncet_environment.PROJECT.name
  name        = "db"
  type        = pouncet_secret_type.PROJECT.key
  value_wo    = "value"
  LIFECYCLE
}
resource "pouncet_scoped_value" "PROJECT" {
  project     = pouncet_project.PROJECT.name
  environment = pouncet_environment.PROJECT.name
  name        = "link"
  from_secret = { name = pouncet_secret.PROJECT.name }
  LIFECYCLE
}`)
}

// A replaced object keeps its name. A project, environment or type also keeps its id and its contents. Each project of
// the configuration has one resource replaced, of another kind.
func TestReplacementKeepsTheName(t *testing.T) {
	kinds := []string{"project", "environment", "secret_type", "secret", "scoped_value"}
	for verb, lifecycle := range map[string]string{
		"replace": "", "taint": "", "create_before_destroy": "lifecycle { create_before_destroy = true }",
	} {
		t.Run(verb, func(t *testing.T) {
			w := newOrdinary(t)
			config := ""
			for i := range kinds {
				config += everyKind(fmt.Sprintf("p%d", i), lifecycle)
			}
			w.config(config)
			w.applies()
			var args []string
			for i, kind := range kinds {
				address := fmt.Sprintf("pouncet_%s.p%d", kind, i)
				if verb == "taint" {
					w.Must("taint", "-no-color", address)
				} else {
					args = append(args, "-replace="+address)
				}
			}
			w.converges(10, args...)
			for i, kind := range kinds {
				project := fmt.Sprintf("p%d", i)
				if got := w.pouncet("resolve", "link", "--value", "--project", project, "--env", "stage"); got != "value" {
					t.Errorf("after the %s is replaced, the linked value is %q", kind, got)
				}
			}
			w.Must("destroy", "-auto-approve", "-input=false", "-no-color")
		})
	}
}

// A provisioner that fails leaves a tainted object, which an apply replaces and a destroy removes.
func TestFailedProvisioner(t *testing.T) {
	w := newOrdinary(t)
	body := func(command string) string {
		return fmt.Sprintf(`
resource "pouncet_secret" "d" {
  name        = "d"
  environment = "dev"
  value_wo    = "v1"
  provisioner "local-exec" { command = %q }
}`, command)
	}
	w.config(body("false"))
	w.Fails("apply", "-auto-approve", "-input=false", "-no-color")
	w.config(body("true"))
	w.converges(10)
	w.has("dev", "d", "v1")
	w.config(body("false"))
	w.Must("taint", "-no-color", "pouncet_secret.d")
	w.Fails("apply", "-auto-approve", "-input=false", "-no-color")
	w.Must("destroy", "-auto-approve", "-input=false", "-no-color")
	w.lacks("dev", "d")
}

func TestRelinkedWhileTheOldTargetGoes(t *testing.T) {
	target := func(both bool, link string) string {
		out := secretNamed("b", "b", "y")
		if both {
			out += secretNamed("a", "a", "x")
		}
		return out + fmt.Sprintf(`
resource "pouncet_scoped_value" "l_ENV" {
  name        = "l"
  environment = "ENV"
  %s
}`, link)
	}
	typed := func(withType bool) string {
		if !withType {
			return secretNamed("s", "s", "v")
		}
		return `
resource "pouncet_secret_type" "t_ENV" {
  key    = "word"
  schema = jsonencode({ type = "string" })
}
` + strings.Replace(secretNamed("s", "s", "v"), "value_wo", "type = pouncet_secret_type.t_ENV.key\n  value_wo", 1)
	}
	moves := func(key string) string {
		return strings.NewReplacer("t_ENV", key+"_ENV", `"word"`, `"`+key+`-ENV"`).Replace(typed(true))
	}
	strict := func(key string, length int, value string) string {
		return strings.NewReplacer(`"word"`, `"`+key+`-ENV"`, "t_ENV", key+"_ENV", `type = "string"`,
			fmt.Sprintf(`type = "string", minLength = %d`, length), `= "v"`, `= "`+value+`"`).Replace(typed(true))
	}
	shrinks := func(keys ...string) string { // the secret has the last type, "c"
		list := fmt.Sprintf(`
locals { types_ENV = ["%s"] }
resource "pouncet_secret_type" "t_ENV" {
  count  = length(local.types_ENV)
  key    = "${local.types_ENV[count.index]}-ENV"
  schema = jsonencode({ type = "string" })
}
`, strings.Join(keys, `", "`))
		typ := fmt.Sprintf("type = pouncet_secret_type.t_ENV[%d].key\n  value_wo", len(keys)-1)
		return list + strings.Replace(secretNamed("s", "s", "v"), "value_wo", typ, 1)
	}
	// The value becomes known in the apply, and only that one fits the new type.
	late := func(typ, value string) string {
		return `
resource "terraform_data" "late_ENV" { input = ` + value + ` }
resource "pouncet_secret_type" "word_ENV" {
  key    = "word-ENV"
  schema = jsonencode({ type = "string" })
}
resource "pouncet_secret_type" "object_ENV" {
  key    = "object-ENV"
  schema = jsonencode({ type = "object", required = ["x"] })
}
` + strings.Replace(secretNamed("s", "s", ""), `= ""`, "= terraform_data.late_ENV.output\n  "+typ, 1)
	}
	ofType := func(name string) string { return "type = pouncet_secret_type." + name + "_ENV.key" }
	type m = map[string]string
	toA, toB := `from_secret = { name = pouncet_secret.a_ENV.name }`, `from_secret = { name = pouncet_secret.b_ENV.name }`
	runTransitions(t, []transition{
		{name: "by reference", before: target(true, toA), after: target(false, toB), values: m{"l": "y"}},
		{
			name: "by name",
			before: target(true, `from_secret = { name = "a" }
  depends_on = [pouncet_secret.a_ENV]`),
			after: target(false, `from_secret = { name = "b" }`), values: m{"l": "y"},
		},
		{
			name:   "a link becomes a plain value",
			before: target(true, toA), after: target(false, `value_json = jsonencode("plain")`), values: m{"l": "plain"},
		},
		{name: "a type goes together with its use", before: typed(true), after: typed(false), secrets: m{"s": "v"}},
		{name: "a new type replaces another one", before: moves("w"), after: moves("q"), secrets: m{"s": "v"}},
		{
			name: "a stricter type under another key comes with a value that fits it", before: strict("word", 1, "v"),
			after: strict("words", 4, "vvvv"), secrets: m{"s": "vvvv"},
		},
		{name: "a list of types shrinks", before: shrinks("d", "c"), after: shrinks("c"), secrets: m{"s": "v"}},
		{
			name:   "another type comes with a value that is known late",
			before: late(ofType("word"), `"v"`), after: late(ofType("object"), `jsonencode({ x = 1 })`),
			secrets: m{"s": `{"x":1}`},
		},
		{
			name:   "a first type comes with a value that is known late",
			before: late("", `"v"`), after: late(ofType("object"), `jsonencode({ x = 1 })`), secrets: m{"s": `{"x":1}`},
		},
	})
}

// A change by somebody else after the plan stops the apply, which then overwrites nothing.
func TestStalePlan(t *testing.T) {
	changes := map[string][]string{ // of secrets, by what the error names
		"labels":        {"secret", "set", "labels", "--env", "dev", "--label", "z=1"},
		"version":       {"secret", "set", "version", "--env", "dev", "--generate"},
		"description":   {"secret", "set", "description", "--env", "dev", "--description", "theirs"},
		"rotation_days": {"secret", "set", "rotation_days", "--env", "dev", "--rotation-days", "9"},
		"name":          {"secret", "rename", "name", "theirs", "--env", "dev"},
	}
	names := slices.Sorted(maps.Keys(changes))
	w := newOrdinary(t)
	config := func(description string) {
		w.config(fmt.Sprintf(`
resource "pouncet_secret" "s" {
  for_each    = toset(["%s"])
  name        = each.key
  environment = "dev"
  description = %q
  value_wo    = "v"
}
resource "pouncet_secret_type" "t" {
  key         = "shown"
  description = %[2]q
  schema      = jsonencode({ type = "string" })
}
resource "pouncet_scoped_value" "v" {
  name        = "plain"
  environment = "dev"
  description = %[2]q
  value_json  = "1"
}
resource "pouncet_environment" "e" {
  name        = "stage"
  description = %[2]q
}`, strings.Join(names, `", "`), description))
	}
	config("one")
	w.applies()
	config("two")
	w.Must("plan", "-input=false", "-no-color", "-out=plan")
	for _, args := range changes {
		w.pouncet(args...)
	}
	w.pouncet("type", "set", "shown", "--display-name", "theirs")
	w.pouncet("value", "set", "plain", "--env", "dev", "--json-value", "2")
	w.pouncet("env", "set", "stage", "--protected")
	out := acctest.OneLine(w.Fails("apply", "-input=false", "-no-color", "plan"))
	for _, name := range names {
		secret := strings.Replace(name, "name", "theirs", 1) // the new name of the renamed one
		if want := fmt.Sprintf("Secret %q was changed after the plan: %s", secret, name); !strings.Contains(out, want) {
			t.Errorf("the errors do not have %q:\n%s", want, out)
		}
	}
	for _, want := range []string{
		`Secret type "shown" was changed after the plan: display_name`,
		`Scoped value "plain" was changed after the plan: value_json`,
		`Environment "stage" was changed after the plan: protected`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the errors do not have %q:\n%s", want, out)
		}
	}
	if strings.Contains(w.pouncet("secret", "list", "--env", "dev", "--json"), `"two"`) {
		t.Error("the apply overwrote a secret")
	}
	w.pouncet("env", "set", "stage", "--protected=false")
	w.Must("destroy", "-auto-approve", "-input=false", "-no-color")
}

// The error of an object that the same apply has moved out of the way names it as users know it.
func TestStalePlanOfADisplacedSecret(t *testing.T) {
	w := newOrdinary(t)
	config := func(a, b string) {
		w.config(inDev(secretNamed("a", a, "v")) + fmt.Sprintf(`
resource "pouncet_secret" "b" {
  name        = %q
  environment = "dev"
  value_wo    = "v"
  depends_on  = [pouncet_secret.a_dev]
}
`, b))
	}
	config("one", "two")
	w.applies()
	config("two", "three")
	w.Must("plan", "-input=false", "-no-color", "-out=plan")
	w.pouncet("secret", "set", "two", "--env", "dev", "--description", "theirs")
	out := acctest.OneLine(w.Fails("apply", "-input=false", "-no-color", "plan"))
	if !strings.Contains(out, `Secret "two" was changed after the plan: description.`) || strings.Contains(out, "~") {
		t.Errorf("the apply does not name the secret:\n%s", out)
	}
	w.converges(10)
	w.holdsNothing()
}

// A link that follows a rename in the same apply is not named as a change by somebody else.
func TestStalePlanOfALinkThatFollowed(t *testing.T) {
	w := newOrdinary(t)
	config := func(name, description string) {
		w.config(fmt.Sprintf(`
resource "pouncet_secret" "s" {
  name        = %q
  environment = "dev"
  value_wo    = "v"
}
resource "pouncet_scoped_value" "l" {
  name        = "l"
  environment = "dev"
  description = %q
  from_secret = { name = pouncet_secret.s.name }
}`, name, description))
	}
	config("old", "one")
	w.applies()
	config("new", "two")
	w.Must("plan", "-input=false", "-no-color", "-out=plan")
	w.pouncet("value", "set", "l", "--env", "dev", "--description", "theirs")
	out := acctest.OneLine(w.Fails("apply", "-input=false", "-no-color", "plan"))
	if want := `Scoped value "l" was changed after the plan: description.`; !strings.Contains(out, want) {
		t.Errorf("the error does not have %q:\n%s", want, out)
	}
}

// Terraform plans the configuration before a destroy. A provider that cannot read the command line of Terraform, as in
// this process, fails the destroy if the configuration breaks a rule. Without the refresh there is no such plan.
func TestDestroyOfABrokenConfiguration(t *testing.T) {
	w := newOrdinary(t)
	w.config(inDev(secretNamed("s", "s", "v")))
	w.applies()
	w.config(inDev(secretNamed("s", "s", "v") + secretNamed("broken", "broken", "")))
	out := acctest.OneLine(w.Fails("destroy", "-auto-approve", "-input=false", "-no-color"))
	if want := "Secret value is required"; !strings.Contains(out, want) {
		t.Errorf("the error does not have %q:\n%s", want, out)
	}
	w.Must("destroy", "-refresh=false", "-auto-approve", "-input=false", "-no-color")
	w.lacks("dev", "s")
}

// A rotation reaches the copies in the same apply.
func TestCopiesOfAValueFollow(t *testing.T) {
	body := `
resource "pouncet_secret" "src_ENV" {
  name        = "src"
  environment = "ENV"
  %s
}
ephemeral "pouncet_secret_value" "src_ENV" {
  name        = pouncet_secret.src_ENV.name
  environment = "ENV"
  at_version  = pouncet_secret.src_ENV.version
}
resource "pouncet_secret" "copy_ENV" {
  name        = "copy"
  environment = "ENV"
  value_wo    = ephemeral.pouncet_secret_value.src_ENV.value
  %s
}`
	given, generated := `value_wo = "v%d"`, `generate = { keepers = { i = "%d" } }`
	number, label := `value_wo_version = pouncet_secret.src_ENV.version`, `labels = { v = pouncet_secret.src_ENV.version }`
	var cases []transition
	for _, c := range []struct{ name, source, copy1, copy2 string }{
		{"alone", given, "", ""},
		{"with a description", given, `description = "d1"`, `description = "d2"`},
		{"with the version of the source", given, number, number},
		{"with a number that rises", given, `value_wo_version = 1`, `value_wo_version = 2`},
		{"with a number that is new", given, ``, `value_wo_version = 2`},
		{"with a number that goes", given, `value_wo_version = 2`, ``},
		{"with a label", given, label, label},
	} {
		cases = append(cases, transition{
			name:   c.name,
			before: fmt.Sprintf(body, fmt.Sprintf(c.source, 1), c.copy1),
			after:  fmt.Sprintf(body, fmt.Sprintf(c.source, 2), c.copy2), secrets: map[string]string{"copy": "v2"},
		})
	}
	runTransitions(t, cases)

	t.Run("of a generated value", func(t *testing.T) {
		w := newOrdinary(t)
		for i := range 2 {
			w.config(strings.ReplaceAll(fmt.Sprintf(body, fmt.Sprintf(generated, i), ""), "ENV", "dev"))
			w.converges(10)
			w.has("dev", "copy", w.pouncet("resolve", "src", "--env", "dev"))
		}
	})
}

func TestAnotherKMSKeyKeepsTheEnvironment(t *testing.T) {
	w := newOrdinary(t)
	config := `
resource "pouncet_environment" "e" {
  name    = "stage"
  kms_key = "file://%s/%s.key"
}
resource "pouncet_secret" "s" {
  environment = pouncet_environment.e.name
  name        = "s"
  value_wo    = "v"
}`
	w.config(fmt.Sprintf(config, w.Dir, "one"))
	w.converges(10)
	w.config(fmt.Sprintf(config, w.Dir, "two"))
	w.converges(10)
	if got := w.pouncet("resolve", "s", "--env", "stage"); got != "v" {
		t.Errorf("the secret is %q", got)
	}
}

// A destroyed environment can be restored with its secrets, and managed again.
func TestDestroyCanBeUndone(t *testing.T) {
	w := newOrdinary(t)
	w.config(`
resource "pouncet_environment" "e" { name = "stage" }
resource "pouncet_secret" "s" {
  environment = pouncet_environment.e.name
  name        = "s"
  value_wo    = "v"
}`)
	w.converges(10)
	w.Must("destroy", "-input=false", "-no-color", "-auto-approve")
	w.pouncet("env", "set", "stage")
	c := exec.CommandContext(t.Context(), programtest.Pouncet(t), "secret", "restore", "s", "--env", "stage")
	c.Env = append(c.Environ(), w.Env...)
	out, err := c.CombinedOutput()
	const hint = "pouncet env restore stage --as stage-old; then: pouncet secret restore s --env stage-old"
	if err == nil || !strings.Contains(string(out), hint) {
		t.Fatalf("the secret was restored, or the error lacks %q: %v\n%s", hint, err, out)
	}
	w.pouncet("env", "delete", "stage", "--purge", "--yes")
	w.pouncet("env", "restore", "stage")
	w.pouncet("secret", "restore", "s", "--env", "stage")
	w.Must("import", "-input=false", "-no-color", "pouncet_environment.e", "stage")
	w.Must("import", "-input=false", "-no-color", "pouncet_secret.s", "stage/s")
	w.converges(10)
}

// An environment whose replacement was interrupted, and that the configuration then gives up, is not lost: others can
// have secrets in it.
func TestInterruptedReplacementCanBeUndone(t *testing.T) {
	w := newOrdinary(t)
	config := func(more string) {
		w.config(fmt.Sprintf(`
resource "pouncet_environment" "e" {
  name = "stage"
  %s
}`, more))
	}
	config("")
	w.converges(10)
	w.pouncet("secret", "set", "s", "--env", "stage", "--generate")
	value := w.pouncet("resolve", "s", "--env", "stage")
	config(`depends_on = [terraform_data.fails]
}
resource "terraform_data" "fails" {
  provisioner "local-exec" { command = "false" }`)
	w.Fails("apply", "-auto-approve", "-input=false", "-no-color", "-replace=pouncet_environment.e")
	w.config("")
	w.converges(10)
	for _, args := range [][]string{{"env", "list", "--json"}, {"env", "list", "--deleted", "--json"}} {
		if list := w.pouncet(args...); !strings.Contains(list, `"held": "replaced"`) {
			t.Errorf("pouncet %s does not show the replaced environment:\n%s", strings.Join(args, " "), list)
		}
	}
	w.pouncet("env", "restore", "stage")
	w.has("stage", "s", value)
	config("")
	w.Must("import", "-input=false", "-no-color", "pouncet_environment.e", "stage")
	w.converges(10)
}

// An ephemeral resource that reads a value which the same plan changes would hand on the old value.
// Each kind of ephemeral resource warns, and what its warning says makes the copy right in one apply.
func TestReadingAChangingValueWarns(t *testing.T) {
	for name, c := range map[string]struct{ ephemeral, value, plain, fixed, remedy string }{
		"one value": {
			"pouncet_secret_value", "value", "name = pouncet_secret.src_dev.name",
			"name = pouncet_secret.src_dev.name\nat_version = pouncet_secret.src_dev.version",
			"Set at_version to the version of the resource",
		},
		"several values": {
			"pouncet_secret_values", `values["src"]`, "names = [pouncet_secret.src_dev.name]",
			"secrets = { src = { version = pouncet_secret.src_dev.version } }",
			"Set version in secrets in place of names to the version of the resource, for example " +
				`secrets = { "src" = { version = pouncet_secret.example.version } }`,
		},
		"several values by key": {
			"pouncet_secret_values", `values["k"]`, "secrets = { k = { name = pouncet_secret.src_dev.name } }",
			"secrets = { k = { name = pouncet_secret.src_dev.name, version = pouncet_secret.src_dev.version } }",
			"Set version in secrets to the version of the resource, for example " +
				`secrets = { "k" = { version = pouncet_secret.example.version } }`,
		},
		"a text": {
			"pouncet_rendered_configuration", "rendered",
			`content = "{{ get_secret_value('${pouncet_secret.src_dev.name}') }}"`,
			"content = \"{{ get_secret_value('src') }}\"\nafter_versions = [pouncet_secret.src_dev.version]",
			"Add the version of the resource to after_versions",
		},
		"a text with a linked value": {
			"pouncet_rendered_configuration", "rendered",
			`content = "{{ get_value('${pouncet_scoped_value.link.name}') }}"`,
			"content = \"{{ get_value('link') }}\"\nafter_versions = [pouncet_secret.src_dev.version]",
			"Add the version of the resource to after_versions",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newOrdinary(t)
			config := func(value, arguments string) string {
				return inDev(secretNamed("src", "src", value)) + fmt.Sprintf(`
resource "pouncet_scoped_value" "link" {
  name        = "link"
  environment = "dev"
  from_secret = { name = pouncet_secret.src_dev.name }
}
ephemeral %q "src" {
  environment = "dev"
  %s
}
resource "pouncet_secret" "copy" {
  name        = "copy"
  environment = "dev"
  value_wo    = trimspace(trim(ephemeral.%[1]s.src.%[3]s, "\""))
}
`, c.ephemeral, arguments, c.value)
			}
			plan := func(body string) string {
				w.config(body)
				return acctest.OneLine(w.Must("plan", "-input=false", "-no-color"))
			}
			w.config(config("1", c.plain))
			w.converges(10)
			if out := plan(config("1", c.plain)); strings.Contains(out, "Value changes in this plan") {
				t.Errorf("a plan that changes nothing warns:\n%s", out)
			}
			if out := plan(config("2", c.plain)); !strings.Contains(out, c.remedy) {
				t.Errorf("the plan does not warn with %q:\n%s", c.remedy, out)
			}
			if out := plan(config("2", c.fixed)); strings.Contains(out, "Value changes in this plan") {
				t.Errorf("a plan that reads the new value warns:\n%s", out)
			}
			w.converges(10)
			w.has("dev", "copy", "2")
		})
	}
}

// The same holds for a value that comes with another object: a replacement, a new address, a secret that is nearer in
// the lookup order; and for the previous version of a secret that is rotated, and for a scoped value.
func TestReadingWhatComesWithThePlanWarns(t *testing.T) {
	reads := func(arguments string) string {
		return fmt.Sprintf(`
ephemeral "pouncet_secret_value" "src" {
  environment = "dev"
  %s
}
resource "pouncet_secret" "copy" {
  name        = "copy"
  environment = "dev"
  value_wo    = ephemeral.pouncet_secret_value.src.value
}
`, arguments)
	}
	generated := func(keeper int) string {
		return fmt.Sprintf(`
resource "pouncet_secret" "src" {
  name        = "src"
  environment = "dev"
  generate    = { keepers = { n = "%d" } }
}
`, keeper)
	}
	inAll := strings.NewReplacer(`"ENV"`, `"*"`, "_ENV", "_all").Replace
	rendered := func(value, arguments string) string {
		return fmt.Sprintf(`
resource "pouncet_scoped_value" "src" {
  name        = "src"
  environment = "dev"
  value_json  = %q
}
ephemeral "pouncet_rendered_configuration" "src" {
  environment = "dev"
  content     = "a: {{ get_value('${pouncet_scoped_value.src.name}') }}"
  %s
}
resource "pouncet_secret" "copy" {
  name        = "copy"
  environment = "dev"
  value_wo    = ephemeral.pouncet_rendered_configuration.src.rendered
}
`, value, arguments)
	}
	named := func(label string) string { return "name = pouncet_secret." + label + ".name\n" }
	at := func(label string) string { return named(label) + "at_version = pouncet_secret." + label + ".version" }
	const remedy = "at_version = pouncet_secret.example.version."
	for name, c := range map[string]struct {
		before, after, fixed, taints string
		args                         []string
		remedy, value                string // the value of the copy, or of src
	}{
		"a replacement": {
			before: generated(1) + reads(named("src")), after: generated(1) + reads(named("src")),
			fixed: generated(1) + reads(at("src")), args: []string{"-replace=pouncet_secret.src"}, remedy: remedy,
		},
		"a tainted one": {
			before: generated(1) + reads(named("src")), after: generated(1) + reads(named("src")),
			fixed: generated(1) + reads(at("src")), taints: "pouncet_secret.src", remedy: remedy,
		},
		"a new address": {
			before: inDev(secretNamed("src", "src", "1")) + reads(named("src_dev")),
			after:  inDev(secretNamed("new", "src", "2")) + reads(named("new_dev")),
			fixed:  inDev(secretNamed("new", "src", "2")) + reads(at("new_dev")), remedy: remedy, value: "2",
		},
		"a nearer secret": {
			before: inAll(secretNamed("src", "src", "1")) + reads(named("src_all")),
			after:  inAll(secretNamed("src", "src", "1")) + inDev(secretNamed("near", "src", "2")) + reads(named("near_dev")),
			fixed:  inAll(secretNamed("src", "src", "1")) + inDev(secretNamed("near", "src", "2")) + reads(at("near_dev")),
			remedy: remedy, value: "2",
		},
		"names that move": {
			before: inDev(secretNamed("a", "src", "1")+secretNamed("b", "b", "2")) + reads(named("a_dev")),
			after:  inDev(secretNamed("a", "old", "1")+secretNamed("b", "src", "2")) + reads(named("b_dev")),
			fixed:  inDev(secretNamed("a", "old", "1")+secretNamed("b", "src", "2")) + reads(at("b_dev")),
			remedy: remedy, value: "2",
		},
		"the previous version": {
			before: inDev(secretNamed("src", "src", "1")),
			after:  inDev(secretNamed("src", "src", "3")) + reads(named("src_dev")+`at_version = "previous"`),
			fixed: inDev(secretNamed("src", "src", "3")) + reads(named("src_dev")+
				"at_version = pouncet_secret.src_dev.version - 1"),
			remedy: "at_version = pouncet_secret.example.version - 1.", value: "2",
		},
		"a scoped value": {
			before: rendered("1", ""), after: rendered("2", ""),
			fixed:  rendered("2", "after_versions = [pouncet_scoped_value.src.revision]"),
			remedy: "after_versions = [pouncet_scoped_value.example.revision].", value: `a: "2"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newOrdinary(t)
			w.config(c.before)
			w.converges(10)
			if name == "the previous version" {
				w.config(strings.Replace(c.before, `"1"`, `"2"`, 1))
				w.converges(10)
			}
			if c.taints != "" {
				w.Must("taint", "-no-color", c.taints)
			}
			w.config(c.after)
			out := acctest.OneLine(w.Must(append([]string{"plan", "-input=false", "-no-color"}, c.args...)...))
			if !strings.Contains(out, "Value changes in this plan") || !strings.Contains(out, c.remedy) {
				t.Errorf("the plan does not warn with %q:\n%s", c.remedy, out)
			}
			w.config(c.fixed)
			out = w.Must(append([]string{"plan", "-input=false", "-no-color"}, c.args...)...)
			if strings.Contains(out, "Value changes in this plan") {
				t.Errorf("a plan that reads the new value warns:\n%s", out)
			}
			w.converges(10, c.args...)
			if c.value == "" {
				c.value = w.pouncet("resolve", "src", "--env", "dev")
			}
			w.has("dev", "copy", c.value)
		})
	}
}

// An import plans to take the object over. After that, its name can move like the name of any other object.
func TestImportedObjectIsTakenOver(t *testing.T) {
	w := newOrdinary(t)
	w.pouncet("secret", "set", "a", "--env", "dev", "--generate")
	value := w.pouncet("resolve", "a", "--env", "dev")
	body := func(x, y string) string {
		return fmt.Sprintf(`
resource "pouncet_secret" "x" {
  name        = %q
  environment = "dev"
}
resource "pouncet_secret" "y" {
  name        = %q
  environment = "dev"
  value_wo    = "y"
}`, x, y)
	}
	w.config(body("a", "b") + `
import {
  to = pouncet_secret.x
  id = "dev/a"
}`)
	out := acctest.OneLine(w.Must("plan", "-input=false", "-no-color"))
	for _, want := range []string{`+ managed_by = "terraform:shop"`, "1 to import, 1 to add, 1 to change"} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not have %q:\n%s", want, out)
		}
	}
	w.converges(10)
	w.config(body("b", "a"))
	w.converges(10)
	w.has("dev", "b", value)
	w.has("dev", "a", "y")
	// Another configuration takes the objects over, and shows that.
	w.pouncet("configuration", "adopt", "other", "--from", "shop")
	if out := acctest.OneLine(w.Must("plan", "-input=false", "-no-color")); !strings.Contains(out,
		`~ managed_by = "terraform:other" -> "terraform:shop"`) {
		t.Errorf("the plan does not show the other owner:\n%s", out)
	}
}

// The mark of an object decides whether a creation may take its name before it is deleted. After the configuration was
// renamed, the plan says how to mark the objects. It fails with and without create_before_destroy, which it cannot see.
func TestReplacementAfterTheConfigurationWasRenamed(t *testing.T) {
	w := newOrdinary(t)
	addresses := []string{"-replace=pouncet_secret.a_dev", "-replace=pouncet_secret.b_dev",
		"-replace=pouncet_environment.e"}
	config := func(name string) {
		w.config(inDev(secretNamed("a", "a", "1")+strings.Replace(secretNamed("b", "b", "2"), "value_wo",
			"lifecycle { create_before_destroy = true }\n  value_wo", 1)) + `
resource "pouncet_environment" "e" {
  name = "stage"
  lifecycle { create_before_destroy = true }
}`)
		text, err := os.ReadFile(filepath.Join(w.Dir, "main.tf"))
		if err != nil {
			t.Fatal(err)
		}
		const argument = "configuration = %q"
		w.Write("main.tf", strings.Replace(string(text), fmt.Sprintf(argument, "shop"), fmt.Sprintf(argument, name), 1))
	}
	config("shop")
	w.converges(10)
	config("store")
	out := acctest.OneLine(w.Fails(append([]string{"plan", "-input=false", "-no-color"}, addresses...)...))
	if n := strings.Count(out, "pouncet configuration adopt store --from shop"); n != len(addresses) {
		t.Errorf("%d of %d errors name the command:\n%s", n, len(addresses), out)
	}
	w.Must("taint", "-no-color", "pouncet_secret.a_dev")
	out = acctest.OneLine(w.Fails("plan", "-input=false", "-no-color"))
	if !strings.Contains(out, "pouncet configuration adopt store --from shop") {
		t.Errorf("the plan of a tainted secret does not name the command:\n%s", out)
	}
	w.pouncet("configuration", "adopt", "store", "--from", "shop")
	w.converges(10, addresses...)
	w.has("dev", "b", "2")
}

// Terraform plans the deletion of a replaced object without asking the provider.
func TestReplacementOfAProtectedSecretFailsInThePlan(t *testing.T) {
	w := newOrdinary(t)
	w.config(inDev(strings.Replace(secretNamed("s", "s", "v"), "value_wo", "deletion_protection = true\n  value_wo", 1)))
	w.converges(10)
	out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color", "-replace=pouncet_secret.s_dev"))
	if !strings.Contains(out, "Set deletion_protection = false") {
		t.Errorf("the error does not say what to do:\n%s", out)
	}
}

// Terraform says of a tainted object neither that it is tainted nor, in the plan, that it deletes it. So the plan
// warns, and the apply names the way out.
func TestReplacementOfATaintedProtectedObject(t *testing.T) {
	w := newOrdinary(t)
	body := func(protected bool) string {
		return fmt.Sprintf(`
resource "pouncet_environment" "e" {
  name      = "e"
  protected = %t
}
resource "pouncet_secret" "s" {
  name                = "s"
  environment         = "dev"
  value_wo            = "v"
  deletion_protection = %[1]t
}`, protected)
	}
	w.config(body(true))
	w.converges(10)
	addresses := []string{"pouncet_environment.e", "pouncet_secret.s"}
	for _, address := range addresses {
		w.Must("taint", "-no-color", address)
	}
	out := acctest.OneLine(w.Must("plan", "-input=false", "-no-color", "-out=plan"))
	for _, want := range []string{
		`Environment "e" is protected against deletion`, `Secret "s" is protected against deletion`,
	} {
		if !strings.Contains(out, want) || !strings.Contains(out, "terraform untaint ADDRESS") {
			t.Errorf("the plan does not warn %q:\n%s", want, out)
		}
	}
	out = acctest.OneLine(w.Fails("apply", "-input=false", "-no-color", "plan"))
	for _, want := range []string{
		"terraform untaint ADDRESS; then set deletion_protection = false, and apply that first",
		"terraform untaint ADDRESS; then set protected = false, and apply that first",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the apply does not say %q:\n%s", want, out)
		}
	}
	for _, address := range addresses {
		w.Must("untaint", "-no-color", address)
	}
	w.config(body(false))
	w.converges(10)
	for _, address := range addresses {
		w.Must("taint", "-no-color", address)
	}
	w.converges(10)
}

// An object that is replaced and gets another name leaves what others have in it or link to. The plan refuses that.
func TestReplacementUnderAnotherNameLeavesOthers(t *testing.T) {
	body := func(suffix string) string {
		return strings.ReplaceAll(`
resource "pouncet_environment" "e" { name = "eX" }
resource "pouncet_project" "p" { name = "pX" }
resource "pouncet_secret_type" "t" {
  key    = "tX"
  schema = jsonencode({ type = "string" })
}
resource "pouncet_secret" "own" {
  name        = "own"
  environment = pouncet_environment.e.name
  value_wo    = "v"
}
resource "pouncet_secret" "s" {
  name        = "sX"
  environment = "dev"
  value_wo    = "v"
}`, "X", suffix)
	}
	w := newOrdinary(t)
	w.config(body(""))
	w.converges(10)
	addresses := []string{
		"pouncet_environment.e", "pouncet_project.p", "pouncet_secret_type.t", "pouncet_secret.s",
	}
	var replace []string
	for _, address := range addresses {
		replace = append(replace, "-replace="+address)
	}
	w.pouncet("secret", "set", "other", "--env", "e", "--generate")
	w.pouncet("env", "set", "other", "--project", "p")
	w.pouncet("secret", "set", "typed", "--env", "prod", "--type", "t", "--generate")
	w.pouncet("value", "set", "link", "--env", "dev", "--from-secret", "s")
	w.config(body("2"))
	out := acctest.OneLine(w.Fails(append([]string{"plan", "-input=false", "-no-color"}, replace...)...))
	for _, want := range []string{
		`Environment "e" is in use by secret other in e, and its replacement gets another name or place`,
		`Project "p" is in use by environment other`, `Secret type "t" is in use by secret typed in prod`,
		`Secret "s" is in use by scoped value link in dev`, "Rename it without replacing it, in one apply",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not say %q:\n%s", want, out)
		}
	}
	// Terraform tells the provider of a tainted object nothing that the plan could judge. The apply names the way out.
	w.Must("taint", "-no-color", addresses[0])
	out = acctest.OneLine(w.Fails("apply", "-auto-approve", "-input=false", "-no-color"))
	if !strings.Contains(out, `Environment "e" is in use by secret other in e`) ||
		!strings.Contains(out, "terraform untaint ADDRESS; another name is then a rename") {
		t.Errorf("the apply does not name the way out:\n%s", out)
	}
	w.Must("untaint", "-no-color", addresses[0])
	w.converges(10)
	w.converges(10, replace...)
	w.has("e2", "other", w.pouncet("resolve", "other", "--env", "e2"))
}

// Terraform validates and plans the configuration before it destroys everything. Arguments that are not valid do not
// stop it, if a validator, a plan modifier or the conversion of a value finds them.
func TestWrongArgumentsDoNotStopADestroy(t *testing.T) {
	w := newOrdinaryIn(t, acctest.NewWorkspace(t)) // a provider that Terraform starts sees how Terraform was called
	w.config(inDev(secretNamed("a", "a", "1")))
	w.applies()
	wrong := func(label, argument string) string {
		return strings.Replace(secretNamed(label, "a", "1"), "value_wo", argument+"\n  value_wo", 1)
	}
	w.config(inDev(wrong("a", `expires_at = "2020-01-01T00:00:00Z"`)+wrong("b", `expires_at = "2020-01-01"`)+
		wrong("c", `rotation_days = 1.5`)+wrong("d", `rotation_days = -1`)+wrong("e", `scope = ""`)) + `
data "pouncet_secrets" "empty" { environment = "" }
data "pouncet_secret" "empty" {
  name        = ""
  environment = "dev"
}
ephemeral "pouncet_secret_value" "empty" {
  name        = "a"
  environment = ""
}
resource "pouncet_secret" "copy" {
  count       = length(data.pouncet_secrets.empty.secrets) + data.pouncet_secret.empty.version + 1
  name        = "copy"
  environment = "dev"
  value_wo    = ephemeral.pouncet_secret_value.empty.value
}
`)
	out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color"))
	for _, want := range []string{"with data.pouncet_secrets.empty", "with ephemeral.pouncet_secret_value.empty"} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not have %q:\n%s", want, out)
		}
	}
	w.Must("destroy", "-auto-approve", "-input=false", "-no-color")
	w.lacks("dev", "a")
}

// Terraform plans the configuration before it destroys everything. An error of that plan does not stop it.
func TestErrorOfThePlanDoesNotStopADestroy(t *testing.T) {
	w := newOrdinaryIn(t, acctest.NewWorkspace(t)) // a provider that Terraform starts sees how Terraform was called
	w.pouncet("secret", "set", "taken", "--env", "dev", "--generate")
	w.config(inDev(secretNamed("a", "a", "1") + secretNamed("b", "b", "1")))
	w.applies()
	w.config(inDev(secretNamed("a", "taken", "1") + secretNamed("b", "b", "1") + secretNamed("c", "b", "1")))
	w.Fails("plan", "-input=false", "-no-color")
	w.Must("destroy", "-auto-approve", "-input=false", "-no-color")
	w.lacks("dev", "a")
	w.lacks("dev", "b")

	// That plan deletes secrets to which values that it keeps still link. Terraform plans some of the values first.
	secrets, links := "", ""
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		secrets += secretNamed(name, name, "1")
		links += fmt.Sprintf(`
resource "pouncet_scoped_value" %q {
  environment = "dev"
  name        = %[1]q
  from_secret = { name = %[1]q }
}
`, name)
	}
	w.config(inDev(secrets))
	w.applies()
	w.config(inDev(secrets + links))
	w.applies()
	w.config(links)
	out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color"))
	if !strings.Contains(out, "is in use by scoped value") {
		t.Errorf("the plan does not refuse the deletion:\n%s", out)
	}
	w.Must("destroy", "-auto-approve", "-input=false", "-no-color", "-parallelism=1")
	w.lacks("dev", "a")
}

func TestNothingToReadDoesNotStopADestroy(t *testing.T) {
	w := newOrdinaryIn(t, acctest.NewWorkspace(t)) // a provider that Terraform starts sees how Terraform was called
	w.config(inDev(secretNamed("a", "a", "1")))
	w.applies()
	w.config(inDev(secretNamed("a", "a", "1")) + `
data "pouncet_secret" "missing" {
  name        = "missing"
  environment = "dev"
}
data "pouncet_secrets" "missing" { project = "missing" }
data "pouncet_usages" "missing" { project = "missing" }
data "pouncet_config_references" "missing" { path = "missing.yaml" }
ephemeral "pouncet_secret_value" "missing" {
  name        = "missing"
  environment = "dev"
}
ephemeral "pouncet_secret_values" "missing" {
  names       = ["missing"]
  environment = "dev"
}
ephemeral "pouncet_rendered_configuration" "missing" {
  content     = "a: {{ get_secret_value('missing') }}"
  environment = "dev"
}
resource "pouncet_secret" "each" {
  for_each    = toset(concat(data.pouncet_secrets.missing.secrets[*].name, data.pouncet_usages.missing.usages[*].file))
  name        = each.key
  environment = "dev"
  value_wo    = "v"
}
resource "pouncet_secret" "counted" {
  count       = data.pouncet_secret.missing.version + length(data.pouncet_secret.missing.labels)
  name        = "counted"
  environment = "dev"
  value_wo    = "v"
}
resource "pouncet_secret" "copies" {
  for_each = {
    value    = ephemeral.pouncet_secret_value.missing.value
    values   = ephemeral.pouncet_secret_values.missing.values["missing"]
    rendered = ephemeral.pouncet_rendered_configuration.missing.rendered
  }
  name        = each.key
  environment = "dev"
  description = data.pouncet_secret.missing.id
  value_wo    = each.value
}
`)
	out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color"))
	for _, source := range []string{
		`data.pouncet_secret.missing`, `data.pouncet_secrets.missing`, `data.pouncet_usages.missing`,
		`data.pouncet_config_references.missing`, `ephemeral.pouncet_secret_value.missing`,
		`ephemeral.pouncet_secret_values.missing`, `ephemeral.pouncet_rendered_configuration.missing`,
	} {
		if !strings.Contains(out, "with "+source) {
			t.Errorf("the plan does not report %s:\n%s", source, out)
		}
	}
	w.Must("destroy", "-auto-approve", "-input=false", "-no-color")
	w.lacks("dev", "a")
}

// Without a reference, Terraform does not know that a new object needs what the same plan deletes. It plans the two in
// any order.
func TestPlanRefusesANewUserOfWhatItDeletes(t *testing.T) {
	const goes = `
resource "pouncet_environment" "goes" { name = "goes" }
resource "pouncet_secret_type" "goes" {
  key    = "goes"
  schema = jsonencode({ type = "string" })
}
resource "pouncet_project" "goes" { name = "goes" }
`
	stays := func(typ string) string {
		return strings.Replace(secretNamed("stays", "stays", "1"), "value_wo", typ+"\n  value_wo", 1)
	}
	w := newOrdinary(t)
	before := inDev(secretNamed("goes", "goes", "1") + stays("") + secretNamed("other", "other", "1"))
	w.config(goes + before)
	w.converges(10)
	link := func(environment, name string) string {
		return fmt.Sprintf(`
resource "pouncet_scoped_value" "link" {
  environment = %q
  name        = "link"
  from_secret = { name = %s }
}
`, environment, name)
	}
	for name, c := range map[string]struct{ config, message string }{
		"a secret in an environment": {
			strings.ReplaceAll(secretNamed("new", "new", "1"), "ENV", "goes"), `Secret "new" needs environment "goes"`,
		},
		"a secret of a type": {
			inDev(strings.Replace(secretNamed("new", "new", "1"), "value_wo", "type = \"goes\"\n  value_wo", 1)),
			`Secret "new" needs secret type "goes"`,
		},
		"another type":               {inDev(stays(`type = "goes"`)), `Secret "stays" needs secret type "goes"`},
		"a link":                     {link("dev", `"goes"`), `Scoped value "link" needs secret "goes"`},
		"a link in all environments": {link("*", `"goes"`), `Scoped value "link" needs secret "goes"`},
		"an environment in a project": {`
resource "pouncet_environment" "new" {
  project = "goes"
  name    = "new"
}
`, `Environment "new" needs project "goes"`},
	} {
		w.config(c.config + inDev(secretNamed("other", "other", "1")))
		for _, parallelism := range []string{"-parallelism=1", "-parallelism=10"} {
			out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color", parallelism))
			if !strings.Contains(out, c.message+", and this plan deletes it") {
				t.Errorf("%s: the plan does not refuse it:\n%s", name, out)
			}
		}
	}
	// Other objects come to the names, or another one has the name.
	w.config(strings.ReplaceAll(goes, `" "goes" {`, `" "came" {`) + inDev(stays("type = pouncet_secret_type.came.key")) +
		strings.ReplaceAll(secretNamed("came", "goes", "2"), `"ENV"`, "pouncet_environment.came.name") +
		link("*", "pouncet_secret.came_ENV.name"))
	w.converges(10)
	w.has("goes", "goes", "2")
	w.has("goes", "link", "2", "--value")
	w.holdsNothing()
}

// A literal name of what the same plan replaces means that object, before the replacement and after it.
func TestNewUserOfAReplacedObject(t *testing.T) {
	const replaced = `
resource "pouncet_project" "p" { name = "p" }
resource "pouncet_environment" "e" { name = "e" }
resource "pouncet_secret_type" "t" {
  key    = "t"
  schema = jsonencode({ type = "string" })
}
`
	users := `
resource "pouncet_environment" "in_p" {
  project = "p"
  name    = "new"
}
resource "pouncet_scoped_value" "l" {
  environment = "*"
  name        = "l"
  from_secret = { name = "s" }
}
` + strings.ReplaceAll(secretNamed("n", "n", "1"), "ENV", "e") +
		inDev(strings.Replace(secretNamed("typed", "typed", "2"), "value_wo", "type = \"t\"\n  value_wo", 1))
	for _, parallelism := range []int{1, 10} {
		t.Run(fmt.Sprintf("parallelism %d", parallelism), func(t *testing.T) {
			w := newOrdinary(t)
			w.config(replaced + inDev(secretNamed("s", "s", "3")))
			w.converges(10)
			w.config(replaced + inDev(secretNamed("s", "s", "4")) + users)
			w.converges(parallelism, "-replace=pouncet_project.p", "-replace=pouncet_environment.e",
				"-replace=pouncet_secret_type.t", "-replace=pouncet_secret.s_dev")
			w.has("e", "n", "1")
			w.has("dev", "typed", "2")
			w.has("dev", "l", "4", "--value")
			w.holdsNothing()
			// The secret moves to another environment, and a new value links to it there. With a literal name, the value could
			// come between the deletion of the secret and its creation.
			moved := strings.ReplaceAll(secretNamed("s", "s", "5"), "_ENV", "_dev")
			w.config(replaced + strings.ReplaceAll(moved, `"ENV"`, `"prod"`) + `
resource "pouncet_scoped_value" "moved" {
  environment = "prod"
  name        = "moved"
  from_secret = { name = pouncet_secret.s_dev.name }
}
`)
			w.converges(parallelism)
			w.has("prod", "moved", "5", "--value")
		})
	}
}

// Terraform says nothing of an object that leaves the state and stays in the backend, and an environment that is
// deleted may have it. Then it stays in reach, the apply says so, and the environment can be restored.
func TestDeletionOfWhatAForgottenObjectUses(t *testing.T) {
	w := newOrdinary(t)
	environment := `
resource "pouncet_environment" "e" { name = "e" }
`
	secret := strings.NewReplacer(`"ENV"`, "pouncet_environment.e.name", "ENV", "e").Replace(secretNamed("s", "s", "v"))
	w.config(environment + secret)
	w.applies()
	w.Must("state", "rm", "pouncet_secret.s_e")
	w.config("")
	out := acctest.OneLine(w.Must("apply", "-auto-approve", "-input=false", "-no-color"))
	for _, want := range []string{
		"The environment still has contents", `Environment "e" is deleted when the last of its contents is, but it still ` +
			"has secret s in e.", "run: pouncet env restore ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the apply does not say %q:\n%s", want, out)
		}
	}
	w.has("e", "s", "v")
	w.pouncet("env", "restore", "e")
	w.config(environment + secret)
	w.Must("import", "-input=false", "-no-color", "pouncet_environment.e", "e")
	w.Must("import", "-input=false", "-no-color", "pouncet_secret.s_e", "e/s")
	w.converges(10)
	w.has("e", "s", "v")
}

// The mark says whose a dependent is. A plan that deletes what a dependent without the mark uses fails, in whatever
// order Terraform plans them, although the dependent is in the state.
func TestPlanRefusesADeletionWhoseDependentHasNoMark(t *testing.T) {
	typed := func(name string) string {
		return fmt.Sprintf(`
resource "pouncet_secret_type" %q {
  key    = %[1]q
  schema = jsonencode({ type = "string" })
}
`, name) + inDev(strings.Replace(secretNamed("s", "s", "v"), "value_wo",
			fmt.Sprintf("type = pouncet_secret_type.%s.key\n  value_wo", name), 1))
	}
	w := newOrdinary(t)
	w.unnamed(typed("a"))
	w.applies()
	w.config(typed("b"))
	for _, parallelism := range []string{"-parallelism=1", "-parallelism=10"} {
		out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color", parallelism))
		for _, want := range []string{
			`Secret type "a" is in use by secret s in dev`, "apply without this deletion first, which sets its managed_by",
			"pouncet configuration adopt shop --unnamed",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("the plan does not say %q:\n%s", want, out)
			}
		}
	}
	w.config(typed("a"))
	w.converges(10)
	w.config(typed("b"))
	w.converges(10)
}

// A provider block can name a project that the same configuration creates.
func TestProviderBlockOfAPlannedProject(t *testing.T) {
	w := newOrdinaryIn(t, acctest.NewWorkspace(t)) // one process for each provider block
	w.config(fmt.Sprintf(`
resource "pouncet_project" "shop" { name = "shop" }
provider "pouncet" {
  alias         = "shop"
  path          = %q
  project       = pouncet_project.shop.name
  configuration = "shop"
}
resource "pouncet_secret" "s" {
  provider    = pouncet.shop
  environment = "*"
  name        = "s"
  value_wo    = "v"
}`, w.Data()))
	out := acctest.OneLine(w.Must("plan", "-input=false", "-no-color"))
	for _, want := range []string{
		"Warning: The project does not exist yet", `Project "shop", which the provider block names`,
		"If this configuration creates the project, no action is necessary",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not print %q:\n%s", want, out)
		}
	}
	w.converges(10)
}

// A variable, unlike a provider block, cannot refer to a project that the configuration creates.
func TestProjectOfAVariableMustExist(t *testing.T) {
	w := newOrdinaryIn(t, acctest.NewWorkspace(t)) // a provider with variables of its own
	w.config(inDev(secretNamed("s", "s", "v")))
	w.Env = append(w.Env, "POUNCET_PROJECT=absent")
	out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color"))
	if !strings.Contains(out, `Project "absent" does not exist`) || !strings.Contains(out, "Error: Planning the secret") {
		t.Errorf("the plan does not report the project of the variable:\n%s", out)
	}
}

// A state that meets another backend, or an empty one, is an error, and not a plan to create everything.
func TestAnotherBackendIsAnError(t *testing.T) {
	w := newOrdinaryIn(t, acctest.NewWorkspace(t)) // a provider with variables of its own
	w.config(inDev(secretNamed("s", "s", "v")))
	w.Must("apply", "-auto-approve", "-input=false", "-no-color")
	if err := os.Rename(w.Data(), w.Data()+".moved"); err != nil {
		t.Fatal(err)
	}
	w.pouncet("init")
	w.pouncet("env", "set", "dev")
	for _, args := range [][]string{
		{"plan"}, {"plan", "-destroy"}, {"apply", "-auto-approve"}, {"plan", "-refresh=false"},
		{"plan", "-refresh=false", "-replace=pouncet_secret.s"},
	} {
		out := acctest.OneLine(w.Fails(append(args, "-input=false", "-no-color")...))
		if !strings.Contains(out, "The state belongs to deployment") {
			t.Fatalf("terraform %v does not name the deployments:\n%s", args, out)
		}
	}
	out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color"))
	accept := regexp.MustCompile(`POUNCET_ACCEPT_DEPLOYMENT=[0-9a-f-]{36}`).FindString(out)
	w.Env = append(w.Env, accept)
	if out := acctest.OneLine(w.Fails("plan", "-refresh=false", "-input=false", "-no-color")); !strings.Contains(out,
		"run terraform plan without -refresh=false") {
		t.Errorf("the plan without refresh has no way out:\n%s", out)
	}
	w.Must("apply", "-auto-approve", "-input=false", "-no-color")
	w.Env = w.Env[:len(w.Env)-1]
	w.isDone()
	w.has("dev", "s", "v")
}

// A project, environment or type has contents. A plan that could lose them, depending on the order in which Terraform
// applies it, fails.
func TestPlanThatCouldLoseContentsFails(t *testing.T) {
	body := func(address, name, more string) string {
		return fmt.Sprintf(`
resource "pouncet_environment" %q { name = %q }
resource "pouncet_secret" "s" {
  environment = pouncet_environment.%s.name
  name        = "s"
  generate    = {}
}
%s`, address, name, address, more)
	}
	for name, c := range map[string]struct{ after, message string }{
		"another address without moved": {
			body("b", "two", ""), "if only the address of its resource changed, add a moved block",
		},
		"a rename and a new one of the old name": {
			body("a", "old", `resource "pouncet_environment" "new" { name = "two" }`), "creates another one of that name",
		},
		"a rename to a name that is not known yet, and a new one of the old name": {
			`
resource "terraform_data" "name" { input = "old" }
resource "pouncet_environment" "a" { name = terraform_data.name.output }
resource "pouncet_environment" "new" { name = "two" }
`, "creates another one of that name",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newOrdinary(t)
			w.config(body("a", "two", ""))
			w.converges(10)
			value := w.pouncet("resolve", "s", "--env", "two")
			w.config(c.after)
			for _, parallelism := range []string{"-parallelism=1", "-parallelism=10"} {
				out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color", parallelism))
				if !strings.Contains(out, c.message) {
					t.Errorf("the error does not contain %q:\n%s", c.message, out)
				}
			}
			if got := w.pouncet("resolve", "s", "--env", "two"); got != value {
				t.Error("the secret has another value")
			}
			w.Must("destroy", "-refresh=false", "-auto-approve", "-input=false", "-no-color")
		})
	}
}

// An ephemeral resource reads a secret that already exists, in an environment whose name comes with the same plan.
func TestEphemeralResourceInAnEnvironmentThatGetsItsName(t *testing.T) {
	config := func(name, more string) string {
		return fmt.Sprintf(`
resource "pouncet_environment" "e" {
  name = %q
  %s
}
resource "pouncet_secret" "source" {
  name        = "source"
  environment = pouncet_environment.e.name
  value_wo    = "v"
}
ephemeral "pouncet_secret_value" "source" {
  name        = pouncet_secret.source.name
  environment = pouncet_secret.source.environment
  at_version  = pouncet_secret.source.version
}
resource "pouncet_secret" "copy" {
  name        = "copy"
  environment = "prod"
  value_wo    = ephemeral.pouncet_secret_value.source.value
}
`, name, more)
	}
	w := newOrdinary(t)
	w.config(config("one", ""))
	w.converges(10)
	w.config(config("two", ""))
	w.converges(1)
	w.config(config("three", ""))
	w.converges(10)
	w.config(config("three", "depends_on = [terraform_data.fails]") + `
resource "terraform_data" "fails" {
  provisioner "local-exec" { command = "false" }
}`)
	w.Fails("apply", "-auto-approve", "-input=false", "-no-color", "-replace=pouncet_environment.e")
	w.config(config("three", ""))
	w.converges(10)
	w.has("three", "source", "v")
	w.has("prod", "copy", "v")
	// Without at_version, Terraform opens the ephemeral resource also in the plan that renames the environment. That
	// plan still reports a name that does not exist there.
	ephemeral := `
ephemeral "pouncet_secret_value" "read" {
  name        = "source"
  environment = pouncet_environment.e.name
}
`
	w.config(config("four", "") + ephemeral)
	w.converges(10)
	w.config(config("five", "") + strings.Replace(ephemeral, `"source"`, `"absent"`, 1))
	if out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color")); !strings.Contains(out, "not found") {
		t.Errorf("the plan does not report the missing secret:\n%s", out)
	}
}

// An entry moves to another environment or project, which takes the name of the old one in the same apply. No argument
// of the entry changes, but the entry must be replaced.
func TestMoveToAContainerThatTakesTheName(t *testing.T) {
	environments := func(a, b, blue, green string) string {
		return fmt.Sprintf(`
resource "pouncet_environment" "a" { name = %q }
resource "pouncet_environment" "b" { name = %q }
resource "pouncet_secret" "blue" {
  environment = pouncet_environment.%s.name
  name        = "blue"
  value_wo    = "1"
}
resource "pouncet_scoped_value" "green" {
  environment = pouncet_environment.%s.name
  name        = "green"
  value_json  = jsonencode("2")
}
`, a, b, blue, green)
	}
	projects := func(x, y, in string) string {
		return strings.NewReplacer("IN", "pouncet_project."+in+".name").Replace(fmt.Sprintf(`
resource "pouncet_project" "x" { name = %q }
resource "pouncet_project" "y" { name = %q }
resource "pouncet_environment" "e" {
  project = IN
  name    = "e"
}
resource "pouncet_secret_type" "t" {
  project = IN
  key     = "t"
  schema  = jsonencode({ type = "string" })
}
resource "pouncet_secret" "s" {
  project     = IN
  environment = pouncet_environment.e.name
  name        = "s"
  type        = pouncet_secret_type.t.key
  value_wo    = "3"
}
`, x, y))
	}
	types := func(u, v, of, value string) string {
		return fmt.Sprintf(`
resource "pouncet_secret_type" "u" {
  key    = %q
  schema = jsonencode({ type = "string", maxLength = 3 })
}
resource "pouncet_secret_type" "v" {
  key    = %q
  schema = jsonencode({ type = "string", minLength = 3 })
}
resource "pouncet_secret" "typed" {
  environment = "dev"
  name        = "typed"
  type        = pouncet_secret_type.%s.key
  value_wo    = %q
}
`, u, v, of, value)
	}
	for _, parallelism := range []int{1, 10} {
		t.Run(fmt.Sprintf("parallelism %d", parallelism), func(t *testing.T) {
			w := newOrdinary(t)
			w.config(environments("one", "two", "a", "b") + projects("p", "q", "x") + types("short", "long", "u", "abc"))
			w.converges(parallelism)
			w.config(environments("two", "one", "b", "a") + projects("q", "p", "y") + types("long", "short", "v", "abc"))
			w.converges(parallelism)
			w.config(environments("two", "one", "b", "a") + projects("q", "p", "y") + types("long", "short", "v", "abcd"))
			w.converges(parallelism)
			w.has("one", "blue", "1")
			w.has("two", "green", "2", "--value")
			w.holdsNothing()
			for _, kind := range []string{"env", "type"} {
				if list := w.pouncet(kind, "list", "--project", "q", "--json"); strings.Contains(list, `"managed_by"`) {
					t.Errorf("project q, which was p, has something:\n%s", list)
				}
			}
		})
	}
}

// With create_before_destroy, only the deletion of the old secret says what somebody changed after a saved plan. The
// apply then stops after the creation, and the next one deletes the old secret.
func TestStalePlanOfAReplacementThatCreatesFirst(t *testing.T) {
	w := newOrdinary(t)
	w.config(inDev(strings.Replace(secretNamed("s", "s", "v"), "value_wo",
		"lifecycle { create_before_destroy = true }\n  value_wo", 1)))
	w.converges(10)
	w.Must("plan", "-input=false", "-no-color", "-replace=pouncet_secret.s_dev", "-out=plan")
	w.pouncet("secret", "set", "s", "--env", "dev", "--description", "theirs")
	out := acctest.OneLine(w.Fails("apply", "-input=false", "-no-color", "plan"))
	if !strings.Contains(out, `Secret "s" was changed after the plan: description`) ||
		!strings.Contains(out, "Nothing was overwritten") {
		t.Errorf("the apply does not say what changed:\n%s", out)
	}
	w.converges(10)
	w.has("dev", "s", "v")
	w.holdsNothing()
}
