// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

type configReferences struct{ session *session.Session }

var _ datasource.DataSourceWithConfigure = (*configReferences)(nil)

// NewConfigReferences returns the data source pouncet_config_references.
func NewConfigReferences() datasource.DataSource { return &configReferences{} }

type configReferencesModel struct {
	Project      types.String    `tfsdk:"project"`
	Scope        types.String    `tfsdk:"scope"`
	Environments []string        `tfsdk:"environments"`
	Paths        []string        `tfsdk:"paths"`
	Path         types.String    `tfsdk:"path"`
	Include      []string        `tfsdk:"include"`
	Exclude      []string        `tfsdk:"exclude"`
	MissingOK    []string        `tfsdk:"missing_ok"`
	Declared     []declaredEntry `tfsdk:"declared"`
	DeclaredOnly types.Bool      `tfsdk:"declared_only"`

	References types.List   `tfsdk:"references"`
	Missing    types.List   `tfsdk:"missing"`
	Unknown    types.List   `tfsdk:"unknown"`
	OK         types.Bool   `tfsdk:"ok"`
	Summary    types.String `tfsdk:"summary"`
}

// declaredEntry is an entry that the configuration declares, whether it exists yet or not.
type declaredEntry struct {
	Kind        types.String `tfsdk:"kind"`
	Name        types.String `tfsdk:"name"`
	Environment types.String `tfsdk:"environment"`
	Scope       types.String `tfsdk:"scope"`
	FromSecret  types.String `tfsdk:"from_secret"`
}

func (d declaredEntry) entry() review.Entry {
	e := review.Entry{
		Kind:        backend.Kind(cmp.Or(d.Kind.ValueString(), string(backend.KindSecret))),
		Name:        d.Name.ValueString(),
		Environment: cmp.Or(d.Environment.ValueString(), backend.AnyEnvironment),
		Scope:       cmp.Or(d.Scope.ValueString(), backend.ProjectScope),
	}
	if secret := d.FromSecret.ValueString(); secret != "" {
		e.Link = &backend.Link{Secret: secret}
	}
	return e
}

func (*configReferences) Metadata(
	_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse,
) {
	resp.TypeName = "pouncet_config_references"
}

func (d *configReferences) Configure(
	_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse,
) {
	d.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (d *configReferences) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	defer beforeDestroy(ctx, d.session, req, resp)
	var m configReferencesModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	refs := m.scan(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	project := d.session.ProjectOr(m.Project.ValueString())
	c := &configCheck{
		session: d.session, model: &m, project: project,
		defaults: review.Defaults{Project: project, Scope: m.Scope.ValueString()},
	}
	if err := c.run(ctx, refs); err != nil {
		session.Report(&resp.Diagnostics, "Checking the references", err, session.RootPaths("project", "scope"))
		return
	}
	c.setResults()
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// scan returns the references in the configured files.
func (m *configReferencesModel) scan(diags *diag.Diagnostics) []interpolate.Reference {
	files := m.Paths
	paths := session.RootPaths("path", "paths", "include")
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
			session.Report(diags, "Searching for files", err, paths)
			return nil
		}
	}
	refs, warnings, err := scanFiles(files)
	var problems interpolate.Problems
	switch {
	case errors.As(err, &problems):
		for _, p := range problems {
			diags.AddError("Reading the files: "+strings.ReplaceAll(string(p.Err.Code), "_", " "), p.Error()+".")
		}
	case err != nil:
		session.Report(diags, "Reading the files", err, paths)
	}
	for _, w := range warnings {
		diags.AddWarning("Possibly misspelled reference", w.Error())
	}
	return refs
}

// configCheck is one check of configuration files.
type configCheck struct {
	session  *session.Session
	model    *configReferencesModel
	project  string
	defaults review.Defaults
	catalog  *review.Catalog
	results  []checkedReference
}

// checkedReference is one reference in one environment.
type checkedReference struct {
	interpolate.Reference
	environment string // "" for a variable of the process environment
	review.LookupResult
}

// run looks up every reference in its environment, or in all environments if it names none.
func (c *configCheck) run(ctx context.Context, refs []interpolate.Reference) error {
	if scope := c.model.Scope.ValueString(); scope != "" {
		if err := backend.CheckScope(scope); err != nil {
			return err
		}
	}
	if err := c.fetchCatalog(ctx, refs); err != nil {
		return err
	}
	all := c.model.Environments
	project := c.catalog.Project(c.project)
	switch {
	case all != nil:
	case project != nil:
		all = project.EnvironmentNames()
	default: // the project cannot be read, which is reported once per reference
		all = []string{backend.AnyEnvironment}
	}
	for _, r := range refs {
		environments := all
		switch {
		case r.Kind == "":
			environments = []string{""} // only the process that renders the file knows its variables
		case r.Environment != "":
			environments = []string{r.Environment}
		}
		for _, environment := range environments {
			c.results = append(c.results, checkedReference{r, environment, c.lookup(r, environment)})
		}
	}
	return nil
}

// fetchCatalog reads the metadata of the project, and of the projects that references name.
func (c *configCheck) fetchCatalog(ctx context.Context, refs []interpolate.Reference) error {
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
	if project := c.catalog.Project(c.project); project != nil {
		if c.model.DeclaredOnly.ValueBool() {
			project.Entries = nil
		}
		entries := make([]review.Entry, len(c.model.Declared))
		for i, d := range c.model.Declared {
			entries[i] = d.entry()
		}
		project.Declare(entries)
	}
	return nil
}

// lookup looks up a reference in an environment. A missing entry with a default, or one in missing_ok, is no result.
// Nor is a field of a secret, because only the value shows whether it exists.
func (c *configCheck) lookup(r interpolate.Reference, environment string) review.LookupResult {
	if r.Kind == "" {
		return review.LookupResult{}
	}
	if err := c.catalog.Err(r.Project); errors.Is(err, backend.ErrNotFound) {
		reason := fmt.Sprintf("project %s does not exist", backend.Quote(r.Project))
		return review.LookupResult{Rule: review.Missing, Reason: reason}
	}
	result := c.catalog.Lookup(r.Reference, c.defaults, environment)
	missing := result.Rule == review.Missing || result.Rule == review.MissingField
	mayBeMissing := r.HasDefault || slices.Contains(c.model.MissingOK, r.Name) ||
		slices.Contains(c.model.MissingOK, environment+"/"+r.Name)
	fieldOnly := result.Rule == review.Unchecked && r.Version == ""
	if missing && mayBeMissing && !result.NoDefault || fieldOnly {
		return review.LookupResult{}
	}
	return result
}
