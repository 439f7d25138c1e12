// SPDX-License-Identifier: MPL-2.0

package ephemerals

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// beforeDestroy changes the result of an ephemeral resource that Terraform opens for the plan before it destroys
// everything. What cannot be read is a warning then. The results are unknown or, for OpenTofu, null: it does not accept
// an unknown result, also not of a secret that the configuration would create.
func beforeDestroy(ctx context.Context, s *session.Session, resp *ephemeral.OpenResponse) {
	if !s.Destroys {
		return
	}
	failed := resp.Diagnostics.HasError()
	s.WarnBeforeDestroy(&resp.Diagnostics)
	switch {
	case s.OpenTofu && (failed || !resp.Result.Raw.IsFullyKnown()):
		setResults(ctx, resp, nil)
	case failed:
		setResults(ctx, resp, tftypes.UnknownValue)
	}
}

// setResults sets every computed attribute to a value that fits any type: nil or unknown.
func setResults(ctx context.Context, resp *ephemeral.OpenResponse, value any) {
	attributes := map[string]tftypes.Value{}
	if err := resp.Result.Raw.As(&attributes); err != nil {
		resp.Diagnostics.AddWarning("Defect in the provider", "The result is not an object. Please report this defect.")
		return
	}
	for name, a := range resp.Result.Schema.GetAttributes() {
		if a.IsComputed() {
			attributes[name] = tftypes.NewValue(a.GetType().TerraformType(ctx), value)
		}
	}
	resp.Result.Raw = tftypes.NewValue(resp.Result.Raw.Type(), attributes)
}
