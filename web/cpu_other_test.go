// SPDX-License-Identifier: MPL-2.0

//go:build !unix

package web_test

import (
	"testing"
	"time"
)

var processStart = time.Now()

// processorTime returns the time since the start of the process, which is longer than its time on processors.
func processorTime(testing.TB) time.Duration { return time.Since(processStart) }
