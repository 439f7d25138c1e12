// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// busySlice is how long SQLite waits by itself for the write lock. It does not
// notice a context in the meantime, so that this is also how late a
// cancellation can be.
const busySlice = 100 * time.Millisecond

// View runs f in a read transaction. The moment it sees is that of its first read.
func (s *Store) View(ctx context.Context, f func(store.Tx) error) error {
	c, err := s.readers.take(ctx)
	if err != nil {
		return s.fail(err)
	}
	sound := false
	defer func() { s.readers.give(c, sound) }()
	if err := c.exec(ctx, "BEGIN"); err != nil {
		return s.fail(err)
	}
	t := &tx{store: s, conn: c}
	defer func() { sound = t.rollback(ctx) }() // also when f panics
	return f(t)
}

// Update runs f in a write transaction.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) error {
	c, err := s.writer.take(ctx)
	if err != nil {
		return s.fail(err)
	}
	sound := false
	defer func() { s.writer.give(c, sound) }()
	if err := s.begin(ctx, c); err != nil {
		return err
	}
	t := &tx{store: s, conn: c, writable: true}
	committed := false
	defer func() { // also when f panics
		if !committed {
			sound = t.rollback(ctx)
		}
	}()
	if err := f(t); err != nil {
		return err
	}
	if t.broken != nil {
		return t.broken
	}
	if err := ctx.Err(); err != nil {
		return s.fail(err)
	}
	if err := s.inPlace(); err != nil {
		return err
	}
	if err := c.exec(ctx, "COMMIT"); err != nil {
		return s.fail(err)
	}
	t.over, committed, sound = true, true, true
	return nil
}

// AppendRecord adds one record: a single statement, which is its own
// transaction.
func (s *Store) AppendRecord(ctx context.Context, r store.Record) error {
	c, err := s.writer.take(ctx)
	if err != nil {
		return s.fail(err)
	}
	sound := false
	defer func() { s.writer.give(c, sound) }()
	if err := s.inPlace(); err != nil {
		return err
	}
	err = s.patiently(ctx, func() error {
		return c.exec(ctx, `INSERT INTO records (at, principal, role, verb, phase, code, detail) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			r.At.UnixMicro(), r.Principal, string(r.Role), r.Verb, r.Phase, r.Code, blob(r.Detail))
	})
	sound = err == nil
	return err
}

// begin takes the write lock.
func (s *Store) begin(ctx context.Context, c *conn) error {
	return s.patiently(ctx, func() error { return c.exec(ctx, "BEGIN IMMEDIATE") })
}

// patiently repeats what found the database locked, for as long as the busy
// timeout and the context allow.
func (s *Store) patiently(ctx context.Context, f func() error) error {
	deadline := time.Now().Add(s.wait)
	for {
		if err := ctx.Err(); err != nil {
			return s.fail(err)
		}
		err := f()
		if !isBusy(err) || !time.Now().Before(deadline) {
			return s.fail(err)
		}
	}
}
