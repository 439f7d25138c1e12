// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// When the value of a secret is written: as planned by a dry run, without
// anything in the plan by which the value could be told.

// question asks about the value whatever the plan has so far: whether the
// version changes is what the dry run is to say. A secret to be created with a value
// that only the apply knows is asked about with another, and without its type.
func (m *secretModel) dryRunChange(ctx context.Context, before, configured *secretModel, diags *diag.Diagnostics) backend.Change {
	open := *m
	open.Version = types.Int64Unknown()
	c := open.change(ctx, before, configured, diags)
	if c.Op == backend.OpCreate && configured.ValueWO.IsUnknown() {
		c.Value, c.Type = backend.PlaintextString("not known yet"), nil
	}
	return c
}

// writes reports whether an update gives the configured value to the backend:
// not if the plan has settled that the version stays, and with value_wo_version only
// when that changes.
func (m *secretModel) writesValue(before *secretModel) bool {
	if !m.Version.IsUnknown() {
		return false
	}
	return m.ValueWOVersion.IsNull() || !m.ValueWOVersion.Equal(before.ValueWOVersion)
}

// planValue shows a new value as an update of version, and leaves room for one
// where an update may write it.
func planVersion(ctx context.Context, m modelStates[secretModel], said *backend.Outcome, resp *resource.ModifyPlanResponse) {
	due := types.StringUnknown()
	if m.plan.RotationDays.IsNull() {
		due = types.StringNull()
	}
	if m.before.ID.IsNull() {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("rotation_due_at"), due)...)
		return
	}
	writes := said == nil || said.Object.Version != m.before.Version.ValueInt64() ||
		m.plan.valueUncertain(&m.configured) && said.Action != backend.ActionUnchanged
	if writes {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("version"), types.Int64Unknown())...)
	}
	if !writes && m.plan.RotationDays.Equal(m.before.RotationDays) {
		due = m.before.RotationDueAt
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("rotation_due_at"), due)...)
}

// generation is what the attribute generate asks for, nil if it is not there.
func (m *secretModel) generateOptions() *backend.Generate {
	if m.Generate.IsNull() || m.Generate.IsUnknown() {
		return nil
	}
	a := m.Generate.Attributes()
	return &backend.Generate{Length: int(a["length"].(types.Int64).ValueInt64()), Alphabet: a["alphabet"].(types.String).ValueString()}
}

// keepers are what a generated value is kept by; null where none is generated.
func (m *secretModel) keepers() types.Map {
	if keepers, ok := m.Generate.Attributes()["keepers"].(types.Map); ok {
		return keepers
	}
	return types.MapNull(types.StringType)
}

// remakes reports whether an update makes a generated value again. A secret
// that begins to be generated keeps the value that it has.
func (m *secretModel) regenerates(before *secretModel) bool {
	return m.Version.IsUnknown() && !before.Generate.IsNull() && !m.Generate.IsNull() && !m.keepers().Equal(before.keepers())
}

// uncertain reports whether only the apply will know if there is a new value.
func (m *secretModel) valueUncertain(configured *secretModel) bool {
	if configured.ValueWO.IsUnknown() || m.Generate.IsUnknown() || m.keepers().IsUnknown() {
		return true
	}
	for _, k := range m.keepers().Elements() {
		if k.IsUnknown() {
			return true
		}
	}
	return false
}
