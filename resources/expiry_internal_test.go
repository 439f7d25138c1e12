// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func TestNewTimeMustNotBeInThePast(t *testing.T) {
	known := types.StringValue
	const past, samePast = "2020-01-01T00:00:00Z", "2020-01-01T01:00:00+01:00"
	future := time.Now().Add(time.Hour).Format(time.RFC3339)
	for name, c := range map[string]struct {
		state, plan types.String
		rejected    bool
	}{
		"a creation with a past time":               {types.StringNull(), known(past), true},
		"a change to a past time":                   {known(future), known(past), true},
		"a time that has passed since the last run": {known(past), known(past), false},
		"the same time in another zone":             {known(past), known(samePast), false},
		"a future time":                             {known(past), known(future), false},
		"no time":                                   {known(past), types.StringNull(), false},
		"a time that is not known yet":              {known(past), types.StringUnknown(), false},
	} {
		req := planmodifier.StringRequest{Path: path.Root("expires_at"), StateValue: c.state, PlanValue: c.plan}
		var resp planmodifier.StringResponse
		notInThePast{}.PlanModifyString(context.Background(), req, &resp)
		if resp.Diagnostics.HasError() != c.rejected {
			t.Errorf("%s: %v", name, resp.Diagnostics)
		}
	}
}
