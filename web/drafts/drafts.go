// SPDX-License-Identifier: MPL-2.0

// Package drafts has the pages with the drafts of a project, and with the review of one.
package drafts

import (
	"embed"
	"errors"
	"net/http"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed *.html
var files embed.FS

var (
	listPage  = site.NewTemplate(files, "drafts.html")
	draftPage = site.NewTemplate(files, "draft.html")
)

// Register adds the pages.
func Register(s *site.Site) {
	s.Section("drafts")
	at := site.Root + "p/{project}/drafts"
	s.Handle("GET "+at, list)
	s.Handle("GET "+at+"/{draft}", func(q *site.Request) error { return review(q, nil) })
	s.Handle("POST "+at+"/{draft}", act)
}

func list(q *site.Request) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	all, err := q.List(backend.Query{Kind: backend.KindDraft, Project: place.Project.Name})
	if err != nil {
		return err
	}
	return q.Render(listPage, site.Page{Title: site.Text("drafts.title"), Section: "drafts", Place: place, Data: all})
}

// line is one change of a draft, with what a trial says of it.
type line struct {
	Change  backend.Object
	Problem string
	Same    bool // the change makes no difference
}

// difference is what the page of a draft shows.
type difference struct {
	Draft backend.Object
	Lines []line
	Stale bool
	Tried bool // a trial has been made: the person may try changes
	Error *backend.Error
	// Deploys and Discards say whether the person may. A draft can have changes that the person may not see.
	Deploys, Discards bool
}

// draftOf returns the draft of the path.
func draftOf(q *site.Request, place *site.Place) (backend.Object, error) {
	page, err := q.Query(backend.Query{Kind: backend.KindDraft, Project: place.Project.Name, Name: q.R.PathValue("draft")})
	if err == nil && len(page.Objects) == 0 {
		err = backend.Errorf(backend.CodeNotFound, "draft %s does not exist", backend.Quote(q.R.PathValue("draft"))).
			WithHint("it was deployed, discarded, or has expired")
	}
	if err != nil {
		return backend.Object{}, err
	}
	return page.Objects[0], nil
}

func review(q *site.Request, failed *backend.Error) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	d := difference{Error: failed}
	if d.Draft, err = draftOf(q, place); err != nil {
		return err
	}
	changes, err := q.List(backend.Query{Kind: backend.KindDraftChange, Project: place.Project.Name, Draft: d.Draft.ID})
	if err != nil {
		return err
	}
	trial, err := try(q, backend.OpDeploy, d.Draft, len(changes))
	if err != nil {
		return err
	}
	d.Tried = trial != nil
	if err := d.offer(q, place, len(changes)); err != nil {
		return err
	}
	for _, c := range changes {
		l := line{Change: c, Problem: c.Staged.Stale}
		if l.Problem != "" {
			l.Problem, d.Stale = site.Text("drafts.stale", l.Problem), true
		} else if trial != nil {
			for _, p := range trial.Parts {
				if p.Change.ID == c.ID {
					l.Same = p.Action == backend.ActionUnchanged
					if p.Err != nil {
						l.Problem = p.Err.Message
					}
				}
			}
		}
		d.Lines = append(d.Lines, l)
	}
	if d.Error == nil && trial != nil && !d.Stale {
		d.Error = trial.Err
	}
	if failed != nil {
		d.Error = site.ChangedMeanwhile(failed, q.Seen("revision"), d.Draft.Revision)
	}
	p := site.Page{Title: d.Draft.Name, Section: "drafts", Place: place, Data: d}
	if failed != nil {
		return q.RenderStatus(http.StatusUnprocessableEntity, draftPage, p)
	}
	return q.Render(draftPage, p)
}

// offer decides which buttons the page has. An empty draft and one whose changes are all hidden have the same page.
func (d *difference) offer(q *site.Request, place *site.Place, changes int) error {
	if !q.May(backend.OpDeploy, backend.KindDraft, place.At("")) {
		return nil
	}
	if changes == 0 {
		d.Discards = q.MayDeployAll(place)
		return nil
	}
	discarded, err := try(q, backend.OpDelete, d.Draft, changes)
	d.Deploys, d.Discards = d.Tried, discarded != nil
	return err
}

// try returns what a change of a draft would do; nil for a person who may not make it.
func try(q *site.Request, op backend.Op, draft backend.Object, changes int) (*backend.Outcome, error) {
	if changes == 0 {
		return nil, nil
	}
	out, err := q.Apply(backend.ChangeSet{DryRun: true, Changes: []backend.Change{
		{Op: op, Kind: backend.KindDraft, ID: draft.ID}}})
	switch {
	case errors.Is(err, backend.ErrDenied):
		return nil, nil
	case err != nil:
		return nil, err
	case out[0].Err != nil && errors.Is(out[0].Err, backend.ErrDenied):
		return nil, nil // who only looks at the page has done nothing wrong
	}
	return &out[0], nil
}

// act deploys or discards a draft, or changes what is in it. It does so only with what the person has seen: with a
// change that was added since, it is another draft. The form names the draft by its id, so that it can be sent twice:
// after the first time the draft does not exist.
func act(q *site.Request) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	c := backend.Change{Kind: backend.KindDraft, ID: q.R.PostFormValue("id"), Project: place.Project.Name,
		Expect: q.Seen("revision")}
	list, draft := place.Path("drafts"), place.Path("drafts", q.R.PathValue("draft"))
	to, done := "", ""
	switch q.R.PostFormValue("do") {
	case "deploy":
		c.Op, to = backend.OpDeploy, list
		done = "deployed"
	case "discard":
		c.Op, to = backend.OpDelete, list
		done = "discarded"
	case "refresh":
		c.Op, to = backend.OpRefresh, draft
		done = "refreshed"
	case "drop":
		c = backend.Change{Op: backend.OpDelete, Kind: backend.KindDraftChange, ID: q.R.PostFormValue("change")}
		to = draft
		done = "dropped"
	}
	if c.Op == "" || c.ID == "" || c.Kind == backend.KindDraft && c.Expect == nil {
		return site.Incomplete()
	}
	if _, err := q.Change(c); err != nil {
		if site.IsUsers(err) {
			return review(q, backend.AsError(err))
		}
		return err
	}
	return q.Redirect(to, done)
}
