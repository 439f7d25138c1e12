// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// member returns an environment or a type, by id or by project and name. If the object does not exist, member returns a
// row to create it from.
func (r *run) member(c backend.Change, id string) (p *project, row store.Object, exists bool, err error) {
	if c.ID != "" {
		row, exists, err = r.first(store.Filter{Kind: c.Kind, ID: c.ID})
		if err != nil {
			return nil, row, false, err
		}
		if !exists {
			return nil, row, false, checkOperation(c, false, "", 0)
		}
		if p, err = r.project(row.Project); err == nil {
			err = r.checkSameProject(c, p)
		}
		return p, row, true, err
	}
	if err := backend.CheckName(c.Kind, c.Name); err != nil {
		return nil, row, false, err
	}
	if p, err = r.project(c.Project); err != nil {
		return nil, row, false, err
	}
	created := store.Object{Kind: c.Kind, ID: id, Project: p.row.ID, Name: c.Name, Attributes: attributes{}.encode()}
	row, exists, err = r.orCreated(c, created)
	return p, row, exists, err
}

// orCreated returns the object in the place of row, and whether one exists. If none exists it returns row, from which
// the change creates the object. An object whose place a later change frees does not prevent the creation.
func (r *run) orCreated(c backend.Change, created store.Object) (store.Object, bool, error) {
	row, exists, err := r.first(placeOf(created))
	if err != nil || exists && !(c.Op == backend.OpCreate && r.canBeFreed(c.Kind)) {
		return row, exists, err
	}
	if exists {
		err = r.takePlace(created, refuseExisting)
	}
	return created, false, err
}

func (r *run) changeEnvironment(c backend.Change, id string) (backend.Outcome, error) {
	p, row, exists, err := r.member(c, id)
	if err != nil {
		return backend.Outcome{}, err
	}
	if err := checkOperation(c, exists, row.ID, row.Revision); err != nil {
		return backend.Outcome{}, err
	}
	if c.Op == backend.OpDelete {
		return r.deleteEnvironment(p, row, c.Force)
	}
	before := row.Name
	if exists {
		if err := r.verifyRow(p, row); err != nil {
			return backend.Outcome{}, err
		}
	}
	a, err := decodeAttributes(row)
	if err != nil {
		return backend.Outcome{}, err
	}
	if exists && c.KMSKey != nil && *c.KMSKey != a.KMSKey {
		return backend.Outcome{}, backend.Errorf(backend.CodeImmutable,
			"the KMS key of environment %q cannot change: it is fixed at creation", row.Name).
			WithHint("create another environment with the new key, and set its entries there").At("kms_key")
	}
	var d diff
	d.apply(c, &row.Name, &a)
	if err := backend.CheckName(c.Kind, row.Name); err != nil {
		return backend.Outcome{}, err
	}
	if !exists {
		key, err := r.makeKey(p.row.ID, row.ID, a.KMSKey)
		if err != nil {
			return backend.Outcome{}, err
		}
		return r.finish(backend.ActionCreate, d, p)(r.insert(row, a, key, p))
	}
	if len(d.changed) == 0 {
		return outcome(backend.ActionUnchanged, d, row, p)
	}
	if row.Name != before {
		if err := r.takePlace(row, refuseExisting); err != nil {
			return backend.Outcome{}, err
		}
	}
	key, err := r.signingKey(p, row.ID)
	if err != nil {
		return backend.Outcome{}, err
	}
	return r.finish(backend.ActionUpdate, d, p)(r.update(row, a, key, p))
}

// finish returns the outcome of a written environment or type. Later changes of the set read the project again.
func (r *run) finish(action backend.Action, d diff, p *project) func(store.Object, error) (backend.Outcome, error) {
	return func(row store.Object, err error) (backend.Outcome, error) {
		if err != nil {
			return backend.Outcome{}, err
		}
		r.forget()
		return outcome(action, d, row, p)
	}
}

// verifyRow refuses a row that was changed outside the engine. Otherwise the engine would sign that change when it
// writes the row.
func (r *run) verifyRow(p *project, row store.Object) error {
	if r.set.DryRun && len(row.MAC) == 0 && row.UpdatedAt.Equal(r.now) {
		return nil // written earlier in this dry run, which signs nothing
	}
	return p.verifyRow(row, r.keys)
}

func (r *run) deleteEnvironment(p *project, row store.Object, force bool) (backend.Outcome, error) {
	a, err := decodeAttributes(row)
	if err != nil {
		return backend.Outcome{}, err
	}
	if a.Protected {
		return backend.Outcome{}, backend.Errorf(backend.CodeDenied, "environment %q is protected", row.Name).
			WithHint("set protected to false first").At("protected")
	}
	var entries []store.Object
	for _, kind := range []backend.Kind{backend.KindSecret, backend.KindScopedValue} {
		rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: kind, Project: p.row.ID, Environment: row.ID})
		if err != nil {
			return backend.Outcome{}, err
		}
		if err := r.purge(p, kind, row.ID); err != nil {
			return backend.Outcome{}, err
		}
		entries = append(entries, rows...)
	}
	for _, e := range entries {
		if err := checkUnprotected(e); err != nil {
			return backend.Outcome{}, err
		}
	}
	if len(entries) > 0 && !force {
		users, err := p.asDependents(entries)
		if err != nil {
			return backend.Outcome{}, err
		}
		return backend.Outcome{}, inUse(row, users, "delete these first, or force the deletion of the environment with "+
			"all its entries")
	}
	for _, e := range entries {
		if err := r.tx.DeleteObject(r.ctx, e.ID); err != nil {
			return backend.Outcome{}, err
		}
	}
	if err := r.dropUsages(p.row.ID, row.ID); err != nil {
		return backend.Outcome{}, err
	}
	if err := r.tx.DeleteEnvironmentKeys(r.ctx, p.row.ID, row.ID); err != nil {
		return backend.Outcome{}, err
	}
	return r.finish(backend.ActionDelete, diff{}, p)(row, r.tx.DeleteObject(r.ctx, row.ID))
}
