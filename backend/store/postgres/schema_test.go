// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"flag"
	"os"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
)

var update = flag.Bool("update", false, "write schema.txt")

func TestExpectedSchemaIsThatOfANewDatabase(t *testing.T) {
	got, err := postgres.SchemaOf(t.Context(), created(t))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("schema.txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got != postgres.ExpectedSchema {
		t.Errorf("the schema is\n%s; go test -update writes it to schema.txt", got)
	}
}
