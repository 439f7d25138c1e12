// SPDX-License-Identifier: MPL-2.0

package ephemerals

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"golang.org/x/text/unicode/norm"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
	"github.com/pouncet/terraform-provider-pouncet/readfile"
)

type renderedConfiguration struct{ session *session.Session }

var _ ephemeral.EphemeralResourceWithConfigure = (*renderedConfiguration)(nil)

// NewRenderedConfiguration returns the ephemeral resource pouncet_rendered_configuration.
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
	After       types.List   `tfsdk:"after_versions"`
	Rendered    types.String `tfsdk:"rendered"`
}

var missingChoices = map[string]interpolate.Missing{
	"":      interpolate.MissingError,
	"error": interpolate.MissingError,
	"null":  interpolate.MissingNull,
	"keep":  interpolate.MissingKeep,
}

const renderedConfigurationDescription = "Replaces the references in a configuration with their values, for one " +
	"environment and for the length of one Terraform run, as `pouncet render` does. Use the result in a write-only " +
	"argument, such as that of a Kubernetes secret or a parameter store. All references are resolved in one request, " +
	"and all problems are reported at once.\n\n" +
	"Terraform cannot see which secrets a text refers to. Name the resources that create them in `depends_on`, so " +
	"that Terraform creates them first. While they are only planned, `rendered` is unknown. Name the versions of " +
	"secrets that the configuration also changes in `after_versions`."

func (*renderedConfiguration) Metadata(
	_ context.Context, _ ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse,
) {
	resp.TypeName = "pouncet_rendered_configuration"
}

func (*renderedConfiguration) Schema(
	_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse,
) {
	attributes := map[string]schema.Attribute{
		"project": optionalString("Project of references that name no project. Defaults to the project of the " +
			"provider."),
		"environment": schema.StringAttribute{
			Required: true, MarkdownDescription: "Environment of references that name no environment.",
		},
		"scope": optionalString("Scope of references that name no scope: `project`, `app/<name>` or " +
			"`pipeline/<name>`. Defaults to `project`."),
		"content": optionalString("Text to render. Exactly one of `content` and `path` is required.",
			stringvalidator.ExactlyOneOf(path.MatchRoot("path"))),
		"path": optionalString("Path of a file to render. Start it with `path.module`; otherwise it is relative to "+
			"the folder in which Terraform runs. Exactly one of `content` and `path` is required.",
			stringvalidator.ExactlyOneOf(path.MatchRoot("content"))),
		"format": optionalString("Format of the text: "+quotedList(interpolate.Formats)+". Defaults to the format "+
			"that the name of the file says, and to `yaml` for `content`. A text that cannot be parsed because "+
			"another tool fills it in later is read as a `template`.",
			stringvalidator.OneOf(toStrings(interpolate.Formats)...)),
		"dialect": optionalString("Rules of another tool to follow: "+quotedList(interpolate.Dialects)+". Defaults "+
			"to the rules of `pouncet render`.",
			stringvalidator.OneOf(toStrings(interpolate.Dialects)...)),
		"missing": optionalString("What replaces a reference to an entry that does not exist and has no default: "+
			"`error` reports it, `null` writes null, and `keep` leaves the expression in the text. Defaults to "+
			"`error`, and to `null` in the dialect `mage`.",
			stringvalidator.OneOf("error", "null", "keep")),
		"env_var": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: "Whether `env_var('NAME')` reads the environment variables of the Terraform " +
				"process. Defaults to `false`, which makes it an error. It never " +
				"reads variables that start with `POUNCET_`.",
		},
		"after_versions": schema.ListAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: "Versions of secrets, and revisions of scoped values, that the text refers to and that the " +
				"configuration also changes, such as `[pouncet_secret.example.version]`. They are unknown while the object " +
				"changes, so Terraform renders the text after the change. The argument has no other effect.",
		},
		"rendered": schema.StringAttribute{
			Computed: true, Sensitive: true,
			MarkdownDescription: "The text with its references replaced. All other bytes are unchanged.",
		},
	}
	resp.Schema = schema.Schema{MarkdownDescription: renderedConfigurationDescription, Attributes: attributes}
}

func optionalString(description string, validators ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{Optional: true, MarkdownDescription: description, Validators: validators}
}

func (e *renderedConfiguration) Configure(_ context.Context, req ephemeral.ConfigureRequest,
	resp *ephemeral.ConfigureResponse) {
	e.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (e *renderedConfiguration) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	defer beforeDestroy(ctx, e.session, resp)
	var m renderedConfigurationModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	at, file := path.Root("content"), interpolate.File{
		Name: "content", Unnamed: true, Data: []byte(m.Content.ValueString()),
		Format: interpolate.Format(m.Format.ValueString()), Dialect: interpolate.Dialect(m.Dialect.ValueString()),
	}
	if m.Content.IsNull() {
		at, file.Name, file.Unnamed = path.Root("path"), m.Path.ValueString(), false
		var err error
		if file.Data, err = readfile.Regular(file.Name, interpolate.MaxFileBytes); err != nil {
			resp.Diagnostics.AddAttributeError(at, "Reading the configuration", withFullStop(err.Error()))
			return
		}
	}
	o := interpolate.Options{
		Project:     e.session.ProjectOr(m.Project.ValueString()),
		Environment: m.Environment.ValueString(),
		Scope:       m.Scope.ValueString(),
		Missing:     missingChoices[m.Missing.ValueString()],
		Warn: func(p interpolate.Problem) {
			resp.Diagnostics.AddAttributeWarning(at, "Possibly misspelled reference", withFullStop(p.Error()))
		},
	}
	if m.Missing.IsNull() && file.Dialect == interpolate.DialectMage {
		o.Missing = interpolate.MissingNull
	}
	if m.EnvVar.ValueBool() {
		o.LookupEnv = os.LookupEnv
	}
	r := &planningResolver{session: e.session, unknown: map[*backend.Error]bool{}}
	rendered, err := interpolate.Render(ctx, r, []interpolate.File{file}, o)
	r.report(&resp.Diagnostics, at, err)
	if resp.Diagnostics.HasError() {
		return
	}
	if len(r.unknown) == 0 && !norm.NFC.IsNormal(rendered[0].Data) {
		resp.Diagnostics.AddAttributeError(at, "Rendering the configuration: invalid",
			"The result is not in the Unicode normalization form C (NFC), and Terraform would change it.\n\n"+
				"Render the file with pouncet render instead.")
		return
	}
	if len(r.unknown) > 0 {
		m.Rendered = types.StringUnknown()
	} else {
		m.Rendered = types.StringValue(string(rendered[0].Data))
	}
	r.warn(at, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
}

func toStrings[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// quotedList returns a list for a description in Markdown.
func quotedList[S ~string](list []S) string { return "`" + strings.Join(toStrings(list), "`, `") + "`" }

// planningResolver resolves references, and records the errors of entries that have no value yet: this Terraform plan
// creates them, or the session has no values.
type planningResolver struct {
	session *session.Session
	unknown map[*backend.Error]bool
	read    []readEntry // what it has returned, in the order of the text
}

// readEntry is a reference with what it resolved to.
type readEntry struct {
	ref backend.Ref
	is  backend.Resolution
}

// warn warns once of each entry that the text refers to and that this plan changes.
func (r *planningResolver) warn(at path.Path, diags *diag.Diagnostics) {
	warned := map[string]bool{}
	for _, e := range r.read {
		if warned[e.is.ID] {
			continue
		}
		warned[e.is.ID] = true
		remedy := "Add the version of the resource to after_versions, for example after_versions = " +
			"[pouncet_secret.example.version]."
		if e.ref.Kind == backend.KindScopedValue {
			remedy = "Add the revision of the resource to after_versions, for example after_versions = " +
				"[pouncet_scoped_value.example.revision]."
		}
		warnIfChanging(r.session, e.ref, resolved{Resolution: e.is}, remedy, at, diags)
	}
}

func (r *planningResolver) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	resolutions, err := resolveOrLookUp(ctx, r.session, refs)
	for i := range resolutions {
		if resolutions[i].Err == nil && r.session.ValuesUnknown {
			resolutions[i].Err = backend.Errorf(backend.CodeUnavailable, "the value is not known")
			r.unknown[resolutions[i].Err] = true
		}
		planned, err := isPlanned(ctx, r.session, refs[i], resolutions[i])
		if err != nil {
			return nil, err
		}
		if planned {
			r.unknown[resolutions[i].Err] = true
		}
		if resolutions[i].Err == nil {
			if err := r.recordRead(ctx, refs[i], resolutions[i]); err != nil {
				return nil, err
			}
		}
	}
	return resolutions, err
}

// recordRead records the entry whose value was read and, of a scoped value, also the secret to which it links.
func (r *planningResolver) recordRead(ctx context.Context, ref backend.Ref, is backend.Resolution) error {
	if !r.session.Plan.ChangesEntries() {
		return nil
	}
	r.read = append(r.read, readEntry{ref, is})
	if ref.Kind == backend.KindSecret {
		return nil
	}
	page, err := r.session.Service.Query(ctx, backend.Query{Kind: ref.Kind, Project: ref.Project, ID: is.ID})
	if err != nil || len(page.Objects) != 1 || page.Objects[0].Link == nil {
		return err
	}
	ref.Kind, ref.Name, ref.Field = backend.KindSecret, page.Objects[0].Link.Secret, ""
	linked, err := r.session.Service.Resolve(ctx, []backend.Ref{ref})
	if err == nil && linked[0].Err == nil {
		r.read = append(r.read, readEntry{ref, linked[0]})
	}
	return err
}

// report adds the error of Render to the diagnostics, except for entries without a value.
func (r *planningResolver) report(diags *diag.Diagnostics, at path.Path, err error) {
	const action = "Rendering the configuration"
	var problems interpolate.Problems
	if err != nil && !errors.As(err, &problems) {
		session.Report(diags, action, err, session.Paths{
			"project": path.Root("project"), "environment": path.Root("environment"),
		})
		return
	}
	for _, p := range problems {
		if !r.unknown[p.Err] {
			code := strings.ReplaceAll(string(p.Err.Code), "_", " ")
			diags.AddAttributeError(at, action+": "+code, withFullStop(p.Error()))
		}
	}
}

// withFullStop ends a text as Terraform ends the text of a diagnostic. It keeps the first letter, which belongs to a
// position in a file.
func withFullStop(s string) string {
	s = backend.Printable(s)
	if strings.HasSuffix(s, "?") || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}
