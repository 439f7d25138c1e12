// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
)

// notInThePast rejects a plan that sets a time in the past: a secret would be created, or change, and not resolve. It
// accepts the time of the state, which passes when the secret expires. It is a plan modifier because only a plan
// knows the state.
type notInThePast struct{}

func (notInThePast) Description(context.Context) string { return "A new time must not be in the past." }

func (m notInThePast) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

func (notInThePast) PlanModifyString(
	_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse,
) {
	planned, err := time.Parse(time.RFC3339, req.PlanValue.ValueString())
	if err != nil || planned.After(time.Now()) {
		return // null, unknown, or reported by the type of the attribute
	}
	if before, err := time.Parse(time.RFC3339, req.StateValue.ValueString()); err == nil && before.Equal(planned) {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Time in the past", fmt.Sprintf(
		"The value of %s is %s, which is in the past. The secret would not resolve.\n\n"+
			"Choose a later time, or remove %[1]s for a secret that does not expire.",
		req.Path, req.PlanValue.ValueString()))
}
