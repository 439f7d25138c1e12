// SPDX-License-Identifier: MPL-2.0

package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// The scripts in testdata/postgresql have an empty database in POUNCET_DATABASE.
func TestScriptsOnPostgreSQL(t *testing.T) {
	address := postgrestest.Start(t).URL("postgres")
	scriptsWith(t, allFiles(t, "testdata/postgresql"), func(e *testscript.Env) error {
		e.Setenv("POUNCET_DATABASE", address)
		return nil
	})
}
