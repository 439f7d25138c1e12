// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/queue"
)

// A database that this process may not write is opened in one of two ways.
//
// If the write-ahead log has something, SQLite reads it together with the file, and needs the index of the log beside
// it. A process that writes is noticed as always.
//
// Otherwise the file is complete, and SQLite opens it as one that nobody changes. It then takes no locks. A process of
// another user may change it after all: View compares the files before and after, and fails if they differ.

// OpenReadOnly opens the database at path for View only. It does not migrate the schema: ErrInvalid means also that the
// database is older. Every write fails with ErrDenied.
func OpenReadOnly(ctx context.Context, path string, options ...Option) (*Store, error) {
	s, err := newStore(path, options)
	if err != nil {
		return nil, err
	}
	return s, s.openReadOnly(ctx)
}

// OpenReadLogReadOnly opens the file with the records of reads, and adds none: see OpenReadOnly and OpenReadLog.
func OpenReadLogReadOnly(ctx context.Context, path, deployment string, options ...Option) (*ReadLog, error) {
	s, err := newReadStore(path, options)
	if err != nil {
		return nil, err
	}
	if err := s.openReadOnly(ctx); err != nil {
		return nil, err
	}
	l := &ReadLog{store: s}
	l.queue = queue.Records{Ended: s.translate, Place: s.path,
		Write: func(*queue.Batch) error { return s.checkWritable() }}
	return l, l.checkDeployment(deployment)
}

// openReadOnly opens the file of a new Store for reading.
func (s *Store) openReadOnly(ctx context.Context) (err error) {
	s.readOnly, s.close = true, sync.OnceValue(func() error {
		return errors.Join(s.readers.close(), s.writer.close())
	})
	if s.unchanged, err = s.files(); err != nil && !errors.Is(err, fs.ErrNotExist) { // which open reports
		return fileError("opening", s.path, err)
	}
	s.immutable = s.unchanged.log == 0
	readers := cap(s.readers.idle)
	s.writer = newConnPool(readOnlyDSN(s.path, s.busyTimeout, s.immutable), 1)
	s.readers = newConnPool(readOnlyDSN(s.path, s.busyTimeout, s.immutable), readers)
	return s.open(ctx)
}

// fileState is what tells whether a database was changed.
type fileState struct {
	size, log int64 // bytes of the file and of its write-ahead log
	changed   time.Time
}

func (s *Store) files() (fileState, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return fileState{}, err
	}
	out := fileState{size: info.Size(), changed: info.ModTime()}
	if log, err := os.Stat(s.path + "-wal"); err == nil {
		out.log = log.Size()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fileState{}, err
	}
	return out, nil
}

// checkUnchanged returns an error if somebody has changed a database that was opened as one that nobody changes.
func (s *Store) checkUnchanged() error {
	if !s.immutable {
		return nil
	}
	now, err := s.files()
	if err != nil {
		return fileError("reading", s.path, err)
	}
	if now != s.unchanged {
		return backend.Errorf(backend.CodeUnavailable, "database %s was changed while it was read", s.path).
			WithHint("try again")
	}
	return nil
}

// checkWritable returns an error for a database that was opened for reading.
func (s *Store) checkWritable() error {
	if !s.readOnly {
		return nil
	}
	return backend.Errorf(backend.CodeDenied, "this user may not write to database %s", s.path).
		WithHint("let this user write to the file and its folder")
}

// checkCurrent returns an error if the database has an older schema.
func (s *Store) checkCurrent(ctx context.Context, c *conn) error {
	steps, err := s.steps()
	if err != nil {
		return err
	}
	version, err := s.schemaVersion(ctx, c)
	if err == nil && version < len(steps) {
		return backend.Errorf(backend.CodeInvalid, "database %s was written by an earlier version of pouncet, and this "+
			"user may not write to it", s.path).
			WithHint("upgrade it: run any pouncet command as a user who may write to the folder")
	}
	return err
}
