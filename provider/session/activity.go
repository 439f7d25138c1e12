// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"sync"
	"time"
)

// quiet is how long nothing must move before a plan is taken to have no more to
// say. It is long, because Terraform may be busy with other providers, and
// because only a plan that is about to fail waits for it.
const quiet = 10 * time.Second

// activity knows how many resources Terraform is busy with, so that one of
// them can wait for others without waiting for ever.
type activity struct {
	mu sync.Mutex
	// Resources in work: now, at most so far, and of those now the waiting for
	// others and those with a question.
	active, most, waiting, asking int
	stirred                       chan struct{} // closed, and made anew, when something moves
	last                          time.Time     // when something last moved
}

func newActivity() *activity { return &activity{stirred: make(chan struct{})} }

func (a *activity) working() func() {
	a.count(&a.active, 1)
	return func() { a.count(&a.active, -1) }
}

// asks says that a resource has a question that is being gathered, until the
// function returned is called.
func (a *activity) asks() func() {
	a.count(&a.asking, 1)
	return func() { a.count(&a.asking, -1) }
}

// allWait reports whether nobody can be on the way to another question: as many
// wait as were ever worked on at a time.
func (a *activity) allWait() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.waiting+a.asking >= a.most
}

func (a *activity) count(of *int, by int) {
	a.mu.Lock()
	*of += by
	a.most = max(a.most, a.active)
	a.mu.Unlock()
	a.stir()
}

// stir wakes those who wait.
func (a *activity) stir() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.stirred)
	a.stirred, a.last = make(chan struct{}), time.Now()
}

// idle is how long nothing has moved.
func (a *activity) idle() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Since(a.last)
}

// settle returns when nothing moves any more.
func (a *activity) settle(ctx context.Context) {
	a.count(&a.waiting, 1)
	defer a.count(&a.waiting, -1)
	for {
		a.mu.Lock()
		stirred, busy := a.stirred, a.active > a.waiting
		a.mu.Unlock()
		timer := time.NewTimer(quiet)
		select {
		case <-ctx.Done():
			return
		case <-stirred:
		case <-timer.C:
			if !busy {
				return
			}
		}
		timer.Stop()
	}
}
