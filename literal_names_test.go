// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/provider"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

// otherArguments are the arguments that name no other object, in any block.
var otherArguments = strings.Fields(`
	id scope description display_name labels.* visibility value_wo value_base64_wo expires_at schema value_json kms_key
	default_visibility generate.alphabet generate.keepers.* timeouts.create timeouts.read timeouts.update timeouts.delete
	name_pattern duplicates
	name_prefix field from_secret.field secrets.*.field secrets.*.scope secrets.*.version source
	names members.* rights.* content dialect format missing path lifetime role principal at_version after_versions.*
	kinds.* by verb outcome since until object_id issuer audience claims.* subject_claim keys
`)

// Each argument of the provider that can name another object is in the table of package review. A new argument of text
// must go into that table, or into the list above.
func TestNameArgumentsAreThoseOfTheSchemas(t *testing.T) {
	server, err := providerserver.NewProtocol6WithError(provider.New("test")())()
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := server.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	table := review.NameArgumentPaths()
	for mode, types := range map[string]map[string]*tfprotov6.Schema{
		"managed": schemas.ResourceSchemas, "data": schemas.DataSourceSchemas, "ephemeral": schemas.EphemeralResourceSchemas,
	} {
		for _, name := range slices.Sorted(maps.Keys(types)) {
			block := mode + " " + name
			if block == "data pouncet_config_references" {
				continue // see nameArguments
			}
			paths := textArguments(types[name].Block.Attributes)
			for _, path := range paths {
				// It is the name of the object itself, or a name in files, or in records of what may not exist any more.
				isOther := mode == "managed" && (path == "name" || path == "key") ||
					block == "data pouncet_usages" && path == "name" ||
					block == "data pouncet_audit_records" && (path == "name" || path == "environment")
				if !isOther && !slices.Contains(otherArguments, path) && !slices.Contains(table[block], path) {
					t.Errorf("%s: the argument %s is not in nameArguments and not in otherArguments", block, path)
				}
			}
			for _, path := range table[block] {
				if !slices.Contains(paths, path) {
					t.Errorf("%s has no argument %s: remove it from nameArguments", block, path)
				}
			}
			delete(table, block)
		}
	}
	for block := range table {
		t.Errorf("the provider has no block %s: remove it from nameArguments", block)
	}
}

// textArguments returns the paths of all configurable texts, with "*" for any key or index.
func textArguments(attributes []*tfprotov6.SchemaAttribute) []string {
	var paths []string
	for _, a := range attributes {
		if !a.Optional && !a.Required {
			continue
		}
		if a.NestedType != nil {
			prefix := a.Name + "."
			if a.NestedType.Nesting != tfprotov6.SchemaObjectNestingModeSingle {
				prefix += "*."
			}
			for _, path := range textArguments(a.NestedType.Attributes) {
				paths = append(paths, prefix+path)
			}
			continue
		}
		paths = append(paths, texts(a.Name, a.Type)...)
	}
	return paths
}

// texts returns the paths of the texts in a value of a type.
func texts(path string, t tftypes.Type) []string {
	switch t := t.(type) {
	case tftypes.Map:
		return texts(path+".*", t.ElementType)
	case tftypes.List:
		return texts(path+".*", t.ElementType)
	case tftypes.Set:
		return texts(path+".*", t.ElementType)
	case tftypes.Object:
		var paths []string
		for name, attribute := range t.AttributeTypes {
			paths = append(paths, texts(path+"."+name, attribute)...)
		}
		return paths
	}
	if t.Is(tftypes.String) {
		return []string{path}
	}
	return nil
}
