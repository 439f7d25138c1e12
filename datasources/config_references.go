// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

type configReferences struct{ session *session.Session }

var _ datasource.DataSourceWithConfigure = (*configReferences)(nil)

// NewConfigReferences makes the data source pouncet_config_references.
func NewConfigReferences() datasource.DataSource { return &configReferences{} }

type configReferencesModel struct {
	Project      types.String `tfsdk:"project"`
	Scope        types.String `tfsdk:"scope"`
	Environments []string     `tfsdk:"environments"`
	Paths        []string     `tfsdk:"paths"`
	Path         types.String `tfsdk:"path"`
	Include      []string     `tfsdk:"include"`
	Exclude      []string     `tfsdk:"exclude"`
	MissingOK    []string     `tfsdk:"missing_ok"`
	Declared     []declared   `tfsdk:"declared"`
	DeclaredOnly types.Bool   `tfsdk:"declared_only"`

	References types.List   `tfsdk:"references"`
	Missing    types.List   `tfsdk:"missing"`
	Unknown    types.List   `tfsdk:"unknown"`
	OK         types.Bool   `tfsdk:"ok"`
	Summary    types.String `tfsdk:"summary"`
}

// declared is an entry that the configuration declares, applied or not.
type declared struct {
	Kind        types.String `tfsdk:"kind"`
	Name        types.String `tfsdk:"name"`
	Environment types.String `tfsdk:"environment"`
	Scope       types.String `tfsdk:"scope"`
	FromSecret  types.String `tfsdk:"from_secret"`
}

func (d declared) entry() review.Entry {
	o := review.Entry{
		Kind: backend.Kind(cmp.Or(d.Kind.ValueString(), string(backend.KindSecret))), Name: d.Name.ValueString(),
		Environment: cmp.Or(d.Environment.ValueString(), backend.AnyEnvironment), Scope: cmp.Or(d.Scope.ValueString(), backend.ProjectScope),
	}
	if secret := d.FromSecret.ValueString(); secret != "" {
		o.Link = &backend.Link{Secret: secret}
	}
	return o
}

func (*configReferences) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "pouncet_config_references"
}

func (d *configReferences) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (d *configReferences) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m configReferencesModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	refs := m.scan(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	c := &configCheck{session: d.session, model: &m, project: d.session.ProjectOr(m.Project.ValueString()), defaults: review.Defaults{Scope: m.Scope.ValueString()}}
	c.defaults.Project = c.project
	if err := c.run(ctx, refs); err != nil {
		session.Report(&resp.Diagnostics, "Checking the references", err, session.Paths{"project": path.Root("project"), "scope": path.Root("scope")})
		return
	}
	c.fill()
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// scan reads the files for references.
func (m *configReferencesModel) scan(diags *diag.Diagnostics) []interpolate.Reference {
	files := m.Paths
	at := session.Paths{"path": path.Root("path"), "paths": path.Root("paths"), "include": path.Root("include")}
	if !m.Path.IsNull() {
		include, exclude := m.Include, m.Exclude
		if include == nil {
			include = defaultInclude
		}
		if exclude == nil {
			exclude = defaultExclude
		}
		var err error
		if files, err = filesIn(m.Path.ValueString(), include, exclude); err != nil {
			session.Report(diags, "Looking for files", err, at)
			return nil
		}
	}
	refs, suspects, err := scanFiles(files)
	var problems interpolate.Problems
	switch {
	case errors.As(err, &problems):
		for _, p := range problems {
			diags.AddError("Reading the files: "+strings.ReplaceAll(string(p.Err.Code), "_", " "), p.Error()+".")
		}
	case err != nil:
		session.Report(diags, "Reading the files", err, at)
	}
	for _, s := range suspects {
		diags.AddWarning("A reference that is none", s.Error())
	}
	return refs
}

// configCheck is one check being made.
type configCheck struct {
	session  *session.Session
	model    *configReferencesModel
	project  string
	defaults review.Defaults
	catalog  *review.Catalog

	rows                          []row
	references, missing, unknowns []attr.Value
	lines                         []string
}

// row is one reference in one environment.
type row struct {
	interpolate.Reference
	environment string // "" of a variable of the process environment
	review.LookupResult
}

func (c *configCheck) run(ctx context.Context, refs []interpolate.Reference) error {
	if scope := c.model.Scope.ValueString(); scope != "" {
		if err := backend.CheckScope(scope); err != nil {
			return err
		}
	}
	if err := c.fetch(ctx, refs); err != nil {
		return err
	}
	environments := c.model.Environments
	switch own := c.catalog.Project(c.project); {
	case environments != nil:
	case own != nil:
		environments = own.EnvironmentNames()
	default: // what cannot be seen is told as unknown, once
		environments = []string{backend.AnyEnvironment}
	}
	for _, r := range refs {
		in := environments
		switch {
		case r.Kind == "":
			in = []string{""} // only the process that renders knows its variables
		case r.Environment != "":
			in = []string{r.Environment}
		}
		for _, environment := range in {
			c.rows = append(c.rows, row{r, environment, c.look(r, environment)})
		}
	}
	return nil
}

// fetch reads the metadata of the project, and of those that references name.
func (c *configCheck) fetch(ctx context.Context, refs []interpolate.Reference) error {
	projects := []string{c.project}
	for _, r := range refs {
		projects = append(projects, cmp.Or(r.Project, c.project))
	}
	var err error
	if c.catalog, err = review.Fetch(ctx, c.session.Service, projects); err != nil {
		return err
	}
	if err := c.catalog.Err(c.project); errors.Is(err, backend.ErrNotFound) {
		return err
	}
	if own := c.catalog.Project(c.project); own != nil {
		if c.model.DeclaredOnly.ValueBool() {
			own.Entries = nil
		}
		entries := make([]review.Entry, len(c.model.Declared))
		for i, d := range c.model.Declared {
			entries[i] = d.entry()
		}
		own.Declare(entries)
	}
	return nil
}

// look is what a reference leads to, as far as it matters here: whether a
// secret has a field, only its value could tell, and that is let pass.
func (c *configCheck) look(r interpolate.Reference, environment string) review.LookupResult {
	if r.Kind == "" {
		return review.LookupResult{}
	}
	if err := c.catalog.Err(r.Project); errors.Is(err, backend.ErrNotFound) {
		return review.LookupResult{Rule: review.Missing, Reason: fmt.Sprintf("project %s does not exist", backend.Quote(r.Project))}
	}
	a := c.catalog.Lookup(r, c.defaults, environment)
	missing := a.Rule == review.Missing || a.Rule == review.MissingField
	mayMiss := r.HasDefault || slices.Contains(c.model.MissingOK, r.Name) || slices.Contains(c.model.MissingOK, environment+"/"+r.Name)
	if missing && mayMiss && !a.NoDefault || a.Rule == review.Unchecked && r.Version == "" {
		return review.LookupResult{}
	}
	return a
}
