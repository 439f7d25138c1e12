// SPDX-License-Identifier: MPL-2.0

// Command stub is a Terraform provider with the schemas of Pouncet that does nothing. It measures the time that
// Terraform itself takes.
package main

import (
	"context"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/resources"
)

func main() {
	newProvider := func() provider.Provider { return stub{} }
	options := providerserver.ServeOpts{Address: "registry.terraform.io/pouncet/pouncet"}
	err := providerserver.Serve(context.Background(), newProvider, options)
	if err != nil {
		log.Fatal(err)
	}
}

type stub struct{}

func (stub) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "pouncet"
}

func (stub) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse)          {}
func (stub) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}
func (stub) DataSources(context.Context) []func() datasource.DataSource                        { return nil }

func (stub) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		func() resource.Resource { return stubResource{resources.NewEnvironment(), "pouncet_environment"} },
		func() resource.Resource { return stubResource{resources.NewSecret(), "pouncet_secret"} },
	}
}

// stubResource has the schema of a resource and writes the planned values to the state.
type stubResource struct {
	resource.Resource
	name string
}

func (r stubResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = r.name
}

func (r stubResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	resp.State.Raw = req.Plan.Raw
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	computed := map[string]any{"id": id, "created_at": "2026-01-01T00:00:00Z", "project": "default"}
	if r.name == "pouncet_secret" {
		computed["environment_id"], computed["visibility"], computed["version"] = id, "masked", int64(1)
		computed["rotation_due_at"], computed["value_wo"] = types.StringNull(), types.StringNull()
	}
	for name, value := range computed {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
	nullIfUnknown := func(_ *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		if !v.IsKnown() {
			return tftypes.NewValue(v.Type(), nil), nil
		}
		return v, nil
	}
	known, err := tftypes.Transform(resp.State.Raw, nullIfUnknown)
	if err != nil {
		resp.Diagnostics.AddError("reading the plan", err.Error())
		return
	}
	resp.State.Raw = known // the other computed attributes are null
}

func (stubResource) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

func (stubResource) Update(_ context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	resp.State.Raw = req.Plan.Raw
}

func (stubResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}
