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

// A line says what a long call does, and goes when it ends.
func TestWorkingShowsALine(t *testing.T) {
	var out bytes.Buffer
	now := time.Now()
	p := &progress{to: &out, now: func() time.Time { return now }, startedAt: now}
	p.work("pushing 3 changes")
	if out.Len() > 0 {
		t.Errorf("at once: %q", out.String())
	}
	now = now.Add(61 * time.Second)
	ticks := make(chan time.Time)
	stop := p.whileWorking("pushing 3 changes", &time.Ticker{C: ticks})
	ticks <- now
	ticks <- now // the first one was handled
	stop()
	line := "\rpushing 3 changes: 61 s\x1b[K"
	if got := out.String(); got != line+"\r\x1b[K" && got != line+line+"\r\x1b[K" {
		t.Errorf("got %q", got)
	}
	out.Reset()
	quiet := &app{err: &out}
	quiet.working("pushing")()
	if out.Len() > 0 {
		t.Errorf("in a script: %q", out.String())
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
