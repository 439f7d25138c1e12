// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// versions is the data source of the versions of one secret.
type versions struct{ session *session.Session }

var _ datasource.DataSourceWithConfigure = (*versions)(nil)

// NewSecretVersions returns the data source pouncet_secret_versions.
func NewSecretVersions() datasource.DataSource { return &versions{} }

var versionFields = []field{
	numberField("version", "Number of the version.", func(o backend.Object) int64 { return o.Version }),
	timeField("created_at", "Time at which the version was written (RFC 3339, UTC).",
		func(o backend.Object) time.Time { return o.CreatedAt }),
	stringField("created_by", "Name of the principal that wrote it.",
		func(o backend.Object) string { return o.CreatedBy }),
	stringField("client", "Program that wrote it.", func(o backend.Object) string { return o.Client }),
	stringField("type", "Key of the secret type that the value was checked against.",
		func(o backend.Object) string { return o.Type }),
	stringField("note", "Why the value was written.", func(o backend.Object) string { return o.Note }),
	{
		"tags", "Tags that name the version.", types.ListType{ElemType: types.StringType},
		func(o backend.Object) attr.Value {
			tags := []attr.Value{}
			for _, tag := range slices.Sorted(maps.Keys(o.Tags)) {
				tags = append(tags, types.StringValue(tag))
			}
			return types.ListValueMust(types.StringType, tags)
		},
	},
}

func (*versions) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "pouncet_secret_versions"
}

func (d *versions) Configure(
	_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse,
) {
	d.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (*versions) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the versions of one secret, newest first, without values. The version that a tag " +
			"names can be used by an ephemeral resource: `at_version` takes its number.",
		Attributes: map[string]schema.Attribute{
			"project": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Name of the project. Defaults to the project of the provider.",
			},
			"environment": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name of the environment, or `*` for the secret that all environments share.",
			},
			"scope": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Scope of the secret: `project`, `app/<name>` or `pipeline/<name>`. Defaults to " +
					"`project`.",
			},
			"name": schema.StringAttribute{Required: true, MarkdownDescription: "Name of the secret."},
			"limit": schema.Int64Attribute{
				Optional:            true,
				MarkdownDescription: "Returns only the newest versions, at most this number. Without it, returns all.",
			},
			"versions": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "Versions, newest first.",
				NestedObject: schema.NestedAttributeObject{Attributes: fieldAttributes(versionFields)},
			},
		},
	}
}

func (d *versions) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	defer beforeDestroy(ctx, d.session, req, resp)
	resp.State.Raw = req.Config.Raw // the arguments stay as configured
	argument := func(name string) string {
		var v types.String
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(name), &v)...)
		return v.ValueString()
	}
	q := backend.Query{
		Kind: backend.KindVersion, Project: d.session.ProjectOr(argument("project")),
		Environment: argument("environment"), Scope: cmp.Or(argument("scope"), backend.ProjectScope), Name: argument("name"),
	}
	var most types.Int64
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("limit"), &most)...)
	if n := most.ValueInt64(); !most.IsNull() && n < 1 {
		resp.Diagnostics.AddAttributeError(path.Root("limit"), "Listing versions: limit must be at least 1",
			"Leave it out to list all versions.")
	}
	if resp.Diagnostics.HasError() {
		return
	}
	q.Limit = int(min(most.ValueInt64(), backend.MaxPage))
	objects := []backend.Object{}
	for o, err := range backend.List(ctx, d.session.Service, q) {
		if err != nil {
			session.Report(&resp.Diagnostics, "Listing versions", err,
				session.RootPaths("project", "environment", "scope", "name"))
			return
		}
		if objects = append(objects, o); int64(len(objects)) == most.ValueInt64() {
			break
		}
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("versions"), objectValues(versionFields, objects))...)
}
