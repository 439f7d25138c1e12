// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// usages is the data source of the places in configuration files that are
// known to refer to entries.
type usages struct{ session *session.Session }

var _ datasource.DataSourceWithConfigure = (*usages)(nil)

// NewUsages makes the data source pouncet_usages.
func NewUsages() datasource.DataSource { return &usages{} }

// usageFields are those of one place.
var usageFields = []field{
	stringField("kind", "`secret` or `scoped_value`.", func(o backend.Object) string { return string(o.Usage.Kind) }),
	stringField("name", "Name that is referred to.", func(o backend.Object) string { return o.Usage.Name }),
	stringField("environment", "Environment that the file is rendered for.", func(o backend.Object) string { return o.Usage.Environment }),
	stringField("scope", "Scope that the file is rendered in.", func(o backend.Object) string { return o.Usage.Scope }),
	stringField("source", "Who registered it, such as a repository.", func(o backend.Object) string { return o.Source }),
	stringField("file", "Path of the file within the source.", func(o backend.Object) string { return o.Usage.File }),
	numberField("line", "Line in the file, from 1.", func(o backend.Object) int64 { return int64(o.Usage.Line) }),
	numberField("column", "Column in the line, from 1.", func(o backend.Object) int64 { return int64(o.Usage.Column) }),
}

func (*usages) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "pouncet_usages"
}

func (d *usages) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (*usages) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	one := map[string]schema.Attribute{}
	for _, f := range usageFields {
		one[f.name] = f.attribute()
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The places in configuration files that are known to refer to secrets and scoped values, as `pouncet check --register` has told the backend. " +
			"A plan that removes an entry which one of them leads to fails, and names the place.",
		Attributes: map[string]schema.Attribute{
			"project":     schema.StringAttribute{Optional: true, MarkdownDescription: "Name of the project. Default: the provider's."},
			"environment": schema.StringAttribute{Optional: true, MarkdownDescription: "Only those of this environment."},
			"name":        schema.StringAttribute{Optional: true, MarkdownDescription: "Only references to this name."},
			"source":      schema.StringAttribute{Optional: true, MarkdownDescription: "Only what this source has registered."},
			"usages": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "The places.", NestedObject: schema.NestedAttributeObject{Attributes: one},
			},
		},
	}
}

func (d *usages) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	resp.State.Raw = req.Config.Raw // the filters, as they are
	get := func(name string) string {
		var v types.String
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(name), &v)...)
		return v.ValueString()
	}
	q := backend.Query{Kind: backend.KindUsage, Project: d.session.ProjectOr(get("project")), Environment: get("environment"), Name: get("name"), Type: get("source")}
	if resp.Diagnostics.HasError() {
		return
	}
	objects, err := queryAll(ctx, d.session.Service, q)
	if err != nil {
		session.Report(&resp.Diagnostics, "Listing usages", err, session.Paths{"project": path.Root("project"), "environment": path.Root("environment")})
		return
	}
	kind := types.ObjectType{AttrTypes: map[string]attr.Type{}}
	for _, f := range usageFields {
		kind.AttrTypes[f.name] = f.kind
	}
	found := make([]attr.Value, len(objects))
	for i, o := range objects {
		values := map[string]attr.Value{}
		for _, f := range usageFields {
			values[f.name] = f.value(o)
		}
		found[i] = types.ObjectValueMust(kind.AttrTypes, values)
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("usages"), types.ListValueMust(kind, found))...)
}
