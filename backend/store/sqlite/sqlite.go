// SPDX-License-Identifier: MPL-2.0

// Package sqlite keeps the rows of a [store.Store] in one SQLite file. It is
// the database of the embedded backend: no server, nothing to install, and
// several processes may have it open at once.
//
// # How it is used
//
// The journal is a write-ahead log (WAL) synchronised at every commit: a
// transaction that was acknowledged has reached the disk, and readers never
// wait for a writer nor a writer for readers. There is one connection that
// writes, lent to one transaction after the other in order of arrival, and a
// few that read and could not write if they wanted to. A write transaction
// begins by taking SQLite's write lock, so that it never finds out half-way
// that another process was faster.
//
// However many names a Lookup has, it is one statement: they travel as one
// JSON array, which SQLite unfolds and joins with the index.
//
// # When something goes wrong
//
// The driver's numeric result codes, never its texts, decide which
// [backend.Error] comes of it: see classify. After an error that may have made
// SQLite roll back on its own, a transaction takes no further statement, since
// that statement would commit by itself.
//
// # Limits
//
// That a commit has reached the disk is the disk's word: one that lies about
// its cache can lose it with the power, though not by the death of a process.
// WAL needs shared memory between the processes: a file on a network file
// system is not supported. Writing is one transaction after the other,
// over all processes together. When the disk reports an error at the very
// moment of a commit, the transaction is reported as failed, but what the disk
// keeps of it is beyond SQLite's knowledge. What is deleted is overwritten in
// the file at the next checkpoint and stays readable in the log until then. To
// copy the database while it is open, use SQLite's own means (VACUUM INTO):
// opening and closing the file in this process would drop its locks.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// DefaultBusyTimeout is how long a transaction waits for another process that
// holds the database.
const DefaultBusyTimeout = 5 * time.Second

// Store is an open database.
type Store struct {
	path       string // absolute
	file       fs.FileInfo
	wait       time.Duration
	migrations fs.FS
	deployment string

	writer  *lane
	readers *lane
	close   func() error
}

var _ store.Store = (*Store)(nil)

// Option changes how a database is opened.
type Option func(*Store)

// WithBusyTimeout sets how long to wait for another process that holds the
// database, instead of DefaultBusyTimeout.
func WithBusyTimeout(d time.Duration) Option { return func(s *Store) { s.wait = d } }

// Open opens the database at path and brings its schema up to date. It never
// creates one: ErrNotFound when there is none. ErrInvalid when the file
// is something else or was made by a newer version of the program, ErrCorrupt when
// it cannot be read as a database.
func Open(ctx context.Context, path string, options ...Option) (*Store, error) {
	s, err := newStore(path, options)
	if err != nil {
		return nil, err
	}
	s.file, err = os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, backend.Errorf(backend.CodeNotFound, "there is no database at %s", s.path).
			WithHint("create one, or check the path")
	case err != nil:
		return nil, refused("looking at", s.path, err)
	case !s.file.Mode().IsRegular():
		return nil, backend.Errorf(backend.CodeInvalid, "%s is not a file", s.path).
			WithHint("name the database file itself")
	}
	// Patiently, since a process that opens or closes the database last or
	// first holds all of it for a moment.
	if err := s.patiently(ctx, func() error { return s.connect(ctx) }); err != nil {
		_ = s.Close() // nothing was written
		return nil, err
	}
	return s, nil
}

// newStore prepares a Store without touching the disk.
func newStore(path string, options []Option) (*Store, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the path of the database: %w", err)
	}
	s := &Store{path: absolute, wait: DefaultBusyTimeout, migrations: migrations}
	for _, o := range options {
		o(s)
	}
	// The writer waits in slices, see begin; a reader's rare wait is SQLite's.
	s.writer = newLane(dsn(absolute, min(s.wait, busySlice), false), 1)
	s.readers = newLane(dsn(absolute, s.wait, true), min(max(runtime.GOMAXPROCS(0), 4), 16))
	s.close = sync.OnceValue(func() error {
		// The writer is last out: SQLite then empties the log into the file.
		return errors.Join(s.readers.close(), s.writer.close())
	})
	return s, nil
}

// connect makes sure of what the file is, migrates it and learns its id.
func (s *Store) connect(ctx context.Context) error {
	c, err := s.writer.take(ctx)
	if err != nil {
		return s.fail(err)
	}
	sound := false
	defer func() { s.writer.give(c, sound) }()
	if err := s.identify(ctx, c); err != nil {
		return err
	}
	// The mode is kept in the file, but a backup may have lost it. Only now is
	// the file known to be ours to change.
	if err := c.exec(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return s.fail(err)
	}
	if err := s.migrate(ctx, c); err != nil {
		return err
	}
	err = c.one(ctx, "SELECT id FROM deployment", &s.deployment)
	if errors.Is(err, sql.ErrNoRows) {
		return s.corrupt("database %s has lost its deployment id", s.path)
	}
	if err != nil {
		return s.fail(err)
	}
	sound = true
	return nil
}

// Deployment is the id given to this database when it was made.
func (s *Store) Deployment() string { return s.deployment }

// Path is where the database is, absolute.
func (s *Store) Path() string { return s.path }

// Close waits for the transactions under way and closes the database. Calls
// that come later give ErrUnavailable.
func (s *Store) Close() error {
	if err := s.close(); err != nil {
		return s.fail(err)
	}
	return nil
}

// Check reports whether the database answers and is sound. It reads all of it,
// a second or so per gigabyte, without holding up anybody.
func (s *Store) Check(ctx context.Context) error {
	if err := s.inPlace(); err != nil {
		return err
	}
	return s.View(ctx, func(t store.Tx) error {
		var problems []string
		err := t.(*tx).query(ctx, "PRAGMA quick_check(10)", nil, func(row scanner) error {
			var line string
			if err := row.Scan(&line); err != nil {
				return err
			}
			if line != "ok" {
				problems = append(problems, line)
			}
			return nil
		})
		if err == nil && len(problems) > 0 {
			return s.corrupt("database %s is damaged: %s", s.path, problems[0])
		}
		return err
	})
}

// inPlace makes sure that the open file is still the one at the path. On Unix
// a file that was removed or replaced stays writable for those who have it open,
// and everything "committed" to it is lost.
func (s *Store) inPlace() error {
	now, err := os.Stat(s.path)
	if err == nil && os.SameFile(now, s.file) {
		return nil
	}
	return s.moved()
}
