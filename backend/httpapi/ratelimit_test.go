// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"testing"
	"time"
)

func TestARateLimitIsForEachPrincipal(t *testing.T) {
	l := &rateLimiter{limit: RateLimit{PerSecond: 2, Burst: 3}}
	now := time.Now()
	for range 3 {
		if wait := l.wait("a", now); wait != 0 {
			t.Errorf("within the burst, the wait is %v", wait)
		}
	}
	for range 2 { // a refused request costs nothing
		if wait := l.wait("a", now); wait != time.Second/2 {
			t.Errorf("after the burst, the wait is %v", wait)
		}
	}
	if wait := l.wait("b", now); wait != 0 {
		t.Errorf("another principal waits for %v", wait)
	}
	now = now.Add(time.Second / 2)
	if wait := l.wait("a", now); wait != 0 {
		t.Errorf("after the wait, there is another of %v", wait)
	}
	if n := seconds(time.Second / 2); n != 1 {
		t.Errorf("half a second is %d", n)
	}
	if wait := (&rateLimiter{}).wait("a", now); wait != 0 {
		t.Errorf("without a limit, the wait is %v", wait)
	}
}

func TestConnectionsLeaveFilesForTheDatabase(t *testing.T) {
	for files, want := range map[uint64]int{1024: 512, 8192: maxConnections, 1 << 40: maxConnections, 1: 1} {
		if got := connectionLimit(files); got != want {
			t.Errorf("with %d open files, %d connections are accepted", files, got)
		}
	}
}
