// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/provider"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

func TestSchemasAreValid(t *testing.T) {
	server, err := providerserver.NewProtocol6WithError(provider.New("test")())()
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range resp.Diagnostics {
		t.Errorf("%s: %s", d.Summary, d.Detail)
	}
	if len(resp.ResourceSchemas) != 9 || len(resp.DataSourceSchemas) != 24 || len(resp.EphemeralResourceSchemas) != 4 {
		t.Errorf("the provider has %d resources, %d data sources, %d ephemeral resources; want 9, 24, 4",
			len(resp.ResourceSchemas), len(resp.DataSourceSchemas), len(resp.EphemeralResourceSchemas))
	}
	for name, s := range resp.ResourceSchemas {
		for _, a := range s.Block.Attributes {
			if a.Description == "" {
				t.Errorf("%s.%s has no description", name, a.Name)
			}
			if a.Sensitive && !a.WriteOnly {
				t.Errorf("%s.%s is sensitive, and the state would contain it", name, a.Name)
			}
		}
	}
}

func TestProviderConfiguration(t *testing.T) {
	b := acctest.New(t)
	const project = "data \"pouncet_project\" \"p\" {\n  name = \"default\"\n}\n"
	fails := func(arguments []string, read, pattern string) acctest.Step {
		config := fmt.Sprintf("provider \"pouncet\" {\n  %s\n}\n%s", strings.Join(arguments, "\n  "), read)
		return acctest.Step{Config: config, ExpectError: regexp.MustCompile(pattern)}
	}
	const endpoint, token = `endpoint = "https://example.com"`, `token = "t"`
	acctest.Run(t,
		fails([]string{endpoint}, project, `(?s)token\s+is\s+required.*POUNCET_TOKEN`),
		fails([]string{endpoint, token, `path = "x"`}, project, `(?s)path.*names\s+a\s+server`),
		fails([]string{`endpoint = "http://example.com"`, token}, project, `(?s)not\s+encrypted.*https`),
		fails([]string{`endpoint = "not a url"`, token}, project, `(?s)not\s+the\s+URL`),
		fails([]string{fmt.Sprintf("path = %q", b.Path), `project = "nowhere"`},
			"data \"pouncet_environment\" \"e\" {\n  name = \"dev\"\n}\n", `(?s)nowhere.*default`),
		// The configuration may create a project that does not exist yet, but none of this name.
		fails([]string{fmt.Sprintf("path = %q", b.Path), `project = " "`},
			"resource \"pouncet_environment\" \"e\" {\n  name = \"new\"\n}\n", `(?s)Invalid project.*name " " is not valid`),
		acctest.Step{
			// An unknown endpoint must not count as no endpoint: the provider would use the embedded backend.
			Config: `
resource "terraform_data" "later" { input = "https://example.com" }
provider "pouncet" {
  endpoint = terraform_data.later.output
  token    = "t"
}
resource "pouncet_environment" "e" { name = "dev" }`,
			ExpectError: regexp.MustCompile(`(?s)Unknown endpoint`),
		},
	)
}

// Data sources find the project of the provider by its id. A resource has the name of its project in its plan.
func TestProviderNamesItsProjectByID(t *testing.T) {
	b := acctest.New(t)
	const read = "data \"pouncet_environment\" \"e\" {\n  name = \"dev\"\n}\n"
	byID := regexp.MustCompile(`(?s)names\s+its\s+project\s+by\s+id.*project\s+list`)
	block := fmt.Sprintf("provider \"pouncet\" {\n  path    = %q\n  project = %q\n}\n", b.Path, b.ProjectID())
	const create = "resource \"pouncet_environment\" \"new\" {\n  name = \"new\"\n}\n"
	acctest.Run(t,
		acctest.Step{Config: block + read},
		acctest.Step{Config: block + create, ExpectError: byID},
		acctest.Step{Config: block + strings.Replace(create, "{\n", "{\n  project = \"default\"\n", 1)},
	)
}

// The test runs the built provider under a real Terraform with trace logs, and searches everything that Terraform
// writes.
func TestNoSecretValueIsStoredOrPrinted(t *testing.T) {
	w := acctest.NewWorkspace(t)
	w.Init()
	dir := w.Dir
	w.Env = append(w.Env, "TF_LOG=TRACE", "TF_LOG_PATH="+filepath.Join(dir, "trace.log"))
	const canary = "CANARY-7f3a9c1e"
	w.Write("main.tf", acctest.RequiredProviders+`
provider "pouncet" {}
variable "values" {
  type      = map(string)
  ephemeral = true
}
variable "type" {
  default = null
}
resource "pouncet_environment" "e" { name = "dev" }
resource "pouncet_secret" "s" {
  for_each    = toset(["plain", "json", "odd"])
  name        = each.key
  environment = pouncet_environment.e.name
  type        = each.key == "plain" ? var.type : null
  value_wo    = var.values[each.key]
}
ephemeral "pouncet_secret_value" "v" {
  for_each    = pouncet_secret.s
  name        = each.value.name
  environment = "dev"
}
ephemeral "pouncet_secret_values" "all" {
  names       = [for s in pouncet_secret.s : s.name]
  environment = "dev"
}
ephemeral "pouncet_rendered_configuration" "r" {
  environment = "dev"
  content     = <<-YAML
    a: '{{ get_secret_value("plain") }}'
    b: '{{ get_secret_value("odd") | b64encode }} {{ get_secret_value("json").password }}'
  YAML
  missing     = "keep"
  depends_on  = [pouncet_secret.s]
}
output "versions" { value = [for s in pouncet_secret.s : s.version] }
`)
	values := func(n int) string {
		return fmt.Sprintf(`TF_VAR_values={"plain":"%[1]s-plain-%[2]d",`+
			`"json":"{\"password\":\"%[1]s-json-%[2]d\"}","odd":"%[1]s-odd-%[2]d\n: #'\"{{ }}"}`, canary, n)
	}
	logs := &bytes.Buffer{}
	run := func(succeeds bool, env []string, args ...string) {
		t.Helper()
		cmd := w.Command(args...)
		cmd.Env = append(cmd.Env, env...)
		out, err := cmd.CombinedOutput()
		logs.Write(out)
		if (err == nil) != succeeds {
			t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err,
				strings.ReplaceAll(string(out), canary, "(canary)"))
		}
	}
	show := func(args ...string) {
		t.Helper()
		out, err := w.Command(args...).Output()
		if err != nil {
			t.Fatalf("terraform %v: %v", args, err)
		}
		logs.Write(out)
	}
	run(true, []string{values(1)}, "plan", "-input=false", "-out=plan1")
	show("show", "-json", "plan1")
	run(true, []string{values(1)}, "apply", "-input=false", "plan1")
	run(true, []string{values(2)}, "plan", "-input=false", "-out=plan2")
	show("show", "-json", "plan2")
	run(true, []string{values(2)}, "apply", "-input=false", "-auto-approve")
	show("show", "-json")
	change(t, w.Data(), backend.Change{
		Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: "plain",
		Value: backend.PlaintextString(canary + "-drift"),
	})
	run(true, []string{values(2)}, "plan", "-input=false", "-out=plan3")
	show("show", "-json", "plan3")
	run(true, []string{values(2)}, "state", "rm", `pouncet_secret.s["plain"]`)
	run(true, []string{values(2)}, "import", "-input=false", `pouncet_secret.s["plain"]`, "dev/plain")
	run(true, []string{values(2)}, "apply", "-input=false", "-auto-approve")
	crash(t, w, values(4))
	run(false, []string{values(3), "TF_VAR_type=database_connection"}, "plan", "-input=false")
	run(false, []string{values(3), "TF_VAR_type=nothing"}, "apply", "-input=false", "-auto-approve")
	run(true, []string{values(2)}, "destroy", "-input=false", "-auto-approve")

	if !strings.Contains(logs.String(), "version") || logs.Len() < 1000 {
		t.Fatal("Terraform printed too little for this test to be meaningful")
	}
	if strings.Contains(logs.String(), canary) {
		t.Error("Terraform printed a secret value")
	}
	searched := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "terraform-provider-pouncet" {
			return err
		}
		text, err := os.ReadFile(path)
		searched++
		if bytes.Contains(text, []byte(canary)) {
			t.Errorf("a secret value is in %s", strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil || searched < 8 {
		t.Errorf("searched %d files, %v", searched, err)
	}
	if b, err := open.Embedded(context.Background(), open.Config{Path: w.Data()}); err != nil {
		t.Error(err)
	} else {
		defer b.Close()
		page, err := b.Engine.Query(context.Background(), backend.Query{Kind: backend.KindSecret, Project: "default"})
		if err != nil || len(page.Objects) != 0 {
			t.Errorf("%d secrets exist after destroy (%v)", len(page.Objects), err)
		}
	}
}
