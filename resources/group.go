// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

type group struct {
	managedResource[groupModel, *groupModel]
}

var (
	_ resource.ResourceWithConfigure   = (*group)(nil)
	_ resource.ResourceWithImportState = (*group)(nil)
	_ resource.ResourceWithIdentity    = (*group)(nil)
	_ resource.ResourceWithModifyPlan  = (*group)(nil)
)

// NewGroup returns the resource pouncet_group.
func NewGroup() resource.Resource {
	r := &group{managedResource: newManaged[groupModel]()}
	r.kind = backend.KindGroup
	r.meansOthers = membersMean
	return r
}

type groupModel struct {
	ID          types.String   `tfsdk:"id"`
	Name        types.String   `tfsdk:"name"`
	Members     types.Set      `tfsdk:"members"`
	Description types.String   `tfsdk:"description"`
	Labels      types.Map      `tfsdk:"labels"`
	CreatedAt   types.String   `tfsdk:"created_at"`
	ManagedBy   types.String   `tfsdk:"managed_by"`
	Timeouts    timeouts.Value `tfsdk:"timeouts"`
}

func (*group) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "pouncet_group"
}

func (*group) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages a group of tokens and trusts. A `pouncet_role_binding` can give a role to a group, " +
			"and so to all of its members.\n\n" +
			"A group belongs to the backend, and to no project. The token of the provider needs all rights everywhere, " +
			"because a group can be bound to any role. A group that is replaced keeps its bindings.",
		Attributes: map[string]schema.Attribute{
			"id":   idAttribute(),
			"name": nameAttribute(backend.KindGroup, "Name of the group."),
			"members": schema.SetAttribute{
				Required: true, ElementType: types.StringType,
				MarkdownDescription: "Members of the group: `token:NAME` for a token, which needs the role `none`; `trust:NAME` " +
					"for everyone whom a `pouncet_oidc_trust` lets in, or `trust:NAME/SUBJECT` for one subject. The set may be " +
					"empty.",
				Validators: []validator.Set{setvalidator.ValueStringsAre(validPrincipal(false, backend.ToToken, backend.ToTrust))},
			},
			"description": descriptionAttribute(),
			"labels":      labelsAttribute(),
			"created_at":  createdAtAttribute(),
			"managed_by":  managedByAttribute(),
			"timeouts":    timeoutsAttribute(ctx),
		},
	}
}

func (m *groupModel) operationTimeouts() timeouts.Value { return m.Timeouts }
func (m *groupModel) id() string                        { return m.ID.ValueString() }
func (m *groupModel) complete(*groupModel) bool {
	return !m.Name.IsUnknown() && isKnown(m.Members)
}

func (m *groupModel) set(ctx context.Context, o backend.Object, diags *diag.Diagnostics) {
	m.ID, m.Name, m.Description = types.StringValue(o.ID), types.StringValue(o.Name), optionalString(o.Description)
	m.Members = stringSet(ctx, o.Members, diags)
	m.Labels = labelsValue(ctx, o.Labels, m.Labels, diags)
	m.ManagedBy, m.CreatedAt = optionalString(o.ManagedBy), types.StringValue(o.CreatedAt.Format(time.RFC3339))
}

func (m *groupModel) change(_ context.Context, before, _ *groupModel, _ *diag.Diagnostics) backend.Change {
	c := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindGroup, Name: m.Name.ValueString(),
		Description: changedString(before.Description, m.Description), Labels: changedLabels(before.Labels, m.Labels),
	}
	// The backend compares them: the same names can mean other trusts.
	c.Members = setElements[string](m.Members)
	asUpdate(&c, before.ID, before.Name, m.Name)
	return c
}

// membersMean returns the members if their names stay and mean other trusts after the apply, as in a list that shrinks.
// A replaced group keeps its bindings.
func membersMean(m *modelStates[groupModel], outcome backend.Outcome) path.Paths {
	if m.before.ID.IsNull() || !slices.Contains(outcome.Changed, "members") || !m.plan.Members.Equal(m.before.Members) {
		return nil
	}
	return path.Paths{path.Root("members")}
}

func (r *group) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	r.importObject(ctx, req, resp, r.projectQuery)
}
