// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// setRetention writes a setting to config.json.
func setRetention(t *testing.T, folder, retention string) {
	t.Helper()
	path := filepath.Join(folder, "config.json")
	text, err := os.ReadFile(path)
	settings := map[string]any{}
	if err != nil || json.Unmarshal(text, &settings) != nil {
		t.Fatal(err)
	}
	settings["audit_retention"] = retention
	if text, err = json.Marshal(settings); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// addRecords adds records with a verb that are as old as age.
func addRecords(t *testing.T, l store.RecordLog, n int, verb string, age time.Duration) {
	t.Helper()
	records := make([]store.Record, n)
	for i := range records {
		records[i] = store.Record{At: time.Now().Add(-age), Verb: verb}
	}
	if err := l.AppendRecords(t.Context(), records...); err != nil {
		t.Fatal(err)
	}
}

// oldRecords adds records as earlier versions did: they have no numbers.
func oldRecords(t *testing.T, folder string, n int, age time.Duration) {
	t.Helper()
	change(t, folder, fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO record (at, principal, role, verb, phase, code, detail)
		SELECT %d, '', 'admin', 'old', 'intent', 'ok', x'7b7d' FROM n`, n, time.Now().Add(-age).UnixMicro()))
}

const year = 365 * 24 * time.Hour

func TestOldRecordsAreDeleted(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	change(t, c.Path, "DELETE FROM change_record")
	parts := embeddedIn(t, c.Path)
	synctest.Test(t, func(t *testing.T) {
		oldRecords(t, c.Path, 600, year+time.Hour)
		addRecords(t, parts.Store, 900, "old", year+time.Hour)
		addRecords(t, parts.Reads, 1500, "old", year+time.Hour)
		addRecords(t, parts.Store, 1, "young", year-time.Hour)
		addRecords(t, parts.Reads, 1, "young", year-time.Hour)
		parts.KeepRecords(year)
		go parts.KeepSwept(t.Context(), time.Hour, func(err error) { t.Error(err) })
		time.Sleep(30 * time.Minute) // after two batches
		synctest.Wait()
		got := recordsOf(t, c.Path)
		if strings.Contains(got, " old/") || strings.Count(got, " young/") != 2 ||
			strings.Count(got, "pouncet expire/") != 5 {
			t.Errorf("records\n%s", got)
		}
		for want, n := range map[int]int{600: 1, 400: 1, 500: 2, 1000: 1} {
			if strings.Count(got, fmt.Sprintf(`{"deleted_records":%d,"before":"`, want)) != n {
				t.Errorf("the audit log has not %d records of %d deleted ones:\n%s", n, want, got)
			}
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if got := recordsOf(t, c.Path); strings.Contains(got, " young/") || strings.Count(got, "pouncet expire/") != 7 {
			t.Errorf("later, the records are\n%s", got)
		}
	})
}

func TestCommandsDeleteOldRecords(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	change(t, c.Path, "DELETE FROM change_record")
	parts := embeddedIn(t, c.Path)
	addRecords(t, parts.Store, 3, "old", year)
	addRecords(t, parts.Reads, 3, "old", year)
	_ = opened(t, c).Close()
	if got := recordsOf(t, c.Path); strings.Count(got, " old/") != 6 {
		t.Errorf("without a retention, the records are\n%s", got)
	}
	setRetention(t, c.Path, "48h")
	addRecords(t, parts.Store, 1, "young", time.Hour)
	_ = opened(t, c).Close()
	_ = opened(t, c).Close()
	got := recordsOf(t, c.Path)
	if strings.Contains(got, " old/") || strings.Count(got, " young/") != 1 ||
		strings.Count(got, `{"deleted_records":3,`) != 2 || strings.Count(got, "expire/") != 2 {
		t.Errorf("records\n%s", got)
	}
	// Settings that Pouncet writes keep the retention.
	if err := createEnvironment(opened(t, c), "own", keyURI(filepath.Join(t.TempDir(), "own.key")), false); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(c.Path, "config.json"))
	if err != nil || !strings.Contains(string(text), `"audit_retention": "48h"`) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestAShortRetentionIsRefused(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	for _, bad := range []string{"1h", "0s", "-8760h", "a year", "365 days"} {
		setRetention(t, c.Path, bad)
		_, err := open.Open(t.Context(), c)
		if !errors.Is(err, backend.ErrInvalid) || !strings.Contains(err.Error(), bad) {
			t.Errorf("retention %q: %v", bad, err)
		}
	}
	if open.CheckAuditRetention(time.Hour) == nil || open.CheckAuditRetention(24*time.Hour) != nil {
		t.Error("the retention of the server has another limit")
	}
}
