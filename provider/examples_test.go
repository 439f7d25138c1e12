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

	"github.com/pouncet/terraform-provider-pouncet/provider"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// The second plan of every example has no changes.
func TestExamplesApply(t *testing.T) {
	var files []string
	for _, category := range []string{"resources", "data-sources", "ephemeral-resources"} {
		matches, err := filepath.Glob("../examples/" + category + "/pouncet_*/*.tf")
		if err != nil || len(matches) < 4 {
			t.Fatalf("%d examples of %s, %v", len(matches), category, err)
		}
		files = append(files, matches...)
	}
	functions, err := filepath.Glob("../examples/functions/*/*.tf")
	if err != nil || len(functions) < 4 {
		t.Fatalf("%d examples of functions, %v", len(functions), err)
	}
	files = append(files, functions...)
	for _, file := range files {
		if strings.Contains(file, "pouncet_config_references") {
			continue // it reads a file, see TestConfigReferencesExample
		}
		folder := filepath.Dir(file)
		t.Run(filepath.Base(filepath.Dir(folder))+"/"+filepath.Base(folder), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b := acctest.New(t)
			variables := map[string]string{}
			if strings.Contains(string(text), `variable "db_password"`) {
				variables["db_password"] = "correct horse battery staple"
			}
			acctest.Run(t, acctest.Step{Config: b.Config(string(text)), Variables: variables})
		})
	}
}

func TestEveryResourceShowsItsImport(t *testing.T) {
	dirs, err := filepath.Glob("../examples/resources/pouncet_*")
	if err != nil || len(dirs) != 9 {
		t.Fatal(dirs, err)
	}
	for _, dir := range dirs {
		text, err := os.ReadFile(filepath.Join(dir, "import.sh"))
		if err != nil || !strings.Contains(string(text), "terraform import "+filepath.Base(dir)+".") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// Terraform before 1.14 cannot run list resources and actions. The test parses their examples and looks up each
// attribute.
func TestExamplesOfListsAndActionsMatchTheirSchemas(t *testing.T) {
	server := provider.NewServer("test")()
	schemas, err := server.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	checkExample := func(name, file, blockType string, s *tfprotov6.Schema) {
		parsed, diags := hclparse.NewParser().ParseHCLFile(file)
		if diags.HasErrors() {
			t.Errorf("%s: %v", file, diags)
			return
		}
		seen := false
		for _, block := range parsed.Body.(*hclsyntax.Body).Blocks {
			if block.Type != blockType || block.Labels[0] != name {
				continue
			}
			for _, config := range block.Body.Blocks {
				for attribute := range config.Body.Attributes {
					seen = true
					named := func(a *tfprotov6.SchemaAttribute) bool { return a.Name == attribute }
					if !slices.ContainsFunc(s.Block.Attributes, named) {
						t.Errorf("%s: %s has no attribute %s", file, name, attribute)
					}
				}
			}
		}
		if !seen {
			t.Errorf("%s does not configure %s", file, name)
		}
	}
	for name, s := range schemas.ListResourceSchemas {
		checkExample(name, filepath.Join("../examples/list-resources", name, "list-resource.tf"), "list", s)
	}
	for name, s := range schemas.ActionSchemas {
		checkExample(name, filepath.Join("../examples/actions", name, "action.tf"), "action", s.Schema)
	}
	if len(schemas.ListResourceSchemas) != 9 || len(schemas.ActionSchemas) != 2 {
		t.Errorf("%d lists, %d actions", len(schemas.ListResourceSchemas), len(schemas.ActionSchemas))
	}
}
