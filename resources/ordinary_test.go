// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// Ordinary life: what every provider is expected to do with every verb, in whatever order Terraform applies it. Each
// case applies one configuration and then another. The second plan must succeed, its apply too, with one resource at a
// time and with ten, and the plan after it must be empty.

type ordinary struct {
	*acctest.Workspace
	t *testing.T
}

func newOrdinary(t *testing.T) *ordinary {
	w := &ordinary{acctest.NewWorkspace(t), t}
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
	w.Write("main.tf", acctest.RequiredProviders+"provider \"pouncet\" { configuration = \"shop\" }\n"+body)
}

// converges applies the configuration, with further arguments for the plan, and expects the next plan to be empty.
func (w *ordinary) converges(parallelism int, planArgs ...string) {
	w.t.Helper()
	w.Must(append([]string{"plan", "-input=false", "-no-color", "-out=plan"}, planArgs...)...)
	w.Must("apply", "-input=false", "-no-color", fmt.Sprintf("-parallelism=%d", parallelism), "plan")
	w.isDone()
}

func (w *ordinary) isDone() {
	w.t.Helper()
	if out, err := w.Command("plan", "-input=false", "-no-color", "-detailed-exitcode").CombinedOutput(); err != nil {
		w.t.Fatalf("the next plan is not empty: %v\n%s", err, out)
	}
}

// has compares the value of a secret in dev or, with the flag --value, of a scoped value.
func (w *ordinary) has(name, want string, flags ...string) {
	w.t.Helper()
	if got := w.pouncet(append([]string{"resolve", name, "--env", "dev"}, flags...)...); got != want {
		w.t.Errorf("%s is %q, want %q", name, got, want)
	}
}

// lacks expects that dev has no secret of a name.
func (w *ordinary) lacks(name string) {
	w.t.Helper()
	if list := w.pouncet("secret", "list", "--env", "dev", "--json"); strings.Contains(list, fmt.Sprintf("%q", name)) {
		w.t.Errorf("secret %s still exists:\n%s", name, list)
	}
}

// numbered is a list of secrets, whose values are their names.
func numbered(names ...string) string {
	return fmt.Sprintf(`
locals { names = ["%s"] }
resource "pouncet_secret" "s" {
  count       = length(local.names)
  name        = local.names[count.index]
  environment = "dev"
  value_wo    = local.names[count.index]
}`, strings.Join(names, `", "`))
}

func secretNamed(address, name, value string) string {
	return fmt.Sprintf(`
resource "pouncet_secret" "%s" {
  name        = %q
  environment = "dev"
  value_wo    = %q
}`, address, name, value)
}

func TestNamesMoveInOneChange(t *testing.T) {
	two := func(a, b string) string { return secretNamed("x", a, "x") + secretNamed("y", b, "y") }
	for _, c := range []struct {
		name          string
		before, after string
		values        map[string]string
		gone          []string
	}{
		{"a list shifts", numbered("a", "b", "c"), numbered("b", "c"), map[string]string{"b": "b", "c": "c"}, []string{"a"}},
		{
			"a list shifts up", numbered("b", "c"), numbered("a", "b", "c"),
			map[string]string{"a": "a", "b": "b", "c": "c"}, nil,
		},
		{"a chain of renames", two("a", "b"), two("b", "c"), map[string]string{"b": "x", "c": "y"}, []string{"a"}},
		{"a swap", two("a", "b"), two("b", "a"), map[string]string{"b": "x", "a": "y"}, nil},
		{
			"another address without moved", secretNamed("old", "a", "1"), secretNamed("new", "a", "2"),
			map[string]string{"a": "2"}, nil,
		},
		{
			"a name that a deleted secret had", two("a", "b"), secretNamed("x", "b", "x"),
			map[string]string{"b": "x"}, []string{"a"},
		},
	} {
		for _, parallelism := range []int{1, 10} {
			t.Run(fmt.Sprintf("%s, parallelism %d", c.name, parallelism), func(t *testing.T) {
				w := newOrdinary(t)
				w.config(c.before)
				w.converges(10)
				w.config(c.after)
				w.converges(parallelism)
				for name, value := range c.values {
					w.has(name, value)
				}
				for _, name := range c.gone {
					w.lacks(name)
				}
			})
		}
	}
}

// everyKind is one resource of each kind, with a secret and a scoped value in the environment.
func everyKind(lifecycle string) string {
	return strings.ReplaceAll(`
resource "pouncet_project" "r" {
  name = "shop"
  LIFECYCLE
}
resource "pouncet_environment" "r" {
  project = pouncet_project.r.name
  name    = "stage"
  LIFECYCLE
}
resource "pouncet_secret_type" "r" {
  project = pouncet_project.r.name
  key     = "word"
  schema  = jsonencode({ type = "string" })
  LIFECYCLE
}
resource "pouncet_secret" "r" {
  project     = pouncet_project.r.name
  environment = pouncet_environment.r.name
  name        = "db"
  type        = pouncet_secret_type.r.key
  value_wo    = "value"
  LIFECYCLE
}
resource "pouncet_scoped_value" "r" {
  project     = pouncet_project.r.name
  environment = pouncet_environment.r.name
  name        = "link"
  from_secret = { name = pouncet_secret.r.name }
  LIFECYCLE
}`, "LIFECYCLE", lifecycle)
}

// A replaced object keeps its name. A project, environment or type also keeps its id and its contents.
func TestReplacementKeepsTheName(t *testing.T) {
	addresses := map[string]string{
		"project": "pouncet_project.r", "environment": "pouncet_environment.r", "secret type": "pouncet_secret_type.r",
		"secret": "pouncet_secret.r", "scoped value": "pouncet_scoped_value.r",
	}
	for kind, address := range addresses {
		for verb, lifecycle := range map[string]string{
			"replace": "", "taint": "", "create_before_destroy": "lifecycle { create_before_destroy = true }",
		} {
			t.Run(kind+", "+verb, func(t *testing.T) {
				w := newOrdinary(t)
				w.config(everyKind(lifecycle))
				w.converges(10)
				args := []string{"-replace=" + address}
				if verb == "taint" {
					w.Must("taint", "-no-color", address)
					args = nil
				}
				w.converges(10, args...)
				if got := w.pouncet("resolve", "link", "--value", "--project", "shop", "--env", "stage"); got != "value" {
					t.Errorf("the linked value is %q", got)
				}
				w.Must("destroy", "-auto-approve", "-input=false", "-no-color")
			})
		}
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
	w.has("d", "v1")
	w.config(body("false"))
	w.Must("taint", "-no-color", "pouncet_secret.d")
	w.Fails("apply", "-auto-approve", "-input=false", "-no-color")
	w.Must("destroy", "-auto-approve", "-input=false", "-no-color")
	w.lacks("d")
}

func TestRelinkedWhileTheOldTargetGoes(t *testing.T) {
	target := func(both bool, link string) string {
		out := secretNamed("b", "b", "y")
		if both {
			out += secretNamed("a", "a", "x")
		}
		return out + fmt.Sprintf(`
resource "pouncet_scoped_value" "l" {
  name        = "l"
  environment = "dev"
  %s
}`, link)
	}
	typed := func(withType bool) string {
		if !withType {
			return secretNamed("s", "s", "v")
		}
		return `
resource "pouncet_secret_type" "t" {
  key    = "word"
  schema = jsonencode({ type = "string" })
}
` + strings.Replace(secretNamed("s", "s", "v"), "value_wo", "type = pouncet_secret_type.t.key\n  value_wo", 1)
	}
	for _, c := range []struct{ name, before, after, entry, value string }{
		{
			"by reference", target(true, `from_secret = { name = pouncet_secret.a.name }`),
			target(false, `from_secret = { name = pouncet_secret.b.name }`), "l", "y",
		},
		{"by name", target(true, `from_secret = { name = "a" }
  depends_on = [pouncet_secret.a]`), target(false, `from_secret = { name = "b" }`), "l", "y"},
		{
			"a link becomes a plain value", target(true, `from_secret = { name = pouncet_secret.a.name }`),
			target(false, `value_json = jsonencode("plain")`), "l", "plain",
		},
		{"a type goes together with its use", typed(true), typed(false), "s", "v"},
	} {
		for _, parallelism := range []int{1, 10} {
			t.Run(fmt.Sprintf("%s, parallelism %d", c.name, parallelism), func(t *testing.T) {
				w := newOrdinary(t)
				w.config(c.before)
				w.converges(10)
				w.config(c.after)
				w.converges(parallelism)
				var flags []string
				if c.entry == "l" {
					flags = []string{"--value"}
				}
				w.has(c.entry, c.value, flags...)
				if held := w.pouncet("secret", "list", "--env", "dev", "--json"); strings.Contains(held, `"held"`) {
					t.Errorf("an object is still set aside:\n%s", held)
				}
			})
		}
	}
}

// A change by somebody else after the plan stops the apply, which then overwrites nothing.
func TestStalePlan(t *testing.T) {
	config := `
resource "pouncet_secret" "s" {
  name        = "s"
  environment = "dev"
  description = "%s"
  value_wo    = "v"
}`
	for change, args := range map[string][]string{
		"labels":        {"secret", "set", "s", "--env", "dev", "--label", "z=1"},
		"version":       {"secret", "set", "s", "--env", "dev", "--generate"},
		"description":   {"secret", "set", "s", "--env", "dev", "--description", "theirs"},
		"rotation_days": {"secret", "set", "s", "--env", "dev", "--rotation-days", "9"},
		"name":          {"secret", "rename", "s", "theirs", "--env", "dev"},
	} {
		t.Run(change, func(t *testing.T) {
			w := newOrdinary(t)
			w.config(fmt.Sprintf(config, "one"))
			w.converges(10)
			w.config(fmt.Sprintf(config, "two"))
			w.Must("plan", "-input=false", "-no-color", "-out=plan")
			w.pouncet(args...)
			out := acctest.OneLine(w.Fails("apply", "-input=false", "-no-color", "plan"))
			if !strings.Contains(out, "was changed after the plan") || !strings.Contains(out, change) {
				t.Errorf("the error does not name %s:\n%s", change, out)
			}
			if strings.Contains(w.pouncet("secret", "list", "--env", "dev", "--json"), `"two"`) {
				t.Error("the apply overwrote the secret")
			}
			w.Must("destroy", "-auto-approve", "-input=false", "-no-color")
		})
	}
}

// A rotation reaches the copies in the same apply.
func TestCopiesOfAValueFollow(t *testing.T) {
	source := `
resource "pouncet_secret" "src" {
  name        = "src"
  environment = "dev"
  %s
}
ephemeral "pouncet_secret_value" "src" {
  name        = pouncet_secret.src.name
  environment = "dev"
  at_version  = pouncet_secret.src.version
}
resource "pouncet_secret" "copy" {
  name        = "copy"
  environment = "dev"
  value_wo    = ephemeral.pouncet_secret_value.src.value
  %s
}`
	given := `value_wo = "v%d"`
	generated := `generate = { keepers = { i = "%d" } }`
	for _, c := range []struct{ name, source, copy1, copy2 string }{
		{"alone", given, "", ""},
		{"with a description", given, `description = "d1"`, `description = "d2"`},
		{"with the version of the source", given, `value_wo_version = pouncet_secret.src.version`,
			`value_wo_version = pouncet_secret.src.version`},
		{"with a number that rises", given, `value_wo_version = 1`, `value_wo_version = 2`},
		{"with a number that is new", given, ``, `value_wo_version = 2`},
		{"with a number that goes", given, `value_wo_version = 2`, ``},
		{"with a label", given, `labels = { v = pouncet_secret.src.version }`, `labels = { v = pouncet_secret.src.version }`},
		{"of a generated value", generated, ``, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newOrdinary(t)
			w.config(fmt.Sprintf(source, fmt.Sprintf(c.source, 1), c.copy1))
			w.converges(10)
			w.config(fmt.Sprintf(source, fmt.Sprintf(c.source, 2), c.copy2))
			w.converges(10)
			w.has("copy", w.pouncet("resolve", "src", "--env", "dev"))
		})
	}
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

// An ephemeral resource that reads a value which the same plan changes would hand on the old value.
func TestReadingAChangingValueWarns(t *testing.T) {
	w := newOrdinary(t)
	config := func(value, atVersion string) string {
		return secretNamed("src", "src", value) + fmt.Sprintf(`
ephemeral "pouncet_secret_value" "src" {
  name        = pouncet_secret.src.name
  environment = "dev"
  %s
}`, atVersion)
	}
	const warning = "Set at_version to the version of the resource"
	plan := func(body string) string {
		w.config(body)
		return acctest.OneLine(w.Must("plan", "-input=false", "-no-color"))
	}
	w.config(config("1", ""))
	w.converges(10)
	if out := plan(config("1", "")); strings.Contains(out, warning) {
		t.Errorf("a plan that changes nothing warns:\n%s", out)
	}
	if out := plan(config("2", "")); !strings.Contains(out, warning) {
		t.Errorf("the plan does not warn:\n%s", out)
	}
	if out := plan(config("2", "at_version = pouncet_secret.src.version")); strings.Contains(out, warning) {
		t.Errorf("a plan that reads the new value warns:\n%s", out)
	}
}

// A provider block can name a project that the same configuration creates.
func TestProviderBlockOfAPlannedProject(t *testing.T) {
	w := newOrdinary(t)
	w.config(`
resource "pouncet_project" "shop" { name = "shop" }
provider "pouncet" {
  alias         = "shop"
  project       = pouncet_project.shop.name
  configuration = "shop"
}
resource "pouncet_secret" "s" {
  provider    = pouncet.shop
  environment = "*"
  name        = "s"
  value_wo    = "v"
}`)
	w.converges(10)
}

// A state that meets another backend, or an empty one, is an error, and not a plan to create everything.
func TestAnotherBackendIsAnError(t *testing.T) {
	w := newOrdinary(t)
	w.config(secretNamed("s", "s", "v"))
	w.Must("apply", "-auto-approve", "-input=false", "-no-color")
	if err := os.Rename(w.Data(), w.Data()+".moved"); err != nil {
		t.Fatal(err)
	}
	w.pouncet("init")
	w.pouncet("env", "set", "dev")
	for _, args := range [][]string{{"plan"}, {"plan", "-destroy"}, {"apply", "-auto-approve"}} {
		out := acctest.OneLine(w.Fails(append(args, "-input=false", "-no-color")...))
		if !strings.Contains(out, "The state belongs to deployment") {
			t.Fatalf("terraform %v does not name the deployments:\n%s", args, out)
		}
	}
	out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color"))
	accept := regexp.MustCompile(`POUNCET_ACCEPT_DEPLOYMENT=[0-9a-f-]{36}`).FindString(out)
	w.Env = append(w.Env, accept)
	w.Must("apply", "-auto-approve", "-input=false", "-no-color")
	w.Env = w.Env[:len(w.Env)-1]
	w.isDone()
	w.has("s", "v")
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
		"another address without moved": {body("b", "two", ""), `Environment "two" is in use by secret s`},
		"a rename and a new one of the old name": {
			body("a", "old", `resource "pouncet_environment" "new" { name = "two" }`), "creates another one of that name",
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
