// SPDX-License-Identifier: MPL-2.0

// Package provider is the Terraform provider: its schema, its configuration and the list of its resources, data
// sources, ephemeral resources, functions, list resources and actions.
//
// Configure opens a backend and hands it, as a session, to everything in that list. No other package knows whether the
// backend is a folder on this machine or a server. The resources must not import this package, because it imports them;
// what they share is in package session.
package provider

import (
	"context"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/pouncet/terraform-provider-pouncet/actions"
	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/datasources"
	"github.com/pouncet/terraform-provider-pouncet/ephemerals"
	"github.com/pouncet/terraform-provider-pouncet/functions"
	"github.com/pouncet/terraform-provider-pouncet/lists"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
	"github.com/pouncet/terraform-provider-pouncet/resources"
)

type pouncet struct {
	version string
	opened  opened
}

var (
	_ provider.Provider                       = (*pouncet)(nil)
	_ provider.ProviderWithEphemeralResources = (*pouncet)(nil)
	_ provider.ProviderWithListResources      = (*pouncet)(nil)
	_ provider.ProviderWithActions            = (*pouncet)(nil)
	_ provider.ProviderWithFunctions          = (*pouncet)(nil)
)

// New returns a constructor of the provider, in the form that the plugin framework expects.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &pouncet{version: version} }
}

func (p *pouncet) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName, resp.Version = "pouncet", p.version
}

func (p *pouncet) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages secrets, secret types and scoped values. A Pouncet backend keeps secret values " +
			"encrypted under a key management service (KMS). No plan and no state ever contains a secret value: " +
			"values enter through write-only arguments and leave through ephemeral resources.\n\n" +
			"The backend is a Pouncet server if `endpoint` is set. Otherwise it is the embedded backend: a folder on " +
			"this machine that needs no server.",
		Attributes: map[string]schema.Attribute{
			"endpoint": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "URL of the Pouncet server, for example `https://pouncet.example.com`. The " +
					"scheme `http` is accepted only for the local machine. `unix:///PATH` names a Unix socket. Can also " +
					"be set with the environment variable `POUNCET_ENDPOINT`. Conflicts with `path` and `kms_key`.",
			},
			"token": schema.StringAttribute{
				Optional: true, Sensitive: true,
				MarkdownDescription: "Token for the server. The command `pouncet token create` creates one. Can also " +
					"be set with the environment variable `POUNCET_TOKEN`, which keeps the token out of files. " +
					"Required with `endpoint`.",
			},
			"project": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Name of the project of all resources and data sources that do not set " +
					"`project`. For data sources it can also be the id. Can also be set with the environment " +
					"variable `POUNCET_PROJECT`. Defaults to `default`.",
				Validators: []validator.String{resources.ValidProject},
			},
			"configuration": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: configurationDescription,
				Validators: []validator.String{stringvalidator.RegexMatches(
					regexp.MustCompile(backend.ConfigurationPattern), "must be 1 to 50 letters, digits, _ and -")},
			},
			"ephemeral_values": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: ephemeralValuesDescription,
				Validators:          []validator.String{stringvalidator.OneOf(session.ResolvedValues, session.UnknownValues)},
			},
			"ca_cert_file": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Path of a PEM file with the certificate authorities to trust for the server, " +
					"instead of those of the system. Can also be set with the environment variable `POUNCET_CACERT`.",
			},
			"client_cert_file": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Path of a PEM file with a certificate of this client, for a server that asks for " +
					"one. Can also be set with the environment variable `POUNCET_CLIENT_CERT`. Requires " +
					"`client_key_file`.",
			},
			"client_key_file": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Path of a PEM file with the private key of `client_cert_file`. Other users must " +
					"not be able to read it. Can also be set with the environment variable `POUNCET_CLIENT_KEY`.",
			},
			"max_retries": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "Number of times that the provider repeats a request if the server cannot be " +
					"reached, or if it answers with status 429 or 5xx. Between 0 and 50. Between two attempts the " +
					"provider waits 0.2 to 10 seconds, or as long as the server's `Retry-After` header says. " +
					"Defaults to `8`, which takes about half a minute.",
				Validators: []validator.Int64{int64validator.Between(0, 50)},
			},
			"request_timeout": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Time that one request to the server may take, for example `10s` or `2m`. " +
					"Between `1ms` and `1h`. Defaults to `30s`.",
				Validators: []validator.String{durationValidator{}},
			},
			"path": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Folder of the embedded backend. Can also be set with the environment variable " +
					"`POUNCET_HOME`. Defaults to the nearest folder `.pouncet` in the working folder or above it. " +
					"The command `pouncet init` creates the backend, or the provider does with `create`. Conflicts " +
					"with `endpoint`.",
			},
			"create": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Whether an apply creates the embedded backend if it does not exist. A plan " +
					"creates nothing: it shows what an apply on a new backend does. The apply creates the backend " +
					"before its first new resource. If the state already has objects of a backend, the plan fails, and " +
					"the provider creates nothing. If there are several `provider` blocks, set it in each of them. " +
					"Where a plan is saved and applied elsewhere, run `pouncet init` instead. Defaults to `false`: a " +
					"backend that does not exist is an error. Conflicts with `endpoint`.",
			},
			"kms_key": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "URI of the KMS key for environments that do not name their own: " +
					"`aws-kms:///alias/NAME`, `aws-kms:///ARN` or `file:///PATH`. Can also be set with the " +
					"environment variable `POUNCET_KMS_KEY`. Defaults to the key that was chosen when the embedded " +
					"backend was created. Conflicts with `endpoint`.",
			},
		},
	}
}

const configurationDescription = "Name of this Terraform configuration (root module), for example `shop`. " +
	"Recommended. 1 to 50 letters, digits, `_` and `-`. The provider records the name with every object that it " +
	"creates or updates. Objects with one name do not block each other, in whatever order Terraform applies them: " +
	"names can move from one to another, and a secret can be deleted before its link changes. A plan that deletes " +
	"an object fails if another configuration still uses it. Without a name, the provider warns where it would " +
	"have to guess, and an apply can stop and need a second run. Set the name before the first apply. Otherwise " +
	"the next plan shows an update of `managed_by` for each existing object: apply it before names move. " +
	"If you remove the argument, each object keeps the name in `managed_by` until its next update. " +
	"Workspaces need different names: `shop-${terraform.workspace}`."

const ephemeralValuesDescription = "What the ephemeral resources return: `resolve` (the values) or `unknown`. With " +
	"`unknown` they resolve nothing and check only that the references exist, so a token with the role `planner` is " +
	"sufficient for a plan. What depends on an ephemeral value is planned as known after apply, and every change is " +
	"refused: set it in plans that are never applied, such as those of pull requests. Requires Terraform; OpenTofu " +
	"rejects unknown results. Defaults to `resolve`."

func (p *pouncet) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		resources.NewProject, resources.NewEnvironment, resources.NewSecretType, resources.NewSecret,
		resources.NewScopedValue, resources.NewRole, resources.NewGroup, resources.NewRoleBinding,
		resources.NewOIDCTrust,
	}
}

func (p *pouncet) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		datasources.NewProject, datasources.NewEnvironment, datasources.NewSecretType, datasources.NewSecret,
		datasources.NewScopedValue, datasources.NewProjects, datasources.NewEnvironments, datasources.NewSecretTypes,
		datasources.NewSecrets, datasources.NewSecretVersions, datasources.NewReport, datasources.NewUsages,
		datasources.NewScopedValues, datasources.NewConfigReferences, datasources.NewRole, datasources.NewGroup,
		datasources.NewRoleBinding, datasources.NewRoles, datasources.NewGroups, datasources.NewRoleBindings,
		datasources.NewOIDCTrust, datasources.NewOIDCTrusts,
		datasources.NewTokens, datasources.NewAuditRecords,
	}
}

func (p *pouncet) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{
		ephemerals.NewSecretValue, ephemerals.NewSecretValues, ephemerals.NewRenderedConfiguration, ephemerals.NewToken,
	}
}

func (p *pouncet) Functions(context.Context) []func() function.Function { return functions.All() }

func (p *pouncet) ListResources(context.Context) []func() list.ListResource { return lists.New() }

func (p *pouncet) Actions(context.Context) []func() action.Action {
	return []func() action.Action{actions.NewRotateSecret, actions.NewDeployDraft}
}
