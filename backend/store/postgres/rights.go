// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// What the role of a server needs. Another role can own the tables: then a server cannot change the schema, nor which
// programs may use it, nor a record of the audit log.

const everyRight = "SELECT, INSERT, UPDATE, DELETE"

// limitedRights are those on tables that a server does not update. It has everyRight on the others.
var limitedRights = map[string]string{
	"deployment":    "SELECT",
	"change_record": "SELECT, INSERT, DELETE",
	"read_record":   "SELECT, INSERT, DELETE",
}

// tables returns the names of the tables, sorted.
func (k schema) tables() []string {
	names := map[string]bool{}
	for line := range k.linesOf(k.version()) {
		if column, ok := strings.CutPrefix(line, "column "); ok {
			table, _, _ := strings.Cut(column, ".")
			names[table] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func rightsOn(table string) string {
	if rights, ok := limitedRights[table]; ok {
		return rights
	}
	return everyRight
}

// grants returns the statements that give a role all that a server needs.
func (k schema) grants(role string) []string {
	out := []string{grant("USAGE", "SCHEMA pouncet", role)}
	for _, table := range k.tables() {
		out = append(out, grant(rightsOn(table), "pouncet."+table, role))
	}
	return out
}

func grant(rights, object, role string) string {
	return fmt.Sprintf("GRANT %s ON %s TO %s", rights, object, pgx.Identifier{role}.Sanitize())
}

// querier is a connection, or a pool of them.
type querier interface {
	Query(ctx context.Context, text string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, text string, args ...any) pgx.Row
}

// checkServingRole refuses a role that could change the tables, whatever it is granted.
func (s *Store) checkServingRole(ctx context.Context, from querier, role string) error {
	var may bool
	err := from.QueryRow(ctx, `SELECT coalesce(bool_or(r.rolsuper OR EXISTS (SELECT FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'pouncet' AND pg_has_role(r.oid, c.relowner, 'USAGE'))), false)
		FROM pg_roles r WHERE r.rolname = $1`, role).Scan(&may)
	if err != nil || !may {
		return s.translate(err)
	}
	return backend.Errorf(backend.CodeInvalid, "role %s can change the tables of database %s, because it owns them or is "+
		"a superuser", backend.Quote(role), s.name).WithHint("name a role that cannot: CREATE ROLE name LOGIN")
}

// missingGrants returns the statements that give a role what it lacks. An empty role is the one of the connection.
func (s *Store) missingGrants(
	ctx context.Context, from querier, role string,
) (name string, missing []string, err error) {
	var exists bool
	err = from.QueryRow(ctx, `SELECT coalesce(nullif($1, ''), current_user),
		EXISTS (SELECT FROM pg_roles WHERE rolname = coalesce(nullif($1, ''), current_user))`, role).Scan(&name, &exists)
	switch {
	case err != nil:
		return "", nil, s.translate(err)
	case !exists:
		return "", nil, backend.Errorf(backend.CodeInvalid, "role %s does not exist in database %s", backend.Quote(role),
			s.name).WithHint("create it: CREATE ROLE %s LOGIN", pgx.Identifier{role}.Sanitize())
	}
	var usage bool
	err = from.QueryRow(ctx, `SELECT has_schema_privilege($1, oid, 'USAGE') FROM pg_namespace
		WHERE nspname = 'pouncet'`, name).Scan(&usage)
	if err != nil {
		return "", nil, s.translate(err)
	}
	if !usage {
		missing = append(missing, grant("USAGE", "SCHEMA pouncet", name))
	}
	var tables, rights []string
	for _, table := range s.schema.tables() {
		for _, right := range strings.Split(rightsOn(table), ", ") {
			tables, rights = append(tables, table), append(rights, right)
		}
	}
	// By their OIDs, because a role without USAGE may not look up a name.
	rows, err := from.Query(ctx, `SELECT w.name, string_agg(w.privilege, ', ' ORDER BY w.position)
		FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS w (name, privilege, position)
		JOIN pg_class c ON c.relname = w.name JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'pouncet'
		WHERE NOT has_table_privilege($1, c.oid, w.privilege) GROUP BY w.name ORDER BY w.name`, name, tables, rights)
	if err != nil {
		return "", nil, s.translate(err)
	}
	var table, lacking string
	_, err = pgx.ForEachRow(rows, []any{&table, &lacking}, func() error {
		missing = append(missing, grant(lacking, "pouncet."+table, name))
		return nil
	})
	return name, missing, s.translate(err)
}

// checkRights returns an error if the role of the connection lacks a right.
func (s *Store) checkRights(ctx context.Context) error {
	if s.transfer {
		return nil // only the owner of the tables moves a database
	}
	role, missing, err := s.missingGrants(ctx, s.changes, "")
	if err != nil || len(missing) == 0 {
		return err
	}
	const most = 3
	statements := strings.Join(missing[:min(most, len(missing))], "; ")
	if more := len(missing) - most; more > 0 {
		statements += fmt.Sprintf("; and %d more", more)
	}
	return backend.Errorf(backend.CodeDenied, "role %s lacks rights that a server needs in database %s",
		backend.Quote(role), s.name).
		WithHint("run: pouncet server migrate --apply --serving-role %s, as the owner of the tables; or %s", role, statements)
}

// MayChangeSchema reports whether the role of the connection could change the tables.
func (s *Store) MayChangeSchema(ctx context.Context) (may bool, err error) {
	err = s.changes.QueryRow(ctx, `SELECT has_schema_privilege(n.oid, 'CREATE') OR EXISTS (SELECT FROM pg_class c
		WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p') AND pg_has_role(c.relowner, 'USAGE'))
		FROM pg_namespace n WHERE n.nspname = 'pouncet'`).Scan(&may)
	return may, s.translate(err)
}
