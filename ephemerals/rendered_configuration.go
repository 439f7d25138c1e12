// SPDX-License-Identifier: MPL-2.0

package ephemerals

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

type renderedConfiguration struct{ session *session.Session }

var _ ephemeral.EphemeralResourceWithConfigure = (*renderedConfiguration)(nil)

// NewRenderedConfiguration makes the ephemeral resource pouncet_rendered_configuration.
func NewRenderedConfiguration() ephemeral.EphemeralResource { return &renderedConfiguration{} }

type renderedConfigurationModel struct {
	Project     types.String `tfsdk:"project"`
	Environment types.String `tfsdk:"environment"`
	Scope       types.String `tfsdk:"scope"`
	Content     types.String `tfsdk:"content"`
	Path        types.String `tfsdk:"path"`
	Format      types.String `tfsdk:"format"`
	Dialect     types.String `tfsdk:"dialect"`
	Missing     types.String `tfsdk:"missing"`
	EnvVar      types.Bool   `tfsdk:"env_var"`
	Rendered    types.String `tfsdk:"rendered"`
}

var missingChoices = map[string]interpolate.Missing{
	"": interpolate.MissingError, "error": interpolate.MissingError, "null": interpolate.MissingNull, "keep": interpolate.MissingKeep,
}

func (*renderedConfiguration) Metadata(_ context.Context, _ ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = "pouncet_rendered_configuration"
}

func (*renderedConfiguration) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A configuration with its references filled in for one environment, as `pouncet render` does it, for the length of one Terraform run: " +
			"for a write-only argument, as that of a Kubernetes secret or of a parameter store. All references of the text are resolved in one request, and everything that is wrong is told at once.\n\n" +
			"A text names its secrets without Terraform noticing. Name the resources that make them in `depends_on`, so that they are made first: while they are only planned, `rendered` is unknown.",
		Attributes: map[string]schema.Attribute{
			"project":     schema.StringAttribute{Optional: true, MarkdownDescription: "Project of references that name none. Default: the provider's."},
			"environment": schema.StringAttribute{Required: true, MarkdownDescription: "Environment of references that name none."},
			"scope":       schema.StringAttribute{Optional: true, MarkdownDescription: "Scope of references that name none: `project` (the default), `app/<name>` or `pipeline/<name>`."},
			"content": schema.StringAttribute{
				Optional: true, MarkdownDescription: "The text. Exactly one of `content` and `path` is needed.",
				Validators: []validator.String{stringvalidator.ExactlyOneOf(path.MatchRoot("path"))},
			},
			"path": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Path of a file. Begin it with `path.module`: otherwise it is relative to the folder that Terraform runs in.",
				Validators: []validator.String{stringvalidator.ExactlyOneOf(path.MatchRoot("content"))},
			},
			"format": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "What the text is: " + choices(interpolate.Formats) + ". Default: what the name of the file says, and YAML for `content`; " +
					"what is not that yet, since others fill it in later, is read as a `template`.",
				Validators: []validator.String{stringvalidator.OneOf(words(interpolate.Formats)...)},
			},
			"dialect": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Read the text as another tool does: " + choices(interpolate.Dialects) + ". Default: as `pouncet render` does.",
				Validators:          []validator.String{stringvalidator.OneOf(words(interpolate.Dialects)...)},
			},
			"missing": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "What becomes of a reference to an entry that does not exist and has no default: `error` (the default), `null` (the default of the dialect `mage`), " +
					"or `keep`, which leaves the expression in the text.",
				Validators: []validator.String{stringvalidator.OneOf("error", "null", "keep")},
			},
			"env_var": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Whether `env_var('NAME')` gives the environment variables of the process that runs Terraform. Default: false, which makes it an error. " +
					"Variables that begin with `POUNCET_` are never given.",
			},
			"rendered": schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "The text with its references filled in. Everything else in it keeps its bytes."},
		},
	}
}

func (e *renderedConfiguration) Configure(_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse) {
	e.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (e *renderedConfiguration) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var m renderedConfigurationModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	at, file := path.Root("content"), interpolate.File{
		Name: "content", Data: []byte(m.Content.ValueString()),
		Format: interpolate.Format(m.Format.ValueString()), Dialect: interpolate.Dialect(m.Dialect.ValueString()),
	}
	if m.Content.IsNull() {
		at, file.Name = path.Root("path"), m.Path.ValueString()
		var err error
		if file.Data, err = os.ReadFile(file.Name); err != nil {
			resp.Diagnostics.AddAttributeError(at, "Reading the configuration", sentence(err.Error()))
			return
		}
	}
	o := interpolate.Options{
		Project: e.session.ProjectOr(m.Project.ValueString()), Environment: m.Environment.ValueString(), Scope: m.Scope.ValueString(),
		Missing: missingChoices[m.Missing.ValueString()],
		Warn: func(p interpolate.Problem) {
			resp.Diagnostics.AddAttributeWarning(at, "A reference that is none", sentence(p.Error()))
		},
	}
	if m.Missing.IsNull() && file.Dialect == interpolate.DialectMage {
		o.Missing = interpolate.MissingNull
	}
	if m.EnvVar.ValueBool() {
		o.LookupEnv = os.LookupEnv
	}
	r := &planningResolver{e.session, map[*backend.Error]bool{}}
	rendered, err := interpolate.Render(ctx, r, []interpolate.File{file}, o)
	r.report(&resp.Diagnostics, at, err)
	if resp.Diagnostics.HasError() {
		return
	}
	if len(r.planned) > 0 {
		m.Rendered = types.StringUnknown()
	} else {
		m.Rendered = types.StringValue(string(rendered[0].Data))
	}
	resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
}

func words[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// choices are words for a description.
func choices[S ~string](list []S) string { return "`" + strings.Join(words(list), "`, `") + "`" }

// planningResolver resolves, and keeps apart what is missing only because this
// plan is about to make it.
type planningResolver struct {
	session *session.Session
	planned map[*backend.Error]bool
}

func (r *planningResolver) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	found, err := r.session.Service.Resolve(ctx, refs)
	for i, f := range found {
		if isPlanned(r.session, refs[i], f) {
			r.planned[f.Err] = true
		}
	}
	return found, err
}

// report adds what is wrong, each with its place in the text. What is only
// planned is not wrong.
func (r *planningResolver) report(diags *diag.Diagnostics, at path.Path, err error) {
	var problems interpolate.Problems
	if err != nil && !errors.As(err, &problems) {
		session.Report(diags, "Rendering the configuration", err, session.Paths{"project": path.Root("project"), "environment": path.Root("environment")})
		return
	}
	for _, p := range problems {
		if !r.planned[p.Err] {
			diags.AddAttributeError(at, fmt.Sprintf("Rendering the configuration: %s", strings.ReplaceAll(string(p.Err.Code), "_", " ")), sentence(p.Error()))
		}
	}
}

func sentence(s string) string {
	if strings.HasSuffix(s, "?") || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}
