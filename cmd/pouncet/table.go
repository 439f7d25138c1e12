// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// table is a table for people. A terminal gets no line that is longer than the terminal is wide, because broken lines
// cannot be read as a table. A file or a pipe gets everything.
type table struct {
	titles []string
	rows   [][]string
}

// add adds a row. An empty text shows a hyphen.
func (t *table) add(texts ...string) {
	row := make([]string, len(texts))
	for i, text := range texts {
		row[i] = backend.PrintableLine(strings.Join(strings.Fields(text), " "))
		if row[i] == "" {
			row[i] = "-"
		}
	}
	t.rows = append(t.rows, row)
}

const (
	columnGap   = 2
	leastColumn = 12 // a column is not cut below this width
)

// widths returns the width of each column, in characters.
func (t *table) widths() []int {
	widths := make([]int, len(t.titles))
	for i, title := range t.titles {
		widths[i] = utf8.RuneCountInString(title)
	}
	for _, row := range t.rows {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	return widths
}

// fit makes the columns so narrow that a line has at most width characters. First it cuts the texts of the widest
// columns. It cuts neither the first column, which has the name, nor ids. Then it leaves out columns from the right. It
// returns the widths of the columns that remain.
func (t *table) fit(widths []int, width int) []int {
	total := func() int {
		n := -columnGap
		for _, w := range widths {
			n += w + columnGap
		}
		return n
	}
	for total() > width {
		widest := 0
		for i, w := range widths {
			if i > 0 && t.titles[i] != "ID" && w > leastColumn && (widest == 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest == 0 {
			break
		}
		widths[widest] = max(leastColumn, widths[widest]-(total()-width))
	}
	for len(widths) > 1 && total() > width {
		widths = widths[:len(widths)-1]
	}
	return widths
}

// line returns a row with the widths of its columns.
func line(texts []string, widths []int) string {
	var b strings.Builder
	for i, w := range widths {
		text := texts[i]
		n := utf8.RuneCountInString(text)
		if n > w && i > 0 {
			text, n = string([]rune(text)[:w-1])+"…", w
		}
		b.WriteString(text)
		if i < len(widths)-1 {
			b.WriteString(strings.Repeat(" ", max(w-n, 0)+columnGap))
		}
	}
	return b.String()
}

// printTable prints a table on standard output, and reports whether it has shown all texts completely.
func (a *app) printTable(t table) (complete bool) {
	widths := t.widths()
	complete = true
	if width := terminalWidth(a.out.to); width > 0 {
		before := slices.Clone(widths)
		widths = t.fit(widths, width)
		complete = slices.Equal(before, widths)
	}
	a.println(line(t.titles, widths))
	for _, row := range t.rows {
		a.println(line(row, widths))
	}
	if hidden := len(t.titles) - len(widths); hidden > 0 {
		a.noteText(fmt.Sprintf("pouncet: the terminal is too narrow for %s; widen it, or use --json",
			backend.Plural(hidden, "column")))
	}
	return complete
}

// terminalWidth returns the number of columns of a terminal, or 0 for anything else.
func terminalWidth(stream any) int {
	f, ok := stream.(*os.File)
	if !ok || !isTerminal(f) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
