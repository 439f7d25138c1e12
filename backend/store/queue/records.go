// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"context"
	"errors"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Records lets calls of AppendRecords at the same time share one commit. The first of them is committed at once. What
// arrives meanwhile forms the next batch. So one caller alone waits for one sync, and many callers share it.
//
// The fields with capital letters are set before the first call.
type Records struct {
	// MaxRecords and MaxBytes limit the records of one commit: a batch has at least one call.
	MaxRecords, MaxBytes int
	// Write commits the records of some calls. size is about their bytes.
	Write func(records []store.Record, calls, size int) error
	// Written runs after each batch. Nil does nothing.
	Written func()
	// Apart reports whether, after this error for several calls, each call is written alone.
	Apart func(error) bool
	// Ended returns the error of a call whose context has ended, and nil for nil.
	Ended func(error) error
	// Place names the database in the error of a panic.
	Place string

	mu      sync.Mutex
	writing bool // a goroutine writes the batches
	waiting []*appending
	idle    sync.Cond // of mu: nothing is written any more
}

// appending is a call of Append that waits.
type appending struct {
	ctx     context.Context
	records []store.Record
	size    int
	err     error
	done    chan struct{} // closed when err is set
}

// Append adds records, all or none, and returns when they are committed.
func (q *Records) Append(ctx context.Context, records []store.Record) error {
	if err := ctx.Err(); err != nil {
		return q.Ended(err)
	}
	a := &appending{ctx: ctx, records: records, done: make(chan struct{})}
	for _, r := range records {
		a.size += len(r.Detail) + 200 + 150*len(r.Resolved) // with the other columns, the index and the notes
	}
	q.mu.Lock()
	q.waiting = append(q.waiting, a)
	start := !q.writing
	q.writing = true
	q.mu.Unlock()
	if start {
		go q.writeBatches() // not in this goroutine, because the batches do not end with the context of this caller
	}
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return q.Ended(ctx.Err())
	}
}

// Wait waits until everything is written, and Written has returned.
func (q *Records) Wait() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.idle.L = &q.mu
	for q.writing {
		q.idle.Wait()
	}
}

// Waiting returns how many calls wait for the next batch.
func (q *Records) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// writeBatches writes what waits until nothing waits any more.
func (q *Records) writeBatches() {
	for {
		batch := q.next()
		if batch == nil {
			return
		}
		q.answer(batch)
		if q.Written != nil {
			q.Written()
		}
	}
}

// next removes the calls of the next batch, or returns nil if none waits.
func (q *Records) next() []*appending {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, records, size := 0, 0, 0
	for _, a := range q.waiting {
		records, size = records+len(a.records), size+a.size
		if n > 0 && (records > q.MaxRecords || size > q.MaxBytes) {
			break
		}
		n++
	}
	if n == 0 {
		q.waiting, q.writing = nil, false
		if q.idle.L != nil {
			q.idle.Broadcast()
		}
		return nil
	}
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return batch
}

// answer writes a batch and ends its calls, even if the driver panics.
func (q *Records) answer(batch []*appending) {
	defer func() {
		if p := recover(); p != nil {
			for _, a := range batch {
				a.err = backend.Errorf(backend.CodeInternal, "writing records to %s: %v", q.Place, p)
			}
		}
		for _, a := range batch {
			close(a.done)
		}
	}()
	wanted := make([]*appending, 0, len(batch))
	for _, a := range batch {
		if a.err = q.Ended(a.ctx.Err()); a.err == nil { // otherwise its caller has left
			wanted = append(wanted, a)
		}
	}
	q.writeEach(wanted)
}

// writeEach writes calls in one commit. If that fails, it can write each in its own, so that one call does not make the
// others fail. A call that fails because of the disk makes all later ones fail too, because the disk will not have
// changed.
func (q *Records) writeEach(batch []*appending) {
	err := q.write(batch)
	if err == nil || len(batch) <= 1 || !q.Apart(err) {
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
		if a.err = q.write([]*appending{a}); a.err != nil && !errors.Is(a.err, backend.ErrCorrupt) {
			err = a.err
		}
	}
}

func (q *Records) write(batch []*appending) error {
	var records []store.Record
	size := 0
	for _, a := range batch {
		records, size = append(records, a.records...), size+a.size
	}
	if len(batch) == 0 {
		return nil
	}
	return q.Write(records, len(batch), size)
}
