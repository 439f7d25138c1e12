// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

type environment struct {
	managedResource[environmentModel, *environmentModel]
}

var (
	_ resource.ResourceWithConfigure   = (*environment)(nil)
	_ resource.ResourceWithImportState = (*environment)(nil)
	_ resource.ResourceWithIdentity    = (*environment)(nil)
	_ resource.ResourceWithModifyPlan  = (*environment)(nil)
)

// NewEnvironment makes the resource pouncet_environment.
func NewEnvironment() resource.Resource {
	r := &environment{managedResource[environmentModel, *environmentModel]{}}
	r.kind, r.inProject = backend.KindEnvironment, true
	r.paths = rootPaths("project", "name", "description", "labels", "kms_key", "protected")
	r.incompleteProject = func(m *environmentModel) string {
		if m.Name.IsUnknown() {
			return m.Project.ValueString()
		}
		return ""
	}
	return r
}

type environmentModel struct {
	ID          types.String   `tfsdk:"id"`
	Project     types.String   `tfsdk:"project"`
	Name        types.String   `tfsdk:"name"`
	Description types.String   `tfsdk:"description"`
	Labels      types.Map      `tfsdk:"labels"`
	KMSKey      types.String   `tfsdk:"kms_key"`
	Protected   types.Bool     `tfsdk:"protected"`
	CreatedAt   types.String   `tfsdk:"created_at"`
	Timeouts    timeouts.Value `tfsdk:"timeouts"`
}

func (*environment) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "pouncet_environment"
}

func (*environment) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "An environment of a project, as `dev` or `prod`: the same name can stand for another value in each. Each has an environment key of its own.",
		Attributes: map[string]schema.Attribute{
			"id":          idAttribute(),
			"project":     projectAttribute(),
			"name":        nameAttribute("Name of the environment."),
			"description": descriptionAttribute(),
			"labels":      labelsAttribute(),
			"kms_key": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "URI of a KMS key of its own: `aws-kms:///alias/NAME`, `aws-kms:///ARN` or `file:///PATH`. Default: the backend's. A change makes a new environment.",
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"protected": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Refuse to delete the environment while this is `true`. Default `false`.",
			},
			"created_at": createdAtAttribute(),
			"timeouts":   timeoutsAttribute(ctx),
		},
	}
}

func (m *environmentModel) operationTimeouts() timeouts.Value { return m.Timeouts }
func (m *environmentModel) id() string                        { return m.ID.ValueString() }
func (m *environmentModel) complete(*environmentModel) bool {
	return !m.Name.IsUnknown() && !m.Project.IsUnknown()
}

func (m *environmentModel) set(ctx context.Context, o backend.Object, diags *diag.Diagnostics) {
	m.ID, m.Project, m.Name = types.StringValue(o.ID), types.StringValue(o.Project), types.StringValue(o.Name)
	m.Description, m.KMSKey, m.Protected = optionalString(o.Description), optionalString(o.KMSKey), types.BoolValue(o.Protected)
	m.Labels = labelsValue(ctx, o.Labels, m.Labels, diags)
	m.CreatedAt = types.StringValue(o.CreatedAt.Format(time.RFC3339))
}

func (m *environmentModel) change(_ context.Context, before, _ *environmentModel, _ *diag.Diagnostics) backend.Change {
	c := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: m.Project.ValueString(), Name: m.Name.ValueString(),
		Description: changedString(before.Description, m.Description), Labels: changedLabels(before.Labels, m.Labels),
		KMSKey: changedString(before.KMSKey, m.KMSKey), Protected: m.Protected.ValueBoolPointer(),
	}
	if !before.ID.IsNull() {
		c.Op, c.ID, c.Name, c.Rename = backend.OpUpdate, before.ID.ValueString(), "", changedString(before.Name, m.Name)
	}
	return c
}

func (r *environment) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	r.importID(ctx, req, resp, r.namedQuery)
}
