// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

func (r *run) changeProject(c backend.Change, id string) (backend.Outcome, error) {
	if c.Project != "" && c.Name != "" && c.Project != c.Name {
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "a project cannot belong to a project").At("project")
	}
	policy := backend.DefaultPolicy()
	row := store.Object{Kind: c.Kind, ID: id, Name: c.Name,
		Attributes: attributes{Attributes: backend.Attributes{Policy: &policy}}.encode()}
	var exists bool
	var err error
	if c.ID == "" {
		if err := backend.CheckName(c.Kind, c.Name); err != nil {
			return backend.Outcome{}, err
		}
		row, exists, err = r.orCreated(c, row)
	} else {
		row, exists, err = r.first(store.Filter{Kind: c.Kind, ID: c.ID})
	}
	if err != nil {
		return backend.Outcome{}, err
	}
	if err := checkOperation(c, exists, row.ID, row.Revision); err != nil {
		return backend.Outcome{}, err
	}
	if c.Op == backend.OpDelete {
		return r.deleteProject(row)
	}
	a, err := decodeAttributes(row)
	if err != nil {
		return backend.Outcome{}, err
	}
	if a.Policy == nil {
		policy := backend.DefaultPolicy()
		a.Policy = &policy
	}
	var d diff
	d.apply(c, &row.Name, &a)
	if c.Policy != nil {
		changed, err := a.Policy.Set(*c.Policy)
		if err != nil {
			return backend.Outcome{}, err
		}
		d.changed = append(d.changed, changed...)
	}
	if err := backend.CheckName(c.Kind, row.Name); err != nil {
		return backend.Outcome{}, err
	}
	if !exists {
		return r.createProject(row, a)
	}
	if len(d.changed) == 0 {
		return outcome(backend.ActionUnchanged, d, row, nil)
	}
	if slices.Contains(d.changed, "name") {
		if err := r.takePlace(row, refuseExisting); err != nil {
			return backend.Outcome{}, err
		}
	}
	if row, err = r.update(row, a, nil, nil); err != nil {
		return backend.Outcome{}, err
	}
	r.forget()
	if slices.Contains(d.changed, "name") {
		if err := r.resignEnvironments(row); err != nil {
			return backend.Outcome{}, err
		}
	}
	return outcome(backend.ActionUpdate, d, row, nil)
}

// createProject creates a project and the environment key for the entries that
// all its environments share.
func (r *run) createProject(row store.Object, a attributes) (backend.Outcome, error) {
	if _, err := r.makeKey(row.ID, backend.AnyEnvironment, ""); err != nil {
		return backend.Outcome{}, err
	}
	row, err := r.insert(row, a, nil, nil)
	if err != nil {
		return backend.Outcome{}, err
	}
	r.forget()
	return outcome(backend.ActionCreate, diff{}, row, nil)
}

// resignEnvironments signs the environments of a renamed project again, because
// their MACs cover its name. It needs the keys of all its environments.
func (r *run) resignEnvironments(row store.Object) error {
	p, err := r.project(row.ID)
	if err != nil {
		return err
	}
	for _, e := range p.environments {
		a, err := decodeAttributes(e)
		if err != nil {
			return err
		}
		key, err := r.signingKey(p, e.ID)
		if err != nil {
			return err
		}
		if _, err := r.update(e, a, key, p); err != nil {
			return err
		}
	}
	r.forget()
	return nil
}

func (r *run) deleteProject(row store.Object) (backend.Outcome, error) {
	p, err := r.project(row.ID)
	if err != nil {
		return backend.Outcome{}, err
	}
	content := slices.Clone(p.environments)
	for _, t := range p.types {
		if !t.builtIn {
			content = append(content, t.row)
		}
	}
	for _, kind := range []backend.Kind{backend.KindSecret, backend.KindScopedValue} {
		entries, err := r.tx.Objects(r.ctx, store.Filter{Kind: kind, Project: row.ID, Environment: backend.AnyEnvironment})
		if err != nil {
			return backend.Outcome{}, err
		}
		content = append(content, entries...)
		if err := r.purge(p, kind, backend.AnyEnvironment); err != nil {
			return backend.Outcome{}, err
		}
	}
	// Force does not apply: a project must be empty to be deleted.
	if len(content) > 0 {
		users, err := p.asDependents(content)
		if err != nil {
			return backend.Outcome{}, err
		}
		return backend.Outcome{}, inUse(row, users, "delete these first")
	}
	if err := r.tx.DeleteEnvironmentKeys(r.ctx, row.ID, backend.AnyEnvironment); err != nil {
		return backend.Outcome{}, err
	}
	if err := r.tx.DeleteObject(r.ctx, row.ID); err != nil {
		return backend.Outcome{}, err
	}
	r.forget()
	return outcome(backend.ActionDelete, diff{}, row, nil)
}
