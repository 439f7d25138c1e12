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

// Expire deletes the records of all logs that are older than the retention, the oldest first. It records their number
// in each log in the same transaction. One call deletes a limited number, and reports whether more may be due. A nil
// now means time.Now.
func Expire(
	ctx context.Context, s store.RecordLog, now func() time.Time, retention time.Duration,
) (more bool, err error) {
	r := newRecorder(nil, now)
	before := r.now().Add(-retention).UTC()
	ctx = backend.WithPrincipal(ctx, backend.Principal{Name: ownPrincipal})
	n, err := s.DeleteRecords(ctx, before, expireBatch, func(log string, deleted int) store.Record {
		row := r.rows(ctx, "expire", "", nil, whole(detail{Deleted: deleted, Before: before}))[0]
		row.Log = log
		return row
	})
	return n == expireBatch, err
}
