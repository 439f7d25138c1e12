// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestWaitIsReportedInSeconds(t *testing.T) {
	var text strings.Builder
	waits{&text}.Waiting(1234567891 * time.Nanosecond)
	if want := "\r\x1b[Kpouncet: the server is busy; trying again in 1s\n"; text.String() != want {
		t.Errorf("%q, want %q", text.String(), want)
	}
}

func TestTheSameErrorIsReportedOnceAMinute(t *testing.T) {
	var reported []string
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	report := atMostOnceAMinute(func(err error) { reported = append(reported, err.Error()) },
		func() time.Time { return at })
	for range 3 {
		report(errors.New("a"))
	}
	report(errors.New("b"))
	at = at.Add(time.Minute - 1)
	report(errors.New("a"))
	at = at.Add(1)
	report(errors.New("a"))
	if want := []string{"a", "b", "a"}; !slices.Equal(reported, want) {
		t.Errorf("reported %q, want %q", reported, want)
	}
	for i := range 2 * maxUntrusted { // the memory has a limit
		report(errors.New(strconv.Itoa(i)))
	}
	if len(reported) != 3+2*maxUntrusted {
		t.Errorf("%d different errors are reported %d times", 2*maxUntrusted, len(reported)-3)
	}
}

// stopsServer ends a server when it reports its address.
type stopsServer struct{ stop func() }

func (s stopsServer) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "listening on") {
		s.stop()
	}
	return len(b), nil
}

func TestServerLimitsItsMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	t.Setenv("POUNCET_HOME", filepath.Join(t.TempDir(), "data"))
	ctx, stop := context.WithCancel(t.Context())
	out := streams{strings.NewReader(""), io.Discard, stopsServer{stop}}
	for _, args := range [][]string{{"init"}, {"server", "--listen", "127.0.0.1:0"}} {
		if code := run(ctx, args, out); code != 0 {
			t.Fatalf("%q ends with exit code %d", args, code)
		}
	}
	if limit := debug.SetMemoryLimit(-1); limit != serverMemory {
		t.Errorf("the limit of the memory is %d", limit)
	}
}
