// SPDX-License-Identifier: MPL-2.0

// Command pages writes the registry's pages for list resources and actions from their schemas and examples. Terraform
// before 1.14 does not export the schemas of list resources and actions, so tfplugindocs cannot write these pages.
//
//	go run ./provider/pages -examples examples -docs docs
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/provider"
)

func main() {
	examples := flag.String("examples", "examples", "folder that contains the examples")
	docs := flag.String("docs", "docs", "folder to write to")
	flag.Parse()
	if err := writePages(*examples, *docs); err != nil {
		log.Fatal(err)
	}
}

func writePages(examples, docs string) error {
	server := provider.NewServer("")()
	schemas, err := server.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return err
	}
	for name, s := range schemas.ListResourceSchemas {
		p := page{
			name: name, category: "List Resource", folder: "list-resources", example: "list-resource.tf", schema: s,
		}
		if err := p.write(examples, docs); err != nil {
			return err
		}
	}
	for name, s := range schemas.ActionSchemas {
		p := page{name: name, category: "Action", folder: "actions", example: "action.tf", schema: s.Schema}
		if err := p.write(examples, docs); err != nil {
			return err
		}
	}
	return nil
}

type page struct {
	name     string // of the list resource or action
	category string // for the title
	folder   string // in examples and docs
	example  string // file name
	schema   *tfprotov6.Schema
}

func (p page) write(examples, docs string) error {
	example, err := os.ReadFile(filepath.Join(examples, p.folder, p.name, p.example))
	if err != nil {
		return fmt.Errorf("reading the example of %s: %w", p.name, err)
	}
	folder := filepath.Join(docs, p.folder)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	file := filepath.Join(folder, strings.TrimPrefix(p.name, "pouncet_")+".md")
	return os.WriteFile(file, []byte(p.text(string(example))), 0o644)
}

// text returns the page in the form of tfplugindocs.
func (p page) text(example string) string {
	description := p.schema.Block.Description
	var b strings.Builder
	fmt.Fprintf(&b, "---\n# generated from the schema and examples/%s: do not edit\n", p.folder)
	fmt.Fprintf(&b, "page_title: \"%s %s - Pouncet\"\nsubcategory: \"\"\n", p.name, p.category)
	fmt.Fprintf(&b, "description: |-\n  %s\n---\n\n", description)
	fmt.Fprintf(&b, "# %s (%s)\n\n%s\n\n", p.name, p.category, description)
	fmt.Fprintf(&b, "## Example Usage\n\n```terraform\n%s```\n\n## Schema\n", example)
	byName := func(a, b *tfprotov6.SchemaAttribute) int { return strings.Compare(a.Name, b.Name) }
	attributes := slices.SortedFunc(slices.Values(p.schema.Block.Attributes), byName)
	for _, required := range []bool{true, false} {
		heading := map[bool]string{true: "\n### Required\n\n", false: "\n### Optional\n\n"}[required]
		for _, a := range attributes {
			if a.Required == required {
				fmt.Fprintf(&b, "%s- `%s` (%s) %s\n", heading, a.Name, typeName(a.Type), a.Description)
				heading = ""
			}
		}
	}
	return b.String()
}

func typeName(t tftypes.Type) string {
	switch {
	case t.Is(tftypes.String):
		return "String"
	case t.Is(tftypes.Number):
		return "Number"
	case t.Is(tftypes.Bool):
		return "Boolean"
	}
	return t.String()
}
