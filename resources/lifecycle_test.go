// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// importsAs imports a resource by an id, and compares the result with its state.
func importsAs(config, address, importID string) acctest.Step {
	return acctest.Step{
		Config: config, Import: &acctest.Import{Address: address, ID: importID},
	}
}

func TestProjectLifecycle(t *testing.T) {
	b := acctest.New(t)
	const at = "pouncet_project.p"
	attribute := func(name, value string) statecheck.StateCheck {
		return acctest.Attr(at, name, value)
	}
	config := func(name, more string) string {
		return b.Config(fmt.Sprintf("resource \"pouncet_project\" \"p\" {\n  name = %q\n%s\n}", name, more))
	}
	rename := apply(config("store", `
  max_secrets     = 5000
  name_pattern    = "[A-Z_]+"
  immutable_names = true
  description     = "d"
  duplicates      = "refuse"
`), attribute("max_secrets", "5000"), attribute("name", "store"), attribute("duplicates", "refuse"))
	rename.PlanChecks = planActions(plancheck.ResourceActionUpdate, at)
	acctest.Run(t,
		apply(
			config("shop", ""), attribute("max_secrets", "100"), attribute("max_value_bytes", "65536"),
			attribute("default_visibility", "masked"), attribute("duplicates", "allow"),
		),
		rename,
		importsAs(config("store", ""), at, "store"),
		apply(
			config("store", ""), attribute("max_secrets", "100"), attribute("immutable_names", "false"),
			attribute("duplicates", "allow"), acctest.NoAttr(at, "name_pattern"),
		),
		planFails(config("store", "name_pattern = \"(\""), `not\s+a\s+valid\s+regular\s+expression`),
		planFails(config("store", "max_secrets = 0"), `max_secrets`),
		planFails(config("store", "duplicates = \"never\""), `duplicates`),
		apply(config("store", "")),
	)
}

// The plan must not refuse what the apply allows.
func TestPlanCanRaiseTheQuotaThatItNeeds(t *testing.T) {
	b := acctest.New(t)
	config := func(quota int, names ...string) string {
		body := fmt.Sprintf(`
resource "pouncet_project" "p" {
  name        = "shop"
  max_secrets = %d
}
resource "pouncet_environment" "e" {
  project = pouncet_project.p.name
  name    = "dev"
}
`, quota)
		for _, name := range names {
			body += fmt.Sprintf(`
resource "pouncet_secret" %q {
  project     = pouncet_project.p.name
  environment = pouncet_environment.e.name
  name        = %q
  value_wo    = "v"
}`, name, name)
		}
		return b.Config(body)
	}
	acctest.Run(t,
		apply(config(1, "a")),
		planFails(config(1, "a", "b"), `quota`),
		apply(config(2, "a", "b")),
	)
}

func TestEnvironmentLifecycle(t *testing.T) {
	b := acctest.New(t)
	const at = "pouncet_environment.e"
	config := func(name, more string) string {
		return b.Config(fmt.Sprintf(`
resource "pouncet_environment" "e" {
  name = %q
  %s
}
resource "pouncet_secret" "s" {
  name        = "inside"
  environment = pouncet_environment.e.name
  value_wo    = "kept"
}
resource "pouncet_scoped_value" "v" {
  name        = "linked"
  environment = pouncet_environment.e.name
  from_secret = { name = pouncet_secret.s.name }
}`, name, more))
	}
	renamed := config("stage", `description = "renamed"`)
	// The contents of the environment follow the rename. Nothing is replaced.
	rename := apply(renamed,
		hasValue(b, "stage", "inside", "kept"), check("version", "1"), check("environment", "stage"))
	rename.PlanChecks = planActions(plancheck.ResourceActionUpdate, at, address)
	acctest.Run(t,
		apply(config("staging", ""), hasValue(b, "staging", "inside", "kept")),
		rename,
		planIsEmpty(renamed),
		importsAs(renamed, at, "stage"),
		apply(config("stage", "protected = true"), acctest.Attr(at, "protected", "true")),
		applyFails(b.Config(""), `protected`),
		apply(config("stage", "")),
	)
}

func TestSecretTypeLifecycle(t *testing.T) {
	b := acctest.New(t)
	const at = "pouncet_secret_type.t"
	config := func(key, schema, value string) string {
		return b.Config(fmt.Sprintf(`
resource "pouncet_secret_type" "t" {
  key          = %q
  display_name = "PIN"
  schema       = %s
}
resource "pouncet_secret" "s" {
  name        = "pin"
  environment = "dev"
  type        = pouncet_secret_type.t.key
  value_wo    = %q
}`, key, schema, value))
	}
	digits := func(n int) string { return fmt.Sprintf(`jsonencode({ type = "string", pattern = "^[0-9]{%d}$" })`, n) }
	const equivalent = `<<-J
      { "pattern": "^[0-9]{4}$",
        "type": "string" }
      J
`
	const builtIn = `
resource "pouncet_secret_type" "b" {
  key    = "api_key"
  schema = "{}"
}`
	acctest.Run(t,
		apply(config("pin", digits(4), "1234"), check("type", "pin")),
		planIsEmpty(config("pin", equivalent, "1234")),
		applyFails(config("pin", digits(6), "1234"), `(?s)secret\s+pin\s+in\s+dev`),
		apply(config("pin4", digits(4), "1234"), check("type", "pin4"), check("version", "1")),
		importsAs(config("pin4", digits(4), "1234"), at, "pin4"),
		planFails(config("pin4", `"{"`, "1234"), `(?i)json`),
		planFails(config("pin4", `jsonencode({ type = "strange" })`, "1234"), `not\s+a\s+valid\s+JSON\s+Schema`),
		planFails(config("pin4", digits(4), "1234")+builtIn, `built\s+in`),
		apply(config("pin4", digits(4), "1234")),
	)
}

func TestScopedValueLifecycle(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db", "s3cret")
	const at = "pouncet_scoped_value.v"
	config := func(body string) string {
		return b.Config(fmt.Sprintf("resource \"pouncet_scoped_value\" \"v\" {\n  name = %q\n  environment = %q\n%s\n}",
			"v", "dev", body))
	}
	acctest.Run(t,
		apply(
			config(`value_json = jsonencode({ b = 1, a = [1, 2] })`),
			acctest.Attr(at, "value_json", `{"a":[1,2],"b":1}`),
		),
		planIsEmpty(config(`value_json = "{ \"b\": 1, \"a\": [1,2] }"`)),
		apply(
			config(`from_secret = { name = "db" }`), acctest.Attr(at, "from_secret.name", "db"),
			acctest.NoAttr(at, "value_json"),
		),
		apply(
			config(`from_secret = { name = "db", field = "a.b" }`),
			acctest.Attr(at, "from_secret.field", "a.b"),
		),
		importsAs(config(`from_secret = { name = "db", field = "a.b" }`), at, "dev/v"),
		apply(config(`value_json = "null"`)),
		planFails(config(``), `value_json`),
		planFails(config("value_json = \"1\"\nfrom_secret = { name = \"db\" }"), `value_json`),
		planFails(config(`from_secret = { name = "db", field = "a..b" }`), `(?s)from_secret.*path`),
		planIsEmpty(config(`value_json = "null"`)),
	)
}
