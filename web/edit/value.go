// SPDX-License-Identifier: MPL-2.0

package edit

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/entry"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// The two forms of a scoped value.
const (
	asJSON = "json"
	asLink = "link"
)

func newValue(q *site.Request, sent bool) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	f := form{New: true, Action: place.In("new-value"), Back: place.In(), Environment: place.Environment,
		Scope: backend.ProjectScope, As: asJSON}
	p := site.Page{Title: site.Text("value.new"), Section: "entries", Place: place}
	if err := f.prepareValue(q, place); err != nil {
		return err
	}
	if sent {
		f.read(q)
	}
	if !sent || onlyShows(q) {
		p.Data = f
		return q.Render(valuePage, p)
	}
	c := backend.Change{Op: backend.OpCreate, Kind: backend.KindScopedValue, Project: place.Project.Name,
		Environment: place.Environment, Scope: f.Scope, Name: f.Name, Description: &f.Description}
	out, err := f.sendValue(q, &c)
	if err != nil {
		return f.again(q, err, valuePage, p)
	}
	return f.done(q, place, out, "created")
}

func (f *form) prepareValue(q *site.Request, place *site.Place) (err error) {
	if f.Secrets, err = q.List(backend.Query{Kind: backend.KindSecret, Project: place.Project.Name}); err != nil {
		return err
	}
	f.Drafts, err = q.List(backend.Query{Kind: backend.KindDraft, Project: place.Project.Name})
	return err
}

// sendValue makes the change of a form of a scoped value.
func (f *form) sendValue(q *site.Request, c *backend.Change) (backend.Outcome, error) {
	was := f.began()
	if !f.New && !isSame(f.Description, was.Description) {
		c.Description = &f.Description
	}
	if err := f.setLabels(c); err != nil {
		return backend.Outcome{}, err
	}
	switch {
	case f.As == asLink:
		if now := (content{asLink, was.Content.JSON, f.LinkSecret, f.LinkField}); now != was.Content {
			c.Link = &backend.Link{Secret: f.LinkSecret, Field: f.LinkField}
		}
	case was.Content.As == asLink || strings.TrimSpace(f.JSON) != was.Content.JSON:
		c.JSON = json.RawMessage(f.JSON)
		if !json.Valid(c.JSON) {
			return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "invalid JSON").
				WithHint("%s", site.Text("value.json.hint")).At("json")
		}
	}
	return f.apply(q, *c)
}

func editValue(q *site.Request, sent bool) error {
	o, err := q.Object(backend.KindScopedValue, q.R.PathValue("id"))
	if errors.Is(err, backend.ErrNotFound) && sent {
		return gone(q, backend.KindScopedValue)
	}
	if err != nil {
		return err
	}
	place, err := q.Place()
	if err != nil {
		return err
	}
	place.Environment = o.Environment
	f := form{Entry: o, Action: site.EntryPath(o, "edit"), Back: site.EntryPath(o), Name: o.Name, Scope: o.Scope,
		Description: o.Description, Labels: labelsText(o.Labels), Edition: o.Edition, Environment: o.Environment,
		KeyIsFixed: place.Project.Policy != nil && place.Project.Policy.ImmutableNames}
	holds := contentOf(o)
	f.As, f.JSON, f.LinkSecret, f.LinkField = holds.As, holds.JSON, holds.Secret, holds.Field
	if err := f.prepareValue(q, place); err != nil {
		return err
	}
	if f.Uses, f.MoreUses, err = entry.Uses(q, o, ""); err != nil {
		return err
	}
	p := site.Page{Title: site.Text("edit.title", o.Name), Section: "entries", Place: place}
	if !sent {
		p.Data = f
		return q.Render(valuePage, p)
	}
	return f.save(q, place, valuePage, p, (*form).sendValue)
}
