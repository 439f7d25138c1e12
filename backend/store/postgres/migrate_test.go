// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// A migration that only the tests add. Programs of the earlier version go on.
var addition = fmt.Sprintf("-- works_with = %d\n", postgres.Version) + `
	ALTER TABLE object ADD COLUMN more text COLLATE "C" NOT NULL DEFAULT '';
	ALTER TABLE version ADD COLUMN more bigint NOT NULL DEFAULT 0;
	CREATE TABLE another (id text COLLATE "C" NOT NULL PRIMARY KEY);
	CREATE INDEX another_token ON token (name)`

// A migration after which programs of the earlier version cannot go on.
var breaking = fmt.Sprintf("-- works_with = %d\n", postgres.Version+1) + `
	ALTER TABLE comparison RENAME COLUMN count TO times`

func next(t testing.TB) postgres.Program {
	t.Helper()
	return postgres.Program{}.WithMigration(t, "0003_addition", addition)
}

func TestOneOfManyStartersMigrates(t *testing.T) {
	program, address := next(t), created(t)
	m, err := program.Check(t.Context(), address, "")
	if err != nil || !m.IsNeeded() || m.Stop || !slices.Equal(m.Steps, []string{"0003_addition"}) {
		t.Fatalf("the check finds %+v, %v", m, err)
	}
	var mu sync.Mutex
	made := 0
	var starters sync.WaitGroup
	for range 8 {
		starters.Go(func() {
			m, err := program.Migrate(t.Context(), address, "")
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			made += len(m.Steps)
		})
	}
	starters.Wait()
	if made != 1 {
		t.Errorf("the migration was made %d times", made)
	}
	if m, err := program.Check(t.Context(), address, ""); err != nil || m.IsNeeded() || m.Version != postgres.Version+1 {
		t.Errorf("the check finds %+v, %v", m, err)
	}
	for _, p := range []postgres.Program{{}, program} { // both versions
		s, err := p.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Close()
	}
	if m, err := postgres.CheckMigration(t.Context(), address, ""); err != nil || m.IsNeeded() {
		t.Errorf("the check of the earlier version finds %+v, %v", m, err)
	}
}

// A program that runs ends its calls as soon as a migration was made that it does not work with.
func TestAProgramThatCannotGoOnEndsItsCalls(t *testing.T) {
	program, address := postgres.Program{}.WithMigration(t, "0003_breaking", breaking), created(t)
	s := opened(t, address)
	m, err := program.Check(t.Context(), address, "")
	if err != nil || !m.Stop {
		t.Fatalf("the check finds %+v, %v", m, err)
	}
	if _, err := program.Migrate(t.Context(), address, ""); err != nil {
		t.Fatal(err)
	}
	nothing := func(store.Tx) error {
		t.Error("a transaction begins")
		return nil
	}
	for _, err := range []error{
		s.View(t.Context(), nothing), s.Update(t.Context(), nothing), s.Check(t.Context()),
	} {
		wantError(t, err, backend.ErrInvalid)
		if !strings.Contains(everyText(err), "a newer version of Pouncet wrote database") {
			t.Error(everyText(err))
		}
	}
}

func TestDatabasesOfOtherVersionsAreRefused(t *testing.T) {
	program, newer := next(t), fmt.Sprint(postgres.Version+1)
	for _, c := range []struct {
		name, statements string
		program          postgres.Program
		want             error
		says             []string
	}{
		{"older", "", program, backend.ErrInvalid, []string{
			fmt.Sprint("has version ", postgres.Version), "needs " + newer, "pouncet server migrate --apply"}},
		{"newer", "UPDATE pouncet.deployment SET schema_version = " + newer + ", works_with = " + newer,
			postgres.Program{}, backend.ErrInvalid, []string{"a newer version", "use that version"}},
		{"half migrated by hand", "ALTER TABLE pouncet.version ADD COLUMN more bigint NOT NULL DEFAULT 0", program,
			backend.ErrCorrupt, []string{"half migrated", "version.more", "restore"}},
		{"that says more than it has", "UPDATE pouncet.deployment SET schema_version = " + newer, program,
			backend.ErrCorrupt, []string{"half migrated", "another.id", "restore"}},
		{"changed", "ALTER TABLE pouncet.version ADD COLUMN other bigint", program, backend.ErrCorrupt,
			[]string{"changed outside Pouncet"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := created(t)
			postgrestest.Exec(t, address, c.statements)
			_, err := c.program.Open(t.Context(), address)
			wantError(t, err, c.want)
			for _, part := range c.says {
				if text := everyText(err); !strings.Contains(text, part) {
					t.Errorf("%q does not say %q", text, part)
				}
			}
			if c.name == "older" {
				return
			}
			if _, err := c.program.Migrate(t.Context(), address, ""); err == nil {
				t.Error("a migration changes it")
			}
		})
	}
}

// A migration that fails or whose connection ends leaves the database as it was.
func TestAMigrationThatEndsEarlyChangesNothing(t *testing.T) {
	address := created(t)
	before := dump(t, address)
	for _, end := range []string{
		"SELECT 1/0",
		"SELECT pg_terminate_backend(pg_backend_pid())",
		"UPDATE pouncet.token SET absent = 1",
		"ALTER TABLE object ALTER COLUMN revision TYPE numeric", // it rewrites the table
	} {
		program := next(t)
		program.Append(end)
		if _, err := program.Migrate(t.Context(), address, ""); err == nil {
			t.Errorf("%s: the migration succeeds", end)
		}
		if after := dump(t, address); after != before {
			t.Errorf("%s: the schema is now\n%s", end, after)
		}
		_ = open(t, address).Close()
	}
}

func dump(t testing.TB, address string) string {
	t.Helper()
	text, err := postgres.SchemaOf(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A migration waits for a transaction that runs, and does not keep others waiting meanwhile.
func TestAMigrationWaitsForATransactionThatRuns(t *testing.T) {
	program, address := next(t), created(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) //nolint:errcheck // the test is over
	if _, err := conn.Exec(t.Context(), "BEGIN; SELECT count(*) FROM pouncet.version"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := program.Migrate(t.Context(), address, "")
		done <- err
	}()
	s := opened(t, address)
	waitFor(t, address, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'relation')")
	for range 3 { // each may wait for one attempt of the migration
		err := s.View(t.Context(), func(tx store.Tx) error {
			_, err := tx.VersionsOf(t.Context(), "p", "o", false)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-done:
		t.Fatalf("the migration does not wait: %v", err)
	default:
	}
	if _, err := conn.Exec(t.Context(), "SELECT count(*) FROM pouncet.token; COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// waitFor waits until a query returns true.
func waitFor(t testing.TB, address, query string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) //nolint:errcheck // nothing was written
	for holds := false; !holds; {
		if err := conn.QueryRow(t.Context(), query).Scan(&holds); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", query, err))
		}
		if !holds {
			time.Sleep(time.Millisecond)
		}
	}
}
