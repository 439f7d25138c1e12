// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"errors"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// The second transaction of staging: it writes the rows of the changes.

// writeStaged writes the rows of the changes that are new or merged, and deletes those that are left out.
func (r *run) writeStaged(tx store.Tx, t *trial, outcomes []backend.Outcome) error {
	if err := r.begin(tx); err != nil {
		return err
	}
	if done, err := r.replay(); done || err != nil {
		return err
	}
	in, err := r.project(t.project)
	if err != nil {
		return err
	}
	draft, exists, err := r.first(store.Filter{Kind: backend.KindDraft, Project: in.row.ID, Name: r.given.Draft})
	if err != nil {
		return err
	}
	if exists != t.exists || draft.Revision != t.draft.Revision {
		return errOutdated
	}
	if !exists && len(t.list) > 0 {
		draft = store.Object{Kind: backend.KindDraft, ID: newID(), Project: in.row.ID, Name: r.given.Draft}
		if draft, err = r.insertDraft(in, draft, backend.Change{}); err != nil {
			return err
		}
	}
	if err := t.checkSize(r.given.Draft); err != nil {
		return err
	}
	if err := r.writeList(t, draft); err != nil {
		return err
	}
	if draft.ID != "" {
		if _, err := saveContents(r.ctx, r.tx, draft, r.now); err != nil {
			return err
		}
	}
	r.outcomes = outcomes
	for i := range r.outcomes {
		r.outcomes[i].ProjectID = t.project
	}
	if err := addRecords(r.ctx, r.tx, r.engine.record.Changed(r.ctx, r.given, r.outcomes)); err != nil {
		return err
	}
	return r.saveOutcome()
}

// checkSize refuses a draft with too many bytes.
func (t *trial) checkSize(draft string) error {
	size := 0
	for _, c := range t.list {
		size += roundedUp(c.change.Value.Len()) + len(staged{Change: c.change}.encode())
	}
	if size > backend.MaxDraftBytes {
		return backend.Errorf(backend.CodeTooLarge, "draft %q would have more than %d bytes", draft,
			backend.MaxDraftBytes).WithHint("deploy it, or use another draft").At("draft")
	}
	return nil
}

// roundedUp returns what a value of n bytes counts. Otherwise, someone who fills a draft to its limit could find out
// how long the values of others are.
func roundedUp(n int) int { return (n + countedBytes - 1) / countedBytes * countedBytes }

// countedBytes is the number of bytes of which a value counts a multiple.
const countedBytes = 1024

// writeList replaces the rows of a draft by the list.
func (r *run) writeList(t *trial, draft store.Object) error {
	last, kept := 0, map[string]bool{}
	for _, d := range t.parts {
		last = max(last, d.number())
	}
	for _, c := range t.list {
		if c.part != nil {
			kept[c.part.row.ID] = true
		}
	}
	for _, d := range t.parts {
		if !kept[d.row.ID] {
			if err := dropRow(r.ctx, r.tx, d.row, r.forget); err != nil {
				return err
			}
		}
	}
	created, missing, visibility, compared := map[string]bool{}, false, t.visibilities(), t.compared()
	for i, c := range t.list {
		out := t.outcomes[i]
		number := last + 1
		if c.part != nil {
			number = c.part.number()
		}
		last = max(last, number)
		if out.Action == backend.ActionCreate {
			created[out.Object.ID] = true
		}
		if c.isKept() {
			if c.part.Creates {
				created[c.part.Target] = true
			}
			if err := r.keepRestricted(t, *c.part, visibility); errors.Is(err, errNotReady) {
				missing = true
			} else if err != nil {
				return err
			}
			continue
		}
		p := writtenPart{proposal: c, out: out, number: number, checked: t.steps[i].checked,
			visibility: visibility[out.Object.ID], compared: compared[i]}
		switch err := r.writePart(t, draft, p, created); {
		case errors.Is(err, errNotReady) && c.change.Kind == backend.KindEnvironment:
			return err // what is in the environment needs its key
		case errors.Is(err, errNotReady):
			missing = true // continue, so that all missing keys are fetched together
		case err != nil:
			return err
		}
	}
	if missing {
		return errNotReady
	}
	return nil
}

// keepRestricted notes in the row of a change that its value is for a restricted secret, because another change of the
// draft makes it one.
func (r *run) keepRestricted(t *trial, d draftPart, visibility map[string]backend.Visibility) error {
	if !d.hasValue() || d.Visibility == backend.Restricted || visibility[d.Target] != backend.Restricted {
		return nil
	}
	in, err := r.project(t.project)
	if err != nil {
		return err
	}
	d.Visibility = backend.Restricted
	return r.rewritePart(in, d.row, d.staged)
}

// writtenPart is a change that gets a row, with what the trial has found out of it.
type writtenPart struct {
	proposal
	out        backend.Outcome
	number     int
	checked    valueCheck
	visibility backend.Visibility // of the secret after all changes
	compared   bool               // its value was compared with the stored one
}

// writePart writes the row of one change, with its sealed value.
func (r *run) writePart(t *trial, draft store.Object, c writtenPart, created map[string]bool) error {
	out := c.out
	in, err := r.project(t.project)
	if err != nil {
		return err
	}
	var s staged
	if c.part != nil {
		s = c.part.staged
		if err := r.tx.DeleteObject(r.ctx, c.part.row.ID); err != nil {
			return err
		}
		s.Change = c.change
	} else if s, err = r.against(in, t, c.change, out, created); err != nil {
		return err
	}
	r.keepFacts(in, &s, c)
	s.Change.Project, s.Change.Value = "", backend.Plaintext{}
	s.Change.Expect, s.Change.Edition, s.Change.Incarnation = nil, nil, nil // the row says what it was staged against
	s.Change.StagedChange = nil
	s.By = withDrafter(s.By, r.principal())
	if s.Creates && s.Change.Kind == backend.KindEnvironment {
		if err := r.makePlannedKey(in, s); err != nil {
			return err
		}
	}
	row := store.Object{
		Kind: backend.KindDraftChange, ID: newID(), Project: in.row.ID, Name: partName(draft.ID, c.number), Link: draft.ID,
		Revision: 1, Attributes: s.encode(), CreatedAt: r.now, UpdatedAt: r.now,
	}
	if !isEntry(s.Change.Kind) {
		return r.tx.InsertObject(r.ctx, row)
	}
	row.Environment, row.Scope = out.Object.EnvironmentID, out.Object.Scope
	value := c.change.Value.Expose()
	if len(value) > 0 {
		row.Version = 1
	}
	key, err := r.signingKey(in, row.Environment)
	if err != nil {
		return err
	}
	signWith(key, &row, in)
	if err := r.tx.InsertObject(r.ctx, row); err != nil || len(value) == 0 {
		return err
	}
	v := store.Version{Project: row.Project, Object: row.ID, Version: row.Version, EnvironmentKey: key.ID(),
		Form: store.FormOf(value, false), CreatedAt: r.now, CreatedBy: r.principal(), Attributes: []byte("{}")}
	if err := seal(key, row, &v, value); err != nil {
		return err
	}
	return r.tx.InsertVersion(r.ctx, v)
}

// mostDrafters is how many principals the row of a change names: the last ones.
const mostDrafters = 20

// withDrafter returns the principals that staged a change, the last one at the end.
func withDrafter(by []string, last string) []string {
	by = append(slices.DeleteFunc(slices.Clone(by), func(name string) bool { return name == last }), last)
	return by[max(0, len(by)-mostDrafters):]
}

// makePlannedKey makes the key of an environment that a draft creates, so that values in it can be sealed. If the key
// exists, a change of the draft may have named another KMS key.
func (r *run) makePlannedKey(in *project, s staged) error {
	kmsKey := ""
	if s.Change.KMSKey != nil {
		kmsKey = *s.Change.KMSKey
	}
	if _, made := in.environmentKey(s.Target); made {
		return r.rewrap(in, s.Target, kmsKey)
	}
	_, err := r.makeKey(in.row.ID, s.Target, kmsKey)
	r.forget()
	return err
}

// against returns a new change with what it is staged against: the present state of the object, or of the place in
// which it creates one.
func (r *run) against(
	in *project, t *trial, c backend.Change, out backend.Outcome, created map[string]bool,
) (staged, error) {
	s := staged{Change: c, Target: out.Object.ID, Environment: out.Object.Environment}
	row, exists, err := r.storedObject(in, c.Kind, s.Target)
	if err != nil {
		return s, err
	}
	if exists {
		was, updated := t.revisions[row.ID]
		if !updated {
			was = out.Object.Revision
		}
		if row.Revision != was {
			return s, errOutdated
		}
		s.Name = row.Name
		if s.Edition, err = edition(row); err != nil {
			return s, err
		}
		s.Change.ID, s.Change.Name, s.Change.Environment, s.Change.Scope = s.Target, shownName(row), "", ""
		return s, nil
	}
	switch {
	case out.Action == backend.ActionCreate:
		s.Creates, s.Name = true, out.Object.Name
		s.Change.Environment, s.Change.Scope = out.Object.EnvironmentID, out.Object.Scope
		s.Holder, err = r.holder(in, c.Kind, out.Object)
		return s, err
	case created[s.Target]:
		s.Drafted, s.Name = true, out.Object.Name
		if c.Name != "" {
			s.Name = c.Name
		}
		s.Change.ID, s.Change.Name, s.Change.Environment, s.Change.Scope = s.Target, s.Name, "", ""
		return s, nil
	}
	return s, backend.Errorf(backend.CodeInvalid, "%s %s was deleted before, and a draft only changes what exists", c.Kind,
		backend.Quote(out.Object.Name)).WithHint("make the change without a draft").At("draft")
}

// storedObject returns an object as it is stored.
func (r *run) storedObject(in *project, kind backend.Kind, id string) (store.Object, bool, error) {
	switch kind {
	case backend.KindProject:
		return in.row, in.row.ID == id, nil
	case backend.KindEnvironment:
		row, ok := in.environmentByID(id)
		return row, ok, nil
	case backend.KindSecretType:
		row := in.typeByID(id).row
		return row, row.ID != "", nil
	}
	return r.first(store.Filter{Kind: kind, ID: id})
}

// holder returns the id of the object that has a place now, in which a draft creates another one; "" if it is free. An
// earlier change of the draft frees it.
func (r *run) holder(in *project, kind backend.Kind, o backend.Object) (string, error) {
	f := store.Filter{Kind: kind, Project: in.row.ID, Name: o.Name}
	if isEntry(kind) {
		f.Environment, f.Scope = o.EnvironmentID, o.Scope
	}
	row, exists, err := r.first(f)
	if !exists {
		return "", err
	}
	return row.ID, err
}
