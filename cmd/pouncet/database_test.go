// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// Each script in testdata/postgresql has an empty database in POUNCET_DATABASE, and in SERVING for the role serving.
func TestScriptsOnPostgreSQL(t *testing.T) {
	server := postgrestest.Start(t)
	var databases atomic.Int64
	scriptsWith(t, allFiles(t, "testdata/postgresql"), func(e *testscript.Env) error {
		name := fmt.Sprintf("script%d", databases.Add(1))
		address := server.URL("postgres")
		conn, err := pgx.Connect(t.Context(), address)
		if err != nil {
			return err
		}
		_, err = conn.Exec(t.Context(), "CREATE DATABASE "+name)
		address = server.URL(name)
		e.Setenv("POUNCET_DATABASE", address)
		e.Setenv("SERVING", strings.Replace(address, postgrestest.User+"@", "serving@", 1))
		return errors.Join(err, conn.Close(t.Context()))
	})
}

// runPostgreSQL runs a statement in the database POUNCET_DATABASE: psql STATEMENT.
func runPostgreSQL(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, ts.Getenv("POUNCET_DATABASE"))
	ts.Check(err)
	_, err = conn.Exec(ctx, args[0])
	ts.Check(errors.Join(err, conn.Close(ctx)))
}
