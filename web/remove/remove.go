// SPDX-License-Identifier: MPL-2.0

// Package remove has the pages that delete secrets and scoped values, and that restore what was deleted.
package remove

import (
	"embed"
	"errors"
	"net/http"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/entry"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed *.html
var files embed.FS

var (
	deletePage  = site.NewTemplate(files, "delete.html")
	deletedPage = site.NewTemplate(files, "deleted.html")
)

// Register adds the pages.
func Register(s *site.Site) {
	s.Section("deleted")
	at := site.Root + "p/{project}/"
	for kind, path := range map[backend.Kind]string{backend.KindSecret: "secret", backend.KindScopedValue: "value"} {
		s.Handle("GET "+at+path+"/{id}/delete", func(q *site.Request) error { return remove(q, kind, false) })
		s.Handle("POST "+at+path+"/{id}/delete", func(q *site.Request) error { return remove(q, kind, true) })
	}
	s.Handle("GET "+at+"deleted", func(q *site.Request) error { return deleted(q, nil) })
	s.Handle("POST "+at+"deleted", restore)
}

// removal is what the page to delete an entry shows.
type removal struct {
	Entry  backend.Object
	Uses   []backend.Object
	More   string // uses than these; "" for none
	Days   int    // in which the deletion can be undone
	Typed  string
	Wrong  bool // the typed key is not the key
	Error  *backend.Error
	Force  bool // force can be chosen
	Draft  string
	Drafts []backend.Object
	// Drafted is the change that others have put into the draft, as the person has seen it.
	Drafted string
}

// DraftError returns the error about the name of the draft.
func (r removal) DraftError() string {
	return site.FormError{Error: r.Error}.At("draft")
}

func remove(q *site.Request, kind backend.Kind, sent bool) error {
	o, err := q.Object(kind, q.R.PathValue("id"))
	if errors.Is(err, backend.ErrNotFound) && sent && q.R.PostFormValue("key") != "" && q.Seen("edition") != nil {
		// A form that is sent twice: the first time may have deleted it.
		_, again := q.Apply(deletion(q, backend.Object{Kind: kind, ID: q.R.PathValue("id")}))
		if again == nil {
			at := site.ProjectPath(q.R.PathValue("project"), "e", q.R.PostFormValue("environment"))
			return q.Redirect(at, "deleted")
		}
	}
	if err != nil {
		return err
	}
	place, err := q.Place()
	if err != nil {
		return err
	}
	place.Environment = o.Environment
	d := removal{Entry: o}
	if p := place.Project.Policy; p != nil {
		d.Days = p.RecoveryDays
	}
	if d.Uses, d.More, err = entry.Uses(q, o, ""); err != nil {
		return err
	}
	if d.Drafts, err = q.List(backend.Query{Kind: backend.KindDraft, Project: place.Project.Name}); err != nil {
		return err
	}
	p := site.Page{Title: site.Text("delete.title", o.Name), Section: "entries", Place: place}
	status := http.StatusOK
	if sent {
		d.Typed, d.Draft = q.R.PostFormValue("key"), draftOf(q)
		err := d.send(q)
		switch {
		case err == nil && d.Wrong:
		case err == nil && d.Draft != "":
			return q.Redirect(place.Path("drafts", d.Draft), "staged")
		case err == nil:
			return q.Redirect(place.In(), "deleted")
		case !site.IsUsers(err):
			return err
		default:
			d.Error = site.ChangedMeanwhile(err, q.Seen("edition"), o.Edition)
			if d.Force = d.Error.Code == backend.CodeInUse; d.Force {
				d.Error.Hint = site.Text("delete.force.hint") // instead of a command: the page has a box for it
			}
		}
		status = http.StatusUnprocessableEntity
	}
	p.Data = d
	return q.RenderStatus(status, deletePage, p)
}

// send deletes the entry if its key was typed.
func (d *removal) send(q *site.Request) error {
	if d.Typed != d.Entry.Name {
		d.Wrong = true
		return nil
	}
	if q.Seen("edition") == nil {
		return site.Incomplete()
	}
	_, err := q.Apply(deletion(q, d.Entry))
	if err != nil {
		d.Drafted, err = q.StagedByOthers(d.Entry, d.Draft, err)
	}
	return err
}

// deletion returns the change that the form asks for. It deletes only what the person has seen.
func deletion(q *site.Request, o backend.Object) backend.ChangeSet {
	c := backend.Change{Op: backend.OpDelete, Kind: o.Kind, ID: o.ID, Edition: q.Seen("edition"),
		Force: q.R.PostFormValue("force") != ""}
	if draft := draftOf(q); draft != "" {
		q.Staging(&c, draft)
	}
	return backend.ChangeSet{Draft: draftOf(q), Changes: []backend.Change{c}}
}

func draftOf(q *site.Request) string { return strings.TrimSpace(q.R.PostFormValue("draft")) }

// restorable is what can be restored.
type restorable struct {
	Objects []backend.Object
	Error   *backend.Error
}

// deleted lists what was deleted and can be restored.
func deleted(q *site.Request, failed *backend.Error) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	d := restorable{Error: failed}
	for _, kind := range []backend.Kind{backend.KindEnvironment, backend.KindSecret, backend.KindScopedValue} {
		found, err := q.List(backend.Query{Kind: kind, Project: place.Project.Name, Deleted: true})
		if err != nil {
			return err
		}
		d.Objects = append(d.Objects, found...)
	}
	p := site.Page{Title: site.Text("deleted.title"), Section: "deleted", Place: place, Data: d}
	if failed != nil {
		return q.RenderStatus(http.StatusUnprocessableEntity, deletedPage, p)
	}
	return q.Render(deletedPage, p)
}

func restore(q *site.Request) error {
	c := backend.Change{Op: backend.OpRestore, Kind: backend.Kind(q.R.PostFormValue("kind")),
		ID: q.R.PostFormValue("id")}
	if name := q.R.PostFormValue("name"); name != "" {
		c.Rename = &name
	}
	out, err := q.Change(c)
	if err != nil {
		if site.IsUsers(err) {
			return deleted(q, backend.AsError(err))
		}
		return err
	}
	if out.Object.Kind == backend.KindEnvironment {
		return q.Redirect(site.ProjectPath(q.R.PathValue("project"), "e", out.Object.Name), "restored")
	}
	return q.Redirect(site.EntryPath(out.Object), "restored")
}
