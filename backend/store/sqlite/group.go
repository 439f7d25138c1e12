// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"errors"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/queue"
)

// Concurrent calls of Update share a transaction: see package queue. Each runs its function in a savepoint.
//
// The transaction counts as rolled back after any error of SQLite but a violated constraint, because SQLite may have
// rolled back the transaction and not only the savepoint, and the next statement would commit on its own. After a
// failed commit, nobody knows what is on the disk. Then all calls fail.

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) error {
	if err := s.checkWritable(); err != nil {
		return err
	}
	return s.queue.Update(ctx, f)
}

// batch is a transaction that several calls share.
type batch struct {
	store   *Store
	conn    *conn
	changed bool // a function has succeeded
	states  *batchStates
	records []store.Record // of the calls that have succeeded; the commit adds them
	// broken is an error after which SQLite may have rolled back the transaction.
	broken error
}

var _ queue.Transaction = (*batch)(nil)

// beginBatch takes the write lock.
func (s *Store) beginBatch(ctx context.Context) (queue.Transaction, error) {
	c, err := s.writer.acquire(ctx)
	if err != nil {
		return nil, s.translate(err)
	}
	if err := s.begin(ctx, c); err != nil {
		s.writer.release(c, false)
		return nil, err
	}
	return &batch{store: s, conn: c, states: newBatchStates()}, nil
}

// Broken implements queue.Transaction.
func (b *batch) Broken() bool { return b.broken != nil }

// Run implements queue.Transaction.
func (b *batch) Run(ctx context.Context, f func(store.Tx) error, alone bool) (err error) {
	if err := ctx.Err(); err != nil {
		return b.store.translate(err)
	}
	if !alone {
		if err := b.exec("SAVEPOINT member"); err != nil {
			return err
		}
	}
	t := &tx{store: b.store, conn: b.conn, writable: true, states: b.states}
	done := false
	defer func() { // also when the function panics
		t.ended = true
		switch {
		case t.broken != nil:
			b.broken = t.broken
		case done:
			b.changed = true
			b.states.keep(t.written)
			b.records = append(b.records, t.records...)
		}
		if alone || b.broken != nil {
			return
		}
		if !done && b.exec("ROLLBACK TO member") != nil {
			return
		}
		if e := b.exec("RELEASE member"); done {
			err = e
		}
	}()
	if err := f(t); err != nil {
		return err
	}
	if t.broken != nil {
		return t.broken
	}
	if err := t.storeRealNames(ctx); err != nil {
		return err
	}
	if alone { // an error of a log is the error of this call
		if err := t.writeRecords(ctx); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return b.store.translate(err)
	}
	done = true
	return nil
}

// exec runs a statement of the batch itself.
func (b *batch) exec(text string) error {
	if err := b.conn.exec(context.Background(), text); err != nil {
		b.broken = b.store.translate(err)
	}
	return b.broken
}

// writeRecords adds the records of all calls together: each log is read and written once.
func (b *batch) writeRecords() error {
	t := &tx{store: b.store, conn: b.conn, writable: true, records: b.records}
	return t.writeRecords(context.Background())
}

// End implements queue.Transaction.
func (b *batch) End(calls int) (result queue.Result, err error) {
	healthy := false
	defer func() { b.store.writer.release(b.conn, healthy) }() // also when the driver panics
	shared := calls > 1
	switch {
	case b.broken != nil && shared:
		return queue.Again, nil
	case b.broken != nil:
		return queue.Done, nil
	case !b.changed:
		healthy = b.conn.exec(context.Background(), "ROLLBACK") == nil
		return queue.Done, nil
	}
	if b.writeRecords() != nil { // a log of one call: the others can succeed
		return queue.Again, nil
	}
	if b.store.onCommit != nil {
		b.store.onCommit(calls)
	}
	err = b.store.checkFile()
	if err == nil {
		err = b.store.translate(b.states.write(context.Background(), b.conn))
	}
	if err == nil {
		err = b.exec("COMMIT")
	}
	switch {
	case err == nil:
		healthy = true
		b.store.commits.Count(calls)
		return queue.Done, nil
	case shared && errors.Is(err, backend.ErrStorageFull):
		return queue.Again, nil
	}
	return queue.Failed, err
}
