// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/identity"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// providerModel is the provider block.
type providerModel struct {
	Endpoint        types.String `tfsdk:"endpoint"`
	Token           types.String `tfsdk:"token"`
	Project         types.String `tfsdk:"project"`
	Configuration   types.String `tfsdk:"configuration"`
	EphemeralValues types.String `tfsdk:"ephemeral_values"`
	CACertFile      types.String `tfsdk:"ca_cert_file"`
	ClientCertFile  types.String `tfsdk:"client_cert_file"`
	ClientKeyFile   types.String `tfsdk:"client_key_file"`
	MaxRetries      types.Int64  `tfsdk:"max_retries"`
	RequestTimeout  types.String `tfsdk:"request_timeout"`
	Path            types.String `tfsdk:"path"`
	Create          types.Bool   `tfsdk:"create"`
	KMSKey          types.String `tfsdk:"kms_key"`
}

// argument is an argument of the provider block.
type argument struct {
	name  string
	value attr.Value
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
	if resp.Diagnostics.HasError() {
		return
	}
	c := m.backendConfig(p.version, req.TerraformVersion)
	m.checkConflicts(c, &resp.Diagnostics)
	if m.EphemeralValues.ValueString() == session.UnknownValues {
		refuseApply(ctx, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	b, err := m.openBackend(ctx, c, &resp.Diagnostics)
	if err != nil {
		paths := session.RootPaths("endpoint", "token", "ca_cert_file", "client_cert_file", "client_key_file", "path")
		session.Report(&resp.Diagnostics, "Opening the backend", err, paths)
		return
	}
	p.opened.add(b)
	project := cmp.Or(m.Project.ValueString(), os.Getenv("POUNCET_PROJECT"), backend.DefaultProject)
	s := session.New(b, project, m.Configuration.ValueString())
	s.ProjectInBlock = m.Project.ValueString() != ""
	command := parentArguments(ctx)
	s.OpenTofu = isOpenTofu(command)
	if s.Destroys = destroys(withVariables(command, os.Getenv)); s.Destroys {
		s.Plan.Destroy()
	}
	if m.EphemeralValues.ValueString() == session.UnknownValues {
		s.LeaveValuesUnknown(&resp.Diagnostics)
	}
	resp.ResourceData, resp.DataSourceData, resp.EphemeralResourceData = s, s, s
	resp.ListResourceData, resp.ActionData = s, s
}

// unknownArguments returns the names of the arguments whose values are not known yet. They must not count as "not set":
// the provider would then plan against, or write to, a backend that the user did not mean.
func (m *providerModel) unknownArguments() []string {
	var unknown []string
	for _, a := range []argument{
		{"endpoint", m.Endpoint}, {"token", m.Token}, {"project", m.Project}, {"configuration", m.Configuration},
		{"ephemeral_values", m.EphemeralValues}, {"ca_cert_file", m.CACertFile},
		{"client_cert_file", m.ClientCertFile}, {"client_key_file", m.ClientKeyFile}, {"max_retries", m.MaxRetries},
		{"request_timeout", m.RequestTimeout}, {"path", m.Path}, {"create", m.Create}, {"kms_key", m.KMSKey},
	} {
		if a.value.IsUnknown() {
			unknown = append(unknown, a.name)
		}
	}
	return unknown
}

// checkConflicts reports arguments of the embedded backend beside the endpoint of a server, and the token or the
// certificate authorities of a server without its endpoint, which would silently use an embedded backend instead.
func (m *providerModel) checkConflicts(c open.Config, diags *diag.Diagnostics) {
	if m.Endpoint.ValueString() != "" {
		for _, a := range []argument{{"path", m.Path}, {"create", m.Create}, {"kms_key", m.KMSKey}} {
			if !a.value.IsNull() && !a.value.Equal(types.BoolValue(false)) {
				diags.AddAttributeError(path.Root(a.name), "Conflicting arguments", fmt.Sprintf(
					"%s belongs to the embedded backend, but endpoint names a server.\n\n"+
						"Remove %s or endpoint.", a.name, a.name))
			}
		}
	}
	if c.Endpoint != "" {
		return
	}
	for _, a := range []argument{
		{"token", m.Token}, {"ca_cert_file", m.CACertFile}, {"client_cert_file", m.ClientCertFile},
		{"client_key_file", m.ClientKeyFile},
	} {
		if !a.value.IsNull() {
			diags.AddAttributeError(path.Root(a.name), "Missing endpoint", fmt.Sprintf(
				"%s belongs to a server, but no endpoint is set.\n\n"+
					"Set endpoint or POUNCET_ENDPOINT. For the embedded backend, remove %s.", a.name, a.name))
		}
	}
	for _, name := range append([]string{"POUNCET_TOKEN", "POUNCET_CACERT", "POUNCET_CLIENT_CERT", "POUNCET_CLIENT_KEY"},
		identity.Variables...) {
		if os.Getenv(name) != "" && c.Path == "" {
			diags.AddError("Missing endpoint", fmt.Sprintf(
				"%s belongs to a server, but no endpoint is set.\n\n"+
					"Set endpoint or POUNCET_ENDPOINT. For the embedded backend, unset %s, or name the folder with path or "+
					"POUNCET_HOME.", name, name))
		}
	}
}

// openBackend opens the backend. If it is an embedded one that does not exist, openBackend returns an error or, with
// the argument create, a backend that the apply creates.
func (m *providerModel) openBackend(
	ctx context.Context, c open.Config, diags *diag.Diagnostics,
) (backend.Service, error) {
	if c.Endpoint != "" {
		return open.Open(ctx, c)
	}
	folder, err := open.Locate(c)
	switch {
	case err != nil:
		return nil, err
	case open.Exists(folder):
		return openExisting(ctx, c, diags)
	case !m.Create.ValueBool():
		return nil, m.missingBackend(c, folder)
	}
	diags.AddWarning("The embedded backend does not exist yet", fmt.Sprintf(
		"Folder %s does not contain a backend, and create is set. If the state has no objects yet, the first resource "+
			"that an apply creates also creates the backend. If it has some, nothing is created, and an error names the "+
			"missing backend. The folder will hold the secrets and, unless kms_key names another key, the key that encrypts "+
			"them. Keep the folder, and keep it out of version control.\n\n"+
			"If you expected existing secrets, this is the wrong folder: correct path or POUNCET_HOME, or set endpoint.",
		folder))
	return open.NewUncreated(c)
}

// openExisting opens an embedded backend. It warns if that upgraded the database, because nothing repeats the warning.
func openExisting(ctx context.Context, c open.Config, diags *diag.Diagnostics) (backend.Service, error) {
	b, err := open.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	if b.Upgrade != nil {
		diags.AddWarning("Database upgraded", b.Upgrade.Notice())
	}
	return b, nil
}

// missingBackend is the error of an embedded backend that does not exist.
func (m *providerModel) missingBackend(c open.Config, folder string) error {
	command := "pouncet init"
	if c.KMSKey != "" {
		command += " --kms-key " + c.KMSKey
	}
	where := "with POUNCET_HOME=" + folder
	if filepath.Base(folder) == open.Folder {
		where = "in " + filepath.Dir(folder)
	}
	e := backend.Errorf(backend.CodeNotFound, "folder %s does not contain a backend", folder).
		WithHint("if one should exist, correct path or POUNCET_HOME, or set endpoint; to create one, run %s %s, or set "+
			"create = true in the provider block", command, where)
	if !m.Path.IsNull() {
		return e.At("path")
	}
	return e
}

// backendConfig combines the provider block with the environment variables.
func (m *providerModel) backendConfig(version, terraformVersion string) open.Config {
	return open.FromEnvironment(open.Config{
		Endpoint: m.Endpoint.ValueString(), Token: m.Token.ValueString(), CACertFile: m.CACertFile.ValueString(),
		ClientCertFile: m.ClientCertFile.ValueString(), ClientKeyFile: m.ClientKeyFile.ValueString(),
		Path: m.Path.ValueString(), KMSKey: m.KMSKey.ValueString(),
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
	d, err := backend.ParseDuration(configured.ValueString())
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
	d, err := backend.ParseDuration(req.ConfigValue.ValueString())
	if err != nil || d < time.Millisecond || d > time.Hour {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid duration",
			fmt.Sprintf("The value of %s %s.", req.Path, v.Description(ctx)))
	}
}
