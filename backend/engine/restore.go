// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"errors"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// How a deleted object comes back, with everything that was in it.

// refuseRestored returns the error of a restoration whose name is taken.
func (r *run) refuseRestored(c backend.Change) func(holder store.Object) *backend.Error {
	return func(holder store.Object) *backend.Error {
		exists := "exists again"
		if c.Rename != nil {
			exists = "already exists"
		}
		if id := r.shownID(holder); id != "" {
			exists += ", with the id " + id
		}
		return backend.Errorf(backend.CodeExists, "%s %q %s", holder.Kind, holder.Name, exists).
			WithHint("restore the deleted one under another name: --as NAME").At("name")
	}
}

// restoreEntry restores a deleted secret or scoped value with its id and all its
// versions.
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
	e.attr.Was, e.attr.DeletedAt, e.attr.Follows = "", time.Time{}, false
	if environment, ok := e.in.environmentByID(e.row.Environment); ok && isDeleted(environment) {
		return backend.Outcome{}, errDeletedEnvironment(environment)
	}
	if err := r.takePlace(e.row, "", r.refuseRestored(c)); err != nil {
		return backend.Outcome{}, err
	}
	if c.Kind == backend.KindSecret {
		if err := r.checkQuota(e.in, ""); err != nil {
			return backend.Outcome{}, err
		}
		e.in.secrets = -1
		e.row.Type = e.in.typeOfRestored(e.row)
		if err := r.checkRestoredValues(e.in, e.row); err != nil {
			return backend.Outcome{}, err
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

// typeOfRestored returns the type of a secret that is restored: none if its type
// was deleted since.
func (p *project) typeOfRestored(o store.Object) string {
	if t := p.typeByID(o.Type); t.row.ID == "" || isDeleted(t.row) {
		return ""
	}
	return o.Type
}

// checkRestoredValues checks the values of secrets against their types, as far as
// a schema was changed while the secrets were deleted.
func (r *run) checkRestoredValues(p *project, secrets ...store.Object) error {
	byID := map[string]store.Object{}
	var keys []store.VersionKey
	for _, o := range secrets {
		if o.Type != "" {
			byID[o.ID] = o
			keys = append(keys, keyOf(o))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	versions, err := r.tx.Versions(r.ctx, keys)
	if err != nil {
		return err
	}
	for _, v := range versions {
		row := byID[v.Object]
		t := p.typeByID(row.Type)
		if v.Type == t.row.ID && v.SchemaHash == t.schemaHash() {
			continue
		}
		if r.compareOnly() {
			r.unchecked = "type"
			continue
		}
		err := r.checkKnown("type", "the schema of its type has changed, so the value must be checked", p, row)
		if err != nil {
			return err
		}
		value, err := r.openValue(p, row, v)
		if err != nil {
			return err
		}
		err = r.check(t, value)
		if errors.Is(err, errNotReady) {
			return err
		}
		if v.IsJSON() != t.isJSON() || err != nil {
			return backend.Errorf(backend.CodeInvalid,
				"the schema of secret type %q has changed and does not allow the value of deleted secret %q", t.row.Name,
				row.Name).
				WithHint("change the schema before you restore, or remove the secret: pouncet secret delete --purge %s", row.ID).
				At("type")
		}
	}
	return nil
}

// restoreEnvironment restores a deleted environment with its id, its keys and
// everything that was in it.
func (r *run) restoreEnvironment(c backend.Change) (backend.Outcome, error) {
	p, row, a, err := r.deletedEnvironment(c)
	if err != nil {
		return backend.Outcome{}, err
	}
	if err := r.verifyRow(p, row); err != nil {
		return backend.Outcome{}, err
	}
	before := row
	if row, a, err = r.restored(c, row, a); err != nil {
		return backend.Outcome{}, err
	}
	if isReserved(before.Name) { // it was replaced: its contents are in it
		return r.finish(backend.ActionRestore, diff{}, p)(r.rewrite(before, row, a))
	}
	if err := r.restoreContents(p, row); err != nil {
		return backend.Outcome{}, err
	}
	key, err := r.signingKey(p, row.ID)
	if err != nil {
		return backend.Outcome{}, err
	}
	return r.finish(backend.ActionRestore, diff{}, p)(r.update(row, a, key, p))
}

// restored returns the row of a deleted environment or project as it is restored,
// at a place that is free.
func (r *run) restored(c backend.Change, row store.Object, a attributes) (store.Object, attributes, error) {
	if row.Untrusted != nil {
		return row, a, row.Untrusted
	}
	row.Kind, row.Name = c.Kind, a.Was
	if c.Rename != nil {
		row.Name = *c.Rename
		if err := backend.CheckName(c.Kind, row.Name); err != nil {
			return row, a, err
		}
	}
	a.release()
	if err := r.checkNotWaiting(row, ""); err != nil {
		return row, a, err
	}
	return row, a, r.takePlace(row, "", r.refuseRestored(c))
}

// restoreContents gives what was in a deleted environment its kinds back. What
// had been deleted in it before can be restored after that.
func (r *run) restoreContents(p *project, environment store.Object) error {
	for _, kind := range keptKinds {
		rows, err := r.tx.Objects(r.ctx,
			store.Filter{Kind: keptAs(kind), Project: p.row.ID, Environment: environment.ID})
		if err != nil {
			return err
		}
		if kind == backend.KindSecret {
			if err := r.checkRestoredSecrets(p, environment, rows); err != nil {
				return err
			}
		}
		for _, o := range rows {
			if kind != backend.KindUsage {
				if err := r.verifyKept(p, o); err != nil {
					return err
				}
				if kind == backend.KindSecret {
					o.Type = p.typeOfRestored(o)
				}
			}
			if err := r.rekind(p, o, kind); err != nil {
				return err
			}
		}
	}
	p.secretsChanged()
	return nil
}

// verifyKept verifies a row that was kept with its environment.
func (r *run) verifyKept(p *project, o store.Object) error {
	err := r.verifyRow(p, o)
	if e := backend.AsError(err); err != nil && e.Code == backend.CodeCorrupt {
		kind := formerKind(o.Kind)
		return e.WithHint("restore the database from a backup, or remove the %s first: pouncet %s delete --purge %s", kind,
			kind.Command(), o.ID)
	}
	return err
}

// checkRestoredSecrets checks the quota and the types of the secrets that come
// back with an environment.
func (r *run) checkRestoredSecrets(p *project, environment store.Object, secrets []store.Object) error {
	n := 0
	typed := slices.Clone(secrets)
	for i, o := range typed {
		if typed[i].Type = p.typeOfRestored(o); !isReserved(o.Name) {
			n++
		}
	}
	present, err := r.tx.Count(r.ctx, store.Filter{Kind: backend.KindSecret, Project: p.row.ID, BeforeName: reserved})
	if err != nil {
		return err
	}
	if n > 0 && present+n > p.policy.MaxSecrets {
		return backend.Errorf(backend.CodeQuota,
			"environment %q has %s; with them, project %q would exceed the limit of its quota, which is %d (max_secrets)",
			environment.Name, backend.Plural(n, "secret"), p.row.Name, p.policy.MaxSecrets).
			WithHint("delete some, or raise the quota: pouncet project set %s --max-secrets N", p.row.Name).At("name")
	}
	return r.checkRestoredValues(p, typed...)
}

// restoreProject restores a deleted project. Its environments were deleted before
// it, and can be restored after that.
func (r *run) restoreProject(c backend.Change) (backend.Outcome, error) {
	row, a, err := r.chosen(c, store.Filter{Kind: deletedAs(c.Kind), ID: c.ID})
	if err == nil {
		err = r.manage(managing(c.Op), backend.Place{Project: row.ID}, nil, "project "+backend.Quote(a.Was))
	}
	if err == nil {
		err = r.allowName(c, a.Was, nil)
	}
	if err != nil {
		return backend.Outcome{}, err
	}
	was, before := a.Was, row
	if row, a, err = r.restored(c, row, a); err != nil {
		return backend.Outcome{}, err
	}
	if isReserved(before.Name) {
		return r.finish(backend.ActionRestore, diff{}, nil)(r.rewrite(before, row, a))
	}
	if row, err = r.update(row, a, nil, nil); err != nil {
		return backend.Outcome{}, err
	}
	r.forget()
	if row.Name != was {
		if err := r.resignEnvironments(row, was); err != nil {
			return backend.Outcome{}, err
		}
	}
	return outcome(backend.ActionRestore, diff{}, row, nil)
}
