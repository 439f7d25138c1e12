// SPDX-License-Identifier: MPL-2.0

// Package reports is the page with the secrets that need attention.
package reports

import (
	"embed"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/report"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed reports.html
var files embed.FS

var page = site.NewTemplate(files, "reports.html")

// Register adds the page.
func Register(s *site.Site) {
	s.Section("reports")
	s.Handle("GET "+site.Root+"p/{project}/reports", show)
}

// finding is a finding with the secret that it is about.
type finding struct {
	report.Finding
	Secret backend.Object // without an id for a missing one
}

// reportPage is what the page shows.
type reportPage struct {
	Findings []finding
	Kinds    []report.Kind
	Only     string
	Report   report.Report
}

func show(q *site.Request) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	f := reportPage{Kinds: report.Kinds, Only: q.R.URL.Query().Get("only")}
	o := report.Options{Project: place.Project.Name, ExpiresIn: report.DefaultExpiresIn, Unused: report.DefaultUnused,
		Now: q.Now()}
	if f.Only != "" {
		kind, err := report.ParseKind(f.Only)
		if err != nil {
			return err
		}
		o.Kinds = []report.Kind{kind}
	}
	if f.Report, err = report.Make(q.Context(), q.Service, o); err != nil {
		return err
	}
	for _, one := range f.Report.Findings {
		f.Findings = append(f.Findings, finding{one, backend.Object{Kind: backend.KindSecret,
			Project: place.Project.Name, ID: one.ID}})
	}
	return q.Render(page, site.Page{Title: site.Text("reports.title"), Section: "reports", Place: place, Data: f})
}
