// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// primedTx is a transaction that has read the objects of a deployment already, with their current versions, in one
// statement. It answers a read of one of them by id, until the object is written.
type primedTx struct {
	store.Tx
	objects  map[string]store.Object
	versions map[string]store.Version // by the id of their object
}

func (t primedTx) forget(id string) {
	delete(t.objects, id)
	delete(t.versions, id)
}

// Objects implements store.Tx.
func (t primedTx) Objects(ctx context.Context, f store.Filter) ([]store.Object, error) {
	if o, ok := t.objects[f.ID]; ok && f == (store.Filter{Kind: o.Kind, ID: o.ID, Limit: f.Limit}) {
		return []store.Object{o}, nil
	}
	return t.Tx.Objects(ctx, f)
}

// Versions implements store.Tx.
func (t primedTx) Versions(ctx context.Context, keys []store.VersionKey) ([]store.Version, error) {
	if len(keys) == 1 {
		v, ok := t.versions[keys[0].Object]
		if ok && keys[0] == (store.VersionKey{Project: v.Project, Object: v.Object, Version: v.Version}) {
			return []store.Version{v}, nil
		}
	}
	return t.Tx.Versions(ctx, keys)
}

// UpdateObject implements store.Tx.
func (t primedTx) UpdateObject(ctx context.Context, o store.Object) error {
	t.forget(o.ID)
	return t.Tx.UpdateObject(ctx, o)
}

// DeleteObject implements store.Tx.
func (t primedTx) DeleteObject(ctx context.Context, id string) error {
	t.forget(id)
	return t.Tx.DeleteObject(ctx, id)
}

// DeleteVersion implements store.Tx.
func (t primedTx) DeleteVersion(ctx context.Context, key store.VersionKey) error {
	delete(t.versions, key.Object)
	return t.Tx.DeleteVersion(ctx, key)
}
