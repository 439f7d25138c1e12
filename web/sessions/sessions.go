// SPDX-License-Identifier: MPL-2.0

// Package sessions is the page with the sessions of the dashboard.
package sessions

import (
	"embed"

	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed sessions.html
var files embed.FS

var page = site.NewTemplate(files, "sessions.html")

// Register adds the page.
func Register(s *site.Site) {
	s.Handle("GET "+site.Root+"sessions", show)
	s.Handle("POST "+site.Root+"sessions", end)
}

// list is what the page shows.
type list struct {
	Sessions []site.KnownSession
	This     string // the id of the session of the person
	All      bool   // the sessions of everybody
}

func show(q *site.Request) error {
	all, err := q.Sessions()
	if err != nil {
		return err
	}
	return q.Render(page, site.Page{Title: site.Text("sessions.title"), Section: "sessions",
		Data: list{Sessions: all, This: q.Session.ID, All: q.MaySeeAll()}})
}

func end(q *site.Request) error {
	if err := q.EndSession(q.R.PostFormValue("id")); err != nil {
		return err
	}
	return q.Redirect(site.Root+"sessions", "ended")
}
