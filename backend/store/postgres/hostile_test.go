// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// call is one of the calls that use a database.
type call struct {
	name string
	run  func(ctx context.Context, s *postgres.Store) error
}

var calls = []call{
	{"View", func(ctx context.Context, s *postgres.Store) error {
		return s.View(ctx, func(tx store.Tx) error {
			_, err := tx.Tokens(ctx)
			return err
		})
	}},
	{"Update", func(ctx context.Context, s *postgres.Store) error {
		return s.Update(ctx, func(tx store.Tx) error { return tx.DeleteToken(ctx, "x") })
	}},
	{"AppendRecords", func(ctx context.Context, s *postgres.Store) error {
		return s.Reads().AppendRecords(ctx, store.Record{Log: "a"})
	}},
	{"Check", func(ctx context.Context, s *postgres.Store) error { return s.Check(ctx) }},
}

// wantAll checks that each call ends with an error that names the database and says something, or without one.
func wantAll(t *testing.T, ctx context.Context, s *postgres.Store, says string) {
	t.Helper()
	for _, c := range calls {
		err := c.run(ctx, s)
		switch {
		case says == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case says == "":
		case err == nil || !strings.Contains(everyText(err), says) || !strings.Contains(err.Error(), s.Name()):
			t.Errorf("%s: %v; want an error that says %q", c.name, err, says)
		case backend.AsError(err).Hint == "":
			t.Errorf("%s: the error has no hint: %v", c.name, err)
		}
	}
}

// endSessions ends the sessions of a database, as an administrator does.
func endSessions(t *testing.T, s *postgres.Store) {
	t.Helper()
	postgrestest.Shared(t).Exec(t, "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+
		strings.Fields(s.Name())[0]+"'")
}

// A change that was acknowledged is there, whatever session an administrator ends.
func TestEndedSessionsLoseNothing(t *testing.T) {
	s := opened(t, created(t))
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				name := fmt.Sprintf("s_%d_%d", w, i)
				err := s.Update(t.Context(), func(tx store.Tx) error { return tx.InsertObject(t.Context(), secret(name)) })
				if err != nil && !errors.Is(err, backend.ErrUnavailable) {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					acknowledged[name] = true
					mu.Unlock()
				}
			}
		})
	}
	for range 20 {
		endSessions(t, s)
	}
	close(stop)
	writers.Wait()
	stored := map[string]bool{}
	for _, name := range strings.Fields(names(t, s)) {
		stored[name] = true
	}
	for name := range acknowledged {
		if !stored[name] {
			t.Errorf("secret %s was acknowledged, and is lost", name)
		}
	}
	wantAll(t, t.Context(), s, "")
}

// A session that an administrator ends in the middle of a change makes the change run again. If the connection breaks
// before PostgreSQL's message of it is read, the change ends with ErrUnavailable, and nothing was changed.
func TestAnEndedSessionRunsTheFunctionAgain(t *testing.T) {
	s := opened(t, created(t))
	for range 50 {
		runs := 0
		err := s.Update(t.Context(), func(tx store.Tx) error {
			if runs++; runs == 1 {
				endSessions(t, s)
			}
			if _, err := tx.Tokens(t.Context()); err != nil {
				return err
			}
			return tx.InsertObject(t.Context(), secret("a"))
		})
		if errors.Is(err, backend.ErrUnavailable) && runs == 1 && names(t, s) == "" {
			continue
		}
		if err != nil || runs != 2 || names(t, s) != "a" {
			t.Errorf("the function ran %d times: %v; the secrets are %q", runs, err, names(t, s))
		}
		return
	}
	t.Error("no function ran again")
}

func TestUsedUpConnectionsAreReported(t *testing.T) {
	server := postgrestest.Start(t, "max_connections=10", "superuser_reserved_connections=0")
	address := server.URL("postgres")
	if err := postgres.Create(t.Context(), address, noContent); err != nil {
		t.Fatal(err)
	}
	s := opened(t, address)
	var held []*pgx.Conn
	for len(held) < 10 { // the sessions of the store end, and others take their place
		c, err := pgx.Connect(t.Context(), address)
		if err == nil {
			held = append(held, c)
			_, err = c.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "+
				"WHERE application_name = 'pouncet'")
		}
		if err != nil && len(held) == 0 {
			t.Fatal(err)
		}
	}
	wantAll(t, t.Context(), s, "max_connections")
	for _, c := range held {
		_ = c.Close(t.Context())
	}
	for { // a session ends some time after its connection
		if c, err := pgx.Connect(t.Context(), address); err == nil {
			_ = c.Close(t.Context())
			break
		}
	}
	wantAll(t, t.Context(), s, "")
}

// A session stays read-only after the database is not, so the store does not keep it.
func TestADatabaseThatWasReadOnlyIsUsedAgain(t *testing.T) {
	server, address := postgrestest.Shared(t), created(t)
	s := opened(t, address)
	name := strings.Fields(s.Name())[0]
	server.Exec(t, "postgres", "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	endSessions(t, s)
	for _, c := range calls[2:] {
		if err := c.run(t.Context(), s); !errors.Is(err, backend.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", c.name, err)
		}
	}
	server.Exec(t, "postgres", "ALTER DATABASE "+name+" RESET default_transaction_read_only")
	wantAll(t, t.Context(), s, "")
}

// What happens to a database under a running server gives an error that says so, and the server goes on when the
// database is right again.
func TestADatabaseThatChangesUnderAServer(t *testing.T) {
	const states = "pouncet.sealed_state"
	for _, c := range []struct{ name, change, back, says string }{
		{"a missing table", "ALTER TABLE " + states + " RENAME TO other", "ALTER TABLE pouncet.other RENAME TO sealed_state",
			"sealed_state"},
		{"a missing schema", "ALTER SCHEMA pouncet RENAME TO other", "ALTER SCHEMA other RENAME TO pouncet", ""},
		{"another deployment", "UPDATE pouncet.deployment SET id = id || 'x'",
			"UPDATE pouncet.deployment SET id = left(id, -1)", "was replaced"},
		{"another type of a column", "ALTER TABLE pouncet.token ALTER hash TYPE text USING encode(hash, 'hex')",
			"ALTER TABLE pouncet.token ALTER hash TYPE bytea USING decode(hash, 'hex')", "token.hash"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := created(t)
			s := opened(t, address)
			wantAll(t, t.Context(), s, "")
			postgrestest.Exec(t, address, c.change)
			for _, call := range calls {
				err := call.run(t.Context(), s)
				if call.name == "Check" && (err == nil || !strings.Contains(everyText(err), c.says)) {
					t.Errorf("%s: %v; want an error that says %q", call.name, err, c.says)
				}
				if err != nil && (strings.Contains(err.Error(), "moved") || !strings.Contains(err.Error(), s.Name())) {
					t.Errorf("%s: %v", call.name, err)
				}
			}
			postgrestest.Exec(t, address, c.back)
			if c.name != "another type of a column" { // a statement that was prepared before fails once
				wantAll(t, t.Context(), s, "")
			}
		})
	}
}
