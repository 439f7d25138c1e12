// SPDX-License-Identifier: MPL-2.0

package ephemerals_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/knownvalue"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

func TestRenderedConfiguration(t *testing.T) {
	b := acctest.NewAlone(t)
	b.SetSecret("dev", "db", `{"password":"p: #\"x"}`)
	b.Apply(backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "*",
		Name: "region", JSON: json.RawMessage(`"eu"`)})
	t.Setenv("HOSTNAME_OF_TEST", "h1")
	file := filepath.Join(t.TempDir(), "io.yaml")
	const text = "# kept\na:   {{ get_secret_value('db').password }} # and this\nb: '{{ get_value(\"region\") }}'\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const want = "# kept\na:   \"p: #\\\"x\" # and this\nb: \"eu\"\n"
	const rendered = "ephemeral.pouncet_rendered_configuration.v.rendered"
	body := func(content, more string) string {
		return "environment = \"dev\"\ncontent = <<-YAML\n" + content + "\nYAML\n" + more
	}
	is := knownvalue.StringExact
	step := func(n int, body, want string) acctest.Step {
		return opened(b, n, "rendered_configuration", body, rendered, is(want))
	}
	refused := func(body, want string) acctest.Step { return refusedBy(b, "rendered_configuration", body, want) }
	acctest.Run(t,
		step(1, fmt.Sprintf("environment = \"dev\"\npath = %q", file), want),
		step(2, body(strings.TrimSuffix(text, "\n"), ""), want),
		step(3, body("a: \"{{ get_secret_value('gone') }}\"", "missing = \"null\""), "a: null\n"),
		step(4, body("a: \"{{ get_secret_value('gone') }}\"", "missing = \"keep\""),
			"a: \"{{ get_secret_value('gone') }}\"\n"),
		step(5, body("a: \"{{ env_var('HOSTNAME_OF_TEST') }}\"", "env_var = true"), "a: \"h1\"\n"),
		step(6, body("a: \"{{ get_secret_value('gone', default='d') }}\"", ""), "a: \"d\"\n"),
		refused(body("a: \"{{ env_var('HOSTNAME_OF_TEST') }}\"", ""), `(?s)content:1:5.*disabled`),
		refused(body("a: \"{{ env_var('POUNCET_TOKEN') }}\"", "env_var = true"),
			`(?s)reserved\s+for\s+settings\s+of\s+Pouncet`),
		refused(body("a: \"{{ get_secret_value('one') }}\"\nb: \"{{ get_secret_value('two') }}\"", ""),
			`(?s)content:1:5.*content:2:5`),
		refused(body("a: \"{{ get_secret_value('db', env='nowhere') }}\"", "missing = \"null\""), `(?s)nowhere`),
		refused("environment = \"dev\"\npath = \"/nowhere/io.yaml\"", `(?s)/nowhere/io\.yaml.*no\s+such\s+file`),
		refused("environment = \"dev\"", `(?s)one \(and only one\) of \[path\]`),
		refused("environment = \"dev\"\ncontent = \"a: 1\"\nmissing = \"maybe\"", `(?s)missing.*maybe`),
		refused("environment = \"dev\"\nformat = \"csv\"\ncontent = \"\"", `(?s)format.*csv`),
		step(7, body("a: 1", ""), "a: 1\n"),
		step(8, "environment = \"dev\"\nformat = \"json\"\ncontent = jsonencode({ a = \"{{ "+
			"get_secret_value('db').password }}\" })", `{"a":"p: #\"x"}`),
		step(9, body("a: {{ get_value('region') }}\nb: {{ get_secret_value('gone') }}", "dialect = \"mage\""),
			"a: \"eu\"\nb: null\n"),
		step(10, "environment = \"dev\"\ndialect = \"atlas\"\ncontent = \"a: '%%values.region'\"", `a: "eu"`),
	)
}

// Terraform changes the text of every string to the normalization form C. A text that it would change is an error.
func TestRenderedTextThatTerraformWouldNormalizeIsAnError(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "decomposed", "caf\u0065\u0301")
	b.SetSecret("dev", "composed", "caf\u00e9")
	body := func(name string) string {
		return fmt.Sprintf("environment = \"dev\"\ncontent = \"a: {{ get_secret_value('%s') }}\"\n", name)
	}
	acctest.Run(t,
		refusedBy(b, "rendered_configuration", body("decomposed"), `normalization\s+form\s+C`),
		opened(b, 1, "rendered_configuration", body("composed"), "ephemeral.pouncet_rendered_configuration.v.rendered",
			knownvalue.StringExact("a: \"caf\u00e9\"")),
	)
}

// TestRenderedConfigurationOfTheSamePlan renders a secret that the same plan creates. The secret must not become
// null, and it must not hide a secret that is missing.
func TestRenderedConfigurationOfTheSamePlan(t *testing.T) {
	b := acctest.New(t)
	config := func(step int, missing, more string) string {
		return b.Config(fmt.Sprintf(`
resource "pouncet_secret" "s%[1]d" {
  name        = "fresh%[1]d"
  environment = "dev"
  value_wo    = "new value"
}
locals {
  call = "get_secret_value(\"fresh%[1]d\")"
}
ephemeral "pouncet_rendered_configuration" "v" {
  environment = "dev"
  missing     = %[2]q
  content     = "a: '{{ ${local.call} }}'\nb: '{{ ${local.call} | int | default(1) }}'%[3]s"
  depends_on  = [pouncet_secret.s%[1]d]
}
`, step, missing, more) + echoOf("{ it = ephemeral.pouncet_rendered_configuration.v.rendered }", step))
	}
	acctest.Run(t,
		acctest.Step{Config: config(1, "error", `\nc: \"{{ get_secret_value('gone') }}\"`),
			ExpectError: regexp.MustCompile(`(?s)terraform plan.*content:3:5.*gone`)},
		acctest.Step{
			Config: strings.Replace(config(2, "null", ""), ` | int | default(1)`, "", 1),
			StateChecks: acctest.Checks(acctest.Attr("echo.seen_2", "data.it",
				"a: \"new value\"\nb: \"new value\"")),
		},
		// Valid in the plan, and invalid in the apply, when the value is known.
		acctest.Step{Config: config(3, "error", ""),
			ExpectError: regexp.MustCompile(`(?s)terraform apply.*content:2:5`)},
		acctest.Step{Config: b.Config("")},
	)
}
