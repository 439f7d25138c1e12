// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// step is one version of the schema: how it is made from the version before, and what it is then.
type step struct {
	name   string
	text   string
	result string // the lines of selectSchema
	// worksWith is the oldest version whose programs can use the database then. The text begins with it.
	worksWith int
}

// schema is what a program knows of the tables: all versions, oldest first.
type schema []step

func (k schema) version() int   { return len(k) }
func (k schema) worksWith() int { return k[len(k)-1].worksWith }

//go:embed migrations/*.sql migrations/*.txt
var migrations embed.FS

// current is the schema of this program.
var current = sync.OnceValue(func() schema {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is valid
	}
	var out schema
	for _, name := range names {
		name = strings.TrimSuffix(name, ".sql")
		out = append(out, newStep(path.Base(name), embedded(name+".sql"), embedded(name+".txt")))
	}
	return out
})

func embedded(name string) string {
	text, err := migrations.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

// newStep returns a step. Its text begins with the number worksWith.
func newStep(name, text, result string) step {
	s := step{name: name, text: text, result: result}
	if _, err := fmt.Sscanf(text, "-- works_with = %d\n", &s.worksWith); err != nil {
		panic(fmt.Sprintf("migration %s does not begin with the line works_with: %v", name, err))
	}
	return s
}

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

// checkSchema returns the deployment, and refuses a database that this program cannot use.
func (s *Store) checkSchema(ctx context.Context) (deployment string, err error) {
	// The tables may not exist, so the transaction does not begin with a query of them.
	err = s.view(ctx, func(*tx, *pgx.Batch) {}, func(inner store.Tx) error {
		t := inner.(*tx)
		present, err := t.schemaObjects(ctx)
		if err != nil {
			return err
		}
		if len(present) == 0 {
			return s.emptyError()
		}
		if err := s.checkRights(ctx); err != nil {
			return err
		}
		var version int
		deployment, version, err = s.readVersion(ctx, t, present)
		if err == nil && version < s.schema.version() && !s.transfer {
			err = s.olderError(version)
		}
		return err
	})
	return deployment, err
}

// readVersion reads the deployment and the version of the schema, and compares the schema with this version.
func (s *Store) readVersion(
	ctx context.Context, t *tx, present map[string]bool,
) (deployment string, version int, err error) {
	if err := s.leavingError(present); err != nil {
		return "", 0, err
	}
	if !present["column deployment.schema_version integer not null"] {
		return "", 0, s.changedError("the version of its schema is missing")
	}
	var oldest int
	found, err := t.first(ctx, "SELECT id, schema_version, works_with FROM pouncet.deployment", nil, &deployment,
		&version, &oldest)
	switch {
	case err != nil:
		return "", 0, err
	case !found:
		return "", 0, s.changedError("it has no deployment id")
	case s.transfer:
		return deployment, version, nil // the schema of a database that is moved was checked before
	case version < 1:
		return "", 0, s.changedError("it says version %d", version)
	}
	if err := s.checkOldest(version, oldest); err != nil {
		return "", 0, err
	}
	return deployment, version, s.compareSchema(version, present)
}

// checkOldest refuses a database that only newer programs can use. Each transaction reads works_with, so that a server
// which runs during a migration ends its calls as soon as it cannot use the database any more.
func (s *Store) checkOldest(version, oldest int) error {
	switch known := s.schema.version(); {
	case s.transfer || oldest <= known:
		return nil
	case isBeingFilled(oldest):
		return s.arrivingError()
	default:
		return backend.Errorf(backend.CodeInvalid,
			"a newer version of Pouncet wrote database %s: its schema has version %d, and this program knows %d", s.name,
			max(version, oldest), known).WithHint("use that version of Pouncet")
	}
}

func (s *Store) olderError(version int) error {
	return backend.Errorf(backend.CodeInvalid, "the schema of database %s has version %d, and this program needs %d",
		s.name, version, s.schema.version()).
		WithHint("run: pouncet server migrate --apply, as the role that owns the tables; then start the servers")
}

// compareSchema compares a schema with the schema of its version. A newer version may have more tables, columns and
// keys.
func (s *Store) compareSchema(version int, present map[string]bool) error {
	want, newer := s.schema.linesOf(version), version > s.schema.version()
	for _, line := range slices.Sorted(maps.Keys(want)) {
		if !present[line] {
			return s.wrongLine(version, "has no", line)
		}
	}
	for _, line := range slices.Sorted(maps.Keys(present)) {
		added := newer && (strings.HasPrefix(line, "column ") || strings.HasPrefix(line, "key "))
		if !want[line] && !added {
			return s.wrongLine(version, "has", line)
		}
	}
	return nil
}

// linesOf returns the lines of selectSchema for a version, or for the newest one that this program knows.
func (k schema) linesOf(version int) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(k[min(version, len(k))-1].result) {
		out[strings.TrimSuffix(line, "\n")] = true
	}
	return out
}

// wrongLine is the error of a schema that differs from the schema of its version. If it has a part of another version,
// a migration was applied, or a backup restored, in part.
func (s *Store) wrongLine(version int, what, line string) error {
	for other := range s.schema {
		if other+1 != version && s.schema.linesOf(other + 1)[line] == (what == "has") {
			return backend.Errorf(backend.CodeCorrupt,
				"the schema of database %s is half migrated: it says version %d, and %s %s", s.name, version, what,
				backend.Quote(line)).
				WithHint("restore the database from a backup, then run: pouncet server migrate --apply")
		}
	}
	return s.changedError("it %s %s", what, backend.Quote(line))
}

// emptyError is the error of a database without data of Pouncet.
func (s *Store) emptyError() error {
	return backend.Errorf(backend.CodeNotFound, "database %s holds no data of Pouncet", s.name).
		WithHint("correct the URL, or start a server that creates them")
}
