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

	_ resource.ResourceWithValidateConfig = (*secret)(nil)
)

// NewSecret returns the resource pouncet_secret.
func NewSecret() resource.Resource {
	r := &secret{}
	r.kind, r.inProject = backend.KindSecret, true
	r.schemaNames = map[string]string{"value": "value_wo", "protected": "deletion_protection"}
	r.adjustPlan = r.planValue
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
	ValueBase64WO      types.String      `tfsdk:"value_base64_wo"`
	ValueWOVersion     types.Int64       `tfsdk:"value_wo_version"`
	Generate           types.Object      `tfsdk:"generate"`
	Version            types.Int64       `tfsdk:"version"`
	ExpiresAt          timetypes.RFC3339 `tfsdk:"expires_at"`
	RotationDays       types.Int64       `tfsdk:"rotation_days"`
	RotationDueAt      types.String      `tfsdk:"rotation_due_at"`
	DeletionProtection types.Bool        `tfsdk:"deletion_protection"`
	CreatedAt          types.String      `tfsdk:"created_at"`
	ManagedBy          types.String      `tfsdk:"managed_by"`
	Timeouts           timeouts.Value    `tfsdk:"timeouts"`
}

func (*secret) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "pouncet_secret"
}

func (*secret) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages a secret. The write-only argument `value_wo` sets its value, which no plan and " +
			"no state ever contains.\n\n" +
			"While Terraform plans, the provider asks the backend whether the configured value differs from the " +
			"current one. If it does, the plan shows an update of `version`. You do not need to raise a version " +
			"argument, and a value that was changed outside Terraform shows as drift.",
		Attributes: map[string]schema.Attribute{
			"id":             idAttribute(),
			"project":        projectAttribute(),
			"environment":    environmentAttribute(),
			"environment_id": environmentIDAttribute(),
			"scope":          scopeAttribute(),
			"name":           nameAttribute(backend.KindSecret, "Name of the secret. References use this name."),
			"type": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Key of the secret type. Every value must satisfy the schema of the type. When " +
					"the type changes, the current value must satisfy the schema of the new one.",
				Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"description": descriptionAttribute(),
			"labels":      labelsAttribute(),
			"visibility": schema.StringAttribute{
				Optional: true, Computed: true,
				MarkdownDescription: "`masked`: a person with the right to reveal values can see the value, and the " +
					"audit log records it. `restricted`: no person can see the value; it only resolves for use. " +
					"Defaults to the `default_visibility` of the project.",
				Validators: []validator.String{
					stringvalidator.OneOf(string(backend.Masked), string(backend.Restricted)),
				},
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"value_wo":         valueAttribute(),
			"value_base64_wo":  valueBase64Attribute(),
			"value_wo_version": valueVersionAttribute(),
			"generate":         generateAttribute(),
			"expires_at": schema.StringAttribute{
				Optional: true, CustomType: timetypes.RFC3339Type{},
				MarkdownDescription: "Time at which the secret expires (RFC 3339), for example " +
					"`2027-01-31T12:00:00Z`. An expired secret does not resolve. A new time must not be in the past.",
				PlanModifiers: []planmodifier.String{notInThePast{}},
			},
			"rotation_days": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "Number of days after which a value is due for rotation. Between 1 and 3650. A " +
					"value that is due still resolves.",
				Validators: []validator.Int64{int64validator.Between(1, backend.LargestRotationDays)},
			},
			"rotation_due_at": schema.StringAttribute{
				Computed: true,
				MarkdownDescription: "Time at which the current value is due for rotation (RFC 3339, UTC). Null " +
					"without `rotation_days`.",
			},
			"deletion_protection": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Whether the secret is protected against deletion. To delete a protected " +
					"secret, apply `false` first. Defaults to `false`.",
			},
			"version": schema.Int64Attribute{
				Computed: true,
				MarkdownDescription: "Number of the current version. It is 1 after the creation, and rises by 1 with " +
					"every value that is written.",
				PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
			},
			"created_at": createdAtAttribute(),
			"managed_by": managedByAttribute(),
			"timeouts":   timeoutsAttribute(ctx),
		},
	}
}

func (m *secretModel) operationTimeouts() timeouts.Value { return m.Timeouts }
func (m *secretModel) id() string                        { return m.ID.ValueString() }

func (m *secretModel) complete(*secretModel) bool {
	return !m.Project.IsUnknown() && !m.Environment.IsUnknown() && !m.Scope.IsUnknown() && !m.Name.IsUnknown() &&
		(m.ID.IsUnknown() || !m.Type.IsUnknown()) // the current value may not satisfy the new type
}

func (m *secretModel) set(ctx context.Context, o backend.Object, diags *diag.Diagnostics) {
	m.ID, m.Project, m.Name = types.StringValue(o.ID), types.StringValue(o.Project), types.StringValue(o.Name)
	m.Environment, m.EnvironmentID = types.StringValue(o.Environment), types.StringValue(o.EnvironmentID)
	m.Scope = types.StringValue(o.Scope)
	m.Type, m.Description = optionalString(o.Type), optionalString(o.Description)
	m.Visibility, m.Version = types.StringValue(string(o.Visibility)), types.Int64Value(o.Version)
	m.Labels = labelsValue(ctx, o.Labels, m.Labels, diags)
	m.ValueWO, m.ValueBase64WO = types.StringNull(), types.StringNull()
	m.DeletionProtection = types.BoolValue(o.Protected)
	m.RotationDays, m.RotationDueAt = types.Int64Null(), types.StringNull()
	if o.RotationDays > 0 {
		m.RotationDays = types.Int64Value(int64(o.RotationDays))
		m.RotationDueAt = types.StringValue(o.RotationDueAt.Format(time.RFC3339))
	}
	if at, _ := m.ExpiresAt.ValueRFC3339Time(); o.ExpiresAt.IsZero() {
		m.ExpiresAt = timetypes.NewRFC3339Null()
	} else if !at.Equal(o.ExpiresAt) { // an equal time keeps the zone that the configuration uses
		m.ExpiresAt = timetypes.NewRFC3339TimeValue(o.ExpiresAt)
	}
	m.ManagedBy, m.CreatedAt = optionalString(o.ManagedBy), types.StringValue(o.CreatedAt.Format(time.RFC3339))
}

func (m *secretModel) change(
	_ context.Context, before, configured *secretModel, diags *diag.Diagnostics,
) backend.Change {
	c := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindSecret, Project: m.Project.ValueString(),
		Environment: m.Environment.ValueString(), Scope: m.Scope.ValueString(), Name: m.Name.ValueString(),
		Description: changedString(before.Description, m.Description), Labels: changedLabels(before.Labels, m.Labels),
		Type: m.typeToSet(before), Protected: m.DeletionProtection.ValueBoolPointer(),
		Visibility: (*backend.Visibility)(changedString(before.Visibility, m.Visibility)),
		ExpiresAt:  m.changedExpiry(before, diags),
	}
	if !m.RotationDays.IsUnknown() && !m.RotationDays.Equal(before.RotationDays) {
		days := int(m.RotationDays.ValueInt64())
		c.RotationDays = &days
	}
	asUpdate(&c, before.ID, before.Name, m.Name)
	m.changeValue(&c, before, configured)
	return c
}

// typeToSet returns the planned type, if there is one or the secret loses its type. It includes a key that does not
// change: another type can take it in the same apply.
func (m *secretModel) typeToSet(before *secretModel) *string {
	if m.Type.ValueString() == "" {
		return changedString(before.Type, m.Type)
	}
	return m.Type.ValueStringPointer()
}

// changedExpiry returns the planned expiry if it differs from the old one. The zero time means that the secret does not
// expire.
func (m *secretModel) changedExpiry(before *secretModel, diags *diag.Diagnostics) *time.Time {
	if m.ExpiresAt.IsUnknown() || m.ExpiresAt.Equal(before.ExpiresAt) {
		return nil
	}
	if m.ExpiresAt.IsNull() {
		return &time.Time{}
	}
	at, invalid := m.ExpiresAt.ValueRFC3339Time()
	diags.Append(invalid...)
	return &at
}

func (r *secret) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	r.importObject(ctx, req, resp, r.entryQuery)
}
