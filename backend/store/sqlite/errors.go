// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// resultCode returns the extended result code of an SQLite error, or 0 for other errors. The low byte is the primary
// code.
func resultCode(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// isBusy reports whether another process has locked the database.
func isBusy(err error) bool {
	primary := resultCode(err) & 0xff
	return primary == lib.SQLITE_BUSY || primary == lib.SQLITE_LOCKED
}

// IsFailedWrite reports whether the system has refused a write to a file of a database, other than for a full disk. The
// driver does not say why: the reason can be a limit for the size of files.
func IsFailedWrite(err error) bool { return resultCode(err) == lib.SQLITE_IOERR_WRITE }

// translate turns an error of the driver into a *backend.Error. It returns a *backend.Error unchanged.
func (s *Store) translate(err error) error {
	var known *backend.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e := backend.Errorf(backend.CodeUnavailable, "database %s did not answer before the end of the call", s.path).
			WithHint("try again")
		e.Err = err
		return e
	case errors.Is(err, errClosed), errors.Is(err, sql.ErrConnDone):
		e := backend.Errorf(backend.CodeUnavailable, "database %s is closed", s.path)
		e.Err = err
		return e
	}
	out := s.classify(resultCode(err), err)
	out.Err = err
	return out
}

// classify maps the result codes of SQLite to errors.
func (s *Store) classify(code int, cause error) *backend.Error {
	switch code {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_ROWID:
		return backend.Errorf(backend.CodeExists, "the row already exists in database %s", s.path)
	case lib.SQLITE_READONLY_DBMOVED:
		return s.movedError()
	case lib.SQLITE_IOERR_SHMSIZE: // the index of the log cannot grow
		return s.fullError()
	case lib.SQLITE_IOERR_CORRUPTFS:
		return s.corruptError("the file system under database %s is damaged", s.path)
	case lib.SQLITE_IOERR_NOMEM:
		return s.memoryError()
	}
	switch code & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return backend.Errorf(backend.CodeUnavailable, "database %s is locked by another process (waited %s)",
			s.path, s.busyTimeout).WithHint("try again, or end the other process")
	case lib.SQLITE_FULL:
		return s.fullError()
	case lib.SQLITE_CORRUPT:
		return s.corruptError("database %s is damaged", s.path)
	case lib.SQLITE_NOTADB:
		return s.corruptError("%s is damaged or is not a database", s.path)
	case lib.SQLITE_READONLY, lib.SQLITE_PERM, lib.SQLITE_AUTH:
		return backend.Errorf(backend.CodeDenied, "this user may not write to database %s", s.path).
			WithHint("let this user write to the file and its folder")
	case lib.SQLITE_CANTOPEN:
		if _, err := os.Stat(s.path); s.file != nil && errors.Is(err, fs.ErrNotExist) {
			return s.movedError()
		}
		return backend.Errorf(backend.CodeUnavailable, "database %s cannot be opened", s.path).
			WithHint("let this user read and write the file, those beside it that end in -wal and -shm, and its folder; check " +
				"the limit of open files")
	case lib.SQLITE_IOERR:
		return backend.Errorf(backend.CodeUnavailable, "the disk of database %s reports an error (SQLite code %d)",
			s.path, code).WithHint("check the log of the system, the disk and the user's disk quota")
	case lib.SQLITE_NOMEM:
		return s.memoryError()
	case lib.SQLITE_TOOBIG:
		return backend.Errorf(backend.CodeTooLarge, "the row is too large for database %s", s.path)
	case lib.SQLITE_INTERRUPT:
		return backend.Errorf(backend.CodeUnavailable, "a statement on database %s was interrupted", s.path)
	}
	if isLeft(cause) {
		return s.leftError()
	}
	// The texts of the driver hold names of tables and columns, but no content.
	return backend.Errorf(backend.CodeInternal, "database %s: %w", s.path, cause)
}

// fileError returns the error of a failed file operation.
func fileError(doing, path string, err error) error {
	code := backend.CodeUnavailable
	if errors.Is(err, fs.ErrPermission) {
		code = backend.CodeDenied
	}
	return backend.Errorf(code, "%s database %s: %w", doing, path, err).
		WithHint("use a folder that exists, is on a local file system, and lets this user read and write")
}

func absolutePathError(path string, err error) error {
	return backend.Errorf(backend.CodeInvalid, "making path %s absolute: %w", backend.Quote(path), err)
}

func (s *Store) fullError() *backend.Error {
	return backend.Errorf(backend.CodeStorageFull, "the disk of database %s is full; nothing was changed", s.path).
		WithHint("free some space and try again")
}

func (s *Store) memoryError() *backend.Error {
	return backend.Errorf(backend.CodeUnavailable, "database %s needs more memory than is available", s.path)
}

func (s *Store) corruptError(format string, args ...any) *backend.Error {
	return backend.Errorf(backend.CodeCorrupt, format, args...).
		WithHint("restore it from a backup; keep the damaged file and its -wal file for an examination")
}

func (s *Store) movedError() *backend.Error {
	return backend.Errorf(backend.CodeUnavailable, "database %s was removed or replaced while it was open", s.path).
		WithHint("restore it, and restart the processes that use it")
}
