// SPDX-License-Identifier: MPL-2.0

// Package datasources holds the provider's data sources: the metadata of one object by its name, the metadata of all
// objects that match filters, and the check of configuration files against that metadata.
//
// A data source never returns a secret value, because Terraform stores its results in the state. Values leave through
// ephemeral resources.
package datasources

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// objectSource is a data source of one object, which the configuration identifies by its place.
type objectSource struct {
	kind        backend.Kind
	name        string // of the data source
	description string
	key         string // the attribute with the object's name: "name", or "key" of a secret type
	isEntry     bool   // the object is in an environment and a scope
	fields      []field
	session     *session.Session
}

var _ datasource.DataSourceWithConfigure = (*objectSource)(nil)

func (d *objectSource) Metadata(
	_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse,
) {
	resp.TypeName = d.name
}

func (d *objectSource) Configure(
	_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse,
) {
	d.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (d *objectSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := fieldAttributes(d.fields)
	attributes[d.key] = schema.StringAttribute{
		Required:            true,
		MarkdownDescription: strings.ToUpper(d.key[:1]) + d.key[1:] + " of the " + d.kind.String() + ".",
	}
	if d.kind.InProject() {
		attributes["project"] = schema.StringAttribute{
			Optional: true, Computed: true,
			MarkdownDescription: "Name of the project. Defaults to the project of the provider.",
		}
	}
	if d.isEntry {
		attributes["environment"] = schema.StringAttribute{
			Required: true,
			MarkdownDescription: "Name of the environment, or `*` for the entry that all environments share. The " +
				"data source reads the entry of exactly this environment and scope. It does not apply the lookup " +
				"order.",
		}
		attributes["scope"] = schema.StringAttribute{
			Optional: true, Computed: true,
			MarkdownDescription: "Scope of the entry: `project`, `app/<name>` or `pipeline/<name>`. Defaults to " +
				"`project`.",
		}
	}
	resp.Schema = schema.Schema{MarkdownDescription: d.description, Attributes: attributes}
}

func (d *objectSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	defer beforeDestroy(ctx, d.session, req, resp)
	argument := func(name string) string {
		var v types.String
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(name), &v)...)
		return v.ValueString()
	}
	q := backend.Query{Kind: d.kind, Name: argument(d.key)}
	if d.kind.InProject() {
		q.Project = d.session.ProjectOr(argument("project"))
	}
	if d.isEntry {
		q.Environment, q.Scope = argument("environment"), argument("scope")
		if q.Scope == "" {
			q.Scope = backend.ProjectScope
		}
	}
	if resp.Diagnostics.HasError() {
		return
	}
	o, err := d.object(ctx, q)
	if err == nil {
		err = d.session.CheckExists(o)
	}
	if err != nil {
		paths := session.RootPaths("environment", "project", "scope")
		paths["name"] = path.Root(d.key)
		session.Report(&resp.Diagnostics, "Reading the "+d.kind.String(), err, paths)
		return
	}
	set := func(name string, value any) {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
	set(d.key, o.Name)
	if d.kind.InProject() {
		set("project", o.Project)
	}
	if d.isEntry {
		set("environment", o.Environment)
		set("scope", o.Scope)
	}
	for _, f := range d.fields {
		set(f.name, f.value(o))
	}
}

// object returns the only object that a query selects.
func (d *objectSource) object(ctx context.Context, q backend.Query) (backend.Object, error) {
	if d.isEntry {
		if err := backend.CheckScope(q.Scope); err != nil {
			return backend.Object{}, err
		}
	}
	page, err := d.session.Service.Query(ctx, q)
	switch {
	case err != nil:
		return backend.Object{}, err
	case len(page.Objects) == 0:
		return backend.Object{}, d.notFound(ctx, q)
	case len(page.Objects) > 1:
		ids := make([]string, len(page.Objects))
		for i, o := range page.Objects {
			ids[i] = o.ID
		}
		return backend.Object{}, backend.Errorf(backend.CodeConflict, "%s %s exists %d times: %s", d.kind,
			backend.Quote(q.Name), len(ids), backend.Enumerate(ids)).At("name")
	}
	return page.Objects[0], nil
}

// notFound returns the error of an object that does not exist. The hint names the environments and scopes that have an
// entry of this name.
func (d *objectSource) notFound(ctx context.Context, q backend.Query) error {
	e := backend.Errorf(backend.CodeNotFound, "%s %s does not exist", d.kind, backend.Quote(q.Name)).At("name")
	if !d.isEntry {
		return e
	}
	e.Message += " in environment " + backend.Quote(q.Environment) + " and scope " + backend.Quote(q.Scope)
	q.Environment, q.Scope = "", ""
	page, err := d.session.Service.Query(ctx, q)
	if err != nil || len(page.Objects) == 0 {
		return e
	}
	existsIn := map[string]bool{}
	for _, o := range page.Objects {
		existsIn[o.Environment+" ("+o.Scope+")"] = true
	}
	return e.WithHint("%s", suggest.MissingHint(slices.Sorted(maps.Keys(existsIn)), "", ""))
}
