// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"embed"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// schemaVersion is the version of the schema that this program makes, and worksWith the oldest one whose programs can
// use it.
const (
	schemaVersion = 1
	worksWith     = 1
)

//go:embed migrations/*.sql
var migrations embed.FS

// steps returns the statements that make the schema, one text for each version.
func steps() []string {
	names, err := migrations.ReadDir("migrations")
	if err != nil {
		panic(err) // the folder is embedded
	}
	out := make([]string, len(names))
	for i, name := range names {
		text, err := migrations.ReadFile("migrations/" + name.Name())
		if err != nil {
			panic(err)
		}
		out[i] = string(text)
	}
	return out
}

// expectedSchema lists what selectSchema returns for a new database.
//
//go:embed schema.txt
var expectedSchema string

// selectSchema describes what decides how a statement on the tables works: columns, keys, and what could change or hide
// rows. Partitions belong to their table. Indexes are left out: an operator may add one.
const selectSchema = `
	WITH tables AS (
		SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'pouncet'
	)
	SELECT 'column ' || t.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) ||
		CASE WHEN a.attnotnull THEN ' not null' ELSE '' END || coalesce(' collate ' || l.collname, '')
		FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid LEFT JOIN pg_collation l ON l.oid = a.attcollation
		WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition AND a.attnum > 0 AND NOT a.attisdropped
	UNION ALL SELECT 'key ' || t.relname || ' ' || k.contype::text || ' ' ||
			(SELECT string_agg(a.attname, ',' ORDER BY u.position)
				FROM unnest(k.conkey) WITH ORDINALITY AS u (attribute, position)
				JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attribute) ||
			CASE WHEN k.condeferred THEN ' deferred' ELSE '' END
		FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid
		WHERE k.contype IN ('p', 'u', 'f') AND NOT t.relispartition AND k.conparentid = 0
	UNION ALL SELECT 'trigger ' || t.relname || '.' || g.tgname
		FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal
	UNION ALL SELECT 'rule ' || t.relname || '.' || r.rulename FROM tables t JOIN pg_rewrite r ON r.ev_class = t.oid
	UNION ALL SELECT 'row security of ' || relname FROM tables WHERE relrowsecurity
	UNION ALL SELECT 'relation ' || relname FROM tables WHERE relkind NOT IN ('r', 'p', 'i', 'I', 't')
	UNION ALL SELECT 'function ' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname = 'pouncet'
	UNION ALL SELECT 'operator ' || o.oprname FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
		WHERE n.nspname = 'pouncet'`

// schemaObjects returns the lines of selectSchema.
func (t *tx) schemaObjects(ctx context.Context) (map[string]bool, error) {
	lines, err := t.texts(ctx, selectSchema)
	present := make(map[string]bool, len(lines))
	for _, line := range lines {
		present[line] = true
	}
	return present, err
}

// checkSchema reads the deployment, and refuses a database that this program cannot use.
func (s *Store) checkSchema(ctx context.Context) error {
	// The tables may not exist, so the transaction does not begin with a query of them.
	return s.view(ctx, func(*tx, *pgx.Batch) {}, func(inner store.Tx) error {
		t := inner.(*tx)
		present, err := t.schemaObjects(ctx)
		if err != nil {
			return err
		}
		if len(present) == 0 {
			return s.emptyError()
		}
		if err := s.leavingError(present); err != nil {
			return err
		}
		if !present["column deployment.schema_version integer not null"] {
			return s.changedError("the version of its schema is missing")
		}
		var version, oldest int
		// The full name gives the right error to a role that may not use the schema.
		found, err := t.first(ctx, "SELECT id, schema_version, works_with FROM pouncet.deployment", nil, &s.deployment,
			&version, &oldest)
		switch {
		case err != nil:
			return err
		case !found:
			return s.changedError("it has no deployment id")
		}
		return s.checkVersion(version, oldest, present)
	})
}

func (s *Store) checkVersion(version, oldest int, present map[string]bool) error {
	switch {
	case s.transfer:
		return nil // the schema of a database that is moved was checked before
	case isBeingFilled(oldest):
		return s.arrivingError()
	case oldest > schemaVersion:
		return backend.Errorf(backend.CodeInvalid,
			"a newer version of Pouncet wrote database %s: its schema has version %d, and this program knows %d", s.name,
			version, schemaVersion).WithHint("use that version of Pouncet")
	case version < schemaVersion:
		return backend.Errorf(backend.CodeInvalid, "the schema of database %s has version %d, and this program needs %d",
			s.name, version, schemaVersion).WithHint("upgrade it, or use the version of Pouncet that wrote it")
	}
	for line := range strings.Lines(expectedSchema) {
		if line = strings.TrimSuffix(line, "\n"); !present[line] {
			return s.changedError("it has no %s", backend.Quote(line))
		}
		delete(present, line)
	}
	if version > schemaVersion {
		return nil // a migration has added what this program need not know
	}
	for _, line := range slices.Sorted(maps.Keys(present)) {
		return s.changedError("it has %s", backend.Quote(line))
	}
	return nil
}

// emptyError is the error of a database without data of Pouncet.
func (s *Store) emptyError() error {
	return backend.Errorf(backend.CodeNotFound, "database %s holds no data of Pouncet", s.name).
		WithHint("correct the URL, or start a server that creates them")
}
