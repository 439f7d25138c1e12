// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"os"
	"slices"
	"sync"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/datasources"
)

// Terraform validates and plans the configuration before it destroys everything. Nothing of that plan is applied, so an
// error in a resource, data source, ephemeral resource or action must not stop the destroy: it becomes a warning. The
// packages of these kinds do so with the errors that they find themselves. This file does it with the errors of
// validators and plan modifiers, which the framework calls. An error in the provider block stays an error: a destroy
// needs the backend.

// beforeDestroy is part of server.
type beforeDestroy struct {
	commandOnce        sync.Once
	destroys, openTofu bool
}

// destroying reports whether Terraform destroys everything, as far as its command line tells.
func (b *beforeDestroy) destroying(ctx context.Context) bool {
	b.commandOnce.Do(func() {
		command := parentArguments(ctx)
		b.destroys, b.openTofu = destroys(withVariables(command, os.Getenv)), isOpenTofu(command)
	})
	return b.destroys
}

// orWarnings returns diagnostics with warnings in the place of errors, if Terraform destroys everything.
func (b *beforeDestroy) orWarnings(ctx context.Context, diags []*tfprotov6.Diagnostic) []*tfprotov6.Diagnostic {
	if !hasErrors(diags) || !b.destroying(ctx) {
		return diags
	}
	out := make([]*tfprotov6.Diagnostic, len(diags))
	for i, d := range diags {
		warning := *d
		warning.Severity = tfprotov6.DiagnosticSeverityWarning
		out[i] = &warning
	}
	return out
}

func hasErrors(diags []*tfprotov6.Diagnostic) bool {
	return slices.ContainsFunc(diags, func(d *tfprotov6.Diagnostic) bool {
		return d.Severity == tfprotov6.DiagnosticSeverityError
	})
}

func (s *server) ValidateResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest,
) (*tfprotov6.ValidateResourceConfigResponse, error) {
	resp, err := s.validateResource(ctx, req)
	if resp != nil {
		resp.Diagnostics = s.orWarnings(ctx, resp.Diagnostics)
	}
	return resp, err
}

func (s *server) PlanResourceChange(
	ctx context.Context, req *tfprotov6.PlanResourceChangeRequest,
) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp, err := withRequestContext(ctx, req, s.protocolServer.PlanResourceChange)
	if err != nil || !hasErrors(resp.Diagnostics) {
		return resp, err
	}
	if null, err := req.ProposedNewState.IsNull(); err != nil || null || !s.destroying(ctx) {
		return resp, err // the plan of a deletion, or one that can be applied
	}
	planned, err := s.planOfWrongConfig(req)
	return &tfprotov6.PlanResourceChangeResponse{
		PlannedState: planned, PlannedPrivate: resp.PlannedPrivate, Diagnostics: s.orWarnings(ctx, resp.Diagnostics),
	}, err
}

// planOfWrongConfig returns a plan that Terraform accepts: the arguments as the configuration has them.
func (s *server) planOfWrongConfig(req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.DynamicValue, error) {
	return s.withAttributes(req.ProposedNewState, ofResource(req.TypeName),
		func(a *tfprotov6.SchemaAttribute, v tftypes.Value) tftypes.Value {
			if a.WriteOnly {
				return tftypes.NewValue(a.ValueType(), nil)
			}
			return v
		})
}

func (s *server) ValidateDataResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateDataResourceConfigRequest,
) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	resp, err := s.validateData(ctx, req)
	if resp != nil {
		resp.Diagnostics = s.orWarnings(ctx, resp.Diagnostics)
	}
	return resp, err
}

// ReadDataSource reads nothing for arguments that are not valid: what is only a warning before a destroy must not
// select everything.
func (s *server) ReadDataSource(
	ctx context.Context, req *tfprotov6.ReadDataSourceRequest,
) (*tfprotov6.ReadDataSourceResponse, error) {
	if s.destroying(ctx) {
		valid, err := s.validateData(ctx, &tfprotov6.ValidateDataResourceConfigRequest{
			TypeName: req.TypeName, Config: req.Config,
		})
		if err == nil && hasErrors(valid.Diagnostics) {
			state, err := s.withAttributes(req.Config, ofData(req.TypeName), results(datasources.Empty))
			return &tfprotov6.ReadDataSourceResponse{State: state}, err
		}
	}
	return s.protocolServer.ReadDataSource(ctx, req)
}

func (s *server) ValidateEphemeralResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateEphemeralResourceConfigRequest,
) (*tfprotov6.ValidateEphemeralResourceConfigResponse, error) {
	resp, err := s.validateEphemeral(ctx, req)
	if resp != nil {
		resp.Diagnostics = s.orWarnings(ctx, resp.Diagnostics)
	}
	return resp, err
}

// OpenEphemeralResource opens nothing for arguments that are not valid, as ReadDataSource. OpenTofu does not accept an
// unknown result.
func (s *server) OpenEphemeralResource(
	ctx context.Context, req *tfprotov6.OpenEphemeralResourceRequest,
) (*tfprotov6.OpenEphemeralResourceResponse, error) {
	if s.destroying(ctx) {
		valid, err := s.validateEphemeral(ctx, &tfprotov6.ValidateEphemeralResourceConfigRequest{
			TypeName: req.TypeName, Config: req.Config,
		})
		if err == nil && hasErrors(valid.Diagnostics) {
			result, err := s.withAttributes(req.Config, ofEphemeral(req.TypeName), results(s.notOpened))
			return &tfprotov6.OpenEphemeralResourceResponse{Result: result}, err
		}
	}
	return s.protocolServer.OpenEphemeralResource(ctx, req)
}

// notOpened is a result of an ephemeral resource that was not opened.
func (b *beforeDestroy) notOpened(t tftypes.Type) tftypes.Value {
	if b.openTofu {
		return tftypes.NewValue(t, nil)
	}
	return tftypes.NewValue(t, tftypes.UnknownValue)
}

func (s *server) ValidateActionConfig(
	ctx context.Context, req *tfprotov6.ValidateActionConfigRequest,
) (*tfprotov6.ValidateActionConfigResponse, error) {
	resp, err := s.validateAction(ctx, req)
	if resp != nil {
		resp.Diagnostics = s.orWarnings(ctx, resp.Diagnostics)
	}
	return resp, err
}

func (s *server) PlanAction(
	ctx context.Context, req *tfprotov6.PlanActionRequest,
) (*tfprotov6.PlanActionResponse, error) {
	resp, err := s.protocolServer.PlanAction(ctx, req)
	if resp != nil {
		resp.Diagnostics = s.orWarnings(ctx, resp.Diagnostics)
	}
	return resp, err
}

// withAttributes returns an object with other attributes.
func (s *server) withAttributes(
	object *tfprotov6.DynamicValue, schemaOf schemaOf,
	change func(a *tfprotov6.SchemaAttribute, v tftypes.Value) tftypes.Value,
) (*tfprotov6.DynamicValue, error) {
	all, err := s.schemas()
	if err != nil {
		return nil, err
	}
	schema := schemaOf(all)
	root, err := object.Unmarshal(schema.ValueType())
	if err != nil {
		return nil, err
	}
	attributes := map[string]tftypes.Value{}
	if err := root.As(&attributes); err != nil {
		return nil, err
	}
	for _, a := range schema.Block.Attributes {
		attributes[a.Name] = change(a, attributes[a.Name])
	}
	result, err := tfprotov6.NewDynamicValue(root.Type(), tftypes.NewValue(root.Type(), attributes))
	return &result, err
}

// results returns a function that sets each attribute that the provider computes.
func results(valueOf func(t tftypes.Type) tftypes.Value) func(*tfprotov6.SchemaAttribute, tftypes.Value) tftypes.Value {
	return func(a *tfprotov6.SchemaAttribute, v tftypes.Value) tftypes.Value {
		if a.Computed && v.IsNull() {
			return valueOf(a.ValueType())
		}
		return v
	}
}
