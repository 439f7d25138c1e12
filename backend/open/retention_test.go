// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"encoding/json"
	"errors"
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
func addRecords(t *testing.T, s store.Store, n int, verb string, age time.Duration) {
	t.Helper()
	for range n {
		if err := s.AppendRecord(t.Context(), store.Record{At: time.Now().Add(-age), Verb: verb}); err != nil {
			t.Fatal(err)
		}
	}
}

const year = 365 * 24 * time.Hour

func TestOldRecordsAreDeleted(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	change(t, c.Path, "DELETE FROM record")
	parts := embeddedIn(t, c.Path)
	synctest.Test(t, func(t *testing.T) {
		addRecords(t, parts.Store, 1500, "old", year+time.Hour)
		addRecords(t, parts.Store, 2, "young", year-time.Hour)
		parts.KeepRecords(year)
		go parts.KeepSwept(t.Context(), time.Hour, func(err error) { t.Error(err) })
		time.Sleep(30 * time.Minute) // after two batches
		synctest.Wait()
		got := recordsOf(t, c.Path)
		if strings.Contains(got, " old/") || strings.Count(got, " young/") != 2 ||
			strings.Count(got, "pouncet expire/") != 2 {
			t.Errorf("records\n%s", got)
		}
		for _, want := range []string{`{"deleted_records":1000,"before":"`, `{"deleted_records":500,"before":"`} {
			if !strings.Contains(got, want) {
				t.Errorf("the audit log has no %q:\n%s", want, got)
			}
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if got := recordsOf(t, c.Path); strings.Contains(got, " young/") || strings.Count(got, "pouncet expire/") != 3 {
			t.Errorf("later, the records are\n%s", got)
		}
	})
}

func TestCommandsDeleteOldRecords(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	change(t, c.Path, "DELETE FROM record")
	parts := embeddedIn(t, c.Path)
	addRecords(t, parts.Store, 3, "old", year)
	_ = opened(t, c).Close()
	if got := recordsOf(t, c.Path); strings.Count(got, " old/") != 3 {
		t.Errorf("without a retention, the records are\n%s", got)
	}
	setRetention(t, c.Path, "48h")
	addRecords(t, parts.Store, 1, "young", time.Hour)
	_ = opened(t, c).Close()
	_ = opened(t, c).Close()
	got := recordsOf(t, c.Path)
	if strings.Contains(got, " old/") || strings.Count(got, " young/") != 1 ||
		strings.Count(got, `{"deleted_records":3,`) != 1 || strings.Count(got, "expire/") != 1 {
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
	for _, bad := range []string{"1h", "0s", "-8760h", "a year", "365d"} {
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
