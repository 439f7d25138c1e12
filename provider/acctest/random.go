// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"context"
	"crypto/rand"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// random is a provider with one ephemeral resource, random_value, whose result differs every time that it is opened.
type random struct{}

func (random) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "random"
}

func (random) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}

func (random) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

func (random) DataSources(context.Context) []func() datasource.DataSource { return nil }

func (random) Resources(context.Context) []func() resource.Resource { return nil }

func (random) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{func() ephemeral.EphemeralResource { return randomValue{} }}
}

type randomValue struct{}

func (randomValue) Metadata(_ context.Context, _ ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = "random_value"
}

func (randomValue) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	result := schema.StringAttribute{Computed: true}
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{"result": result}}
}

func (randomValue) Open(ctx context.Context, _ ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	resp.Diagnostics.Append(resp.Result.SetAttribute(ctx, path.Root("result"), rand.Text())...)
}
