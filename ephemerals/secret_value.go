// SPDX-License-Identifier: MPL-2.0

// Package ephemerals holds the provider's ephemeral resources: values that
// Terraform has for the length of a run, and keeps in neither plan nor state.
package ephemerals

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

type secretValue struct{ session *session.Session }

var _ ephemeral.EphemeralResourceWithConfigure = (*secretValue)(nil)

// NewSecretValue makes the ephemeral resource pouncet_secret_value.
func NewSecretValue() ephemeral.EphemeralResource { return &secretValue{} }

type secretValueModel struct {
	Project      types.String  `tfsdk:"project"`
	Environment  types.String  `tfsdk:"environment"`
	Scope        types.String  `tfsdk:"scope"`
	Name         types.String  `tfsdk:"name"`
	Field        types.String  `tfsdk:"field"`
	AtVersion    types.String  `tfsdk:"at_version"`
	Value        types.String  `tfsdk:"value"`
	JSON         types.Dynamic `tfsdk:"json"`
	SecretID     types.String  `tfsdk:"secret_id"`
	FoundIn      types.String  `tfsdk:"found_in"`
	FoundVersion types.Int64   `tfsdk:"version"`
}

func (*secretValue) Metadata(_ context.Context, _ ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = "pouncet_secret_value"
}

func (*secretValue) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The value of a secret, for the length of one Terraform run: to configure another provider, or for a write-only argument. " +
			"It is looked up as a reference is: the nearest scope first and, within it, the exact environment before what all environments share.",
		Attributes: map[string]schema.Attribute{
			"project":     schema.StringAttribute{Optional: true, MarkdownDescription: "Name of the project. Default: the provider's."},
			"environment": schema.StringAttribute{Required: true, MarkdownDescription: "Name of the environment to look it up in."},
			"scope":       schema.StringAttribute{Optional: true, MarkdownDescription: "Scope to look it up in: `project` (the default), `app/<name>` or `pipeline/<name>`."},
			"name":        schema.StringAttribute{Required: true, MarkdownDescription: "Name of the secret."},
			"field":       schema.StringAttribute{Optional: true, MarkdownDescription: "Path into a JSON secret, as `password` or `hosts[0].name`. Default: all of it."},
			"at_version":  schema.StringAttribute{Optional: true, MarkdownDescription: "A version's number, or `previous`. Default: the current one."},
			"value": schema.StringAttribute{
				Computed: true, Sensitive: true,
				MarkdownDescription: "The value: a string, or JSON text where the secret, or the field of it, is another kind of JSON. A value that is not UTF-8 is an error.",
			},
			"json": schema.DynamicAttribute{
				Computed: true, Sensitive: true,
				MarkdownDescription: "The value decoded, as `jsondecode` does it, where it is a JSON object or list (or, of a secret with a type, or with `field`, any JSON): " +
					"`json.password`, `json.hosts[0].port`. Null where it is a string.",
			},
			"secret_id": schema.StringAttribute{Computed: true, MarkdownDescription: "UUID of the secret that was found."},
			"found_in":  schema.StringAttribute{Computed: true, MarkdownDescription: "Environment that it was found in: the one asked for, or `*`."},
			"version":   schema.Int64Attribute{Computed: true, MarkdownDescription: "Version of the value."},
		},
	}
}

func (e *secretValue) Configure(_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse) {
	e.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (e *secretValue) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var m secretValueModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ref := backend.Ref{
		Kind: backend.KindSecret, Project: e.session.ProjectOr(m.Project.ValueString()), Environment: m.Environment.ValueString(),
		Scope: m.Scope.ValueString(), Name: m.Name.ValueString(), Field: m.Field.ValueString(), Version: m.AtVersion.ValueString(),
	}
	out, err := resolve(ctx, e.session, []backend.Ref{ref})
	if err == nil && out[0].Err != nil {
		err = out[0].Err
	}
	if err != nil {
		session.Report(&resp.Diagnostics, "Resolving the secret", err, session.Paths{
			"name": path.Root("name"), "environment": path.Root("environment"), "project": path.Root("project"), "scope": path.Root("scope"),
			"field": path.Root("field"), "version": path.Root("at_version"),
		})
		return
	}
	m.set(ctx, out[0])
	resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
}

func (m *secretValueModel) set(ctx context.Context, r resolved) {
	if r.planned {
		m.Value, m.JSON = types.StringUnknown(), types.DynamicUnknown()
		m.SecretID, m.FoundIn, m.FoundVersion = types.StringUnknown(), types.StringUnknown(), types.Int64Unknown()
		return
	}
	m.Value, m.JSON = types.StringValue(string(r.Value.Expose())), decoded(ctx, r.Resolution)
	m.SecretID, m.FoundIn, m.FoundVersion = types.StringValue(r.ID), types.StringValue(r.Environment), types.Int64Value(r.Version)
}
