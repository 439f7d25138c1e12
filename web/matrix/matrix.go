// SPDX-License-Identifier: MPL-2.0

// Package matrix is the page with the secrets of a project by environment.
package matrix

import (
	"embed"
	"strconv"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/report"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed matrix.html
var files embed.FS

var page = site.NewTemplate(files, "matrix.html")

// pageSize is how many names a page has.
const pageSize = 50

// Register adds the page.
func Register(s *site.Site) {
	s.Section("matrix")
	s.Handle("GET "+site.Root+"p/{project}/matrix", show)
}

// table is what the page shows.
type table struct {
	report.Matrix
	Only         string          // report.OnlyHoles, report.OnlyDifferent or ""
	Values       bool            // the values are compared
	MayAdd       map[string]bool // secrets to an environment
	MayCompare   bool            // values in some environment
	Number, Last int
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
	o := report.MatrixOptions{Project: place.Project.Name, Only: v.Get("only"), Limit: pageSize,
		Compare: v.Get("values") != ""}
	if n, err := strconv.Atoi(v.Get("page")); err == nil && n > 0 && n < backend.MaxListedEntries {
		o.Offset = (n - 1) * pageSize
	}
	t := table{Only: o.Only, Values: o.Compare || o.Only == report.OnlyDifferent, MayAdd: map[string]bool{}}
	for _, e := range place.Environments {
		o.Environments = append(o.Environments, e.Name)
		t.MayAdd[e.Name] = q.May(backend.OpCreate, backend.KindSecret, place.At(e.Name))
		t.MayCompare = t.MayCompare || q.May(backend.OpCompare, backend.KindSecret, place.At(e.Name))
	}
	if t.Matrix, err = report.MakeMatrix(q.Context(), q.Service, o); err != nil {
		return err
	}
	t.Number, t.Last = t.Offset/pageSize+1, max((t.Total+pageSize-1)/pageSize, 1)
	return q.Render(page, site.Page{Title: site.Text("matrix.title"), Section: "matrix", Place: place, Data: t})
}
