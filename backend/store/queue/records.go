// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Records lets calls of AppendRecords at the same time share one commit. The first of them is committed at once. What
// arrives meanwhile forms the next batch. So one caller alone waits for one sync, and many callers share it. A Write
// that waits for a lock takes what has arrived since with Batch.Grow.
//
// The fields with capital letters are set before the first call.
type Records struct {
	// MaxRecords and MaxBytes limit the records of one commit: a batch has at least one call.
	MaxRecords, MaxBytes int
	// Write commits the records of a batch, which are at least one.
	Write func(*Batch) error
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

// Batch is what one commit adds.
type Batch struct {
	Records []store.Record
	Calls   int // that share the commit
	Size    int // about the bytes of the records

	queue   *Records // nil if no other call may share the commit
	members []*appending
}

func (b *Batch) add(a *appending) {
	b.Records, b.Calls, b.Size = append(b.Records, a.records...), b.Calls+1, b.Size+a.size
	b.members = append(b.members, a)
}

// take adds a call if the batch has room for it. It only removes a call whose context has ended: its caller has left.
func (b *Batch) take(a *appending) (taken bool) {
	if a.ctx.Err() != nil {
		return true
	}
	if b.Calls > 0 && (len(b.Records)+len(a.records) > b.queue.MaxRecords || b.Size+a.size > b.queue.MaxBytes) {
		return false
	}
	b.add(a)
	return true
}

// Grow adds the calls that wait and whose records all fit, within the limits. The others keep their order, and are
// first in the next batch.
func (b *Batch) Grow(fits func(store.Record) bool) {
	if b.queue == nil {
		return
	}
	unfit := func(r store.Record) bool { return !fits(r) }
	b.queue.mu.Lock()
	defer b.queue.mu.Unlock()
	b.queue.waiting = slices.DeleteFunc(b.queue.waiting, func(a *appending) bool {
		if slices.ContainsFunc(a.records, unfit) {
			return false
		}
		return b.take(a)
	})
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
		b := q.next()
		if b == nil {
			return
		}
		q.answer(b)
		if q.Written != nil {
			q.Written()
		}
	}
}

// next removes the calls of the next batch, or returns nil if none waits.
func (q *Records) next() *Batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.waiting, q.writing = nil, false
		if q.idle.L != nil {
			q.idle.Broadcast()
		}
		return nil
	}
	b := &Batch{queue: q}
	n := 0
	for n < len(q.waiting) && b.take(q.waiting[n]) {
		n++
	}
	q.waiting = q.waiting[n:]
	return b
}

// answer writes a batch and ends its calls, even if the driver panics.
func (q *Records) answer(b *Batch) {
	defer func() {
		if p := recover(); p != nil {
			for _, a := range b.members {
				a.err = backend.Errorf(backend.CodeInternal, "writing records to %s: %v", q.Place, p)
			}
		}
		for _, a := range b.members {
			close(a.done)
		}
	}()
	q.writeEach(b)
}

// writeEach writes calls in one commit. If that fails, it can write each in its own, so that one call does not make the
// others fail. A call that fails because of the disk makes all later ones fail too, because the disk will not have
// changed.
func (q *Records) writeEach(b *Batch) {
	if b.Calls == 0 {
		return
	}
	err := q.Write(b)
	if err == nil || b.Calls == 1 || !q.Apart(err) {
		for _, a := range b.members {
			a.err = err
		}
		return
	}
	err = nil
	for _, a := range b.members {
		if a.err = err; err != nil {
			continue
		}
		one := &Batch{}
		one.add(a)
		if a.err = q.Write(one); a.err != nil && !errors.Is(a.err, backend.ErrCorrupt) {
			err = a.err
		}
	}
}
