// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// list is a data source of all objects of a kind that its filters leave: the
// same attributes as the source of one has, once for each.
type listSource struct {
	single  *objectSource
	plural  string // the attribute with the objects; behind "pouncet_", the data source's name
	session *session.Session
}

var _ datasource.DataSourceWithConfigure = (*listSource)(nil)

// NewProjects makes the data source pouncet_projects.
func NewProjects() datasource.DataSource {
	return &listSource{single: projectSource(), plural: "projects"}
}

// NewEnvironments makes the data source pouncet_environments.
func NewEnvironments() datasource.DataSource {
	return &listSource{single: environmentSource(), plural: "environments"}
}

// NewSecretTypes makes the data source pouncet_secret_types.
func NewSecretTypes() datasource.DataSource {
	return &listSource{single: secretTypeSource(), plural: "secret_types"}
}

// NewSecrets makes the data source pouncet_secrets.
func NewSecrets() datasource.DataSource {
	return &listSource{single: secretSource(), plural: "secrets"}
}

// NewScopedValues makes the data source pouncet_scoped_values.
func NewScopedValues() datasource.DataSource {
	return &listSource{single: scopedValueSource(), plural: "scoped_values"}
}

func (d *listSource) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "pouncet_" + d.plural
}

func (d *listSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.session = session.From(req.ProviderData, &resp.Diagnostics)
}

// nouns is what the list holds, in words.
func (d *listSource) nouns() string { return d.single.kind.String() + "s" }

func (d *listSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		d.plural: schema.ListNestedAttribute{
			Computed: true, MarkdownDescription: "The " + d.nouns() + ", ordered by " + d.single.key + ".",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{}},
		},
		"name_prefix": schema.StringAttribute{Optional: true, MarkdownDescription: "Only those whose " + d.single.key + " begins so."},
		"labels": schema.MapAttribute{
			Optional: true, ElementType: types.StringType, MarkdownDescription: "Only those that have all of these labels.",
		},
	}
	if d.single.kind != backend.KindProject {
		attributes["project"] = schema.StringAttribute{Optional: true, MarkdownDescription: "Name of the project. Default: the provider's."}
	}
	if d.single.placed {
		attributes["environment"] = schema.StringAttribute{Optional: true, MarkdownDescription: "Only those of exactly this environment, or, with `*`, only those that all environments share."}
		attributes["scope"] = schema.StringAttribute{Optional: true, MarkdownDescription: "Only those of exactly this scope: `project`, `app/<name>` or `pipeline/<name>`."}
	}
	if d.single.kind == backend.KindSecret {
		attributes["type"] = schema.StringAttribute{Optional: true, MarkdownDescription: "Only those of the secret type with this key."}
	}
	for _, f := range d.fields() {
		attributes[d.plural].(schema.ListNestedAttribute).NestedObject.Attributes[f.name] = f.attribute()
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "All " + d.nouns() + ", or those that the filters leave, however many there are. Metadata only.",
		Attributes:          attributes,
	}
}

// fields are those of one object, where it is included: as a source of one has
// them, for its arguments are results here.
func (d *listSource) fields() []field {
	fields := []field{stringField(d.single.key, "Its "+d.single.key+".", func(o backend.Object) string { return o.Name })}
	if d.single.kind != backend.KindProject {
		fields = append(fields, stringField("project", "Name of its project.", func(o backend.Object) string { return o.Project }))
	}
	if d.single.placed {
		fields = append(fields,
			stringField("environment", "Name of its environment, or `*`.", func(o backend.Object) string { return o.Environment }),
			stringField("scope", "`project`, `app/<name>` or `pipeline/<name>`.", func(o backend.Object) string { return o.Scope }))
	}
	return append(fields, d.single.fields...)
}

func (d *listSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	resp.State.Raw = req.Config.Raw // the filters, as they are
	get := func(name string, into any) {
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(name), into)...)
	}
	var project, environment, scope, typeKey, prefix types.String
	var labels map[string]string
	get("name_prefix", &prefix)
	get("labels", &labels)
	q := backend.Query{Kind: d.single.kind}
	if d.single.kind != backend.KindProject {
		get("project", &project)
		q.Project = d.session.ProjectOr(project.ValueString())
	}
	if d.single.placed {
		get("environment", &environment)
		get("scope", &scope)
		q.Environment, q.Scope = environment.ValueString(), scope.ValueString()
	}
	if d.single.kind == backend.KindSecret {
		get("type", &typeKey)
		q.Type = typeKey.ValueString()
	}
	if resp.Diagnostics.HasError() {
		return
	}
	objects, err := queryAll(ctx, d.session.Service, q)
	if err != nil {
		session.Report(&resp.Diagnostics, "Listing "+d.nouns(), err, session.Paths{
			"project": path.Root("project"), "environment": path.Root("environment"), "scope": path.Root("scope"), "type": path.Root("type"),
		})
		return
	}
	kind := types.ObjectType{AttrTypes: map[string]attr.Type{}}
	fields := d.fields()
	for _, f := range fields {
		kind.AttrTypes[f.name] = f.kind
	}
	found := []attr.Value{}
	for _, o := range objects {
		if !strings.HasPrefix(o.Name, prefix.ValueString()) || !matchesLabels(o, labels) {
			continue
		}
		values := make(map[string]attr.Value, len(fields))
		for _, f := range fields {
			values[f.name] = f.value(o)
		}
		found = append(found, types.ObjectValueMust(kind.AttrTypes, values))
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(d.plural), types.ListValueMust(kind, found))...)
}

func matchesLabels(o backend.Object, labels map[string]string) bool {
	for k, v := range labels {
		if has, ok := o.Labels[k]; !ok || has != v {
			return false
		}
	}
	return true
}

// queryAll reads a listing to its end.
func queryAll(ctx context.Context, s backend.Service, q backend.Query) ([]backend.Object, error) {
	var objects []backend.Object
	for {
		page, err := s.Query(ctx, q)
		if err != nil {
			return nil, err
		}
		objects = append(objects, page.Objects...)
		if page.Next == "" {
			return objects, nil
		}
		q.Cursor = page.Next
	}
}
