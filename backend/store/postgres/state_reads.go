// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// stateReads lets calls that ask for states at the same time share one statement. While as many statements run as
// maxStateReads allows, the calls that arrive form the next one. So each call gets states that were read after it
// asked, and a call that is alone waits for nobody.
type stateReads struct {
	store *Store

	mu      sync.Mutex
	running int
	next    *stateRead // of calls that wait, or nil

	onRead func() // tests set it: it runs before each statement
}

// maxStateReads limits the statements that run at the same time. With one, a call would wait for nearly two round trips
// on average; with more, fewer calls would share one.
const maxStateReads = 2

// stateRead is one statement, and what it has read.
type stateRead struct {
	names    []string
	done     chan struct{} // closed when the following are set
	states   map[string][]byte
	timeline int64
	err      error
}

// read returns the states with these names, and maybe others.
func (r *stateReads) read(ctx context.Context, names []string) (*stateRead, error) {
	mine := r.join(names)
	select {
	case <-mine.done:
		return mine, mine.err
	case <-ctx.Done():
		return nil, r.store.translate(ctx.Err())
	}
}

// join adds a call to the next statement, and starts it if it need not wait.
func (r *stateReads) join(names []string) *stateRead {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &stateRead{done: make(chan struct{})}
	}
	mine := r.next
	mine.names = append(mine.names, names...)
	if r.running < maxStateReads {
		r.running++
		r.next = nil
		go r.run(mine) // not in this goroutine: the statement does not end with the context of this caller
	}
	return mine
}

// run runs a statement, and then those for which calls wait.
func (r *stateReads) run(read *stateRead) {
	for read != nil {
		r.answer(read)
		r.mu.Lock()
		if read, r.next = r.next, nil; read == nil {
			r.running--
		}
		r.mu.Unlock()
	}
}

// answer runs a statement and ends its calls, even if the driver panics.
func (r *stateReads) answer(read *stateRead) {
	defer close(read.done)
	defer func() {
		if p := recover(); p != nil {
			read.err = backend.Errorf(backend.CodeInternal, "reading states from database %s: %v", r.store.name, p)
		}
	}()
	if r.onRead != nil {
		r.onRead()
	}
	ctx, cancel := r.store.uninterrupted(context.Background())
	defer cancel()
	states := map[string][]byte{}
	c, err := begin(ctx, r.store.views, func() *pgx.Batch {
		b := &pgx.Batch{}
		r.store.queueStates(b, read.names, states)
		return b
	})
	if err != nil {
		read.err = r.store.beginError(ctx, err)
		return
	}
	read.states, read.timeline = states, connTimeline(c.Conn())
	c.Release()
}
