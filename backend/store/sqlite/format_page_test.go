// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// The page docs/format.md has a section for each table, with a row for each column. A column that is not there has not
// been thought about: what binds it, and what a change of it means.
func TestFormatPageListsEveryColumn(t *testing.T) {
	path := newDatabase(t)
	reads, _ := newReadLog(t, path)
	stored, listed := storedColumns(t, path), listedColumns(t, "../../../docs/format.md")
	stored = append(stored, storedColumns(t, reads)...) // the table deployment is in both files
	for _, column := range stored {
		if !slices.Contains(listed, column) {
			t.Errorf("the page does not list column %s", column)
		}
	}
	for _, column := range listed {
		if !slices.Contains(stored, column) {
			t.Errorf("the page lists column %s, which does not exist", column)
		}
	}
}

// A trigger could undo a change, and an index could hide a row from a lookup.
func TestOpenRefusesAChangedSchema(t *testing.T) {
	if got, err := sqlite.ReleasedReadSchemaHash(t.Context()); err != nil || got != sqlite.ReadSchemaHash {
		t.Fatalf("the file with the records of reads has a schema with the hash %s (%v); schema.go expects %s", got, err,
			sqlite.ReadSchemaHash)
	}
	if got, err := sqlite.ReleasedSchemaHash(t.Context()); err != nil || got != sqlite.SchemaHash {
		t.Fatalf("the migrations make a schema with the hash %s (%v); schema.go expects %s", got, err, sqlite.SchemaHash)
	}
	for name, statements := range map[string]string{
		"trigger undo": `CREATE TRIGGER undo AFTER DELETE ON token BEGIN INSERT INTO token VALUES ('x', old.name, '', 'admin',
			'person', old.hash, x'', 1, 0, 0, x''); END`,
		"index hidden":           "CREATE INDEX hidden ON object (name) WHERE name <> 'x'",
		"view everything":        "CREATE VIEW everything AS SELECT * FROM version",
		"table extra":            "CREATE TABLE extra (x TEXT)",
		"index object_by_type":   "DROP INDEX object_by_type; CREATE INDEX object_by_type ON object (project, type)",
		"a table or an index is": "DROP INDEX object_by_link",
	} {
		path := newDatabase(t)
		db := raw(t, path)
		mustExec(t, db, statements)
		_ = db.Close()
		s, err := sqlite.Open(t.Context(), path)
		if err == nil {
			_ = s.Close()
		}
		wantError(t, err, backend.ErrCorrupt, path)
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name the %s: %v", name, err)
		}
	}
}

// storedColumns returns the columns of a database, as table.column.
func storedColumns(t *testing.T, path string) []string {
	t.Helper()
	rows, err := raw(t, path).QueryContext(t.Context(),
		"SELECT t.name || '.' || c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var columns []string
	for rows.Next() {
		var column string
		if err := rows.Scan(&column); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, column)
	}
	if err := rows.Err(); err != nil || len(columns) == 0 {
		t.Fatalf("%d columns, %v", len(columns), err)
	}
	return columns
}

var (
	tableHeading = regexp.MustCompile(`(?m)^### (\w+)$`)
	columnRow    = regexp.MustCompile(`(?m)^\| (\w+) \|`)
)

// listedColumns returns the columns in the sections of a page, as table.column.
func listedColumns(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	headings := tableHeading.FindAllStringSubmatchIndex(string(text), -1)
	for i, heading := range headings {
		end := len(text)
		if i+1 < len(headings) {
			end = headings[i+1][0]
		}
		table, section := string(text[heading[2]:heading[3]]), string(text[heading[1]:end])
		section, _, _ = strings.Cut(section, "\n## ") // the sections about other things
		for _, row := range columnRow.FindAllStringSubmatch(section, -1) {
			if !strings.HasPrefix(row[1], "Column") {
				columns = append(columns, table+"."+row[1])
			}
		}
	}
	return columns
}
