// SPDX-License-Identifier: MPL-2.0

package backend

import "time"

// RotationDueBy reports whether the rotation of a secret is due at a time. It never is without RotationDays.
func (o Object) RotationDueBy(at time.Time) bool {
	return !o.RotationDueAt.IsZero() && !o.RotationDueAt.After(at)
}

// ExpiresBy reports whether a secret or token has expired at a time. It never has without ExpiresAt.
func (o Object) ExpiresBy(at time.Time) bool {
	return !o.ExpiresAt.IsZero() && !o.ExpiresAt.After(at)
}
