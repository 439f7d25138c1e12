// SPDX-License-Identifier: MPL-2.0

// Package datasources holds the provider's data sources: metadata only, of one
// object by its name, or of all that filters leave; and the check of
// configuration files against that metadata. A value leaves by an ephemeral
// resource, never by a data source, whose results are kept in the state.
package datasources

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// source is a data source: an object of one kind, looked up by the attributes
// that are asked for, shown in the attributes that it has.
type objectSource struct {
	kind        backend.Kind
	name        string // of the data source
	description string
	key         string // the attribute that names the object: "name", or "key" of a type
	placed      bool   // it has an environment and a scope
	fields      []field
	session     *session.Session
}

// field is one computed attribute.
type field struct {
	name        string
	description string
	kind        attr.Type
	value       func(o backend.Object) attr.Value
}

var _ datasource.DataSourceWithConfigure = (*objectSource)(nil)

func (d *objectSource) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = d.name
}

func (d *objectSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (d *objectSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		d.key: schema.StringAttribute{Required: true, MarkdownDescription: "The " + d.key + " of the " + d.kind.String() + "."},
	}
	if d.kind != backend.KindProject {
		attributes["project"] = schema.StringAttribute{Optional: true, Computed: true, MarkdownDescription: "Name of the project. Default: the provider's."}
	}
	if d.placed {
		attributes["environment"] = schema.StringAttribute{Required: true, MarkdownDescription: "Name of the environment, or `*` for the entry that all environments share. The entry of exactly this environment is looked up, not what a reference in it would find."}
		attributes["scope"] = schema.StringAttribute{Optional: true, Computed: true, MarkdownDescription: "`project`, `app/<name>` or `pipeline/<name>`. Default: `project`."}
	}
	for _, f := range d.fields {
		attributes[f.name] = f.attribute()
	}
	resp.Schema = schema.Schema{MarkdownDescription: d.description, Attributes: attributes}
}

// attribute is the field as schemas have it.
func (f field) attribute() schema.Attribute {
	switch t := f.kind.(type) {
	case types.MapType:
		return schema.MapAttribute{Computed: true, ElementType: t.ElemType, MarkdownDescription: f.description}
	case types.ObjectType:
		return schema.ObjectAttribute{Computed: true, AttributeTypes: t.AttrTypes, MarkdownDescription: f.description}
	}
	switch f.kind {
	case types.Int64Type:
		return schema.Int64Attribute{Computed: true, MarkdownDescription: f.description}
	case types.BoolType:
		return schema.BoolAttribute{Computed: true, MarkdownDescription: f.description}
	}
	return schema.StringAttribute{Computed: true, MarkdownDescription: f.description}
}

func (d *objectSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	get := func(name string) string {
		var v types.String
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(name), &v)...)
		return v.ValueString()
	}
	q := backend.Query{Kind: d.kind, Name: get(d.key)}
	if d.kind != backend.KindProject {
		q.Project = d.session.ProjectOr(get("project"))
	}
	if d.placed {
		q.Environment, q.Scope = get("environment"), get("scope")
		if q.Scope == "" {
			q.Scope = backend.ProjectScope
		}
	}
	if resp.Diagnostics.HasError() {
		return
	}
	page, err := d.session.Service.Query(ctx, q)
	if err == nil && len(page.Objects) == 0 {
		err = d.missing(ctx, q)
	}
	if err != nil {
		session.Report(&resp.Diagnostics, "Reading the "+d.kind.String(), err, session.Paths{
			"name": path.Root(d.key), "environment": path.Root("environment"), "project": path.Root("project"),
		})
		return
	}
	o := page.Objects[0]
	set := func(name string, value any) {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
	set(d.key, o.Name)
	if d.kind != backend.KindProject {
		set("project", o.Project)
	}
	if d.placed {
		set("environment", o.Environment)
		set("scope", o.Scope)
	}
	for _, f := range d.fields {
		set(f.name, f.value(o))
	}
}

// missing says where else there is an object of that name.
func (d *objectSource) missing(ctx context.Context, q backend.Query) error {
	e := backend.Errorf(backend.CodeNotFound, "%s %s does not exist", d.kind, backend.Quote(q.Name)).At("name")
	if !d.placed {
		return e
	}
	e.Message += " in environment " + backend.Quote(q.Environment) + " and scope " + backend.Quote(q.Scope)
	q.Environment, q.Scope = "", ""
	page, err := d.session.Service.Query(ctx, q)
	if err != nil || len(page.Objects) == 0 {
		return e
	}
	places := map[string]bool{}
	for _, o := range page.Objects {
		places[o.Environment+" ("+o.Scope+")"] = true
	}
	return e.WithHint("it exists in %s", strings.Join(slices.Sorted(maps.Keys(places)), ", "))
}

// The fields that every object has, and the ways to make others.

func common(own ...field) []field {
	return append([]field{
		stringField("id", "UUID of the object. It survives a rename.", func(o backend.Object) string { return o.ID }),
		stringField("description", "What it is for.", func(o backend.Object) string { return o.Description }),
		{"labels", "Labels.", types.MapType{ElemType: types.StringType}, func(o backend.Object) attr.Value {
			elements := make(map[string]attr.Value, len(o.Labels))
			for k, v := range o.Labels {
				elements[k] = types.StringValue(v)
			}
			return types.MapValueMust(types.StringType, elements)
		}},
		stringField("created_at", "When it was made (RFC 3339, UTC).", func(o backend.Object) string { return o.CreatedAt.Format(time.RFC3339) }),
	}, own...)
}

func stringField(name, description string, value func(o backend.Object) string) field {
	return field{name, description, types.StringType, func(o backend.Object) attr.Value {
		if s := value(o); s != "" {
			return types.StringValue(s)
		}
		return types.StringNull()
	}}
}

func numberField(name, description string, value func(o backend.Object) int64) field {
	return field{name, description, types.Int64Type, func(o backend.Object) attr.Value { return types.Int64Value(value(o)) }}
}

func boolField(name, description string, value func(o backend.Object) bool) field {
	return field{name, description, types.BoolType, func(o backend.Object) attr.Value { return types.BoolValue(value(o)) }}
}
