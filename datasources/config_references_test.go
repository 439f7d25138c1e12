// SPDX-License-Identifier: MPL-2.0

package datasources_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

func TestConfigReferencesReportsMissingEntries(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("*", "shared", "CANARY")
	b.SetSecret("dev", "only_dev", "CANARY")
	b.Apply(
		backend.Change{
			Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "*", Name: "link",
			Link: &backend.Link{Secret: "only_dev"},
		},
		backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "shop"},
		backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: "shop", Name: "dev"},
		backend.Change{
			Op: backend.OpSet, Kind: backend.KindSecret, Project: "shop", Environment: "dev", Name: "theirs",
			Value: backend.PlaintextString("CANARY"),
		},
	)
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := write("a.yaml", "x: \"{{ get_secret_value('shared').field }}\"\ny: {{ get_secret_value('only_dev') }}\n")
	deep := write("sub/b.yml", `x: {{ get_value('link') }} {{ env_var('HOME') }}
y: {{ get_secret_value('gone', default='d') }}
z: {{ get_secret_value('only_dev', env='dev') }}
`)
	write(".git/c.yaml", "x: {{ get_secret_value('of_git') }}\n")
	write("notes.txt", "{{ get_secret_value('of_text') }}")
	theirs := write("theirs/t.yaml", `x: {{ get_secret_value('theirs', project='shop') }}
y: {{ get_secret_value('theirs', project='nowhere', default='d') }}
`)
	broken := write("broken/x.yaml", "x: {{ get_secret_value( }}\ny: {{ get_secret_value(name) }}\n")

	config := ""
	var checks []statecheck.StateCheck
	outputs := func(body, expression string, want ...string) {
		n := len(checks)
		exact := make([]knownvalue.Check, len(want))
		for i, w := range want {
			exact[i] = knownvalue.StringExact(w)
		}
		config += fmt.Sprintf("data \"pouncet_config_references\" \"c%d\" {\n%s\n}\noutput \"o%d\" { value = %s }\n",
			n, body, n, strings.ReplaceAll(expression, "local.c.", fmt.Sprintf("data.pouncet_config_references.c%d.", n)))
		checks = append(checks, statecheck.ExpectKnownOutputValue(fmt.Sprintf("o%d", n), knownvalue.ListExact(exact)))
	}
	fails := func(body, want string) acctest.Step {
		return acctest.Step{
			Config:      b.Config("data \"pouncet_config_references\" \"c\" {\n" + body + "\n}"),
			ExpectError: regexp.MustCompile(want),
		}
	}
	folder := fmt.Sprintf("path = %q\nexclude = [\"**/.*/**\", \"broken/**\", \"theirs/**\"]\n", dir)
	const missing = `[for m in local.c.missing : join(" ", ["${basename(m.file)}:${m.line}:${m.column}", m.kind, m.name,
    m.environment, join(",", m.environments_that_have_it)])]`
	const all = `concat([for r in local.c.references :
    "${basename(r.file)} ${r.name} ${r.environment == null ? "-" : r.environment}"], [tostring(local.c.ok)])`
	outputs(folder, all,
		"a.yaml shared dev", "a.yaml shared prod", "a.yaml only_dev dev", "a.yaml only_dev prod",
		"b.yml link dev", "b.yml link prod", "b.yml HOME -", "b.yml gone dev", "b.yml gone prod",
		"b.yml only_dev dev", "false")
	outputs(folder, missing, "a.yaml:2:4 secret only_dev prod dev", "b.yml:1:4 scoped_value link prod dev")
	outputs(folder+`environments = ["dev"]`, "[tostring(local.c.ok), local.c.summary]", "true", "ok")
	outputs(folder+`missing_ok = ["prod/only_dev"]`, missing, "b.yml:1:4 scoped_value link prod dev")
	outputs(folder+`missing_ok = ["only_dev", "link"]`, missing)
	outputs(folder+`environments = ["nowhere"]`, `distinct([for m in local.c.missing : m.reason])`,
		`environment "nowhere" does not exist in project "default"`)
	outputs(fmt.Sprintf("paths = [%q]\n", deep), missing, "b.yml:1:4 scoped_value link prod dev")
	outputs(fmt.Sprintf("path = %q\ninclude = [\"*.txt\"]\n", dir),
		`distinct([for r in local.c.references : r.name])`, "of_text")
	// Declared entries count as existing.
	outputs(folder+`declared = [{ name = "only_dev", environment = "prod" }]`, missing)
	outputs(folder+`declared = [{ name = "shared" }]`+"\ndeclared_only = true\n",
		`distinct([for m in local.c.missing : m.name])`, "only_dev", "link")
	outputs(folder+`
declared = [
  { name = "shared" }, { name = "only_dev" },
  { kind = "scoped_value", name = "link", from_secret = "gone" },
]
declared_only = true
environments  = ["dev"]
`,
		`[for m in local.c.missing : m.reason]`,
		`scoped value "link" links to secret "gone", which does not exist in environment "dev"`)
	outputs(fmt.Sprintf("paths = [%q]\nenvironments = [\"dev\"]\n", theirs),
		`[for m in local.c.missing : m.reason]`, `project "nowhere" does not exist`)
	acctest.Run(t,
		acctest.Step{Config: b.Config(config), StateChecks: checks},
		fails(fmt.Sprintf("paths = [%q, %q]", a, broken), `(?s)x\.yaml:1:.*x\.yaml:2:`),
		fails(`paths = ["/nowhere/x.yaml"]`, `(?s)/nowhere/x\.yaml.*path\.module`),
		fails(`path = "/nowhere"`, `(?si)folder.*does\s+not\s+exist.*path\.module`),
		fails(fmt.Sprintf("path = %q\ninclude = [\"*.toml\"]", dir), `(?s)No\s+file\s+in.*matches`),
		fails(fmt.Sprintf("path = %q\ninclude = [\"[\"]", dir), `(?s)is\s+not\s+a\s+valid\s+pattern`),
		fails(fmt.Sprintf("path = %q\nproject = \"nope\"", dir)+"\nexclude = [\"broken/**\"]", `(?s)nope`),
		fails(folder+`scope = "web"`, `(?s)Scope\s+"web"\s+is\s+not\s+valid`),
		fails(`environments = ["dev"]`, `(?s)one \(and only one\)`),
		acctest.Step{Config: b.Config("")},
	)
}

// The same condition in a precondition fails the plan.
func TestConfigReferencesWarnsInACheckBlock(t *testing.T) {
	b := acctest.New(t)
	file := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(file, []byte("x: {{ get_secret_value('gone') }}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := func(block string) string {
		return b.Config(fmt.Sprintf(`
data "pouncet_config_references" "c" { paths = [%q] }
%s`, file, block))
	}
	acctest.Run(t,
		acctest.Step{
			Config: config(`
check "pipelines" {
  assert {
    condition     = data.pouncet_config_references.c.ok
    error_message = data.pouncet_config_references.c.summary
  }
}
output "ok" { value = data.pouncet_config_references.c.ok }`),
			StateChecks: acctest.Checks(acctest.Output("ok", "false")),
		},
		acctest.Step{Config: config(`
resource "terraform_data" "deploy" {
  lifecycle {
    precondition {
      condition     = data.pouncet_config_references.c.ok
      error_message = data.pouncet_config_references.c.summary
    }
  }
}`), ExpectError: regexp.MustCompile(`(?s)terraform plan.*a\.yaml:1:4:.*"gone"\s+does\s+not\s+exist`)},
		acctest.Step{Config: b.Config("")},
	)
}
