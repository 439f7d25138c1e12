// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Concurrent calls of Update share a transaction, and so a sync of the disk. A call that finds no other one running
// leads: it takes the write lock and the calls that have queued up meanwhile, lets each run its function in a
// savepoint, commits once, and gives the lead to the first call that has queued up since. Without other calls, it is
// alone in its transaction and waits for nobody.
//
// Each call runs its function in its goroutine. So its panic ends this call only: a deferred function rolls back the
// savepoint and returns the turn.
//
// A function may have read what an earlier one in the same transaction has written. So if the transaction is rolled
// back, no result of a function is used: each call runs its function again, in its own transaction. That is so after
// any error of SQLite but a violated constraint, because SQLite may have rolled back the transaction and not only the
// savepoint, and the next statement would commit on its own. After a failed commit, nobody knows what is on the disk.
// Then all calls fail.

// maxGroup limits the calls in one transaction.
const maxGroup = 128

// group holds the calls of Update that wait for another one.
type group struct {
	mu      sync.Mutex
	led     bool // a call leads
	waiting []*member
}

// member is one call of Update.
type member struct {
	ctx   context.Context
	f     func(store.Tx) error
	state atomic.Int32  // one of the constants below
	turn  chan turn     // holds one turn, so that a leader never waits here
	ran   chan struct{} // receives when the function has ended, also by a panic
	err   error         // of its function, which has been rolled back then
	ended bool          // its goroutine ended by a panic, or by runtime.Goexit
}

const (
	queued int32 = iota
	called       // its turn has come
	left         // its context has ended before
)

// turn is what a leader tells another call.
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

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) error {
	m := &member{ctx: ctx, f: f}
	if s.group.lead(m) {
		return s.lead(m)
	}
	var t turn
	select {
	case t = <-m.turn:
	case <-ctx.Done():
		if m.state.CompareAndSwap(queued, left) {
			return s.translate(ctx.Err())
		}
		t = <-m.turn
	}
	for {
		switch t.kind {
		case turnLead:
			return s.lead(m)
		case turnAlone:
			return s.updateAlone(m)
		case turnOver:
			return t.err
		}
		t.batch.runOther(m)
		t = <-m.turn
	}
}

// lead reports whether a call leads. Otherwise it is queued.
func (g *group) lead(m *member) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.led {
		g.led = true
		return true
	}
	m.turn, m.ran = make(chan turn, 1), make(chan struct{}, 1)
	g.waiting = append(g.waiting, m)
	return false
}

// take returns the first calls that wait.
func (g *group) take(most int) []*member {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(most, len(g.waiting))
	taken := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	return taken
}

// handOver gives the lead to the first call that waits.
func (g *group) handOver() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.waiting) > 0 {
		next := g.waiting[0]
		g.waiting = g.waiting[1:]
		if next.call(turn{kind: turnLead}) {
			return
		}
	}
	g.led, g.waiting = false, nil
}

// batch is a transaction that several calls share. The first member leads.
type batch struct {
	store   *Store
	conn    *conn
	members []*member
	changed bool // a function has succeeded
	states  *batchStates
	// broken is an error after which SQLite may have rolled back the transaction.
	broken error
}

// lead makes a transaction of a call and of those that wait.
func (s *Store) lead(m *member) error {
	defer s.group.handOver() // also after a panic
	b, err := s.beginBatch(m.ctx)
	if err != nil {
		return err
	}
	b.members = append([]*member{m}, s.group.take(maxGroup-1)...)
	return b.lead()
}

// updateAlone makes a transaction of one call.
func (s *Store) updateAlone(m *member) error {
	b, err := s.beginBatch(m.ctx)
	if err != nil {
		return err
	}
	b.members = []*member{m}
	return b.lead()
}

// beginBatch takes the write lock.
func (s *Store) beginBatch(ctx context.Context) (*batch, error) {
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

// lead runs the function of the first member, and ends the batch, also if the function panics.
func (b *batch) lead() (err error) {
	m := b.members[0]
	m.ended = true
	defer func() {
		t := b.finish()
		if err = t.err; t.kind == turnAlone && !m.ended {
			err = b.store.updateAlone(m)
		}
	}()
	m.err = b.run(m)
	m.ended = false
	return nil
}

// runOther runs the function of another member when its turn has come.
func (b *batch) runOther(m *member) {
	m.ended = true
	defer func() { m.ran <- struct{}{} }()
	m.err = b.run(m)
	m.ended = false
}

// run runs the function of a member. It rolls back what the function did, unless it returns nil. In a batch of one, the
// end of the batch rolls back.
func (b *batch) run(m *member) (err error) {
	if err := m.ctx.Err(); err != nil {
		return b.store.translate(err)
	}
	shared := len(b.members) > 1
	if shared {
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
		}
		if !shared || b.broken != nil {
			return
		}
		if !done && b.exec("ROLLBACK TO member") != nil {
			return
		}
		if e := b.exec("RELEASE member"); done {
			err = e
		}
	}()
	if err := m.f(t); err != nil {
		return err
	}
	if t.broken != nil {
		return t.broken
	}
	if err := t.storeRealNames(m.ctx); err != nil {
		return err
	}
	if err := m.ctx.Err(); err != nil {
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

// finish gives the other members their turns, commits, and tells them the results. It returns that of the first.
func (b *batch) finish() (first turn) {
	called := b.members[:1:1]
	var uncalled []*member // when the transaction was broken
	healthy, result := false, func(*member) turn {
		return turn{kind: turnOver, err: backend.Errorf(backend.CodeInternal, "a transaction ended by a panic")}
	}
	defer func() { // also when the driver panics
		b.store.writer.release(b.conn, healthy)
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
		case b.broken != nil:
			uncalled = append(uncalled, m)
		case m.call(turn{kind: turnRun, batch: b}):
			<-m.ran
			called = append(called, m)
		}
	}
	healthy, result = b.end()
	return first
}

// end ends the transaction. It returns whether the connection can be used again, and the result of each member.
func (b *batch) end() (healthy bool, result func(*member) turn) {
	own := func(m *member) turn { return turn{kind: turnOver, err: m.err} }
	repeat := func(*member) turn { return turn{kind: turnAlone} }
	shared := len(b.members) > 1
	switch {
	case b.broken != nil && shared:
		return false, repeat
	case b.broken != nil:
		return false, own
	case !b.changed:
		return b.conn.exec(context.Background(), "ROLLBACK") == nil, own
	}
	if b.store.onCommit != nil {
		b.store.onCommit(len(b.members))
	}
	err := b.store.checkFile()
	if err == nil {
		err = b.store.translate(b.states.write(context.Background(), b.conn))
	}
	if err == nil {
		err = b.exec("COMMIT")
	}
	switch {
	case err == nil:
		return true, own
	case shared && errors.Is(err, backend.ErrStorageFull):
		return false, repeat
	}
	return false, func(*member) turn { return turn{kind: turnOver, err: err} }
}
