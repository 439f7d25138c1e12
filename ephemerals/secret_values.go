// SPDX-License-Identifier: MPL-2.0

package ephemerals

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

type secretValues struct{ session *session.Session }

var _ ephemeral.EphemeralResourceWithConfigure = (*secretValues)(nil)

// NewSecretValues returns the ephemeral resource pouncet_secret_values.
func NewSecretValues() ephemeral.EphemeralResource { return &secretValues{} }

type secretValuesModel struct {
	Project     types.String              `tfsdk:"project"`
	Environment types.String              `tfsdk:"environment"`
	Scope       types.String              `tfsdk:"scope"`
	Names       types.Set                 `tfsdk:"names"`
	Secrets     map[string]secretSelector `tfsdk:"secrets"`
	Values      types.Map                 `tfsdk:"values"`
}

// secretSelector selects one secret. Its unset attributes have defaults.
type secretSelector struct {
	Name        types.String `tfsdk:"name"`
	Field       types.String `tfsdk:"field"`
	Environment types.String `tfsdk:"environment"`
	Scope       types.String `tfsdk:"scope"`
	Version     types.String `tfsdk:"version"`
}

func (*secretValues) Metadata(
	_ context.Context, _ ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse,
) {
	resp.TypeName = "pouncet_secret_values"
}

func (*secretValues) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The values of several secrets, for the length of one Terraform run. They are resolved " +
			"in one request, while each `pouncet_secret_value` needs its own. All missing secrets are reported " +
			"at once.",
		Attributes: map[string]schema.Attribute{
			"project": optionalString(projectDescription),
			"environment": schema.StringAttribute{
				Required: true, MarkdownDescription: "Name of the environment in which the secrets are looked up.",
			},
			"scope": optionalString("Scope in which the secrets are looked up: `project`, `app/<name>` or " +
				"`pipeline/<name>`. Defaults to `project`."),
			"names": schema.SetAttribute{
				Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Names of secrets. Each name is a key of `values`. Exactly one of `names` and " +
					"`secrets` is required.",
				Validators: []validator.Set{setvalidator.ExactlyOneOf(path.MatchRoot("secrets"))},
			},
			"secrets": schema.MapNestedAttribute{
				Optional: true,
				MarkdownDescription: "Secrets or fields of secrets. Each key is a key of `values`. Exactly one of " +
					"`names` and `secrets` is required.",
				Validators: []validator.Map{mapvalidator.ExactlyOneOf(path.MatchRoot("names"))},
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":  optionalString("Name of the secret. Defaults to the key."),
					"field": optionalString(fieldDescription),
					"environment": optionalString("Environment in which the secret is looked up. Defaults to " +
						"`environment` of the ephemeral resource."),
					"scope": optionalString("Scope in which the secret is looked up. Defaults to `scope` of the " +
						"ephemeral resource."),
					"version": optionalString(versionDescription),
				}},
			},
			"values": schema.MapAttribute{
				Computed: true, Sensitive: true, ElementType: types.StringType,
				MarkdownDescription: "The values. Each is a string, or JSON text if the secret or its field is not a " +
					"JSON string. The value of a secret that the same plan creates is unknown until the apply.",
			},
		},
	}
}

func (e *secretValues) Configure(_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse) {
	e.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (e *secretValues) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	defer beforeDestroy(ctx, e.session, resp)
	var m secretValuesModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	var names []string
	resp.Diagnostics.Append(m.Names.ElementsAs(ctx, &names, false)...)
	if resp.Diagnostics.HasError() {
		return
	}
	wanted := maps.Clone(m.Secrets)
	if wanted == nil {
		wanted = map[string]secretSelector{}
	}
	for _, name := range names {
		wanted[name] = secretSelector{}
	}
	keys := slices.Sorted(maps.Keys(wanted))
	refs := make([]backend.Ref, len(keys))
	for i, key := range keys {
		w := wanted[key]
		refs[i] = backend.Ref{
			Kind:        backend.KindSecret,
			Project:     e.session.ProjectOr(m.Project.ValueString()),
			Environment: cmp.Or(w.Environment.ValueString(), m.Environment.ValueString()),
			Scope:       cmp.Or(w.Scope.ValueString(), m.Scope.ValueString()),
			Name:        cmp.Or(w.Name.ValueString(), key),
			Field:       w.Field.ValueString(),
			Version:     w.Version.ValueString(),
		}
	}
	out, err := resolve(ctx, e.session, refs)
	if err != nil {
		session.Report(&resp.Diagnostics, "Resolving the secrets", err, session.Paths{
			"project": path.Root("project"), "environment": path.Root("environment"),
		})
		return
	}
	values := make(map[string]attr.Value, len(keys))
	for i, r := range out {
		if r.Err == nil && !utf8.Valid(r.Value.Expose()) {
			r.Err = errBinary(refs[i].Name)
		}
		switch {
		case r.Err != nil:
			e := *r.Err
			e.Attribute = cmp.Or(e.Attribute, "name")
			session.Report(&resp.Diagnostics, "Resolving a secret", &e, m.paths(keys[i]))
		case r.planned || r.withheld:
			values[keys[i]] = types.StringUnknown()
		default:
			warnIfChanging(e.session, refs[i], r, m.versionRemedy(keys[i], refs[i]), m.paths(keys[i])["name"],
				&resp.Diagnostics)
			values[keys[i]] = types.StringValue(string(r.Value.Expose()))
		}
	}
	if resp.Diagnostics.HasError() {
		return
	}
	m.Values = types.MapValueMust(types.StringType, values)
	resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
}

func errBinary(name string) *backend.Error {
	return backend.Errorf(backend.CodeInvalid, "the value of secret %s is binary, and a Terraform string cannot hold it",
		backend.Quote(name)).WithHint("read value_base64 of an ephemeral pouncet_secret_value")
}

// versionRemedy says how to read the value of the secret with this key after its change.
func (m *secretValuesModel) versionRemedy(key string, ref backend.Ref) string {
	instead := ""
	if _, ok := m.Secrets[key]; !ok {
		instead = " in place of names"
	}
	return fmt.Sprintf("Set version in secrets%s to the version of the resource, for example secrets = { %s = { version "+
		"= %s } }.", instead, strconv.Quote(key), versionOf(ref))
}

// paths returns the attributes that an error of the secret with this key is about. An attribute of the secret itself
// comes before one of the ephemeral resource.
func (m *secretValuesModel) paths(key string) session.Paths {
	out := session.Paths{
		"project": path.Root("project"), "environment": path.Root("environment"), "scope": path.Root("scope"),
	}
	own, ok := m.Secrets[key]
	if !ok {
		out["name"] = path.Root("names").AtSetValue(types.StringValue(key))
		return out
	}
	at := path.Root("secrets").AtMapKey(key)
	out["name"] = at
	for name, value := range map[string]types.String{
		"name": own.Name, "field": own.Field, "environment": own.Environment, "scope": own.Scope,
		"version": own.Version,
	} {
		if !value.IsNull() {
			out[name] = at.AtName(name)
		}
	}
	return out
}
