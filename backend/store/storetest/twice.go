// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"context"
	"errors"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Twice returns a Store that runs the function of each Update twice, and rolls back the first run. It shows that a
// function has no effect outside the transaction: see [store.Store.Update].
func Twice(s store.Store) store.Store { return &twice{s} }

type twice struct{ store.Store }

func (s *twice) Update(ctx context.Context, f func(store.Tx) error) error {
	again := errors.New("run again")
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		_ = f(tx) // the second run has the result
		return again
	})
	if !errors.Is(err, again) {
		return err
	}
	return s.Store.Update(ctx, f)
}
