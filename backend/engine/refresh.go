// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// How stale changes of a draft are refreshed or left out.

// refresh makes stale changes of a draft accept the objects as they are now.
func (r *run) refresh(in *project, draft store.Object, chosen func(draftPart) bool) (backend.Outcome, error) {
	if err := r.checkUsable(draft); err != nil {
		return backend.Outcome{}, err
	}
	parts, err := completeParts(r.ctx, r.tx, draft)
	if err != nil {
		return backend.Outcome{}, err
	}
	now, err := presentOf(r.ctx, r.tx, in, parts)
	if err != nil {
		return backend.Outcome{}, err
	}
	refreshed := 0
	for _, d := range parts {
		stale, err := d.stale(now)
		if err != nil {
			return backend.Outcome{}, err
		}
		if stale == "" || !chosen(d) {
			continue
		}
		if err := r.allowPart(in, draft, d, d.right()); err != nil {
			return backend.Outcome{}, err
		}
		if err := r.refreshPart(in, draft, d, parts, now); err != nil {
			return backend.Outcome{}, err
		}
		refreshed++
	}
	if refreshed == 0 {
		return r.draftOutcome(backend.ActionUnchanged, diff{}, draft, in)
	}
	if draft, err = saveContents(r.ctx, r.tx, draft, r.now); err != nil {
		return backend.Outcome{}, err
	}
	return r.draftOutcome(backend.ActionUpdate, diff{changed: []string{"changes"}}, draft, in)
}

// refreshPart accepts the present state of the object of one change. That is the object that was changed or, if it is
// gone, the one that has its place now. An object that the caller may not see does not exist.
func (r *run) refreshPart(in *project, draft store.Object, d draftPart, all []draftPart, now present) error {
	o, exists := now[d.place()]
	exists = exists && r.access.seesRow(in, o)
	if !d.Creates && (!exists || o.ID != d.Target) {
		row, found, err := r.first(store.Filter{Kind: d.Change.Kind, ID: d.Target})
		if err != nil {
			return err
		}
		if found && r.access.seesRow(in, row) {
			o, exists = row, true
		}
	}
	if !exists {
		return backend.Errorf(backend.CodeConflict, "%s no longer exists, so its change cannot be refreshed", d.label()).
			WithHint("leave it out: pouncet draft drop %s %s", d.row.Link, d.row.ID)
	}
	if d.createsEnvironment() {
		return backend.Errorf(backend.CodeConflict, "%s was created, and the draft creates it too", d.label()).
			WithHint("leave out its creation and what the draft has in it, and stage that again: pouncet draft drop %s %s",
				d.row.Link, d.row.ID)
	}
	if err := r.allowTarget(in, draft, d, o); err != nil {
		return err
	}
	n, err := edition(o)
	if err != nil {
		return err
	}
	if err := d.stayRestricted(o, all); err != nil {
		return err
	}
	if err := r.allowPartMove(in, d, in.at(o)); err != nil {
		return err
	}
	next := d.staged
	next.Creates, next.Edition, next.Name, next.Differs = false, n, o.Name, false
	if next.Change.Op == backend.OpCreate {
		next.Change.Op = backend.OpSet
	}
	if err := r.retarget(in, d.row, next, o); err != nil {
		return err
	}
	for _, later := range all {
		if later.Drafted && later.isFor(d.Target) {
			if err := r.allowTarget(in, draft, later, o); err != nil {
				return err
			}
			if err := r.retarget(in, later.row, later.staged, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// allowTarget refuses to make a change one of an object where the caller may not make it. The object can have been
// renamed since the change was staged.
func (r *run) allowTarget(in *project, draft store.Object, d draftPart, o store.Object) error {
	d.Target, d.Creates, d.Name, d.Change.Name = o.ID, false, o.Name, shownName(o)
	d.row.Environment, d.row.Scope = o.Environment, o.Scope
	return r.allowPart(in, draft, d, d.right())
}

// retarget makes a change one of another object, or of the same one under its present name.
func (r *run) retarget(in *project, row store.Object, s staged, o store.Object) error {
	s.Target = o.ID
	s.Change.ID, s.Change.Name = o.ID, shownName(o)
	s.Change.Environment, s.Change.Scope = "", ""
	return r.rewritePart(in, row, s)
}

// rewritePart changes the row of a change, and not its value.
func (r *run) rewritePart(in *project, row store.Object, s staged) error {
	var key *envelope.Key
	if row.Environment != "" {
		var err error
		if err = r.verifyRow(in, row); err == nil {
			key, err = r.signingKey(in, row.Environment)
		}
		if err != nil {
			return err
		}
	}
	row.Revision, row.UpdatedAt, row.Attributes = row.Revision+1, r.now, s.encode()
	signWith(key, &row, in)
	return r.tx.UpdateObject(r.ctx, row)
}

// changePart leaves one change out of a draft, or accepts the present state of its object.
func (r *run) changePart(c backend.Change) (backend.Outcome, error) {
	if c.ID == "" {
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "the id of a draft change is required").At("id")
	}
	row, exists, err := r.seen(store.Filter{Kind: c.Kind, ID: c.ID})
	if err != nil {
		return backend.Outcome{}, err
	}
	if !exists {
		return backend.Outcome{}, backend.Errorf(backend.CodeNotFound, "draft change %s does not exist",
			backend.Quote(c.ID)).WithHint("list the changes: pouncet draft show NAME").At("id")
	}
	in, err := r.project(row.Project)
	if err != nil {
		return backend.Outcome{}, err
	}
	if err := r.checkSameProject(c, in); err != nil {
		return backend.Outcome{}, err
	}
	draft, err := draftByName(r.ctx, r.tx, in, row.Link)
	if err != nil {
		return backend.Outcome{}, err
	}
	switch c.Op {
	case backend.OpRefresh:
		return r.refresh(in, draft, func(d draftPart) bool { return d.row.ID == row.ID })
	case backend.OpDelete:
		return r.drop(in, draft, row)
	}
	return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "operation %q is not supported for a draft change",
		c.Op).WithHint("use %q or %q; to replace it, stage the object again", backend.OpDelete, backend.OpRefresh)
}

// drop leaves a change out of a draft.
func (r *run) drop(in *project, draft, row store.Object) (backend.Outcome, error) {
	out := backend.Outcome{Action: backend.ActionDelete,
		Object: backend.Object{Kind: row.Kind, ID: row.ID, Project: shownName(in.row), Draft: draft.Name}}
	parts, err := completeParts(r.ctx, r.tx, draft)
	complete := err == nil
	if d, err := decodePart(row); err == nil {
		if err := r.allowPart(in, draft, d, d.right()); err != nil {
			return backend.Outcome{}, err
		}
		if err := checkDroppable(parts, d); err != nil {
			return backend.Outcome{}, err
		}
		if out.Object, err = d.object(in, draft.Name, present{}); err != nil {
			return backend.Outcome{}, err
		}
		out.Object.Staged.Stale = ""
	}
	if err := dropRow(r.ctx, r.tx, row, r.forget); err != nil || !complete {
		return out, err
	}
	_, err = saveContents(r.ctx, r.tx, draft, r.now)
	return out, err
}

// checkDroppable refuses to leave out the creation of an object that later changes of the draft change, of an
// environment with entries in the draft, or the change that frees the place of a creation. Without the last one, the
// creation would overwrite the object that keeps its place.
func checkDroppable(parts []draftPart, d draftPart) error {
	if err := checkVisibilityStays(parts, d); err != nil {
		return err
	}
	for _, other := range parts {
		if other.Creates && other.Holder == d.Target && other.row.ID != d.row.ID {
			return backend.Errorf(backend.CodeInUse, "%s frees its place for another change of the draft, which creates %s",
				d.label(), other.label()).
				WithHint("leave out the creation first: pouncet draft drop %s %s", d.row.Link, other.row.ID)
		}
	}
	if !d.Creates {
		return nil
	}
	var users []string
	for _, other := range parts {
		if other.row.ID != d.row.ID && (other.isFor(d.Target) || other.row.Environment == d.Target) {
			users = append(users, other.label())
		}
	}
	if len(users) == 0 {
		return nil
	}
	return backend.Errorf(backend.CodeInUse, "the creation of %s is needed by other changes of the draft: %s", d.label(),
		backend.Enumerate(users)).WithHint("leave these out first, or discard the draft")
}
