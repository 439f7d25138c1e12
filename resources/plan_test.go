// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// Plans in which one change depends on another of the same plan.

// inside is a project, an environment, a type and what lives in them, by reference.
func inside(project, environment, schema, value string) string {
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
}`, project, environment, schema, value)
}

const user, userAndPort = `user = { type = "string" }`, `user = { type = "string" }, port = { type = "integer" }`

func TestRenamedContainersKeepWhatTheyHold(t *testing.T) {
	b := acctest.New(t)
	updates := func(addresses ...string) resource.ConfigPlanChecks {
		var c resource.ConfigPlanChecks
		for _, a := range addresses {
			c.PreApply = append(c.PreApply, plancheck.ExpectResourceAction(a, plancheck.ResourceActionUpdate))
		}
		return c
	}
	all := updates("pouncet_project.p", "pouncet_environment.e", "pouncet_secret_type.t", address, "pouncet_scoped_value.v")
	acctest.Run(t,
		resource.TestStep{Config: b.Config(inside("shop", "live", user, `user = "u"`)), Check: check("version", "1")},
		resource.TestStep{
			Config: b.Config(inside("store", "live", user, `user = "u"`)), ConfigPlanChecks: all,
			Check: resource.ComposeAggregateTestCheckFunc(check("project", "store"), check("version", "1")),
		},
		resource.TestStep{ // both at once, and a new value
			Config: b.Config(inside("market", "main", user, `user = "w"`)), ConfigPlanChecks: all,
			Check: resource.ComposeAggregateTestCheckFunc(check("project", "market"), check("environment", "main"), check("version", "2")),
		},
		resource.TestStep{Config: b.Config(inside("market", "main", user, `user = "w"`)), ConfigPlanChecks: emptyPlan},
	)
}

// TestTheSchemaAndAValueThatNeedsItChangeTogether is refused if the value is
// held against the schema of before the plan.
func TestTheSchemaAndAValueThatNeedsItChangeTogether(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t,
		resource.TestStep{Config: b.Config(inside("shop", "live", user, `user = "u"`))},
		resource.TestStep{
			Config: b.Config(inside("shop", "live", userAndPort, `user = "u", port = 1`)), ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate),
			Check: check("version", "2"),
		},
		resource.TestStep{
			Config: b.Config(inside("shop", "live", userAndPort, `user = "u", port = "one"`)), PlanOnly: true,
			ExpectError: regexp.MustCompile(`(?s)value_wo.*port`),
		},
	)
}

// TestRulesAreCheckedInAnEnvironmentThatIsOnlyPlanned expects the error in the
// plan that creates all of it, before anything is there.
func TestRulesAreCheckedInAnEnvironmentThatIsOnlyPlanned(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t,
		resource.TestStep{
			Config: b.Config(inside("shop", "live", user, `port = 1`)), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)value_wo.*port`),
		},
		resource.TestStep{Config: b.Config("")},
	)
}

func TestSecretMovesToAnEnvironmentMadeInTheSamePlan(t *testing.T) {
	b := acctest.New(t)
	body := `
resource "pouncet_environment" "new" { name = "new" }
resource "pouncet_secret" "s" {
  name        = "db_password"
  environment = pouncet_environment.new.name
  value_wo    = "v"
}`
	acctest.Run(t,
		resource.TestStep{Config: b.Config(secretConfig("v", ""))},
		resource.TestStep{
			Config: b.Config(body), ConfigPlanChecks: planAction(plancheck.ResourceActionDestroyBeforeCreate),
			Check: resource.ComposeAggregateTestCheckFunc(hasValue(b, "new", "db_password", "v"), hasValue(b, "dev", "db_password", "")),
		},
	)
}

// TestSecretIsNotDestroyedForAnEnvironmentThatIsNotThere keeps the secret: a
// replacement would delete it and then have nowhere to create the new one.
func TestSecretIsNotDestroyedForAnEnvironmentThatIsNotThere(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t,
		resource.TestStep{Config: b.Config(secretConfig("v", ""))},
		resource.TestStep{
			Config:      b.Config("resource \"pouncet_secret\" \"s\" {\n  name = \"db_password\"\n  environment = \"nowhere\"\n  value_wo = \"v\"\n}"),
			ExpectError: regexp.MustCompile(`(?s)nowhere.*does\s+not\s+exist`),
		},
		resource.TestStep{Config: b.Config(secretConfig("v", "")), ConfigPlanChecks: emptyPlan, Check: hasValue(b, "dev", "db_password", "v")},
	)
}

func TestSecretMovesWhenTheQuotaIsFull(t *testing.T) {
	b := acctest.New(t)
	quota := 1
	acctest.Run(t,
		resource.TestStep{Config: b.Config(secretConfig("v", ""))},
		resource.TestStep{
			PreConfig: func() {
				b.Apply(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: "default", Policy: &backend.PolicyChange{MaxSecrets: &quota}})
			},
			Config: b.Config(secretConfig("v", `scope = "app/web"`)), ConfigPlanChecks: planAction(plancheck.ResourceActionDestroyBeforeCreate),
			Check: resource.ComposeAggregateTestCheckFunc(check("scope", "app/web"), check("version", "1")),
		},
	)
}

// TestSecretIsGivenATypeMadeInTheSamePlan writes the present value again under
// the new type, which is another version.
func TestSecretIsGivenATypeMadeInTheSamePlan(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t,
		resource.TestStep{Config: b.Config(secretConfig("1234", ""))},
		resource.TestStep{
			Config: b.Config(secretConfig("1234", "type = pouncet_secret_type.pin.key") + `
resource "pouncet_secret_type" "pin" {
  key    = "pin"
  schema = jsonencode({ type = "string", maxLength = 4 })
}`),
			ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate), Check: resource.ComposeAggregateTestCheckFunc(check("type", "pin"), check("version", "2")),
		},
		resource.TestStep{ // as above, but the type's name is known only while applying
			Config: b.Config(secretConfig("1234", "type = terraform_data.key.output") + `
resource "pouncet_secret_type" "pin" {
  key    = "pin"
  schema = jsonencode({ type = "string", maxLength = 4 })
}
resource "pouncet_secret_type" "code" {
  key    = "code"
  schema = jsonencode({ type = "string" })
}
resource "terraform_data" "key" { input = pouncet_secret_type.code.key }`),
			Check: resource.ComposeAggregateTestCheckFunc(check("type", "code"), check("version", "3")),
		},
	)
}

// TestSecretUnknownValueBesideAnotherChange updates the description with a
// value that only the apply knows: the plan must leave room for it.
func TestSecretUnknownValueBesideAnotherChange(t *testing.T) {
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
		resource.TestStep{Config: config("one", "a")},
		resource.TestStep{
			Config: config("two", "b"), ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate),
			Check: resource.ComposeAggregateTestCheckFunc(check("version", "2"), hasValue(b, "dev", "db_password", "two")),
		},
		resource.TestStep{Config: config("two", "c"), Check: check("version", "2")},
	)
}

// TestLargerValueUnderALimitRaisedInTheSamePlan does so for a secret that exists.
func TestLargerValueUnderALimitRaisedInTheSamePlan(t *testing.T) {
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
		resource.TestStep{Config: config(4, "1234")},
		resource.TestStep{Config: config(4, "12345"), PlanOnly: true, ExpectError: regexp.MustCompile(`max_value_bytes`)},
		resource.TestStep{Config: config(5, "12345"), Check: check("version", "2")},
	)
}

func TestUnknownLabelsAndLinks(t *testing.T) {
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
		resource.TestStep{Config: body("data"), Check: resource.ComposeAggregateTestCheckFunc(
			check("labels.team", "data"), resource.TestCheckResourceAttr("pouncet_scoped_value.v", "from_secret.name", "db"),
		)},
		resource.TestStep{Config: body("web"), Check: resource.ComposeAggregateTestCheckFunc(check("labels.team", "web"), check("version", "1"))},
		resource.TestStep{Config: b.Config(secretConfig("v", "labels = { team = null }")), PlanOnly: true, ExpectError: regexp.MustCompile(`(?i)null`)},
		resource.TestStep{Config: body("web"), ConfigPlanChecks: emptyPlan},
	)
}

func TestEnvironmentIsReplacedForAnotherKey(t *testing.T) {
	b := acctest.New(t)
	uri := func(name string) string {
		u := "file://" + filepath.Join(filepath.Dir(b.Path), name)
		if err := kms.CreateFile(u); err != nil {
			t.Fatal(err)
		}
		return u
	}
	at := "pouncet_environment.e"
	config := func(key string) string {
		return b.Config(fmt.Sprintf("resource \"pouncet_environment\" \"e\" {\n  name = \"own\"\n  kms_key = %q\n}", key))
	}
	one, two := uri("one"), uri("two")
	acctest.Run(t,
		resource.TestStep{Config: config(one), Check: resource.TestCheckResourceAttr(at, "kms_key", one)},
		resource.TestStep{
			Config:           config(two),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(at, plancheck.ResourceActionDestroyBeforeCreate)}},
			Check:            resource.TestCheckResourceAttr(at, "kms_key", two),
		},
	)
}
