// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// through returns the URL of the same database through a pooler.
func through(t *testing.T, address, pooler string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return "postgres://" + postgrestest.User + "@" + pooler + u.Path + "?sslmode=disable"
}

// A pooler that keeps the session of each connection can be between the servers and PostgreSQL.
func TestServersUseAPoolerInSessionMode(t *testing.T) {
	server := postgrestest.Shared(t)
	direct := postgrestest.Database(t)
	address := through(t, direct, server.Pooler(t, "session"))
	if err := postgres.Create(t.Context(), address, noContent); err != nil {
		t.Fatal(err)
	}
	one, other := opened(t, address), opened(t, address)
	for _, s := range []*postgres.Store{one, other} {
		if err := s.Update(t.Context(), inserting(t, secret("of_"+string('a'+rune(len(names(t, s))))))); err != nil {
			t.Error(err)
		}
		reads(t, s, 4)
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if a, b := names(t, one), names(t, other); a != b || len(strings.Fields(a)) != 2 {
		t.Errorf("the servers see %q and %q", a, b)
	}
	wantReads(t, direct, 1, 8)
}

// A pooler that gives each transaction another session is refused with one error.
func TestAPoolerWithoutSessionsIsRefused(t *testing.T) {
	server := postgrestest.Shared(t)
	for _, mode := range []string{"transaction", "statement"} {
		t.Run(mode, func(t *testing.T) {
			pooler := server.Pooler(t, mode)
			full, empty := through(t, created(t), pooler), through(t, postgrestest.Database(t), pooler)
			for range 3 { // later connections find sessions that are idle
				_, err := postgres.Open(t.Context(), full)
				wantPooler(t, err, backend.ErrInvalid, "gives each transaction another session", "pool_mode = session")
				err = postgres.Create(t.Context(), empty, noContent)
				wantPooler(t, err, backend.ErrInvalid, "gives each transaction another session", "pool_mode = session")
			}
			if rows := query(t, empty, "SELECT nspname FROM pg_namespace"); slices.Contains(rows, "pouncet") {
				t.Error("the database is not empty any more")
			}
		})
	}
}

// What a pooler itself refuses is no fault of the network.
func TestARefusalOfAPoolerIsReported(t *testing.T) {
	server := postgrestest.Shared(t)
	address := through(t, created(t), server.Pooler(t, "session")) + "&work_mem=1GB"
	_, err := postgres.Open(t.Context(), address)
	wantPooler(t, err, backend.ErrUnavailable, "refuses the connection", "parameters in the URL")
}

// A server does not connect to a replica when it starts. The error comes when the pooler gives another session.
func TestAReplicaBehindAPoolerWithoutSessionsIsReported(t *testing.T) {
	server := postgrestest.Shared(t)
	address := created(t)
	replica := through(t, address, server.Pooler(t, "transaction"))
	r, err := opened(t, address).Replica(t.Context(), replica)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // it always returns nil
	look := func() error {
		return r.View(t.Context(), func(tx store.Tx) error {
			_, err := tx.Tokens(t.Context())
			return err
		})
	}
	if err := look(); err != nil {
		t.Fatal(err)
	}
	for range 5 { // the view before may not have given back its session yet
		other, err := pgx.Connect(t.Context(), replica)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close(t.Context())                              //nolint:errcheck // nothing was written
		if _, err := other.Exec(t.Context(), "BEGIN"); err != nil { // takes the session that was used last
			t.Fatal(err)
		}
		if err = look(); err != nil {
			wantPooler(t, err, backend.ErrUnavailable, "gives each transaction another session", "pool_mode = session")
			return
		}
	}
	t.Error("the replica answers from any session")
}

func wantPooler(t *testing.T, err, want error, says ...string) {
	t.Helper()
	wantError(t, err, want)
	for _, text := range says {
		if !strings.Contains(everyText(err), text) {
			t.Errorf("%s does not say %q", everyText(err), text)
		}
	}
}

// A temporary table is used after those of Pouncet, a commit is on the disk, and nobody waits for ever, whatever the
// database and the URL say.
func TestSettingsOfSessions(t *testing.T) {
	names := []string{"search_path", "lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit",
		"plan_cache_mode"}
	for _, c := range []struct{ database, url, commit string }{
		{"on", "", "on"},
		{"off", "", "on"},
		{"on", "&synchronous_commit=off", "on"},
		{"remote_apply", "", "remote_apply"},
	} {
		address := created(t)
		postgrestest.Exec(t, address, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = `+c.database+
			`', current_database()); END $$`)
		s := opened(t, address+c.url+"&search_path=public&lock_timeout=0&idle_in_transaction_session_timeout=0")
		changes, reads := postgres.SettingsOf(t, s, names...)
		want := []string{"pouncet, pg_temp", "30s", "1min", c.commit, "force_generic_plan"}
		if !slices.Equal(changes, want) {
			t.Errorf("%+v: the sessions of changes have %q, want %q", c, changes, want)
		}
		if want[4] = "auto"; !slices.Equal(reads, want) {
			t.Errorf("%+v: the sessions of reads have %q, want %q", c, reads, want)
		}
	}
}
