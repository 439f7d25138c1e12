// SPDX-License-Identifier: MPL-2.0

package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTablesFitTheTerminal(t *testing.T) {
	list := table{titles: []string{"NAME", "ENVIRONMENT", "DESCRIPTION", "UPDATED", "ID"}}
	list.add("db_password", "production", strings.Repeat("für alle ", 20), "2026-11-27 07:36 UTC",
		"01a21bee-cf70-7ead-83f7-a3cf9389b444")
	list.add(strings.Repeat("n", 60), "*", "", "", "01a21bee-cf70-7ead-83f7-a3cf9389b445")
	for width, columns := range map[int]int{400: 5, 160: 5, 120: 4, 80: 2, 20: 1, 1: 1} {
		widths := list.fit(list.widths(), width)
		if len(widths) != columns {
			t.Errorf("width %d: %d columns, want %d", width, len(widths), columns)
		}
		for _, row := range list.rows {
			text := line(row, widths)
			if n := utf8.RuneCountInString(text); n > width && columns > 1 {
				t.Errorf("width %d: the line has %d characters: %q", width, n, text)
			}
			if !strings.HasPrefix(text, row[0]) {
				t.Errorf("width %d: the name is cut: %q", width, text)
			}
			if columns == 5 && !strings.HasSuffix(text, row[4]) {
				t.Errorf("width %d: the id is cut: %q", width, text)
			}
		}
	}
}

// On a narrow terminal, the problem of a staged change stays before the names of those who staged it.
func TestProblemsStayOnANarrowTerminal(t *testing.T) {
	table := table{titles: []string{"KIND", "NAME", "ENVIRONMENT", "SCOPE", "CHANGE", "PROBLEM", "BY"}}
	table.add("secret", "database_password", "production", "project", "changes the value", "stale: was changed",
		"somebody@example.com, somebody-else@example.com")
	widths := table.fit(table.widths(), 90)
	if len(widths) < 6 {
		t.Errorf("only %d columns are left", len(widths))
	}
}
