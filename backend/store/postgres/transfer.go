// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/transfer"
)

var (
	_ transfer.Source = (*Store)(nil)
	_ transfer.Target = (*Store)(nil)
)

// The values of works_with in a database that is being filled. Other programs take it for one of a newer version.
const (
	copyingVersion = 1_000_000 + int(transfer.Copying)
	copiedVersion  = 1_000_000 + int(transfer.Copied)
)

// OpenForTransfer opens a database even if it is being moved. leaving says that another place is being filled from it.
// ErrUnavailable also means that it was moved.
func OpenForTransfer(ctx context.Context, address string) (s *Store, leaving bool, err error) {
	if s, err = connect(ctx, address, current()); err != nil {
		return nil, false, err
	}
	s.transfer = true
	if s.deployment, err = s.checkSchema(ctx); err == nil {
		leaving, err = s.hasTable(ctx, transfer.LeavingTable)
	}
	if err == nil && !leaving {
		err = s.checkNewest(ctx)
	}
	if err != nil {
		_ = s.Close() // nothing was written
	}
	return s, leaving, err
}

// checkNewest refuses a database that lacks tables, because an earlier version of the program made it.
func (s *Store) checkNewest(ctx context.Context) error {
	var version int
	err := s.changes.QueryRow(ctx, "SELECT schema_version FROM pouncet.deployment").Scan(&version)
	if err == nil && version < s.schema.version() {
		return s.olderError(version)
	}
	return s.translate(err)
}

// CreateForTransfer creates the schema in an empty database, for the rows of another database, whose id it gets.
func CreateForTransfer(ctx context.Context, address, deployment string) (*Store, error) {
	s, err := connect(ctx, address, current())
	if err != nil {
		return nil, err
	}
	s.transfer, s.deployment = true, deployment
	err = s.create(ctx, copyingVersion, func(ctx context.Context, empty store.Store) error {
		return empty.Update(ctx, func(t store.Tx) error {
			_, err := t.(*tx).exec(ctx, "DELETE FROM last_resolved") // the other database says since when it notes
			return err
		})
	})
	if err != nil {
		_ = s.Close() // nothing was written
		return nil, err
	}
	return s, nil
}

// Location implements transfer.Source.
func (s *Store) Location() string { return "database " + s.name }

// Rows implements transfer.Database. One statement is one snapshot.
func (s *Store) Rows(ctx context.Context, t transfer.Table) iter.Seq2[transfer.Row, error] {
	return func(yield func(transfer.Row, error) bool) {
		name := t.Name
		if name == transfer.StatesTable {
			if leaving, err := s.hasTable(ctx, transfer.LeavingTable); err == nil && leaving {
				name = transfer.LeavingTable
			}
		}
		rows, err := s.views.Query(ctx, "SELECT "+quoted(t.Columns)+" FROM pouncet."+name+" ORDER BY "+
			quoted(t.Columns[:t.Key]))
		if err != nil {
			yield(nil, s.translate(err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			row, err := rows.Values()
			if err != nil || !yield(row, nil) {
				if err != nil {
					yield(nil, s.translate(err))
				}
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, s.translate(err))
		}
	}
}

// quoted lists columns in quotes, because one of them has the name of an SQL keyword.
func quoted(columns []string) string { return `"` + strings.Join(columns, `", "`) + `"` }

// Insert implements transfer.Database.
func (s *Store) Insert(ctx context.Context, t transfer.Table, rows []transfer.Row) error {
	return s.inTransaction(ctx, func(tx pgx.Tx) error {
		values := make([][]any, len(rows))
		ids := make([][]any, len(rows))
		for i, r := range rows {
			values[i], ids[i] = r, r[:2]
		}
		if t.Name == "object" {
			if _, err := tx.CopyFrom(ctx, pgx.Identifier{"pouncet", "object_id"}, t.Columns[:2],
				pgx.CopyFromRows(ids)); err != nil {
				return err
			}
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"pouncet", t.Name}, t.Columns, pgx.CopyFromRows(values))
		return err
	})
}

func (s *Store) inTransaction(ctx context.Context, f func(pgx.Tx) error) error {
	return s.translate(pgx.BeginFunc(ctx, s.changes, f))
}

func (s *Store) hasTable(ctx context.Context, name string) (has bool, err error) {
	err = s.changes.QueryRow(ctx, "SELECT to_regclass('pouncet."+name+"') IS NOT NULL").Scan(&has)
	return has, s.translate(err)
}

// Leave implements transfer.Source. It waits for the changes of other servers.
func (s *Store) Leave(ctx context.Context) error {
	return s.rename(ctx, transfer.StatesTable, transfer.LeavingTable)
}

// Left implements transfer.Source.
func (s *Store) Left(ctx context.Context) error {
	return s.rename(ctx, transfer.LeavingTable, transfer.LeftTable)
}

// Return implements transfer.Source.
func (s *Store) Return(ctx context.Context) error {
	return s.rename(ctx, transfer.LeavingTable, transfer.StatesTable)
}

// rename renames the table of states, unless it has the new name.
func (s *Store) rename(ctx context.Context, from, to string) error {
	return s.inTransaction(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT "+changeLock); err != nil {
			return err
		}
		done := false
		if err := tx.QueryRow(ctx, "SELECT to_regclass('pouncet."+to+"') IS NOT NULL").Scan(&done); err != nil || done {
			return err
		}
		_, err := tx.Exec(ctx, "ALTER TABLE pouncet."+from+" RENAME TO "+to)
		return err
	})
}

// Progress implements transfer.Target.
func (s *Store) Progress(ctx context.Context) (transfer.Progress, error) {
	version := 0
	err := s.changes.QueryRow(ctx, "SELECT works_with FROM pouncet.deployment").Scan(&version)
	switch version {
	case copyingVersion:
		return transfer.Copying, s.translate(err)
	case copiedVersion:
		return transfer.Copied, s.translate(err)
	}
	return transfer.Active, s.translate(err)
}

// SetProgress implements transfer.Target.
func (s *Store) SetProgress(ctx context.Context, p transfer.Progress) error {
	version := s.schema.worksWith()
	if p != transfer.Active {
		version = 1_000_000 + int(p)
	}
	_, err := s.changes.Exec(ctx, "UPDATE pouncet.deployment SET works_with = $1", version)
	return s.translate(err)
}

// Discard implements transfer.Target.
func (s *Store) Discard(ctx context.Context) error {
	progress, err := s.Progress(ctx)
	if err == nil && progress == transfer.Active {
		err = backend.Errorf(backend.CodeConflict, "database %s is in use", s.name)
	}
	if err != nil {
		return err
	}
	_, err = s.changes.Exec(ctx, "DROP SCHEMA pouncet CASCADE")
	return s.translate(err)
}

// isBeingFilled reports whether works_with says that the database is being filled from another one.
func isBeingFilled(version int) bool { return version == copyingVersion || version == copiedVersion }

// isLeft reports whether a statement failed because its database was left while it was open.
func isLeft(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == undefinedTable && strings.Contains(e.Message, `"`+transfer.StatesTable+`"`)
}

// statesMissing is the error of a statement that did not find the table of the states.
func (s *Store) statesMissing() *backend.Error {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	var moved bool
	err := s.views.QueryRow(ctx, "SELECT to_regclass('pouncet."+transfer.LeavingTable+"') IS NOT NULL OR "+
		"to_regclass('pouncet."+transfer.LeftTable+"') IS NOT NULL").Scan(&moved)
	if err != nil || !moved {
		return s.changedError("a table or a column is missing")
	}
	return backend.Errorf(backend.CodeUnavailable, "the backend in database %s is being moved, or was", s.name).
		WithHint("use the backend in its new place, and end this server")
}

// arrivingError is the error of a database that is being filled.
func (s *Store) arrivingError() error {
	return backend.Errorf(backend.CodeUnavailable, "another backend is being moved to database %s, which is not complete",
		s.name).WithHint("repeat the command pouncet move")
}

// leavingError returns an error if the database is being moved to another one, or was.
func (s *Store) leavingError(present map[string]bool) error {
	for line := range present {
		switch {
		case strings.HasPrefix(line, "column "+transfer.LeavingTable+".") && !s.transfer:
			return backend.Errorf(backend.CodeUnavailable, "the backend in database %s is being moved, and this is not complete",
				s.name).WithHint("repeat the command pouncet move, or undo it: pouncet move --undo")
		case strings.HasPrefix(line, "column "+transfer.LeftTable+"."):
			return backend.Errorf(backend.CodeUnavailable, "the backend in database %s was moved to another location", s.name).
				WithHint("use the backend there")
		}
	}
	return nil
}
