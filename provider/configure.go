// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// providerModel is the provider block.
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

// Configure opens the backend that the provider block and the environment variables name.
func (p *pouncet) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var m providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	unknown := m.unknownArguments()
	if len(unknown) > 0 && req.ClientCapabilities.DeferralAllowed {
		resp.Deferred = &provider.Deferred{Reason: provider.DeferredReasonProviderConfigUnknown}
		return
	}
	for _, name := range unknown {
		resp.Diagnostics.AddAttributeError(path.Root(name), "Unknown "+name, fmt.Sprintf(
			"The provider needs the value of %s while Terraform plans, but the value is known only after an apply.\n\n"+
				"Apply the resource that provides the value first (terraform apply -target=…), or set %s from a "+
				"variable.",
			name, name))
	}
	m.checkConflicts(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	b, err := open.Open(ctx, m.backendConfig(p.version, req.TerraformVersion))
	if err != nil {
		paths := session.RootPaths("endpoint", "token", "ca_cert_file")
		session.Report(&resp.Diagnostics, "Opening the backend", err, paths)
		return
	}
	if b.Created {
		resp.Diagnostics.AddWarning("Created an embedded backend", fmt.Sprintf(
			"The provider created an embedded backend in %s because none existed. The folder contains the secrets "+
				"and, unless "+
				"kms_key names another key, the key that encrypts them. Keep the folder, and keep it out of version "+
				"control.\n\n"+
				""+
				"If you expected existing secrets, this is the wrong folder: set path or POUNCET_HOME, or set "+
				"endpoint.", b.Location))
	}
	project := cmp.Or(m.Project.ValueString(), os.Getenv("POUNCET_PROJECT"), backend.DefaultProject)
	s := session.New(b, project, m.Configuration.ValueString())
	resp.ResourceData, resp.DataSourceData, resp.EphemeralResourceData = s, s, s
	resp.ListResourceData, resp.ActionData = s, s
}

// unknownArguments returns the names of the arguments whose values are not known yet. They must not count as "not set":
// the provider would then plan against, or write to, a backend that the user did not mean.
func (m *providerModel) unknownArguments() []string {
	var unknown []string
	for _, argument := range []struct {
		name  string
		value attr.Value
	}{
		{"endpoint", m.Endpoint}, {"token", m.Token}, {"project", m.Project}, {"configuration", m.Configuration},
		{"ca_cert_file", m.CACertFile}, {"max_retries", m.MaxRetries}, {"request_timeout", m.RequestTimeout},
		{"path", m.Path}, {"kms_key", m.KMSKey},
	} {
		if argument.value.IsUnknown() {
			unknown = append(unknown, argument.name)
		}
	}
	return unknown
}

// checkConflicts reports arguments of the embedded backend beside the endpoint of a server.
func (m *providerModel) checkConflicts(diags *diag.Diagnostics) {
	if m.Endpoint.ValueString() == "" {
		return
	}
	for name, value := range map[string]types.String{"path": m.Path, "kms_key": m.KMSKey} {
		if value.ValueString() != "" {
			diags.AddAttributeError(path.Root(name), "Conflicting arguments", fmt.Sprintf(
				"%s belongs to the embedded backend, but endpoint names a server.\n\n"+
					"Remove %s or endpoint.", name, name))
		}
	}
}

// backendConfig combines the provider block with the environment variables.
func (m *providerModel) backendConfig(version, terraformVersion string) open.Config {
	return open.FromEnvironment(open.Config{
		Endpoint: m.Endpoint.ValueString(), Token: m.Token.ValueString(), CACertFile: m.CACertFile.ValueString(),
		Path: m.Path.ValueString(), KMSKey: m.KMSKey.ValueString(), CreateIfAbsent: true,
		UserAgent: "terraform-provider-pouncet/" + version + " terraform/" + terraformVersion,
		Retries:   retryCount(m.MaxRetries), Timeout: requestTimeout(m.RequestTimeout),
	})
}

// retryCount returns max_retries in the form of httpapi.ClientOptions, where 0 means the client's default and a
// negative number means no retries.
func retryCount(configured types.Int64) int {
	switch {
	case configured.IsNull():
		return 8
	case configured.ValueInt64() == 0:
		return -1
	}
	return int(configured.ValueInt64())
}

// requestTimeout returns request_timeout, or 0 for the client's default. The schema has validated the value.
func requestTimeout(configured types.String) time.Duration {
	d, err := time.ParseDuration(configured.ValueString())
	if err != nil {
		return 0
	}
	return d
}

// durationValidator accepts a duration in Go's form.
type durationValidator struct{}

func (durationValidator) Description(context.Context) string {
	return "must be a duration from 1ms to 1h, for example 10s"
}

func (v durationValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v durationValidator) ValidateString(
	ctx context.Context, req validator.StringRequest, resp *validator.StringResponse,
) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	d, err := time.ParseDuration(req.ConfigValue.ValueString())
	if err != nil || d < time.Millisecond || d > time.Hour {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid duration",
			fmt.Sprintf("The value of %s %s.", req.Path, v.Description(ctx)))
	}
}
