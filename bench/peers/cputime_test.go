// SPDX-License-Identifier: MPL-2.0

//go:build unix

package peers

import (
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// cpuSeconds returns how long the processors work for one call of f in this process. Unlike the time of a clock, it is
// nearly the same if other programs run at the same time. It calls f for 0.1 seconds, because garbage is collected at
// any time, and the collection counts as well.
func cpuSeconds(b testing.TB, f func()) float64 {
	b.Helper()
	runtime.GC()
	start, calls := cpuTime(b), 0
	for {
		f()
		calls++
		if d := cpuTime(b) - start; d >= 100*time.Millisecond {
			return d.Seconds() / float64(calls)
		}
	}
}

func cpuTime(b testing.TB) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// processSeconds returns how long the processors worked for a process that ended.
func processSeconds(cmd *exec.Cmd) float64 {
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
}
