// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// Query implements backend.Service.
func (e *Engine) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	if err := checkQuery(q, e.now()); err != nil {
		return backend.Page{}, err
	}
	if q.Kind == backend.KindRecord {
		return e.listRecords(ctx, q)
	}
	if q.Limit == 0 {
		q.Limit = backend.MaxPage
	}
	afterName, afterID, err := decodeCursor(q.Cursor)
	if err != nil {
		return backend.Page{}, err
	}
	var page backend.Page
	var project string
	err = e.store.View(ctx, func(tx store.Tx) error {
		l := listing{engine: e, ctx: ctx, tx: tx, q: q, now: e.now(), afterName: afterName, afterID: afterID,
			projectID: &project}
		if l.access, err = e.accessOf(ctx, tx); err != nil {
			return err
		}
		page, err = l.page()
		return err
	})
	switch {
	case err != nil:
	case asksResolved(q):
		err = e.addResolved(ctx, q, project, &page)
	case q.Kind == backend.KindToken && !q.Self:
		err = e.addLastUsed(ctx, &page)
	}
	page.Deployment = e.store.Deployment()
	return page, err
}

// listing makes one page.
type listing struct {
	engine             *Engine
	ctx                context.Context
	tx                 store.Tx
	q                  backend.Query
	now                time.Time
	afterName, afterID string
	projectID          *string // set to the id of the project whose entries are listed
	access             principalAccess
}

func (l listing) page() (backend.Page, error) {
	switch l.q.Kind {
	case backend.KindProject:
		if l.q.Held && l.q.Deleted {
			return backend.Page{}, errHeldDeleted()
		}
		return l.projects()
	case backend.KindToken:
		if l.q.Self {
			return l.self()
		}
		return l.tokens()
	case backend.KindVersion:
		return l.versions()
	case backend.KindRole, backend.KindGroup, backend.KindBinding, backend.KindTrust:
		return l.accessObjects()
	case backend.KindEnvironment, backend.KindSecretType, backend.KindSecret, backend.KindScopedValue, backend.KindUsage,
		backend.KindDraft, backend.KindDraftChange, backend.KindEntry, backend.KindScope:
	default:
		return backend.Page{}, backend.Errorf(backend.CodeInvalid, "kind %s is not supported",
			backend.Quote(string(l.q.Kind))).At("kind")
	}
	if l.q.Deleted && !isEntry(l.q.Kind) && l.q.Kind != backend.KindEnvironment {
		return backend.Page{}, backend.Errorf(backend.CodeInvalid, "a deleted %s cannot be restored or listed", l.q.Kind).
			At("deleted")
	}
	if l.q.Draft != "" && l.q.Kind != backend.KindDraftChange {
		return backend.Page{}, backend.Errorf(backend.CodeInvalid, "the selector draft is for draft changes only").At("draft")
	}
	if l.q.Held && (l.q.Deleted || l.q.Kind == backend.KindUsage) {
		return backend.Page{}, errHeldDeleted()
	}
	p, err := l.project()
	if err != nil {
		return backend.Page{}, err
	}
	if l.q.Kind == backend.KindSecretType {
		return l.types(p), nil
	}
	if l.q.Kind == backend.KindDraftChange {
		if p.row.ID == "" { // the id does not exist
			return backend.Page{Objects: []backend.Object{}}, nil
		}
		return l.draftChanges(p)
	}
	f := l.filter()
	f.Project, *l.projectID = p.row.ID, p.row.ID
	if l.q.Environment != "" {
		environment, err := p.environment(l.q.Environment)
		if err != nil {
			return backend.Page{}, err
		}
		f.Environment = environment.ID
	}
	if l.q.Kind == backend.KindUsage {
		f.Name, f.Link, f.Type = "", l.q.Name, l.q.Type
	} else if l.q.Type != "" {
		t, err := p.typeByKey(l.q.Type)
		if err != nil {
			return backend.Page{}, err
		}
		f.Type = t.row.ID
	}
	switch l.q.Kind {
	case backend.KindEntry:
		return l.entries(f, p)
	case backend.KindScope:
		return l.scopes(f.Environment, p)
	}
	return l.rows(f, p)
}

func errHeldDeleted() *backend.Error {
	return backend.Errorf(backend.CodeInvalid, "the selector held excludes deleted objects and usages").At("held")
}

// project returns the project that is listed. A query by id alone means the
// project of that object.
func (l listing) project() (*project, error) {
	if l.q.Project != "" || l.q.ID == "" || strings.HasPrefix(l.q.ID, stored.BuiltInType) {
		return l.engine.loadProject(l.ctx, l.tx, l.q.Project, l.access)
	}
	rows, err := l.tx.Objects(l.ctx, store.Filter{Kind: l.filter().Kind, ID: l.q.ID, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || !l.access.seesProject(rows[0].Project) {
		return &project{}, nil
	}
	return l.engine.loadProject(l.ctx, l.tx, rows[0].Project, l.access)
}

// filter returns what the store can select by. It asks for one row more than the
// page has, which tells whether another page follows.
func (l listing) filter() store.Filter {
	if l.q.Deleted {
		return store.Filter{
			Kind: deletedAs(l.q.Kind), ID: l.q.ID, Scope: l.q.Scope,
			AfterName: l.afterName, AfterID: l.afterID, Limit: l.q.Limit + 1,
		}
	}
	f := store.Filter{
		Kind: l.q.Kind, ID: l.q.ID, Name: l.q.Name, Scope: l.q.Scope,
		AfterName: l.afterName, AfterID: l.afterID, Limit: l.q.Limit + 1,
	}
	switch {
	case l.q.Held && f.AfterName == "":
		f.AfterName = afterNames
	case !l.q.Held && l.q.ID == "" && l.q.Kind != backend.KindUsage:
		f.BeforeName = reserved
	}
	return l.withPrefix(f)
}

// withReplaced adds the rows of a kind that were set aside to those that were deleted: they can be restored, too. Like
// those, they have their time as a name. If more deleted rows follow, one that was set aside and sorts after the last
// row belongs to a later page.
func (l listing) withReplaced(
	deleted []store.Object, f store.Filter, more bool, in *project,
) ([]store.Object, error) {
	last := ""
	if more {
		last = deleted[len(deleted)-1].Name
	}
	held, err := restorableRows(l.ctx, l.tx, store.Filter{Kind: l.q.Kind, Project: f.Project, ID: f.ID})
	for _, o := range held {
		if !l.access.seesRow(in, o) {
			continue
		}
		a, _ := isRestorable(o)
		o.Kind, o.Name = f.Kind, deletedName(a.DeletedAt, o.ID)
		if o.Name > f.AfterName && (!more || o.Name < last) {
			deleted = append(deleted, o)
		}
	}
	slices.SortFunc(deleted, func(a, b store.Object) int { return strings.Compare(a.Name, b.Name) })
	return deleted, err
}

// readStep is how many rows a listing reads at a time, until it has a page. A row can have 100 kB.
const readStep = 100

// read returns the rows that f selects, up to the size of a page, and whether there are more.
//
// It leaves out the rows that the caller may not see, and reads on, so that pages are full.
func (l listing) read(f store.Filter, in *project) (rows []store.Object, more bool, err error) {
	size := 0
	f, _ = l.access.visible(in, f)
	// A row beyond the page shows that another page follows.
	for len(rows) <= l.q.Limit {
		f.Limit = readStep
		if l.access.seesAll {
			f.Limit = min(readStep, l.q.Limit+1-len(rows))
		}
		step, err := l.tx.Objects(l.ctx, f)
		if err != nil {
			return nil, false, err
		}
		last := store.Object{}
		read := len(step)
		if read > 0 {
			last = step[read-1]
		}
		if !l.access.seesAll {
			step = slices.DeleteFunc(step, func(o store.Object) bool { return !l.access.seesRow(in, o) })
		}
		for i, row := range step {
			if size += len(row.Attributes); size > backend.MaxPageBytes && len(rows)+i > 0 {
				return append(rows, step[:i]...), true, nil
			}
		}
		rows = append(rows, step...)
		if read < f.Limit {
			return rows, false, nil
		}
		f.AfterName, f.AfterID = last.Name, last.ID
	}
	return rows[:l.q.Limit], len(rows) > l.q.Limit, nil
}

func (l listing) rows(f store.Filter, in *project) (backend.Page, error) {
	rows, more, err := l.read(f, in)
	if err == nil && l.q.Deleted && !isEntry(l.q.Kind) {
		rows, err = l.withReplaced(rows, f, more, in)
	}
	if err != nil {
		return backend.Page{}, err
	}
	var page backend.Page
	if len(rows) > l.q.Limit { // with those that were replaced
		rows, more = rows[:l.q.Limit], true
	}
	if more {
		last := rows[len(rows)-1]
		page.Next = encodeCursor(last.Name, last.ID)
	}
	page.Objects = make([]backend.Object, 0, len(rows))
	for _, row := range rows {
		if row.Untrusted != nil {
			return backend.Page{}, row.Untrusted
		}
		o, err := object(row, in)
		if err != nil {
			return backend.Page{}, err
		}
		if l.q.Deleted && (o.Held == "" && !o.RestorableUntil.After(l.now) || l.q.Name != "" && l.q.Name != o.Name) {
			continue // the store cannot select by the former name
		}
		if l.q.Deleted && isEntry(o.Kind) && !in.has(row.Environment) {
			continue // it is restored with its environment, or after that
		}
		if l.q.Deleted && o.Kind == backend.KindEnvironment {
			contents := store.Filter{Kind: keptAs(backend.KindSecret), Project: row.Project, Environment: row.ID,
				BeforeName: reserved}
			if o.Held != "" {
				contents.Kind = backend.KindSecret
			}
			n, err := l.count(contents, in)
			if err != nil {
				return backend.Page{}, err
			}
			o.Secrets = &n
		}
		if o.Kind == backend.KindDraft {
			o.Revision = l.access.draftRevision(row)
			o.Edition = o.Revision
			if o.Changes, err = l.countChanges(in, row); err != nil {
				return backend.Page{}, err
			}
		}
		page.Objects = append(page.Objects, o)
	}
	return page, nil
}

func (l listing) projects() (backend.Page, error) {
	page, err := l.rows(l.filter(), nil)
	for i := range page.Objects {
		if l.q.Deleted && !l.access.seesAll {
			continue // what is in it can not be seen
		}
		n, err := l.countSecrets(page.Objects[i].ID)
		if err != nil {
			return backend.Page{}, err
		}
		page.Objects[i].Secrets = &n
	}
	return page, err
}

// countSecrets counts the secrets of a project that the caller may see.
func (l listing) countSecrets(project string) (int, error) {
	f := store.Filter{Kind: backend.KindSecret, Project: project, BeforeName: reserved}
	if l.access.seesAll || l.q.Deleted {
		return l.tx.Count(l.ctx, f)
	}
	in, err := l.engine.loadProject(l.ctx, l.tx, project, l.access)
	if err != nil {
		return 0, err
	}
	return l.count(f, in)
}

// count counts the objects of a project that the caller may see.
func (l listing) count(f store.Filter, in *project) (int, error) {
	if l.access.seesIn(in) {
		return l.tx.Count(l.ctx, f)
	}
	f, exact := l.access.visible(in, f)
	if exact {
		return l.tx.Count(l.ctx, f)
	}
	n := 0
	f.Limit = readStep
	for {
		rows, err := l.tx.Objects(l.ctx, f)
		if err != nil || len(rows) == 0 {
			return n, err
		}
		for _, o := range rows {
			if l.access.seesRow(in, o) {
				n++
			}
		}
		last := rows[len(rows)-1]
		f.AfterName, f.AfterID = last.Name, last.ID
	}
}

// types and tokens are few: the store lists all of them, and pageOf selects.
func (l listing) types(p *project) backend.Page {
	if p.row.ID == "" {
		return backend.Page{Objects: []backend.Object{}}
	}
	objects := make([]backend.Object, len(p.types))
	for i, t := range p.types {
		objects[i] = t.object(p)
	}
	return l.pageOf(objects)
}

// tokens lists the tokens that the caller may know of.
func (l listing) tokens() (backend.Page, error) {
	if !l.access.MaySome(backend.RightBind, backend.Place{}) {
		return backend.Page{}, l.access.deniedSomewhere(backend.RightBind, "list", "tokens", "a project")
	}
	rows, err := l.tx.Tokens(l.ctx)
	if err != nil {
		return backend.Page{}, err
	}
	r := l.asRun()
	objects := make([]backend.Object, 0, len(rows))
	for _, t := range rows {
		if knows, err := r.knowsToken(t); err != nil || !knows {
			if err != nil {
				return backend.Page{}, err
			}
			continue
		}
		if t.Untrusted != nil {
			return backend.Page{}, t.Untrusted
		}
		objects = append(objects, tokenObject(t))
	}
	return l.pageOf(objects), nil
}

// asRun returns a run that decides about rights for the listing.
func (l listing) asRun() *run {
	cached := newAccessCache(l.tx)
	return &run{applyCall: &applyCall{}, engine: l.engine, ctx: l.ctx, tx: cached, cached: cached, access: l.access,
		projects: map[string]*project{}, places: newPlaces()}
}

// self returns the token of the caller, or the caller itself if it has none. The tokens of others do not matter, not
// even one that cannot be trusted.
func (l listing) self() (backend.Page, error) {
	p, ok := backend.PrincipalFrom(l.ctx)
	if !ok {
		return backend.Page{}, backend.Errorf(backend.CodeUnauthenticated, "no credentials were supplied").
			WithHint("set POUNCET_TOKEN")
	}
	caller := backend.Object{Kind: backend.KindToken, Name: p.Name, Role: p.Role, Principal: p.Kind}
	if p.ID == "" {
		return backend.Page{Objects: []backend.Object{caller}}, nil
	}
	if p.Trust != "" {
		caller.ID = p.ID
		return backend.Page{Objects: []backend.Object{caller}}, nil
	}
	rows, err := l.tx.Tokens(l.ctx)
	if err != nil {
		return backend.Page{}, err
	}
	for _, t := range rows {
		if t.ID == p.ID && t.Untrusted == nil {
			return backend.Page{Objects: []backend.Object{tokenObject(t)}}, nil
		}
	}
	return backend.Page{Objects: []backend.Object{}}, nil // it was deleted after the call began
}

func (l listing) pageOf(objects []backend.Object) backend.Page {
	objects = slices.DeleteFunc(objects, func(o backend.Object) bool {
		if l.q.ID != "" && o.ID != l.q.ID || l.q.Name != "" && o.Name != l.q.Name ||
			!strings.HasPrefix(o.Name, l.q.NamePrefix) {
			return true
		}
		if l.q.Held != (o.Held != "") && (l.q.Held || l.q.ID == "") {
			return true
		}
		return l.q.Cursor != "" && cmp.Or(strings.Compare(o.Name, l.afterName), strings.Compare(o.ID, l.afterID)) <= 0
	})
	slices.SortFunc(objects, func(a, b backend.Object) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return l.cutToLimit(objects)
}

func (l listing) cutToLimit(objects []backend.Object) backend.Page {
	n, size := 0, 0
	for n < min(len(objects), l.q.Limit) {
		if size += objectSize(objects[n]); size > backend.MaxPageBytes && n > 0 {
			break
		}
		n++
	}
	if n == len(objects) {
		return backend.Page{Objects: objects}
	}
	objects = objects[:n]
	last := objects[len(objects)-1]
	return backend.Page{Objects: objects, Next: encodeCursor(last.Name, last.ID)}
}

func encodeCursor(name, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(name + "\x00" + id))
}

func decodeCursor(cursor string) (name, id string, err error) {
	if cursor == "" {
		return "", "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	name, id, ok := strings.Cut(string(text), "\x00")
	if err != nil || !ok {
		return "", "", errCursor()
	}
	return name, id, nil
}

func errCursor() *backend.Error {
	return backend.Errorf(backend.CodeInvalid, "the cursor is not valid").WithHint("start the listing again").At("cursor")
}
