// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// password must never be shown.
const password = "correct-horse-battery"

// everyText returns what an error shows, with its causes.
func everyText(err error) string {
	return fmt.Sprintf("%v %+v %s", err, err, backend.AsError(err).Hint)
}

func TestErrorsNameTheDatabaseAndNotThePassword(t *testing.T) {
	s := postgrestest.Shared(t)
	s.Exec(t, "postgres", "CREATE ROLE someone LOGIN PASSWORD 'another'")
	t.Cleanup(func() { s.Exec(t, "postgres", "DROP ROLE someone") })
	over := func(user, at, settings string) string {
		return "postgres://" + user + ":" + password + "@" + at + "/postgres?sslmode=disable&connect_timeout=5" + settings
	}
	local := fmt.Sprintf("127.0.0.1:%d", s.Port)
	s.Exec(t, "postgres", "CREATE ROLE may_not_connect LOGIN")
	s.Exec(t, "postgres", "CREATE DATABASE closed_to_all ALLOW_CONNECTIONS false")
	s.Exec(t, "postgres", "CREATE DATABASE closed_to_most")
	s.Exec(t, "postgres", "REVOKE CONNECT ON DATABASE closed_to_most FROM PUBLIC")
	t.Cleanup(func() {
		for _, statement := range []string{"DROP DATABASE closed_to_all", "DROP DATABASE closed_to_most",
			"DROP ROLE may_not_connect"} {
			s.Exec(t, "postgres", statement)
		}
	})
	as := func(user, address string) string { return strings.Replace(address, postgrestest.User+"@", user+"@", 1) }
	for _, c := range []struct {
		name, address string
		want          error
		says          []string
	}{
		{"a wrong password", over("someone", local, ""), backend.ErrUnavailable,
			[]string{local + "/postgres", "pg_hba.conf"}},
		{"an absent role", over("nobody_here", local, ""), backend.ErrUnavailable, []string{local + "/postgres"}},
		{"a closed port", over("someone", "127.0.0.1:1", ""), backend.ErrUnavailable,
			[]string{"127.0.0.1:1/postgres", "host"}},
		{"TLS that the server does not have", strings.Replace(over("someone", local, ""), "disable", "require", 1),
			backend.ErrUnavailable, []string{local + "/postgres", "sslmode"}},
		{"an absent database", s.URL("absent"), backend.ErrUnavailable, []string{"database absent", "CREATE DATABASE"}},
		{"no URL", password, backend.ErrInvalid, []string{"postgres://"}},
		{"settings without a URL", "host=localhost password=" + password, backend.ErrInvalid, []string{"postgres://"}},
		{"a port that is no number", "postgres://someone:" + password + "@host:port/name", backend.ErrInvalid, nil},
		{"a bad escape in the password", "postgres://someone:" + password + "%zz@host/name", backend.ErrInvalid, nil},
		{"a slash in the password", "postgres://someone:/" + password + "@host/name", backend.ErrInvalid, nil},
		{"a question mark in the password", "postgres://someone:?" + password + "@host/name", backend.ErrInvalid, nil},
		{"a hash in the password", "postgres://someone:#" + password + "@host/name", backend.ErrInvalid, nil},
		{"a wrong sslmode", over("someone", local, "&sslmode="+password), backend.ErrInvalid, nil},
		{"an absent certificate", over("someone", local, "") + "&sslmode=verify-full&sslrootcert=/absent", backend.ErrInvalid,
			[]string{"files"}},
		{"no name", "postgres://someone:" + password + "@" + local, backend.ErrInvalid, []string{"does not name a database"}},
		{"an empty name", "postgres://someone:" + password + "@" + local + "/?sslmode=disable", backend.ErrInvalid,
			[]string{"does not name a database"}},
		{"an unknown setting", s.URL("postgres") + "&sslmod=require", backend.ErrInvalid,
			[]string{"a setting in its URL", "sslmode"}},
		{"a setting with a wrong value", s.URL("postgres") + "&work_mem=" + password, backend.ErrInvalid,
			[]string{"a setting in its URL"}},
		{"a setting of the server", s.URL("postgres") + "&shared_buffers=1GB", backend.ErrInvalid,
			[]string{"a setting in its URL"}},
		{"a setting that the role may not set", as("may_not_connect", s.URL("postgres")) + "&log_statement=all",
			backend.ErrUnavailable, []string{"may not connect to database postgres", "remove the parameter"}},
		{"a role that may not connect", as("may_not_connect", s.URL("closed_to_most")), backend.ErrUnavailable,
			[]string{"may not connect to database closed_to_most", "GRANT CONNECT"}},
		{"a database that is closed", s.URL("closed_to_all"), backend.ErrUnavailable,
			[]string{"database closed_to_all", "does not allow connections", "ALLOW_CONNECTIONS"}},
		{"a pool of no number", over("someone", local, "&pool_max_conns=many"), backend.ErrInvalid, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			opened, err := postgres.Open(t.Context(), c.address)
			if err == nil {
				_ = opened.Close()
			}
			wantError(t, err, c.want)
			text := everyText(err)
			for cause := err; cause != nil; cause = errors.Unwrap(cause) {
				if e := (*backend.Error)(nil); errors.As(cause, &e) {
					text += e.Message
				}
			}
			if strings.Contains(text, password) {
				t.Errorf("the error has the password: %s", text)
			}
			for _, want := range c.says {
				if !strings.Contains(text, want) {
					t.Errorf("%s does not say %q", text, want)
				}
			}
		})
	}
}

// Each database that a program cannot use gives one error that names it.
func TestOpenRefusesADatabaseThatItCannotUse(t *testing.T) {
	for _, c := range []struct {
		name, statements string
		want             error
		says             string
	}{
		{"newer", fmt.Sprintf("UPDATE pouncet.deployment SET schema_version = %d, works_with = %d", postgres.Version+2,
			postgres.Version+1), backend.ErrInvalid, "a newer version"},
		{"of no version", "UPDATE pouncet.deployment SET schema_version = 0, works_with = 0", backend.ErrCorrupt,
			"version 0"},
		{"half migrated", "DROP TABLE pouncet.comparison", backend.ErrCorrupt, "comparison"},
		{"without its version", "ALTER TABLE pouncet.deployment DROP COLUMN schema_version", backend.ErrCorrupt, "version"},
		{"without an id", "DELETE FROM pouncet.deployment", backend.ErrCorrupt, "deployment id"},
		{"with another column", "ALTER TABLE pouncet.token ADD COLUMN extra text", backend.ErrCorrupt, "token.extra"},
		{"with another type", "ALTER TABLE pouncet.version ALTER COLUMN form TYPE varchar(9)", backend.ErrCorrupt, "form"},
		{"without a unique place", "ALTER TABLE pouncet.object DROP CONSTRAINT object_place", backend.ErrCorrupt,
			"key object"},
		{"with a trigger", `CREATE FUNCTION pouncet.undo() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
			CREATE TRIGGER undo BEFORE DELETE ON pouncet.token FOR EACH ROW EXECUTE FUNCTION pouncet.undo()`,
			backend.ErrCorrupt, "undo"},
		{"with a rule", "CREATE RULE keep AS ON DELETE TO pouncet.token DO INSTEAD NOTHING", backend.ErrCorrupt, "keep"},
		{"with row security", "ALTER TABLE pouncet.token ENABLE ROW LEVEL SECURITY", backend.ErrCorrupt, "row security"},
		{"with a view", "CREATE VIEW pouncet.everything AS SELECT * FROM pouncet.version", backend.ErrCorrupt, "everything"},
		{"empty", "DROP SCHEMA pouncet CASCADE", backend.ErrNotFound, "holds no data"},
		{"read-only", "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', " +
			"current_database()); END $$", backend.ErrUnavailable, "read-only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := created(t)
			postgrestest.Exec(t, address, "SET client_min_messages = warning; "+c.statements)
			s, err := postgres.Open(t.Context(), address)
			if err == nil {
				_ = s.Close()
			}
			wantError(t, err, c.want)
			if !strings.Contains(everyText(err), c.says) || !strings.Contains(everyText(err), "database test_") {
				t.Errorf("the error does not say %q and the name of the database: %v", c.says, err)
			}
			if backend.AsError(err).Hint == "" {
				t.Errorf("the error has no hint: %v", err)
			}
		})
	}
}

func TestOpenUsesANewerSchemaThatWorksWithIt(t *testing.T) {
	address := created(t)
	postgrestest.Exec(t, address, fmt.Sprintf(`ALTER TABLE pouncet.token ADD COLUMN extra text;
		UPDATE pouncet.deployment SET schema_version = %d`, postgres.Version+1))
	_ = open(t, address).Close()

	postgrestest.Exec(t, address, "CREATE RULE keep AS ON DELETE TO pouncet.token DO INSTEAD NOTHING")
	_, err := postgres.Open(t.Context(), address)
	wantError(t, err, backend.ErrCorrupt)
}

// A database that is named as a replica, but is a primary, gets an error that says so.
func TestADatabaseThatIsNoReplica(t *testing.T) {
	address := created(t)
	postgrestest.Exec(t, address, "UPDATE pouncet.deployment SET id = 'this'")
	s := opened(t, address)
	another := created(t)
	postgrestest.Exec(t, another, "UPDATE pouncet.deployment SET id = 'another'")
	for address, want := range map[string]string{another: "belongs to another deployment",
		postgrestest.Database(t): "holds no data of Pouncet"} {
		r, err := s.Replica(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		err = r.View(t.Context(), func(store.Tx) error { return nil })
		wantError(t, err, backend.ErrUnavailable)
		if !strings.Contains(err.Error(), want) || !strings.Contains(backend.AsError(err).Hint, "URL of the replica") {
			t.Errorf("the error is %v, and its hint %q; want %q", err, backend.AsError(err).Hint, want)
		}
		_ = r.Close()
	}
}

// A role without rights gets an error that says so.
func TestARoleWithoutRightsIsRefused(t *testing.T) {
	server := postgrestest.Shared(t)
	address := created(t)
	server.Exec(t, "postgres", "CREATE ROLE reader LOGIN")
	t.Cleanup(func() { server.Exec(t, "postgres", "DROP ROLE reader") })
	asReader := strings.Replace(address, postgrestest.User+"@", "reader@", 1)
	_, err := postgres.Open(t.Context(), asReader)
	wantError(t, err, backend.ErrDenied)
	empty := strings.Replace(postgrestest.Database(t), postgrestest.User+"@", "reader@", 1)
	err = postgres.Create(t.Context(), empty, noContent)
	wantError(t, err, backend.ErrUnavailable)

	t.Cleanup(func() { postgrestest.Exec(t, address, "DROP OWNED BY reader") })
	if _, err := postgres.Migrate(t.Context(), address, "reader"); err != nil {
		t.Fatal(err)
	}
	s := opened(t, asReader)
	postgrestest.Exec(t, address, "REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA pouncet FROM reader")
	err = s.Update(t.Context(), func(tx store.Tx) error { return tx.DeleteToken(t.Context(), "x") })
	wantError(t, err, backend.ErrUnavailable)
	if err := s.Reads().AppendRecords(t.Context(), store.Record{}); !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

// A database that comes back is used again, without a restart.
func TestADatabaseThatComesBackIsUsedAgain(t *testing.T) {
	server := postgrestest.Start(t)
	address := server.URL("postgres")
	if err := postgres.Create(t.Context(), address, noContent); err != nil {
		t.Fatal(err)
	}
	s := opened(t, address)
	change := func() error {
		return s.Update(t.Context(), func(tx store.Tx) error { return tx.DeleteToken(t.Context(), "x") })
	}
	look := func() error {
		return s.View(t.Context(), func(tx store.Tx) error {
			_, err := tx.Tokens(t.Context())
			return err
		})
	}
	for _, f := range []func() error{change, look} {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
	server.Kill()
	for _, f := range []func() error{change, look, func() error { return s.Check(t.Context()) }} {
		wantError(t, f(), backend.ErrUnavailable)
	}
	if err := server.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, f := range []func() error{change, look, func() error { return s.Check(t.Context()) }} {
		if err := f(); err != nil {
			t.Error(err)
		}
	}
}
