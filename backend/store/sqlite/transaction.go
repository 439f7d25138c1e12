// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// busyStep is how long SQLite itself waits for the write lock. SQLite does not notice the end of a context while it
// waits, so a cancellation may be late by this time.
const busyStep = 100 * time.Millisecond

// View runs f in a read transaction. All reads see the state of the database at the start.
//
// Most calls read one or two rows, and BEGIN and ROLLBACK would be half of their statements. So the transaction is that
// of the statement that reads the generation: it lasts until the statement is closed.
func (s *Store) View(ctx context.Context, f func(store.Tx) error) error {
	c, err := s.readers.acquire(ctx)
	if err != nil {
		return s.translate(err)
	}
	healthy := false
	defer func() { s.readers.release(c, healthy) }()
	t := &tx{store: s, conn: c}
	open, err := t.begin(ctx)
	if err != nil {
		return s.translate(err)
	}
	defer func() { // also when f panics
		t.ended = true
		healthy = open.Close() == nil
	}()
	err = f(t)
	if changed := s.checkUnchanged(); changed != nil {
		return changed // and what f has read may be anything
	}
	return err
}

// begin begins a read transaction, with a statement that stays open. For a database it reads the generation and the
// contents.
func (t *tx) begin(ctx context.Context) (*sql.Rows, error) {
	st, err := t.conn.prepare(ctx, t.store.beginRead)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	if rows.Next() {
		err = rows.Scan(&t.generation, &t.contents)
	}
	if err = errors.Join(err, rows.Err()); err != nil {
		_ = rows.Close() // the connection is closed
		return nil, err
	}
	return rows, nil
}

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
