// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-jsontypes/jsontypes"
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

type scopedValue struct {
	managedResource[scopedValueModel, *scopedValueModel]
}

var (
	_ resource.ResourceWithConfigure   = (*scopedValue)(nil)
	_ resource.ResourceWithImportState = (*scopedValue)(nil)
	_ resource.ResourceWithIdentity    = (*scopedValue)(nil)
	_ resource.ResourceWithModifyPlan  = (*scopedValue)(nil)
)

// NewScopedValue returns the resource pouncet_scoped_value.
func NewScopedValue() resource.Resource {
	r := &scopedValue{}
	r.kind, r.inProject = backend.KindScopedValue, true
	r.schemaNames = map[string]string{"json": "value_json", "link": "from_secret"}
	r.adjustPlan = planRevision
	return r
}

type scopedValueModel struct {
	ID            types.String         `tfsdk:"id"`
	Project       types.String         `tfsdk:"project"`
	Environment   types.String         `tfsdk:"environment"`
	EnvironmentID types.String         `tfsdk:"environment_id"`
	Scope         types.String         `tfsdk:"scope"`
	Name          types.String         `tfsdk:"name"`
	Description   types.String         `tfsdk:"description"`
	Labels        types.Map            `tfsdk:"labels"`
	ValueJSON     jsontypes.Normalized `tfsdk:"value_json"`
	FromSecret    types.Object         `tfsdk:"from_secret"`
	Revision      types.Int64          `tfsdk:"revision"`
	CreatedAt     types.String         `tfsdk:"created_at"`
	ManagedBy     types.String         `tfsdk:"managed_by"`
	Timeouts      timeouts.Value       `tfsdk:"timeouts"`
}

// fromSecretModel is the attribute from_secret. It cannot be a field of the model, because it can be unknown as a
// whole.
type fromSecretModel struct{ Name, Field types.String }

var linkTypes = map[string]attr.Type{"name": types.StringType, "field": types.StringType}

func (*scopedValue) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "pouncet_scoped_value"
}

func (*scopedValue) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages a scoped value: a plain JSON value, which is not secret, or a link to a " +
			"secret. Pouncet looks up the linked secret in the environment and scope of the request, not of the " +
			"scoped value. A scoped value that all environments share can therefore resolve to a different secret in " +
			"each of them.",
		Attributes: map[string]schema.Attribute{
			"id":             idAttribute(),
			"project":        projectAttribute(),
			"environment":    environmentAttribute(),
			"environment_id": environmentIDAttribute(),
			"scope":          scopeAttribute(),
			"name": nameAttribute(backend.KindScopedValue, "Name of the scoped value. References use this "+
				"name."),
			"description": descriptionAttribute(),
			"labels":      labelsAttribute(),
			"value_json": schema.StringAttribute{
				Optional: true, CustomType: jsontypes.NormalizedType{},
				PlanModifiers: []planmodifier.String{keepEquivalentJSON{}},
				MarkdownDescription: "Value as JSON text, for example from `jsonencode`. Plans show it and the state " +
					"stores it, so do not use it for secrets. Exactly one of `value_json` and `from_secret` is " +
					"required.",
				Validators: []validator.String{
					stringvalidator.ExactlyOneOf(path.MatchRoot("value_json"), path.MatchRoot("from_secret")),
				},
			},
			"from_secret": schema.SingleNestedAttribute{
				Optional:            true,
				MarkdownDescription: "Link to a secret. Exactly one of `value_json` and `from_secret` is required.",
				Attributes: map[string]schema.Attribute{
					"name": schema.StringAttribute{
						Required: true, MarkdownDescription: "Name of the secret.",
						Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
					},
					"field": schema.StringAttribute{
						Optional: true, MarkdownDescription: "Path of a field in a JSON secret, for example " +
							"`password` or `hosts[0].name`. Defaults to the whole value.",
						Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
					},
				},
			},
			"revision": schema.Int64Attribute{
				Computed: true,
				MarkdownDescription: "Counter that rises with every change of the scoped value. A plan that changes the " +
					"scoped value shows it as known after apply, so that what depends on it comes after the change.",
			},
			"created_at": createdAtAttribute(),
			"managed_by": managedByAttribute(),
			"timeouts":   timeoutsAttribute(ctx),
		},
	}
}

func (m *scopedValueModel) operationTimeouts() timeouts.Value { return m.Timeouts }
func (m *scopedValueModel) id() string                        { return m.ID.ValueString() }

func (m *scopedValueModel) complete(*scopedValueModel) bool {
	return !m.Project.IsUnknown() && !m.Environment.IsUnknown() && !m.Scope.IsUnknown() && !m.Name.IsUnknown() &&
		!m.ValueJSON.IsUnknown() &&
		!m.FromSecret.IsUnknown() && !m.link().Name.IsUnknown() && !m.link().Field.IsUnknown()
}

func (m *scopedValueModel) set(ctx context.Context, o backend.Object, diags *diag.Diagnostics) {
	m.ID, m.Project, m.Name = types.StringValue(o.ID), types.StringValue(o.Project), types.StringValue(o.Name)
	m.Environment, m.EnvironmentID = types.StringValue(o.Environment), types.StringValue(o.EnvironmentID)
	m.Scope = types.StringValue(o.Scope)
	m.Description = optionalString(o.Description)
	m.Labels = labelsValue(ctx, o.Labels, m.Labels, diags)
	m.ValueJSON = jsonValue(m.ValueJSON, o.JSON)
	m.FromSecret = types.ObjectNull(linkTypes)
	if o.Link != nil {
		m.FromSecret = types.ObjectValueMust(linkTypes, map[string]attr.Value{
			"name": types.StringValue(o.Link.Secret), "field": optionalString(o.Link.Field),
		})
	}
	m.Revision = types.Int64Value(o.Revision)
	m.ManagedBy, m.CreatedAt = optionalString(o.ManagedBy), types.StringValue(o.CreatedAt.Format(time.RFC3339))
}

// planRevision plans an unknown revision for every update, also for one of managed_by alone.
func planRevision(
	ctx context.Context, m modelStates[scopedValueModel], _ *backend.Outcome, resp *resource.ModifyPlanResponse,
) {
	if m.before.ID.IsNull() {
		return
	}
	revision := m.before.Revision
	m.plan.Revision = revision
	if len(differences(&m.before, &m.plan)) > 0 {
		revision = types.Int64Unknown()
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("revision"), revision)...)
}

// link returns the attribute from_secret, or the zero value if it is not set.
func (m *scopedValueModel) link() fromSecretModel {
	var l fromSecretModel
	if a := m.FromSecret.Attributes(); len(a) > 0 {
		l.Name, l.Field = a["name"].(types.String), a["field"].(types.String)
	}
	return l
}

func (m *scopedValueModel) change(_ context.Context, before, _ *scopedValueModel, _ *diag.Diagnostics) backend.Change {
	c := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindScopedValue, Project: m.Project.ValueString(),
		Environment: m.Environment.ValueString(), Scope: m.Scope.ValueString(), Name: m.Name.ValueString(),
		Description: changedString(before.Description, m.Description), Labels: changedLabels(before.Labels, m.Labels),
	}
	if m.FromSecret.IsNull() {
		c.JSON = json.RawMessage(m.ValueJSON.ValueString())
	} else {
		l := m.link()
		c.Link = &backend.Link{Secret: l.Name.ValueString(), Field: l.Field.ValueString()}
	}
	asUpdate(&c, before.ID, before.Name, m.Name)
	return c
}

func (r *scopedValue) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	r.importObject(ctx, req, resp, r.entryQuery)
}
