// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// Each call on a database that hangs ends with its context, and a transaction with the timeout of its statement.
func TestAPausedDatabaseEndsEachCall(t *testing.T) {
	server := postgrestest.Start(t)
	address := server.URL("postgres")
	if err := postgres.Create(t.Context(), address, noContent); err != nil {
		t.Fatal(err)
	}
	s := opened(t, address)
	postgres.SetStatementTimeout(s, time.Second)
	wantAll(t, t.Context(), s, "")
	server.Pause(t)
	t.Cleanup(func() { server.Continue(t) }) // before it is stopped
	for _, c := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if err := c.run(ctx, s); !errors.Is(err, backend.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", c.name, err)
		}
		cancel()
	}
	server.Continue(t)
	wantAll(t, t.Context(), s, "")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		server.Pause(t)
		return tx.InsertObject(t.Context(), secret("a"))
	})
	if !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	server.Continue(t)
	wantAll(t, t.Context(), s, "")
}
