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

	driver "modernc.org/sqlite" // registers the driver "sqlite"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// errClosed is the error of a connPool after the Store was closed.
var errClosed = errors.New("closed")

// dsn returns the address of a connection with its settings. It does not set journal_mode, because that would change a
// file that may not be a Pouncet database.
func dsn(path string, wait time.Duration, readOnly bool) string {
	return fileURL(path, connectionSettings(wait, readOnly))
}

// readOnlyDSN returns the address of a connection to a file that this process may not write: see readonly.go.
func readOnlyDSN(path string, wait time.Duration, immutable bool) string {
	settings := connectionSettings(wait, true)
	settings.Set("mode", "ro")
	if immutable {
		settings.Set("immutable", "1")
	}
	return fileURL(path, settings)
}

func fileURL(path string, settings url.Values) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // the path starts with a drive letter
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: settings.Encode()}).String()
}

func connectionSettings(wait time.Duration, readOnly bool) url.Values {
	pragmas := []string{
		fmt.Sprintf("busy_timeout(%d)", wait.Milliseconds()),
		"synchronous(FULL)",
		"foreign_keys(ON)",
		"trusted_schema(OFF)",
		"secure_delete(ON)",
		"cache_size(-8000)",            // in kibibytes
		"journal_size_limit(16777216)", // the size in bytes of the log after a checkpoint
	}
	if readOnly {
		pragmas = append(pragmas, "query_only(ON)")
	}
	return url.Values{
		"mode":       {"rw"}, // do not create the file
		"_pragma":    pragmas,
		"_defensive": {"1"},
		"_dqs":       {"0"},
		"_error_rc":  {"1"},
	}
}

// connPool lends a fixed number of connections in the order of the requests. It opens a connection when it is first
// needed.
type connPool struct {
	db     *sql.DB
	idle   chan *conn // a nil element is a connection that is not open
	closed chan struct{}
	setUp  func(context.Context, *conn) error // runs on each new connection; nil does nothing
}

func newConnPool(dsn string, size int) *connPool {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		panic(err) // only if the driver is not registered, and the import registers it
	}
	// connPool keeps the idle connections, so sql.DB must not.
	db.SetMaxIdleConns(-1)
	p := &connPool{db: db, idle: make(chan *conn, size), closed: make(chan struct{})}
	for range size {
		p.idle <- nil
	}
	return p
}

// acquire returns a connection and waits until one is idle.
func (p *connPool) acquire(ctx context.Context) (*conn, error) {
	select {
	case <-p.closed: // checked first, because select chooses at random
		return nil, errClosed
	default:
	}
	var c *conn
	select {
	case c = <-p.idle:
	case <-p.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c != nil {
		return c, nil
	}
	opened, err := p.db.Conn(ctx)
	if err != nil {
		p.idle <- nil
		return nil, err
	}
	c = &conn{c: opened, prepared: map[string]*sql.Stmt{}}
	if p.setUp != nil {
		if err := p.setUp(ctx, c); err != nil {
			p.release(c, false)
			return nil, err
		}
	}
	return c, nil
}

// release returns a connection to the pool. It closes a connection that is not healthy, which also rolls back its
// transaction.
func (p *connPool) release(c *conn, healthy bool) {
	if !healthy {
		_ = c.close() // the caller reports the error that came before
		c = nil
	}
	p.idle <- c
}

// close waits until all connections are released and closes them. Call it once.
func (p *connPool) close() error {
	close(p.closed)
	var errs []error
	for range cap(p.idle) {
		if c := <-p.idle; c != nil {
			errs = append(errs, c.close())
		}
	}
	return errors.Join(append(errs, p.db.Close())...)
}

// keepWAL makes SQLite keep the files of the write-ahead log when the database is closed. On a full disk it could not
// create them again, so that a process could not even read.
func keepWAL(_ context.Context, c *conn) error {
	return c.c.Raw(func(d any) error {
		f, ok := d.(driver.FileControl)
		if !ok {
			return backend.Errorf(backend.CodeInternal, "the driver of SQLite cannot keep the write-ahead log")
		}
		_, err := f.FileControlPersistWAL("main", 1)
		return err
	})
}

// conn is a connection with its prepared statements. One goroutine uses it at a time.
type conn struct {
	c        *sql.Conn
	prepared map[string]*sql.Stmt
}

// prepare returns a prepared statement and keeps it for the life of the connection. There are few different statements:
// the fixed ones of this package, and one for each combination of filters.
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

// exec runs a statement to its end and ignores the cancellation of ctx. An interrupted BEGIN or COMMIT may still take
// effect, and an interrupted write rolls back the whole transaction.
func (c *conn) exec(ctx context.Context, text string, args ...any) error {
	_, err := c.execCount(ctx, text, args...)
	return err
}

// execCount does the same as exec and returns the number of changed rows.
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

// queryRow reads the only row of a query.
func (c *conn) queryRow(ctx context.Context, text string, dest ...any) error {
	return c.c.QueryRowContext(ctx, text).Scan(dest...)
}

func (c *conn) close() error {
	var errs []error
	for _, st := range c.prepared {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, c.c.Close())...)
}
