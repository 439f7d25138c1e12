// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// How an object that was deleted before is removed for good.

// purgeDeleted removes an entry that was deleted before, or whose environment was,
// for good.
func (r *run) purgeDeleted(c backend.Change) (backend.Outcome, error) {
	e := &entry{}
	kept := false
	var err error
	if c.ID != "" {
		if e.row, kept, err = r.seen(store.Filter{Kind: keptAs(c.Kind), ID: c.ID}); err != nil {
			return backend.Outcome{}, err
		}
	}
	if kept {
		if e.in, err = r.project(e.row.Project); err == nil {
			c.Name = shownName(e.row)
			_, err = r.allowEntry(c, e.in, e.in.at(e.row))
		}
	} else {
		e, err = r.deletedEntry(c)
	}
	if err != nil {
		return backend.Outcome{}, err
	}
	if err := r.tx.DeleteObject(r.ctx, e.row.ID); err != nil {
		return backend.Outcome{}, err
	}
	return outcome(backend.ActionDelete, e.diff, e.row, e.in)
}

// purgeEnvironment removes an environment that was deleted before, for good.
func (r *run) purgeEnvironment(c backend.Change) (backend.Outcome, error) {
	p, row, _, err := r.deletedEnvironment(c)
	if err != nil {
		return backend.Outcome{}, err
	}
	out, err := outcome(backend.ActionDelete, diff{}, row, p)
	if err != nil {
		return out, err
	}
	return out, r.destroyEnvironment(p.row.ID, row.ID)
}

// purgeProject removes a project that was deleted before, for good.
func (r *run) purgeProject(c backend.Change) (backend.Outcome, error) {
	row, a, err := r.chosen(c, store.Filter{Kind: deletedAs(c.Kind), ID: c.ID})
	if err == nil {
		err = r.manage(managing(c.Op), backend.Place{Project: row.ID}, nil, "project "+backend.Quote(a.Was))
	}
	if err != nil {
		return backend.Outcome{}, err
	}
	out, err := outcome(backend.ActionDelete, diff{}, row, nil)
	if err != nil {
		return out, err
	}
	r.forget()
	return out, r.destroyProject(row.ID)
}
