// SPDX-License-Identifier: MPL-2.0

package ephemerals_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// echo stores an ephemeral value in the state, where a test can see it. It stores one value per resource, so every
// step needs its own resource.
func echo(step int) string { return echoOf("ephemeral.pouncet_secret_value.v", step) }

func echoOf(expression string, step int) string {
	return fmt.Sprintf(`
provider "echo" {
  data = %s
}
resource "echo" "seen_%d" {}
`, expression, step)
}

func TestSecretValue(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("*", "db", `{"user":"u","hosts":[{"name":"h1"}],"port":5432}`)
	b.SetSecret("dev", "token", "first")
	b.SetSecret("dev", "token", "second")
	b.Apply(backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: backend.DefaultProject,
		Environment: "dev", Name: "token", Tags: map[string]int64{"stable": 1}})
	steps := 0
	config := func(body string) string {
		steps++
		return b.Config("ephemeral \"pouncet_secret_value\" \"v\" {\n" + body + "\n}\n" + echo(steps))
	}
	type want struct{ name, value string }
	seen := func(name, value string) want { return want{name, value} }
	step := func(body string, wants ...want) acctest.Step {
		c := config(body)
		var checks []statecheck.StateCheck
		for _, w := range wants {
			checks = append(checks,
				acctest.Attr(fmt.Sprintf("echo.seen_%d", steps), "data."+w.name, w.value))
		}
		return acctest.Step{Config: c, StateChecks: checks}
	}
	refused := func(body, want string) acctest.Step {
		return acctest.Step{Config: config(body), ExpectError: regexp.MustCompile(want)}
	}
	acctest.Run(t,
		step("name = \"token\"\nenvironment = \"dev\"", seen("value", "second"), seen("version", "2"),
			seen("found_in", "dev")),
		step("name = \"token\"\nenvironment = \"dev\"\nat_version = \"previous\"", seen("value", "first"),
			seen("version", "1")),
		step("name = \"token\"\nenvironment = \"dev\"\nat_version = \"stable\"", seen("value", "first"),
			seen("version", "1")),
		refused("name = \"token\"\nenvironment = \"dev\"\nat_version = \"unstable\"",
			`(?s)no\s+version\s+with\s+the\s+tag\s+"unstable"`),
		step("name = \"db\"\nenvironment = \"dev\"\nfield = \"hosts[0].name\"", seen("value", "h1"),
			seen("found_in", "*")),
		step("name = \"db\"\nenvironment = \"prod\"\nfield = \"port\"", seen("value", "5432")),
		refused("name = \"token\"\nenvironment = \"prod\"",
			`(?s)does not exist in\s+environment\s+"prod".*exists in dev`),
		refused("name = \"tokne\"\nenvironment = \"dev\"", `(?i)did\s+you\s+mean\s+token`),
		refused("name = \"token\"\nenvironment = \"nowhere\"", `(?s)nowhere.*dev, prod`),
		refused("name = \"db\"\nenvironment = \"dev\"\nfield = \"nope\"", `(?s)no\s+field`),
		step("name = \"token\"\nenvironment = \"dev\"", seen("value", "second")),
	)
}

func TestSecretValueDecoded(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db",
		`{"user":"u","hosts":[{"name":"h1","up":true},"h2"],"port":9007199254740993,"none":null,"a.b":{}}`)
	b.SetSecret("dev", "list", ` [1, "two"] `)
	b.SetSecret("dev", "digits", "0123")
	b.SetSecret("dev", "braces", "{not json")
	smtp := "smtp"
	b.Apply(backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "dev",
		Name: "typed", Type: &smtp,
		Value: backend.PlaintextString(`{"host":"h","port":25,"username":"u","password":"p"}`)})
	steps := 0
	step := func(name, expression string, want knownvalue.Check) acctest.Step {
		steps++
		return acctest.Step{
			Config: b.Config(
				fmt.Sprintf("ephemeral \"pouncet_secret_value\" \"v\" {\n  name = %q\n  environment = \"dev\"\n}\n",
					name) + echoOf("{ it = "+expression+" }", steps)),
			StateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(fmt.Sprintf("echo.seen_%d", steps), tfjsonpath.New("data").AtMapKey("it"),
					want),
			},
		}
	}
	const json = "ephemeral.pouncet_secret_value.v.json"
	is := knownvalue.StringExact
	acctest.Run(t,
		step("db", json+".user", is("u")),
		step("db", json+".hosts[0].name", is("h1")),
		step("db", json+".hosts[0].up", knownvalue.Bool(true)),
		step("db", "[for h in "+json+".hosts : try(h.name, h)]",
			knownvalue.ListExact([]knownvalue.Check{is("h1"), is("h2")})),
		step("db", "tostring("+json+".port)", is("9007199254740993")),
		step("db", json+".none == null", knownvalue.Bool(true)),
		step("db", json+"[\"a.b\"] == {}", knownvalue.Bool(true)),
		step("db", "jsonencode("+json+") == jsonencode(jsondecode(ephemeral.pouncet_secret_value.v.value))",
			knownvalue.Bool(true)),
		step("list", json+"[1]", is("two")),
		step("typed", json+".port", knownvalue.Int64Exact(25)),
		step("digits", json+" == null", knownvalue.Bool(true)),
		step("braces", json+" == null", knownvalue.Bool(true)),
	)
}

func TestBinarySecretValueIsInBase64(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "keystore", "\xff\xfe\x00")
	b.SetSecret("dev", "text", "text")
	step := func(n int, name string, want ...statecheck.StateCheck) acctest.Step {
		return acctest.Step{
			Config: b.Config(fmt.Sprintf("ephemeral \"pouncet_secret_value\" \"v\" {\n  name = %q\n  environment = \"dev\"\n}\n",
				name) + echoOf("{ base64 = ephemeral.pouncet_secret_value.v.value_base64, "+
				"none = ephemeral.pouncet_secret_value.v.value == null }", n)),
			StateChecks: want,
		}
	}
	acctest.Run(t,
		step(1, "keystore", acctest.Checks(acctest.Attr("echo.seen_1", "data.base64", "//4A"),
			acctest.Attr("echo.seen_1", "data.none", "true"))...),
		step(2, "text", acctest.Checks(acctest.Attr("echo.seen_2", "data.base64", "dGV4dA=="),
			acctest.Attr("echo.seen_2", "data.none", "false"))...),
	)
}

func TestBinaryValueAmongSeveralIsRefused(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "keystore", "\xff\xfe\x00")
	acctest.Run(t, acctest.Step{
		Config: b.Config(
			"ephemeral \"pouncet_secret_values\" \"v\" {\n  names = [\"keystore\"]\n  environment = \"dev\"\n}\n"),
		ExpectError: regexp.MustCompile(`(?s)is\s+binary.*value_base64`),
	})
}

// TestSecretValueOfTheSamePlan creates a secret and uses it in the same plan. Terraform opens the ephemeral resource
// before the secret exists.
func TestSecretValueOfTheSamePlan(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t, acctest.Step{
		Config: b.Config(`
resource "pouncet_environment" "e" { name = "staging" }
resource "pouncet_secret" "s" {
  name        = "fresh"
  environment = pouncet_environment.e.name
  value_wo    = "new value"
}
ephemeral "pouncet_secret_value" "v" {
  name        = pouncet_secret.s.name
  environment = "staging"
}
` + echo(1)),
		StateChecks: acctest.Checks(acctest.Attr("echo.seen_1", "data.value", "new value")),
	})
}

// Terraform changes the text of every string to the normalization form C, so it would hand on another value.
func TestValueThatTerraformWouldNormalizeIsAnError(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "plain", "caf\u0065\u0301")
	b.SetSecret("dev", "escaped", `{"password":"caf\u0065\u0301"}`)
	b.SetSecret("dev", "fine", "caf\u00e9")
	config := func(name string) string {
		return b.Config(fmt.Sprintf(`
ephemeral "pouncet_secret_value" "v" {
  name        = %q
  environment = "dev"
}
resource "pouncet_secret" "copy" {
  name        = "copy"
  environment = "dev"
  value_wo    = ephemeral.pouncet_secret_value.v.value
}`, name))
	}
	refused := regexp.MustCompile(`(?s)normalization\s+form\s+C`)
	acctest.Run(t,
		acctest.Step{Config: config("plain"), ExpectError: refused},
		acctest.Step{Config: config("escaped"), ExpectError: refused},
		acctest.Step{Config: config("fine")},
	)
}
