// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"math/big"
	"sync"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// This file checks two rules in every block of every configuration, before the framework validates it:
//
//   - A string is not empty. A selector that is given and empty must not select everything or the default, and a text
//     that is empty is written as null. Values of maps, such as labels, may be empty.
//   - A number is a whole number of 64 bits. The framework reports 1.5 and 1e40 as defects in the provider.
//
// Terraform validates a block again whenever more of its values are known, always before it plans, reads or opens it.

// contentAttributes are the strings that may be empty because they are data.
var contentAttributes = map[string]bool{"content": true, "value_wo": true, "value_base64_wo": true}

// schemas returns the schemas of the provider, which do not change. Its request is not part of another one, because
// the framework would keep the context of that one.
func (s *server) schemas() (*tfprotov6.GetProviderSchemaResponse, error) {
	s.schemaOnce.Do(func() {
		s.schema, s.schemaErr = s.protocolServer.GetProviderSchema(context.Background(),
			&tfprotov6.GetProviderSchemaRequest{})
	})
	return s.schema, s.schemaErr
}

// cachedSchema is part of server.
type cachedSchema struct {
	schemaOnce sync.Once
	schema     *tfprotov6.GetProviderSchemaResponse
	schemaErr  error
}

// schemaOf picks the schema of one block.
type schemaOf func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema

func ofResource(name string) schemaOf {
	return func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema { return all.ResourceSchemas[name] }
}

func ofData(name string) schemaOf {
	return func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema { return all.DataSourceSchemas[name] }
}

func ofEphemeral(name string) schemaOf {
	return func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema {
		return all.EphemeralResourceSchemas[name]
	}
}

// checkConfig returns the diagnostics of a configuration that breaks a rule.
func (s *server) checkConfig(
	config *tfprotov6.DynamicValue, schemaOf schemaOf,
) []*tfprotov6.Diagnostic {
	all, err := s.schemas()
	if err != nil || config == nil {
		return nil // the framework reports it
	}
	schema := schemaOf(all)
	if schema == nil {
		return nil // an unknown type, which the framework reports
	}
	root, err := config.Unmarshal(schema.ValueType())
	if err != nil {
		return nil
	}
	var diags []*tfprotov6.Diagnostic
	_ = tftypes.Walk(root, func(at *tftypes.AttributePath, v tftypes.Value) (bool, error) {
		if d := checkValue(at, v); d != nil {
			diags = append(diags, d)
		}
		return true, nil
	})
	return diags
}

// checkValue returns the diagnostic of a value that breaks a rule, or nil.
func checkValue(at *tftypes.AttributePath, v tftypes.Value) *tfprotov6.Diagnostic {
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	name, isMapValue := nameOf(at)
	d := &tfprotov6.Diagnostic{Severity: tfprotov6.DiagnosticSeverityError, Attribute: at}
	switch {
	case v.Type().Is(tftypes.String):
		var s string
		if v.As(&s) != nil || s != "" || isMapValue || contentAttributes[name] {
			return nil
		}
		d.Summary = "Empty " + name
		d.Detail = fmt.Sprintf("The value of %s is empty.\n\nSet a value. For an optional argument, null means that it "+
			"is not set.", name)
	case v.Type().Is(tftypes.Number):
		var n big.Float
		if v.As(&n) != nil {
			return nil
		}
		d.Summary = "Invalid " + name
		switch _, accuracy := n.Int64(); {
		case accuracy == big.Exact:
			return nil
		case n.IsInt():
			d.Detail = fmt.Sprintf("The value of %s is %s, but it must have at most 64 bits.", name, n.Text('g', 10))
		default:
			d.Detail = fmt.Sprintf("The value of %s is %s, but it must be a whole number.", name, n.Text('g', 10))
		}
	default:
		return nil
	}
	return d
}

// nameOf returns the name of the innermost attribute of a path, and whether the path ends in a value of a map.
func nameOf(at *tftypes.AttributePath) (name string, isMapValue bool) {
	steps := at.Steps()
	for i, step := range steps {
		switch step := step.(type) {
		case tftypes.AttributeName:
			name = string(step)
		case tftypes.ElementKeyString:
			isMapValue = i == len(steps)-1
		}
	}
	return name, isMapValue
}

func (s *server) ValidateProviderConfig(
	ctx context.Context, req *tfprotov6.ValidateProviderConfigRequest,
) (*tfprotov6.ValidateProviderConfigResponse, error) {
	diags := s.checkConfig(req.Config, func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema {
		return all.Provider
	})
	if len(diags) > 0 {
		return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: req.Config, Diagnostics: diags}, nil
	}
	return s.protocolServer.ValidateProviderConfig(ctx, req)
}

func (s *server) validateResource(
	ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest,
) (*tfprotov6.ValidateResourceConfigResponse, error) {
	diags := s.checkConfig(req.Config, ofResource(req.TypeName))
	if len(diags) > 0 {
		return &tfprotov6.ValidateResourceConfigResponse{Diagnostics: diags}, nil
	}
	return withRequestContext(ctx, req, s.protocolServer.ValidateResourceConfig)
}

func (s *server) validateData(
	ctx context.Context, req *tfprotov6.ValidateDataResourceConfigRequest,
) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	diags := s.checkConfig(req.Config, ofData(req.TypeName))
	if len(diags) > 0 {
		return &tfprotov6.ValidateDataResourceConfigResponse{Diagnostics: diags}, nil
	}
	return s.protocolServer.ValidateDataResourceConfig(ctx, req)
}

func (s *server) validateEphemeral(
	ctx context.Context, req *tfprotov6.ValidateEphemeralResourceConfigRequest,
) (*tfprotov6.ValidateEphemeralResourceConfigResponse, error) {
	diags := s.checkConfig(req.Config, ofEphemeral(req.TypeName))
	if len(diags) > 0 {
		return &tfprotov6.ValidateEphemeralResourceConfigResponse{Diagnostics: diags}, nil
	}
	return s.protocolServer.ValidateEphemeralResourceConfig(ctx, req)
}

func (s *server) ValidateListResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateListResourceConfigRequest,
) (*tfprotov6.ValidateListResourceConfigResponse, error) {
	diags := s.checkConfig(req.Config, func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema {
		return all.ListResourceSchemas[req.TypeName]
	})
	if len(diags) > 0 {
		return &tfprotov6.ValidateListResourceConfigResponse{Diagnostics: diags}, nil
	}
	return s.protocolServer.ValidateListResourceConfig(ctx, req)
}

func (s *server) validateAction(
	ctx context.Context, req *tfprotov6.ValidateActionConfigRequest,
) (*tfprotov6.ValidateActionConfigResponse, error) {
	diags := s.checkConfig(req.Config, func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema {
		if action := all.ActionSchemas[req.ActionType]; action != nil {
			return action.Schema
		}
		return nil
	})
	if len(diags) > 0 {
		return &tfprotov6.ValidateActionConfigResponse{Diagnostics: diags}, nil
	}
	return s.protocolServer.ValidateActionConfig(ctx, req)
}
