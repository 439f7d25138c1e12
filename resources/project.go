// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

type project struct {
	managedResource[projectModel, *projectModel]
}

var (
	_ resource.ResourceWithConfigure   = (*project)(nil)
	_ resource.ResourceWithImportState = (*project)(nil)
	_ resource.ResourceWithIdentity    = (*project)(nil)
	_ resource.ResourceWithModifyPlan  = (*project)(nil)
)

// NewProject makes the resource pouncet_project.
func NewProject() resource.Resource {
	r := &project{managedResource[projectModel, *projectModel]{}}
	r.kind = backend.KindProject
	r.paths = rootPaths("name", "description", "labels", "max_secrets", "max_value_bytes", "max_name_length", "name_pattern", "default_visibility", "immutable_names", "recovery_days", "forbid_fingerprints")
	r.incompleteProject = func(m *projectModel) string {
		if m.MaxSecrets.IsUnknown() || m.MaxValueBytes.IsUnknown() || m.MaxNameLength.IsUnknown() || m.NamePattern.IsUnknown() {
			return m.Name.ValueString()
		}
		return ""
	}
	return r
}

type projectModel struct {
	ID                 types.String   `tfsdk:"id"`
	Name               types.String   `tfsdk:"name"`
	Description        types.String   `tfsdk:"description"`
	Labels             types.Map      `tfsdk:"labels"`
	MaxSecrets         types.Int64    `tfsdk:"max_secrets"`
	MaxValueBytes      types.Int64    `tfsdk:"max_value_bytes"`
	MaxNameLength      types.Int64    `tfsdk:"max_name_length"`
	NamePattern        types.String   `tfsdk:"name_pattern"`
	ImmutableNames     types.Bool     `tfsdk:"immutable_names"`
	DefaultVisibility  types.String   `tfsdk:"default_visibility"`
	RecoveryDays       types.Int64    `tfsdk:"recovery_days"`
	ForbidFingerprints types.Bool     `tfsdk:"forbid_fingerprints"`
	CreatedAt          types.String   `tfsdk:"created_at"`
	Timeouts           timeouts.Value `tfsdk:"timeouts"`
}

func (*project) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "pouncet_project"
}

func (*project) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	limit := func(what string, standard, least, most int64) schema.Int64Attribute {
		return schema.Int64Attribute{
			Optional: true, Computed: true, Default: int64default.StaticInt64(standard),
			MarkdownDescription: what, Validators: []validator.Int64{int64validator.Between(least, most)},
		}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A project: the unit of ownership, quota and naming policy. The project `default` exists from the start; import it to manage its policy.",
		Attributes: map[string]schema.Attribute{
			"id":              idAttribute(),
			"name":            nameAttribute("Name of the project."),
			"description":     descriptionAttribute(),
			"labels":          labelsAttribute(),
			"max_secrets":     limit("Quota of secrets, all environments together. Default 100.", backend.DefaultMaxSecrets, 1, backend.LargestMaxSecrets),
			"max_value_bytes": limit("Largest value, in bytes. Default, and most, 65536.", backend.DefaultMaxValueBytes, 1, backend.DefaultMaxValueBytes),
			"max_name_length": limit("Longest name of a secret or scoped value. Default, and most, 256.", backend.DefaultMaxNameLength, 1, backend.DefaultMaxNameLength),
			"name_pattern": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Regular expression ([RE2](https://github.com/google/re2/wiki/Syntax)) that names of secrets and scoped values must match as a whole, besides the rule for all names.",
			},
			"immutable_names": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Whether renaming secrets and scoped values is forbidden. Default `false`.",
			},
			"default_visibility": schema.StringAttribute{
				Optional: true, Computed: true, Default: stringdefault.StaticString(string(backend.Masked)),
				MarkdownDescription: "Visibility of secrets that do not say: `masked` (the default) or `restricted`.",
				Validators:          []validator.String{stringvalidator.OneOf(string(backend.Masked), string(backend.Restricted))},
			},
			"recovery_days": limit("How many days a deleted secret or scoped value can be restored. `0`: not at all. At most 90. Default 7.", backend.DefaultRecoveryDays, 0, backend.LargestRecoveryDays),
			"forbid_fingerprints": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Whether the backend hands out no fingerprints of values, by which a plan compares write-only values locally. It then asks about each value, which takes longer. Default `false`.",
			},
			"created_at": createdAtAttribute(),
			"timeouts":   timeoutsAttribute(ctx),
		},
	}
}

func (m *projectModel) set(ctx context.Context, o backend.Object, diags *diag.Diagnostics) {
	m.ID, m.Name, m.Description = types.StringValue(o.ID), types.StringValue(o.Name), optionalString(o.Description)
	m.Labels = labelsValue(ctx, o.Labels, m.Labels, diags)
	m.MaxSecrets = types.Int64Value(int64(o.Policy.MaxSecrets))
	m.MaxValueBytes = types.Int64Value(int64(o.Policy.MaxValueBytes))
	m.MaxNameLength = types.Int64Value(int64(o.Policy.MaxNameLength))
	m.NamePattern = optionalString(o.Policy.NamePattern)
	m.ImmutableNames = types.BoolValue(o.Policy.ImmutableNames)
	m.RecoveryDays = types.Int64Value(int64(o.Policy.RecoveryDays))
	m.ForbidFingerprints = types.BoolValue(o.Policy.ForbidFingerprints)
	m.DefaultVisibility = types.StringValue(string(o.Policy.DefaultVisibility))
	m.CreatedAt = types.StringValue(o.CreatedAt.Format(time.RFC3339))
}

func (m *projectModel) operationTimeouts() timeouts.Value { return m.Timeouts }
func (m *projectModel) id() string                        { return m.ID.ValueString() }
func (m *projectModel) complete(*projectModel) bool       { return !m.Name.IsUnknown() }

func (m *projectModel) change(_ context.Context, before, _ *projectModel, _ *diag.Diagnostics) backend.Change {
	number := func(v types.Int64) *int {
		if v.IsNull() || v.IsUnknown() {
			return nil
		}
		n := int(v.ValueInt64())
		return &n
	}
	visibility := backend.Visibility(m.DefaultVisibility.ValueString())
	c := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindProject, Name: m.Name.ValueString(),
		Description: changedString(before.Description, m.Description), Labels: changedLabels(before.Labels, m.Labels),
		Policy: &backend.PolicyChange{
			MaxSecrets: number(m.MaxSecrets), MaxValueBytes: number(m.MaxValueBytes), MaxNameLength: number(m.MaxNameLength),
			NamePattern: changedString(before.NamePattern, m.NamePattern), ImmutableNames: m.ImmutableNames.ValueBoolPointer(),
			RecoveryDays: number(m.RecoveryDays), ForbidFingerprints: m.ForbidFingerprints.ValueBoolPointer(),
		},
	}
	if visibility != "" {
		c.Policy.DefaultVisibility = &visibility
	}
	if !before.ID.IsNull() {
		c.Op, c.ID, c.Name, c.Rename = backend.OpUpdate, before.ID.ValueString(), "", changedString(before.Name, m.Name)
	}
	return c
}

func (r *project) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	r.importID(ctx, req, resp, func(given string) (backend.Query, error) { return backend.Query{Name: given}, nil })
}
