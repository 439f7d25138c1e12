// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// accessCache is a transaction that reads the roles, groups, bindings, trusts and tokens once. Each change of a binding
// is compared with all other bindings, so a set of many changes would read them again and again. What the transaction
// writes goes into the lists too. A list that was returned never changes.
type accessCache struct {
	store.Tx
	rows   map[store.Filter][]store.Object
	tokens []store.Token
	grants map[grantKey]backend.Grant // decoded
}

type grantKey struct {
	id       string
	revision int64
}

func newAccessCache(tx store.Tx) *accessCache {
	return &accessCache{Tx: tx, rows: map[store.Filter][]store.Object{}, grants: map[grantKey]backend.Grant{}}
}

// Objects implements store.Tx.
func (t *accessCache) Objects(ctx context.Context, f store.Filter) ([]store.Object, error) {
	if !isAccessKind(f.Kind) || f != (store.Filter{Kind: f.Kind, Project: stored.DeploymentKey, AnyState: f.AnyState}) {
		return t.Tx.Objects(ctx, f)
	}
	if rows, ok := t.rows[f]; ok {
		return rows, nil
	}
	rows, err := t.Tx.Objects(ctx, f)
	if err == nil {
		t.rows[f] = rows
	}
	return rows, err
}

// InsertObject implements store.Tx.
func (t *accessCache) InsertObject(ctx context.Context, o store.Object) error {
	err := t.Tx.InsertObject(ctx, o)
	t.place(o, err)
	return err
}

// UpdateObject implements store.Tx.
func (t *accessCache) UpdateObject(ctx context.Context, o store.Object) error {
	err := t.Tx.UpdateObject(ctx, o)
	if isAccessKind(o.Kind) {
		t.remove(o.ID)
	}
	t.place(o, err)
	return err
}

// DeleteObject implements store.Tx.
func (t *accessCache) DeleteObject(ctx context.Context, id string) error {
	t.remove(id)
	return t.Tx.DeleteObject(ctx, id)
}

// place adds a row that was written to the lists. A row that cannot be trusted stays so, and after an error nobody
// knows what was written: then the lists are read again.
func (t *accessCache) place(o store.Object, err error) {
	if !isAccessKind(o.Kind) {
		return
	}
	for f, rows := range t.rows {
		if f.Kind != o.Kind {
			continue
		}
		if err != nil || o.Untrusted != nil {
			delete(t.rows, f)
			continue
		}
		at, _ := slices.BinarySearchFunc(rows, o, func(a, b store.Object) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
		})
		t.rows[f] = slices.Insert(slices.Clip(rows), at, o) // it copies
	}
}

func (t *accessCache) remove(id string) {
	for f, rows := range t.rows {
		if at := slices.IndexFunc(rows, func(o store.Object) bool { return o.ID == id }); at >= 0 {
			t.rows[f] = slices.Concat(rows[:at], rows[at+1:])
		}
	}
}

// DeleteObjects implements store.Tx.
func (t *accessCache) DeleteObjects(ctx context.Context, project string, ids []string) error {
	if project == stored.DeploymentKey {
		clear(t.rows)
	}
	return t.Tx.DeleteObjects(ctx, project, ids)
}

// Tokens implements store.Tx.
func (t *accessCache) Tokens(ctx context.Context) (tokens []store.Token, err error) {
	if t.tokens == nil {
		t.tokens, err = t.Tx.Tokens(ctx)
	}
	return t.tokens, err
}

// InsertToken implements store.Tx.
func (t *accessCache) InsertToken(ctx context.Context, k store.Token) error {
	t.tokens = nil
	return t.Tx.InsertToken(ctx, k)
}

// UpdateToken implements store.Tx.
func (t *accessCache) UpdateToken(ctx context.Context, k store.Token) error {
	t.tokens = nil
	return t.Tx.UpdateToken(ctx, k)
}

// DeleteToken implements store.Tx.
func (t *accessCache) DeleteToken(ctx context.Context, id string) error {
	t.tokens = nil
	return t.Tx.DeleteToken(ctx, id)
}

// grantOf is grantOf for a row that was read or written in the transaction.
func (t *accessCache) grantOf(binding store.Object) (backend.Grant, error) {
	key := grantKey{binding.ID, binding.Revision}
	if g, ok := t.grants[key]; ok {
		return g, nil
	}
	g, err := grantOf(binding)
	if err == nil {
		t.grants[key] = g
	}
	return g, err
}
