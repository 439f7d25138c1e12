// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// resultCode is SQLite's extended result code of an error, 0 if it has none.
// Its low byte is the primary code.
func resultCode(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// isBusy reports whether somebody else holds the database.
func isBusy(err error) bool {
	primary := resultCode(err) & 0xff
	return primary == lib.SQLITE_BUSY || primary == lib.SQLITE_LOCKED
}

// fail makes a *backend.Error of what the driver gave. An error that is one
// already stays as it is.
func (s *Store) fail(err error) error {
	var known *backend.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return backend.Errorf(backend.CodeUnavailable, "waiting for database %s: %w", s.path, err)
	case errors.Is(err, errClosed), errors.Is(err, sql.ErrConnDone):
		return &backend.Error{Code: backend.CodeUnavailable, Message: fmt.Sprintf("database %s is closed", s.path), Err: err}
	}
	out := s.classify(resultCode(err), err)
	out.Err = err
	return out
}

// classify is the one table from SQLite's result codes to ours.
func (s *Store) classify(code int, cause error) *backend.Error {
	switch code {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_ROWID:
		return backend.Errorf(backend.CodeExists, "database %s holds that already", s.path)
	case lib.SQLITE_READONLY_DBMOVED:
		return s.moved()
	case lib.SQLITE_IOERR_SHMSIZE: // the index of the log could not grow
		return s.full()
	case lib.SQLITE_IOERR_CORRUPTFS:
		return s.corrupt("the file system under database %s is damaged", s.path)
	case lib.SQLITE_IOERR_NOMEM:
		return s.noMemory()
	}
	switch code & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return backend.Errorf(backend.CodeUnavailable, "database %s is locked by another process (waited %s)", s.path, s.wait).
			WithHint("try again, or end the process that holds it")
	case lib.SQLITE_FULL:
		return s.full()
	case lib.SQLITE_CORRUPT:
		return s.corrupt("database %s is damaged", s.path)
	case lib.SQLITE_NOTADB:
		return s.corrupt("%s is damaged or not a database", s.path)
	case lib.SQLITE_READONLY, lib.SQLITE_PERM, lib.SQLITE_AUTH:
		return backend.Errorf(backend.CodeDenied, "database %s may not be written to", s.path).
			WithHint("this user needs to write to the file and to its folder")
	case lib.SQLITE_CANTOPEN:
		return backend.Errorf(backend.CodeUnavailable, "database %s cannot be opened", s.path).
			WithHint("this user needs to read and write the file and its folder, and the process to have file descriptors left")
	case lib.SQLITE_IOERR:
		return backend.Errorf(backend.CodeUnavailable, "the disk under database %s reports an error (SQLite code %d)", s.path, code).
			WithHint("look at the system's log, the disk and the user's disk quota")
	case lib.SQLITE_NOMEM:
		return s.noMemory()
	case lib.SQLITE_TOOBIG:
		return backend.Errorf(backend.CodeTooLarge, "that is too large for a row of database %s", s.path)
	case lib.SQLITE_INTERRUPT:
		return backend.Errorf(backend.CodeUnavailable, "a statement on database %s was interrupted", s.path)
	}
	// The driver's texts name tables and columns, never what is in them.
	return backend.Errorf(backend.CodeInternal, "database %s: %w", s.path, cause)
}

// refused is an error of the file system.
func refused(doing, path string, err error) error {
	code := backend.CodeUnavailable
	if errors.Is(err, fs.ErrPermission) {
		code = backend.CodeDenied
	}
	return backend.Errorf(code, "%s database %s: %w", doing, path, err).
		WithHint("the folder must exist, be on a local file system, and let this user read and write")
}

func (s *Store) full() *backend.Error {
	return backend.Errorf(backend.CodeStorageFull, "the disk of database %s is full; nothing was changed", s.path).
		WithHint("free some space and try again")
}

func (s *Store) noMemory() *backend.Error {
	return backend.Errorf(backend.CodeUnavailable, "there is not enough memory for database %s", s.path)
}

func (s *Store) corrupt(format string, args ...any) *backend.Error {
	return backend.Errorf(backend.CodeCorrupt, format, args...).
		WithHint("restore it from a backup; keep the damaged file and its -wal for an examination")
}

func (s *Store) moved() *backend.Error {
	return backend.Errorf(backend.CodeUnavailable, "database %s was removed or replaced while it was open", s.path).
		WithHint("put it back, and restart what has it open")
}
