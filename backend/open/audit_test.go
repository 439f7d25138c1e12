// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// recordsOf returns the audit log of a backend, one record a line: records of earlier versions, of changes and of
// reads.
func recordsOf(t *testing.T, folder string) string {
	t.Helper()
	return strings.TrimLeft(recordsIn(t, folder, "pouncet.db", "record")+"\n"+changesOf(t, folder)+"\n"+
		readsOf(t, folder), "\n")
}

func changesOf(t *testing.T, folder string) string {
	t.Helper()
	return recordsIn(t, folder, "pouncet.db", "change_record")
}

func readsOf(t *testing.T, folder string) string {
	t.Helper()
	return recordsIn(t, folder, "pouncet-reads.db", "read_record")
}

func recordsIn(t *testing.T, folder, file, table string) string {
	t.Helper()
	return recordsWith(t, folder, file,
		"SELECT principal || ' ' || verb || '/' || phase || ' ' || code || ' ' || detail FROM "+table+" ORDER BY seq")
}

// recordsWith returns the rows of a query with one column, one a line.
func recordsWith(t *testing.T, folder, file, query string) string {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(folder, file))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}

func TestTheFirstTokenIsRecorded(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	got := changesOf(t, c.Path)
	for _, want := range []string{" apply/ ok ", "local:",
		`"kind":"token","name":"first-token","op":"create","role":"admin","action":"create"`,
		`"kind":"project","name":"default","op":"create","action":"create"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the audit log has no %q:\n%s", want, got)
		}
	}
}

func TestTheTokensOfAnUpgradeAreRecorded(t *testing.T) {
	folder := unsigned(t, 1)
	_ = embeddedIn(t, folder).Close()
	_ = embeddedIn(t, folder).Close()
	got := recordsOf(t, folder)
	if strings.Count(got, " upgrade/ ok ") != 1 || !strings.Contains(got, `"kind":"token","name":"job",`) ||
		!strings.Contains(got, `"role":"runtime"`) {
		t.Errorf("the audit log has no record of the tokens that the upgrade signed:\n%s", got)
	}
}
