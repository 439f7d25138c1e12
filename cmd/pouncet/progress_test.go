// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	now := time.Now()
	p := &progress{to: &out, now: func() time.Time { return now }, startedAt: now}
	at := func(after time.Duration, stage string, done int, want string) {
		t.Helper()
		now = p.startedAt.Add(after)
		p.step(stage, done, 9)
		if got := out.String(); got != want {
			t.Errorf("%d %s after %s: got %q, want %q", done, stage, after, got, want)
		}
		out.Reset()
	}
	at(1999*time.Millisecond, "scanned", 1, "")
	at(2*time.Second, "scanned", 4, "\r4 of 9 files scanned\x1b[K")
	at(2100*time.Millisecond, "scanned", 5, "")
	at(2300*time.Millisecond, "scanned", 3, "")
	at(2300*time.Millisecond, "scanned", 6, "\r6 of 9 files scanned\x1b[K")
	at(3*time.Second, "written", 1, "\r1 of 9 files written\x1b[K")
	for _, want := range []string{"\r\x1b[K", ""} {
		p.clear()
		if out.String() != want {
			t.Errorf("clear: got %q, want %q", out.String(), want)
		}
		out.Reset()
	}
}

func TestProgressIsQuietInPipes(t *testing.T) {
	var out bytes.Buffer
	p := (&app{err: &out}).progress()
	p.startedAt = p.startedAt.Add(-time.Hour)
	p.step("scanned", 1, 2)
	p.clear()
	if out.Len() > 0 {
		t.Errorf("got %q", out.String())
	}
}
