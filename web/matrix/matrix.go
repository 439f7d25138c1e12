// SPDX-License-Identifier: MPL-2.0

// Package matrix is the page with the secrets of a project by environment.
package matrix

import (
	"cmp"
	"embed"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed matrix.html
var files embed.FS

var page = site.NewTemplate(files, "matrix.html")

// pageSize is how many names a page has.
const pageSize = 100

// Register adds the page.
func Register(s *site.Site) {
	s.Section("matrix")
	s.Handle("GET "+site.Root+"p/{project}/matrix", show)
}

// cell is one name in one environment.
type cell struct {
	Environment string
	Own         *backend.Object // of the environment itself
	Shared      *backend.Object // of all environments, if there is no own one
	Draft       bool            // a draft changes it
	Compared    string          // "same" or "different", compared with the first cell that is set; "" for neither
}

// Missing reports whether a reference finds nothing.
func (c cell) Missing() bool { return c.Own == nil && c.Shared == nil }

// row is one name in all environments.
type row struct {
	Name, Scope string
	Cells       []cell
}

func (r row) hasHole() bool { return slices.ContainsFunc(r.Cells, cell.Missing) }

func (r row) differs() bool {
	return slices.ContainsFunc(r.Cells, func(c cell) bool { return c.Compared == "different" })
}

// table is what the page shows.
type table struct {
	Rows                []row
	Only                string // "holes", "different" or ""
	Values              bool   // the values are compared
	NotCompared         bool   // the person may not compare
	Number, Last, Total int
}

// Page returns the address of another page.
func (t table) Page(n int) string {
	address := "?page=" + strconv.Itoa(n) + "&only=" + t.Only
	if t.Values {
		address += "&values=yes"
	}
	return address
}

func show(q *site.Request) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	v := q.R.URL.Query()
	t := table{Only: v.Get("only"), Values: v.Get("values") != "" || v.Get("only") == "different", Number: 1}
	all, err := rowsOf(q, place)
	if err != nil {
		return err
	}
	if t.Only == "holes" {
		all = slices.DeleteFunc(all, func(r row) bool { return !r.hasHole() })
	}
	if n, err := strconv.Atoi(v.Get("page")); err == nil && n > 0 && n < backend.MaxListedEntries {
		t.Number = n
	}
	t.Total = len(all)
	t.Last = max((t.Total+pageSize-1)/pageSize, 1)
	t.Rows = all[min((t.Number-1)*pageSize, len(all)):min(t.Number*pageSize, len(all))]
	if t.Values {
		if err := compare(q, t.Rows); errors.Is(err, backend.ErrDenied) {
			t.NotCompared = true
		} else if err != nil {
			return err
		}
	}
	if t.Only == "different" {
		t.Rows = slices.DeleteFunc(t.Rows, func(r row) bool { return !r.differs() })
	}
	return q.Render(page, site.Page{Title: site.Text("matrix.title"), Section: "matrix", Place: place, Data: t})
}

// rowsOf returns the names of a project with their cells, sorted.
func rowsOf(q *site.Request, place *site.Place) ([]row, error) {
	type name struct{ name, scope string }
	found := map[name]map[string]*backend.Object{}
	secrets, err := q.List(backend.Query{Kind: backend.KindSecret, Project: place.Project.Name})
	if err != nil {
		return nil, err
	}
	for i, o := range secrets {
		n := name{o.Name, o.Scope}
		if found[n] == nil {
			found[n] = map[string]*backend.Object{}
		}
		found[n][o.Environment] = &secrets[i]
	}
	changes, err := q.List(backend.Query{Kind: backend.KindDraftChange, Project: place.Project.Name})
	if err != nil {
		return nil, err
	}
	drafted := map[[3]string]bool{}
	for _, c := range changes {
		if c.Staged.Kind == backend.KindSecret {
			drafted[[3]string{c.Name, c.Scope, c.Environment}] = true
			if n := (name{c.Name, c.Scope}); found[n] == nil {
				found[n] = map[string]*backend.Object{}
			}
		}
	}
	var out []row
	for n, places := range found {
		r := row{Name: n.name, Scope: n.scope}
		for _, e := range place.Environments {
			c := cell{Environment: e.Name, Own: places[e.Name], Draft: drafted[[3]string{n.name, n.scope, e.Name}]}
			if c.Own == nil {
				c.Shared = places[backend.AnyEnvironment]
			}
			r.Cells = append(r.Cells, c)
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b row) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Scope, b.Scope))
	})
	return out, nil
}

// compare compares the values of each row, in one call. No value leaves the backend.
func compare(q *site.Request, rows []row) error {
	var changes []backend.Change
	var compared []*cell
	for i := range rows {
		var first *backend.Object
		for j := range rows[i].Cells {
			c := &rows[i].Cells[j]
			if c.Own == nil {
				continue
			}
			if first == nil {
				first = c.Own
				continue
			}
			changes = append(changes, backend.Change{Op: backend.OpCompare, Kind: backend.KindSecret, ID: first.ID,
				With: &backend.VersionOf{ID: c.Own.ID}})
			compared = append(compared, c)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	out, err := q.Apply(backend.ChangeSet{DryRun: true, Changes: changes})
	for i, o := range out {
		switch {
		case o.Err != nil || o.Unchecked != "":
		case o.Action == backend.ActionUnchanged:
			compared[i].Compared = "same"
		default:
			compared[i].Compared = "different"
		}
	}
	return err
}
