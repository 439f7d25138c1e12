// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"math/rand/v2"
	"testing"
	"time"
)

// The clock of a server jumps by hours, forward and back, under load. It stays within the day for which a server keeps
// the outcomes of idempotency keys.
func TestClockJumpsLoseNothing(t *testing.T) {
	t.Parallel()
	start := time.Now()
	now := func() time.Time {
		hours := time.Duration(rand.IntN(23)) - 11
		return start.Add(hours*time.Hour + time.Since(start))
	}
	service := faultyServer(t, fault{now: now})
	h := recorded(t, service, 300)
	h.wantLinearizable(t)
	h.wantAcknowledged(t, service)
}
