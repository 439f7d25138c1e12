// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"os"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/onpostgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// serverOn opens a database as a server does, and creates what is missing. The functions of all transactions run twice.
// The conformance suite runs on PostgreSQL in package httpapi.
func serverOn(t *testing.T, address, kmsKey string) *open.Parts {
	t.Helper()
	database := onpostgres.Database(address, "")
	once := database.Open
	database.Open = func(ctx context.Context) (open.SharedStore, error) {
		s, err := once(ctx)
		if err == nil {
			s.Store = storetest.Twice(s.Store)
		}
		return s, err
	}
	parts, _, err := open.Server(t.Context(), open.ServerConfig{KMSKey: kmsKey, Database: database})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	return parts
}
