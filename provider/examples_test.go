// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/pouncet/terraform-provider-pouncet/provider"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// TestExamples applies every example that the documentation shows.
func TestExamples(t *testing.T) {
	var files []string
	for _, kind := range []string{"resources", "data-sources", "ephemeral-resources"} {
		found, err := filepath.Glob("../examples/" + kind + "/pouncet_*/*.tf")
		if err != nil || len(found) < 4 {
			t.Fatalf("%d examples of %s, %v", len(found), kind, err)
		}
		files = append(files, found...)
	}
	functions, err := filepath.Glob("../examples/functions/*/*.tf")
	if err != nil || len(functions) < 4 {
		t.Fatalf("%d examples of functions, %v", len(functions), err)
	}
	files = append(files, functions...)
	for _, file := range files {
		if strings.Contains(file, "pouncet_config_references") {
			continue // it reads a file beside it: TestConfigReferencesExample
		}
		t.Run(filepath.Base(filepath.Dir(filepath.Dir(file)))+"/"+filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b := acctest.New(t)
			t.Setenv("TF_VAR_db_password", "correct horse battery staple")
			acctest.Run(t,
				resource.TestStep{Config: b.Config(string(text))},
				resource.TestStep{Config: b.Config(string(text)), PlanOnly: true},
			)
		})
	}
}

// TestImportExamples checks that each resource shows how to import it.
func TestImportExamples(t *testing.T) {
	dirs, err := filepath.Glob("../examples/resources/pouncet_*")
	if err != nil || len(dirs) != 5 {
		t.Fatal(dirs, err)
	}
	for _, dir := range dirs {
		text, err := os.ReadFile(filepath.Join(dir, "import.sh"))
		if err != nil || !strings.Contains(string(text), "terraform import "+filepath.Base(dir)+".") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// TestExamplesForNewerCLIs holds the examples of list resources and actions,
// which Terraform has from 1.14 on, against their schemas: that they parse, and
// that what they configure is there.
func TestExamplesForNewerCLIs(t *testing.T) {
	schemas, err := provider.NewServer("test")().GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	checkExample := func(name, file, kind string, s *tfprotov6.Schema) {
		parsed, diags := hclparse.NewParser().ParseHCLFile(file)
		if diags.HasErrors() {
			t.Errorf("%s: %v", file, diags)
			return
		}
		seen := false
		for _, block := range parsed.Body.(*hclsyntax.Body).Blocks {
			if block.Type != kind || block.Labels[0] != name {
				continue
			}
			for _, config := range block.Body.Blocks {
				for attribute := range config.Body.Attributes {
					seen = true
					if !slices.ContainsFunc(s.Block.Attributes, func(a *tfprotov6.SchemaAttribute) bool { return a.Name == attribute }) {
						t.Errorf("%s: %s has no %s", file, name, attribute)
					}
				}
			}
		}
		if !seen {
			t.Errorf("%s configures no %s", file, name)
		}
	}
	for name, s := range schemas.ListResourceSchemas {
		checkExample(name, filepath.Join("../examples/list-resources", name, "list-resource.tf"), "list", s)
	}
	for name, s := range schemas.ActionSchemas {
		checkExample(name, filepath.Join("../examples/actions", name, "action.tf"), "action", s.Schema)
	}
	if len(schemas.ListResourceSchemas) != 5 || len(schemas.ActionSchemas) != 1 {
		t.Errorf("%d lists, %d actions", len(schemas.ListResourceSchemas), len(schemas.ActionSchemas))
	}
}
