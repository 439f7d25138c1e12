// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// How a database gets the schema of a newer program, while servers of the earlier version use it.
//
// A migration is one transaction under an advisory lock, so that one of many processes makes it. First it locks all
// tables: then no other transaction can hold one of them and wait for another. It waits for that less long than
// PostgreSQL waits until it looks for a deadlock, and lets the calls that have queued up pass before it tries again. So
// no call fails, and none waits longer than that and the migration itself.

const (
	// tablesTimeout is how long the lock of the tables may take. It is shorter than the default of deadlock_timeout.
	tablesTimeout = 500 * time.Millisecond
	// tablesPause is the time between two attempts.
	tablesPause = 500 * time.Millisecond
	// tablesAttempts limits the attempts, and so the time that a migration waits for a transaction of a server.
	tablesAttempts = 120
	// starterTimeout is how long a migration waits for the migration of another process.
	starterTimeout = 10 * time.Minute
)

// Migration says what a migration would do, or did.
type Migration struct {
	Database string `json:"database"` // for messages, without credentials
	Version  int    `json:"version"`  // of the schema of the database; 0 means that it is empty
	Newest   int    `json:"newest"`   // the version that this program makes
	// Steps are the names of the migrations, oldest first.
	Steps []string `json:"steps,omitempty"`
	// Stop means that servers of the earlier version cannot use the database afterwards.
	Stop bool `json:"stop_old_servers"`
	// Grants are statements that give the serving role the missing permissions.
	Grants []string `json:"grants,omitempty"`
}

// IsNeeded reports whether there is something to do.
func (m Migration) IsNeeded() bool { return m.Version == 0 || len(m.Steps) > 0 || len(m.Grants) > 0 }

// CheckMigration says what Migrate would do, and changes nothing. An empty role means that no role is named.
func CheckMigration(ctx context.Context, address, role string) (Migration, error) {
	return checkMigration(ctx, address, role, current())
}

func checkMigration(ctx context.Context, address, role string, known schema) (m Migration, err error) {
	s, err := connect(ctx, address, known)
	if err != nil {
		return m, err
	}
	defer s.Close() //nolint:errcheck // it always returns nil
	if m, err = s.neededMigration(ctx, nil); err == nil && role != "" {
		if err := s.checkServingRole(ctx, s.changes, role); err != nil {
			return m, err
		}
		if m.Version == 0 {
			m.Grants = known.grants(role)
		} else {
			_, m.Grants, err = s.missingGrants(ctx, s.changes, role)
		}
	}
	return m, err
}

// neededMigration compares the schema with the schema that the program needs, in a transaction or, without one, in
// its own.
func (s *Store) neededMigration(ctx context.Context, t *tx) (m Migration, err error) {
	m = Migration{Database: s.name, Newest: s.schema.version()}
	look := func(t *tx) error {
		present, err := t.schemaObjects(ctx)
		if err != nil || len(present) == 0 {
			return err
		}
		if s.deployment, m.Version, err = s.readVersion(ctx, t, present); err != nil {
			return err
		}
		for _, step := range s.schema[min(m.Version, len(s.schema)):] {
			m.Steps = append(m.Steps, step.name)
			m.Stop = m.Stop || step.worksWith > m.Version
		}
		return nil
	}
	if t != nil {
		return m, look(t)
	}
	err = s.view(ctx, func(*tx, *pgx.Batch) {}, func(inner store.Tx) error { return look(inner.(*tx)) })
	return m, err
}

// Migrate brings a database to the schema of this program, and grants a role what a server needs. An empty role means
// that nothing is granted. ErrNotFound means that the database is empty: Create fills it. Of several concurrent calls,
// one makes the migration, and the others wait and find nothing to do.
func Migrate(ctx context.Context, address, role string) (Migration, error) {
	return migrate(ctx, address, role, current())
}

func migrate(ctx context.Context, address, role string, known schema) (m Migration, err error) {
	s, err := connect(ctx, address, known)
	if err != nil {
		return m, err
	}
	defer s.Close() //nolint:errcheck // it always returns nil
	c, err := s.changes.Acquire(ctx)
	if err != nil {
		return m, s.beginError(ctx, err)
	}
	defer c.Release()
	err = pgx.BeginFunc(ctx, c, func(pgx.Tx) error {
		t := &tx{store: s, conn: c.Conn(), writable: true}
		m, err = s.migrateIn(ctx, t, role)
		return err
	})
	if sqlState(err) == insufficientRight {
		return m, backend.Errorf(backend.CodeDenied, "the role of the database URL may not change the schema of database %s",
			s.name).WithHint("use the URL of the role that owns the tables")
	}
	return m, s.translate(err)
}

// migrateIn makes the migration in a transaction.
func (s *Store) migrateIn(ctx context.Context, t *tx, role string) (m Migration, err error) {
	_, err = t.conn.Exec(ctx, "SET LOCAL lock_timeout = "+milliseconds(starterTimeout)+"; SELECT "+createLock)
	if err != nil {
		return m, err
	}
	// Another process may have made it while this one waited.
	if m, err = s.neededMigration(ctx, t); err != nil {
		return m, err
	}
	if role != "" {
		if err := s.checkServingRole(ctx, t.conn, role); err != nil {
			return m, err
		}
	}
	if m.Version == 0 {
		return m, s.emptyError()
	}
	if len(m.Steps) > 0 {
		if err := s.applySteps(ctx, t, m.Version); err != nil {
			return m, err
		}
	}
	if role == "" {
		return m, nil
	}
	if _, m.Grants, err = s.missingGrants(ctx, t.conn, role); err != nil {
		return m, err
	}
	for _, statement := range m.Grants {
		if _, err := t.conn.Exec(ctx, statement); err != nil {
			return m, err
		}
	}
	return m, nil
}

// applySteps makes the migrations after a version.
func (s *Store) applySteps(ctx context.Context, t *tx, version int) error {
	if err := s.lockTables(ctx, t); err != nil {
		return err
	}
	before, err := files(ctx, t)
	if err != nil {
		return err
	}
	oldest := 0
	for _, step := range s.schema[version:] {
		if _, err := t.conn.Exec(ctx, step.text); err != nil {
			return fmt.Errorf("migration %s: %w", step.name, err)
		}
		oldest = step.worksWith
	}
	_, err = t.conn.Exec(ctx, "UPDATE pouncet.deployment SET schema_version = $1, works_with = $2", s.schema.version(),
		oldest)
	if err != nil {
		return err
	}
	after, err := files(ctx, t)
	if err != nil {
		return err
	}
	for table, file := range before {
		if other, ok := after[table]; ok && other != file {
			return backend.Errorf(backend.CodeInternal, "a migration rewrites table %s: a running call would find it empty",
				table)
		}
	}
	present, err := t.schemaObjects(ctx)
	if err != nil {
		return err
	}
	return s.compareSchema(s.schema.version(), present)
}

// lockTables locks all tables.
func (s *Store) lockTables(ctx context.Context, t *tx) error {
	tables, err := t.texts(ctx, `SELECT quote_ident(c.relname) FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'pouncet' AND c.relkind IN ('r', 'p')
		AND NOT c.relispartition ORDER BY c.relname`)
	if err != nil {
		return err
	}
	statement := "SET LOCAL statement_timeout = " + milliseconds(tablesTimeout) + "; SAVEPOINT tables; LOCK TABLE "
	for i, table := range tables {
		if i > 0 {
			statement += ", "
		}
		statement += "pouncet." + table
	}
	for n := 1; ; n++ {
		_, err := t.conn.Exec(ctx, statement)
		if err == nil {
			_, err = t.conn.Exec(ctx, "SET LOCAL statement_timeout = 0")
			return err
		}
		state := sqlState(err)
		if state != queryCanceled && state != lockNotAvailable && !runsAgain(err) || n >= tablesAttempts {
			return err
		}
		if _, err := t.conn.Exec(ctx, "ROLLBACK TO tables"); err != nil { // it keeps the lock of the migrations
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(tablesPause):
		}
	}
}

// files returns which file holds each table.
func files(ctx context.Context, t *tx) (map[string]uint32, error) {
	out := map[string]uint32{}
	err := t.query(ctx, `SELECT c.relname, c.relfilenode FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'pouncet' AND c.relkind = 'r'`, nil, func(rows pgx.Rows) error {
		var name string
		var file uint32
		err := rows.Scan(&name, &file)
		out[name] = file
		return err
	})
	return out, err
}
