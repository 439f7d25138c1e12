// SPDX-License-Identifier: MPL-2.0

package actions

import (
	"context"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// refusing is a Service that refuses every change.
type refusing struct{ backend.Service }

func (refusing) Apply(context.Context, backend.ChangeSet) ([]backend.Outcome, error) {
	return nil, backend.Errorf(backend.CodeDenied, "refused")
}

// Terraform plans the configuration before a destroy, with the actions that its updates would invoke.
func TestErrorOfAnActionDoesNotStopADestroy(t *testing.T) {
	for _, destroys := range []bool{false, true} {
		s := session.New(refusing{}, "default", "")
		s.Destroys = destroys
		for name, a := range map[string]action.ActionWithModifyPlan{
			"rotate_secret": &rotateSecret{session: s}, "deploy_draft": &deployDraft{session: s},
		} {
			var described action.SchemaResponse
			a.Schema(t.Context(), action.SchemaRequest{}, &described)
			var resp action.ModifyPlanResponse
			a.ModifyPlan(t.Context(), action.ModifyPlanRequest{Config: named(described.Schema)}, &resp)
			if len(resp.Diagnostics) != 1 || resp.Diagnostics.HasError() == destroys {
				t.Errorf("%s, before a destroy %t: the plan reports %v", name, destroys, resp.Diagnostics)
			}
		}
	}
}

// named returns the arguments of an action that have a name alone.
func named(s schema.Schema) tfsdk.Config {
	object, _ := s.Type().TerraformType(context.Background()).(tftypes.Object)
	arguments := map[string]tftypes.Value{}
	for name, attribute := range object.AttributeTypes {
		arguments[name] = tftypes.NewValue(attribute, nil)
	}
	arguments["name"] = tftypes.NewValue(tftypes.String, "a")
	return tfsdk.Config{Schema: s, Raw: tftypes.NewValue(object, arguments)}
}
