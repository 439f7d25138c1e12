// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// changeDraft changes the metadata of a draft, accepts the present state for its changes, or discards it.
func (r *run) changeDraft(c backend.Change, id string) (backend.Outcome, error) {
	if c.Op == backend.OpDeploy {
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid,
			"a draft cannot be deployed together with other changes").
			WithHint("deploy it in a separate call")
	}
	in, row, exists, err := r.draft(c)
	if err != nil {
		return backend.Outcome{}, err
	}
	refresh := c.Op == backend.OpRefresh
	if refresh {
		c.Op = backend.OpUpdate
	}
	if err := checkOperation(c, exists, row.ID, row.Name, r.access.draftRevision(row)); err != nil {
		return backend.Outcome{}, err
	}
	if err := r.allowDraft(in, row, c.Op == backend.OpDelete); err != nil {
		return backend.Outcome{}, err
	}
	if exists && c.Op != backend.OpDelete && !refresh {
		if err := r.seesParts(in, row); err != nil {
			return backend.Outcome{}, err
		}
	}
	switch {
	case c.Op == backend.OpDelete:
		return r.discard(in, row)
	case refresh:
		return r.refresh(in, row, func(draftPart) bool { return true })
	case row.Untrusted != nil:
		return backend.Outcome{}, row.Untrusted
	}
	if !exists {
		row = store.Object{Kind: backend.KindDraft, ID: id, Project: in.row.ID, Name: c.Name}
		if row, err = r.insertDraft(in, row, c); err != nil {
			return backend.Outcome{}, err
		}
		return r.draftOutcome(backend.ActionCreate, diff{}, row, in)
	}
	a, err := decodeAttributes(row)
	if err != nil {
		return backend.Outcome{}, err
	}
	name := row.Name
	var d diff
	d.apply(c, &row.Name, &a)
	if err := r.checkExpiry(a.ExpiresAt); err != nil {
		return backend.Outcome{}, err
	}
	if len(d.changed) == 0 {
		return r.draftOutcome(backend.ActionUnchanged, d, row, in)
	}
	if row.Name != name {
		if err := backend.CheckName(c.Kind, row.Name); err != nil {
			return backend.Outcome{}, err
		}
		if err := r.takePlace(row, "", r.refuseExisting); err != nil {
			return backend.Outcome{}, err
		}
	}
	if row, err = r.update(row, a, nil, in); err != nil {
		return backend.Outcome{}, err
	}
	return r.draftOutcome(backend.ActionUpdate, d, row, in)
}

// allowDraft refuses a change of a draft by a caller that may change nothing in its project. To discard a draft, the
// caller needs the right to each of its changes.
func (r *run) allowDraft(in *project, draft store.Object, all bool) error {
	if !slices.ContainsFunc([]backend.Right{backend.RightWrite, backend.RightDelete, backend.RightManage},
		func(right backend.Right) bool { return r.access.MaySome(right, backend.Place{Project: in.row.ID}) }) &&
		!(r.isTrial() && r.access.MaySome(backend.RightCompare, backend.Place{Project: in.row.ID})) {
		return r.access.denied(backend.RightWrite, "change", "drafts of project "+backend.Quote(in.row.Name), in,
			backend.Place{})
	}
	if !all || r.access.Everywhere(backend.RightWrite) && r.access.Everywhere(backend.RightDelete) &&
		r.access.Everywhere(backend.RightManage) {
		return nil
	}
	parts, err := partsOf(r.ctx, r.tx, draft)
	if err != nil {
		return err
	}
	for _, d := range parts {
		if err := r.allowPart(in, draft, d, d.right()); err != nil {
			return err
		}
	}
	return nil
}

// draftOutcome is outcome for a draft.
func (r *run) draftOutcome(
	action backend.Action, d diff, draft store.Object, in *project,
) (backend.Outcome, error) {
	out, err := outcome(action, d, draft, in)
	out.Object.Revision = r.access.draftRevision(draft)
	out.Object.Edition = out.Object.Revision
	return out, err
}

// seesParts refuses to change the metadata of a draft, such as its expiry, to a caller who may not see all its changes.
func (r *run) seesParts(in *project, draft store.Object) error {
	if r.access.seesAll {
		return nil
	}
	parts, err := partsOf(r.ctx, r.tx, draft)
	if err != nil {
		return err
	}
	for _, d := range parts {
		if !r.access.seesPart(in, d) {
			return errHiddenParts(draft)
		}
	}
	return nil
}

func errHiddenParts(draft store.Object) error {
	return backend.Errorf(backend.CodeDenied, "permission denied: draft %q has changes that you may not see", draft.Name).
		WithHint("ask someone who may see all of them")
}

// right returns the right that a change of a draft needs.
func (d draftPart) right() backend.Right {
	if isEntry(d.Change.Kind) {
		return rightTo(d.Change.Op)
	}
	return backend.RightManage
}

// allowPart refuses something that concerns a change of a draft, if the caller does not have a right at its place.
func (r *run) allowPart(in *project, draft store.Object, d draftPart, right backend.Right) error {
	if !r.access.seesPart(in, d) {
		return errHiddenParts(draft)
	}
	places := []backend.Place{in.at(d.row)}
	if isEntry(d.Change.Kind) {
		places[0].Name = d.shownName()
		if d.Change.Rename != nil {
			to := places[0]
			to.Name = *d.Change.Rename
			places = append(places, to)
		}
	} else if d.Change.Kind != backend.KindEnvironment || d.Creates {
		places[0] = backend.Place{Project: in.row.ID}
	} else {
		places[0] = in.place(d.Target, "", "")
	}
	for _, at := range places {
		if !r.may(right, at) {
			return r.access.denied(right, string(right), "the change of "+d.label(), in, at)
		}
	}
	return nil
}

// draft returns the draft that a change names, by id or by project and name.
func (r *run) draft(c backend.Change) (in *project, row store.Object, exists bool, err error) {
	f := store.Filter{Kind: backend.KindDraft, ID: c.ID}
	if c.ID == "" {
		if err := backend.CheckName(backend.KindDraft, c.Name); err != nil {
			return nil, row, false, err
		}
		if in, err = r.project(c.Project); err != nil {
			return nil, row, false, err
		}
		f.Project, f.Name = in.row.ID, c.Name
	}
	if row, exists, err = r.seen(f); err != nil {
		return nil, row, false, err
	}
	switch {
	case c.ID != "" && !exists:
		return nil, row, false, unknownID(c)
	case c.ID != "":
		if in, err = r.project(row.Project); err == nil {
			err = r.checkSameProject(c, in)
		}
	case !exists && c.Op != backend.OpSet && c.Op != backend.OpCreate:
		_, err = draftByName(r.ctx, r.tx, in, c.Name)
	}
	return in, row, exists, err
}

// insertDraft creates an empty draft.
func (r *run) insertDraft(in *project, row store.Object, c backend.Change) (store.Object, error) {
	n, err := r.tx.Count(r.ctx, store.Filter{Kind: backend.KindDraft, Project: in.row.ID})
	if err != nil {
		return row, err
	}
	if err := checkCount(in, backend.KindDraft, n, backend.MaxDrafts); err != nil {
		return row, err
	}
	var a attributes
	var d diff
	d.apply(c, &row.Name, &a)
	if err := backend.CheckName(backend.KindDraft, row.Name); err != nil {
		return row, err
	}
	if c.ExpiresAt == nil {
		a.ExpiresAt = r.now.AddDate(0, 0, backend.DefaultDraftDays)
	}
	if err := r.checkExpiry(a.ExpiresAt); err != nil {
		return row, err
	}
	a.CreatedBy = r.principal()
	a.setContents(nil)
	return r.insert(row, a, nil, in)
}

// checkExpiry refuses a draft that has expired, or that would be kept for too long.
func (r *run) checkExpiry(at time.Time) error {
	if latest := r.now.AddDate(0, 0, backend.MaxDraftDays); !at.After(r.now) || at.After(latest.Add(time.Minute)) {
		return backend.Errorf(backend.CodeInvalid, "the time of expiry is not valid: a draft expires within %d days",
			backend.MaxDraftDays).WithHint("choose a time between now and %s", latest.Format(time.RFC3339)).At("expires_at")
	}
	return nil
}

// checkUsable refuses a draft that has expired, or whose row was changed.
func (r *run) checkUsable(draft store.Object) error {
	if draft.Untrusted != nil {
		return draft.Untrusted
	}
	a, err := decodeAttributes(draft)
	if err == nil && !a.ExpiresAt.After(r.now) {
		return backend.Errorf(backend.CodeConflict, "draft %q has expired at %s", draft.Name,
			a.ExpiresAt.Format(time.RFC3339)).
			WithHint("discard it and stage the changes again: pouncet draft discard %s", draft.Name).At("draft")
	}
	return err
}

// discard removes a draft with its changes.
func (r *run) discard(in *project, draft store.Object) (backend.Outcome, error) {
	out := backend.Outcome{Action: backend.ActionDelete,
		Object: backend.Object{Kind: draft.Kind, ID: draft.ID, Name: draft.Name, Project: shownName(in.row)}}
	if draft.Untrusted == nil { // otherwise nothing of it can be shown
		var err error
		if out, err = r.draftOutcome(backend.ActionDelete, diff{}, draft, in); err != nil {
			return out, err
		}
	}
	rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: backend.KindDraftChange, Project: in.row.ID, Link: draft.ID})
	if err != nil {
		return out, err
	}
	return out, removeDraft(r.ctx, r.tx, draft, rows, r.forget)
}

// removeDraft deletes the rows of a draft, and the keys of the environments that it would have created.
func removeDraft(ctx context.Context, tx store.Tx, draft store.Object, rows []store.Object, keysChanged func()) error {
	for _, row := range rows {
		if err := dropRow(ctx, tx, row, keysChanged); err != nil {
			return err
		}
	}
	return tx.DeleteObject(ctx, draft.ID)
}

// dropRow deletes the row of a change, and the key of the environment that it would have created.
func dropRow(ctx context.Context, tx store.Tx, row store.Object, keysChanged func()) error {
	if d, err := decodePart(row); err == nil && d.createsEnvironment() {
		if err := tx.DeleteEnvironmentKeys(ctx, row.Project, d.Target); err != nil {
			return err
		}
		keysChanged()
	}
	return tx.DeleteObject(ctx, row.ID)
}

func (d draftPart) createsEnvironment() bool {
	return d.Creates && d.Change.Kind == backend.KindEnvironment
}
