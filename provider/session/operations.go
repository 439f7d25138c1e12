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
const planIdleTimeout = 10 * time.Second

// activity knows how many resources Terraform is busy with, so that one of
// them can wait for others without waiting for ever.
type operationTracker struct {
	mu sync.Mutex
	// Resources in work: now, at most so far, and of those now the waiting for
	// others and those with a question.
	active, maxActive, waiting, checking int
	changed                              chan struct{} // closed, and made anew, when something moves
	changedAt                            time.Time     // when something last moved
}

func newOperationTracker() *operationTracker { return &operationTracker{changed: make(chan struct{})} }

func (a *operationTracker) begin() func() {
	a.add(&a.active, 1)
	return func() { a.add(&a.active, -1) }
}

// asks says that a resource has a question that is being gathered, until the
// function returned is called.
func (a *operationTracker) beginCheck() func() {
	a.add(&a.checking, 1)
	return func() { a.add(&a.checking, -1) }
}

// allWait reports whether nobody can be on the way to another question: as many
// wait as were ever worked on at a time.
func (a *operationTracker) allBlocked() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.waiting+a.checking >= a.maxActive
}

func (a *operationTracker) add(of *int, by int) {
	a.mu.Lock()
	*of += by
	a.maxActive = max(a.maxActive, a.active)
	a.mu.Unlock()
	a.notify()
}

// stir wakes those who wait.
func (a *operationTracker) notify() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.changed)
	a.changed, a.changedAt = make(chan struct{}), time.Now()
}

// idle is how long nothing has moved.
func (a *operationTracker) idleTime() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Since(a.changedAt)
}

// settle returns when nothing moves any more.
func (a *operationTracker) waitUntilIdle(ctx context.Context) {
	a.add(&a.waiting, 1)
	defer a.add(&a.waiting, -1)
	for {
		a.mu.Lock()
		changed, busy := a.changed, a.active > a.waiting
		a.mu.Unlock()
		timer := time.NewTimer(planIdleTimeout)
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-timer.C:
			if !busy {
				return
			}
		}
		timer.Stop()
	}
}
