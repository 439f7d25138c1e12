// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework-jsontypes/jsontypes"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
)

// keepJSON is a JSON attribute for what the backend has: the text that was
// there already if it means the same, so that white space is not drift.
func jsonValue(ctx context.Context, have jsontypes.Normalized, text json.RawMessage, diags *diag.Diagnostics) jsontypes.Normalized {
	if text == nil {
		return jsontypes.NewNormalizedNull()
	}
	value := jsontypes.NewNormalizedValue(string(text))
	if have.IsNull() || have.IsUnknown() {
		return value
	}
	same, d := have.StringSemanticEquals(ctx, value)
	diags.Append(d...)
	if same {
		return have
	}
	return value
}

// sameJSON keeps, while Terraform plans, the text that is in the state where
// the configured one means the same.
type keepEquivalentJSON struct{}

func (keepEquivalentJSON) Description(context.Context) string {
	return "JSON that means the same is no change."
}

func (m keepEquivalentJSON) MarkdownDescription(ctx context.Context) string {
	return m.Description(ctx)
}

func (keepEquivalentJSON) PlanModifyString(ctx context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	if req.StateValue.IsNull() || req.PlanValue.IsNull() || req.PlanValue.IsUnknown() {
		return
	}
	same, diags := jsontypes.NewNormalizedValue(req.StateValue.ValueString()).StringSemanticEquals(ctx, jsontypes.NewNormalizedValue(req.PlanValue.ValueString()))
	resp.Diagnostics.Append(diags...)
	if same {
		resp.PlanValue = req.StateValue
	}
}
