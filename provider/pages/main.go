// SPDX-License-Identifier: MPL-2.0

// Command pages writes the registry's pages of list resources and actions, of
// which Terraform before 1.14 tells the documentation generator nothing: from the same
// schemas and examples, in the same form.
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
	examples, docs := flag.String("examples", "examples", "folder of the examples"), flag.String("docs", "docs", "folder to write to")
	flag.Parse()
	if err := write(*examples, *docs); err != nil {
		log.Fatal(err)
	}
}

func write(examples, docs string) error {
	schemas, err := provider.NewServer("")().GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return err
	}
	for name, s := range schemas.ListResourceSchemas {
		p := page{name: name, noun: "List Resource", folder: "list-resources", example: "list-resource.tf", schema: s}
		if err := p.write(examples, docs); err != nil {
			return err
		}
	}
	for name, s := range schemas.ActionSchemas {
		p := page{name: name, noun: "Action", folder: "actions", example: "action.tf", schema: s.Schema}
		if err := p.write(examples, docs); err != nil {
			return err
		}
	}
	return nil
}

type page struct {
	name, noun, folder, example string
	schema                      *tfprotov6.Schema
}

func (p page) write(examples, docs string) error {
	example, err := os.ReadFile(filepath.Join(examples, p.folder, p.name, p.example))
	if err != nil {
		return fmt.Errorf("every %s has an example: %w", strings.ToLower(p.noun), err)
	}
	var b strings.Builder
	about := p.schema.Block.Description
	fmt.Fprintf(&b, "---\n# generated from the schema and examples/%s: do not edit\npage_title: \"%s %s - Pouncet\"\nsubcategory: \"\"\ndescription: |-\n  %s\n---\n\n",
		p.folder, p.name, p.noun, about)
	fmt.Fprintf(&b, "# %s (%s)\n\n%s\n\n## Example Usage\n\n```terraform\n%s```\n\n## Schema\n", p.name, p.noun, about, example)
	attributes := slices.SortedFunc(slices.Values(p.schema.Block.Attributes), func(a, b *tfprotov6.SchemaAttribute) int { return strings.Compare(a.Name, b.Name) })
	for _, required := range []bool{true, false} {
		title := map[bool]string{true: "\n### Required\n\n", false: "\n### Optional\n\n"}[required]
		for _, a := range attributes {
			if a.Required == required {
				fmt.Fprintf(&b, "%s- `%s` (%s) %s\n", title, a.Name, kind(a.Type), a.Description)
				title = ""
			}
		}
	}
	folder := filepath.Join(docs, p.folder)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, strings.TrimPrefix(p.name, "pouncet_")+".md"), []byte(b.String()), 0o644)
}

func kind(t tftypes.Type) string {
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
