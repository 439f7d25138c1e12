// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

func TestProjectLife(t *testing.T) {
	b := acctest.New(t)
	at := "pouncet_project.p"
	config := func(name, more string) string {
		return b.Config(fmt.Sprintf("resource \"pouncet_project\" \"p\" {\n  name = %q\n%s\n}", name, more))
	}
	acctest.Run(t,
		resource.TestStep{Config: config("shop", ""), Check: resource.ComposeAggregateTestCheckFunc(
			resource.TestCheckResourceAttr(at, "max_secrets", "100"), resource.TestCheckResourceAttr(at, "max_value_bytes", "65536"),
			resource.TestCheckResourceAttr(at, "default_visibility", "masked"),
		)},
		resource.TestStep{
			Config:           config("store", "max_secrets = 5000\nname_pattern = \"[A-Z_]+\"\nimmutable_names = true\ndescription = \"d\""),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(at, plancheck.ResourceActionUpdate)}},
			Check:            resource.ComposeAggregateTestCheckFunc(resource.TestCheckResourceAttr(at, "max_secrets", "5000"), resource.TestCheckResourceAttr(at, "name", "store")),
		},
		resource.TestStep{ResourceName: at, ImportState: true, ImportStateId: "store", ImportStateVerify: true, Config: config("store", "")},
		resource.TestStep{Config: config("store", ""), Check: resource.ComposeAggregateTestCheckFunc(
			resource.TestCheckResourceAttr(at, "max_secrets", "100"), resource.TestCheckNoResourceAttr(at, "name_pattern"), resource.TestCheckResourceAttr(at, "immutable_names", "false"),
		)},
		resource.TestStep{Config: config("store", "name_pattern = \"(\""), PlanOnly: true, ExpectError: regexp.MustCompile(`not\s+a\s+regular\s+expression`)},
		resource.TestStep{Config: config("store", "max_secrets = 0"), PlanOnly: true, ExpectError: regexp.MustCompile(`max_secrets`)},
		resource.TestStep{Config: config("store", "")},
	)
}

// TestQuotaRaisedInTheSamePlan raises the quota and uses it at once: the plan
// must not refuse what the apply will allow.
func TestQuotaRaisedInTheSamePlan(t *testing.T) {
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
		resource.TestStep{Config: config(1, "a")},
		resource.TestStep{Config: config(1, "a", "b"), PlanOnly: true, ExpectError: regexp.MustCompile(`quota`)},
		resource.TestStep{Config: config(2, "a", "b")},
	)
}

func TestEnvironmentLife(t *testing.T) {
	b := acctest.New(t)
	at := "pouncet_environment.e"
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
	acctest.Run(t,
		resource.TestStep{Config: config("staging", ""), Check: hasValue(b, "staging", "inside", "kept")},
		resource.TestStep{ // everything inside follows the rename; nothing is made anew
			Config: config("stage", "description = \"renamed\""),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(at, plancheck.ResourceActionUpdate), plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
			}},
			Check: resource.ComposeAggregateTestCheckFunc(hasValue(b, "stage", "inside", "kept"), check("version", "1"), check("environment", "stage")),
		},
		resource.TestStep{Config: config("stage", "description = \"renamed\""), ConfigPlanChecks: emptyPlan},
		resource.TestStep{Config: config("stage", "description = \"renamed\""), ResourceName: at, ImportState: true, ImportStateId: "stage", ImportStateVerify: true},
		resource.TestStep{Config: config("stage", "protected = true"), Check: resource.TestCheckResourceAttr(at, "protected", "true")},
		resource.TestStep{Config: b.Config(""), ExpectError: regexp.MustCompile(`protected`)},
		resource.TestStep{Config: config("stage", "")},
	)
}

func TestSecretTypeLife(t *testing.T) {
	b := acctest.New(t)
	at := "pouncet_secret_type.t"
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
	acctest.Run(t,
		resource.TestStep{Config: config("pin", digits(4), "1234"), Check: check("type", "pin")},
		resource.TestStep{Config: config("pin", `<<-J
      { "pattern": "^[0-9]{4}$",
        "type": "string" }
      J
`, "1234"), ConfigPlanChecks: emptyPlan}, // the same schema, written otherwise
		resource.TestStep{Config: config("pin", digits(6), "1234"), ExpectError: regexp.MustCompile(`(?s)secret\s+pin\s+in\s+dev`)},
		resource.TestStep{Config: config("pin4", digits(4), "1234"), Check: resource.ComposeAggregateTestCheckFunc(check("type", "pin4"), check("version", "1"))},
		resource.TestStep{Config: config("pin4", digits(4), "1234"), ResourceName: at, ImportState: true, ImportStateId: "pin4", ImportStateVerify: true},
		resource.TestStep{Config: config("pin4", `"{"`, "1234"), PlanOnly: true, ExpectError: regexp.MustCompile(`(?i)json`)},
		resource.TestStep{Config: config("pin4", `jsonencode({ type = "strange" })`, "1234"), PlanOnly: true, ExpectError: regexp.MustCompile(`not\s+a\s+JSON\s+Schema`)},
		resource.TestStep{Config: config("pin4", digits(4), "1234") + "\nresource \"pouncet_secret_type\" \"b\" {\n  key = \"api_key\"\n  schema = \"{}\"\n}", PlanOnly: true, ExpectError: regexp.MustCompile(`built\s+in`)},
		resource.TestStep{Config: config("pin4", digits(4), "1234")},
	)
}

func TestScopedValueLife(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db", "s3cret")
	at := "pouncet_scoped_value.v"
	config := func(body string) string {
		return b.Config("resource \"pouncet_scoped_value\" \"v\" {\n  name = \"v\"\n  environment = \"dev\"\n" + body + "\n}")
	}
	acctest.Run(t,
		resource.TestStep{Config: config(`value_json = jsonencode({ b = 1, a = [1, 2] })`), Check: resource.TestCheckResourceAttr(at, "value_json", `{"a":[1,2],"b":1}`)},
		resource.TestStep{Config: config(`value_json = "{ \"b\": 1, \"a\": [1,2] }"`), ConfigPlanChecks: emptyPlan},
		resource.TestStep{Config: config(`from_secret = { name = "db" }`), Check: resource.ComposeAggregateTestCheckFunc(
			resource.TestCheckResourceAttr(at, "from_secret.name", "db"), resource.TestCheckNoResourceAttr(at, "value_json"),
		)},
		resource.TestStep{Config: config(`from_secret = { name = "db", field = "a.b" }`), Check: resource.TestCheckResourceAttr(at, "from_secret.field", "a.b")},
		resource.TestStep{Config: config(`from_secret = { name = "db", field = "a.b" }`), ResourceName: at, ImportState: true, ImportStateId: "dev/v", ImportStateVerify: true},
		resource.TestStep{Config: config(`value_json = "null"`)},
		resource.TestStep{Config: config(``), PlanOnly: true, ExpectError: regexp.MustCompile(`value_json`)},
		resource.TestStep{Config: config("value_json = \"1\"\nfrom_secret = { name = \"db\" }"), PlanOnly: true, ExpectError: regexp.MustCompile(`value_json`)},
		resource.TestStep{Config: config(`from_secret = { name = "db", field = "a..b" }`), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)from_secret.*path`)},
		resource.TestStep{Config: config(`value_json = "null"`), ConfigPlanChecks: emptyPlan},
	)
}
