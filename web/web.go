// SPDX-License-Identifier: MPL-2.0

// Package web is the dashboard: pages for people who look after secrets. Each page is a separate package, which calls
// backend.Service for the person that has signed in. Package site has what the pages share.
//
// No rule, no permission and no selection is decided here. What a page needs, the engine has.
package web

import (
	"net/http"

	"github.com/pouncet/terraform-provider-pouncet/web/access"
	"github.com/pouncet/terraform-provider-pouncet/web/audit"
	"github.com/pouncet/terraform-provider-pouncet/web/doctor"
	"github.com/pouncet/terraform-provider-pouncet/web/drafts"
	"github.com/pouncet/terraform-provider-pouncet/web/edit"
	"github.com/pouncet/terraform-provider-pouncet/web/entries"
	"github.com/pouncet/terraform-provider-pouncet/web/entry"
	"github.com/pouncet/terraform-provider-pouncet/web/matrix"
	"github.com/pouncet/terraform-provider-pouncet/web/projects"
	"github.com/pouncet/terraform-provider-pouncet/web/quotas"
	"github.com/pouncet/terraform-provider-pouncet/web/remove"
	"github.com/pouncet/terraform-provider-pouncet/web/reports"
	"github.com/pouncet/terraform-provider-pouncet/web/reveal"
	"github.com/pouncet/terraform-provider-pouncet/web/sessions"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
	"github.com/pouncet/terraform-provider-pouncet/web/tokens"
	"github.com/pouncet/terraform-provider-pouncet/web/types"
)

// pages register all pages.
var pages = []func(*site.Site){
	entries.Register, entry.Register, edit.Register, reveal.Register, remove.Register, projects.Register,
	matrix.Register, types.Register, drafts.Register, reports.Register, quotas.Register, access.Register,
	audit.Register, tokens.Register,
	sessions.Register, doctor.Register,
}

// New returns the handler of the dashboard. Its paths begin with site.Root.
func New(o site.Options) http.Handler {
	s := site.New(o)
	for _, register := range pages {
		register(s)
	}
	return s.Handler()
}
