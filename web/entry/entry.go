// SPDX-License-Identifier: MPL-2.0

// Package entry is the page of one secret or scoped value: its metadata, its versions and who uses it.
package entry

import (
	"embed"
	"errors"
	"slices"
	"strconv"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/web/audit"
	"github.com/pouncet/terraform-provider-pouncet/web/grants"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed entry.html
var files embed.FS

var page = site.NewTemplate(files, "entry.html").With(audit.Templates, "records.html")

// Register adds the page.
func Register(s *site.Site) {
	for kind, path := range map[backend.Kind]string{backend.KindSecret: "secret", backend.KindScopedValue: "value"} {
		s.Handle("GET "+site.Root+"p/{project}/"+path+"/{id}", func(q *site.Request) error { return show(q, kind) })
	}
	s.Handle("POST "+site.Root+"p/{project}/secret/{id}/rollback", rollback)
	s.Handle("POST "+site.Root+"p/{project}/secret/{id}/tags", setTag)
}

// mostVersions is how many versions the page lists, and mostUses how many positions at once. For these it reads
// mostPages pages of positions, because those of entries of the other kind with this name are among them.
const (
	mostVersions = 20
	mostUses     = 100
	mostPages    = 20
)

// details is what the page shows.
type details struct {
	Entry    backend.Object
	Versions []backend.Object
	More     bool // versions than these
	Uses     []backend.Object
	MoreUses string           // the cursor of the positions after these; "" for none
	NotFirst bool             // there are positions before these
	Links    []backend.Object // scoped values that link to the secret
	Others   []backend.Object // entries of the same name
	Compared *compared
	// Readers are the first who may have the value, of AllReaders, if the person may see them.
	Readers      []access.Assignment
	AllReaders   int
	ShowsReaders bool
	// Records are the latest records of the audit log about the entry, if the person may read them.
	Records      []audit.Line
	ShowsRecords bool
	Error        *backend.Error
	// TypedTag and TypedVersion are what was typed into the form of tags, if it was refused.
	TypedTag, TypedVersion string
}

// TagError returns the error of the form of tags.
func (d details) TagError() string {
	return site.FormError{Error: d.Error}.At("tags")
}

// compared is the comparison of two versions.
type compared struct {
	Version string
	Same    bool
	Fields  []string
	Err     *backend.Error
}

func show(q *site.Request, kind backend.Kind) error {
	return draw(q, kind, nil)
}

func draw(q *site.Request, kind backend.Kind, failed *backend.Error) error {
	o, err := q.Object(kind, q.R.PathValue("id"))
	if err != nil {
		return err
	}
	place, err := q.Place()
	if err != nil {
		return err
	}
	place.Environment = o.Environment
	if failed != nil {
		failed = site.ChangedMeanwhile(failed, q.Seen("edition"), o.Edition)
		failed = site.ChangedMeanwhile(failed, q.Seen("expect"), o.Version)
	}
	d := details{Entry: o, Error: failed, TypedTag: q.R.PostFormValue("tag"), TypedVersion: q.R.PostFormValue("version")}
	if err := d.addLastUse(q); err != nil {
		return err
	}
	if err := d.addReaders(q, place); err != nil {
		return err
	}
	if err := d.addRecords(q, place); err != nil {
		return err
	}
	after := q.R.URL.Query().Get("uses")
	d.NotFirst = after != ""
	if d.Uses, d.MoreUses, err = Uses(q, o, after); err != nil {
		return err
	}
	d.Others, err = q.List(backend.Query{Kind: kind, Project: o.Project, Name: o.Name})
	if err == nil && kind == backend.KindSecret {
		err = d.addHistory(q)
	}
	if err != nil {
		return err
	}
	p := site.Page{Title: o.Name, Section: "entries", Place: place, Data: d}
	if failed != nil {
		return q.RenderStatus(409, page, p)
	}
	return q.Render(page, p)
}

// addLastUse adds when a secret was last resolved, and by whom.
func (d *details) addLastUse(q *site.Request) error {
	if d.Entry.Kind != backend.KindSecret {
		return nil
	}
	got, err := q.Query(backend.Query{Kind: backend.KindSecret, Project: d.Entry.Project, ID: d.Entry.ID,
		LastResolved: true})
	if err == nil && len(got.Objects) == 1 {
		d.Entry.LastResolvedAt, d.Entry.LastResolvedBy = got.Objects[0].LastResolvedAt, got.Objects[0].LastResolvedBy
	}
	return err
}

// mostReaders is how many rows say who may have the value.
const mostReaders = 50

// addReaders adds who may have the value, and why. Only who may bind somewhere sees bindings.
func (d *details) addReaders(q *site.Request, place *site.Place) error {
	if !q.May(backend.OpCreate, backend.KindBinding, place.At(d.Entry.Environment)) {
		return nil
	}
	all, _, err := grants.Read(q)
	if errors.Is(err, backend.ErrDenied) {
		return nil
	}
	if err != nil {
		return err
	}
	at := place.PlaceOf(d.Entry)
	at.Project, at.Environment = d.Entry.Project, d.Entry.Environment // names, as bindings are listed
	d.ShowsReaders = true
	for _, a := range all {
		if a.MayHave(d.Entry, at) {
			if d.AllReaders++; d.AllReaders <= mostReaders {
				d.Readers = append(d.Readers, a)
			}
		}
	}
	return nil
}

// mostRecords is how many records of the audit log the page has.
const mostRecords = 10

// addRecords adds the latest records of the audit log about the entry. They are about its id, whatever its name was.
func (d *details) addRecords(q *site.Request, place *site.Place) error {
	if !q.MayAudit(place.Project.ID) {
		return nil
	}
	got, err := q.Query(backend.Query{Kind: backend.KindRecord, Project: d.Entry.Project, ID: d.Entry.ID,
		Limit: mostRecords})
	if errors.Is(err, backend.ErrDenied) {
		return nil
	}
	if err != nil {
		return err
	}
	d.ShowsRecords = true
	d.Records, err = audit.LinesOf(q, got.Objects)
	return err
}

// Uses lists positions in registered files that name an entry, after a cursor. It returns the cursor of the following
// ones; "" for none. It can return a cursor and no position: then the first ones are all of the other kind.
func Uses(q *site.Request, o backend.Object, after string) (out []backend.Object, next string, err error) {
	query := backend.Query{Kind: backend.KindUsage, Project: o.Project, Name: o.Name}
	if o.Environment != backend.AnyEnvironment {
		query.Environment = o.Environment
	}
	next = after
	for pages := 0; pages == 0 || next != "" && len(out) < mostUses && pages < mostPages; pages++ {
		query.Limit, query.Cursor = mostUses-len(out), next
		got, err := q.Query(query)
		if err != nil {
			return nil, "", err
		}
		for _, u := range got.Objects { // a secret and a scoped value can have the same name
			if u.Usage != nil && u.Usage.Kind == o.Kind {
				out = append(out, u)
			}
		}
		next = got.Next
	}
	slices.SortFunc(out, backend.CompareUsages)
	return out, next, nil
}

// addHistory adds the versions of a secret, the scoped values that link to it, and a comparison that was asked for.
func (d *details) addHistory(q *site.Request) error {
	got, err := q.Query(backend.Query{Kind: backend.KindVersion, ID: d.Entry.ID, Limit: mostVersions})
	if err != nil {
		return err
	}
	d.Versions, d.More = got.Objects, got.Next != ""
	values, err := q.List(backend.Query{Kind: backend.KindScopedValue, Project: d.Entry.Project})
	if err != nil {
		return err
	}
	for _, v := range values {
		if v.Link != nil && v.Link.Secret == d.Entry.Name {
			d.Links = append(d.Links, v)
		}
	}
	if version := q.R.URL.Query().Get("compare"); version != "" {
		d.Compared = compare(q, d.Entry, version)
	}
	return nil
}

// compare compares a version with the current one. Neither value leaves the backend.
func compare(q *site.Request, o backend.Object, version string) *compared {
	c := &compared{Version: version}
	out, err := q.Apply(backend.ChangeSet{DryRun: true, Changes: []backend.Change{{Op: backend.OpCompare,
		Kind: backend.KindSecret, ID: o.ID, FromVersion: &version,
		With: &backend.VersionOf{Version: strconv.FormatInt(o.Version, 10)}}}})
	if err == nil && out[0].Err != nil {
		err = out[0].Err
	}
	if err != nil {
		c.Err = backend.AsError(err)
		return c
	}
	c.Same, c.Fields = out[0].Action == backend.ActionUnchanged, out[0].Fields
	return c
}

// rollback writes the value of an earlier version again.
func rollback(q *site.Request) error {
	o, err := q.Object(backend.KindSecret, q.R.PathValue("id"))
	if err != nil {
		return err
	}
	version := q.R.PostFormValue("version")
	change := backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: o.ID, FromVersion: &version}
	if change.Expect = q.Seen("expect"); change.Expect == nil {
		return draw(q, backend.KindSecret, site.Incomplete())
	}
	if _, err := q.Change(change); err != nil {
		if site.IsUsers(err) {
			return draw(q, backend.KindSecret, backend.AsError(err))
		}
		return err
	}
	return q.Redirect(site.EntryPath(o), "rolledback")
}
