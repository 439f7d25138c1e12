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
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

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
	if len(resp.ResourceSchemas) != 5 || len(resp.DataSourceSchemas) != 12 || len(resp.EphemeralResourceSchemas) != 4 {
		t.Errorf("%d resources, %d data sources, %d ephemeral resources", len(resp.ResourceSchemas), len(resp.DataSourceSchemas), len(resp.EphemeralResourceSchemas))
	}
	for name, s := range resp.ResourceSchemas {
		for _, a := range s.Block.Attributes {
			if a.Description == "" {
				t.Errorf("%s.%s has no description", name, a.Name)
			}
			if a.Sensitive && !a.WriteOnly {
				t.Errorf("%s.%s is sensitive and would be in the state", name, a.Name)
			}
		}
	}
}

func TestConfiguration(t *testing.T) {
	b := acctest.New(t)
	fresh := filepath.Join(t.TempDir(), "fresh")
	refused := func(body, want string) resource.TestStep {
		return resource.TestStep{
			Config: "provider \"pouncet\" {\n" + body + "\n}\ndata \"pouncet_project\" \"p\" { name = \"default\" }", ExpectError: regexp.MustCompile(want),
		}
	}
	acctest.Run(t,
		refused(`endpoint = "https://example.com"`, `(?s)token\s+is\s+required.*POUNCET_TOKEN`),
		refused("endpoint = \"https://example.com\"\ntoken = \"t\"\npath = \"x\"", `(?s)path.*names\s+a\s+server`),
		refused("endpoint = \"http://example.com\"\ntoken = \"t\"", `(?s)not\s+encrypted.*https`),
		refused("endpoint = \"not a url\"\ntoken = \"t\"", `(?s)not\s+the\s+URL`),
		refused(fmt.Sprintf("path = %q\nproject = \"nowhere\"", b.Path)+"\n}\ndata \"pouncet_environment\" \"e\" {\n name = \"dev\"", `(?s)nowhere.*default`),
		resource.TestStep{
			// Unknown while planning, which is not "none": nothing may be made or read.
			Config: `
resource "terraform_data" "later" { input = "https://example.com" }
provider "pouncet" {
  endpoint = terraform_data.later.output
  token    = "t"
}
resource "pouncet_environment" "e" { name = "dev" }`,
			ExpectError: regexp.MustCompile(`(?s)Unknown endpoint`),
		},
		resource.TestStep{
			Config: fmt.Sprintf("provider \"pouncet\" {\n  path = %q\n}\nresource \"pouncet_environment\" \"e\" { name = \"dev\" }", fresh),
			Check:  resource.TestCheckResourceAttr("pouncet_environment.e", "project", "default"),
		},
	)
	if _, err := os.Stat(filepath.Join(fresh, "pouncet.db")); err != nil {
		t.Errorf("the embedded backend was not made: %v", err)
	}
}

// behind sets a secret behind Terraform's back.
func behind(t *testing.T, path, value string) {
	t.Helper()
	b, err := open.Open(context.Background(), open.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	_, err = b.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: "plain", Value: backend.PlaintextString(value)},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCanary drives the built provider with the real CLI as a user would, with
// trace logs on, and looks for the values in everything that is left behind.
func TestCanary(t *testing.T) {
	w := acctest.NewWorkspace(t)
	dir := w.Dir
	w.Env = append(w.Env, "TF_LOG=TRACE", "TF_LOG_PATH="+filepath.Join(dir, "trace.log"))
	const canary = "CANARY-7f3a9c1e"
	w.Write("main.tf", `
terraform {
  required_providers { pouncet = { source = "pouncet/pouncet" } }
}
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
  content     = "a: '{{ get_secret_value(\"plain\") }}'\nb: '{{ get_secret_value(\"odd\") | b64encode }} {{ get_secret_value(\"json\").password }}'"
  missing     = "keep"
  depends_on  = [pouncet_secret.s]
}
output "versions" { value = [for s in pouncet_secret.s : s.version] }
`)
	values := func(n int) string {
		return fmt.Sprintf(`TF_VAR_values={"plain":"%[1]s-plain-%[2]d","json":"{\"password\":\"%[1]s-json-%[2]d\"}","odd":"%[1]s-odd-%[2]d\n: #'\"{{ }}"}`, canary, n)
	}
	logs := &bytes.Buffer{}
	run := func(ok bool, env []string, args ...string) {
		t.Helper()
		cmd := w.Command(args...)
		cmd.Env = append(cmd.Env, env...)
		out, err := cmd.CombinedOutput()
		logs.Write(out)
		if (err == nil) != ok {
			t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, strings.ReplaceAll(string(out), canary, "(canary)"))
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
	behind(t, filepath.Join(dir, "data"), canary+"-drift")
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
		t.Fatal("the run printed too little to be searched")
	}
	if strings.Contains(logs.String(), canary) {
		t.Error("a value was printed")
	}
	searched := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "terraform-provider-pouncet" {
			return err
		}
		text, err := os.ReadFile(path)
		searched++
		if bytes.Contains(text, []byte(canary)) {
			t.Errorf("a value is in %s", strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil || searched < 8 {
		t.Errorf("searched %d files, %v", searched, err)
	}
	if b, err := open.Embedded(context.Background(), open.Config{Path: filepath.Join(dir, "data")}); err != nil {
		t.Error(err)
	} else {
		defer b.Close()
		page, err := b.Engine.Query(context.Background(), backend.Query{Kind: backend.KindSecret, Project: "default"})
		if err != nil || len(page.Objects) != 0 {
			t.Errorf("after destroy: %d secrets, %v", len(page.Objects), err)
		}
	}
}
