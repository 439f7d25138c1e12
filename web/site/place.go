// SPDX-License-Identifier: MPL-2.0

package site

import (
	"net/url"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Place is the project and the environment that a page shows, with those to switch to.
type Place struct {
	Project      backend.Object
	Environment  string // a name, backend.AnyEnvironment, or "" for a page about the whole project
	Projects     []backend.Object
	Environments []backend.Object
	part         string // of the session
}

// Place returns the place that the path of a request names.
func (q *Request) Place() (*Place, error) {
	p := &Place{Environment: q.R.PathValue("environment"), part: partOf(q.R)}
	var err error
	if p.Projects, err = q.List(backend.Query{Kind: backend.KindProject}); err != nil {
		return nil, err
	}
	name := q.R.PathValue("project")
	at := slices.IndexFunc(p.Projects, func(o backend.Object) bool { return o.Name == name })
	if at < 0 {
		return nil, backend.Errorf(backend.CodeNotFound, "project %s does not exist", backend.Quote(name)).
			WithHint("choose a project from the list")
	}
	p.Project = p.Projects[at]
	p.Environments, err = q.List(backend.Query{Kind: backend.KindEnvironment, Project: name})
	if err == nil && p.Environment != "" && p.Environment != backend.AnyEnvironment &&
		!slices.ContainsFunc(p.Environments, func(o backend.Object) bool { return o.Name == p.Environment }) {
		err = backend.Errorf(backend.CodeNotFound, "environment %s does not exist in project %q",
			backend.Quote(p.Environment), name).WithHint("choose an environment from the list")
	}
	return p, err
}

// Path returns a path below the project: Path("types", key).
func (p *Place) Path(parts ...string) string {
	return withPart(p.part, ProjectPath(p.Project.Name, parts...))
}

// In returns a path below the environment of the page.
func (p *Place) In(parts ...string) string {
	return p.Path(append([]string{"e", p.Environment}, parts...)...)
}

// ProjectPath returns a path below a project.
func ProjectPath(project string, parts ...string) string {
	path := Root + "p/" + url.PathEscape(project)
	for _, part := range parts {
		path += "/" + url.PathEscape(part)
	}
	return path
}

// EntryPath returns the path of a secret or scoped value.
func EntryPath(o backend.Object, parts ...string) string {
	kind := "secret"
	if o.Kind == backend.KindScopedValue {
		kind = "value"
	}
	return ProjectPath(o.Project, append([]string{kind, o.ID}, parts...)...)
}
