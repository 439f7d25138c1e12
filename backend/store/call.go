// SPDX-License-Identifier: MPL-2.0

package store

import (
	"context"
	"sync"
)

// Call is what the transactions of one call of a server share: which revision of the database they must see, and the
// highest that they have seen. A revision is the counter of the state ContentsState: it rises with each change.
//
// The methods are safe for concurrent use.
type Call struct {
	want uint64

	mu   sync.Mutex
	seen uint64
}

type callKey struct{}

// WithCall returns the context of a call whose transactions must see a revision. 0 means any.
func WithCall(ctx context.Context, want uint64) (context.Context, *Call) {
	c := &Call{want: want}
	return context.WithValue(ctx, callKey{}, c), c
}

// CallOf returns the call of a context, or nil.
func CallOf(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// Want returns the revision that the transactions of the call must see.
func (c *Call) Want() uint64 { return c.want }

// See notes a revision that a transaction has seen, or made.
func (c *Call) See(revision uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = max(c.seen, revision)
}

// Revision returns the highest revision that the call has seen, or must see.
func (c *Call) Revision() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.seen, c.want)
}
