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
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
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

// NewEnvironment returns the resource pouncet_environment.
func NewEnvironment() resource.Resource {
	r := &environment{}
	r.kind, r.inProject = backend.KindEnvironment, true
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
	ManagedBy   types.String   `tfsdk:"managed_by"`
	Timeouts    timeouts.Value `tfsdk:"timeouts"`
}

func (*environment) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "pouncet_environment"
}

func (*environment) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages an environment of a project, such as `dev` or `prod`. A secret or scoped value " +
			"can have a different value in each environment. Every environment has its own environment key, which " +
			"encrypts its secrets.",
		Attributes: map[string]schema.Attribute{
			"id":          idAttribute(),
			"project":     projectAttribute(),
			"name":        nameAttribute(backend.KindEnvironment, "Name of the environment."),
			"description": descriptionAttribute(),
			"labels":      labelsAttribute(),
			"kms_key": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "URI of the KMS key for this environment: `aws-kms:///alias/NAME`, " +
					"`aws-kms:///ARN` or `file:///PATH`. Defaults to the KMS key of the backend. Changing it wraps " +
					"the environment key again in place. No secret value is touched.",
				Validators: []validator.String{validKMSKey},
			},
			"protected": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Whether the environment is protected against deletion. To delete a protected " +
					"environment, apply `false` first. Defaults to `false`.",
			},
			"created_at": createdAtAttribute(),
			"managed_by": managedByAttribute(),
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
	m.Description, m.KMSKey = optionalString(o.Description), optionalString(o.KMSKey)
	m.Protected = types.BoolValue(o.Protected)
	m.Labels = labelsValue(ctx, o.Labels, m.Labels, diags)
	m.ManagedBy, m.CreatedAt = optionalString(o.ManagedBy), types.StringValue(o.CreatedAt.Format(time.RFC3339))
}

func (m *environmentModel) change(_ context.Context, before, _ *environmentModel, _ *diag.Diagnostics) backend.Change {
	c := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindEnvironment,
		Project: m.Project.ValueString(), Name: m.Name.ValueString(),
		Description: changedString(before.Description, m.Description), Labels: changedLabels(before.Labels, m.Labels),
		KMSKey: changedString(before.KMSKey, m.KMSKey),
	}
	if !m.Protected.Equal(before.Protected) {
		c.Protected = m.Protected.ValueBoolPointer()
	}
	asUpdate(&c, before.ID, before.Name, m.Name)
	return c
}

func (r *environment) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	r.importObject(ctx, req, resp, r.memberQuery)
}
