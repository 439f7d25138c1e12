// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
)

var update = flag.Bool("update", false, "write the file with the expected schema")

func TestExpectedSchemaIsThatOfANewDatabase(t *testing.T) {
	got, err := postgres.SchemaOf(t.Context(), created(t))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(postgres.SchemaFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got != postgres.ExpectedSchema {
		t.Errorf("the schema is\n%s; go test -update writes it to %s", got, postgres.SchemaFile)
	}
}

// The page docs/format.md lists the columns of SQLite, and those that differ here.
func TestFormatPageListsEveryColumnOfPostgreSQL(t *testing.T) {
	text, err := os.ReadFile("../../../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	page, rest, _ := strings.Cut(string(text), "\n## PostgreSQL\n")
	for _, section := range strings.Split(page, "\n### ")[1:] {
		table, rows, _ := strings.Cut(section, "\n")
		for _, row := range regexp.MustCompile(`(?m)^\| (\w+) \|`).FindAllStringSubmatch(rows, -1) {
			if row[1] != "Column" && table != "record" && table != "reserve" {
				listed[table+"."+row[1]] = true
			}
		}
	}
	delete(listed, "deployment.only")
	section, _, _ := strings.Cut(rest, "\n## ")
	for _, row := range regexp.MustCompile(`(?m)^\| (\w+) \| (\w+) \| (.*)$`).FindAllStringSubmatch(section, -1) {
		listed[row[1]+"."+row[2]] = !strings.HasPrefix(row[3], "missing")
	}
	stored := map[string]bool{}
	for _, column := range regexp.MustCompile(`(?m)^column (\S+) `).FindAllStringSubmatch(postgres.ExpectedSchema, -1) {
		stored[column[1]] = true
		if !listed[column[1]] {
			t.Errorf("the page does not list column %s", column[1])
		}
	}
	for column, is := range listed {
		if is && !stored[column] && column != "Table.Column" {
			t.Errorf("the page lists column %s, which does not exist", column)
		}
	}
	if len(stored) < 60 {
		t.Errorf("the schema has %d columns only", len(stored))
	}
}
