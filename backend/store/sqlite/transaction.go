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
	open, err := t.beginRead(ctx)
	if err != nil {
		return s.translate(err)
	}
	defer func() { // also when f panics
		t.ended = true
		healthy = open.Close() == nil
	}()
	return f(t)
}

// beginRead reads the generation with a statement that stays open.
func (t *tx) beginRead(ctx context.Context) (*sql.Rows, error) {
	st, err := t.conn.prepare(ctx, selectGeneration)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	if rows.Next() {
		err = rows.Scan(&t.generation)
	}
	if err = errors.Join(err, rows.Err()); err != nil {
		_ = rows.Close() // the connection is closed
		return nil, err
	}
	return rows, nil
}

// AppendRecord adds one record. Its single statement is its own transaction.
func (s *Store) AppendRecord(ctx context.Context, r store.Record) error {
	c, err := s.writer.acquire(ctx)
	if err != nil {
		return s.translate(err)
	}
	healthy := false
	defer func() { s.writer.release(c, healthy) }()
	if err := s.checkFile(); err != nil {
		return err
	}
	err = s.retryWhileBusy(ctx, func() error {
		return c.exec(ctx, insertRecord, recordColumns(r)...)
	})
	healthy = err == nil
	return err
}

const insertRecord = `INSERT INTO record (at, principal, role, verb, phase, code, detail) VALUES (?, ?, ?, ?, ?, ?, ?)`

func recordColumns(r store.Record) []any {
	return []any{r.At.UnixMicro(), r.Principal, string(r.Role), r.Verb, r.Phase, r.Code, blob(r.Detail)}
}

// DeleteRecords deletes the oldest records. Records are added in the order of their time, so it needs no index of the
// times: it looks at the first ones only.
func (s *Store) DeleteRecords(
	ctx context.Context, before time.Time, limit int, add func(deleted int) store.Record,
) (deleted int, err error) {
	// Most calls have nothing to do. A read finds that out without blocking a writer.
	due := false
	err = s.View(ctx, func(t store.Tx) error {
		_, err := t.(*tx).queryFirst(ctx, `SELECT at < ? FROM record ORDER BY seq LIMIT 1`, []any{before.UnixMicro()},
			func(row scanner) error { return row.Scan(&due) })
		return err
	})
	if err != nil || !due {
		return 0, err
	}
	err = s.Update(ctx, func(t store.Tx) error {
		n, err := t.(*tx).exec(ctx, `DELETE FROM record
			WHERE at < ? AND seq IN (SELECT seq FROM record ORDER BY seq LIMIT ?)`,
			before.UnixMicro(), limit)
		if deleted = int(n); err != nil || n == 0 {
			return err
		}
		_, err = t.(*tx).exec(ctx, insertRecord, recordColumns(add(deleted))...)
		return err
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
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
