// SPDX-License-Identifier: MPL-2.0

// Package lists holds the provider's list resources, which `terraform query` (Terraform 1.14 or later) uses to list
// objects of the backend and to generate import blocks and configuration for them.
//
// A list resource returns metadata only, in the form of the resource that manages the object.
package lists

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
	"github.com/pouncet/terraform-provider-pouncet/resources"
)

// objectList lists the objects of a kind.
type objectList struct {
	kind     backend.Kind
	name     string
	resource describer
	session  *session.Session
}

// describer is a resource that can represent an object of the backend.
type describer interface {
	Describe(ctx context.Context, o backend.Object, into *tfsdk.Resource, diags *diag.Diagnostics)
}

var _ list.ListResourceWithConfigure = (*objectList)(nil)

// New returns constructors of all list resources.
func New() []func() list.ListResource {
	of := func(kind backend.Kind, name string, r resource.Resource) func() list.ListResource {
		return func() list.ListResource { return &objectList{kind: kind, name: name, resource: r.(describer)} }
	}
	return []func() list.ListResource{
		of(backend.KindProject, "pouncet_project", resources.NewProject()),
		of(backend.KindEnvironment, "pouncet_environment", resources.NewEnvironment()),
		of(backend.KindSecretType, "pouncet_secret_type", resources.NewSecretType()),
		of(backend.KindSecret, "pouncet_secret", resources.NewSecret()),
		of(backend.KindScopedValue, "pouncet_scoped_value", resources.NewScopedValue()),
	}
}

func (l *objectList) Metadata(
	_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse,
) {
	resp.TypeName = l.name
}

func (l *objectList) Configure(
	_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse,
) {
	l.session = session.From(req.ProviderData, &resp.Diagnostics)
}

// isEntry reports whether the objects are in an environment and a scope.
func (l *objectList) isEntry() bool {
	return l.kind == backend.KindSecret || l.kind == backend.KindScopedValue
}

func (l *objectList) ListResourceConfigSchema(
	_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse,
) {
	filter := func(description string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, MarkdownDescription: description}
	}
	nouns := l.kind.Plural()
	key := "name"
	if l.kind == backend.KindSecretType {
		key = "key"
	}
	attributes := map[string]schema.Attribute{
		"name_prefix": filter("Lists only " + nouns + " whose " + key + " starts with this text."),
	}
	if l.kind != backend.KindProject {
		attributes["project"] = filter("Name of the project. Defaults to the project of the provider.")
	}
	if l.isEntry() {
		attributes["environment"] = filter("Lists only " + nouns + " of exactly this environment. With `*`, lists " +
			"only those that all environments share.")
		attributes["scope"] = filter("Lists only " + nouns + " of exactly this scope: `project`, `app/<name>` or " +
			"`pipeline/<name>`.")
	}
	if l.kind == backend.KindSecret {
		attributes["type"] = filter("Lists only secrets of the secret type with this key.")
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists all " + nouns + ", or those that match the filters, for `terraform query`. " +
			"Requires Terraform 1.14 or later.",
		Attributes: attributes,
	}
}

// List streams the objects that match the filters. It does not list built-in secret types, which cannot be managed.
func (l *objectList) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	q, prefix, diags := l.filters(ctx, req.Config)
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	stream.Results = func(push func(list.ListResult) bool) {
		remaining := req.Limit
		for o, err := range backend.List(ctx, l.session.Service, q) {
			switch {
			case err != nil:
				var diags diag.Diagnostics
				session.Report(&diags, "Listing "+l.kind.Plural(), err,
					session.RootPaths("project", "environment", "scope", "type"))
				push(list.ListResult{Diagnostics: diags})
				return
			case o.BuiltIn || !strings.HasPrefix(o.Name, prefix):
				continue
			}
			if !push(l.result(ctx, req, o)) {
				return
			}
			if remaining--; remaining == 0 {
				return
			}
		}
	}
}

// filters returns the query for the filters that the backend applies, and the prefix of names.
func (l *objectList) filters(
	ctx context.Context, config tfsdk.Config,
) (q backend.Query, prefix string, diags diag.Diagnostics) {
	argument := func(name string) string {
		var v types.String
		diags.Append(config.GetAttribute(ctx, path.Root(name), &v)...)
		return v.ValueString()
	}
	q.Kind, prefix = l.kind, argument("name_prefix")
	if l.kind != backend.KindProject {
		q.Project = l.session.ProjectOr(argument("project"))
	}
	if l.isEntry() {
		q.Environment, q.Scope = argument("environment"), argument("scope")
	}
	if l.kind == backend.KindSecret {
		q.Type = argument("type")
	}
	return q, prefix, diags
}

func (l *objectList) result(ctx context.Context, req list.ListRequest, o backend.Object) list.ListResult {
	r := req.NewListResult(ctx)
	r.DisplayName = displayName(o)
	r.Diagnostics.Append(r.Identity.SetAttribute(ctx, path.Root("id"), o.ID)...)
	if req.IncludeResource {
		l.resource.Describe(ctx, o, r.Resource, &r.Diagnostics)
	}
	return r
}

// displayName returns the import id of an object.
func displayName(o backend.Object) string {
	scope := o.Scope
	if scope == backend.ProjectScope {
		scope = ""
	}
	var parts []string
	for _, p := range []string{o.Project, o.Environment, scope, o.Name} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, "/")
}
