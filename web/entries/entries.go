// SPDX-License-Identifier: MPL-2.0

// Package entries is the page with the secrets and scoped values of an environment.
package entries

import (
	"embed"
	"net/http"
	"net/url"
	"strconv"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed entries.html
var files embed.FS

var page = site.NewTemplate(files, "entries.html")

// pageSize is how many entries a page has.
const pageSize = 50

// Register adds the page.
func Register(s *site.Site) {
	s.Handle("GET "+site.Root+"p/{project}/e/{environment}", show)
	s.Handle("GET "+site.Root+"p/{project}", first)
	s.Handle("GET "+site.Root+"switch", change)
	s.Handle("GET "+site.Root+"{$}", home)
}

// filter is what a list is restricted to, as the address of the page says it.
type filter struct {
	Search, Type, Scope, Sort string
	Down                      bool
	Number                    int // of the page, from 1
}

func filterOf(v url.Values) filter {
	f := filter{Search: v.Get("q"), Type: v.Get("type"), Scope: v.Get("scope"), Sort: v.Get("sort"),
		Down: v.Get("order") == "down", Number: 1}
	if n, err := strconv.Atoi(v.Get("page")); err == nil && n > 0 && n <= backend.MaxListedEntries {
		f.Number = n
	}
	return f
}

// Restricts reports whether the list can lack entries.
func (f filter) Restricts() bool { return f.Search != "" || f.Type != "" || f.Scope != "" }

// address returns the query of the address with this filter.
func (f filter) address() string {
	v := url.Values{}
	set := func(key, value string) {
		if value != "" {
			v.Set(key, value)
		}
	}
	set("q", f.Search)
	set("type", f.Type)
	set("scope", f.Scope)
	set("sort", f.Sort)
	if f.Down {
		v.Set("order", "down")
	}
	if f.Number > 1 {
		v.Set("page", strconv.Itoa(f.Number))
	}
	if len(v) == 0 {
		return "?"
	}
	return "?" + v.Encode()
}

// SortedBy returns the address with another order. The same order again is reversed.
func (f filter) SortedBy(column string) string {
	f.Down = !f.Down && f.sort() == column
	f.Sort, f.Number = column, 1
	return f.address()
}

func (f filter) sort() string {
	if f.Sort == "" {
		return backend.SortName
	}
	return f.Sort
}

// Direction returns the attribute aria-sort of a column.
func (f filter) Direction(column string) string {
	switch {
	case f.sort() != column:
		return "none"
	case f.Down:
		return "descending"
	}
	return "ascending"
}

// Page returns the address of another page.
func (f filter) Page(n int) string {
	f.Number = n
	return f.address()
}

// list is what the page shows.
type list struct {
	filter
	Entries               []backend.Object
	Total, From, To, Last int
	Types                 []backend.Object
	Known                 int // environments of the project
	Error                 *backend.Error
}

// AtSearch returns what is wrong with the text of the search.
func (l list) AtSearch() string {
	if l.Error == nil {
		return ""
	}
	return l.Error.Error()
}

// Previous and Following return the numbers of the neighbouring pages; 0 for none.
func (l list) Previous() int { return l.Number - 1 }

// Following returns the number of the next page; 0 for none.
func (l list) Following() int {
	if l.Number >= l.Last {
		return 0
	}
	return l.Number + 1
}

func show(q *site.Request) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	l := list{filter: filterOf(q.R.URL.Query()), Known: len(place.Environments)}
	if err := l.load(q, place); err != nil {
		return err
	}
	if l.Number > l.Last {
		// The entries of this page were deleted.
		l.Number = l.Last
		if err := l.load(q, place); err != nil {
			return err
		}
	}
	l.From, l.To = (l.Number-1)*pageSize+1, (l.Number-1)*pageSize+len(l.Entries)
	p := site.Page{Title: site.Text("entries.title"), Section: "entries", Place: place, Data: l}
	if q.IsPart("results") {
		return q.RenderPart(page, "results", p)
	}
	if l.Types, err = q.List(backend.Query{Kind: backend.KindSecretType, Project: place.Project.Name}); err != nil {
		return err
	}
	p.Data = l
	if l.Error != nil {
		return q.RenderStatus(http.StatusUnprocessableEntity, page, p)
	}
	return q.Render(page, p)
}

// load reads the entries of the page.
func (l *list) load(q *site.Request, place *site.Place) error {
	l.Last = 1
	got, err := q.Query(backend.Query{Kind: backend.KindEntry, Project: place.Project.Name,
		Environment: place.Environment, Search: l.Search, Type: l.Type, Scope: l.Scope, Sort: l.Sort,
		Descending: l.Down, Offset: (l.Number - 1) * pageSize, Limit: pageSize, LastResolved: true})
	if e := backend.AsError(err); err != nil && e.Attribute == "search" {
		l.Error = e
		return nil
	}
	if err != nil {
		return err
	}
	l.Entries, l.Total = got.Objects, *got.Total
	l.Last = max((l.Total+pageSize-1)/pageSize, 1)
	return nil
}

// home leads to the first project.
func home(q *site.Request) error {
	got, err := q.Query(backend.Query{Kind: backend.KindProject, Limit: 1})
	if err != nil {
		return err
	}
	if len(got.Objects) == 0 {
		return q.Redirect(site.Root+"projects", "")
	}
	return q.Redirect(site.ProjectPath(got.Objects[0].Name), "")
}

// first leads to the first environment of a project.
func first(q *site.Request) error {
	return lead(q, q.R.PathValue("project"), "")
}

// change leads to the project and the environment that the menus of the layout name.
func change(q *site.Request) error {
	v := q.R.URL.Query()
	return lead(q, v.Get("project"), v.Get("environment"))
}

func lead(q *site.Request, project, environment string) error {
	existing, err := q.List(backend.Query{Kind: backend.KindEnvironment, Project: project})
	if err != nil {
		return err
	}
	to := backend.AnyEnvironment
	if len(existing) > 0 {
		to = existing[0].Name
	}
	for _, e := range existing {
		if e.Name == environment {
			to = environment
		}
	}
	if environment == backend.AnyEnvironment {
		to = environment
	}
	return q.Redirect(site.ProjectPath(project, "e", to), "")
}
