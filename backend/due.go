// SPDX-License-Identifier: MPL-2.0

package backend

import "time"

// RotationDueBy reports whether the rotation of a secret is due at a time. A secret without RotationDays is never due.
func (o Object) RotationDueBy(at time.Time) bool {
	return !o.RotationDueAt.IsZero() && !o.RotationDueAt.After(at)
}

// ExpiresBy reports whether a secret or token has expired at a time. Without ExpiresAt, it never expires.
func (o Object) ExpiresBy(at time.Time) bool {
	return !o.ExpiresAt.IsZero() && !o.ExpiresAt.After(at)
}

// ResolvedLag is the longest time that a secret can have been resolved after its LastResolvedAt: each process notes a
// secret at most once in half of it.
const ResolvedLag = 2 * time.Minute

// UnusedSince reports whether it is known that nobody has resolved a secret from a time on, and that it existed then.
// noted is when the notes of resolved secrets begin: see Page.ResolvedSince.
func (o Object) UnusedSince(from, noted time.Time) bool {
	if noted.IsZero() || noted.After(from) || o.CreatedAt.After(from) {
		return false
	}
	return o.LastResolvedAt.IsZero() || o.LastResolvedAt.Add(ResolvedLag).Before(from)
}
