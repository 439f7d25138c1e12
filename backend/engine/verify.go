// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A Fault is an entry or environment that every call refuses.
type Fault struct {
	Object  backend.Object
	Problem string
}

// The problems of a Fault.
const (
	wrongMAC   = "its MAC under the key of its environment is wrong"
	noVersion  = "its current version is missing"
	wrongValue = "its value cannot be decrypted"
)

// Faults checks the MAC of each environment, secret, scoped value and change of a draft under the key of its
// environment, and decrypts the current version of each secret and the value of each change. It leaves out what belongs
// to an environment whose KMS key is unavailable.
func (e *Engine) Faults(ctx context.Context) ([]Fault, error) {
	if err := e.fetchAllKeys(ctx); err != nil {
		return nil, err
	}
	var out []Fault
	err := e.store.View(ctx, func(tx store.Tx) error {
		c := &faultCheck{ctx: ctx, tx: tx, keys: newKeyset(e.keys)}
		defer func() { out = c.found }()
		for _, kind := range []backend.Kind{backend.KindProject, deletedAs(backend.KindProject)} {
			projects, err := tx.Objects(ctx, store.Filter{Kind: kind})
			if err != nil {
				return err
			}
			for _, row := range projects {
				if err := c.project(row); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return out, err
}

// fetchAllKeys fetches the keys of all environments, so that the transaction that follows need not wait for a KMS.
func (e *Engine) fetchAllKeys(ctx context.Context) error {
	var keys []store.EnvironmentKey
	err := e.store.View(ctx, func(tx store.Tx) error {
		projects, err := tx.ProjectIDs(ctx)
		for _, p := range projects {
			var rows []store.EnvironmentKey
			if rows, err = tx.EnvironmentKeys(ctx, p); err != nil {
				return err
			}
			keys = append(keys, rows...)
		}
		return err
	})
	for _, k := range keys {
		_, _ = e.keys.Key(ctx, wrapped(k)) // what it seals is left out if it is unavailable
	}
	return err
}

// faultCheck checks the entries of one project after the other.
type faultCheck struct {
	ctx   context.Context
	tx    store.Tx
	keys  *keyset
	found []Fault
}

func (c *faultCheck) project(row store.Object) error {
	p, err := loadRows(c.ctx, c.tx, row)
	if err != nil {
		return err
	}
	if _, deleted := deletedKind(row.Kind); deleted {
		p.row.Name = shownName(row) // its environments were deleted before it
	}
	for _, kind := range []backend.Kind{backend.KindEnvironment, backend.KindSecret, backend.KindScopedValue} {
		for _, k := range []backend.Kind{kind, deletedAs(kind), keptAs(kind)} {
			if err := c.rows(p, store.Filter{Kind: k, Project: row.ID, Limit: readStep}); err != nil {
				return err
			}
		}
	}
	return c.rows(p, store.Filter{Kind: backend.KindDraftChange, Project: row.ID, Limit: readStep})
}

func (c *faultCheck) rows(p *project, f store.Filter) error {
	for {
		rows, err := c.tx.Objects(c.ctx, f)
		if err != nil {
			return err
		}
		if err := c.check(p, rows); err != nil {
			return err
		}
		if len(rows) < f.Limit {
			return nil
		}
		last := rows[len(rows)-1]
		f.AfterName, f.AfterID = last.Name, last.ID
	}
}

// hasVersion reports whether an object has a sealed value: a secret, or a change of a draft.
func hasVersion(o store.Object) bool {
	return formerKind(o.Kind) == backend.KindSecret || o.Kind == backend.KindDraftChange && o.Version > 0
}

// check reads the current versions of the rows in one statement.
func (c *faultCheck) check(p *project, rows []store.Object) error {
	var keys []store.VersionKey
	for _, o := range rows {
		if hasVersion(o) {
			keys = append(keys, keyOf(o))
		}
	}
	versions, err := c.tx.Versions(c.ctx, keys)
	if err != nil {
		return err
	}
	for _, o := range rows {
		if problem := c.problem(p, o, versions); problem != "" {
			c.found = append(c.found, Fault{backend.Object{
				Kind: formerKind(o.Kind), ID: o.ID, Name: shownName(o), Project: shownName(p.row),
				Environment: p.environmentName(o.Environment),
			}, problem})
		}
	}
	return nil
}

func (c *faultCheck) problem(p *project, o store.Object, versions []store.Version) string {
	if o.Untrusted != nil {
		return "" // package signed reports it
	}
	if o.Kind == backend.KindDraftChange && o.Environment == "" {
		return "" // no environment key signs it
	}
	if err := p.verifyRow(o, c.keys); err != nil {
		if errors.Is(err, errNotReady) {
			return ""
		}
		return wrongMAC
	}
	if !hasVersion(o) {
		return ""
	}
	i := slices.IndexFunc(versions, func(v store.Version) bool { return v.Object == o.ID })
	if i < 0 {
		return noVersion
	}
	w, ok := p.environmentKeyByID(versions[i].EnvironmentKey)
	if !ok || versions[i].Untrusted != nil {
		return "" // package signed reports it
	}
	key, err := c.keys.get(w)
	if err != nil {
		return ""
	}
	if _, err := openVersion(key, o, versions[i]); err != nil {
		return wrongValue
	}
	return ""
}
