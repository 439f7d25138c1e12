// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// ReadLog holds the records of reads, dry runs and refusals, in tables of the same database. They do not wait for
// changes.
//
// Records that are appended at the same time share one statement and its commit. The first of them is written at once.
// What arrives meanwhile forms the next batch.
type ReadLog struct {
	store *Store

	mu      sync.Mutex
	writing bool // a goroutine writes the batches
	waiting []*appending

	onWrite func(records int) // tests set it: it runs before each batch
}

var _ store.RecordLog = (*ReadLog)(nil)

const (
	// maxBatch and maxBatchBytes limit the records of one commit: a batch has at least one call.
	maxBatch      = 512
	maxBatchBytes = 1 << 20
)

// appending is one call of AppendRecords.
type appending struct {
	ctx     context.Context
	records []store.Record
	size    int
	err     error
	done    chan struct{} // closed when err is set
}

// AppendRecords implements store.RecordLog.
func (l *ReadLog) AppendRecords(ctx context.Context, records ...store.Record) error {
	if err := ctx.Err(); err != nil {
		return l.store.translate(err)
	}
	a := &appending{ctx: ctx, records: records, done: make(chan struct{})}
	for _, r := range records {
		a.size += len(r.Detail) + 200 // the other columns and the index
	}
	l.mu.Lock()
	l.waiting = append(l.waiting, a)
	start := !l.writing
	l.writing = true
	l.mu.Unlock()
	if start {
		go l.writeBatches() // not in this goroutine, because the batches do not end with the context of this caller
	}
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return l.store.translate(ctx.Err())
	}
}

// writeBatches writes what waits until nothing waits any more.
func (l *ReadLog) writeBatches() {
	for {
		batch := l.next()
		if batch == nil {
			return
		}
		l.answer(batch)
	}
}

// next removes the calls of the next batch, or returns nil if none waits.
func (l *ReadLog) next() []*appending {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, records, size := 0, 0, 0
	for _, a := range l.waiting {
		records, size = records+len(a.records), size+a.size
		if n > 0 && (records > maxBatch || size > maxBatchBytes) {
			break
		}
		n++
	}
	if n == 0 {
		l.waiting, l.writing = nil, false
		return nil
	}
	batch := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	return batch
}

// answer writes a batch and ends its calls, also if the driver panics.
func (l *ReadLog) answer(batch []*appending) {
	defer func() {
		if p := recover(); p != nil {
			for _, a := range batch {
				a.err = backend.Errorf(backend.CodeInternal, "writing records to database %s: %v", l.store.name, p)
			}
		}
		for _, a := range batch {
			close(a.done)
		}
	}()
	wanted := make([]*appending, 0, len(batch))
	for _, a := range batch {
		if a.err = l.store.translate(a.ctx.Err()); a.err == nil { // otherwise its caller has left
			wanted = append(wanted, a)
		}
	}
	l.writeEach(wanted)
}

// writeEach writes calls with one statement. If PostgreSQL refuses it, it writes each with its own, so that one call
// does not make the others fail.
func (l *ReadLog) writeEach(batch []*appending) {
	err := l.write(batch)
	if err == nil || len(batch) <= 1 || sqlState(err) == "" {
		for _, a := range batch {
			a.err = err
		}
		return
	}
	err = nil
	for _, a := range batch {
		if a.err = err; err != nil {
			continue
		}
		if a.err = l.write([]*appending{a}); a.err != nil && !errors.Is(a.err, backend.ErrCorrupt) {
			err = a.err // the disk will not have changed
		}
	}
}

// write commits the records of calls with one statement, which is its own transaction.
func (l *ReadLog) write(batch []*appending) error {
	var records []store.Record
	for _, a := range batch {
		records = append(records, a.records...)
	}
	if len(records) == 0 {
		return nil
	}
	if l.onWrite != nil {
		l.onWrite(len(records))
	}
	ctx, cancel := uninterrupted(context.Background())
	defer cancel()
	_, err := l.store.changes.Exec(ctx, readTables.insertion(), recordValues(records)...)
	return l.store.recordError(l.store.translate(err))
}

// DeleteRecords implements store.RecordLog.
func (l *ReadLog) DeleteRecords(
	ctx context.Context, before time.Time, limit int, add func(log string, deleted int) store.Record,
) (deleted int, err error) {
	return readTables.delete(ctx, l.store, before, limit, add)
}

// Check implements what a server asks of its log of reads: it has nothing to report beside the database.
func (l *ReadLog) Check(context.Context) (low error, err error) { return nil, nil }

// Close waits for the records that are being written. The Store closes the connections.
func (l *ReadLog) Close() error { return nil }
