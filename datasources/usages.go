// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// usages is the data source of the registered usages of entries in configuration files.
type usages struct{ session *session.Session }

var _ datasource.DataSourceWithConfigure = (*usages)(nil)

// NewUsages returns the data source pouncet_usages.
func NewUsages() datasource.DataSource { return &usages{} }

var usageFields = []field{
	stringField("kind", "`secret` or `scoped_value`.", func(o backend.Object) string { return string(o.Usage.Kind) }),
	stringField("name", "Name that the file refers to.", func(o backend.Object) string { return o.Usage.Name }),
	stringField("environment", "Environment for which the file is rendered.",
		func(o backend.Object) string { return o.Usage.Environment }),
	stringField("scope", "Scope in which the file is "+
		"rendered.", func(o backend.Object) string { return o.Usage.Scope }),
	stringField("source", "Source that registered the usage, for example a repository.",
		func(o backend.Object) string { return o.Source }),
	stringField("file", "Path of the file in the source.", func(o backend.Object) string { return o.Usage.File }),
	numberField("line", "Line in the file, starting at "+
		"1.", func(o backend.Object) int64 { return int64(o.Usage.Line) }),
	numberField("column", "Column in the line, starting at 1.",
		func(o backend.Object) int64 { return int64(o.Usage.Column) }),
}

func (*usages) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "pouncet_usages"
}

func (d *usages) Configure(
	_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse,
) {
	d.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (*usages) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	filter := func(description string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, MarkdownDescription: description}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the positions in configuration files that refer to secrets and scoped values. " +
			"`pouncet check --register` registers them. A plan that deletes an entry fails if a registered reference " +
			"resolves to it, and the error names the position.",
		Attributes: map[string]schema.Attribute{
			"project":     filter("Name of the project. Defaults to the project of the provider."),
			"environment": filter("Returns only usages in this environment."),
			"name":        filter("Returns only references to this name."),
			"source":      filter("Returns only usages that this source registered."),
			"usages": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "Matching usages.",
				NestedObject: schema.NestedAttributeObject{Attributes: fieldAttributes(usageFields)},
			},
		},
	}
}

func (d *usages) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	defer beforeDestroy(ctx, d.session, req, resp)
	resp.State.Raw = req.Config.Raw // the filters stay as configured
	argument := func(name string) string {
		var v types.String
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(name), &v)...)
		return v.ValueString()
	}
	q := backend.Query{
		Kind: backend.KindUsage, Project: d.session.ProjectOr(argument("project")),
		Environment: argument("environment"), Name: argument("name"), Type: argument("source"),
	}
	if resp.Diagnostics.HasError() {
		return
	}
	objects, err := backend.ListAll(ctx, d.session.Service, q)
	if err != nil {
		session.Report(&resp.Diagnostics, "Listing usages", err, session.RootPaths("project", "environment"))
		return
	}
	slices.SortFunc(objects, backend.CompareUsages)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("usages"), objectValues(usageFields, objects))...)
}
