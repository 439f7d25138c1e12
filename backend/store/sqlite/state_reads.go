// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"runtime"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// stateReads lets calls that ask for the generation and the contents at the same time share one statement. While one
// runs, the calls that arrive form the next one. So each call gets what was read after it asked, and a call that is
// alone waits for nobody.
type stateReads struct {
	store *Store

	mu      sync.Mutex
	running bool
	next    *stateRead // of calls that wait, or nil

	onRead func() // tests set it: it runs before each statement
}

// stateRead is one statement, and what it has read.
type stateRead struct {
	calls                int
	done                 chan struct{} // closed when the following are set
	generation, contents []byte
	err                  error
}

// read returns the states.
func (r *stateReads) read(ctx context.Context) (*stateRead, error) {
	mine := r.join()
	select {
	case <-mine.done:
		return mine, mine.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// join adds a call to the next statement, and starts a goroutine if none runs statements.
func (r *stateReads) join() *stateRead {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &stateRead{done: make(chan struct{})}
	}
	r.next.calls++
	if !r.running {
		r.running = true
		go r.run() // not in this goroutine: a statement does not end with the context of one call
	}
	return r.next
}

// run runs statements until no call waits.
func (r *stateReads) run() {
	for {
		// Calls whose goroutines are ready to run get here before one statement would end, and share it.
		runtime.Gosched()
		read := r.take()
		if read == nil {
			return
		}
		r.answer(read)
	}
}

// take returns the next statement, or nil if no call waits.
func (r *stateReads) take() *stateRead {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.next
	r.next, r.running = nil, taken != nil
	return taken
}

// answer runs a statement and ends its calls, even if the driver panics.
func (r *stateReads) answer(read *stateRead) {
	defer close(read.done)
	defer func() {
		if p := recover(); p != nil {
			read.err = backend.Errorf(backend.CodeInternal, "reading states from database %s: %v", r.store.path, p)
		}
	}()
	if r.onRead != nil {
		r.onRead()
	}
	t := &tx{store: r.store}
	defer t.endView()
	read.err = t.beginView(context.Background())
	read.generation, read.contents = t.generation, t.contents
}

// waiting returns how many calls wait for the next statement.
func (r *stateReads) waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		return 0
	}
	return r.next.calls
}
