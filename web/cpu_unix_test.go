// SPDX-License-Identifier: MPL-2.0

//go:build unix

package web_test

import (
	"syscall"
	"testing"
	"time"
)

// processorTime returns the time that this process has had on processors.
func processorTime(tb testing.TB) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
