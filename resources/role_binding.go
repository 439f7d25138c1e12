// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

type roleBinding struct {
	managedResource[roleBindingModel, *roleBindingModel]
}

var (
	_ resource.ResourceWithConfigure   = (*roleBinding)(nil)
	_ resource.ResourceWithImportState = (*roleBinding)(nil)
	_ resource.ResourceWithIdentity    = (*roleBinding)(nil)
	_ resource.ResourceWithModifyPlan  = (*roleBinding)(nil)
)

// NewRoleBinding returns the resource pouncet_role_binding.
func NewRoleBinding() resource.Resource {
	r := &roleBinding{managedResource: newManaged[roleBindingModel]()}
	r.kind = backend.KindBinding
	r.fixed = []string{"role", "to", "project", "environment", "scope", "names"}
	r.schemaNames = map[string]string{"grant": "role", "environment": "environment"}
	for _, name := range r.fixed {
		r.schemaNames["grant."+name] = name
	}
	return r
}

type roleBindingModel struct {
	ID          types.String   `tfsdk:"id"`
	Name        types.String   `tfsdk:"name"`
	Role        types.String   `tfsdk:"role"`
	To          types.String   `tfsdk:"to"`
	Project     types.String   `tfsdk:"project"`
	Environment types.String   `tfsdk:"environment"`
	Scope       types.String   `tfsdk:"scope"`
	Names       types.String   `tfsdk:"names"`
	Description types.String   `tfsdk:"description"`
	Labels      types.Map      `tfsdk:"labels"`
	CreatedAt   types.String   `tfsdk:"created_at"`
	ManagedBy   types.String   `tfsdk:"managed_by"`
	Timeouts    timeouts.Value `tfsdk:"timeouts"`
}

func (*roleBinding) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "pouncet_role_binding"
}

// replaces says in the documentation what another value of an argument does.
const replaces = " Changing it forces a new resource. A new name of the same object does not."

func (*roleBinding) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages a binding: it gives a role to a token, group or trust at some places. A token " +
			"needs the role `none` to have bindings, and may do nothing without one. Rights only add up.\n\n" +
			"A binding without `project` holds in all projects. A protected environment must be named: a binding without " +
			"`environment` leaves it out. The token of the provider needs `bind` and each right of the role at all places " +
			"of the binding. A binding that is replaced gives nothing between its deletion and its creation; with " +
			"`create_before_destroy`, there is no such time.",
		Attributes: map[string]schema.Attribute{
			"id":   idAttribute(),
			"name": nameAttribute(backend.KindBinding, "Name of the binding."),
			"role": schema.StringAttribute{
				Required: true, MarkdownDescription: "Name of the role, built in or of a `pouncet_role`." + replaces,
				Validators: []validator.String{nameOf(backend.KindRole)},
			},
			"to": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Who gets the role: `token:NAME`, `group:NAME` for the members of a `pouncet_group`, " +
					"`trust:NAME` for everyone whom a `pouncet_oidc_trust` lets in, or `trust:NAME/SUBJECT` for one subject. An id " +
					"can take the place of the name: a token of one team may not know the names of others." + replaces,
				Validators: []validator.String{validPrincipal(true, backend.ToToken, backend.ToGroup, backend.ToTrust)},
			},
			"project": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Name of the project. All projects without it: the project of the provider is not used." +
					replaces,
				Validators: []validator.String{nameOf(backend.KindProject)},
			},
			"environment": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Name of the environment, or `*` for the entries that all environments share. Without " +
					"it, all environments that are not protected. Requires `project`." + replaces,
				Validators: []validator.String{
					nameOf(backend.KindEnvironment, backend.AnyEnvironment),
					stringvalidator.AlsoRequires(path.MatchRoot("project")),
				},
			},
			"scope": schema.StringAttribute{
				Optional: true, Validators: []validator.String{validScope},
				MarkdownDescription: "Scope of the entries: `project`, `app/<name>` or `pipeline/<name>`. All scopes without " +
					"it. Changing it forces a new resource.",
			},
			"names": schema.StringAttribute{
				Optional: true, Validators: []validator.String{validNames},
				MarkdownDescription: "Name of the entries, or a pattern in which `*` stands for any characters. All names " +
					"without it. Changing it forces a new resource.",
			},
			"description": descriptionAttribute(),
			"labels":      labelsAttribute(),
			"created_at":  createdAtAttribute(),
			"managed_by":  managedByAttribute(),
			"timeouts":    timeoutsAttribute(ctx),
		},
	}
}

// validNames accepts a pattern of names.
var validNames = ruleValidator{
	description: "must be a name, or a pattern with *",
	summary:     "Invalid names",
	check: func(s string) *backend.Error {
		if s == "" {
			return backend.Errorf(backend.CodeInvalid, "the pattern is empty").WithHint("leave it out for all names")
		}
		return backend.Where{Names: s}.Check()
	},
}

// validPrincipal accepts the name of a token, group or trust, or also its id, after one of some prefixes.
func validPrincipal(orID bool, prefixes ...string) validator.String {
	var forms []string
	for _, p := range prefixes {
		forms = append(forms, p+"NAME")
		if p == backend.ToTrust {
			forms = append(forms, p+"NAME/SUBJECT")
		}
	}
	last := len(forms) - 1
	form := strings.Join(forms[:last], ", ") + " or " + forms[last]
	return ruleValidator{
		description: "must be " + form,
		summary:     "Invalid principal",
		check: func(s string) *backend.Error {
			for _, p := range prefixes {
				name, ok := strings.CutPrefix(s, p)
				if p == backend.ToTrust {
					of, subject, one := strings.Cut(name, "/")
					if err := backend.CheckNamedSubject(subject); ok && one && err != nil {
						return err
					}
					name = of
				}
				switch {
				case !ok:
				case backend.IsID(name) && orID:
					return nil
				case backend.IsID(name):
					return backend.Errorf(backend.CodeInvalid, "%s has an id, but this argument takes a name",
						backend.Quote(s)).WithHint("write %s", form)
				default:
					return backend.CheckName(backend.KindToken, name)
				}
			}
			return backend.Errorf(backend.CodeInvalid, "%s is not a valid principal", backend.Quote(s)).
				WithHint("write %s", form)
		},
	}
}

func (m *roleBindingModel) operationTimeouts() timeouts.Value { return m.Timeouts }
func (m *roleBindingModel) id() string                        { return m.ID.ValueString() }
func (m *roleBindingModel) complete(*roleBindingModel) bool {
	return !m.Name.IsUnknown() && !m.Role.IsUnknown() && !m.To.IsUnknown() && !m.Project.IsUnknown() &&
		!m.Environment.IsUnknown() && !m.Scope.IsUnknown() && !m.Names.IsUnknown()
}

func (m *roleBindingModel) set(ctx context.Context, o backend.Object, diags *diag.Diagnostics) {
	m.ID, m.Name, m.Description = types.StringValue(o.ID), types.StringValue(o.Name), optionalString(o.Description)
	if g := o.Grant; g != nil {
		m.Role, m.Project = types.StringValue(g.Role), optionalString(g.Where.Project)
		if !namesID(m.To.ValueString()) { // it means the same as the name, because a binding is for the same one forever
			m.To = types.StringValue(g.To)
		}
		m.Environment, m.Scope = optionalString(g.Where.Environment), optionalString(g.Where.Scope)
		m.Names = optionalString(g.Where.Names)
	}
	m.Labels = labelsValue(ctx, o.Labels, m.Labels, diags)
	m.ManagedBy, m.CreatedAt = optionalString(o.ManagedBy), types.StringValue(o.CreatedAt.Format(time.RFC3339))
}

// namesID reports whether a principal is given by its id.
func namesID(to string) bool {
	_, name, _ := strings.Cut(to, ":")
	id, _, _ := strings.Cut(name, "/")
	return backend.IsID(id)
}

func (m *roleBindingModel) grant() backend.Grant {
	return backend.Grant{Role: m.Role.ValueString(), To: m.To.ValueString(), Where: backend.Where{
		Project: m.Project.ValueString(), Environment: m.Environment.ValueString(), Scope: m.Scope.ValueString(),
		Names: m.Names.ValueString()}}
}

func (m *roleBindingModel) change(
	_ context.Context, before, _ *roleBindingModel, _ *diag.Diagnostics,
) backend.Change {
	c := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindBinding, Name: m.Name.ValueString(),
		Description: changedString(before.Description, m.Description), Labels: changedLabels(before.Labels, m.Labels),
	}
	// The backend compares it: other names can mean the same objects, and the same names others.
	g := m.grant()
	c.Grant = &g
	asUpdate(&c, before.ID, before.Name, m.Name)
	return c
}

func (r *roleBinding) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	r.importObject(ctx, req, resp, r.projectQuery)
}
