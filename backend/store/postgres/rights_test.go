// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// servingRole creates a role for the servers.
func servingRole(t testing.TB, name string) {
	t.Helper()
	server := postgrestest.Shared(t)
	server.Exec(t, "postgres", "CREATE ROLE "+name+" LOGIN")
	t.Cleanup(func() { server.Exec(t, "postgres", "DROP ROLE "+name) })
}

// as returns the URL of a database for another role.
func as(address, role string) string {
	return strings.Replace(address, postgrestest.User+"@", role+"@", 1)
}

// served grants a role what a server needs.
func served(t testing.TB, address, role string) {
	t.Helper()
	t.Cleanup(func() { postgrestest.Exec(t, address, "DROP OWNED BY "+role) })
	if _, err := postgres.Migrate(t.Context(), address, role); err != nil {
		t.Fatal(err)
	}
}

func TestAServingRoleCannotChangeTheSchema(t *testing.T) {
	servingRole(t, "server1")
	address := created(t)
	served(t, address, "server1")
	for _, c := range []struct {
		address string
		want    bool
	}{{address, true}, {as(address, "server1"), false}} {
		if may, err := opened(t, c.address).MayChangeSchema(t.Context()); may != c.want || err != nil {
			t.Errorf("a role may change the schema: %t, %v", may, err)
		}
	}
	conn, err := pgx.Connect(t.Context(), as(address, "server1"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // nothing was written
	for _, statement := range []string{
		"CREATE TABLE pouncet.more (n int)", "ALTER TABLE pouncet.token ADD COLUMN more int", "DROP TABLE pouncet.token",
		"TRUNCATE pouncet.change_record", "UPDATE pouncet.change_record SET code = 'ok'",
		"UPDATE pouncet.read_record SET code = 'ok'", "UPDATE pouncet.deployment SET works_with = 9",
		"DELETE FROM pouncet.deployment", "CREATE INDEX ON pouncet.token (name)", "DROP SCHEMA pouncet CASCADE",
		"CREATE RULE keep AS ON DELETE TO pouncet.token DO INSTEAD NOTHING", "GRANT SELECT ON pouncet.token TO PUBLIC",
	} {
		tag, err := conn.Exec(t.Context(), statement)
		if err == nil && !strings.HasPrefix(statement, "GRANT") {
			t.Errorf("%s: %s", statement, tag)
		}
	}
	if _, err := postgres.Migrate(t.Context(), as(address, "server1"), ""); err != nil {
		t.Errorf("a migration without steps fails: %v", err)
	}
}

// A server whose role lacks a right says which GRANT is missing.
func TestAMissingRightIsNamed(t *testing.T) {
	servingRole(t, "server2")
	address := created(t)
	served(t, address, "server2")
	for _, c := range []struct{ revoke, says string }{
		{"REVOKE USAGE ON SCHEMA pouncet FROM server2", `GRANT USAGE ON SCHEMA pouncet TO "server2"`},
		{"REVOKE SELECT ON pouncet.deployment FROM server2", `GRANT SELECT ON pouncet.deployment TO "server2"`},
		{"REVOKE INSERT, DELETE ON pouncet.token FROM server2", `GRANT INSERT, DELETE ON pouncet.token TO "server2"`},
		{"REVOKE ALL ON ALL TABLES IN SCHEMA pouncet FROM server2", `more`},
	} {
		postgrestest.Exec(t, address, c.revoke)
		_, err := postgres.Open(t.Context(), as(address, "server2"))
		wantError(t, err, backend.ErrDenied)
		if text := everyText(err); !strings.Contains(text, c.says) || !strings.Contains(text, "--serving-role server2") {
			t.Errorf("the error does not say %q: %s", c.says, text)
		}
		m, err := postgres.CheckMigration(t.Context(), address, "server2")
		if err != nil || !m.IsNeeded() || len(m.Steps) > 0 {
			t.Errorf("the check finds %+v, %v", m, err)
		}
		if m, err = postgres.Migrate(t.Context(), address, "server2"); err != nil || len(m.Grants) == 0 {
			t.Errorf("the migration grants %v, %v", m.Grants, err)
		}
		if m, err = postgres.CheckMigration(t.Context(), address, "server2"); err != nil || m.IsNeeded() {
			t.Errorf("the check finds %+v, %v", m, err)
		}
		_ = opened(t, as(address, "server2"))
	}
	_, err := postgres.Migrate(t.Context(), address, "absent")
	wantError(t, err, backend.ErrInvalid)
}

// A role that could change the tables is not taken as the role of the servers.
func TestAServingRoleMayNotOwnTheTables(t *testing.T) {
	servingRole(t, "member3")
	address := created(t)
	t.Cleanup(func() { postgrestest.Exec(t, address, "DROP OWNED BY member3") })
	postgrestest.Exec(t, address, "GRANT "+postgrestest.User+" TO member3")
	for _, role := range []string{postgrestest.User, "member3"} {
		_, check := postgres.CheckMigration(t.Context(), address, role)
		_, apply := postgres.Migrate(t.Context(), address, role)
		for _, err := range []error{check, apply} {
			wantError(t, err, backend.ErrInvalid)
			if text := everyText(err); !strings.Contains(text, role) || !strings.Contains(text, "CREATE ROLE") {
				t.Errorf("role %s: %s", role, text)
			}
		}
	}
}
