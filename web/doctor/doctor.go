// SPDX-License-Identifier: MPL-2.0

// Package doctor is the page with the problems of the backend.
package doctor

import (
	"embed"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed doctor.html
var files embed.FS

var page = site.NewTemplate(files, "doctor.html")

// Register adds the page.
func Register(s *site.Site) {
	s.Section("doctor")
	s.Handle("GET "+site.Root+"doctor", show)
}

// state is what the page shows.
type state struct {
	Problems   []*backend.Error
	Deployment string
	Version    string
}

func show(q *site.Request) error {
	got, err := q.Query(backend.Query{Kind: backend.KindProject, Limit: 1})
	if err != nil {
		return err
	}
	s := state{Deployment: got.Deployment, Version: q.Version}
	for _, p := range q.Problems(q.Context()) {
		s.Problems = append(s.Problems, backend.AsError(p))
	}
	return q.Render(page, site.Page{Title: site.Text("nav.doctor"), Section: "doctor", Data: s})
}
