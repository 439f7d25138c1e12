// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"context"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// The tree of a log that is older than the hashes begins with the next record, and programs of the version before
// cannot add records without a hash.
func TestAnOlderLogBeginsItsTreeWithTheNextRecord(t *testing.T) {
	older, address := postgres.OfVersion(proofVersion-1), postgrestest.Database(t)
	nothing := func(context.Context, store.Store) error { return nil }
	if err := older.Create(t.Context(), address, nothing); err != nil {
		t.Fatal(err)
	}
	s, err := older.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	postgrestest.Exec(t, address, `INSERT INTO pouncet.change_log (log, next) VALUES ('p', 3);
		INSERT INTO pouncet.change_record (log, number, at, principal, role, verb, phase, code, detail)
		SELECT 'p', n, 1, '', '', 'apply', '', 'ok', '{}' FROM generate_series(1, 2) AS s (n)`)
	m, err := postgres.CheckMigration(t.Context(), address, "")
	if err != nil || !m.Stop {
		t.Fatalf("the check of the migration finds %+v, %v", m, err)
	}
	if _, err := postgres.Migrate(t.Context(), address, ""); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Update(t.Context(), func(store.Tx) error { return nil }), backend.ErrInvalid)
	newer := opened(t, address)
	err = newer.ViewRecords(t.Context(), func(tx store.RecordTx) error {
		logs, err := tx.Logs(t.Context())
		if err != nil || len(logs) != 1 || logs[0].First != 3 || len(logs[0].Head) != 0 {
			t.Errorf("the logs are %+v, %v", logs, err)
		}
		records, err := tx.RecordsFrom(t.Context(), "p", 1, 10)
		if err != nil || len(records) != 2 || len(records[0].Hash) != 0 {
			t.Errorf("the records are %+v, %v", records, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// proofVersion is the version of the schema that has hashes.
const proofVersion = 2
