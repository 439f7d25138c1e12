// SPDX-License-Identifier: MPL-2.0

package ephemerals_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// opened returns a step that opens an ephemeral resource named v, and checks an expression that uses it.
func opened(b *acctest.Backend, step int, typeName, body, expression string, want knownvalue.Check) acctest.Step {
	return acctest.Step{
		Config: b.Config(fmt.Sprintf("ephemeral \"pouncet_%s\" \"v\" {\n%s\n}\n", typeName, body) +
			echoOf("{ it = "+expression+" }", step)),
		StateChecks: []statecheck.StateCheck{
			statecheck.ExpectKnownValue(fmt.Sprintf("echo.seen_%d", step), tfjsonpath.New("data").AtMapKey("it"), want),
		},
	}
}

// refusedBy returns a step whose ephemeral resource returns an error.
func refusedBy(b *acctest.Backend, typeName, body, want string) acctest.Step {
	return acctest.Step{
		Config: b.Config(fmt.Sprintf("ephemeral \"pouncet_%[1]s\" \"v\" {\n%[2]s\n}\n", typeName, body) +
			echoOf("ephemeral.pouncet_"+typeName+".v", 0)),
		ExpectError: regexp.MustCompile(want),
	}
}

func TestSecretValues(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("*", "db", `{"user":"u","port":5432}`)
	b.SetSecret("dev", "token", "first")
	b.SetSecret("dev", "token", "second")
	b.SetSecret("prod", "token", "of prod")
	b.SetSecret("dev", "keystore", "\xff\xfe")
	const values = "ephemeral.pouncet_secret_values.v.values"
	is := knownvalue.StringExact
	acctest.Run(t,
		opened(b, 1, "secret_values", "names = [\"db\", \"token\"]\nenvironment = \"dev\"", values,
			knownvalue.ObjectExact(map[string]knownvalue.Check{
				"db": is(`{"user":"u","port":5432}`), "token": is("second"),
			})),
		opened(b, 2, "secret_values", `
environment = "dev"
secrets = {
  token = {}
  old   = { name = "token", version = "previous" }
  prod  = { name = "token", environment = "prod" }
  user  = { name = "db", field = "user" }
  port  = { name = "db", field = "port", scope = "app/web" }
}`, values, knownvalue.ObjectExact(map[string]knownvalue.Check{
			"token": is("second"), "old": is("first"), "prod": is("of prod"), "user": is("u"), "port": is("5432"),
		})),
		opened(b, 3, "secret_values", "names = []\nenvironment = \"dev\"", "length("+values+")",
			knownvalue.Int64Exact(0)),
		// All missing secrets are reported by name.
		refusedBy(b, "secret_values", "names = [\"one\", \"token\", \"two\"]\nenvironment = \"dev\"",
			`(?s)"one".*"two"`),
		refusedBy(b, "secret_values", "secrets = { a = { name = \"db\", field = \"nope\" } }\nenvironment = \"dev\"",
			`(?s)"db".*no\s+field`),
		refusedBy(b, "secret_values", "secrets = { a = { name = \"db\", version = \"9\" } }\nenvironment = \"dev\"",
			`(?s)"db".*version\s+9`),
		refusedBy(b, "secret_values", "names = [\"keystore\"]\nenvironment = \"dev\"", `(?s)keystore.*base64`),
		refusedBy(b, "secret_values", "names = [\"db\"]\nenvironment = \"nowhere\"", `(?s)nowhere.*dev, prod`),
		refusedBy(b, "secret_values", "environment = \"dev\"", `(?s)one \(and only one\) of \[secrets\]`),
		refusedBy(b, "secret_values", "names = [\"db\"]\nsecrets = {}\nenvironment = \"dev\"", `(?s)2\s+attributes`),
		opened(b, 4, "secret_values", "names = [\"db\"]\nenvironment = \"dev\"", "length("+values+")",
			knownvalue.Int64Exact(1)),
	)
}

// TestSecretValuesOfTheSamePlan resolves an existing secret and one that the same plan creates. Only the second value
// is unknown in the plan.
func TestSecretValuesOfTheSamePlan(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "old", "old value")
	config := func(more string) string {
		return b.Config(`
resource "pouncet_secret" "s" {
  name        = "fresh"
  environment = "dev"
  value_wo    = "new value"
}
ephemeral "pouncet_secret_values" "v" {
  names       = ["old", pouncet_secret.s.name]
  environment = "dev"
` + more + `
}
` + echoOf("ephemeral.pouncet_secret_values.v.values", 1))
	}
	acctest.Run(t,
		acctest.Step{
			Config: config(`
  lifecycle {
    postcondition {
      condition     = self.values["old"] == "something else"
      error_message = "the value of an existing secret is known in the plan"
    }
  }`), ExpectError: regexp.MustCompile(`(?s)the value of an existing secret is known`),
		},
		acctest.Step{Config: config(""), StateChecks: acctest.Checks(
			acctest.Attr("echo.seen_1", "data.fresh", "new value"),
			acctest.Attr("echo.seen_1", "data.old", "old value"),
		)},
	)
}
