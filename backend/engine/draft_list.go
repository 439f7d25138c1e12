// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"context"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// How a draft is compared with the present objects, without any value.

// place is where an object is, for a lookup of many.
type place struct {
	kind                     backend.Kind
	environment, scope, name string
}

// present holds the objects that are now in the places of the changes of a draft.
type present map[place]store.Object

func (d draftPart) place() place {
	return place{d.Change.Kind, d.row.Environment, d.row.Scope, d.Name}
}

// presentOf looks up the objects of changes, with one statement for each kind, environment and scope.
func presentOf(ctx context.Context, tx store.Tx, in *project, parts []draftPart) (present, error) {
	return lookUpPresent(ctx, tx, in, parts, nil)
}

// lookUpPresent is presentOf that also calls each for every secret and scoped value, if it is not nil. The entries have
// versions where a deployment compares values.
func lookUpPresent(
	ctx context.Context, tx store.Tx, in *project, parts []draftPart, each func(store.Entry),
) (present, error) {
	out := make(present, len(parts)+len(in.environments)+len(in.types)+1)
	out[place{kind: backend.KindProject, name: in.row.Name}] = in.row
	for _, o := range in.environments {
		out[place{kind: o.Kind, name: o.Name}] = o
	}
	for _, t := range in.types {
		out[place{kind: backend.KindSecretType, name: t.row.Name}] = t.row
	}
	for _, l := range lookups(in, parts) {
		l.ObjectsOnly = l.ObjectsOnly || each == nil
		err := tx.Lookup(ctx, l, func(e store.Entry) {
			if each != nil {
				each(e)
			}
			o := e.Object
			out[place{l.Kind, o.Environment, o.Scope, o.Name}] = o
		})
		if err != nil {
			return nil, err
		}
	}
	return out, out.checkMissing(ctx, tx, parts)
}

// lookups returns one lookup for each kind, environment and scope of the entries that a draft changes. One lookup for
// all would also match the name of one change in the environment of another, and read that value.
func lookups(in *project, parts []draftPart) []store.Lookup {
	of := map[place]int{}
	var all []store.Lookup
	for _, d := range parts {
		if !isEntry(d.Change.Kind) || d.Drafted {
			continue
		}
		where := d.place()
		where.name = ""
		i, known := of[where]
		if !known {
			i, of[where] = len(all), len(all)
			all = append(all, store.Lookup{Kind: where.kind, Project: in.row.ID, Environments: []string{d.row.Environment},
				Scopes: []string{d.row.Scope}, ObjectsOnly: true})
		}
		all[i].ObjectsOnly = all[i].ObjectsOnly && !d.compares()
		all[i].Names = append(all[i].Names, d.Name)
	}
	for i := range all {
		slices.Sort(all[i].Names)
		all[i].Names = slices.Compact(all[i].Names)
	}
	return all
}

// compares reports whether a deployment of the change reads the present value. It only decides what is read together:
// a value that is needed nevertheless is read alone.
func (d draftPart) compares() bool {
	c := d.Change
	return d.hasValue() && !d.Differs || c.Type != nil || c.Generate != nil || c.FromVersion != nil
}

// checkMissing refuses a change if somebody altered the row of its object outside Pouncet, so that the object is not
// found at its place. Without this check, Pouncet would only call the change stale.
func (p present) checkMissing(ctx context.Context, tx store.Tx, parts []draftPart) error {
	for _, d := range parts {
		if _, exists := p[d.place()]; exists || d.Creates || d.Drafted || !isEntry(d.Change.Kind) {
			continue
		}
		rows, err := tx.Objects(ctx, store.Filter{Kind: d.Change.Kind, ID: d.Target, Limit: 1})
		if err != nil {
			return err
		}
		if len(rows) > 0 && rows[0].Untrusted != nil {
			return rows[0].Untrusted
		}
	}
	return nil
}

// quietKey is how attributes.encode writes the name of the field Quiet.
var quietKey = []byte(`"quiet"`)

// edition counts the changes that people make, without those that Pouncet makes on its own. Most objects have none of
// those. Their attributes are not decoded here, because a deployment decodes them again to change them.
func edition(o store.Object) (int64, error) {
	if !bytes.Contains(o.Attributes, quietKey) {
		return o.Revision, nil
	}
	a, err := decodeAttributes(o)
	return o.Revision - a.Quiet, err
}

// stale says what has happened to the object of a change since it was staged; "" if it is as it was.
func (d draftPart) stale(now present) (string, error) {
	if d.Drafted {
		return "", nil
	}
	o, exists := now[d.place()]
	switch {
	case o.Untrusted != nil:
		return "", o.Untrusted
	case d.Creates && exists && o.ID != d.Holder:
		return "was created", nil
	case d.Creates:
		return "", nil
	case !exists:
		return "was renamed or deleted", nil
	case o.ID != d.Target:
		return "was replaced", nil
	}
	n, err := edition(o)
	if err == nil && n != d.Edition {
		return "was changed", nil
	}
	return "", err
}

// object converts a change of a draft, as lists show it.
func (d draftPart) object(in *project, draft string, now present) (backend.Object, error) {
	c := d.Change
	s := &backend.Staged{Kind: c.Kind, Op: c.Op, Object: d.Target, Action: backend.ActionUpdate, Force: c.Force,
		Purge: c.Purge, By: d.By}
	switch {
	case c.Op == backend.OpDelete:
		s.Action = backend.ActionDelete
	case d.Creates:
		s.Action = backend.ActionCreate
	}
	var err error
	if s.Stale, err = d.stale(now); err != nil {
		return backend.Object{}, err
	}
	row, compared := now[d.place()]
	compared = compared && row.ID == d.Target && s.Action == backend.ActionUpdate
	var target *backend.Object // decoded for the first attribute, because most changes only set a value
	if c.Rename != nil {
		s.Rename, s.Changed = *c.Rename, append(s.Changed, "name")
	}
	for _, a := range backend.AttributeTable {
		if !a.Given(&c) || slices.Contains(notShown, a.Name) {
			continue
		}
		if compared && target == nil {
			o, err := d.targetObject(row, in)
			if err != nil {
				return backend.Object{}, err
			}
			target = &o
		}
		if target != nil && a.Same(&c, target) {
			continue
		}
		if a.Name == "generate" || a.Name == "from_version" {
			a.Name = "value"
		}
		s.Changed = append(s.Changed, a.Name)
	}
	if d.hasValue() {
		s.Changed = append(s.Changed, "value")
	}
	out := backend.Object{
		Kind: backend.KindDraftChange, ID: d.row.ID, Name: d.shownName(), Project: shownName(in.row), Draft: draft,
		Staged: s, Revision: d.row.Revision, CreatedAt: d.row.CreatedAt, UpdatedAt: d.row.UpdatedAt,
	}
	if isEntry(c.Kind) {
		out.Scope, out.EnvironmentID, out.Environment = d.row.Scope, d.row.Environment, d.Environment
		if _, ok := in.environmentByID(d.row.Environment); ok {
			out.Environment = in.environmentName(d.row.Environment)
		}
	}
	return out, nil
}

// notShown are the attributes of a change that say nothing about the change, or that have their own field.
var notShown = []string{"environment", "scope", "purge", "note"}

func (d draftPart) targetObject(row store.Object, in *project) (backend.Object, error) {
	if row.Kind == backend.KindProject {
		return object(row, nil)
	}
	if row.Kind == backend.KindSecretType {
		return in.typeByID(row.ID).object(in), nil
	}
	return object(row, in)
}

// draftChanges lists the changes of one draft or of all drafts, in their order.
func (l listing) draftChanges(in *project) (backend.Page, error) {
	page := backend.Page{Objects: []backend.Object{}}
	drafts, err := l.drafts(in)
	if err != nil {
		return page, err
	}
	f := store.Filter{Kind: backend.KindDraftChange, Project: in.row.ID, ID: l.q.ID, AfterName: l.afterName,
		AfterID: l.afterID}
	if l.q.Draft != "" {
		f.Link = drafts[0].ID
	}
	rows, more, err := l.read(f, in)
	if err != nil {
		return page, err
	}
	parts := make([]draftPart, len(rows))
	for i, row := range rows {
		if parts[i], err = decodePart(row); err != nil {
			return page, err
		}
	}
	now, err := presentOf(l.ctx, l.tx, in, parts)
	if err != nil {
		return page, err
	}
	for _, d := range parts {
		n := slices.IndexFunc(drafts, func(o store.Object) bool { return o.ID == d.row.Link })
		if n < 0 {
			return page, backend.Errorf(backend.CodeCorrupt, "draft change %s cannot be trusted: its draft is missing",
				d.row.ID).WithHint("restore the database from a backup")
		}
		o, err := d.object(in, drafts[n].Name, now)
		if err != nil {
			return page, err
		}
		if !l.access.seesRename(in, d) {
			o.Staged.Rename = ""
		}
		if !l.selects(o) {
			continue
		}
		if o.Staged.Files, err = l.access.filesWith(l.ctx, l.tx, in, d); err != nil {
			return page, err
		}
		page.Objects = append(page.Objects, o)
	}
	if more {
		last := rows[len(rows)-1]
		page.Next = encodeCursor(last.Name, last.ID)
	}
	return page, nil
}

// drafts returns the drafts whose changes are listed. A draft that the query selects must be complete. The changes of
// all drafts can have 800 MB. So a list without a draft reads one page of them, and cannot notice that one is missing.
func (l listing) drafts(in *project) ([]store.Object, error) {
	if l.q.Draft == "" {
		drafts, err := l.tx.Objects(l.ctx, store.Filter{Kind: backend.KindDraft, Project: in.row.ID})
		for _, d := range drafts {
			if d.Untrusted != nil { // its changes would be listed under another name
				return nil, d.Untrusted
			}
		}
		return drafts, err
	}
	draft, err := draftByName(l.ctx, l.tx, in, l.q.Draft)
	if err == nil {
		_, err = completeParts(l.ctx, l.tx, draft)
	}
	return []store.Object{draft}, err
}

// countChanges returns the number of the changes of a draft that the caller may see. The row of the draft has the
// number of all changes. Only a caller that may see some of them has to read them.
func (l listing) countChanges(in *project, draft store.Object) (*int, error) {
	if draft.Untrusted != nil {
		return nil, draft.Untrusted
	}
	a, err := decodeAttributes(draft)
	if err != nil {
		return nil, err
	}
	if l.access.seesAll && a.Changes != nil {
		return a.Changes, nil
	}
	parts, err := partsOf(l.ctx, l.tx, draft)
	if err != nil {
		return nil, err
	}
	n := 0
	for _, d := range parts {
		if l.access.seesPart(in, d) {
			n++
		}
	}
	return &n, nil
}

// selects reports whether a change of a draft has the name and the place that the query selects.
func (l listing) selects(o backend.Object) bool {
	return (l.q.Name == "" || l.q.Name == o.Name) && (l.q.Scope == "" || l.q.Scope == o.Scope) &&
		(l.q.Environment == "" || l.q.Environment == o.Environment || l.q.Environment == o.EnvironmentID)
}

// filesWith counts the configuration files that use the entry which a change deletes, as far as the caller may see it.
func (a principalAccess) filesWith(ctx context.Context, tx store.Tx, in *project, d draftPart) (int, error) {
	if d.Change.Op != backend.OpDelete || !isEntry(d.Change.Kind) {
		return 0, nil
	}
	rows, err := tx.Objects(ctx, store.Filter{Kind: backend.KindUsage, Project: in.row.ID, Link: d.Name,
		Limit: backend.MaxDependents})
	if err != nil {
		return 0, err
	}
	files := map[[2]string]bool{}
	for _, row := range rows {
		u, err := usage(row, in)
		if err != nil {
			return 0, err
		}
		if a.seesRow(in, row) && u.Usage.Kind == d.Change.Kind &&
			overlap(row.Environment, d.row.Environment, backend.AnyEnvironment) &&
			overlap(row.Scope, d.row.Scope, backend.ProjectScope) {
			files[[2]string{u.Source, u.Usage.File}] = true
		}
	}
	return len(files), nil
}
