// SPDX-License-Identifier: MPL-2.0

// Package sqlite implements [store.Store] with one SQLite file. It is the database of the embedded backend. It needs no
// server and no installation, and several processes may open it at the same time.
//
// # How it uses SQLite
//
// The journal is a write-ahead log (WAL) that is synced at every commit. So a committed transaction is on disk, and
// readers and writers do not wait for each other. One connection writes. Calls of Update at the same time share a
// transaction, in the order of their requests: see group.go. A few more connections read, and cannot write. A write
// transaction takes SQLite's write lock at its start, so that it does not fail later because another process was
// faster.
//
// A Lookup is one statement for any number of names. The names are one JSON array, which SQLite joins with the index.
//
// # Errors
//
// The numeric result codes of the driver decide which [backend.Error] is returned, never its texts: see classify. After
// an error that may have made SQLite roll back, the transaction refuses further statements, because such a statement
// would commit on its own.
//
// # Limits
//
// A commit is only as durable as the disk: a disk that lies about its cache can lose a commit at a power failure, but
// not if the process is killed. WAL needs memory that the processes share, so network file systems are not supported.
// Write transactions of all processes run one after the other. If the disk reports an error during a commit, the
// transaction is reported as failed, but SQLite cannot know what the disk has stored. Deleted data is overwritten in
// the file at the next checkpoint; until then the log may still hold it. To copy an open database, use VACUUM INTO:
// to open and close the file in this process would drop SQLite's locks.
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
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/queue"
)

// DefaultBusyTimeout is how long a transaction waits while another process has locked the database.
const DefaultBusyTimeout = 5 * time.Second

// Store is an open database.
type Store struct {
	store.Proving

	path string // absolute
	file fs.FileInfo
	layout
	busyTimeout time.Duration
	onBusy      func()          // tests set it, to learn that a transaction waits for another process
	onCommit    func(calls int) // tests set it, to learn how many calls of Update share a commit
	upgrade     Upgrade
	transfer    bool // the database may be one that is moved
	readOnly    bool // see OpenReadOnly
	immutable   bool // SQLite takes no locks
	unchanged   fileState
	deployment  string

	queue   queue.Queue
	states  stateReads
	commits backend.CommitCount
	writer  *connPool
	readers *connPool
	close   func() error
}

var _ store.Store = (*Store)(nil)

// CommitCount counts the commits and the calls of Update that shared them.
func (s *Store) CommitCount() *backend.CommitCount { return &s.commits }

// Option changes how a database is opened.
type Option func(*Store)

// WithBusyTimeout replaces DefaultBusyTimeout.
func WithBusyTimeout(d time.Duration) Option { return func(s *Store) { s.busyTimeout = d } }

// Open opens the database at path and migrates its schema. It does not create a database: ErrNotFound means that there
// is none. ErrInvalid means that the file is not a Pouncet database, or that a newer version wrote it. ErrCorrupt means
// that it cannot be read as a database.
func Open(ctx context.Context, path string, options ...Option) (*Store, error) {
	s, err := newStore(path, options)
	if err != nil {
		return nil, err
	}
	s.writer.setUp, s.readers.setUp = keepWAL, keepWAL
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// open opens the file of a new Store.
func (s *Store) open(ctx context.Context) (err error) {
	s.file, err = os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return backend.Errorf(backend.CodeNotFound, "database %s does not exist", s.path).
			WithHint("create it, or correct the path")
	case err != nil:
		return fileError("opening", s.path, err)
	case !s.file.Mode().IsRegular():
		return backend.Errorf(backend.CodeInvalid, "%s is not a regular file", s.path).
			WithHint("use the path of the database file")
	}
	// SQLite opens a file on a read-only disk, and would report it at the first change.
	if err := durable.Writable(s.path); err != nil && !s.readOnly {
		return fileError("opening", s.path, err)
	}
	// The first process that opens a database, and the last one that closes it, lock all of it for a short time.
	if err := s.retryWhileBusy(ctx, func() error { return s.connect(ctx) }); err != nil {
		_ = s.Close() // nothing was written
		return err
	}
	return nil
}

// newStore returns a Store. It does not access the disk.
func newStore(path string, options []Option) (*Store, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, absolutePathError(path, err)
	}
	s := &Store{path: absolute, busyTimeout: DefaultBusyTimeout, layout: mainLayout}
	for _, o := range options {
		o(s)
	}
	s.pools(min(max(runtime.GOMAXPROCS(0), 4), 16))
	s.close = sync.OnceValue(func() error {
		// The writer is closed last, so that SQLite can move the log into the file.
		return errors.Join(s.readers.close(), s.writer.close())
	})
	return s, nil
}

// pools makes the pools of connections, with a number of readers.
func (s *Store) pools(readers int) {
	s.queue.Begin, s.queue.Ended, s.states.store = s.beginBatch, s.translate, s
	// The writer waits in steps of busyStep, see retryWhileBusy. Readers wait rarely, so SQLite waits for them.
	s.writer = newConnPool(dsn(s.path, min(s.busyTimeout, busyStep), false), 1)
	s.readers = newConnPool(dsn(s.path, s.busyTimeout, true), readers)
}

// connect checks the file, migrates it and reads its deployment id.
func (s *Store) connect(ctx context.Context) error {
	c, err := s.writer.acquire(ctx)
	if err != nil {
		return s.translate(err)
	}
	healthy := false
	defer func() { s.writer.release(c, healthy) }()
	if err := s.checkIdentity(ctx, c); err != nil {
		return err
	}
	if err := s.prepare(ctx, c); err != nil {
		return err
	}
	if err := s.readDeployment(ctx, c); err != nil {
		return err
	}
	if err := s.checkSchema(ctx, c); err != nil {
		return err
	}
	healthy = true
	return nil
}

// prepare makes the file one of the current schema with a write-ahead log.
func (s *Store) prepare(ctx context.Context, c *conn) error {
	if s.readOnly {
		return s.checkCurrent(ctx, c)
	}
	// The file stores this mode, but a copy made by VACUUM INTO does not have it. It may be set only after
	// checkIdentity, because it changes the file.
	if err := c.exec(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return s.translate(err)
	}
	return s.migrate(ctx, c)
}

// readDeployment reads the id of the deployment.
func (s *Store) readDeployment(ctx context.Context, c *conn) error {
	err := c.queryRow(ctx, "SELECT id FROM deployment", &s.deployment)
	if errors.Is(err, sql.ErrNoRows) {
		return s.corruptError("database %s has no deployment id", s.path)
	}
	if err != nil {
		return s.translate(err)
	}
	return nil
}

// Deployment returns the id that the database got when it was created.
func (s *Store) Deployment() string { return s.deployment }

// Path returns the absolute path of the database.
func (s *Store) Path() string { return s.path }

// Close waits for running transactions and closes the database. Later calls return ErrUnavailable.
func (s *Store) Close() error {
	if err := s.close(); err != nil {
		return s.translate(err)
	}
	return nil
}

// CheckIntegrity returns an error if the database is damaged. It reads the whole file, which takes seconds per
// gigabyte, and compares each index with its table, because a damaged index hides a row. It does not block other calls.
func (s *Store) CheckIntegrity(ctx context.Context) error {
	if err := s.checkFile(); err != nil {
		return err
	}
	return s.View(ctx, func(t store.Tx) error {
		var problems []string
		err := t.(*tx).query(ctx, "PRAGMA integrity_check(10)", nil, func(row scanner) error {
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
			return s.corruptError("database %s is damaged: %s", s.path, problems[0])
		}
		return err
	})
}

// checkFile returns an error if the open file is no longer the one at the path. On Unix, a process can still write to a
// removed file that it has open, and all these commits are lost.
func (s *Store) checkFile() error {
	if s.file == nil {
		return nil // the database is in memory
	}
	now, err := os.Stat(s.path)
	if err == nil && os.SameFile(now, s.file) {
		return nil
	}
	return s.movedError()
}
