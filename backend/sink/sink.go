// SPDX-License-Identifier: MPL-2.0

// Package sink copies the records of the audit log to a file, to syslog or to standard output, as the lines of JSON
// that their hashes cover.
//
// The database is the record: a call waits for it, and never for a sink. A [Copier] follows the log in the database and
// writes each record once. A sink that is slow or fails is behind, and gets the same record again until it takes it.
//
// # Limits
//
// A file goes on after its last line when the server starts again. Syslog and standard output begin with the start of
// the server: "pouncet audit export --since" has what was recorded meanwhile. A datagram of syslog holds a line of
// 8,192 bytes; a longer record is sent without its detail. Syslog acknowledges nothing, so a connection that breaks
// loses what was sent last.
package sink

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Sink takes lines.
type Sink interface {
	// Write writes a line, all of it or nothing.
	Write(ctx context.Context, record backend.Object) error
	// Last returns the records at the end of the sink, and the time from which on it lacks no others but those that came
	// after them. It is the zero time if the sink is empty, or cannot be read.
	Last() (ids map[string]bool, since time.Time, err error)
	// Open opens the sink, unless it is open, so that a wrong one is noticed before the first record.
	Open(ctx context.Context) error
	// Reopen closes what is open. The next Write opens it again.
	Reopen()
	// String names the sink, for messages.
	String() string
}

// Parse returns a sink: file:PATH, stdout, syslog: for the local one, or syslog:udp://HOST:PORT, syslog:tcp://HOST:PORT
// or syslog:unix:///PATH. Lines to standard output go to out.
func Parse(text string, out io.Writer) (Sink, error) {
	kind, rest, hasRest := strings.Cut(text, ":")
	switch {
	case text == "stdout":
		return &stdout{out}, nil
	case kind == "file" && rest != "":
		return &file{path: strings.TrimPrefix(rest, "//")}, nil
	case kind == "syslog" && hasRest:
		return parseSyslog(rest)
	}
	return nil, backend.Errorf(backend.CodeInvalid, "the audit sink %s is not valid", backend.Quote(text)).
		WithHint("use file:PATH, stdout, syslog: or syslog:tcp://HOST:PORT")
}

// stdout is standard output. Control characters are escaped, because it can be a terminal.
type stdout struct{ out io.Writer }

func (*stdout) String() string                            { return "stdout" }
func (*stdout) Open(context.Context) error                { return nil }
func (*stdout) Reopen()                                   {}
func (*stdout) Last() (map[string]bool, time.Time, error) { return nil, time.Time{}, nil }

func (s *stdout) Write(_ context.Context, record backend.Object) error {
	_, err := s.out.Write(append(backend.PrintableJSON([]byte(lineOf(record))), '\n'))
	return err
}

// lineOf returns the line of a record, in one line.
func lineOf(o backend.Object) string {
	if o.Record == nil {
		return "{}"
	}
	return strings.NewReplacer("\n", " ", "\r", " ").Replace(o.Record.Line) // a record that somebody has changed
}

func parseSyslog(address string) (Sink, error) {
	if address == "" {
		return &syslog{network: "unixgram", address: "/dev/log", name: "syslog:"}, nil
	}
	u, err := url.Parse(address)
	s := &syslog{name: "syslog:" + address}
	switch {
	case err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "":
	case (u.Scheme == "udp" || u.Scheme == "tcp") && u.Port() != "" && u.Hostname() != "" &&
		strings.Trim(u.Path, "/") == "":
		s.network, s.address = u.Scheme, u.Host
		return s, nil
	case u.Scheme == "unix" && u.Host == "" && u.Path != "":
		s.network, s.address = "unixgram", u.Path
		return s, nil
	}
	return nil, backend.Errorf(backend.CodeInvalid, "the address of the syslog sink is not valid").
		WithHint("use syslog:udp://HOST:PORT, syslog:tcp://HOST:PORT or syslog:unix:///PATH")
}

// syslog sends messages as RFC 5424 has them.
type syslog struct {
	network, address, name string
	conn                   net.Conn
}

// maxDatagram is the longest line in a datagram, in bytes.
const maxDatagram = 8192

// syslogPriority is facility 13, the audit log, with severity 5, notice.
const syslogPriority = "<109>1 "

// syslogTime limits the time for one message.
const syslogTime = 10 * time.Second

func (s *syslog) String() string                          { return s.name }
func (*syslog) Last() (map[string]bool, time.Time, error) { return nil, time.Time{}, nil }

func (s *syslog) Reopen() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

func (s *syslog) Write(ctx context.Context, record backend.Object) (err error) {
	defer func() {
		if err != nil {
			s.Reopen()
		}
	}()
	if err := s.Open(ctx); err != nil {
		return err
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(syslogTime)); err != nil {
		return err
	}
	_, err = s.conn.Write(s.message(record))
	return err
}

func (s *syslog) Open(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	d := net.Dialer{Timeout: syslogTime}
	conn, err := d.DialContext(ctx, s.network, s.address)
	if err == nil {
		s.conn = conn
	}
	return err
}

func (s *syslog) message(record backend.Object) []byte {
	line := lineOf(record)
	if s.network != "tcp" && len(line) > maxDatagram {
		short := record
		short.Record = &backend.Record{Line: withoutDetail(record)}
		line = lineOf(short)
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "-"
	}
	var b bytes.Buffer
	b.WriteString(syslogPriority + record.CreatedAt.UTC().Format("2006-01-02T15:04:05.000000Z") + " " + host +
		" pouncet - audit - " + line)
	if s.network == "tcp" { // RFC 6587, octet counting
		return append([]byte(strconv.Itoa(b.Len())+" "), b.Bytes()...)
	}
	return b.Bytes()
}

// Copier writes the records of the audit log to a sink.
type Copier struct {
	follow      func(ctx context.Context, q backend.Query) (backend.Page, error)
	sink        Sink
	now         func() time.Time
	reopen      atomic.Bool
	poll, retry time.Duration

	problem atomic.Pointer[backend.Error]
	// Written counts the records that were written, and Failed the attempts that failed.
	Written, Failed atomic.Int64
	// Behind is the age of the record that waits to be written, in milliseconds; 0 if none does.
	Behind atomic.Int64
}

// NewCopier returns a Copier. follow returns pages of the records of all logs, for a query with Follow.
func NewCopier(follow func(ctx context.Context, q backend.Query) (backend.Page, error), sink Sink) *Copier {
	return &Copier{follow: follow, sink: sink, now: time.Now, poll: pollPause, retry: retryPause}
}

const (
	pollPause  = time.Second
	retryPause = 5 * time.Second
	// overlap is how long before the last line of a file its records are read again, to find those that came late.
	overlap = 10 * time.Minute
)

// Reopen makes the Copier open its sink again, as after a rotation of the file.
func (c *Copier) Reopen() { c.reopen.Store(true) }

// Problem returns why the last record was not written, or nil.
func (c *Copier) Problem() error {
	if p := c.problem.Load(); p != nil {
		return p
	}
	return nil
}

// Keep writes records until ctx ends.
func (c *Copier) Keep(ctx context.Context) {
	defer c.sink.Reopen()
	q, known := c.start()
	for {
		page, err := c.follow(ctx, q)
		if err == nil {
			q.Cursor = page.Next
			for _, o := range page.Objects {
				if !known[o.ID] && !c.write(ctx, o) {
					return
				}
				delete(known, o.ID) // each record comes once
			}
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			c.failed("reading the audit log for", err)
		default:
			c.Behind.Store(0)
			c.open(ctx)
		}
		if (err != nil || len(page.Objects) == 0) && !wait(ctx, c.poll) {
			return
		}
	}
}

// open notices a sink that cannot be opened while no record waits.
func (c *Copier) open(ctx context.Context) {
	if c.reopen.Swap(false) {
		c.sink.Reopen()
	}
	if err := c.sink.Open(ctx); err != nil {
		c.failed("opening", err)
		return
	}
	c.problem.Store(nil)
}

// start returns the query for the records that the sink does not have, and those that it has.
func (c *Copier) start() (backend.Query, map[string]bool) {
	known, since, err := c.sink.Last()
	if err != nil {
		c.failed("reading", err)
	}
	q := backend.Query{Kind: backend.KindRecord, Follow: true, Since: c.now().UTC()}
	if !since.IsZero() {
		q.Since = since
	}
	return q, known
}

// write writes a record, and tries again until it succeeds or ctx ends.
func (c *Copier) write(ctx context.Context, o backend.Object) bool {
	for {
		if c.reopen.Swap(false) {
			c.sink.Reopen()
		}
		err := c.sink.Write(ctx, o)
		if err == nil {
			c.Written.Add(1)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		c.failed("writing to", err)
		c.Behind.Store(max(c.now().Sub(o.CreatedAt).Milliseconds(), 1))
		if !wait(ctx, c.retry) {
			return false
		}
	}
}

func (c *Copier) failed(doing string, err error) {
	c.Failed.Add(1)
	c.problem.Store(backend.Errorf(backend.CodeUnavailable, "%s the audit sink %s: %w", doing, c.sink, err).
		WithHint("the records are in the database, and the server tries again"))
}

// wait waits, and reports whether ctx still runs.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
