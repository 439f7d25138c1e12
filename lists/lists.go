// SPDX-License-Identifier: MPL-2.0

// Package lists holds the provider's list resources: what `terraform query`
// (Terraform 1.14 or later) finds in the backend, to be taken under Terraform's
// management. Metadata only, as everywhere.
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

// objects lists the objects of a kind as the resource that manages them.
type objects struct {
	kind     backend.Kind
	name     string
	resource describer
	session  *session.Session
}

// describer is a resource that can say what one of its instances would look like.
type describer interface {
	Describe(ctx context.Context, o backend.Object, into *tfsdk.Resource, diags *diag.Diagnostics)
}

var _ list.ListResourceWithConfigure = (*objects)(nil)

// New makes all list resources.
func New() []func() list.ListResource {
	of := func(kind backend.Kind, name string, r resource.Resource) func() list.ListResource {
		return func() list.ListResource { return &objects{kind: kind, name: name, resource: r.(describer)} }
	}
	return []func() list.ListResource{
		of(backend.KindProject, "pouncet_project", resources.NewProject()),
		of(backend.KindEnvironment, "pouncet_environment", resources.NewEnvironment()),
		of(backend.KindSecretType, "pouncet_secret_type", resources.NewSecretType()),
		of(backend.KindSecret, "pouncet_secret", resources.NewSecret()),
		of(backend.KindScopedValue, "pouncet_scoped_value", resources.NewScopedValue()),
	}
}

// Metadata implements list.ListResource.
func (l *objects) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = l.name
}

// Configure implements list.ListResourceWithConfigure.
func (l *objects) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	l.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (l *objects) placed() bool {
	return l.kind == backend.KindSecret || l.kind == backend.KindScopedValue
}

// ListResourceConfigSchema implements list.ListResource.
func (l *objects) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	filter := func(what string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, MarkdownDescription: what}
	}
	attributes := map[string]schema.Attribute{"name_prefix": filter("Only those whose name begins so.")}
	if l.kind != backend.KindProject {
		attributes["project"] = filter("Name of the project. Default: the provider's.")
	}
	if l.placed() {
		attributes["environment"] = filter("Only those of exactly this environment, or, with `*`, only those that all environments share.")
		attributes["scope"] = filter("Only those of exactly this scope: `project`, `app/<name>` or `pipeline/<name>`.")
	}
	if l.kind == backend.KindSecret {
		attributes["type"] = filter("Only those of the secret type with this key.")
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Finds every " + l.kind.String() + " that the filters leave, for `terraform query` and its generated configuration. Terraform 1.14 or later.",
		Attributes:          attributes,
	}
}

// List implements list.ListResource.
func (l *objects) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	q, prefix, diags := l.query(ctx, req.Config)
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	stream.Results = func(push func(list.ListResult) bool) {
		left := req.Limit
		for {
			page, err := l.session.Service.Query(ctx, q)
			if err != nil {
				var diags diag.Diagnostics
				session.Report(&diags, "Listing every "+l.kind.String(), err, session.Paths{
					"project": path.Root("project"), "environment": path.Root("environment"), "scope": path.Root("scope"), "type": path.Root("type"),
				})
				push(list.ListResult{Diagnostics: diags})
				return
			}
			for _, o := range page.Objects {
				if o.BuiltIn || !strings.HasPrefix(o.Name, prefix) {
					continue
				}
				if !push(l.result(ctx, req, o)) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				return
			}
		}
	}
}

func (l *objects) query(ctx context.Context, config tfsdk.Config) (q backend.Query, prefix string, diags diag.Diagnostics) {
	get := func(name string) string {
		var v types.String
		diags.Append(config.GetAttribute(ctx, path.Root(name), &v)...)
		return v.ValueString()
	}
	q.Kind, prefix = l.kind, get("name_prefix")
	if l.kind != backend.KindProject {
		q.Project = l.session.ProjectOr(get("project"))
	}
	if l.placed() {
		q.Environment, q.Scope = get("environment"), get("scope")
	}
	if l.kind == backend.KindSecret {
		q.Type = get("type")
	}
	return q, prefix, diags
}

func (l *objects) result(ctx context.Context, req list.ListRequest, o backend.Object) list.ListResult {
	r := req.NewListResult(ctx)
	r.DisplayName = displayName(o)
	r.Diagnostics.Append(r.Identity.SetAttribute(ctx, path.Root("id"), o.ID)...)
	if req.IncludeResource {
		l.resource.Describe(ctx, o, r.Resource, &r.Diagnostics)
	}
	return r
}

// displayName is as the object is named for import.
func displayName(o backend.Object) string {
	parts := []string{o.Project, o.Environment, o.Scope, o.Name}
	if o.Scope == backend.ProjectScope {
		parts[2] = ""
	}
	var named []string
	for _, p := range parts {
		if p != "" {
			named = append(named, p)
		}
	}
	return strings.Join(named, "/")
}
