// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// textAttributes are the strings of the schemas that may be empty.
var textAttributes = []string{"ephemeral pouncet_rendered_configuration.content",
	"resource pouncet_secret.value_base64_wo", "resource pouncet_secret.value_wo"}

// configWith returns a configuration in which only the attribute at a path is set. A list, a set or a map has one
// element.
func configWith(t tftypes.Type, path []string, leaf any) tftypes.Value {
	switch typed := t.(type) {
	case tftypes.Object:
		values := map[string]tftypes.Value{}
		for name, attributeType := range typed.AttributeTypes {
			if len(path) > 0 && name == path[0] {
				values[name] = configWith(attributeType, path[1:], leaf)
			} else {
				values[name] = tftypes.NewValue(attributeType, nil)
			}
		}
		return tftypes.NewValue(t, values)
	case tftypes.List:
		return tftypes.NewValue(t, []tftypes.Value{configWith(typed.ElementType, path, leaf)})
	case tftypes.Set:
		return tftypes.NewValue(t, []tftypes.Value{configWith(typed.ElementType, path, leaf)})
	case tftypes.Map:
		return tftypes.NewValue(t, map[string]tftypes.Value{"key": configWith(typed.ElementType, path, leaf)})
	}
	return tftypes.NewValue(t, leaf)
}

// block is one type of block that the provider validates.
type block struct {
	name     string
	schema   *tfprotov6.Schema
	validate func(config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error)
}

func blocks(t *testing.T) []block {
	ctx := context.Background()
	s, ok := NewServer("test")().(*server)
	if !ok {
		t.Fatal("the server checks no configuration")
	}
	all, err := s.schemas()
	if err != nil {
		t.Fatal(err)
	}
	out := []block{{"provider", all.Provider, func(config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
		resp, err := s.ValidateProviderConfig(ctx, &tfprotov6.ValidateProviderConfigRequest{Config: config})
		return resp.Diagnostics, err
	}}}
	for name, schema := range all.ResourceSchemas {
		out = append(out, block{"resource " + name, schema,
			func(config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
				resp, err := s.ValidateResourceConfig(ctx,
					&tfprotov6.ValidateResourceConfigRequest{TypeName: name, Config: config})
				return resp.Diagnostics, err
			}})
	}
	for name, schema := range all.DataSourceSchemas {
		out = append(out, block{"data " + name, schema,
			func(config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
				resp, err := s.ValidateDataResourceConfig(ctx,
					&tfprotov6.ValidateDataResourceConfigRequest{TypeName: name, Config: config})
				return resp.Diagnostics, err
			}})
	}
	for name, schema := range all.EphemeralResourceSchemas {
		out = append(out, block{"ephemeral " + name, schema,
			func(config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
				resp, err := s.ValidateEphemeralResourceConfig(ctx,
					&tfprotov6.ValidateEphemeralResourceConfigRequest{TypeName: name, Config: config})
				return resp.Diagnostics, err
			}})
	}
	for name, schema := range all.ListResourceSchemas {
		out = append(out, block{"list " + name, schema,
			func(config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
				resp, err := s.ValidateListResourceConfig(ctx,
					&tfprotov6.ValidateListResourceConfigRequest{TypeName: name, Config: config})
				return resp.Diagnostics, err
			}})
	}
	for name, schema := range all.ActionSchemas {
		out = append(out, block{"action " + name, schema.Schema,
			func(config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
				resp, err := s.ValidateActionConfig(ctx,
					&tfprotov6.ValidateActionConfigRequest{ActionType: name, Config: config})
				return resp.Diagnostics, err
			}})
	}
	return out
}

// Empty never means any, and a fraction is not a defect in the provider: every attribute of every block.
func TestEmptyStringsAndFractionsAreRejected(t *testing.T) {
	var texts []string
	n := 0
	for _, b := range blocks(t) {
		check := func(path []string, leaf any, want string) bool {
			n++
			schemaType := b.schema.ValueType()
			config, err := tfprotov6.NewDynamicValue(schemaType, configWith(schemaType, path, leaf))
			if err != nil {
				t.Fatal(err)
			}
			diags, err := b.validate(&config)
			if err != nil {
				t.Fatal(err)
			}
			return slices.ContainsFunc(diags, func(d *tfprotov6.Diagnostic) bool {
				return d.Severity == tfprotov6.DiagnosticSeverityError && strings.Contains(d.Detail, want) &&
					d.Attribute != nil && strings.Contains(d.Attribute.String(), path[len(path)-1])
			})
		}
		var walk func(path []string, attributes []*tfprotov6.SchemaAttribute)
		walk = func(path []string, attributes []*tfprotov6.SchemaAttribute) {
			for _, a := range attributes {
				here := append(slices.Clone(path), a.Name)
				name := b.name + "." + strings.Join(here, ".")
				switch {
				case a.Computed && !a.Optional:
				case a.NestedType != nil:
					walk(here, a.NestedType.Attributes)
				case a.Type.Is(tftypes.Number):
					if !check(here, 1.5, "is 1.5, but it must be a whole number") {
						t.Errorf("%s accepts 1.5", name)
					}
					if !check(here, big.NewFloat(1e40), "is 1e+40, but it must have at most 64 bits") {
						t.Errorf("%s accepts 1e40", name)
					}
				case a.Type.Is(tftypes.String), a.Type.Is(tftypes.List{ElementType: tftypes.String}),
					a.Type.Is(tftypes.Set{ElementType: tftypes.String}):
					if !check(here, "", "The value of "+a.Name+" is empty.") {
						texts = append(texts, name)
					}
				}
			}
		}
		walk(nil, b.schema.Block.Attributes)
	}
	slices.Sort(texts)
	if !slices.Equal(texts, textAttributes) {
		t.Errorf("these attributes may be empty:\n%s", strings.Join(texts, "\n"))
	}
	if n < 100 {
		t.Errorf("only %d attributes were checked", n)
	}
}

// A label and a value of keepers may be empty.
func TestValuesOfMapsMayBeEmpty(t *testing.T) {
	for _, b := range blocks(t) {
		for _, a := range b.schema.Block.Attributes {
			if a.Type == nil || !a.Type.Is(tftypes.Map{ElementType: tftypes.String}) {
				continue
			}
			schemaType := b.schema.ValueType()
			config, err := tfprotov6.NewDynamicValue(schemaType, configWith(schemaType, []string{a.Name}, ""))
			if err != nil {
				t.Fatal(err)
			}
			diags, err := b.validate(&config)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range diags {
				if strings.Contains(d.Detail, "is empty") {
					t.Errorf("%s.%s: %s", b.name, a.Name, d.Detail)
				}
			}
		}
	}
}
