// SPDX-License-Identifier: MPL-2.0

package store

import (
	"bytes"
	"context"
	"errors"
	"sync"
)

// Call is what the transactions of one call of a server share: which revision of the database they must see, and the
// highest that they have seen. A revision is the counter of the state ContentsState: it rises with each change.
//
// The methods are safe for concurrent use.
type Call struct {
	want uint64

	mu         sync.Mutex
	seen       uint64
	primary    bool
	discarded  bool   // what a replica has answered
	generation []byte // see Decide
	relies     bool   // see RelyOn
	timeline   int64
}

// Viewer runs read transactions, as Store does.
type Viewer interface {
	View(ctx context.Context, f func(Tx) error) error
}

var (
	// ErrBehind means that a replica does not have what a call must see.
	ErrBehind = errors.New("the replica is behind")
	// ErrChanged means that what a call has read from a replica is not valid any more: the primary has another generation.
	ErrChanged = errors.New("the generation of the primary is another one")
)

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

// UsePrimary makes all further transactions of the call run on the primary. What it has read from a replica is
// discarded, so the first of them checks the condition of the call again.
func (c *Call) UsePrimary(ctx context.Context) {
	c.mu.Lock()
	c.discarded = c.discarded || c.generation != nil
	c.primary, c.generation = true, nil
	c.mu.Unlock()
	ResetCondition(ctx)
}

// MayUseReplica reports whether transactions of the call may run on a replica.
func (c *Call) MayUseReplica() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.primary
}

// IsDiscarded reports whether something that a replica has answered was discarded.
func (c *Call) IsDiscarded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.discarded
}

// Decide notes the generation that a transaction has read from a replica. All transactions of the call must read the
// same; otherwise it returns ErrBehind.
func (c *Call) Decide(generation []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != nil && !bytes.Equal(c.generation, generation) {
		return ErrBehind
	}
	c.generation = generation
	return nil
}

// Decided returns the generation under which a replica has answered the call. It is nil if the primary has.
func (c *Call) Decided() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation
}

type replicaKey struct{}

// OnReplica returns a context whose read transactions run on a replica. It must have a call.
func OnReplica(ctx context.Context, replica Viewer) context.Context {
	return context.WithValue(ctx, replicaKey{}, replica)
}

// ReplicaOf returns the replica of a context, or nil.
func ReplicaOf(ctx context.Context) Viewer {
	v, _ := ctx.Value(replicaKey{}).(Viewer)
	return v
}

// RelyOn notes the timeline of the database that a transaction has read from. A timeline is a number that rises when a
// standby takes the place of the primary.
func (c *Call) RelyOn(timeline int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.relies || timeline < c.timeline {
		c.relies, c.timeline = true, timeline
	}
}

// ReliesOn returns the lowest timeline that the call has read from. ok is false if it has read nothing, or if c is nil.
func (c *Call) ReliesOn() (timeline int64, ok bool) {
	if c == nil {
		return 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.timeline, c.relies
}
