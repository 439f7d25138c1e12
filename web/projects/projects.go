// SPDX-License-Identifier: MPL-2.0

// Package projects is the page with the projects and their environments.
package projects

import (
	"embed"
	"net/http"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed projects.html
var files embed.FS

var page = site.NewTemplate(files, "projects.html")

// Register adds the page.
func Register(s *site.Site) {
	s.Handle("GET "+site.Root+"projects", func(q *site.Request) error { return show(q, list{}) })
	s.Handle("POST "+site.Root+"projects", create)
}

// project is a project with its environments.
type project struct {
	Project      backend.Object
	Environments []backend.Object
	MayAdd       bool // environments
}

// list is what the page shows, with what was typed.
type list struct {
	Projects    []project
	Name, In    string
	Environment bool // the form for an environment was sent
	Error       *backend.Error
	MayAdd      bool // environments to some project
}

// Hidden returns the error if the person does not see the form that it is about.
func (l list) Hidden(mayCreate bool) *backend.Error {
	if l.Environment && l.MayAdd || !l.Environment && mayCreate {
		return nil
	}
	return l.Error
}

func show(q *site.Request, l list) error {
	all, err := q.List(backend.Query{Kind: backend.KindProject})
	if err != nil {
		return err
	}
	for _, p := range all {
		environments, err := q.List(backend.Query{Kind: backend.KindEnvironment, Project: p.Name})
		if err != nil {
			return err
		}
		may := q.May(backend.OpCreate, backend.KindEnvironment, backend.Place{Project: p.ID})
		l.Projects, l.MayAdd = append(l.Projects, project{p, environments, may}), l.MayAdd || may
	}
	p := site.Page{Title: site.Text("projects.title"), Section: "projects", Data: l}
	if l.Error != nil {
		return q.RenderStatus(http.StatusUnprocessableEntity, page, p)
	}
	return q.Render(page, p)
}

// create creates a project or, with a project to be in, an environment.
func create(q *site.Request) error {
	l := list{Name: strings.TrimSpace(q.R.PostFormValue("name")), In: q.R.PostFormValue("project")}
	l.Environment = l.In != ""
	if q.R.PostFormValue(site.Restored) != "" {
		return show(q, l)
	}
	c := backend.Change{Op: backend.OpCreate, Kind: backend.KindProject, Name: l.Name}
	if l.Environment {
		c.Kind, c.Project = backend.KindEnvironment, l.In
	}
	out, err := q.Change(c)
	if err != nil {
		if !site.IsUsers(err) {
			return err
		}
		l.Error = backend.AsError(err)
		return show(q, l)
	}
	if l.Environment {
		return q.Redirect(site.ProjectPath(out.Object.Project, "e", out.Object.Name), "created")
	}
	return q.Redirect(site.Root+"projects", "created")
}
