// SPDX-License-Identifier: MPL-2.0

// Command stub is a Terraform provider with the schemas of Pouncet's, behind
// which there is nothing: what Terraform takes with it is what Terraform takes.
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

	"github.com/pouncet/terraform-provider-pouncet/resources"
)

func main() {
	err := providerserver.Serve(context.Background(), func() provider.Provider { return stub{} }, providerserver.ServeOpts{
		Address: "registry.terraform.io/pouncet/pouncet",
	})
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
		func() resource.Resource { return idle{resources.NewEnvironment(), "pouncet_environment"} },
		func() resource.Resource { return idle{resources.NewSecret(), "pouncet_secret"} },
	}
}

// idle has the schema of a resource, and does as it is told without doing it.
type idle struct {
	resource.Resource
	name string
}

func (i idle) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = i.name
}

func (i idle) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	resp.State.Raw = req.Plan.Raw
	computed := map[string]any{"id": "01890a5d-ac96-774b-bcce-b302099a8057", "created_at": "2026-01-01T00:00:00Z", "project": "default"}
	if i.name == "pouncet_secret" {
		computed["environment_id"], computed["visibility"], computed["version"] = "01890a5d-ac96-774b-bcce-b302099a8057", "masked", int64(1)
		computed["rotation_due_at"], computed["value_wo"] = types.StringNull(), types.StringNull()
	}
	for name, value := range computed {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
}

func (idle) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

func (idle) Update(_ context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	resp.State.Raw = req.Plan.Raw
}

func (idle) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}
