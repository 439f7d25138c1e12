// SPDX-License-Identifier: MPL-2.0

package sink

import "time"

// Hurry makes a Copier wait for a moment only.
func (c *Copier) Hurry() { c.poll, c.retry = time.Millisecond, time.Millisecond }
