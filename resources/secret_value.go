// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"encoding/base64"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// This file decides when the value of a secret is written. A dry run compares the value while Terraform plans, and the
// plan shows only that the version changes.

func valueAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Sensitive: true, WriteOnly: true,
		MarkdownDescription: "Value of the secret, 1 to 65536 bytes: a string, or a JSON document if the type " +
			"requires one. Write-only: requires Terraform 1.11 or later. Required to create a secret, unless " +
			"`generate` is set. Without it, and with an empty string, an existing secret keeps its value. If the value " +
			"becomes known only during the apply, the plan shows an update of `version`, and the apply writes the value " +
			"if it differs. A value that differs in every run, as the results of some ephemeral resources do, is an " +
			"update in every plan; set `value_wo_version` to decide when to write it. With `generate`, it has the fields " +
			"that are not generated. Conflicts with `value_base64_wo`.",
	}
}

func valueBase64Attribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Sensitive: true, WriteOnly: true,
		MarkdownDescription: "Value of the secret in base64 (RFC 4648, with padding), for a value that is not text, such " +
			"as a keystore: `filebase64(\"keystore.p12\")`. The backend stores the decoded bytes, 1 to 65536. It works as " +
			"`value_wo`, also with `value_wo_version` and with an empty string. Conflicts with `value_wo` and `generate`.",
		Validators: []validator.String{
			stringvalidator.ConflictsWith(path.MatchRoot("generate"), path.MatchRoot("value_wo")), validBase64,
		},
	}
}

func valueVersionAttribute() schema.Int64Attribute {
	return schema.Int64Attribute{
		Optional: true,
		MarkdownDescription: "Number that decides when `value_wo` is written: if it is set, the provider writes the " +
			"value only when this number changes. It also counts for `value_base64_wo`. Not needed, except " +
			"for values that differ in every run, as the results of some ephemeral resources do.",
	}
}

func generateAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Lets the backend generate a random value that nobody sees. The backend generates the " +
			"value when it creates the secret, and again only when `keepers` change. For a JSON type, it generates the " +
			"fields that the schema marks with `x-generate`: the types `rsa_2048_key_pair`, `ed25519_key_pair` and others " +
			"are key pairs. The other fields are those of `value_wo`, which is written only together with generated " +
			"fields; without it, they stay. Conflicts with `value_base64_wo`.",
		Attributes: map[string]schema.Attribute{
			"length": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "Number of characters. Between 8 and 1024. Defaults to `32`, or to the nearest " +
					"length that the schema of the type allows.",
				Validators: []validator.Int64{int64validator.Between(backend.MinGeneratedLength, backend.MaxGeneratedLength)},
			},
			"alphabet": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Characters to choose from, 10 to 1024 different ones. Defaults to the letters " +
					"and digits of ASCII.",
				Validators: []validator.String{ValidAlphabet},
			},
			"keepers": schema.MapAttribute{
				Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Arbitrary strings. When they change, the backend generates a new value.",
			},
		},
	}
}

// ValidateConfig refuses a value beside generate without a type. With a JSON type, the value has the fields that are
// not generated.
func (*secret) ValidateConfig(
	ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse,
) {
	var m secretModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if !m.Generate.IsUnknown() && !m.Generate.IsNull() && !m.ValueWO.IsNull() && m.Type.IsNull() {
		resp.Diagnostics.AddAttributeError(path.Root("value_wo"), "Conflicting arguments",
			"value_wo conflicts with generate, because the secret has no type.\n\nRemove one of the two. With a JSON type, "+
				"value_wo has the fields that are not generated.")
	}
}

// configuredValue returns the value in the configuration, the zero Plaintext if there is none, and whether it is known
// yet.
func (m *secretModel) configuredValue() (value backend.Plaintext, known bool) {
	switch {
	case m.ValueWO.IsUnknown(), m.ValueBase64WO.IsUnknown():
		return backend.Plaintext{}, false
	case !m.ValueBase64WO.IsNull():
		decoded, _ := base64.StdEncoding.DecodeString(m.ValueBase64WO.ValueString()) // it was validated
		return backend.NewPlaintext(decoded), true
	case !m.ValueWO.IsNull():
		return backend.PlaintextString(m.ValueWO.ValueString()), true
	}
	return backend.Plaintext{}, true
}

// configuresValue reports whether the configuration has a value, also one that is not known yet.
func (m *secretModel) configuresValue() bool { return !m.ValueWO.IsNull() || !m.ValueBase64WO.IsNull() }

// changeValue adds the configured value to a change, or the request to generate one.
func (m *secretModel) changeValue(c *backend.Change, before, configured *secretModel) {
	if c.Op == backend.OpCreate || m.regenerates(before) {
		c.Generate = m.generateOptions()
	}
	value, known := configured.configuredValue()
	writes := c.Op == backend.OpCreate || m.Generate.IsNull() && m.writesValue(before)
	if known && !value.IsZero() && (writes || c.Generate != nil) {
		c.Value = value
	}
}

// dryRunChange always includes the value, because the dry run decides whether the version changes. Of a value that is
// not known yet, it says that it follows: neither that one nor the present one must satisfy the type now.
func (m *secretModel) dryRunChange(
	ctx context.Context, before, configured *secretModel, diags *diag.Diagnostics,
) backend.Change {
	undecided := *m
	undecided.Version = types.Int64Unknown()
	c := undecided.change(ctx, before, configured, diags)
	_, known := configured.configuredValue()
	writes := c.Op == backend.OpCreate || c.Generate != nil || m.Generate.IsNull() && undecided.writesValue(before)
	if c.ValueFollows = !known && writes; c.ValueFollows {
		c.Generate = nil
	}
	return c
}

// writesValue reports whether an update writes the configured value: not if the plan keeps the version, and with
// value_wo_version only if that changes.
func (m *secretModel) writesValue(before *secretModel) bool {
	if !m.Version.IsUnknown() {
		return false
	}
	return m.ValueWOVersion.IsNull() || !m.ValueWOVersion.Equal(before.ValueWOVersion)
}

// planValue plans the version, and records what the plan does to the value for those who read or rotate it.
func (r *secret) planValue(
	ctx context.Context, m modelStates[secretModel], outcome *backend.Outcome, resp *resource.ModifyPlanResponse,
) {
	planVersion(ctx, m, outcome, resp)
	var version types.Int64
	resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("version"), &version)...)
	if !m.before.ID.IsNull() {
		configured := m.configured.configuresValue() && m.plan.ValueWOVersion.IsNull() && m.plan.Generate.IsNull()
		r.session.Plan.RecordValue(m.before.ID.ValueString(), version.IsUnknown(), configured)
	}
}

// planVersion plans an unknown version for every update: it may write a value, and an action may rotate the secret in
// the same apply before it. Whether a secret that is otherwise unchanged gets a new value is what the dry run says.
func planVersion(
	ctx context.Context, m modelStates[secretModel], outcome *backend.Outcome, resp *resource.ModifyPlanResponse,
) {
	dueAt := types.StringUnknown()
	if m.plan.RotationDays.IsNull() {
		dueAt = types.StringNull()
	}
	if !m.before.ID.IsNull() {
		version := m.before.Version
		switch {
		case m.plan.changesOtherwise(&m.before), outcome != nil && slices.Contains(outcome.Changed, "type"):
			version = types.Int64Unknown()
		case !m.plan.mayWriteValue(&m.before, &m.configured):
		case outcome == nil, m.plan.valueUncertain(&m.configured),
			outcome.Object.Version != m.before.Version.ValueInt64():
			version = types.Int64Unknown()
		}
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("version"), version)...)
		if !version.IsUnknown() && m.plan.RotationDays.Equal(m.before.RotationDays) {
			dueAt = m.before.RotationDueAt
		}
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("rotation_due_at"), dueAt)...)
}

// mayWriteValue reports whether an update may write a value, as far as configuration and state tell.
func (m *secretModel) mayWriteValue(before, configured *secretModel) bool {
	undecided := *m
	undecided.Version = types.Int64Unknown()
	generates := undecided.regenerates(before) || m.Generate.IsUnknown() && !before.Generate.IsNull()
	return generates || configured.configuresValue() && m.Generate.IsNull() && undecided.writesValue(before) ||
		!m.Type.Equal(before.Type) // the current value is written again under another type
}

// changesOtherwise reports whether an update changes anything but the value.
func (m *secretModel) changesOtherwise(before *secretModel) bool {
	a, b := *m, *before
	a.Version, a.RotationDueAt, a.Timeouts = b.Version, b.RotationDueAt, b.Timeouts
	a.ValueWO, a.ValueBase64WO = b.ValueWO, b.ValueBase64WO
	return len(differences(&a, &b)) > 0
}

// generateOptions returns the options of the attribute generate, or nil if it is not set.
func (m *secretModel) generateOptions() *backend.Generate {
	if m.Generate.IsNull() || m.Generate.IsUnknown() {
		return nil
	}
	a := m.Generate.Attributes()
	return &backend.Generate{
		Length:   int(a["length"].(types.Int64).ValueInt64()),
		Alphabet: a["alphabet"].(types.String).ValueString(),
	}
}

// keepers returns the keepers of a generated value, or null if the value is not generated.
func (m *secretModel) keepers() types.Map {
	if keepers, ok := m.Generate.Attributes()["keepers"].(types.Map); ok {
		return keepers
	}
	return types.MapNull(types.StringType)
}

// regenerates reports whether an update generates a new value. A secret that gets the attribute generate later keeps
// its value.
func (m *secretModel) regenerates(before *secretModel) bool {
	return m.Version.IsUnknown() && !before.Generate.IsNull() && !m.Generate.IsNull() &&
		!m.keepers().Equal(before.keepers())
}

// valueUncertain reports whether only the apply knows if there is a new value.
func (m *secretModel) valueUncertain(configured *secretModel) bool {
	if _, known := configured.configuredValue(); !known || m.Generate.IsUnknown() || m.keepers().IsUnknown() {
		return true
	}
	for _, k := range m.keepers().Elements() {
		if k.IsUnknown() {
			return true
		}
	}
	return false
}
