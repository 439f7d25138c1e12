// SPDX-License-Identifier: MPL-2.0

// Package ephemerals holds the ephemeral resources of the provider. Terraform keeps the values of an ephemeral
// resource for the length of a run, and writes them neither to a plan nor to a state.
//
// A secret that the same plan creates has no value while Terraform plans. Its value is then unknown, and not an
// error. All values are unknown if the provider has ephemeral_values = "unknown".
package ephemerals

import (
	"context"
	"encoding/base64"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

type secretValue struct{ session *session.Session }

var _ ephemeral.EphemeralResourceWithConfigure = (*secretValue)(nil)

// NewSecretValue returns the ephemeral resource pouncet_secret_value.
func NewSecretValue() ephemeral.EphemeralResource { return &secretValue{} }

type secretValueModel struct {
	Project     types.String  `tfsdk:"project"`
	Environment types.String  `tfsdk:"environment"`
	Scope       types.String  `tfsdk:"scope"`
	Name        types.String  `tfsdk:"name"`
	Field       types.String  `tfsdk:"field"`
	AtVersion   types.String  `tfsdk:"at_version"`
	Value       types.String  `tfsdk:"value"`
	Base64      types.String  `tfsdk:"value_base64"`
	JSON        types.Dynamic `tfsdk:"json"`
	SecretID    types.String  `tfsdk:"secret_id"`
	FoundIn     types.String  `tfsdk:"found_in"`
	Version     types.Int64   `tfsdk:"version"`
}

func (*secretValue) Metadata(
	_ context.Context, _ ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse,
) {
	resp.TypeName = "pouncet_secret_value"
}

// Descriptions of the arguments of both secret_value and secret_values.
const (
	projectDescription = "Name of the project. Defaults to the project of the provider."
	fieldDescription   = "Field of a JSON secret, as a path such as `password` or `hosts[0].name`. Defaults to the " +
		"whole value."
	versionDescription = "Number of a version, a tag, or `previous`. Defaults to the current version. Write " +
		"`pouncet_secret.example.version` if the configuration also changes the secret: Terraform then reads the value " +
		"after the change."
)

func (*secretValue) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The value of a secret, for the length of one Terraform run. Use it to configure " +
			"another provider, or in a write-only argument. The lookup order is that of a reference: scope before " +
			"project, exact environment before `*`.",
		Attributes: map[string]schema.Attribute{
			"project": optionalString(projectDescription),
			"environment": schema.StringAttribute{
				Required: true, MarkdownDescription: "Name of the environment in which the secret is looked up.",
			},
			"scope": optionalString("Scope in which the secret is looked up: `project`, `app/<name>` or " +
				"`pipeline/<name>`. Defaults to `project`."),
			"name":       schema.StringAttribute{Required: true, MarkdownDescription: "Name of the secret."},
			"field":      optionalString(fieldDescription),
			"at_version": optionalString(versionDescription),
			"value": schema.StringAttribute{
				Computed: true, Sensitive: true,
				MarkdownDescription: "The value: a string, or JSON text if the secret or its field is not a JSON " +
					"string. It is null if the value is binary (not UTF-8): use `value_base64`. A text that is not in the " +
					"Unicode normalization form C is an error: Terraform would change it.",
			},
			"value_base64": schema.StringAttribute{
				Computed: true, Sensitive: true,
				MarkdownDescription: "The bytes of the value in base64, for a value that is not text, such as a keystore.",
			},
			"json": schema.DynamicAttribute{
				Computed: true, Sensitive: true,
				MarkdownDescription: "The decoded value, as `jsondecode` returns it: `json.password`, " +
					"`json.hosts[0].port`. It is set if the value is a JSON object or list, and also for other JSON " +
					"if the secret has a type or `field` is set. Otherwise it is null.",
			},
			"secret_id": schema.StringAttribute{Computed: true, MarkdownDescription: "UUID of the secret."},
			"found_in": schema.StringAttribute{
				Computed: true, MarkdownDescription: "Environment of the secret: the given one, or `*`.",
			},
			"version": schema.Int64Attribute{Computed: true, MarkdownDescription: "Version of the value."},
		},
	}
}

func (e *secretValue) Configure(_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse) {
	e.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (e *secretValue) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	defer beforeDestroy(ctx, e.session, resp)
	var m secretValueModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ref := backend.Ref{
		Kind:        backend.KindSecret,
		Project:     e.session.ProjectOr(m.Project.ValueString()),
		Environment: m.Environment.ValueString(),
		Scope:       m.Scope.ValueString(),
		Name:        m.Name.ValueString(),
		Field:       m.Field.ValueString(),
		Version:     m.AtVersion.ValueString(),
	}
	out, err := resolve(ctx, e.session, []backend.Ref{ref})
	if err == nil && out[0].Err != nil {
		err = out[0].Err
	}
	if err != nil {
		session.Report(&resp.Diagnostics, "Resolving the secret", err, session.Paths{
			"project": path.Root("project"), "environment": path.Root("environment"), "scope": path.Root("scope"),
			"name": path.Root("name"), "field": path.Root("field"), "version": path.Root("at_version"),
		})
		return
	}
	warnIfChanging(e.session, ref, out[0], "Set at_version to the version of the resource, for example at_version = "+
		versionOf(ref)+".", path.Root("name"), &resp.Diagnostics)
	m.set(ctx, out[0])
	resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
}

// set sets the computed attributes.
func (m *secretValueModel) set(ctx context.Context, r resolved) {
	m.SecretID, m.FoundIn = types.StringValue(r.ID), types.StringValue(r.Environment)
	if r.planned {
		m.SecretID, m.FoundIn = types.StringUnknown(), types.StringUnknown()
	}
	if r.planned || r.withheld {
		m.Value, m.Base64 = types.StringUnknown(), types.StringUnknown()
		m.JSON, m.Version = types.DynamicUnknown(), types.Int64Unknown()
		return
	}
	value := r.Value.Expose()
	m.Value, m.Base64 = types.StringNull(), types.StringValue(base64.StdEncoding.EncodeToString(value))
	m.Version, m.JSON = types.Int64Value(r.Version), types.DynamicNull()
	if utf8.Valid(value) {
		m.Value, m.JSON = types.StringValue(string(value)), decoded(ctx, r.Resolution)
	}
}
