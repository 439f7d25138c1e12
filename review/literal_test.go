// SPDX-License-Identifier: MPL-2.0

package review

import (
	"os"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// wantHints compares the reference and the hint of each finding.
func wantHints(t *testing.T, findings []Finding, want ...string) {
	t.Helper()
	var got []string
	for _, f := range findings {
		got = append(got, f.Reference+": "+f.Hint)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func terraformSources(files ...string) []*Source {
	var sources []*Source
	for i, text := range files {
		name := string(rune('a'+i)) + ".tf"
		sources = append(sources, Reader{Terraform: true}.scan(interpolate.File{Name: name, Data: []byte(text)}))
	}
	return sources
}

const declarations = `
resource "pouncet_project" "shop" { name = "shop" }
resource "pouncet_environment" "e" { name = "stage" }
resource "pouncet_environment" "all" {
  for_each = toset(["dev", "prod"])
  name     = each.key
}
resource "pouncet_environment" "one" {
  count = 1
  name  = "counted"
}
resource "pouncet_environment" "map" {
  for_each = { a = { name = "mapped" } }
  name     = each.value.name
}
resource "pouncet_secret_type" "t" { key = "kafka" }
resource "pouncet_role" "r" { name = "rotator" }
resource "pouncet_group" "g" { name = "pipelines" }
resource "pouncet_secret" "db" {
  name        = "db"
  environment = pouncet_environment.all["dev"].name
}
`

func TestLiteralNames(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a binding", "resource \"pouncet_role_binding\" \"b\" {\n role = \"rotator\"\n to = \"group:pipelines\"\n" +
			" project = \"shop\"\n}",
			[]string{"pouncet_role_binding.b.project: write project = pouncet_project.shop.name",
				"pouncet_role_binding.b.role: write role = pouncet_role.r.name",
				`pouncet_role_binding.b.to: write to = "group:${pouncet_group.g.name}"`}},
		{"a binding of others", "resource \"pouncet_role_binding\" \"b\" {\n role = \"viewer\"\n" +
			" to = \"token:pipelines\"\n}", nil},
		{"environment", `resource "pouncet_secret" "s" { environment = "stage" }`,
			[]string{"pouncet_secret.s.environment: write environment = pouncet_environment.e.name"}},
		{"parentheses and a template",
			"resource \"pouncet_secret\" \"s\" {\n environment = (\"stage\")\n type = \"${\"kafka\"}\"\n}",
			[]string{"pouncet_secret.s.environment: write environment = pouncet_environment.e.name",
				"pouncet_secret.s.type: write type = pouncet_secret_type.t.key"}},
		{"instance of for_each", `resource "pouncet_secret" "s" { environment = "prod" }`,
			[]string{`pouncet_secret.s.environment: write environment = pouncet_environment.all["prod"].name`}},
		{"equal keys", "resource \"pouncet_secret\" \"s\" {\n for_each = toset([\"dev\"])\n environment = each.value\n}",
			[]string{`pouncet_secret.s.environment: write environment = pouncet_environment.all[each.key].name`}},
		{"count", `resource "pouncet_secret" "s" { environment = "counted" }`,
			[]string{"pouncet_secret.s.environment: write environment = pouncet_environment.one[0].name"}},
		{"map", `resource "pouncet_secret" "s" { environment = "mapped" }`,
			[]string{`pouncet_secret.s.environment: write environment = pouncet_environment.map["a"].name`}},
		{"project", `resource "pouncet_environment" "x" { project = "shop" }`,
			[]string{"pouncet_environment.x.project: write project = pouncet_project.shop.name"}},
		{"link", "resource \"pouncet_scoped_value\" \"v\" {\n environment = \"*\"\n from_secret = { name = \"db\" }\n}",
			[]string{"pouncet_scoped_value.v.from_secret.name: write from_secret = { name = pouncet_secret.db.name }"}},
		{"data source", `data "pouncet_environment" "d" { name = "stage" }`,
			[]string{"data.pouncet_environment.d.name: write name = pouncet_environment.e.name"}},
		{"data source of an entry",
			"data \"pouncet_secret\" \"d\" {\n name = \"db\"\n environment = pouncet_environment.all[\"dev\"].name\n}",
			[]string{"data.pouncet_secret.d.name: write name = pouncet_secret.db.name"}},
		{"ephemeral resources", "ephemeral \"pouncet_secret_values\" \"x\" {\n names = [\"db\", \"none\"]\n" +
			" environment = pouncet_environment.all[\"dev\"].name\n secrets = { a = { name = \"db\" } }\n}",
			[]string{"ephemeral.pouncet_secret_values.x.names: write pouncet_secret.db.name in names",
				"ephemeral.pouncet_secret_values.x.secrets: write pouncet_secret.db.name in secrets"}},
		{"an environment of one of several secrets", "ephemeral \"pouncet_secret_values\" \"x\" {\n environment = \"*\"\n" +
			" secrets = { a = { name = \"none\", environment = \"dev\" } }\n}",
			[]string{"ephemeral.pouncet_secret_values.x.secrets: write pouncet_environment.all[\"dev\"].name in secrets"}},

		{"reference", `resource "pouncet_secret" "s" { environment = pouncet_environment.e.name }`, nil},
		{"every environment", `resource "pouncet_secret" "s" { environment = "*" }`, nil},
		{"built-in type", `resource "pouncet_secret" "s" { type = "password" }`, nil},
		{"depends_on",
			"resource \"pouncet_secret\" \"s\" {\n environment = \"stage\"\n depends_on = [pouncet_environment.e]\n}", nil},
		{"order through a local value", "locals { l = [pouncet_environment.e.labels] }\n" +
			"resource \"pouncet_secret\" \"s\" {\n environment = \"stage\"\n labels = local.l[0]\n}", nil},
		{"order through a module", "module \"m\" { a = pouncet_environment.e.id }\n" +
			"resource \"pouncet_secret\" \"s\" {\n environment = \"stage\"\n labels = module.m.labels\n}", nil},
		{"order through a provider block", "provider \"pouncet\" { token = pouncet_environment.e.id }\n" +
			`resource "pouncet_secret" "s" { environment = "stage" }`, nil},
		{"the other order",
			"resource \"pouncet_environment\" \"y\" {\n name = \"late\"\n labels = pouncet_secret.s.labels\n}\n" +
				`resource "pouncet_secret" "s" { environment = "late" }`, nil},
		{"another provider block",
			"resource \"pouncet_secret\" \"s\" {\n environment = \"stage\"\n provider = pouncet.other\n}", nil},
		{"another project", "resource \"pouncet_secret\" \"s\" {\n environment = \"stage\"\n project = \"p\"\n}", nil},
		{"secret of another environment",
			"resource \"pouncet_scoped_value\" \"v\" {\n environment = \"other\"\n from_secret = { name = \"db\" }\n}", nil},
		{"secret of another scope", "data \"pouncet_secret\" \"d\" {\n name = \"db\"\n scope = \"app/a\"\n" +
			" environment = pouncet_environment.all[\"dev\"].name\n}", nil},
		{"name that is not literal", "variable \"v\" { default = \"stage\" }\n" +
			`resource "pouncet_secret" "s" { environment = var.v }`, nil},
		{"existing object", `resource "pouncet_secret" "s" { environment = "elsewhere" }`, nil},
		{"references of files", `data "pouncet_config_references" "r" { environments = ["stage"] }`, nil},
		{"another provider", `resource "other_secret" "s" { environment = "stage" }`, nil},
		{"invalid file", `resource "pouncet_secret" "s" { environment = "stage" } }`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantHints(t, LiteralNames(terraformSources(c.text, declarations)), c.want...)
		})
	}
}

func TestLiteralNamesHaveAPositionAndNoText(t *testing.T) {
	sources := terraformSources(declarations, "resource \"pouncet_secret\" \"s\" {\n  environment = \"stage\"\n}\n")
	findings := LiteralNames(sources)
	wantMessages(t, findings, "POUNCET014 environment holds the name of pouncet_environment.e without a reference to it, "+
		"so Terraform knows no order between the two")
	if f := findings[0]; f.File != "b.tf" || f.Line != 2 || f.Column != 17 {
		t.Errorf("position %s:%d:%d", f.File, f.Line, f.Column)
	}
	other := terraformSources(declarations)
	other[0].Name = "other/a.tf"
	wantMessages(t, LiteralNames(append(other, sources[1]))) // two folders are two modules
}

// A parser that calls itself for each bracket could use up its stack, which ends the program.
func TestDeepTerraformFilesAreSkipped(t *testing.T) {
	const block = "resource \"pouncet_secret\" \"s\" { environment = \"stage\" }\nlocals {\n a = %\n}\n"
	for name, c := range map[string]struct{ opening, middle, closing string }{
		"brackets":   {"[", "", "]"},
		"calls":      {"f(", "1", ")"},
		"templates":  {`"${`, "1", `}"`},
		"unary":      {"!", "true", ""},
		"signs":      {"-", "1", ""},
		"conditions": {"true ? 1 : ", "1", ""},
		"lines":      {"(\n!", "true", ")"},
		"directives": {"%{ if true }", "", "%{ endif }"},
	} {
		for n, want := range map[int]int{20: 1, 5000: 0} {
			text := strings.Repeat(c.opening, n) + c.middle + strings.Repeat(c.closing, n)
			if name == "directives" {
				text = `"` + text + `"`
			}
			sources := terraformSources(declarations, strings.Replace(block, "%", text, 1))
			if got := len(LiteralNames(sources)); got != want {
				t.Errorf("%s, %d times: %d findings, want %d", name, n, got, want)
			}
		}
	}
	long := "locals {\n a = [" + strings.Repeat("-1, ", 5000) + "]\n}\n" + strings.Repeat("# -\n", 5000)
	if got := len(LiteralNames(terraformSources(declarations, strings.Replace(block, "%", "1", 1)+long))); got != 1 {
		t.Errorf("a long list: %d findings, want 1", got)
	}
}

// The plan has the result of a real Terraform: testdata/plan/make.sh creates it from testdata/literal.
func TestLiteralNamesInAPlan(t *testing.T) {
	text, err := os.ReadFile("testdata/literal/plan.json")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := ParsePlan(text)
	if err != nil {
		t.Fatal(err)
	}
	findings := plan.LiteralNames("plan.json")
	wantHints(t, findings,
		`pouncet_scoped_value.link.from_secret.name: write from_secret = { name = pouncet_secret.db["prod"].name }`,
		`pouncet_secret.each.environment: write environment = pouncet_environment.all[each.key].name`,
		`pouncet_secret.literal.environment: write environment = pouncet_environment.all["dev"].name`,
		`pouncet_secret.literal.type: write type = pouncet_secret_type.kafka.key`,
		`module.inner.pouncet_secret.s.environment: `+
			`refer to pouncet_environment.stage through variables and outputs of the modules`,
		`data.pouncet_secret.db.name: write name = pouncet_secret.db["prod"].name`)
	if want := `environment holds the name of pouncet_environment.all["dev"], which the plan replaces, ` +
		`without a reference to it, so Terraform knows no order between the two`; findings[2].Message != want {
		t.Errorf("got %s\nwant %s", findings[2].Message, want)
	}
}

func TestLiteralNamesOfCreatedAndDeletedObjects(t *testing.T) {
	const configuration = `"configuration": {"root_module": {"resources": [
		{"address": "pouncet_environment.e", "provider_config_key": "pouncet", "expressions": {}},
		{"address": "pouncet_secret.s", "provider_config_key": "pouncet",
			"expressions": {"environment": {"constant_value": "stage"}}}]}}`
	const secret = `{"address": "pouncet_secret.s", "mode": "managed", "type": "pouncet_secret", "change": {
		"actions": ["no-op"], "before": null, "after": {"environment": "stage", "project": "p", "name": "s"}}}`
	for actions, want := range map[string]string{
		`"actions": ["create"], "before": null, "after": {"project": "p", "name": "stage"}`: "which the plan creates",
		`"actions": ["delete"], "after": null, "before": {"project": "p", "name": "stage"}`: "which the plan deletes",
		`"actions": ["no-op"], "before": {"project": "p", "name": "stage"}, ` +
			`"after": {"project": "p", "name": "stage"}`: "",
		`"actions": ["create"], "before": null, "after": {"project": "q", "name": "stage"}`:  "",
		`"actions": ["forget"], "after": null, "before": {"project": "p", "name": "stage"}`:  "",
		`"actions": ["create"], "before": null, "after": {"project": "p", "name": "stage2"}`: "",
	} {
		plan, err := ParsePlan([]byte(`{"format_version": "1.2", ` + configuration + `, "resource_changes": [` + secret +
			`, {"address": "pouncet_environment.e", "mode": "managed", "type": "pouncet_environment", "change": {` +
			actions + `}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		findings := plan.LiteralNames("plan.json")
		if want == "" {
			wantMessages(t, findings)
		} else if len(findings) != 1 || !strings.Contains(findings[0].Message, want) {
			t.Errorf("%s: %v, want %s", actions, messages(findings), want)
		}
	}
}
