// SPDX-License-Identifier: MPL-2.0

package datasources_test

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

func TestDataSourcesReadMetadata(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "s", "CANARY")
	key := "password"
	b.Apply(
		backend.Change{
			Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "*", Scope: "app/web",
			Name: "s", Type: &key, Value: backend.PlaintextString("CANARY"), Labels: map[string]string{"team": "data"},
		},
		backend.Change{
			Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "dev", Name: "v",
			JSON: json.RawMessage(`{"a":1}`),
		},
		backend.Change{
			Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "dev", Name: "l",
			Link: &backend.Link{Secret: "s", Field: "f"},
		},
	)
	is := func(at, name, value string) statecheck.StateCheck {
		return acctest.Attr("data.pouncet_"+at, name, value)
	}
	acctest.Run(t,
		acctest.Step{
			Config: b.Config(`
data "pouncet_project" "p"      { name = "default" }
data "pouncet_environment" "e"  { name = "dev" }
data "pouncet_secret_type" "t"  { key = "smtp" }
data "pouncet_secret" "s" {
  name        = "s"
  environment = "dev"
}
data "pouncet_secret" "shared" {
  name        = "s"
  environment = "*"
  scope       = "app/web"
}
data "pouncet_scoped_value" "v" {
  name        = "v"
  environment = "dev"
}
data "pouncet_scoped_value" "l" {
  name        = "l"
  environment = "dev"
}`),
			StateChecks: acctest.Checks(
				is("project.p", "secrets", "2"), is("project.p", "max_secrets", "100"),
				is("environment.e", "protected", "false"), is("environment.e", "project", "default"),
				is("secret_type.t", "built_in", "true"), is("secret_type.t", "display_name", "SMTP server"),
				is("secret.s", "version", "1"), is("secret.s", "visibility", "masked"),
				is("secret.s", "scope", "project"),
				is("secret.shared", "type", "password"), is("secret.shared", "labels.team", "data"),
				is("scoped_value.v", "value_json", `{"a":1}`),
				is("scoped_value.l", "from_secret.name", "s"), is("scoped_value.l", "from_secret.field", "f"),
			),
		},
		acctest.Step{
			Config:      b.Config("data \"pouncet_secret\" \"s\" {\n  name = \"s\"\n  environment = \"prod\"\n}"),
			ExpectError: regexp.MustCompile(`(?s)does\s+not\s+exist\s+in\s+environment\s+"prod".*dev`),
		},
		acctest.Step{
			Config: b.Config(
				"data \"pouncet_secret\" \"s\" {\n  name = \"s\"\n  environment = \"dev\"\n  scope = \"foo\"\n}"),
			ExpectError: regexp.MustCompile(`(?s)scope = "foo".*Scope\s+"foo"\s+is\s+not\s+valid`),
		},
	)
}

// Empty never means any: the backend has one object that an empty name or environment would match.
func TestDataSourcesRejectEmptyArguments(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "only", "CANARY")
	empty := func(source, arguments, attribute string) acctest.Step {
		return acctest.Step{
			Config:      b.Config("data \"pouncet_" + source + "\" \"d\" {\n" + arguments + "\n}"),
			ExpectError: regexp.MustCompile(`(?s)Empty ` + attribute + `.*` + attribute + ` += ""`),
		}
	}
	acctest.Run(t,
		empty("project", `name = ""`, "name"),
		empty("environment", `name = ""`, "name"),
		empty("secret_type", `key = ""`, "key"),
		empty("secret", "name = \"\"\nenvironment = \"dev\"", "name"),
		empty("secret", "name = \"only\"\nenvironment = \"\"", "environment"),
		empty("secret", "name = \"only\"\nenvironment = \"dev\"\nproject = \"\"", "project"),
		empty("secret", "name = \"only\"\nenvironment = \"dev\"\nscope = \"\"", "scope"),
		empty("usages", `source = ""`, "source"),
		// An argument that becomes known while Terraform applies is checked then.
		acctest.Step{
			Config: b.Config(`
resource "terraform_data" "late" { input = "" }
data "pouncet_environment" "d" { name = terraform_data.late.output }
`),
			ExpectError: regexp.MustCompile(`Empty name`),
		},
	)
}
