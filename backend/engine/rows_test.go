// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// watchedStore reports each list of objects that a transaction reads.
type watchedStore struct {
	store.Store
	inView, inUpdate func(kind backend.Kind, rows int) // nil reports nothing
}

func (s watchedStore) View(ctx context.Context, f func(store.Tx) error) error {
	return s.Store.View(ctx, func(tx store.Tx) error { return f(listTx{tx, s.inView}) })
}

func (s watchedStore) Update(ctx context.Context, f func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error { return f(listTx{tx, s.inUpdate}) })
}

type listTx struct {
	store.Tx
	report func(kind backend.Kind, rows int)
}

func (t listTx) Objects(ctx context.Context, f store.Filter) ([]store.Object, error) {
	out, err := t.Tx.Objects(ctx, f)
	if t.report != nil {
		t.report(f.Kind, len(out))
	}
	return out, err
}
