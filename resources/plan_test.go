// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// Plans in which one change depends on another change of the same plan.

// contents returns the configuration of a project with an environment and a type, and a secret and a scoped value that
// refer to them. The schema has the properties, and the value of the secret the fields, in HCL.
func contents(project, environment, properties, fields string) string {
	return fmt.Sprintf(`
resource "pouncet_project" "p" { name = %q }
resource "pouncet_environment" "e" {
  project = pouncet_project.p.name
  name    = %q
}
resource "pouncet_secret_type" "t" {
  project = pouncet_project.p.name
  key     = "login"
  schema  = jsonencode({ type = "object", additionalProperties = false, properties = { %s } })
}
resource "pouncet_secret" "s" {
  project     = pouncet_project.p.name
  environment = pouncet_environment.e.name
  name        = "db"
  type        = pouncet_secret_type.t.key
  value_wo    = jsonencode({ %s })
}
resource "pouncet_scoped_value" "v" {
  project     = pouncet_project.p.name
  environment = pouncet_environment.e.name
  name        = "v"
  from_secret = { name = pouncet_secret.s.name }
}`, project, environment, properties, fields)
}

const user, userAndPort = `user = { type = "string" }`, `user = { type = "string" }, port = { type = "integer" }`

func TestRenameOfAContainerKeepsItsContents(t *testing.T) {
	b := acctest.New(t)
	updatesAll := func(step acctest.Step) acctest.Step {
		step.PlanChecks = planActions(plancheck.ResourceActionUpdate, "pouncet_project.p",
			"pouncet_environment.e", "pouncet_secret_type.t", address, "pouncet_scoped_value.v")
		return step
	}
	acctest.Run(t,
		apply(b.Config(contents("shop", "live", user, `user = "u"`)), check("version", "1")),
		updatesAll(apply(
			b.Config(contents("store", "live", user, `user = "u"`)), check("project", "store"), check("version", "1"),
		)),
		// Both names and the value in one plan.
		updatesAll(apply(
			b.Config(contents("market", "main", user, `user = "w"`)), check("project", "market"),
			check("environment", "main"), check("version", "2"),
		)),
		planIsEmpty(b.Config(contents("market", "main", user, `user = "w"`))),
	)
}

// The value satisfies the planned schema, and not the current one.
func TestSchemaAndValueChangeInOnePlan(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t,
		apply(b.Config(contents("shop", "live", user, `user = "u"`))),
		applyAs(
			plancheck.ResourceActionUpdate, b.Config(contents("shop", "live", userAndPort, `user = "u", port = 1`)),
			check("version", "2"),
		),
		planFails(b.Config(contents("shop", "live", userAndPort, `user = "u", port = "one"`)), `(?s)value_wo.*port`),
	)
}

// Nothing exists yet. The plan that creates the project fails.
func TestRulesAreCheckedInAPlannedEnvironment(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t,
		planFails(b.Config(contents("shop", "live", user, `port = 1`)), `(?s)value_wo.*port`),
		apply(b.Config("")),
	)
}

func TestSecretMovesToAnEnvironmentOfTheSamePlan(t *testing.T) {
	b := acctest.New(t)
	body := `
resource "pouncet_environment" "new" { name = "new" }
resource "pouncet_secret" "s" {
  name        = "db_password"
  environment = pouncet_environment.new.name
  value_wo    = "v"
}`
	acctest.Run(t,
		apply(b.Config(secretConfig("v", ""))),
		applyAs(
			plancheck.ResourceActionDestroyBeforeCreate, b.Config(body), hasValue(b, "new", "db_password", "v"),
			hasValue(b, "dev", "db_password", ""),
		),
	)
}

// A replacement would delete the secret and then fail to create the new one.
func TestSecretIsKeptIfItsNewEnvironmentDoesNotExist(t *testing.T) {
	b := acctest.New(t)
	elsewhere := strings.ReplaceAll(secretConfig("v", ""), `"dev"`, `"nowhere"`)
	acctest.Run(t,
		apply(b.Config(secretConfig("v", ""))),
		applyFails(b.Config(elsewhere), `(?s)nowhere.*does\s+not\s+exist`),
		planIsEmpty(b.Config(secretConfig("v", "")), hasValue(b, "dev", "db_password", "v")),
	)
}

func TestSecretMovesWhenTheQuotaIsFull(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t,
		apply(b.Config(secretConfig("v", ""))),
		after(func() { b.Apply(quota(1)) }, applyAs(
			plancheck.ResourceActionDestroyBeforeCreate, b.Config(secretConfig("v", `scope = "app/web"`)),
			check("scope", "app/web"), check("version", "1"),
		)),
	)
}

// The current value is written again under the new type, as a new version.
func TestSecretGetsATypeOfTheSamePlan(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t,
		apply(b.Config(secretConfig("1234", ""))),
		applyAs(
			plancheck.ResourceActionUpdate,
			b.Config(secretConfig("1234", "type = pouncet_secret_type.pin.key")+`
resource "pouncet_secret_type" "pin" {
  key    = "pin"
  schema = jsonencode({ type = "string", maxLength = 4 })
}`),
			check("type", "pin"), check("version", "2"),
		),
		// The key of the type is known only during the apply.
		apply(
			b.Config(secretConfig("1234", "type = terraform_data.key.output")+`
resource "pouncet_secret_type" "pin" {
  key    = "pin"
  schema = jsonencode({ type = "string", maxLength = 4 })
}
resource "pouncet_secret_type" "code" {
  key    = "code"
  schema = jsonencode({ type = "string" })
}
resource "terraform_data" "key" { input = pouncet_secret_type.code.key }`),
			check("type", "code"), check("version", "3"),
		),
	)
}

// The plan updates the description, and the value becomes known only during the apply.
func TestUnknownValueIsWrittenWithAnotherChange(t *testing.T) {
	b := acctest.New(t)
	config := func(seed, description string) string {
		return b.Config(fmt.Sprintf(`
resource "terraform_data" "seed" { input = %q }
resource "pouncet_secret" "s" {
  name        = "db_password"
  environment = "dev"
  description = %q
  value_wo    = terraform_data.seed.output
}`, seed, description))
	}
	acctest.Run(t,
		apply(config("one", "a")),
		applyAs(
			plancheck.ResourceActionUpdate, config("two", "b"), check("version", "2"),
			hasValue(b, "dev", "db_password", "two"),
		),
		apply(config("two", "c"), check("version", "2")),
	)
}

func TestPlanCanRaiseTheValueLimitThatItNeeds(t *testing.T) {
	b := acctest.New(t)
	config := func(limit int, value string) string {
		return b.Config(fmt.Sprintf(`
resource "pouncet_project" "p" {
  name            = "shop"
  max_value_bytes = %d
}
resource "pouncet_secret" "s" {
  project     = pouncet_project.p.name
  environment = "*"
  name        = "s"
  value_wo    = %q
}`, limit, value))
	}
	acctest.Run(t,
		apply(config(4, "1234")),
		planFails(config(4, "12345"), `max_value_bytes`),
		apply(config(5, "12345"), check("version", "2")),
	)
}

func TestLabelsAndLinksCanBeUnknown(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db", "v")
	body := func(team string) string {
		return b.Config(fmt.Sprintf(`
resource "terraform_data" "later" {
  input = { team = %[1]q, link = { name = "db", field = null } }
}
resource "pouncet_secret" "s" {
  name        = "db_password"
  environment = "dev"
  value_wo    = "v"
  labels      = { team = terraform_data.later.output.team }
}
resource "pouncet_scoped_value" "v" {
  name        = "v"
  environment = "dev"
  from_secret = terraform_data.later.output.link
}`, team))
	}
	acctest.Run(t,
		apply(
			body("data"), check("labels.team", "data"),
			acctest.Attr("pouncet_scoped_value.v", "from_secret.name", "db"),
		),
		apply(body("web"), check("labels.team", "web"), check("version", "1")),
		planFails(b.Config(secretConfig("v", "labels = { team = null }")), `(?i)null`),
		planIsEmpty(body("web")),
	)
}
