// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The page docs/format.md has a section for each table, with a row for each column. A column that is not there has not
// been thought about: what binds it, and what a change of it means.
func TestFormatPageListsEveryColumn(t *testing.T) {
	path := newDatabase(t)
	stored, listed := storedColumns(t, path), listedColumns(t, "../../../docs/format.md")
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
		for _, row := range columnRow.FindAllStringSubmatch(section, -1) {
			if !strings.HasPrefix(row[1], "Column") {
				columns = append(columns, table+"."+row[1])
			}
		}
	}
	return columns
}
