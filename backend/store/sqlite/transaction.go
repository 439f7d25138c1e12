// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"time"
)

// busyStep is how long SQLite itself waits for the write lock. SQLite does not notice the end of a context while it
// waits, so a cancellation may be late by this time.
const busyStep = 100 * time.Millisecond

// begin takes the write lock.
func (s *Store) begin(ctx context.Context, c *conn) error {
	return s.retryWhileBusy(ctx, func() error { return c.exec(ctx, "BEGIN IMMEDIATE") })
}

// retryWhileBusy repeats f while the database is locked, until the busy timeout or the context ends.
func (s *Store) retryWhileBusy(ctx context.Context, f func() error) error {
	deadline := time.Now().Add(s.busyTimeout)
	for {
		if err := ctx.Err(); err != nil {
			return s.translate(err)
		}
		err := f()
		if !isBusy(err) || !time.Now().Before(deadline) {
			return s.translate(err)
		}
		if s.onBusy != nil {
			s.onBusy()
		}
	}
}
