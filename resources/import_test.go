// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// Empty never means any: the backend has one object of each kind, which an empty part would match.
func TestImportIDsWithEmptyPartsAreRejected(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("prod", "only_prod", "CANARY")
	b.Apply(
		backend.Change{
			Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "dev", Name: "v",
			Link: &backend.Link{Secret: "only_prod"},
		},
		backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "shop"},
		backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: "shop", Name: "lonely"},
	)
	p := acctest.NewProcess(t, map[string]string{"path": b.Path})
	for _, c := range []struct{ resource, id, want string }{
		{"pouncet_project", "", "The import id is empty."},
		{"pouncet_environment", "", "The import id is empty."},
		{"pouncet_environment", "shop/", `The name in the import id "shop/" is empty.`},
		{"pouncet_environment", "/lonely", `The project in the import id "/lonely" is empty.`},
		{"pouncet_secret_type", "", "The import id is empty."},
		{"pouncet_secret_type", "shop/", `The name in the import id "shop/" is empty.`},
		{"pouncet_secret", "", "The import id is empty."},
		{"pouncet_secret", "/only_prod", `The environment in the import id "/only_prod" is empty.`},
		{"pouncet_secret", "prod/", `The name in the import id "prod/" is empty.`},
		{"pouncet_secret", "default//only_prod", `The environment in the import id "default//only_prod" is empty.`},
		{"pouncet_secret", "/prod/only_prod", `The project in the import id "/prod/only_prod" is empty.`},
		{"pouncet_secret", "prod/app//only_prod", `Scope "app/" is not valid.`},
		{"pouncet_secret", "only_prod", `"only_prod" is not a valid import id.`},
		{"pouncet_secret", "prod/nothing", `Secret "prod/nothing" does not exist.`},
		{
			"pouncet_secret", "dev/app/web",
			"Project \"dev\" does not exist.\n\nIf you mean a scope, the import id has the form dev/app/web/NAME.",
		},
		{
			"pouncet_scoped_value", "pipeline/daily/v",
			"Project \"pipeline\" does not exist.\n\nIf you mean a scope, the import id has the form " +
				"ENVIRONMENT/pipeline/daily/v.",
		},
		{
			"pouncet_secret", "app/web",
			"Environment \"app\" does not exist in project \"default\".\n\nIf you mean a scope, the import id has the form " +
				"ENVIRONMENT/app/web/NAME.",
		},
		{"pouncet_scoped_value", "/v", `The environment in the import id "/v" is empty.`},
	} {
		resp, err := p.Server.ImportResourceState(context.Background(),
			&tfprotov6.ImportResourceStateRequest{TypeName: c.resource, ID: c.id})
		if err != nil {
			t.Fatal(err)
		}
		if len(resp.Diagnostics) != 1 || !strings.HasPrefix(resp.Diagnostics[0].Detail, c.want) {
			t.Errorf("%s with import id %q: %v, want %q", c.resource, c.id, resp.Diagnostics, c.want)
		}
	}
}

func TestIdentitiesWithoutAnIDAreRejected(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("prod", "only_prod", "CANARY")
	p := acctest.NewProcess(t, map[string]string{"path": b.Path})
	identityType := tftypes.Object{AttributeTypes: map[string]tftypes.Type{"id": tftypes.String}}
	for name, id := range map[string]any{"null": nil, "empty": "", "a name": "only_prod"} {
		identity, err := tfprotov6.NewDynamicValue(identityType, tftypes.NewValue(identityType,
			map[string]tftypes.Value{"id": tftypes.NewValue(tftypes.String, id)}))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := p.Server.ImportResourceState(context.Background(), &tfprotov6.ImportResourceStateRequest{
			TypeName: "pouncet_secret", Identity: &tfprotov6.ResourceIdentityData{IdentityData: &identity},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(resp.Diagnostics) != 1 || !strings.HasPrefix(resp.Diagnostics[0].Detail, "The id of the identity is") {
			t.Errorf("an identity whose id is %s: %v", name, resp.Diagnostics)
		}
	}
}
