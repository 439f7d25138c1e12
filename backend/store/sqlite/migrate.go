// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// migrations holds the steps from an empty file to the current schema, in the order of their names. The statements of a
// released step never change. The number of steps is the version of the schema; SQLite's user_version stores it.
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks a file as a Pouncet database, in the header of the SQLite file. It is "Poun" in ASCII.
const applicationID = 0x506f756e

var setApplicationID = fmt.Sprintf("PRAGMA application_id = %d", applicationID)

// statement is an SQL statement with its arguments.
type statement struct {
	text string
	args []any
}

// checkIdentity returns an error if the file is not a Pouncet database, or has a newer schema than this program. It
// does not change the file.
func (s *Store) checkIdentity(ctx context.Context, c *conn) error {
	var id int64
	if err := c.queryRow(ctx, "PRAGMA application_id", &id); err != nil {
		return s.translate(err)
	}
	if id != applicationID {
		return backend.Errorf(backend.CodeInvalid, "%s is not a Pouncet database", s.path).
			WithHint("correct the path")
	}
	steps, err := s.steps()
	if err != nil {
		return err
	}
	version, err := s.schemaVersion(ctx, c)
	if err != nil {
		return err
	}
	if version > len(steps) {
		return backend.Errorf(backend.CodeInvalid,
			"database %s was written by a newer version of pouncet (schema %d, this version supports %d)",
			s.path, version, len(steps)).WithHint("upgrade pouncet")
	}
	return nil
}

// migrate runs the missing steps, each in its own transaction. It runs the statements in first in the transaction of
// the first step.
func (s *Store) migrate(ctx context.Context, c *conn, first ...statement) error {
	steps, err := s.steps()
	if err != nil {
		return err
	}
	for {
		version, err := s.schemaVersion(ctx, c)
		if err != nil {
			return err
		}
		if version >= len(steps) {
			return nil
		}
		if err := s.step(ctx, c, steps, first); err != nil {
			return err
		}
	}
}

// step runs the next step. It reads the version again in its transaction, because another process may migrate at the
// same time.
func (s *Store) step(ctx context.Context, c *conn, steps []string, first []statement) error {
	if err := s.begin(ctx, c); err != nil {
		return err
	}
	version, err := s.schemaVersion(ctx, c)
	if err != nil {
		return err
	}
	if version < len(steps) {
		todo := []statement{{text: steps[version]}, {text: fmt.Sprintf("PRAGMA user_version = %d", version+1)}}
		if version == 0 {
			todo = append(todo, first...)
		}
		for _, st := range todo {
			// Not prepared, because a step has several statements and runs once.
			if _, err := c.c.ExecContext(ctx, st.text, st.args...); err != nil {
				return s.translate(fmt.Errorf("migrating to schema %d: %w", version+1, err))
			}
		}
	}
	// On an error the caller closes the connection, which rolls back.
	if err := c.exec(ctx, "COMMIT"); err != nil {
		return s.translate(err)
	}
	return nil
}

func (s *Store) schemaVersion(ctx context.Context, c *conn) (int, error) {
	var v int
	if err := c.queryRow(ctx, "PRAGMA user_version", &v); err != nil {
		return 0, s.translate(err)
	}
	return v, nil
}

// steps reads the migrations, in order.
func (s *Store) steps() ([]string, error) {
	names, err := fs.Glob(s.migrations, "migrations/*.sql") // sorted
	if err != nil {
		return nil, backend.Errorf(backend.CodeInternal, "listing the migrations: %w", err)
	}
	steps := make([]string, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(s.migrations, name)
		if err != nil {
			return nil, backend.Errorf(backend.CodeInternal, "reading a migration: %w", err)
		}
		steps[i] = string(text)
	}
	return steps, nil
}
