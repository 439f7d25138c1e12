// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/storetest"
)

// opener opens one database for each folder. prepare changes a new one, and returns the URL with which it is opened.
func opener(prepare func(t testing.TB, address string) string) storetest.Open {
	var mu sync.Mutex
	addresses := map[string]string{}
	return func(t testing.TB, dir string) store.Store {
		t.Helper()
		mu.Lock()
		address, ok := addresses[dir]
		mu.Unlock()
		if !ok {
			address = created(t)
			if prepare != nil {
				address = prepare(t, address)
			}
			mu.Lock()
			addresses[dir] = address
			mu.Unlock()
		}
		return open(t, address)
	}
}

// created returns the URL of a new database with the schema.
func created(t testing.TB) string {
	t.Helper()
	address := postgrestest.Database(t)
	if err := postgres.Create(t.Context(), address, noContent); err != nil {
		t.Fatal(err)
	}
	return address
}

func noContent(context.Context, store.Store) error { return nil }

// open opens a database, which the caller closes.
func open(t testing.TB, address string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// opened opens a database until the test ends.
func opened(t testing.TB, address string) *postgres.Store {
	t.Helper()
	s := open(t, address)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	postgrestest.Shared(t)
	storetest.Run(t, opener(nil))
}

// The project leads the keys, so that a large deployment can partition its tables. The rights of a serving role are
// enough for everything that a server does.
func TestConformanceAsServingRoleWithTablesPartitionedByProject(t *testing.T) {
	servingRole(t, "serving")
	storetest.Run(t, opener(func(t testing.TB, address string) string {
		partition(t, address)
		served(t, address, "serving")
		return as(address, "serving")
	}))
}

// partition partitions the empty tables of a database by the column that leads their key.
func partition(t testing.TB, address string) {
	t.Helper()
	var statements strings.Builder
	statements.WriteString("SET search_path = pouncet; ALTER TABLE version DROP CONSTRAINT version_object;")
	for _, table := range []struct{ name, column string }{
		{"object", "project"}, {"version", "project"}, {"environment_key", "project"}, {"change_log", "log"},
		{"change_record", "log"}, {"read_log", "log"}, {"read_record", "log"},
	} {
		fmt.Fprintf(&statements, `ALTER TABLE %[1]s RENAME TO plain;
			CREATE TABLE %[1]s (LIKE plain INCLUDING ALL) PARTITION BY HASH (%[2]s);
			CREATE TABLE %[1]s_0 PARTITION OF %[1]s FOR VALUES WITH (MODULUS 2, REMAINDER 0);
			CREATE TABLE %[1]s_1 PARTITION OF %[1]s FOR VALUES WITH (MODULUS 2, REMAINDER 1);
			DROP TABLE plain;`, table.name, table.column)
	}
	statements.WriteString("ALTER TABLE version ADD CONSTRAINT version_object FOREIGN KEY (project, object) " +
		"REFERENCES object (project, id)")
	postgrestest.Exec(t, address, statements.String())
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want the code of %v", err, backend.AsError(want).Code)
	}
}
