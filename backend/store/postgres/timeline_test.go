// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// A former primary that continues does not know that another one took its place. Nothing that was read from it leaves.
func TestAFormerPrimaryIsNotUsed(t *testing.T) {
	s := opened(t, created(t))
	if s.Timeline() == 0 {
		t.Fatal("PostgreSQL tells no timeline")
	}
	ctx, _ := store.WithCall(t.Context(), 0)
	look := func(during func()) error {
		return s.View(ctx, func(tx store.Tx) error {
			_, err := tx.Tokens(ctx)
			during()
			return err
		})
	}
	if err := look(func() {}); err != nil {
		t.Fatal(err)
	}
	record := func() error { return s.Reads().AppendRecords(ctx, store.Record{Log: "p"}) }
	if err := record(); err != nil {
		t.Fatal(err)
	}
	wantError(t, look(func() { postgres.RaiseTimeline(s) }), backend.ErrUnavailable) // while the call reads
	wantError(t, look(func() {}), backend.ErrUnavailable)                            // idle and new connections
	wantError(t, s.Update(ctx, func(tx store.Tx) error { return tx.DeleteToken(ctx, "x") }), backend.ErrUnavailable)
	wantError(t, record(), backend.ErrUnavailable)
}

// With several hosts in its URL, a server finds the primary without another setting, and errors name all hosts.
func TestAURLCanHaveSeveralHosts(t *testing.T) {
	server := postgrestest.Shared(t)
	server.Exec(t, "postgres", "CREATE ROLE hosts SUPERUSER LOGIN PASSWORD 'hosts'")
	t.Cleanup(func() { server.Exec(t, "postgres", "DROP ROLE hosts") })
	standby := postgrestest.Start(t, "default_transaction_read_only=on")
	standby.Exec(t, "postgres", "SET transaction_read_only = off; CREATE ROLE hosts LOGIN PASSWORD 'hosts'")
	hosts := fmt.Sprintf("127.0.0.1:1,127.0.0.1:%d,127.0.0.1:%d", standby.Port, server.Port)
	_, err := postgres.Open(t.Context(), "postgres://hosts:hosts@"+hosts+"/postgres?sslmode=disable")
	if e := backend.AsError(err); e.Code != backend.CodeNotFound || !strings.Contains(e.Message, hosts+"/postgres") {
		t.Errorf("opening the empty database of the third host: %v", err)
	}
}
