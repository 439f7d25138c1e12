// SPDX-License-Identifier: MPL-2.0

package ephemerals

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

func TestResultsBeforeADestroy(t *testing.T) {
	var schema ephemeral.SchemaResponse
	NewSecretValue().Schema(t.Context(), ephemeral.SchemaRequest{}, &schema)
	object := schema.Schema.Type().TerraformType(t.Context()).(tftypes.Object)
	result := func(value any) map[string]tftypes.Value {
		values := map[string]tftypes.Value{}
		for name, attribute := range object.AttributeTypes {
			values[name] = tftypes.NewValue(attribute, nil)
		}
		values["name"] = tftypes.NewValue(tftypes.String, "s")
		values["value"] = tftypes.NewValue(tftypes.String, value)
		return values
	}
	for _, c := range []struct {
		name               string
		destroys, openTofu bool
		result             any
		fails              bool
		known, warning     bool
	}{
		{name: "a plan", result: tftypes.UnknownValue},
		{name: "an error before a destroy", destroys: true, fails: true, warning: true},
		{name: "an error before a destroy with OpenTofu", destroys: true, openTofu: true,
			fails: true, known: true, warning: true},
		{name: "a planned secret before a destroy with OpenTofu", destroys: true, openTofu: true,
			result: tftypes.UnknownValue, known: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := ephemeral.OpenResponse{Result: tfsdk.EphemeralResultData{
				Schema: schema.Schema, Raw: tftypes.NewValue(object, result(c.result)),
			}}
			if c.fails {
				resp.Diagnostics.AddError("a", "b")
			}
			beforeDestroy(t.Context(), &session.Session{Destroys: c.destroys, OpenTofu: c.openTofu}, &resp)
			var got map[string]tftypes.Value
			if err := resp.Result.Raw.As(&got); err != nil {
				t.Fatal(err)
			}
			if got["value"].IsKnown() != c.known || !got["name"].Equal(result(nil)["name"]) {
				t.Errorf("the result is %v", got)
			}
			if resp.Diagnostics.HasError() || len(resp.Diagnostics) > 0 != c.warning {
				t.Errorf("the diagnostics are %v", resp.Diagnostics)
			}
		})
	}
}
