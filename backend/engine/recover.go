// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// A deleted entry keeps its row and its versions while it can be restored. Its
// row has another kind, so that no lookup, count or dependency check sees it and
// its name is free. The name of the row is the time of its deletion, which sorts
// the oldest deletions first.

func deletedAs(k backend.Kind) backend.Kind { return stored.DeletedKind + k }

// deletedKind returns the former kind of a deleted row, and whether the row is a
// deleted one.
func deletedKind(k backend.Kind) (backend.Kind, bool) {
	was, ok := strings.CutPrefix(string(k), stored.DeletedKind)
	return backend.Kind(was), ok
}

// deletedName sorts by the time of deletion.
func deletedName(at time.Time, id string) string {
	return at.UTC().Format("20060102T150405.000000") + "/" + id
}

// restorable reports whether the recovery window of a deletion is still open.
func (p *project) restorable(deletedAt, now time.Time) bool {
	return deletedAt.AddDate(0, 0, p.policy.RecoveryDays).After(now)
}

// deleteEntry deletes a secret or scoped value that has no dependents.
func (r *run) deleteEntry(e *entry, c backend.Change) (backend.Outcome, error) {
	if err := checkUnprotected(e.row); err != nil {
		return backend.Outcome{}, err
	}
	if !c.Force {
		linked, usages, err := r.dependents(e)
		if err != nil {
			return backend.Outcome{}, err
		}
		if len(linked) > 0 && len(usages) == 0 && !c.Purge {
			if out, done, err := r.setAsideOwned(c, e.row, linked); done || err != nil {
				return out, err
			}
		}
		users, err := e.in.asDependents(linked)
		if err != nil {
			return backend.Outcome{}, err
		}
		if users = append(users, usages...); len(users) > 0 {
			return backend.Outcome{}, inUse(e.row, users, "change or delete these first, or force the deletion")
		}
	}
	before := e.row
	out, err := outcome(backend.ActionDelete, e.diff, before, e.in)
	if err != nil {
		return out, err
	}
	if err := r.removeEntry(e, c.Purge); err != nil {
		return out, err
	}
	return out, r.letGo(e.in.row.ID, before)
}

// removeEntry deletes an entry, for good or into its recovery window.
func (r *run) removeEntry(e *entry, purge bool) error {
	kind := e.row.Kind
	keep := !purge && e.in.policy.RecoveryDays > 0
	if keep {
		// A row that fails its check now cannot be restored later.
		err := r.verifyRow(e.in, e.row)
		if err != nil && backend.AsError(err).Code != backend.CodeCorrupt {
			return err
		}
		keep = err == nil
	}
	remove := func() error { return r.tx.DeleteObject(r.ctx, e.row.ID) }
	if keep {
		remove = func() error { return r.moveToRecovery(e) }
	}
	if err := remove(); err != nil {
		return err
	}
	e.in.secretsChanged()
	return r.purgeOverdue(e.in, kind)
}

// dependents returns the scoped values that link to an entry and the registered
// usages in configuration files.
func (r *run) dependents(e *entry) (linked []store.Object, usages []backend.Dependent, err error) {
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

// purgeOverdue deletes the entries whose recovery window is over.
func (r *run) purgeOverdue(p *project, kind backend.Kind) error {
	for {
		row, exists, err := r.first(store.Filter{Kind: deletedAs(kind), Project: p.row.ID})
		if err != nil || !exists || p.restorable(row.UpdatedAt, r.now) {
			return err
		}
		if err := r.tx.DeleteObject(r.ctx, row.ID); err != nil {
			return err
		}
	}
}

// purge deletes the entries of an environment that are in their recovery window.
func (r *run) purge(p *project, kind backend.Kind, environment string) error {
	rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: deletedAs(kind), Project: p.row.ID, Environment: environment})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := r.tx.DeleteObject(r.ctx, row.ID); err != nil {
			return err
		}
	}
	return nil
}

// deletedEntry returns a deleted entry by id or by its former place. Of several
// from one place it is the one that was deleted last.
func (r *run) deletedEntry(c backend.Change) (*entry, error) {
	e := &entry{exists: true}
	f := store.Filter{Kind: deletedAs(c.Kind), ID: c.ID}
	var err error
	if c.ID == "" {
		if e.in, err = r.project(c.Project); err != nil {
			return nil, err
		}
		environment, err := e.in.environment(c.Environment)
		if err != nil {
			return nil, err
		}
		f.Project, f.Environment, f.Scope = e.in.row.ID, environment.ID, scopeOrProject(c.Scope)
	}
	rows, err := r.tx.Objects(r.ctx, f)
	if err != nil {
		return nil, err
	}
	found := false
	for _, row := range rows {
		a, err := decodeAttributes(row)
		if err != nil {
			return nil, err
		}
		if c.ID != "" || a.Was == c.Name {
			e.row, e.attr, found = row, a, true
		}
	}
	if found && e.in == nil {
		if e.in, err = r.project(e.row.Project); err != nil {
			return nil, err
		}
	}
	if !found || !e.in.restorable(e.attr.DeletedAt, r.now) {
		label := backend.Quote(c.Name)
		if c.ID != "" {
			label = c.ID
		}
		return nil, backend.Errorf(backend.CodeNotFound, "a deleted %s %s that can be restored does not exist", c.Kind,
			label).
			WithHint("see: pouncet %s list --deleted",
				map[backend.Kind]string{backend.KindSecret: "secret", backend.KindScopedValue: "value"}[c.Kind]).At("name")
	}
	return e, nil
}

func scopeOrProject(scope string) string {
	if scope == "" {
		return backend.ProjectScope
	}
	return scope
}

// restoreEntry restores a deleted entry with its id and all its versions.
func (r *run) restoreEntry(c backend.Change) (backend.Outcome, error) {
	e, err := r.deletedEntry(c)
	if err != nil {
		return backend.Outcome{}, err
	}
	if err := r.verifyRow(e.in, e.row); err != nil {
		return backend.Outcome{}, err
	}
	e.row.Kind, e.row.Name = c.Kind, e.attr.Was
	if c.Rename != nil {
		e.row.Name = *c.Rename
		if err := e.in.policy.CheckEntryName(c.Kind, e.row.Name); err != nil {
			return backend.Outcome{}, err
		}
	}
	e.attr.Was, e.attr.DeletedAt = "", time.Time{}
	if environment, ok := e.in.environmentByID(e.row.Environment); ok && isDeleted(environment) {
		return backend.Outcome{}, errDeletedEnvironment(environment)
	}
	err = r.takePlace(e.row, "", func(holder store.Object) *backend.Error {
		return backend.Errorf(backend.CodeExists, "%s %q exists again, with the id %s", c.Kind, holder.Name, holder.ID).
			WithHint("restore this one under another name: --as NAME").At("name")
	})
	if err != nil {
		return backend.Outcome{}, err
	}
	if c.Kind == backend.KindSecret {
		if err := r.checkQuota(e.in, ""); err != nil {
			return backend.Outcome{}, err
		}
		e.in.secrets = -1
		if t := e.in.typeByID(e.row.Type); t.row.ID == "" || isDeleted(t.row) {
			e.row.Type = "" // its type has been deleted since
		}
		if err := r.supersede(e.in, e.row); err != nil {
			return backend.Outcome{}, err
		}
	}
	key, err := r.signingKey(e.in, e.row.Environment)
	if err != nil {
		return backend.Outcome{}, err
	}
	row, err := r.update(e.row, e.attr, key, e.in)
	if err != nil {
		return backend.Outcome{}, err
	}
	return outcome(backend.ActionRestore, e.diff, row, e.in)
}

// purgeDeleted deletes an entry that is in its recovery window.
func (r *run) purgeDeleted(c backend.Change) (backend.Outcome, error) {
	e, err := r.deletedEntry(c)
	if err != nil {
		return backend.Outcome{}, err
	}
	if err := r.tx.DeleteObject(r.ctx, e.row.ID); err != nil {
		return backend.Outcome{}, err
	}
	return outcome(backend.ActionDelete, e.diff, e.row, e.in)
}
