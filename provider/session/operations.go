// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"sync"
	"time"
)

// planIdleTimeout is the time without any progress after which a plan counts as complete. It is long because Terraform
// may be busy with other providers, and because only a plan that is about to fail waits for it.
const planIdleTimeout = 10 * time.Second

// operationTracker counts the resources that Terraform reads or plans at the same time. It lets an operation wait until
// the others make no progress any more.
type operationTracker struct {
	mu        sync.Mutex
	active    int           // operations that run now
	maxActive int           // the largest number of operations that ever ran at the same time
	waiting   int           // of the active operations, those in waitUntilIdle
	checking  int           // of the active operations, those whose dry run is in a batch
	changed   chan struct{} // closed and replaced at every change
	changedAt time.Time
}

func newOperationTracker() *operationTracker { return &operationTracker{changed: make(chan struct{})} }

// begin counts an operation until the caller calls end.
func (t *operationTracker) begin() (end func()) {
	t.add(&t.active, 1)
	return func() { t.add(&t.active, -1) }
}

// beginCheck counts an operation whose dry run waits in a batch, until the caller calls end.
func (t *operationTracker) beginCheck() (end func()) {
	t.add(&t.checking, 1)
	return func() { t.add(&t.checking, -1) }
}

// allBlocked reports whether no further dry run can arrive: as many operations wait as ever ran at the same time.
func (t *operationTracker) allBlocked() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waiting+t.checking >= t.maxActive
}

func (t *operationTracker) add(counter *int, n int) {
	t.mu.Lock()
	*counter += n
	t.maxActive = max(t.maxActive, t.active)
	t.mu.Unlock()
	t.notify()
}

// notify wakes the operations in waitUntilIdle.
func (t *operationTracker) notify() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.changed)
	t.changed, t.changedAt = make(chan struct{}), time.Now()
}

// idleTime returns the time since the last change.
func (t *operationTracker) idleTime() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Since(t.changedAt)
}

// waitUntilIdle returns when nothing has changed for planIdleTimeout and all active operations wait, or when ctx ends.
func (t *operationTracker) waitUntilIdle(ctx context.Context) {
	t.add(&t.waiting, 1)
	defer t.add(&t.waiting, -1)
	for {
		t.mu.Lock()
		changed, busy := t.changed, t.active > t.waiting
		t.mu.Unlock()
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
