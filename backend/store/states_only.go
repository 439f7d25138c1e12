// SPDX-License-Identifier: MPL-2.0

package store

import "context"

type statesOnlyKey struct{}

// WithStatesOnly returns the context of a call of View whose function probably reads nothing but states, because the
// rest is in memory, and may run twice. A Store may then read the states for several calls at once.
func WithStatesOnly(ctx context.Context) context.Context {
	return context.WithValue(ctx, statesOnlyKey{}, true)
}

// StatesOnly reports whether WithStatesOnly was called.
func StatesOnly(ctx context.Context) bool {
	only, _ := ctx.Value(statesOnlyKey{}).(bool)
	return only
}
