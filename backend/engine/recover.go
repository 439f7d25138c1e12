// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// A deleted object keeps its row while it can be restored. Its row has another
// kind, so that no lookup, count or dependency check sees it and its name is
// free. The name of the row is the time of its deletion, which sorts the oldest
// deletions first.
//
//	kind                     row
//	deleted_<kind>           the object that was deleted, with its versions or keys
//	kept_<kind>              what was in an environment when that was deleted: it
//	                         keeps its name, and comes back with the environment
//
// What had been deleted in an environment before stays as it is, and cannot be
// restored before the environment is. Sweep ends the recovery window.
//
// An environment or project that was set aside (see held.go) can be restored in
// the same way. One that waits for its creation never ends by itself: nobody has
// asked to lose its contents.

func deletedAs(k backend.Kind) backend.Kind { return stored.DeletedKind + k }

func keptAs(k backend.Kind) backend.Kind { return stored.KeptKind + k }

// deletedKind returns the former kind of a deleted row, and whether the row is a
// deleted one.
func deletedKind(k backend.Kind) (backend.Kind, bool) {
	was, ok := strings.CutPrefix(string(k), stored.DeletedKind)
	return backend.Kind(was), ok
}

// formerKind returns the kind of a row. If the row was deleted or kept, it is the kind that the row had before.
func formerKind(k backend.Kind) backend.Kind {
	was, _ := deletedKind(k)
	return backend.Kind(strings.TrimPrefix(string(was), stored.KeptKind))
}

// deletedName sorts by the time of deletion.
func deletedName(at time.Time, id string) string { return deletionTime(at) + "/" + id }

func deletionTime(at time.Time) string { return at.UTC().Format("20060102T150405.000000") }

// restorableUntil returns when the recovery window of a deletion ends.
func restorableUntil(policy backend.Policy, deletedAt time.Time) time.Time {
	return deletedAt.AddDate(0, 0, policy.RecoveryDays)
}

// restorable reports whether the recovery window of a deletion is still open.
func (p *project) restorable(deletedAt, now time.Time) bool {
	return restorableUntil(p.policy, deletedAt).After(now)
}

// isReplaced reports whether the row belongs to an object which waits for the
// creation that replaces it.
func isReplaced(o store.Object) (attributes, bool) {
	if !isReserved(o.Name) {
		return attributes{}, false
	}
	a, err := decodeAttributes(o)
	return a, err == nil && a.Held == backend.HeldReplaced && !a.DeletedAt.IsZero()
}

// isRestorable reports whether the row belongs to an object which was set aside,
// with its contents, and can be restored.
func isRestorable(o store.Object) (attributes, bool) {
	if !isReserved(o.Name) {
		return attributes{}, false
	}
	a, err := decodeAttributes(o)
	return a, err == nil && a.deleted() && !a.DeletedAt.IsZero()
}

// deleteEntry deletes a secret or scoped value that has no dependents.
func (r *run) deleteEntry(e *entry, c backend.Change) (backend.Outcome, error) {
	if e.row.Untrusted != nil && c.ID == "" {
		// Another entry may have its name.
		return backend.Outcome{}, backend.AsError(e.row.Untrusted).
			WithHint("restore the database from a backup, or delete the entry by its id: pouncet %s delete %s",
				e.row.Kind.Command(), e.row.ID)
	}
	if err := checkUnprotected(e.row); err != nil {
		return backend.Outcome{}, err
	}
	if c.Force {
		if err := r.checkForced(e); err != nil {
			return backend.Outcome{}, err
		}
	} else {
		linked, usages, err := r.dependents(e)
		if err != nil {
			return backend.Outcome{}, err
		}
		if len(linked) > 0 && len(usages) == 0 && !c.Purge {
			if linked, err = r.withoutOther(e.row, owner(c, e.attr), linked); err != nil {
				return backend.Outcome{}, err
			}
			if out, done, err := r.setAsideOwned(c, e.row, linked); done || err != nil {
				return out, err
			}
		}
		users, err := r.dependentsIn(e.in, linked)
		if err != nil {
			return backend.Outcome{}, err
		}
		if users = append(users, usages...); len(users) > 0 {
			return backend.Outcome{}, inUse(e.row, users, "change or delete these first, or force it: "+
				forcedDeletion(e.row))
		}
	}
	before := e.row
	e.attr.Follows = c.CreationFollows && c.Kind == backend.KindSecret
	out, err := outcome(backend.ActionDelete, e.diff, before, e.in)
	if err != nil {
		return out, err
	}
	if err := r.removeEntry(e, c.Purge); err != nil {
		return out, err
	}
	return out, r.letGo(e.in.row.ID, before)
}

// checkForced refuses a forced deletion that breaks what the caller may not delete or, in the deployment of a draft,
// may not deploy: it can be there only since the deletion was staged.
func (r *run) checkForced(e *entry) error {
	right := backend.RightDelete
	if r.deploying {
		right = backend.RightDeploy
	}
	if r.step().kept || r.access.Everywhere(right) {
		return nil
	}
	hint := fmt.Sprintf("to force it, you need the right %q for these too", right)
	linked, usages, err := r.dependents(e)
	if err != nil {
		return err
	}
	for _, o := range linked {
		if !r.mayNow(right, e.in.at(o)) {
			users, err := r.dependentsIn(e.in, linked)
			if err != nil {
				return err
			}
			return inUse(e.row, append(users, usages...), hint)
		}
	}
	for _, u := range usages {
		if u.Label == unseen {
			return inUse(e.row, usages, hint)
		}
	}
	return nil
}

// removeEntry deletes an entry, for good or into its recovery window.
func (r *run) removeEntry(e *entry, purge bool) error {
	keep := !purge && e.in.policy.RecoveryDays > 0
	if keep {
		var err error
		if keep, err = r.intact(e.in, e.row); err != nil {
			return err
		}
	}
	remove := func() error { return r.tx.DeleteObject(r.ctx, e.row.ID) }
	if keep {
		remove = func() error { return r.moveToRecovery(e) }
	}
	if err := remove(); err != nil {
		return err
	}
	e.in.secretsChanged()
	return nil
}

// intact reports whether a row passes its check. A row that fails it now could not
// be restored later, so a deletion does not keep it.
func (r *run) intact(p *project, row store.Object) (bool, error) {
	err := r.verifyRow(p, row)
	if err != nil && backend.AsError(err).Code == backend.CodeCorrupt {
		return false, nil
	}
	return err == nil, err
}

// dependents returns the scoped values that link to an entry and the registered
// usages in configuration files.
func (r *run) dependents(e *entry) (linked []store.Object, usages []backend.Dependent, err error) {
	if replaced, err := r.replacedInPlace(e.row); replaced || err != nil {
		return nil, nil, err
	}
	usages, err = r.usagesOf(e.in, e.row)
	if err != nil || e.row.Kind != backend.KindSecret {
		return nil, usages, err
	}
	linked, err = r.linkedFrom(e.in, e.row)
	return linked, usages, err
}

// checkUnprotected refuses the deletion of a protected secret.
func checkUnprotected(o store.Object) error {
	a, err := decodeAttributes(o)
	if err != nil || !a.Protected {
		return err
	}
	return backend.Errorf(backend.CodeDenied, "%s %q is protected against deletion", o.Kind, o.Name).
		WithHint("set protected to false first").At("protected")
}

func (r *run) moveToRecovery(e *entry) error {
	key, err := r.signingKey(e.in, e.row.Environment)
	if err != nil {
		return err
	}
	was := shownName(e.row)
	e.attr.release()
	e.attr.LinkHeld = false
	e.attr.Was, e.attr.DeletedAt = was, r.now
	e.row.Kind, e.row.Name = deletedAs(e.row.Kind), deletedName(r.now, e.row.ID)
	_, err = r.update(e.row, e.attr, key, e.in)
	return err
}
