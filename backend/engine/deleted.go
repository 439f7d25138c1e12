// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// How a change names an object that was deleted, and what the error says if it cannot be restored.

// deletedRow returns the deleted object of the filter that a change names, by id
// or by its former name, and that can still be restored. Of several it is the one
// that was deleted last; others counts the rest.
func (r *run) deletedRow(c backend.Change, f store.Filter) (row store.Object, a attributes, others int, err error) {
	rows, err := r.tx.Objects(r.ctx, f)
	if err != nil {
		return row, a, 0, err
	}
	if c.Op == backend.OpRestore && !isEntry(c.Kind) {
		held, err := restorableRows(r.ctx, r.tx, store.Filter{Kind: c.Kind, Project: f.Project, ID: f.ID})
		if err != nil {
			return row, a, 0, err
		}
		rows = append(rows, held...)
	}
	matches := 0
	for _, o := range rows {
		attr, err := decodeAttributes(o)
		if err != nil {
			return row, a, 0, err
		}
		open, err := r.windowIsOpen(o, attr)
		if err != nil {
			return row, a, 0, err
		}
		if !open || c.ID == "" && attr.Was != c.Name {
			continue
		}
		if seen, err := r.seesDeleted(o); err != nil || !seen {
			if err != nil {
				return row, a, 0, err
			}
			continue
		}
		if matches++; !attr.DeletedAt.Before(a.DeletedAt) {
			row, a = o, attr
		}
	}
	if matches == 0 {
		return row, a, 0, errNotRestorable(c)
	}
	return row, a, matches - 1, nil
}

// seesDeleted reports whether the caller may see a deleted object.
func (r *run) seesDeleted(o store.Object) (bool, error) {
	if r.access.seesAll || r.unrestricted() {
		return true, nil
	}
	if formerKind(o.Kind) == backend.KindProject {
		return r.access.seesProject(o.ID), nil
	}
	in, err := r.project(o.Project)
	return err == nil && r.sees(in, o), err
}

// restorableRows returns the rows of a filter that were set aside and can be
// restored.
func restorableRows(ctx context.Context, tx store.Tx, f store.Filter) ([]store.Object, error) {
	f.AfterName = afterNames
	rows, err := tx.Objects(ctx, f)
	return slices.DeleteFunc(rows, func(o store.Object) bool {
		_, restorable := isRestorable(o)
		return !restorable
	}), err
}

// chosen is deletedRow. To remove one of several for good, the change must name
// it by its id.
func (r *run) chosen(c backend.Change, f store.Filter) (store.Object, attributes, error) {
	row, a, others, err := r.deletedRow(c, f)
	if err == nil && others > 0 && c.Op == backend.OpDelete {
		err = backend.Errorf(backend.CodeInvalid, "%s with the name %q were deleted",
			backend.Plural(others+1, c.Kind.String()), c.Name).
			WithHint("choose one by its id; see: pouncet %s list --deleted%s", c.Kind.Command(), projectFlag(c.Project)).
			At("name")
	}
	return row, a, err
}

// windowIsOpen reports whether a deleted row can still be restored. What is in a
// deleted project cannot. What was set aside can be restored at any time.
func (r *run) windowIsOpen(o store.Object, a attributes) (bool, error) {
	if a.deleted() {
		return true, nil
	}
	if formerKind(o.Kind) == backend.KindProject {
		return restorableUntil(a.policy(), a.DeletedAt).After(r.now), nil
	}
	p, err := r.project(o.Project)
	if errors.Is(err, backend.ErrNotFound) {
		return false, nil
	}
	return err == nil && p.restorable(a.DeletedAt, r.now), err
}

func errNotRestorable(c backend.Change) *backend.Error {
	label := backend.Quote(c.Name)
	if c.ID != "" {
		label = c.ID
	}
	return backend.Errorf(backend.CodeNotFound, "a deleted %s %s that can be restored does not exist", c.Kind, label).
		WithHint("see: pouncet %s list --deleted%s", c.Kind.Command(), projectFlag(c.Project)).At("name")
}

// projectFlag returns the flag that names a project, for the command of a hint.
func projectFlag(project string) string {
	if project == "" || project == backend.DefaultProject {
		return ""
	}
	return " --project " + project
}

// orDeletedProject returns err, or the next step if err is that the project of a
// change does not exist, and a deleted one with its name can be restored.
func (r *run) orDeletedProject(err error, c backend.Change) error {
	if c.Op != backend.OpRestore || !errors.Is(err, backend.ErrNotFound) {
		return err
	}
	deleted := backend.Change{Kind: backend.KindProject, Name: c.Project}
	if _, _, _, other := r.deletedRow(deleted, store.Filter{Kind: deletedAs(backend.KindProject)}); other != nil {
		return err
	}
	return backend.Errorf(backend.CodeNotFound, "project %s was deleted", backend.Quote(c.Project)).
		WithHint("restore the project first: pouncet project restore %s", c.Project).At("project")
}

func scopeOrProject(scope string) string { return cmp.Or(scope, backend.ProjectScope) }

// deletedEntry returns a deleted entry by id or by its former place.
func (r *run) deletedEntry(c backend.Change) (*entry, error) {
	f := store.Filter{Kind: deletedAs(c.Kind), ID: c.ID}
	var in *project
	if c.ID == "" {
		var err error
		if in, err = r.project(c.Project); err != nil {
			return nil, r.orDeletedProject(err, c)
		}
		environment, err := in.environment(c.Environment)
		if err != nil {
			return nil, r.orInDeletedEnvironment(err, in, c)
		}
		f.Project, f.Environment, f.Scope = in.row.ID, environment.ID, scopeOrProject(c.Scope)
	}
	row, a, _, err := r.deletedRow(c, f)
	if err != nil {
		return nil, r.orInDeletedEnvironment(err, in, c)
	}
	if in, err = r.project(row.Project); err != nil {
		return nil, err
	}
	if c.Op == backend.OpRestore && !in.has(row.Environment) {
		return nil, r.errInDeletedEnvironment(row, a.Was, true, errNotRestorable(c))
	}
	c.Name = a.Was
	if _, err := r.allowEntry(c, in, in.at(row)); err != nil {
		return nil, err
	}
	return &entry{in: in, row: row, attr: a, exists: true}, nil
}

// deletedEnvironment returns a deleted environment by id, or by project and name.
func (r *run) deletedEnvironment(c backend.Change) (*project, store.Object, attributes, error) {
	f := store.Filter{Kind: deletedAs(c.Kind), ID: c.ID}
	if c.ID == "" {
		p, err := r.project(c.Project)
		if err != nil {
			return nil, store.Object{}, attributes{}, r.orDeletedProject(err, c)
		}
		f.Project = p.row.ID
	}
	row, a, err := r.chosen(c, f)
	if err != nil {
		return nil, row, a, err
	}
	p, err := r.project(row.Project)
	if err == nil {
		err = r.checkSameProject(c, p)
	}
	if err == nil {
		err = r.manage(managing(c.Op), p.place(row.ID, "", ""), p, fmt.Sprintf("environment %q of project %q", a.Was,
			p.row.Name))
	}
	if err == nil {
		err = r.allowName(c, a.Was, p)
	}
	return p, row, a, err
}

// orInDeletedEnvironment returns err or, if it is ErrNotFound and a change names
// an entry in a deleted environment, an error that says how to restore that.
func (r *run) orInDeletedEnvironment(err error, p *project, c backend.Change) error {
	if !errors.Is(err, backend.ErrNotFound) {
		return err
	}
	kept := store.Filter{Kind: keptAs(c.Kind), ID: c.ID}
	if c.ID != "" {
		row, exists, lookupErr := r.seen(kept)
		if lookupErr != nil || !exists {
			return cmp.Or(lookupErr, err)
		}
		return r.errInDeletedEnvironment(row, row.Name, false, err)
	}
	environments, lookupErr := r.tx.Objects(r.ctx,
		store.Filter{Kind: deletedAs(backend.KindEnvironment), Project: p.row.ID})
	if lookupErr != nil {
		return lookupErr
	}
	for _, e := range slices.Backward(environments) { // the last deletion first
		if shownName(e) != c.Environment && e.ID != c.Environment {
			continue
		}
		place := store.Filter{Project: p.row.ID, Environment: e.ID, Scope: scopeOrProject(c.Scope)}
		kept := place
		kept.Kind, kept.Name = keptAs(c.Kind), c.Name
		row, exists, lookupErr := r.seen(kept)
		if lookupErr != nil {
			return lookupErr
		}
		if exists {
			return r.errInDeletedEnvironment(row, c.Name, false, err)
		}
		place.Kind = deletedAs(c.Kind)
		if row, _, _, lookupErr := r.deletedRow(c, place); lookupErr == nil {
			return r.errInDeletedEnvironment(row, c.Name, true, err)
		}
	}
	return err
}

// errInDeletedEnvironment says how to restore an entry in a deleted environment.
// Alone says that the entry was deleted before its environment. If the window of
// the environment is over, it returns otherwise.
func (r *run) errInDeletedEnvironment(o store.Object, name string, alone bool, otherwise error) error {
	c := backend.Change{Kind: backend.KindEnvironment, ID: o.Environment}
	environment, a, _, err := r.deletedRow(c, store.Filter{Kind: deletedAs(c.Kind), ID: c.ID})
	if err != nil {
		return otherwise
	}
	p, err := r.project(o.Project)
	if err != nil {
		return err
	}
	c.ID, c.Name = "", a.Was
	newest, _, _, err := r.deletedRow(c, store.Filter{Kind: deletedAs(c.Kind), Project: o.Project})
	if err != nil {
		return err
	}
	which, to := a.Was, a.Was
	if newest.ID != environment.ID {
		which = environment.ID
	}
	flags := ""
	if _, err := p.environment(a.Was); err == nil {
		to = a.Was + "-old"
		flags = " --as " + to
	}
	inProject := projectFlag(p.row.Name)
	kind := formerKind(o.Kind)
	hint := fmt.Sprintf("restore the environment: pouncet env restore %s%s%s", which, flags, inProject)
	if alone {
		if o.Scope != backend.ProjectScope {
			inProject = " --scope " + o.Scope + inProject
		}
		hint = fmt.Sprintf("%s; then: pouncet %s restore %s --env %s%s", hint, kind.Command(), name, to, inProject)
	}
	return backend.Errorf(backend.CodeNotFound, "%s %q was in environment %q, which was deleted at %s", kind, name,
		a.Was, a.DeletedAt.Format(time.RFC3339)).WithHint("%s", hint).At("environment")
}
