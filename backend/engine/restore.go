// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// deletedRow returns the deleted object of the filter that a change names, by id
// or by its former name, and that can still be restored. Of several it is the one
// that was deleted last; others counts the rest.
func (r *run) deletedRow(c backend.Change, f store.Filter) (row store.Object, a attributes, others int, err error) {
	rows, err := r.tx.Objects(r.ctx, f)
	if err != nil {
		return row, a, 0, err
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
		if open && (c.ID != "" || attr.Was == c.Name) {
			row, a = o, attr
			matches++
		}
	}
	if matches == 0 {
		return row, a, 0, errNotRestorable(c)
	}
	return row, a, matches - 1, nil
}

// windowIsOpen reports whether a deleted row can still be restored. What is in a
// deleted project cannot.
func (r *run) windowIsOpen(o store.Object, a attributes) (bool, error) {
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
		WithHint("see: pouncet %s list --deleted", commandOf(c.Kind)).At("name")
}

// commandOf returns the command of a kind of object, for hints.
func commandOf(k backend.Kind) string {
	switch k {
	case backend.KindEnvironment:
		return "env"
	case backend.KindScopedValue:
		return "value"
	}
	return string(k)
}

func scopeOrProject(scope string) string { return cmp.Or(scope, backend.ProjectScope) }

// refuseRestored returns the error of a restoration whose name is taken.
func refuseRestored(c backend.Change) func(holder store.Object) *backend.Error {
	return func(holder store.Object) *backend.Error {
		exists := "exists again"
		if c.Rename != nil {
			exists = "already exists"
		}
		return backend.Errorf(backend.CodeExists, "%s %q %s, with the id %s", holder.Kind, holder.Name, exists, holder.ID).
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
	e.attr.Was, e.attr.DeletedAt = "", time.Time{}
	if environment, ok := e.in.environmentByID(e.row.Environment); ok && isDeleted(environment) {
		return backend.Outcome{}, errDeletedEnvironment(environment)
	}
	if err := r.takePlace(e.row, "", refuseRestored(c)); err != nil {
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
			keys = append(keys, store.VersionKey{Object: o.ID, Version: o.Version})
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
		if r.set.CompareOnly {
			r.unchecked = "type"
			continue
		}
		value, err := r.openValue(p, row, v)
		if err != nil {
			return err
		}
		if v.JSON != t.isJSON() || r.engine.schemas.check(t, value) != nil {
			return backend.Errorf(backend.CodeInvalid,
				"the schema of secret type %q has changed and does not allow the value of deleted secret %q", t.row.Name,
				row.Name).
				WithHint("change the schema before you restore, or remove the secret: pouncet secret delete --purge %s", row.ID).
				At("type")
		}
	}
	return nil
}

// deletedEntry returns a deleted entry by id or by its former place.
func (r *run) deletedEntry(c backend.Change) (*entry, error) {
	f := store.Filter{Kind: deletedAs(c.Kind), ID: c.ID}
	var in *project
	if c.ID == "" {
		var err error
		if in, err = r.project(c.Project); err != nil {
			return nil, err
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
	return &entry{in: in, row: row, attr: a, exists: true}, nil
}

// orInDeletedEnvironment returns err or, if it is ErrNotFound and a change names
// an entry in a deleted environment, an error that says how to restore that.
func (r *run) orInDeletedEnvironment(err error, p *project, c backend.Change) error {
	if !errors.Is(err, backend.ErrNotFound) {
		return err
	}
	kept := store.Filter{Kind: keptAs(c.Kind), ID: c.ID}
	if c.ID != "" {
		row, exists, lookupErr := r.first(kept)
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
		row, exists, lookupErr := r.first(kept)
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
	inProject := ""
	if p.row.Name != backend.DefaultProject {
		inProject = " --project " + p.row.Name
	}
	kind := formerKind(o.Kind)
	hint := fmt.Sprintf("restore the environment: pouncet env restore %s%s%s", which, flags, inProject)
	if alone {
		if o.Scope != backend.ProjectScope {
			inProject = " --scope " + o.Scope + inProject
		}
		hint = fmt.Sprintf("%s; then: pouncet %s restore %s --env %s%s", hint, commandOf(kind), name, to, inProject)
	}
	return backend.Errorf(backend.CodeNotFound, "%s %q was in environment %q, which was deleted at %s", kind, name,
		a.Was, a.DeletedAt.Format(time.RFC3339)).WithHint("%s", hint).At("environment")
}

// purgeDeleted removes an entry that was deleted before, or whose environment was,
// for good.
func (r *run) purgeDeleted(c backend.Change) (backend.Outcome, error) {
	e := &entry{}
	kept := false
	var err error
	if c.ID != "" {
		if e.row, kept, err = r.first(store.Filter{Kind: keptAs(c.Kind), ID: c.ID}); err != nil {
			return backend.Outcome{}, err
		}
	}
	if kept {
		e.in, err = r.project(e.row.Project)
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
	if row, a, err = r.restored(c, row, a); err != nil {
		return backend.Outcome{}, err
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
	row.Kind, row.Name = c.Kind, a.Was
	if c.Rename != nil {
		row.Name = *c.Rename
		if err := backend.CheckName(c.Kind, row.Name); err != nil {
			return row, a, err
		}
	}
	a.Was, a.DeletedAt = "", time.Time{}
	if err := r.checkNotWaiting(row, ""); err != nil {
		return row, a, err
	}
	return row, a, r.takePlace(row, "", refuseRestored(c))
}

// deletedEnvironment returns a deleted environment by id, or by project and name.
func (r *run) deletedEnvironment(c backend.Change) (*project, store.Object, attributes, error) {
	f := store.Filter{Kind: deletedAs(c.Kind), ID: c.ID}
	if c.ID == "" {
		p, err := r.project(c.Project)
		if err != nil {
			return nil, store.Object{}, attributes{}, err
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
	return p, row, a, err
}

// chosen is deletedRow. To remove one of several for good, the change must name
// it by its id.
func (r *run) chosen(c backend.Change, f store.Filter) (store.Object, attributes, error) {
	row, a, others, err := r.deletedRow(c, f)
	if err == nil && others > 0 && c.Op == backend.OpDelete {
		err = backend.Errorf(backend.CodeInvalid, "%s with the name %q were deleted",
			backend.Plural(others+1, c.Kind.String()), c.Name).
			WithHint("choose one by its id; see: pouncet %s list --deleted", commandOf(c.Kind)).At("name")
	}
	return row, a, err
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
			commandOf(kind), o.ID)
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
			"environment %q has %s, and project %q has %d already; the limit of its quota is %d (max_secrets)",
			environment.Name, backend.Plural(n, "secret"), p.row.Name, present, p.policy.MaxSecrets).
			WithHint("delete some, or raise the quota: pouncet project set %s --max-secrets N", p.row.Name).At("name")
	}
	return r.checkRestoredValues(p, typed...)
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

// restoreProject restores a deleted project. Its environments were deleted before
// it, and can be restored after that.
func (r *run) restoreProject(c backend.Change) (backend.Outcome, error) {
	row, a, err := r.chosen(c, store.Filter{Kind: deletedAs(c.Kind), ID: c.ID})
	if err != nil {
		return backend.Outcome{}, err
	}
	was := a.Was
	if row, a, err = r.restored(c, row, a); err != nil {
		return backend.Outcome{}, err
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

// purgeProject removes a project that was deleted before, for good.
func (r *run) purgeProject(c backend.Change) (backend.Outcome, error) {
	row, _, err := r.chosen(c, store.Filter{Kind: deletedAs(c.Kind), ID: c.ID})
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
