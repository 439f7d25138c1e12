// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The limits of the memory that the running calls may need together, in bytes, as weigher estimates it. Small calls and
// large calls have their own memory, so that a small call does not wait for large ones. One principal has half of each
// at most: others do not wait for all of its calls.
const (
	smallCall      = 2*backend.MaxPageBytes + 3*smallBody          // a listing, 8 MiB
	maxSmallMemory = 8 * smallCall                                 // 64 MiB
	maxLargeMemory = 2*backend.MaxOutcomeBytes + 3*maxRequestBytes // the largest call, 128 MiB
)

// callers knows the principals whose requests the server reads or serves, so that one cannot use everything. Principals
// with one budget count as one.
type callers struct {
	most         int // requests of one principal
	mu           sync.Mutex
	of           map[string]*caller
	inFlight     atomic.Int64 // bytes of the bodies of all requests
	small, large *semaphore.Weighted
}

// caller is a principal with at least one request, or several with one budget.
type caller struct {
	all          *callers
	id, label    string
	requests     int
	inFlight     atomic.Int64
	small, large *semaphore.Weighted
}

func newCallers(most int) *callers {
	return &callers{most: most, of: map[string]*caller{}, small: semaphore.NewWeighted(maxSmallMemory),
		large: semaphore.NewWeighted(maxLargeMemory)}
}

// enter counts another request of a principal. It returns nil if there are too many. Otherwise leave ends the request.
func (a *callers) enter(p backend.Principal) *caller {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := p.Budget()
	c := a.of[id]
	if c == nil {
		c = &caller{all: a, id: id, label: p.Label(), small: semaphore.NewWeighted(maxSmallMemory / 2),
			large: semaphore.NewWeighted(maxLargeMemory / 2)}
		a.of[id] = c
	}
	if c.requests >= a.most {
		return nil
	}
	c.requests++
	return c
}

func (c *caller) leave() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.requests--; c.requests == 0 {
		delete(c.all.of, c.id)
	}
}

// read counts n more bytes of bodies. It returns the bytes of this principal, and of all.
func (c *caller) read(n int64) (own, total int64) { return c.inFlight.Add(n), c.all.inFlight.Add(n) }

// acquire waits until a call that needs weight bytes may run. The caller releases the memory afterwards. A call waits
// for others of its principal first, and only then takes its place among the calls of all principals. So a principal
// with many large calls has no more places than one with few.
func (c *caller) acquire(ctx context.Context, weight int64) (release func(), err error) {
	own, all, most := c.large, c.all.large, int64(maxLargeMemory)
	if weight <= smallCall {
		own, all, most = c.small, c.all.small, maxSmallMemory
	}
	weight = min(weight, most)
	share := min(weight, most/2)
	if err := own.Acquire(ctx, share); err != nil {
		return nil, err
	}
	if err := all.Acquire(ctx, weight); err != nil {
		own.Release(share)
		return nil, err
	}
	return func() {
		all.Release(weight)
		own.Release(share)
	}, nil
}
