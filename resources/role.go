// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

type role struct {
	managedResource[roleModel, *roleModel]
}

var (
	_ resource.ResourceWithConfigure   = (*role)(nil)
	_ resource.ResourceWithImportState = (*role)(nil)
	_ resource.ResourceWithIdentity    = (*role)(nil)
	_ resource.ResourceWithModifyPlan  = (*role)(nil)
)

// NewRole returns the resource pouncet_role.
func NewRole() resource.Resource {
	r := &role{managedResource: newManaged[roleModel]()}
	r.kind = backend.KindRole
	return r
}

type roleModel struct {
	ID          types.String   `tfsdk:"id"`
	Name        types.String   `tfsdk:"name"`
	Rights      types.Set      `tfsdk:"rights"`
	Description types.String   `tfsdk:"description"`
	Labels      types.Map      `tfsdk:"labels"`
	CreatedAt   types.String   `tfsdk:"created_at"`
	ManagedBy   types.String   `tfsdk:"managed_by"`
	Timeouts    timeouts.Value `tfsdk:"timeouts"`
}

func (*role) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "pouncet_role"
}

func (*role) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	var names []string
	for _, r := range backend.Rights {
		names = append(names, string(r))
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages a role: a set of rights. A `pouncet_role_binding` gives it to a token, group or " +
			"trust at some places. The built-in roles `admin`, `editor`, `runtime`, `revealer`, `planner`, `auditor` and " +
			"`viewer` exist in every backend.\n\n" +
			"A role belongs to the backend, and to no project. The token of the provider needs `bind` and all rights of " +
			"the role everywhere. A role that is replaced keeps its bindings.",
		Attributes: map[string]schema.Attribute{
			"id":   idAttribute(),
			"name": nameAttribute(backend.KindRole, "Name of the role."),
			"rights": schema.SetAttribute{
				Required: true, ElementType: types.StringType,
				MarkdownDescription: "What the role allows: `see`, `resolve`, `reveal`, `compare`, `write`, `delete`, " +
					"`manage`, `bind`, `audit`, `register` and `deploy`.",
				Validators: []validator.Set{setvalidator.ValueStringsAre(stringvalidator.OneOf(names...))},
			},
			"description": descriptionAttribute(),
			"labels":      labelsAttribute(),
			"created_at":  createdAtAttribute(),
			"managed_by":  managedByAttribute(),
			"timeouts":    timeoutsAttribute(ctx),
		},
	}
}

func (m *roleModel) operationTimeouts() timeouts.Value { return m.Timeouts }
func (m *roleModel) id() string                        { return m.ID.ValueString() }
func (m *roleModel) complete(*roleModel) bool {
	return !m.Name.IsUnknown() && isKnown(m.Rights)
}

func (m *roleModel) set(ctx context.Context, o backend.Object, diags *diag.Diagnostics) {
	m.ID, m.Name, m.Description = types.StringValue(o.ID), types.StringValue(o.Name), optionalString(o.Description)
	m.Rights = stringSet(ctx, o.Rights, diags)
	m.Labels = labelsValue(ctx, o.Labels, m.Labels, diags)
	m.ManagedBy, m.CreatedAt = optionalString(o.ManagedBy), types.StringValue(o.CreatedAt.Format(time.RFC3339))
}

func (m *roleModel) change(_ context.Context, before, _ *roleModel, _ *diag.Diagnostics) backend.Change {
	c := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindRole, Name: m.Name.ValueString(),
		Description: changedString(before.Description, m.Description), Labels: changedLabels(before.Labels, m.Labels),
	}
	if before.ID.IsNull() || !m.Rights.Equal(before.Rights) {
		c.Rights = setElements[backend.Right](m.Rights)
	}
	asUpdate(&c, before.ID, before.Name, m.Name)
	return c
}

func (r *role) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	r.importObject(ctx, req, resp, r.projectQuery)
}
