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

func (d declared) object() backend.Object {
	o := backend.Object{
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
	c := &configCheck{session: d.session, model: &m, project: d.session.ProjectOr(m.Project.ValueString()), inventories: map[string]*inventory{}}
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
	session     *session.Session
	model       *configReferencesModel
	project     string
	inventories map[string]*inventory // by project, as references name it

	rows                          []row
	references, missing, unknowns []attr.Value
	lines                         []string
}

// row is one reference in one environment.
type row struct {
	interpolate.Reference
	environment string // "" of a variable of the process environment
	verdict
}

func (c *configCheck) run(ctx context.Context, refs []interpolate.Reference) error {
	if scope := c.model.Scope.ValueString(); scope != "" {
		if err := backend.CheckScope(scope); err != nil {
			return err
		}
	}
	environments := c.model.Environments
	if environments == nil {
		in, err := c.inventory(ctx, c.project)
		if err != nil {
			return err
		}
		for _, e := range in.environments {
			environments = append(environments, e.Name)
		}
	}
	for _, r := range refs {
		in := environments
		switch {
		case r.Kind == "":
			in = []string{""}
		case r.Environment != "":
			in = []string{r.Environment}
		}
		for _, environment := range in {
			v, err := c.judge(ctx, r, environment)
			if err != nil {
				return err
			}
			c.rows = append(c.rows, row{r, environment, v})
		}
	}
	return nil
}

func (c *configCheck) judge(ctx context.Context, r interpolate.Reference, environment string) (verdict, error) {
	if r.Kind == "" {
		return verdict{}, nil // only the process that renders knows its variables
	}
	ref := backend.Ref{
		Kind: r.Kind, Project: cmp.Or(r.Project, c.project), Environment: environment,
		Scope: cmp.Or(r.Scope, c.model.Scope.ValueString(), backend.ProjectScope), Name: r.Name, Field: r.Field, Version: r.Version,
	}
	in, err := c.inventory(ctx, ref.Project)
	if ref.Project != c.project && errors.Is(err, backend.ErrNotFound) {
		return verdict{missing: true, mistake: true, reason: fmt.Sprintf("project %s does not exist", backend.Quote(ref.Project))}, nil
	}
	if err != nil {
		return verdict{}, err
	}
	v := judge(ref, in)
	if v.missing && !v.mistake && (r.HasDefault || slices.Contains(c.model.MissingOK, r.Name) || slices.Contains(c.model.MissingOK, environment+"/"+r.Name)) {
		return verdict{}, nil
	}
	return v, nil
}

// inventory reads the metadata of a project, once.
func (c *configCheck) inventory(ctx context.Context, project string) (*inventory, error) {
	if in, ok := c.inventories[project]; ok {
		return in, nil
	}
	in := &inventory{}
	own := project == c.project
	for _, kind := range []backend.Kind{backend.KindEnvironment, backend.KindSecret, backend.KindValue} {
		if own && c.model.DeclaredOnly.ValueBool() && kind != backend.KindEnvironment {
			continue
		}
		objects, err := queryAll(ctx, c.session.Service, backend.Query{Kind: kind, Project: project})
		switch {
		case errors.Is(err, backend.ErrDenied):
			in.denied = backend.AsError(err)
		case err != nil:
			return nil, err
		case kind == backend.KindEnvironment:
			in.environments = objects
		default:
			in.entries = append(in.entries, objects...)
		}
	}
	if own {
		in.declare(c.model.Declared)
	}
	c.inventories[project] = in
	return in, nil
}

// declare adds entries that are declared to what is there, and the
// environments that they are in: these are declared beside them.
func (in *inventory) declare(entries []declared) {
	for _, d := range entries {
		o := d.object()
		same := func(e backend.Object) bool {
			return e.Kind == o.Kind && e.Name == o.Name && e.Environment == o.Environment && e.Scope == o.Scope
		}
		if i := slices.IndexFunc(in.entries, same); i < 0 {
			in.entries = append(in.entries, o)
		} else if o.Kind == backend.KindValue {
			in.entries[i].Link = o.Link
		}
		if o.Environment != backend.AnyEnvironment && !slices.ContainsFunc(in.environments, func(e backend.Object) bool { return e.Name == o.Environment }) {
			in.environments = append(in.environments, backend.Object{Kind: backend.KindEnvironment, Name: o.Environment})
		}
	}
}
