// SPDX-License-Identifier: MPL-2.0

// Package queue lets concurrent calls of [store.Store.Update] share a transaction, and so a sync of the disk.
//
// A call that finds no other one running leads: it begins a transaction and takes the calls that have queued up
// meanwhile, lets each run its function, commits once, and gives the lead to the first call that has queued up since.
// Without other calls, it is alone in its transaction and waits for nobody.
//
// Each call runs its function in its goroutine. So its panic ends this call only: a deferred function rolls back what
// it did and returns the turn.
//
// A function may have read what an earlier one in the same transaction has written. So if the transaction is rolled
// back, no result of a function is used: each call runs its function again, in its own transaction.
package queue

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// MaxCalls limits the calls in one transaction.
const MaxCalls = 128

// Queue is the queue of a database. Its zero value with Begin is ready to use.
type Queue struct {
	// Begin begins a transaction. It waits until no other one runs, or until ctx ends.
	Begin func(ctx context.Context) (Transaction, error)
	// Ended returns the error of a call whose context has ended.
	Ended func(error) error

	mu      sync.Mutex
	led     bool // a call leads
	waiting []*member
}

// Transaction is a transaction that several calls share. Its methods are called one at a time.
type Transaction interface {
	// Run runs the function of a call. Unless the function and Run return nil, what it did is rolled back, even if it
	// panics. The function of a call that is alone is rolled back by End.
	Run(ctx context.Context, f func(store.Tx) error, alone bool) error

	// Broken reports whether the database may have rolled back. Then only End is called.
	Broken() bool

	// End commits if a function has succeeded, and rolls back otherwise.
	End(calls int) (Result, error)
}

// Preparer is a Transaction that reads what its calls probably need, before they run.
type Preparer interface {
	// Prepare gets the contexts of the calls that Run will be called with, except the context of the call that began the
	// transaction.
	Prepare(calls []context.Context)
}

// Result says what the end of a transaction means for its calls.
type Result int

const (
	Done   Result = iota // each call has the result of its function
	Again                // the transaction was rolled back, and each call runs again in its own
	Failed               // all calls end with the error of End
)

// member is one call of Update.
type member struct {
	ctx   context.Context
	f     func(store.Tx) error
	state atomic.Int32  // one of the constants below
	turn  chan turn     // holds one turn, so that a leader never waits here
	ran   chan struct{} // receives when the function has ended, even by a panic
	err   error         // of its function, which has been rolled back then
	ended bool          // its goroutine ended by a panic, or by runtime.Goexit
}

const (
	queued int32 = iota
	called       // its turn has come
	left         // its context has ended before
)

// turn is the message from a leader to another call.
type turn struct {
	kind  turnKind
	batch *batch
	err   error
}

type turnKind int

const (
	turnLead  turnKind = iota // lead the next batch
	turnRun                   // run the function in batch
	turnAlone                 // the batch was rolled back: run in another transaction
	turnOver                  // the call ends with err
)

// call gives a member its turn, unless its context has ended.
func (m *member) call(t turn) bool {
	if !m.state.CompareAndSwap(queued, called) {
		return false
	}
	m.turn <- t
	return true
}

// Update runs f in a transaction, as [store.Store.Update] says.
func (q *Queue) Update(ctx context.Context, f func(store.Tx) error) error {
	m := &member{ctx: ctx, f: f}
	if q.leads(m) {
		return q.lead(m)
	}
	var t turn
	select {
	case t = <-m.turn:
	case <-ctx.Done():
		if m.state.CompareAndSwap(queued, left) {
			return q.Ended(ctx.Err())
		}
		t = <-m.turn
	}
	for {
		switch t.kind {
		case turnLead:
			return q.lead(m)
		case turnAlone:
			return q.updateAlone(m)
		case turnOver:
			return t.err
		}
		t.batch.runOther(m)
		t = <-m.turn
	}
}

// Waiting returns how many calls wait for another one.
func (q *Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// leads reports whether a call leads. Otherwise it is queued.
func (q *Queue) leads(m *member) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.led {
		q.led = true
		return true
	}
	m.turn, m.ran = make(chan turn, 1), make(chan struct{}, 1)
	q.waiting = append(q.waiting, m)
	return false
}

// take returns the first calls that wait.
func (q *Queue) take(most int) []*member {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(most, len(q.waiting))
	taken := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return taken
}

// handOver gives the lead to the first call that waits.
func (q *Queue) handOver() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) > 0 {
		next := q.waiting[0]
		q.waiting = q.waiting[1:]
		if next.call(turn{kind: turnLead}) {
			return
		}
	}
	q.led, q.waiting = false, nil
}

// batch is a transaction and the calls that share it. The first member leads.
type batch struct {
	Transaction
	members []*member
}

// lead makes a transaction of a call and of those that wait.
func (q *Queue) lead(m *member) error {
	defer q.handOver() // also after a panic
	t, err := q.Begin(m.ctx)
	if err != nil {
		return err
	}
	others := q.take(MaxCalls - 1)
	if p, ok := t.(Preparer); ok && len(others) > 0 {
		p.Prepare(contexts(others))
	}
	return q.run(&batch{t, append([]*member{m}, others...)})
}

func contexts(members []*member) []context.Context {
	out := make([]context.Context, len(members))
	for i, m := range members {
		out[i] = m.ctx
	}
	return out
}

// updateAlone makes a transaction of one call.
func (q *Queue) updateAlone(m *member) error {
	t, err := q.Begin(m.ctx)
	if err != nil {
		return err
	}
	return q.run(&batch{t, []*member{m}})
}

// run runs the function of the first member, and ends the batch, even if the function panics.
func (q *Queue) run(b *batch) (err error) {
	m := b.members[0]
	m.ended = true
	defer func() {
		t := b.finish()
		if err = t.err; t.kind == turnAlone && !m.ended {
			err = q.updateAlone(m)
		}
	}()
	m.err = b.Run(m.ctx, m.f, len(b.members) == 1)
	m.ended = false
	return nil
}

// runOther runs the function of another member when its turn has come.
func (b *batch) runOther(m *member) {
	m.ended = true
	defer func() { m.ran <- struct{}{} }()
	m.err = b.Run(m.ctx, m.f, false)
	m.ended = false
}

// finish gives the other members their turns, ends the transaction, and sends them their results. It returns the result
// of the first member.
func (b *batch) finish() (first turn) {
	called := b.members[:1:1]
	var uncalled []*member // when the transaction was broken
	result := func(*member) turn {
		return turn{kind: turnOver, err: backend.Errorf(backend.CodeInternal, "a transaction ended by a panic")}
	}
	defer func() { // also when the driver panics
		for _, m := range uncalled {
			m.call(turn{kind: turnAlone})
		}
		for _, m := range called[1:] {
			if !m.ended {
				m.turn <- result(m)
			}
		}
		first = result(called[0])
	}()
	for _, m := range b.members[1:] {
		switch {
		case b.Broken():
			uncalled = append(uncalled, m)
		case m.call(turn{kind: turnRun, batch: b}):
			<-m.ran
			called = append(called, m)
		}
	}
	end, err := b.End(len(b.members))
	result = func(m *member) turn {
		switch end {
		case Again:
			return turn{kind: turnAlone}
		case Failed:
			return turn{kind: turnOver, err: err}
		}
		return turn{kind: turnOver, err: m.err}
	}
	return first
}
