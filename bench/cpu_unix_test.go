// SPDX-License-Identifier: MPL-2.0

//go:build unix

package bench

import (
	"syscall"
	"testing"
	"time"
)

// cpuTime returns the processor time that this process has used. On a busy machine it changes less than the time on a
// clock.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
