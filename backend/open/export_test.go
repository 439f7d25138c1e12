// SPDX-License-Identifier: MPL-2.0

package open

import (
	"os"
	"testing"
	"time"
)

// At returns c for a server that starts at another time.
func At(c ServerConfig, at time.Time) ServerConfig {
	c.now = func() time.Time { return at }
	return c
}

// RunAs makes the rest of a test run as another user, as far as the owner of a folder is concerned.
func RunAs(t *testing.T, user int) {
	effectiveUser = func() int { return user }
	t.Cleanup(func() { effectiveUser = os.Geteuid })
}
