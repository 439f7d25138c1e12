// SPDX-License-Identifier: MPL-2.0

package sink_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/sink"
)

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// record returns record n of a log, which is a minute after the one before.
func record(n int) backend.Object {
	at := begin.Add(time.Duration(n) * time.Minute)
	return backend.Object{ID: fmt.Sprint("reads/deployment/", n), CreatedAt: at, Record: &backend.Record{Line: fmt.Sprintf(
		`{"records":"reads","log":"","number":%d,"at":%q,"verb":"resolve","detail":{}}`, n, at.Format(time.RFC3339Nano))}}
}

// log is a log with n records, which calls done when all of them were read.
func log(n int, done func()) func(context.Context, backend.Query) (backend.Page, error) {
	return func(_ context.Context, q backend.Query) (backend.Page, error) {
		from := 1
		if q.Cursor != "" {
			from, _ = strconv.Atoi(q.Cursor)
		}
		page := backend.Page{Next: strconv.Itoa(n + 1)}
		for i := from; i <= n; i++ {
			if o := record(i); q.Cursor != "" || !o.CreatedAt.Before(q.Since) {
				page.Objects = append(page.Objects, o)
			}
		}
		if len(page.Objects) == 0 {
			done()
		}
		return page, nil
	}
}

// copyTo copies the records of a log with n records to a sink, until it has all of them.
func copyTo(t *testing.T, s sink.Sink, n int) *sink.Copier {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	c := sink.NewCopier(log(n, stop), s)
	c.Hurry()
	c.Keep(ctx)
	return c
}

func newFile(t *testing.T) (path string, s sink.Sink) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "audit.jsonl")
	s, err := sink.Parse("file:"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return path, s
}

func write(t *testing.T, s sink.Sink, o backend.Object) {
	t.Helper()
	if err := s.Write(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func lines(from, to int) (text string) {
	for n := from; n <= to; n++ {
		text += record(n).Record.Line + "\n"
	}
	return text
}

func TestWrongSinksAreRefused(t *testing.T) {
	for _, text := range []string{"", "file", "file:", "stdout:", "syslog", "syslog:tcp://host", "syslog:udp://host:514/x",
		"syslog:tcp://u:p@host:1", "syslog:http://host:1", "syslog:unix://host/dev/log", "kafka:x"} {
		if s, err := sink.Parse(text, nil); !errors.Is(err, backend.ErrInvalid) {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
}

func TestAFileGoesOnAfterItsLastLine(t *testing.T) {
	path, s := newFile(t)
	write(t, s, record(1))
	s.Reopen()
	if copyTo(t, s, 50); content(t, path) != lines(1, 50) {
		t.Errorf("the file has %q", content(t, path))
	}
	if copyTo(t, s, 70); content(t, path) != lines(1, 70) {
		t.Errorf("after a restart, the file has %q", content(t, path))
	}
	// A process that was killed has left a part of a line.
	whole := content(t, path)
	if err := os.WriteFile(path, []byte(whole[:len(whole)-9]), 0o600); err != nil {
		t.Fatal(err)
	}
	if copyTo(t, s, 71); content(t, path) != lines(1, 71) {
		t.Errorf("after a kill, the file has %q", content(t, path))
	}
	if is, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && is.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", is.Mode(), err)
	}
}

// The database cannot be read for a moment, and a page has no record although others follow.
func TestAFailureOfTheDatabaseWritesNoRecordTwice(t *testing.T) {
	path, s := newFile(t)
	for n := range 20 {
		write(t, s, record(n+1))
	}
	ctx, stop := context.WithCancel(t.Context())
	pages := log(30, stop)
	calls := 0
	c := sink.NewCopier(func(ctx context.Context, q backend.Query) (backend.Page, error) {
		switch calls++; calls {
		case 1:
			return backend.Page{}, backend.Errorf(backend.CodeUnavailable, "the database is down")
		case 2:
			return backend.Page{Next: "11"}, nil
		}
		return pages(ctx, q)
	}, s)
	c.Hurry()
	if c.Keep(ctx); content(t, path) != lines(1, 30) {
		t.Errorf("the file has %q", content(t, path))
	}
}

func TestASinkThatCannotBeOpenedIsAProblemAtOnce(t *testing.T) {
	s, err := sink.Parse("file:"+filepath.Join(t.TempDir(), "missing", "audit.jsonl"), nil)
	if err != nil {
		t.Fatal(err)
	}
	idle := func(s sink.Sink) *sink.Copier {
		ctx, stop := context.WithCancel(t.Context())
		calls := 0
		c := sink.NewCopier(log(0, func() {
			if calls++; calls == 2 {
				stop()
			}
		}), s)
		c.Hurry()
		c.Keep(ctx)
		return c
	}
	if c := idle(s); c.Problem() == nil || !strings.Contains(c.Problem().Error(), "opening the audit sink file:") {
		t.Errorf("problem %v", c.Problem())
	}
	path, s := newFile(t)
	if c := idle(s); c.Problem() != nil || content(t, path) != "" {
		t.Errorf("problem %v", c.Problem())
	}
}

func TestAFileThatWasMovedIsMadeAgain(t *testing.T) {
	path, s := newFile(t)
	write(t, s, record(1))
	if runtime.GOOS == "windows" {
		s.Reopen() // an open file cannot be moved there
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, s, record(2))
	write(t, s, record(3))
	if content(t, path+".1") != lines(1, 1) || content(t, path) != lines(2, 3) {
		t.Errorf("the files have %q and %q", content(t, path+".1"), content(t, path))
	}
}

// failing is a sink that fails some times before each record.
type failing struct {
	failures, left int
	got            []string
}

func (f *failing) String() string                            { return "failing" }
func (f *failing) Open(context.Context) error                { return nil }
func (f *failing) Reopen()                                   {}
func (f *failing) Last() (map[string]bool, time.Time, error) { return nil, begin, nil }

func (f *failing) Write(_ context.Context, o backend.Object) error {
	if f.left > 0 {
		f.left--
		return io.ErrShortWrite
	}
	f.left, f.got = f.failures, append(f.got, o.ID)
	return nil
}

func TestASinkThatFailsGetsEachRecordOnce(t *testing.T) {
	f := &failing{failures: 3, left: 3}
	c := copyTo(t, f, 10)
	if len(f.got) != 10 || c.Written.Load() != 10 || c.Failed.Load() != 30 {
		t.Errorf("%d records, %d written, %d failures", len(f.got), c.Written.Load(), c.Failed.Load())
	}
	// While it fails, that is a problem, and the age of the record shows.
	ctx, stop := context.WithCancel(t.Context())
	c = sink.NewCopier(log(1, func() {}), &stopping{stop: stop})
	c.Hurry()
	c.Keep(ctx)
	if c.Problem() == nil || c.Behind.Load() == 0 || !strings.Contains(c.Problem().Error(), "writing to the audit sink") {
		t.Errorf("problem %v, %d ms behind", c.Problem(), c.Behind.Load())
	}
}

// stopping is a sink that fails, and stops its Copier at the second time.
type stopping struct {
	failing
	stop   func()
	writes int
}

func (s *stopping) Write(context.Context, backend.Object) error {
	if s.writes++; s.writes == 2 {
		s.stop()
	}
	return io.ErrShortWrite
}

func TestSyslogGetsMessages(t *testing.T) {
	packets, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	s, err := sink.Parse("syslog:udp://"+packets.LocalAddr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Reopen()
	large := record(2)
	large.Record.Line = strings.Replace(large.Record.Line, "{}", `{"x":"`+strings.Repeat("y", 9000)+`"}`, 1)
	for _, o := range []backend.Object{record(1), large} {
		write(t, s, o)
		buffer := make([]byte, 1<<16)
		n, _, err := packets.ReadFrom(buffer)
		if err != nil {
			t.Fatal(err)
		}
		got := string(buffer[:n])
		if !strings.HasPrefix(got, "<109>1 "+o.CreatedAt.Format("2006-01-02T15:04:05.000000Z")+" ") ||
			!strings.Contains(got, " pouncet - audit - {") || n > 8300 {
			t.Errorf("a datagram of %d bytes: %.300q", n, got)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if s, err = sink.Parse("syslog:tcp://"+listener.Addr().String(), nil); err != nil {
		t.Fatal(err)
	}
	defer s.Reopen()
	write(t, s, large)
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	size, err := r.ReadString(' ')
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(size))
	message := make([]byte, n)
	if _, readErr := io.ReadFull(r, message); err != nil || readErr != nil || !bytes.HasSuffix(message,
		[]byte(large.Record.Line)) {
		t.Errorf("%v, %v: %.300q", err, readErr, message)
	}
}

func TestStandardOutputGetsNoControlCharacters(t *testing.T) {
	var out bytes.Buffer
	s, err := sink.Parse("stdout", &out)
	if err != nil {
		t.Fatal(err)
	}
	o := record(1)
	o.Record.Line = "{\"a\":\"\u009b\"}\n{}"
	write(t, s, o)
	if got := out.String(); strings.Count(got, "\n") != 1 || strings.ContainsRune(got, '\u009b') {
		t.Errorf("%q", got)
	}
}
