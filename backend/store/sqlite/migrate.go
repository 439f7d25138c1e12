// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// migrations holds the steps from an empty file to the current schema, in the order of their names. The statements of a
// released step never change. The number of steps is the version of the schema; SQLite's user_version stores it.
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks a file as a Pouncet database, in the header of the SQLite file. It is "Poun" in ASCII.
const applicationID = 0x506f756e

// signedSchema is the first schema whose rows are signed. The step to it runs the Upgrade of the caller.
const signedSchema = 3

// Upgrade prepares the step of an existing database to the schema with signed rows. It runs before the transaction of
// the step, so that it may call a KMS. The returned function signs the rows in that transaction.
type Upgrade func(ctx context.Context, deployment string) (sign func(context.Context, store.Tx) error, err error)

// WithUpgrade allows Open to upgrade a database without signed rows. Open refuses such a database otherwise.
func WithUpgrade(u Upgrade) Option { return func(s *Store) { s.upgrade = u } }

// CopyPath returns the path of the copy of a database that Open makes before it signs the rows.
func CopyPath(path string) string { return fmt.Sprintf("%s.schema-%d", path, signedSchema-1) }

// layout describes the content of one type of file.
type layout struct {
	applicationID int64
	migrations    fs.FS
	schema        string // the hash of the schema that the migrations make; "" accepts any
	signed        int    // the first schema whose rows are signed; 0 for none
	beginRead     string // the statement that begins a View: it reads two texts or blobs
}

var mainLayout = layout{applicationID, migrations, schemaHash, signedSchema, selectGeneration}

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
	if id != s.applicationID {
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
	if isBeingFilled(version) {
		if s.transfer {
			return nil
		}
		return s.arrivingError()
	}
	if version > len(steps) {
		return backend.Errorf(backend.CodeInvalid,
			"database %s was written by a newer version of pouncet (schema %d, this version supports %d)",
			s.path, version, len(steps)).WithHint("upgrade pouncet")
	}
	return nil
}

// migrate runs the missing steps, each in its own transaction. A database whose rows are not signed gets all steps in
// one transaction, so that it stays as it was if signing fails. A new database gets all steps and the statements in
// first in one transaction, because each transaction waits for the disk.
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
		upgrade, next := noUpgrade, steps[version:version+1]
		switch {
		case version == 0 && len(first) > 0:
			next = steps
		case version > 0 && version < s.signed && len(first) == 0:
			if upgrade, err = s.prepareUpgrade(ctx, c); err != nil {
				return err
			}
			next = steps[version:] // the rows are signed in the tables of the current schema
		}
		if err := s.step(ctx, c, version, next, first, upgrade); err != nil {
			return err
		}
	}
}

// upgrade holds what a step does before and after its statements, in its transaction.
type upgrade struct {
	before, after func(context.Context, *conn) error
}

func nothing(context.Context, *conn) error { return nil }

var noUpgrade = upgrade{nothing, nothing}

// prepareUpgrade returns what the step to signed rows does besides its statements: it copies the database, and signs
// the rows.
func (s *Store) prepareUpgrade(ctx context.Context, c *conn) (upgrade, error) {
	if s.upgrade == nil {
		return noUpgrade, backend.Errorf(backend.CodeInvalid, "database %s was written by an earlier version of pouncet",
			s.path).WithHint("run any pouncet command on the folder: the first one upgrades the database")
	}
	if err := s.readDeployment(ctx, c); err != nil {
		return noUpgrade, err
	}
	sign, err := s.upgrade(ctx, s.deployment)
	if err != nil {
		return noUpgrade, err
	}
	return upgrade{
		// The write lock is held, so nothing is written between the copy and the commit.
		before: func(ctx context.Context, _ *conn) error { return s.copyTo(ctx, CopyPath(s.path)) },
		after: func(ctx context.Context, c *conn) error {
			t := &tx{store: s, conn: c, writable: true}
			defer func() { t.ended = true }()
			if err := sign(ctx, t); err != nil {
				return err
			}
			return errors.Join(t.broken, t.writeRecords(ctx))
		},
	}, nil
}

// copyTo copies the database to a file with mode 0600. It replaces an earlier copy, which a failed upgrade has left.
func (s *Store) copyTo(ctx context.Context, path string) error {
	draft, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.new") // mode 0600
	if err != nil {
		return fileError("copying", s.path, err)
	}
	name := draft.Name()
	defer removeDraft(name)
	if err := draft.Close(); err != nil {
		return fileError("copying", s.path, err)
	}
	c, err := s.readers.acquire(ctx)
	if err != nil {
		return s.translate(err)
	}
	// A reader may not write, not even to another file. It is closed afterwards.
	defer s.readers.release(c, false)
	if err := c.exec(ctx, "PRAGMA query_only = 0"); err != nil {
		return s.translate(err)
	}
	_, err = c.c.ExecContext(ctx, "VACUUM INTO ?", name)
	if err != nil {
		return s.translate(fmt.Errorf("copying the database: %w", err))
	}
	if err = durable.SyncFile(name); err == nil {
		err = os.Rename(name, path)
	}
	if err == nil {
		err = durable.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fileError("copying", s.path, err)
	}
	return nil
}

// migrationError returns the error of a step. The steps succeed on every database with the schema that it
// names. So an error of a statement means that the database has another schema.
func (s *Store) migrationError(from, to int, err error) error {
	translated := s.translate(fmt.Errorf("migrating to schema %d: %w", to, err))
	if code := backend.AsError(translated).Code; code != backend.CodeInternal && code != backend.CodeExists {
		return translated
	}
	e := s.corruptError("the tables of database %s are not those of schema %d, which it names: it was changed outside "+
		"Pouncet", s.path, from)
	e.Err = translated
	return e
}

// step runs the next steps from a version in one transaction. It reads the version again in its transaction, and does
// nothing if another process has made the step.
func (s *Store) step(ctx context.Context, c *conn, from int, next []string, first []statement, u upgrade) error {
	if err := s.begin(ctx, c); err != nil {
		return err
	}
	version, err := s.schemaVersion(ctx, c)
	if err != nil {
		return err
	}
	if version == from {
		if err := u.before(ctx, c); err != nil {
			return err
		}
		var todo []statement
		for _, text := range next {
			todo = append(todo, statement{text: text})
		}
		todo = append(todo, statement{text: fmt.Sprintf("PRAGMA user_version = %d", version+len(next))})
		if version == 0 {
			todo = append(todo, first...)
		}
		for _, st := range todo {
			// Not prepared, because a step has several statements and runs once.
			if _, err := c.c.ExecContext(ctx, st.text, st.args...); err != nil {
				return s.migrationError(version, version+len(next), err)
			}
		}
		if err := u.after(ctx, c); err != nil {
			return err
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
	if v < 0 {
		return 0, s.corruptError("database %s names schema %d, which does not exist: it was changed outside Pouncet",
			s.path, v)
	}
	return v, nil
}

// steps reads the migrations, in order.
func (s *Store) steps() ([]string, error) {
	names, err := fs.Glob(s.migrations, "*/*.sql") // sorted
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
