// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// The tree of a log that is older than the hashes begins with the next record. A program of the version before that
// still has the file open cannot add a record without a hash.
func TestAnOlderLogBeginsItsTreeWithTheNextRecord(t *testing.T) {
	all, older := fstest.MapFS{}, fstest.MapFS{}
	copyMigrations(t, all)
	for name, file := range all {
		if name < "migrations/0007" {
			older[name] = file
		}
	}
	path := filepath.Join(t.TempDir(), "pouncet.db")
	s, err := sqlite.Create(t.Context(), path, sqlite.WithMigrations(older))
	if err != nil {
		t.Fatal(err)
	}
	db := raw(t, path)
	const insert = `INSERT INTO change_record (log, number, at, principal, role, verb, phase, code, detail)
		VALUES ('p', 1, 1, 'a', '', 'apply', '', 'ok', x'7b7d')`
	mustExec(t, db, `INSERT INTO change_log (log, next) VALUES ('p', 3)`, insert, strings.Replace(insert, "1,", "2,", 1))
	newer, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer newer.Close()
	_, err = db.ExecContext(t.Context(), `INSERT INTO change_log (log, next) VALUES ('p', 1) ON CONFLICT (log)
		DO UPDATE SET next = next + 1`)
	if err == nil || !strings.Contains(err.Error(), "next") {
		t.Errorf("the statement of the version before: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err = newer.ViewRecords(t.Context(), func(tx store.RecordTx) error {
		logs, err := tx.Logs(t.Context())
		if err != nil || len(logs) != 1 || logs[0].First != 3 || len(logs[0].Head) != 0 {
			t.Errorf("the logs are %+v, %v", logs, err)
		}
		records, err := tx.RecordsFrom(t.Context(), "p", 1, 10)
		if err != nil || len(records) < 2 || fmt.Sprint(records[0].Hash, records[1].Hash) != "[] []" {
			t.Errorf("the records are %+v, %v", records, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
