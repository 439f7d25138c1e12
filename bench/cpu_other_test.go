// SPDX-License-Identifier: MPL-2.0

//go:build !unix

package bench

import (
	"testing"
	"time"
)

// cpuTime returns 0: the processor time is measured on Unix only.
func cpuTime(*testing.B) time.Duration { return 0 }
