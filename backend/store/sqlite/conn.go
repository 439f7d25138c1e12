// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// errClosed is what a lane gives when the Store was closed.
var errClosed = errors.New("closed")

// dsn is the address of a connection and its settings. There is deliberately
// no journal_mode in it: it would change a file before we know whose it is.
func dsn(path string, wait time.Duration, readOnly bool) string {
	pragmas := []string{
		fmt.Sprintf("busy_timeout(%d)", wait.Milliseconds()),
		"synchronous(FULL)",
		"foreign_keys(ON)",
		"trusted_schema(OFF)",
		"secure_delete(ON)",
		"cache_size(-4000)",            // kibibytes
		"journal_size_limit(16777216)", // bytes that an emptied log keeps
	}
	if readOnly {
		pragmas = append(pragmas, "query_only(ON)")
	}
	settings := url.Values{
		"mode":       {"rw"}, // never create
		"_pragma":    pragmas,
		"_defensive": {"1"},
		"_dqs":       {"0"},
		"_error_rc":  {"1"},
	}
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: settings.Encode()}).String()
}

// lane lends a fixed number of connections, first come, first served. They are
// opened when they are first needed.
type lane struct {
	db     *sql.DB
	idle   chan *conn // nil stands for one that is not open
	closed chan struct{}
}

func newLane(dsn string, size int) *lane {
	// The driver is registered by its import, so that Open has no error to give.
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		panic(err)
	}
	// A lane keeps its connections itself: one that it gives up is to be closed.
	db.SetMaxIdleConns(-1)
	l := &lane{db: db, idle: make(chan *conn, size), closed: make(chan struct{})}
	for range size {
		l.idle <- nil
	}
	return l
}

// take borrows a connection and waits for one if need be.
func (l *lane) take(ctx context.Context) (*conn, error) {
	select {
	case <-l.closed: // first, since select does not prefer
		return nil, errClosed
	default:
	}
	var c *conn
	select {
	case c = <-l.idle:
	case <-l.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c != nil {
		return c, nil
	}
	opened, err := l.db.Conn(ctx)
	if err != nil {
		l.idle <- nil
		return nil, err
	}
	return &conn{c: opened, prepared: map[string]*sql.Stmt{}}, nil
}

// give hands a connection back. One that is not sound is closed, which also
// rolls back what it was in the middle of.
func (l *lane) give(c *conn, sound bool) {
	if !sound {
		_ = c.close() // the error that made it unsound is being reported
		c = nil
	}
	l.idle <- c
}

// close waits for all connections to come back and closes them. It is called once.
func (l *lane) close() error {
	close(l.closed)
	var errs []error
	for range cap(l.idle) {
		if c := <-l.idle; c != nil {
			errs = append(errs, c.close())
		}
	}
	return errors.Join(append(errs, l.db.Close())...)
}

// conn is one connection with its prepared statements, used by one at a time.
type conn struct {
	c        *sql.Conn
	prepared map[string]*sql.Stmt
}

// prepare returns the statement of this text, prepared once per connection.
// The texts are few: those of this package, and one for each combination of
// filters that was ever asked for.
func (c *conn) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if st, ok := c.prepared[text]; ok {
		return st, nil
	}
	st, err := c.c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	c.prepared[text] = st
	return st, nil
}

// exec runs a statement to its end whatever becomes of ctx. An interrupted
// BEGIN or COMMIT may have happened all the same, and an interrupted write
// rolls back the whole transaction.
func (c *conn) exec(ctx context.Context, text string, args ...any) error {
	_, err := c.execCount(ctx, text, args...)
	return err
}

// execCount is exec, and tells how many rows it changed.
func (c *conn) execCount(ctx context.Context, text string, args ...any) (int64, error) {
	ctx = context.WithoutCancel(ctx)
	st, err := c.prepare(ctx, text)
	if err != nil {
		return 0, err
	}
	result, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// one reads the single row that a query has.
func (c *conn) one(ctx context.Context, text string, dest ...any) error {
	return c.c.QueryRowContext(ctx, text).Scan(dest...)
}

func (c *conn) close() error {
	var errs []error
	for _, st := range c.prepared {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, c.c.Close())...)
}
