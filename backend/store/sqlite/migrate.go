// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// migrations are the steps from an empty file to the current schema, in order
// of their names. A step that was released is never changed again. Their
// number is the schema's version, kept in SQLite's user_version.
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as Pouncet's, in the header that every SQLite
// file has: "Poun" in ASCII.
const applicationID = 0x506f756e

var setApplicationID = fmt.Sprintf("PRAGMA application_id = %d", applicationID)

// statement is one more thing to do in the transaction of the first migration.
type statement struct {
	text string
	args []any
}

// identify makes sure that the file is a Pouncet database of a version that
// this program knows, without changing it.
func (s *Store) identify(ctx context.Context, c *conn) error {
	var id int64
	if err := c.one(ctx, "PRAGMA application_id", &id); err != nil {
		return s.fail(err)
	}
	if id != applicationID {
		return backend.Errorf(backend.CodeInvalid, "%s is not a Pouncet database", s.path).
			WithHint("check the path")
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
		return backend.Errorf(backend.CodeInvalid, "database %s was made by a newer version of pouncet (schema %d, this one knows %d)",
			s.path, version, len(steps)).WithHint("upgrade pouncet")
	}
	return nil
}

// migrate takes the steps that are missing, each in a transaction of its own,
// and what else is to be done in the transaction of the first. The
// version is read again within: another process may be migrating too.
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
			// Not prepared: a step is a script, and is run once.
			if _, err := c.c.ExecContext(ctx, st.text, st.args...); err != nil {
				return s.fail(fmt.Errorf("migrating to schema %d: %w", version+1, err))
			}
		}
	}
	// On an error the caller closes the connection, which rolls back.
	if err := c.exec(ctx, "COMMIT"); err != nil {
		return s.fail(err)
	}
	return nil
}

func (s *Store) schemaVersion(ctx context.Context, c *conn) (int, error) {
	var v int
	if err := c.one(ctx, "PRAGMA user_version", &v); err != nil {
		return 0, s.fail(err)
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
