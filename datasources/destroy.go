// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// beforeDestroy changes the result of a data source that Terraform reads for the plan before it destroys everything.
// What cannot be read is a warning then, and lists are empty: Terraform itself fails on a for_each over null, or on a
// count of null.
func beforeDestroy(ctx context.Context, s *session.Session, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	if !s.Destroys {
		return
	}
	failed := resp.Diagnostics.HasError()
	s.WarnBeforeDestroy(&resp.Diagnostics)
	if !failed {
		return
	}
	attributes := map[string]tftypes.Value{}
	if err := req.Config.Raw.As(&attributes); err != nil {
		resp.Diagnostics.AddWarning("Defect in the provider", "The result is not an object. Please report this defect.")
		return
	}
	for name, a := range resp.State.Schema.GetAttributes() {
		if a.IsComputed() && attributes[name].IsNull() {
			attributes[name] = Empty(a.GetType().TerraformType(ctx))
		}
	}
	resp.State.Raw = tftypes.NewValue(req.Config.Raw.Type(), attributes)
}

// Empty returns the value of a type that has no elements, or that is zero. It is null for a text and an object.
func Empty(t tftypes.Type) tftypes.Value {
	switch {
	case t.Is(tftypes.List{}), t.Is(tftypes.Set{}):
		return tftypes.NewValue(t, []tftypes.Value{})
	case t.Is(tftypes.Map{}):
		return tftypes.NewValue(t, map[string]tftypes.Value{})
	case t.Is(tftypes.Number):
		return tftypes.NewValue(t, 0)
	case t.Is(tftypes.Bool):
		return tftypes.NewValue(t, false)
	}
	return tftypes.NewValue(t, nil)
}
