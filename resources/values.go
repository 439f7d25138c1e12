// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-jsontypes/jsontypes"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Conversions between Terraform's values and the backend's.

// asUpdate turns a change that creates an object into one that updates it, if the object has an id.
func asUpdate(c *backend.Change, id, oldName, newName types.String) {
	if !id.IsNull() {
		c.Op, c.ID, c.Name, c.Rename = backend.OpUpdate, id.ValueString(), "", changedString(oldName, newName)
	}
}

// optionalString returns an optional attribute. The backend keeps an absent one as "".
func optionalString(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}

// changedString returns the planned value of an attribute if it differs from the old one, and nil otherwise. A null
// value equals "".
func changedString(old, planned types.String) *string {
	if planned.IsUnknown() || old.ValueString() == planned.ValueString() {
		return nil
	}
	value := planned.ValueString()
	return &value
}

// changedLabels returns the planned labels if they differ from the old ones. It returns nil if they are equal or not
// all known, and an empty map if the plan removes all labels.
func changedLabels(old, planned types.Map) map[string]string {
	if planned.IsUnknown() || old.Equal(planned) {
		return nil
	}
	out := map[string]string{}
	for k, v := range planned.Elements() {
		if v.IsUnknown() {
			return nil
		}
		out[k] = v.(types.String).ValueString()
	}
	return out
}

// labelsValue returns the attribute for labels. Without labels it is null, unless the configuration has an empty map.
func labelsValue(ctx context.Context, labels map[string]string, old types.Map, diags *diag.Diagnostics) types.Map {
	if len(labels) == 0 && len(old.Elements()) == 0 {
		if old.IsUnknown() {
			return types.MapNull(types.StringType)
		}
		return old
	}
	value, d := types.MapValueFrom(ctx, types.StringType, maps.Clone(labels))
	diags.Append(d...)
	return value
}

// jsonValue returns the attribute for a JSON text of the backend. It keeps the old text if both mean the same, so that
// different white space is not drift.
func jsonValue(
	ctx context.Context, old jsontypes.Normalized, text json.RawMessage, diags *diag.Diagnostics,
) jsontypes.Normalized {
	if text == nil {
		return jsontypes.NewNormalizedNull()
	}
	value := jsontypes.NewNormalizedValue(string(text))
	if old.IsNull() || old.IsUnknown() {
		return value
	}
	equal, d := old.StringSemanticEquals(ctx, value)
	diags.Append(d...)
	if equal {
		return old
	}
	return value
}

// keepEquivalentJSON plans the JSON text of the state if the configured text means the same.
type keepEquivalentJSON struct{}

func (keepEquivalentJSON) Description(context.Context) string {
	return "JSON that means the same is not a change."
}

func (m keepEquivalentJSON) MarkdownDescription(ctx context.Context) string {
	return m.Description(ctx)
}

func (keepEquivalentJSON) PlanModifyString(
	ctx context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse,
) {
	if req.StateValue.IsNull() || req.PlanValue.IsNull() || req.PlanValue.IsUnknown() {
		return
	}
	state := jsontypes.NewNormalizedValue(req.StateValue.ValueString())
	planned := jsontypes.NewNormalizedValue(req.PlanValue.ValueString())
	equal, diags := state.StringSemanticEquals(ctx, planned)
	resp.Diagnostics.Append(diags...)
	if equal {
		resp.PlanValue = req.StateValue
	}
}
