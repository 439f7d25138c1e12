// SPDX-License-Identifier: MPL-2.0

// Package provider is the Terraform provider: its configuration, and the
// register of everything it has.
package provider

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/actions"
	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/datasources"
	"github.com/pouncet/terraform-provider-pouncet/ephemerals"
	"github.com/pouncet/terraform-provider-pouncet/functions"
	"github.com/pouncet/terraform-provider-pouncet/lists"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
	"github.com/pouncet/terraform-provider-pouncet/resources"
)

// pouncet is the provider.
type pouncet struct{ version string }

var (
	_ provider.Provider                       = (*pouncet)(nil)
	_ provider.ProviderWithEphemeralResources = (*pouncet)(nil)
	_ provider.ProviderWithListResources      = (*pouncet)(nil)
	_ provider.ProviderWithActions            = (*pouncet)(nil)
	_ provider.ProviderWithFunctions          = (*pouncet)(nil)
)

// New returns a maker of providers, as the plugin server wants it.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &pouncet{version} }
}

func (p *pouncet) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName, resp.Version = "pouncet", p.version
}

func (p *pouncet) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Secrets, secret types and scoped values, kept encrypted under a KMS key by a " +
			"Pouncet backend. No secret value is ever in a plan or a state: values enter by write-only arguments and leave by " +
			"ephemeral resources.\n\n" +
			"Without an `endpoint`, the provider uses the embedded backend: a folder, without a server.",
		Attributes: map[string]schema.Attribute{
			"endpoint": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "URL of a Pouncet server, as in `https://pouncet.example.com`. Plain `http` is accepted for this machine only. " +
					"Also `POUNCET_ENDPOINT`. Excludes `path` and `kms_key`.",
			},
			"token": schema.StringAttribute{
				Optional: true, Sensitive: true,
				MarkdownDescription: "Token for the server, as `pouncet token create` prints it. Also `POUNCET_TOKEN`, which keeps it out of files.",
			},
			"project": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Name or id of the project for everything that names none. Also `POUNCET_PROJECT`; `default` otherwise.",
			},
			"configuration": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Name of this configuration (root module), where several share a project: letters, digits, `_` and `-`, at most 50. What it makes is marked as managed by it, " +
					"so that a plan here that removes what another configuration uses fails, and names the user. Without names only the apply can tell, and then refuses. Choose it before the first apply: the mark changes with the next change of each resource.",
				Validators: []validator.String{stringvalidator.RegexMatches(regexp.MustCompile(`^[A-Za-z0-9_-]{1,50}$`), "use 1 to 50 letters, digits, _ and -")},
			},
			"ca_cert_file": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "PEM file of certificate authorities to trust for the server, instead of the system's. Also `POUNCET_CACERT`.",
			},
			"max_retries": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "How often a request to the server is repeated, 0 to 50, while it cannot be reached or answers 429 or 5xx. It waits in between for 0.2 to 10 seconds, or as the server's " +
					"`Retry-After` says. Default 8, which is half a minute.",
				Validators: []validator.Int64{int64validator.Between(0, 50)},
			},
			"request_timeout": schema.StringAttribute{
				Optional: true, MarkdownDescription: "How long one request to the server may take, as `10s` or `2m`. Default `30s`.",
				Validators: []validator.String{durationValidator{}},
			},
			"path": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Folder of the embedded backend. Also `POUNCET_HOME`; otherwise the nearest `.pouncet` from the working folder upwards. " +
					"It is made where there is none, with a warning.",
			},
			"kms_key": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "URI of the KMS key for environments of the embedded backend that name none of their own: " +
					"`aws-kms:///alias/NAME`, `aws-kms:///ARN` or `file:///PATH`. Also `POUNCET_KMS_KEY`; otherwise the one chosen when the backend was made.",
			},
		},
	}
}

type providerModel struct {
	Endpoint       types.String `tfsdk:"endpoint"`
	Token          types.String `tfsdk:"token"`
	Project        types.String `tfsdk:"project"`
	Configuration  types.String `tfsdk:"configuration"`
	CACertFile     types.String `tfsdk:"ca_cert_file"`
	MaxRetries     types.Int64  `tfsdk:"max_retries"`
	RequestTimeout types.String `tfsdk:"request_timeout"`
	Path           types.String `tfsdk:"path"`
	KMSKey         types.String `tfsdk:"kms_key"`
}

func (p *pouncet) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var c providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	if resp.Diagnostics.HasError() {
		return
	}
	values := map[string]types.String{"endpoint": c.Endpoint, "token": c.Token, "project": c.Project, "path": c.Path, "kms_key": c.KMSKey}
	known := map[string]attr.Value{"configuration": c.Configuration, "ca_cert_file": c.CACertFile, "max_retries": c.MaxRetries, "request_timeout": c.RequestTimeout}
	for name, value := range values {
		known[name] = value
	}
	for name, value := range known {
		if !value.IsUnknown() {
			continue
		}
		// Never taken for "not set": that would plan against, or write to,
		// another backend than the one that was meant.
		if req.ClientCapabilities.DeferralAllowed {
			resp.Deferred = &provider.Deferred{Reason: provider.DeferredReasonProviderConfigUnknown}
			return
		}
		resp.Diagnostics.AddAttributeError(path.Root(name), "Unknown "+name,
			fmt.Sprintf("The provider cannot work before %s is known, and it depends on something that is not applied yet.\n\n"+
				"Apply that first (terraform apply -target=…), or set %s from a variable.", name, name))
	}
	if c.Endpoint.ValueString() != "" {
		for _, name := range []string{"path", "kms_key"} {
			if values[name].ValueString() != "" {
				resp.Diagnostics.AddAttributeError(path.Root(name), "Two backends",
					fmt.Sprintf("%s is of the embedded backend, and endpoint names a server.\n\nRemove the one or the other.", name))
			}
		}
	}
	if resp.Diagnostics.HasError() {
		return
	}
	config := open.FromEnvironment(open.Config{
		Endpoint: c.Endpoint.ValueString(), Token: c.Token.ValueString(), Path: c.Path.ValueString(), KMSKey: c.KMSKey.ValueString(),
		UserAgent: "terraform-provider-pouncet/" + p.version + " terraform/" + req.TerraformVersion, CreateIfAbsent: true,
		CACertFile: c.CACertFile.ValueString(), Retries: retryCount(c.MaxRetries), Timeout: requestTimeout(c.RequestTimeout),
	})
	b, err := open.Open(ctx, config)
	if err != nil {
		session.Report(&resp.Diagnostics, "Opening the backend", err, session.Paths{
			"endpoint": path.Root("endpoint"), "token": path.Root("token"), "ca_cert_file": path.Root("ca_cert_file"),
		})
		return
	}
	if b.Created {
		resp.Diagnostics.AddWarning("Made an embedded backend",
			fmt.Sprintf("There was none, so the provider made one in %s. It holds the secrets and, unless kms_key names another, the key to them: keep it, and keep it out of version control.\n\n"+
				"If you expected your secrets to be there, this is the wrong folder: set path or POUNCET_HOME, or an endpoint.", b.Location))
	}
	s := session.New(b, cmp.Or(c.Project.ValueString(), os.Getenv("POUNCET_PROJECT"), backend.DefaultProject), c.Configuration.ValueString())
	resp.ResourceData, resp.DataSourceData, resp.EphemeralResourceData = s, s, s
	resp.ListResourceData, resp.ActionData = s, s
}

// retries are as httpapi.ClientOptions has them, where 0 is the default and a negative number is none.
func retryCount(configured types.Int64) int {
	switch {
	case configured.IsNull():
		return 8
	case configured.ValueInt64() == 0:
		return -1
	}
	return int(configured.ValueInt64())
}

func requestTimeout(configured types.String) time.Duration {
	d, err := time.ParseDuration(configured.ValueString())
	if err != nil {
		return 0 // not given: what is given was validated
	}
	return d
}

// duration validates a time as Go writes it.
type durationValidator struct{}

func (durationValidator) Description(context.Context) string {
	return "a duration from 1ms to 1h, as 10s"
}

func (d durationValidator) MarkdownDescription(ctx context.Context) string { return d.Description(ctx) }

func (d durationValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if at, err := time.ParseDuration(req.ConfigValue.ValueString()); err != nil || at < time.Millisecond || at > time.Hour {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a duration", fmt.Sprintf("%s must be %s.", req.Path, d.Description(ctx)))
	}
}

func (p *pouncet) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		resources.NewProject, resources.NewEnvironment, resources.NewSecretType, resources.NewSecret, resources.NewScopedValue,
	}
}

func (p *pouncet) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		datasources.NewProject, datasources.NewEnvironment, datasources.NewSecretType, datasources.NewSecret, datasources.NewScopedValue,
		datasources.NewProjects, datasources.NewEnvironments, datasources.NewSecretTypes, datasources.NewSecrets, datasources.NewUsages, datasources.NewScopedValues,
		datasources.NewConfigReferences,
	}
}

func (p *pouncet) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{
		ephemerals.NewSecretValue, ephemerals.NewSecretValues, ephemerals.NewRenderedConfiguration, ephemerals.NewToken,
	}
}

func (p *pouncet) Functions(context.Context) []func() function.Function { return functions.All() }

// ListResources implements provider.ProviderWithListResources.
func (p *pouncet) ListResources(context.Context) []func() list.ListResource { return lists.New() }

// Actions implements provider.ProviderWithActions.
func (p *pouncet) Actions(context.Context) []func() action.Action {
	return []func() action.Action{actions.NewRotateSecret}
}
