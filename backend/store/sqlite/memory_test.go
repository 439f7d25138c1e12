// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

func inMemory(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.InMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestDatabaseInMemoryKeepsItsContentUntilItIsClosed(t *testing.T) {
	s, other := inMemory(t), inMemory(t)
	if s.Deployment() == "" || s.Deployment() == other.Deployment() {
		t.Errorf("the deployments are %q and %q", s.Deployment(), other.Deployment())
	}
	o := secret("prod", "s")
	insert := func(tx store.Tx) error { return tx.InsertObject(t.Context(), o) }
	if err := s.Update(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	// A failed statement ends the transaction, and a cancelled context the connection.
	if err := s.Update(t.Context(), insert); !errors.Is(err, backend.ErrExists) {
		t.Errorf("a second insert: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	_ = s.Update(cancelled, func(tx store.Tx) error { cancel(); return insert(tx) })
	count := func(s *sqlite.Store) (n int) {
		err := s.View(t.Context(), func(tx store.Tx) error {
			rows, err := tx.Objects(t.Context(), store.Filter{Kind: backend.KindSecret})
			n = len(rows)
			return err
		})
		if err != nil {
			t.Error(err)
		}
		return n
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if n := count(s); n != 1 {
				t.Errorf("the database has %d objects, want 1", n)
			}
		})
	}
	all.Wait()
	if n := count(other); n != 0 {
		t.Errorf("the other database has %d objects", n)
	}
}
