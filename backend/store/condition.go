// SPDX-License-Identifier: MPL-2.0

package store

import (
	"context"
	"sync/atomic"
)

// Condition is what a call depends on, such as a token that its caller remembers. The first transaction of the call
// checks it, so that the call needs no other transaction for it.
type Condition struct {
	check func(ctx context.Context, tx Tx) error
	held  atomic.Bool
}

type conditionKey struct{}

// WithCondition returns the context of a call whose first transaction fails with the error of check, before it does
// anything else.
func WithCondition(ctx context.Context, check func(ctx context.Context, tx Tx) error) (context.Context, *Condition) {
	c := &Condition{check: check}
	return context.WithValue(ctx, conditionKey{}, c), c
}

// Held reports whether a transaction of the call has found that the condition holds. A call without a transaction does
// not find out.
func (c *Condition) Held() bool { return c.held.Load() }

// ResetCondition makes the next transaction of a call check its condition again.
func ResetCondition(ctx context.Context) {
	if c, ok := ctx.Value(conditionKey{}).(*Condition); ok {
		c.held.Store(false)
	}
}

// IsConditionHeld reports whether the condition of a call, if it has one, was found to hold.
func IsConditionHeld(ctx context.Context) bool {
	c, ok := ctx.Value(conditionKey{}).(*Condition)
	return ok && c.Held()
}

// CheckCondition checks the condition of a call at the start of a transaction. A Store whose rows can be trusted calls
// it.
func CheckCondition(ctx context.Context, tx Tx) error {
	c, ok := ctx.Value(conditionKey{}).(*Condition)
	if !ok || c.Held() {
		return nil
	}
	if err := c.check(ctx, tx); err != nil {
		return err
	}
	c.held.Store(true)
	return nil
}
