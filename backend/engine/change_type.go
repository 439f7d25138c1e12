// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"errors"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

func (r *run) changeType(c backend.Change, id string) (backend.Outcome, error) {
	for _, t := range builtInTypes() {
		if r.hasOwnType(c, t.row.Name) {
			continue // it is older than the built-in type
		}
		if c.Name == t.row.Name || c.ID == t.row.ID {
			return backend.Outcome{}, backend.Errorf(backend.CodeDenied, "secret type %q is built in and cannot be changed",
				t.row.Name).
				WithHint("create another type under another key").At("key")
		}
		if c.Rename != nil && *c.Rename == t.row.Name {
			return backend.Outcome{}, backend.Errorf(backend.CodeExists, "secret type %q is built in", t.row.Name).
				WithHint("choose another key").At("key")
		}
	}
	m, err := r.member(c, id)
	if err != nil {
		return backend.Outcome{}, err
	}
	p, row := m.in, m.row
	if outdated, err := r.checkMember(m, c); outdated || err != nil {
		return r.unchanged(row, err)
	}
	if c.Op == backend.OpDelete {
		return r.deleteType(p, row, c)
	}
	a, err := decodeAttributes(row)
	if err != nil {
		return backend.Outcome{}, err
	}
	before := secretType{row: row, attr: a}
	if m.taken {
		a, row.Name = a.retake(), c.Name
	}
	var d diff
	d.apply(c, &row.Name, &a)
	if a.Schema == nil {
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "a schema is required for secret type %q", row.Name).
			WithHint(`the simplest schema is {"type": "string"}`).At("schema")
	}
	isNew := !m.exists || !bytes.Equal(a.Schema, before.attr.Schema)
	if err := r.compile(row.Name, a.Schema, isNew); err != nil {
		return backend.Outcome{}, err
	}
	if isNew {
		if _, err := parseGenerators(row.Name, a.Schema); err != nil {
			return backend.Outcome{}, err
		}
	}
	if !m.exists {
		if err := backend.CheckName(c.Kind, row.Name); err != nil {
			return backend.Outcome{}, err
		}
		if err := checkCount(p, c.Kind, len(p.types)-len(builtInTypes()), backend.MaxTypes); err != nil {
			return backend.Outcome{}, err
		}
		if err := checkSchemas(p, row.ID, a.Schema); err != nil {
			return backend.Outcome{}, err
		}
		return r.finish(backend.ActionCreate, d, p)(r.insert(row, a, nil, p))
	}
	if after := (secretType{row: row, attr: a}); after.schemaHash() != before.schemaHash() {
		if err := checkSchemas(p, row.ID, a.Schema); err != nil {
			return backend.Outcome{}, err
		}
		if err := r.checkValues(p, before, after); err != nil {
			return backend.Outcome{}, err
		}
	}
	return r.writeMember(c, m, row, before.attr, a, d)
}

// hasOwnType reports whether the project of a change has its own type with the key of a built-in type.
func (r *run) hasOwnType(c backend.Change, key string) bool {
	if c.ID != "" || c.Name != key && (c.Rename == nil || *c.Rename != key) {
		return false
	}
	p, err := r.project(c.Project)
	return err == nil && slices.ContainsFunc(p.types, func(t secretType) bool { return t.row.Name == key && !t.builtIn })
}

// checkValues checks the current value of every secret of a type against the
// new schema. ErrInUse names the secrets whose value is not valid.
func (r *run) checkValues(p *project, before, after secretType) error {
	rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: backend.KindSecret, Project: p.row.ID, Type: after.row.ID})
	if err != nil {
		return err
	}
	if len(rows) > 0 && before.isJSON() != after.isJSON() {
		return backend.Errorf(backend.CodeInUse,
			"the new schema changes values of secret type %q between JSON and plain text, and secrets of the type already exist",
			after.row.Name).
			WithHint("create another type, and give it to the secrets").At("schema")
	}
	if len(rows) > 0 && r.compareOnly() {
		r.unchecked = "schema"
		return nil
	}
	if err := r.checkKnown("schema", "the schema of secret type "+backend.Quote(after.row.Name)+" cannot change",
		p, rows...); err != nil {
		return err
	}
	keys := make([]store.VersionKey, len(rows))
	byID := map[string]store.Object{}
	for i, row := range rows {
		keys[i] = keyOf(row)
		byID[row.ID] = row
	}
	versions, err := r.tx.Versions(r.ctx, keys)
	if err != nil {
		return err
	}
	var broken []store.Object
	missing := false
	for _, v := range versions {
		row := byID[v.Object]
		value, err := r.openValue(p, row, v)
		if errors.Is(err, errNotReady) {
			missing = true // continue, so that all missing keys are fetched together
			continue
		}
		if err != nil {
			return err
		}
		switch err := r.check(after, value); {
		case errors.Is(err, errNotReady):
			missing = true
		case err != nil:
			broken = append(broken, row)
		}
	}
	for _, row := range rows {
		w, ok := r.written[row.ID]
		if !ok || w.version != row.Version {
			continue
		}
		switch err := r.check(after, w.value); {
		case errors.Is(err, errNotReady):
			missing = true
		case err != nil:
			broken = append(broken, row)
		}
	}
	if missing {
		return errNotReady
	}
	if len(broken) > 0 {
		users, err := r.dependentsIn(p, broken)
		if err != nil {
			return err
		}
		e := backend.Errorf(backend.CodeInUse, "the new schema of secret type %q does not allow the current value of %s",
			after.row.Name, backend.Enumerate(labels(users))).
			WithHint("change these values first, or create another type").At("schema")
		e.Dependents = users
		return e
	}
	return nil
}

func (r *run) deleteType(p *project, row store.Object, c backend.Change) (backend.Outcome, error) {
	if c.CreationFollows {
		return r.setAside(c, row, backend.HeldReplaced, nil)
	}
	rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: backend.KindSecret, Project: p.row.ID, Type: row.ID})
	if err != nil {
		return backend.Outcome{}, err
	}
	if len(rows) > 0 {
		if out, done, err := r.setAsideOwned(c, row, rows); done || err != nil {
			return out, err
		}
		users, err := r.dependentsIn(p, rows)
		if err != nil {
			return backend.Outcome{}, err
		}
		return backend.Outcome{}, inUse(row, users, "give these another type first")
	}
	out, err := outcome(backend.ActionDelete, diff{}, row, p)
	if err != nil {
		return out, err
	}
	if err := r.removeType(row); err != nil || !isHeldInUse(p.row) {
		return out, err
	}
	return out, r.letGo(p.row.ID)
}

// removeType deletes a type that no secret has.
func (r *run) removeType(row store.Object) error {
	r.forget()
	return r.tx.DeleteObject(r.ctx, row.ID)
}

// openValue decrypts one version of a secret's value. A set that only compares gets an error: what the outcome says of
// the value must be decided first.
func (r *run) openValue(p *project, row store.Object, v store.Version) ([]byte, error) {
	if r.compareOnly() {
		return nil, backend.Errorf(backend.CodeDenied, "the value of %s %q is only compared", row.Kind, shownName(row))
	}
	return r.openForComparison(p, row, v)
}

// openForComparison decrypts one version of a secret's value, of which the outcome says whether it equals another one.
func (r *run) openForComparison(p *project, row store.Object, v store.Version) ([]byte, error) {
	w, ok := p.environmentKeyByID(v.EnvironmentKey)
	if !ok {
		return nil, corrupt(row, "the environment key of version %d does not exist", v.Version)
	}
	key, err := r.keys.get(w)
	if err != nil {
		return nil, err
	}
	return openVersion(key, row, v)
}
