// SPDX-License-Identifier: MPL-2.0

package audit

import (
	"context"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// expireBatch is the largest number of records that one call of Expire deletes. Other writers wait for it.
const expireBatch = 1000

// Records deletes records durably, as store.Store does.
type Records interface {
	DeleteRecords(ctx context.Context, before time.Time, limit int, add func(deleted int) store.Record) (int, error)
}

// Expire deletes records that are older than the retention, the oldest first. It records their number in the same
// transaction. One call deletes a limited number, and reports whether more may be due. A nil now means time.Now.
func Expire(ctx context.Context, s Records, now func() time.Time, retention time.Duration) (more bool, err error) {
	r := newRecorder(nil, now)
	before := r.now().Add(-retention).UTC()
	ctx = backend.WithPrincipal(ctx, backend.Principal{Name: ownPrincipal})
	n, err := s.DeleteRecords(ctx, before, expireBatch, func(deleted int) store.Record {
		row, _ := r.row(ctx, "expire", "", nil, detail{Deleted: deleted, Before: before}) // this detail always encodes
		return row
	})
	return n == expireBatch, err
}
