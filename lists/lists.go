// SPDX-License-Identifier: MPL-2.0

// Package lists holds the provider's list resources, which `terraform query` (Terraform 1.14 or later) uses to list
// objects of the backend and to generate import blocks and configuration for them.
//
// A list resource returns metadata only, in the form of the resource that manages the object.
package lists

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/filter"
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
		of(backend.KindRole, "pouncet_role", resources.NewRole()),
		of(backend.KindGroup, "pouncet_group", resources.NewGroup()),
		of(backend.KindBinding, "pouncet_role_binding", resources.NewRoleBinding()),
		of(backend.KindTrust, "pouncet_oidc_trust", resources.NewOIDCTrust()),
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
	text := func(description string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, MarkdownDescription: description}
	}
	nouns := l.kind.Plural()
	key := "name"
	if l.kind == backend.KindSecretType {
		key = "key"
	}
	attributes := map[string]schema.Attribute{
		"name_prefix": text("Lists only " + nouns + " whose " + key + " starts with this text."),
	}
	if l.kind.InProject() {
		attributes["project"] = text("Name of the project. Defaults to the project of the provider.")
	}
	if l.isEntry() {
		attributes["environment"] = text("Lists only " + nouns + " of exactly this environment. With `*`, lists " +
			"only those that all environments share.")
		attributes["scope"] = text("Lists only " + nouns + " of exactly this scope: `project`, `app/<name>` or " +
			"`pipeline/<name>`.")
	}
	if l.kind == backend.KindSecret {
		attributes["type"] = text("Lists only secrets of the secret type with this key.")
		days := func(description string) schema.Int64Attribute {
			return schema.Int64Attribute{
				Optional: true, MarkdownDescription: "Lists only " + description,
				Validators: []validator.Int64{int64validator.Between(0, filter.MaxDays)},
			}
		}
		attributes[filter.RotationDue], attributes[filter.Expiring] = days(filter.RotationDueDoc), days(filter.ExpiringDoc)
		attributes[filter.Unused] = days(filter.UnusedDoc)
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists all " + nouns + ", or those that match the filters, for `terraform query`. " +
			"Requires Terraform 1.14 or later.",
		Attributes: attributes,
	}
}

// List streams the objects that match the filters. It does not list built-in secret types, which cannot be managed.
//
// The last result of a list that the limit cuts has a warning. It cannot be a result without an object, because
// Terraform reads no further result after the limit.
func (l *objectList) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var diags diag.Diagnostics
	q, matches := filter.Read(ctx, req.Config, l.kind, l.session, &diags)
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	stream.Results = func(push func(list.ListResult) bool) {
		var last *backend.Object // pushed when it is known whether another one follows
		remaining := req.Limit
		for o, err := range backend.List(ctx, l.session.Service, q) {
			switch {
			case err != nil:
				var diags diag.Diagnostics
				session.Report(&diags, "Listing "+l.kind.Plural(), err, filter.Paths)
				push(list.ListResult{Diagnostics: diags})
				return
			case o.BuiltIn || !matches(o):
				continue
			case last != nil && remaining == 1:
				result := l.result(ctx, req, *last)
				result.Diagnostics.AddWarning("The list is not complete", fmt.Sprintf(
					"More %s match the filters than the limit of %d allows.\n\nRaise limit, or narrow the filters.",
					l.kind.Plural(), req.Limit))
				push(result)
				return
			case last != nil:
				remaining--
				if !push(l.result(ctx, req, *last)) {
					return
				}
			}
			last = &o
		}
		if last != nil {
			push(l.result(ctx, req, *last))
		}
	}
}

func (l *objectList) result(ctx context.Context, req list.ListRequest, o backend.Object) list.ListResult {
	r := req.NewListResult(ctx)
	r.DisplayName = displayName(o)
	if err := l.session.CheckExists(o); err != nil {
		session.Report(&r.Diagnostics, "Listing "+l.kind.Plural(), err, nil)
		return r
	}
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
