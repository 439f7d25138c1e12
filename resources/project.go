// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"cmp"
	"context"
	"fmt"
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

// NewProject returns the resource pouncet_project.
func NewProject() resource.Resource {
	r := &project{}
	r.kind = backend.KindProject
	r.incompleteProject = func(m *projectModel) string {
		if m.MaxSecrets.IsUnknown() || m.MaxValueBytes.IsUnknown() || m.MaxNameLength.IsUnknown() ||
			m.NamePattern.IsUnknown() {
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
	MaxVersions        types.Int64    `tfsdk:"max_versions"`
	VersionDays        types.Int64    `tfsdk:"version_days"`
	ForbidFingerprints types.Bool     `tfsdk:"forbid_fingerprints"`
	Duplicates         types.String   `tfsdk:"duplicates"`
	CreatedAt          types.String   `tfsdk:"created_at"`
	ManagedBy          types.String   `tfsdk:"managed_by"`
	Timeouts           timeouts.Value `tfsdk:"timeouts"`
}

func (*project) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "pouncet_project"
}

func (*project) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := policyAttributes()
	attributes["id"] = idAttribute()
	attributes["name"] = nameAttribute(backend.KindProject, "Name of the project.")
	attributes["description"] = descriptionAttribute()
	attributes["labels"] = labelsAttribute()
	attributes["created_at"] = createdAtAttribute()
	attributes["managed_by"] = managedByAttribute()
	attributes["timeouts"] = timeoutsAttribute(ctx)
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages a project. A project contains environments, and sets the quota and the rules " +
			"for the names and values in them. Every backend has the project `default` from the start. Import it to " +
			"manage its policy.",
		Attributes: attributes,
	}
}

// policyAttributes returns the attributes that make up the policy of a project.
func policyAttributes() map[string]schema.Attribute {
	number := func(byDefault, minimum, maximum int64, description string) schema.Int64Attribute {
		return schema.Int64Attribute{
			Optional: true, Computed: true, Default: int64default.StaticInt64(byDefault),
			MarkdownDescription: fmt.Sprintf("%s Between %d and %d. Defaults to `%d`.",
				description, minimum, maximum, byDefault),
			Validators: []validator.Int64{int64validator.Between(minimum, maximum)},
		}
	}
	flag := func(description string) schema.BoolAttribute {
		return schema.BoolAttribute{
			Optional: true, Computed: true, Default: booldefault.StaticBool(false),
			MarkdownDescription: description + " Defaults to `false`.",
		}
	}
	return map[string]schema.Attribute{
		"max_secrets": number(backend.DefaultMaxSecrets, 1, backend.LargestMaxSecrets,
			"Quota: the largest number of secrets in all environments of the project together."),
		"max_value_bytes": number(backend.DefaultMaxValueBytes, 1, backend.DefaultMaxValueBytes,
			"Largest size of a value in bytes."),
		"max_name_length": number(backend.DefaultMaxNameLength, 1, backend.DefaultMaxNameLength,
			"Largest length of the name of a secret or scoped value."),
		"name_pattern": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Regular expression ([RE2 syntax](https://github.com/google/re2/wiki/Syntax)) that " +
				"the whole name of every secret and scoped value must match, in addition to the rule for all names.",
		},
		"immutable_names": flag("Whether the names of secrets and scoped values are fixed, so that a rename is " +
			"refused."),
		"default_visibility": schema.StringAttribute{
			Optional: true, Computed: true, Default: stringdefault.StaticString(string(backend.Masked)),
			MarkdownDescription: "Visibility of secrets that do not set `visibility`: `masked` or `restricted`. " +
				"Defaults to `masked`.",
			Validators: []validator.String{stringvalidator.OneOf(string(backend.Masked), string(backend.Restricted))},
		},
		"recovery_days": number(backend.DefaultRecoveryDays, 0, backend.LargestRecoveryDays,
			"Recovery window: the number of days in which a deletion can be undone. With `0`, "+
				"deletions are final."),
		"max_versions": number(0, 0, backend.LargestMaxVersions,
			"Number of versions of a secret that are kept; `0` keeps all. The current and the previous version and those "+
				"with a tag are kept in addition."),
		"version_days": number(0, 0, backend.LargestVersionDays,
			"Days for which old versions of a secret are kept; `0` keeps them for ever."),
		"forbid_fingerprints": flag("Whether the provider cannot get fingerprints (keyed hashes) of secret values. " +
			"With fingerprints, a plan compares write-only values on the machine that runs Terraform. Without them, " +
			"it asks the backend about each value, which takes longer."),
		"duplicates": schema.StringAttribute{
			Optional: true, Computed: true, Default: stringdefault.StaticString(string(backend.DuplicatesAllowed)),
			MarkdownDescription: "What a write does if another secret of the project has the same value: `allow`, `note` or " +
				"`refuse`. With `note` or `refuse`, anyone who can read the database sees which secrets have the same value. " +
				"Defaults to `allow`.",
			Validators: []validator.String{stringvalidator.OneOf(string(backend.DuplicatesAllowed),
				string(backend.DuplicatesNoted), string(backend.DuplicatesRefused))},
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
	m.MaxVersions = types.Int64Value(int64(o.Policy.MaxVersions))
	m.VersionDays = types.Int64Value(int64(o.Policy.VersionDays))
	m.ForbidFingerprints = types.BoolValue(o.Policy.ForbidFingerprints)
	m.Duplicates = types.StringValue(string(cmp.Or(o.Policy.Duplicates, backend.DuplicatesAllowed)))
	m.DefaultVisibility = types.StringValue(string(o.Policy.DefaultVisibility))
	m.ManagedBy, m.CreatedAt = optionalString(o.ManagedBy), types.StringValue(o.CreatedAt.Format(time.RFC3339))
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
			MaxSecrets:         number(m.MaxSecrets),
			MaxValueBytes:      number(m.MaxValueBytes),
			MaxNameLength:      number(m.MaxNameLength),
			NamePattern:        changedString(before.NamePattern, m.NamePattern),
			ImmutableNames:     m.ImmutableNames.ValueBoolPointer(),
			RecoveryDays:       number(m.RecoveryDays),
			MaxVersions:        changedNumber(before.MaxVersions, m.MaxVersions),
			VersionDays:        changedNumber(before.VersionDays, m.VersionDays),
			ForbidFingerprints: m.ForbidFingerprints.ValueBoolPointer(),
		},
	}
	if visibility != "" {
		c.Policy.DefaultVisibility = &visibility
	}
	if duplicates := backend.Duplicates(m.Duplicates.ValueString()); !m.Duplicates.Equal(before.Duplicates) &&
		(duplicates != backend.DuplicatesAllowed || !before.Duplicates.IsNull()) {
		c.Policy.Duplicates = &duplicates
	}
	asUpdate(&c, before.ID, before.Name, m.Name)
	return c
}

// changedNumber returns a number that differs from the one before, and nil for one that is the same: a server of an
// earlier version does not know the field. 0 is the same as none.
func changedNumber(before, after types.Int64) *int {
	if after.IsNull() || after.IsUnknown() || after.ValueInt64() == before.ValueInt64() {
		return nil
	}
	n := int(after.ValueInt64())
	return &n
}

func (r *project) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	r.importObject(ctx, req, resp, r.projectQuery)
}
