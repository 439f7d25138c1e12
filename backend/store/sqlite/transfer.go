// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/transfer"
)

// Files is a database with the file of its records of reads, for package transfer.
type Files struct {
	*Store
	Reads *ReadLog
}

var (
	_ transfer.Source = Files{}
	_ transfer.Target = Files{}
)

// The versions of a database that is being filled. Other programs take it for one of a newer version.
const (
	copyingVersion = 1_000_000 + int(transfer.Copying)
	copiedVersion  = 1_000_000 + int(transfer.Copied)
)

// withTransfer makes Open accept a database that is being moved.
func withTransfer() Option { return func(s *Store) { s.transfer = true } }

// OpenForTransfer opens a database even if it is being moved. leaving says that another database is being filled from
// it. ErrUnavailable also means that it was moved.
func OpenForTransfer(ctx context.Context, path, readsPath string) (f Files, leaving bool, err error) {
	if f.Store, err = Open(ctx, path, withTransfer()); err != nil {
		return f, false, err
	}
	if f.Reads, err = OpenReadLog(ctx, readsPath, f.deployment); err == nil {
		leaving, err = f.checkLeft(ctx)
	}
	if err != nil {
		_ = f.Close() // nothing was written
	}
	return f, leaving, err
}

// CreateForTransfer creates an empty database for the rows of another one, whose id it gets.
func CreateForTransfer(ctx context.Context, path, deployment string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return absolutePathError(path, err)
	}
	if err := checkAbsent(path); err != nil {
		return err
	}
	return build(ctx, path, func(path string) (*Store, error) { return newStore(path, nil) }, deployment,
		statement{fmt.Sprintf("PRAGMA user_version = %d", copyingVersion), nil})
}

// CreateReadLogForTransfer creates the file for the records of reads of such a database, without any row.
func CreateReadLogForTransfer(ctx context.Context, path, deployment string) error {
	return createReadLog(ctx, path, deployment, nil, statement{"DELETE FROM last_resolved", nil})
}

// IsBeingFilled reports whether a database is being filled with the rows of a deployment.
func IsBeingFilled(ctx context.Context, path, deployment string) (bool, error) {
	s, err := Open(ctx, path, withTransfer())
	if err != nil {
		return false, err
	}
	defer s.Close() //nolint:errcheck // nothing was written
	progress, err := Files{Store: s}.Progress(ctx)
	return progress != transfer.Active && s.deployment == deployment, err
}

// Close closes both files.
func (f Files) Close() error {
	if f.Reads != nil {
		_ = f.Reads.Close()
	}
	return f.Store.Close()
}

// Location implements transfer.Source.
func (f Files) Location() string { return "folder " + filepath.Dir(f.path) }

func (f Files) storeOf(t transfer.Table) *Store {
	if t.Reads {
		return f.Reads.store
	}
	return f.Store
}

// Rows implements transfer.Database. One statement is one snapshot.
func (f Files) Rows(ctx context.Context, t transfer.Table) iter.Seq2[transfer.Row, error] {
	return func(yield func(transfer.Row, error) bool) {
		s := f.storeOf(t)
		if err := s.scan(ctx, f.selection(ctx, t), len(t.Columns), func(r transfer.Row) bool {
			return yield(r, nil)
		}); err != nil {
			yield(nil, s.translate(err))
		}
	}
}

// selection returns the statement that reads a table.
func (f Files) selection(ctx context.Context, t transfer.Table) string {
	name := t.Name
	if name == transfer.StatesTable {
		if leaving, err := f.isLeaving(ctx); err == nil && leaving {
			name = transfer.LeavingTable
		}
	}
	return "SELECT " + quoted(t.Columns) + " FROM " + name + " ORDER BY " + quoted(t.Columns[:t.Key])
}

// quoted lists columns in quotes, because one of them has the name of an SQL keyword.
func quoted(columns []string) string { return `"` + strings.Join(columns, `", "`) + `"` }

// scan calls each for the rows of a query until it returns false.
func (s *Store) scan(ctx context.Context, query string, columns int, each func(transfer.Row) bool) error {
	c, err := s.readers.acquire(ctx)
	if err != nil {
		return err
	}
	defer s.readers.release(c, false) // the connection is not used again: the query may not have ended
	rows, err := c.c.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	r := newRowReader(columns)
	for rows.Next() {
		if err := r.read(rows); err != nil {
			return err
		}
		row := append(transfer.Row(nil), r.values...)
		for i, value := range row {
			if b, ok := value.([]byte); ok {
				row[i] = blob(b) // the driver returns nil for empty bytes
			}
		}
		if !each(row) {
			return nil
		}
	}
	return rows.Err()
}

// Insert implements transfer.Database.
func (f Files) Insert(ctx context.Context, t transfer.Table, rows []transfer.Row) error {
	text := "INSERT INTO " + t.Name + " (" + quoted(t.Columns) + ") VALUES (?" + strings.Repeat(", ?", len(t.Columns)-1) +
		")"
	s := f.storeOf(t)
	return s.translate(s.updateOnce(ctx, func(tx *tx) error {
		for _, r := range rows {
			if _, err := tx.exec(ctx, text, r...); err != nil {
				return err
			}
		}
		return nil
	}))
}

// isLeaving reports whether the database is being moved to another one.
func (f Files) isLeaving(ctx context.Context) (bool, error) {
	names, err := f.stateTables(ctx)
	return names[transfer.LeavingTable], err
}

// checkLeft is isLeaving. It returns an error if the database was moved.
func (f Files) checkLeft(ctx context.Context) (leaving bool, err error) {
	names, err := f.stateTables(ctx)
	if err == nil && names[transfer.LeftTable] {
		err = f.wasMovedError()
	}
	return names[transfer.LeavingTable], err
}

func (s *Store) stateTables(ctx context.Context) (map[string]bool, error) {
	names := map[string]bool{}
	err := s.scan(ctx, "SELECT name FROM sqlite_schema WHERE type = 'table'", 1, func(r transfer.Row) bool {
		names[r[0].(string)] = true
		return true
	})
	return names, s.translate(err)
}

// Leave implements transfer.Source.
func (f Files) Leave(ctx context.Context) error {
	return f.rename(ctx, transfer.StatesTable, transfer.LeavingTable)
}

// Left implements transfer.Source.
func (f Files) Left(ctx context.Context) error {
	return f.rename(ctx, transfer.LeavingTable, transfer.LeftTable)
}

// Return implements transfer.Source.
func (f Files) Return(ctx context.Context) error {
	return f.rename(ctx, transfer.LeavingTable, transfer.StatesTable)
}

// rename renames the table of states, unless it has the new name.
func (f Files) rename(ctx context.Context, from, to string) error {
	names, err := f.stateTables(ctx)
	if err != nil || names[to] {
		return err
	}
	return f.updateOnce(ctx, func(tx *tx) error {
		_, err := tx.exec(ctx, "ALTER TABLE "+from+" RENAME TO "+to)
		return err
	})
}

// Progress implements transfer.Target.
func (f Files) Progress(ctx context.Context) (transfer.Progress, error) {
	version := int64(0)
	err := f.scan(ctx, "PRAGMA user_version", 1, func(r transfer.Row) bool {
		version = r[0].(int64)
		return true
	})
	switch int(version) {
	case copyingVersion:
		return transfer.Copying, f.translate(err)
	case copiedVersion:
		return transfer.Copied, f.translate(err)
	}
	return transfer.Active, f.translate(err)
}

// SetProgress implements transfer.Target.
func (f Files) SetProgress(ctx context.Context, p transfer.Progress) error {
	version := 1_000_000 + int(p)
	if p == transfer.Active {
		steps, err := f.steps()
		if err != nil {
			return err
		}
		version = len(steps)
	}
	return f.updateOnce(ctx, func(tx *tx) error {
		_, err := tx.exec(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
		return err
	})
}

// Discard implements transfer.Target. It closes the files and removes them.
func (f Files) Discard(ctx context.Context) error {
	progress, err := f.Progress(ctx)
	if err == nil && progress == transfer.Active {
		err = backend.Errorf(backend.CodeConflict, "database %s is in use", f.path)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	for _, path := range []string{f.path, f.Reads.Path()} {
		removeDraft(path)
	}
	return nil
}

// isBeingFilled reports whether a version says that the database is being filled from another one.
func isBeingFilled(version int) bool { return version == copyingVersion || version == copiedVersion }

// isLeft reports whether a statement failed because its database was left while it was open.
func isLeft(err error) bool {
	return strings.Contains(err.Error(), "no such table: "+transfer.StatesTable)
}

func (s *Store) leftError() *backend.Error {
	return backend.Errorf(backend.CodeUnavailable, "the backend in %s is being moved to another database, or was", s.path).
		WithHint("use the server with that database: set POUNCET_ENDPOINT")
}

// arrivingError is the error of a database that is being filled.
func (s *Store) arrivingError() error {
	return backend.Errorf(backend.CodeUnavailable, "another backend is being moved to database %s, which is not complete",
		s.path).WithHint("repeat the command pouncet move")
}

// leavingError returns an error if the database is being moved to another one, or was.
func (s *Store) leavingError(present map[string]string) error {
	switch {
	case present["table "+transfer.LeavingTable] != "":
		return backend.Errorf(backend.CodeUnavailable, "the backend in %s is being moved to another database, and this is "+
			"not complete", s.path).WithHint("repeat the command pouncet move, or undo it: pouncet move --undo")
	case present["table "+transfer.LeftTable] != "":
		return s.wasMovedError()
	}
	return nil
}

func (s *Store) wasMovedError() *backend.Error {
	return backend.Errorf(backend.CodeUnavailable, "the backend in %s was moved to another database", s.path).
		WithHint("use the server with that database: set POUNCET_ENDPOINT")
}
