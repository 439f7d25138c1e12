// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-timetypes/timetypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

type secret struct {
	managedResource[secretModel, *secretModel]
}

var (
	_ resource.ResourceWithConfigure   = (*secret)(nil)
	_ resource.ResourceWithImportState = (*secret)(nil)
	_ resource.ResourceWithIdentity    = (*secret)(nil)
	_ resource.ResourceWithModifyPlan  = (*secret)(nil)
)

// NewSecret makes the resource pouncet_secret.
func NewSecret() resource.Resource {
	r := &secret{managedResource[secretModel, *secretModel]{}}
	r.kind, r.inProject = backend.KindSecret, true
	r.paths = rootPaths("project", "environment", "scope", "name", "description", "labels", "type", "visibility", "expires_at", "rotation_days", "generate")
	r.paths["value"], r.paths["protected"] = path.Root("value_wo"), path.Root("deletion_protection")
	r.adjustPlan = planVersion
	return r
}

type secretModel struct {
	ID                 types.String      `tfsdk:"id"`
	Project            types.String      `tfsdk:"project"`
	Environment        types.String      `tfsdk:"environment"`
	EnvironmentID      types.String      `tfsdk:"environment_id"`
	Scope              types.String      `tfsdk:"scope"`
	Name               types.String      `tfsdk:"name"`
	Type               types.String      `tfsdk:"type"`
	Description        types.String      `tfsdk:"description"`
	Labels             types.Map         `tfsdk:"labels"`
	Visibility         types.String      `tfsdk:"visibility"`
	ValueWO            types.String      `tfsdk:"value_wo"`
	ValueWOVersion     types.Int64       `tfsdk:"value_wo_version"`
	Generate           types.Object      `tfsdk:"generate"`
	Version            types.Int64       `tfsdk:"version"`
	ExpiresAt          timetypes.RFC3339 `tfsdk:"expires_at"`
	RotationDays       types.Int64       `tfsdk:"rotation_days"`
	RotationDueAt      types.String      `tfsdk:"rotation_due_at"`
	DeletionProtection types.Bool        `tfsdk:"deletion_protection"`
	CreatedAt          types.String      `tfsdk:"created_at"`
	Timeouts           timeouts.Value    `tfsdk:"timeouts"`
}

func (*secret) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "pouncet_secret"
}

func (*secret) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A secret. Its value enters by the write-only argument `value_wo` and is in neither plan nor state. " +
			"While Terraform plans, the provider asks the backend whether the configured value differs from the one that is there; if so, " +
			"the plan shows an update of `version`. There is no version argument to raise by hand, and a value changed behind Terraform's back shows as drift.",
		Attributes: map[string]schema.Attribute{
			"id":             idAttribute(),
			"project":        projectAttribute(),
			"environment":    environmentAttribute(),
			"environment_id": environmentIDAttribute(),
			"scope":          scopeAttribute(),
			"name":           nameAttribute("Name of the secret, by which references name it."),
			"type": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Key of its secret type, whose schema the value is held against. A change of type checks the present value.",
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"description": descriptionAttribute(),
			"labels":      labelsAttribute(),
			"visibility": schema.StringAttribute{
				Optional: true, Computed: true,
				MarkdownDescription: "`masked`: a person with the permission can be shown the value, which is audited. `restricted`: no person ever is; only references resolve it. " +
					"Default: the project's.",
				Validators:    []validator.String{stringvalidator.OneOf(string(backend.Masked), string(backend.Restricted))},
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"value_wo": schema.StringAttribute{
				Optional: true, Sensitive: true, WriteOnly: true,
				MarkdownDescription: "The value, 1 to 65536 bytes: a string or, if the type says so, a JSON document. Write-only: Terraform 1.11 or later. " +
					"Needed to create the secret, unless `generate` is. Absent, or unknown while planning, it leaves the present value alone. " +
					"A value that is drawn anew in every run, as those of some ephemeral resources, is new in every plan, unless `value_wo_version` says when to write it.",
				Validators: []validator.String{stringvalidator.ConflictsWith(path.MatchRoot("generate"))},
			},
			"value_wo_version": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "Not needed. When set, `value_wo` is written only when this number changes, whatever the value is: for values that are drawn anew on every run, " +
					"as those of ephemeral resources.",
			},
			"generate": schema.SingleNestedAttribute{
				Optional:            true,
				MarkdownDescription: "Let the backend make the value: random, and seen by nobody. It is made when the secret is created without a value, and again only when `keepers` change. Excludes `value_wo`.",
				Attributes: map[string]schema.Attribute{
					"length": schema.Int64Attribute{
						Optional: true, MarkdownDescription: "Characters, 8 to 1024. Default: 32, or what the type's schema allows nearest to that.",
						Validators: []validator.Int64{int64validator.Between(8, 1024)},
					},
					"alphabet": schema.StringAttribute{
						Optional: true, MarkdownDescription: "Characters to draw from, 10 to 1024 different ones. Default: letters and digits.",
						Validators: []validator.String{stringvalidator.LengthBetween(10, 4096)},
					},
					"keepers": schema.MapAttribute{
						Optional: true, ElementType: types.StringType,
						MarkdownDescription: "Anything. When it changes, the value is made again.",
					},
				},
			},
			"expires_at": schema.StringAttribute{
				Optional: true, CustomType: timetypes.RFC3339Type{},
				MarkdownDescription: "When the secret stops to resolve (RFC 3339, as `2027-01-31T12:00:00Z`).",
			},
			"rotation_days": schema.Int64Attribute{
				Optional:            true,
				MarkdownDescription: "Days after which a value should be replaced, 1 to 3650. It still resolves then, but shows as due.",
				Validators:          []validator.Int64{int64validator.Between(1, backend.LargestRotationDays)},
			},
			"rotation_due_at": schema.StringAttribute{
				Computed: true, MarkdownDescription: "When the present value should be replaced (RFC 3339, UTC); null without `rotation_days`.",
			},
			"deletion_protection": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Refuse to delete the secret while this is `true`; it must be applied as `false` first. Default `false`.",
			},
			"version": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Version of the value: 1 at creation, and one more with every value written.",
				PlanModifiers:       []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
			},
			"created_at": createdAtAttribute(),
			"timeouts":   timeoutsAttribute(ctx),
		},
	}
}

func (m *secretModel) operationTimeouts() timeouts.Value { return m.Timeouts }
func (m *secretModel) id() string                        { return m.ID.ValueString() }

func (m *secretModel) complete(*secretModel) bool {
	return !m.Project.IsUnknown() && !m.Environment.IsUnknown() && !m.Scope.IsUnknown() && !m.Name.IsUnknown() &&
		(m.ID.IsUnknown() || !m.Type.IsUnknown()) // the present value may not fit the new type
}

func (m *secretModel) set(ctx context.Context, o backend.Object, diags *diag.Diagnostics) {
	m.ID, m.Project, m.Name = types.StringValue(o.ID), types.StringValue(o.Project), types.StringValue(o.Name)
	m.Environment, m.EnvironmentID, m.Scope = types.StringValue(o.Environment), types.StringValue(o.EnvironmentID), types.StringValue(o.Scope)
	m.Type, m.Description = optionalString(o.Type), optionalString(o.Description)
	m.Visibility, m.Version = types.StringValue(string(o.Visibility)), types.Int64Value(o.Version)
	m.Labels = labelsValue(ctx, o.Labels, m.Labels, diags)
	m.ValueWO = types.StringNull()
	m.DeletionProtection = types.BoolValue(o.Protected)
	m.RotationDays, m.RotationDueAt = types.Int64Null(), types.StringNull()
	if o.RotationDays > 0 {
		m.RotationDays, m.RotationDueAt = types.Int64Value(int64(o.RotationDays)), types.StringValue(o.RotationDueAt.Format(time.RFC3339))
	}
	if at, _ := m.ExpiresAt.ValueRFC3339Time(); o.ExpiresAt.IsZero() {
		m.ExpiresAt = timetypes.NewRFC3339Null()
	} else if !at.Equal(o.ExpiresAt) { // the same moment may be written in another zone
		m.ExpiresAt = timetypes.NewRFC3339TimeValue(o.ExpiresAt)
	}
	m.CreatedAt = types.StringValue(o.CreatedAt.Format(time.RFC3339))
}

func (m *secretModel) change(_ context.Context, before, configured *secretModel, diags *diag.Diagnostics) backend.Change {
	c := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindSecret, Project: m.Project.ValueString(),
		Environment: m.Environment.ValueString(), Scope: m.Scope.ValueString(), Name: m.Name.ValueString(),
		Description: changedString(before.Description, m.Description), Labels: changedLabels(before.Labels, m.Labels),
		Type: changedString(before.Type, m.Type), Protected: m.DeletionProtection.ValueBoolPointer(),
	}
	if !m.RotationDays.IsUnknown() && !m.RotationDays.Equal(before.RotationDays) {
		days := int(m.RotationDays.ValueInt64())
		c.RotationDays = &days
	}
	if !m.ExpiresAt.IsUnknown() && !m.ExpiresAt.Equal(before.ExpiresAt) {
		var at time.Time
		if !m.ExpiresAt.IsNull() {
			var wrong diag.Diagnostics
			at, wrong = m.ExpiresAt.ValueRFC3339Time()
			diags.Append(wrong...)
		}
		c.ExpiresAt = &at
	}
	if v := changedString(before.Visibility, m.Visibility); v != nil {
		c.Visibility = (*backend.Visibility)(v)
	}
	if !before.ID.IsNull() {
		c.Op, c.ID, c.Name, c.Rename = backend.OpUpdate, before.ID.ValueString(), "", changedString(before.Name, m.Name)
	}
	known := !configured.ValueWO.IsUnknown() && !configured.ValueWO.IsNull()
	if known && (c.Op == backend.OpCreate || m.writesValue(before)) {
		c.Value = backend.PlaintextString(configured.ValueWO.ValueString())
	}
	if c.Op == backend.OpCreate && configured.ValueWO.IsNull() || c.Op == backend.OpUpdate && m.regenerates(before) {
		c.Generate = m.generateOptions()
	}
	return c
}

func (r *secret) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	r.importID(ctx, req, resp, r.entryQuery)
}
