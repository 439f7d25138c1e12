// SPDX-License-Identifier: MPL-2.0

package signed_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/storetest"
)

// projects are the ids of the projects that the suite puts rows in.
var projects = []string{"p", "p1", "p2", "q", "project-1", "other"}

// open opens the database of a folder, and creates it with the projects of the suite.
func open(t testing.TB, dir string) store.Store {
	t.Helper()
	return openOver(t, dir, func(database store.Store) store.Store { return database })
}

// openOver is open with something between the rows and the database.
func openOver(t testing.TB, dir string, wrap func(store.Store) store.Store) store.Store {
	t.Helper()
	path, key := filepath.Join(dir, "pouncet.db"), "file://"+filepath.ToSlash(filepath.Join(dir, "kms.key"))
	database, err := sqlite.Open(context.Background(), path)
	absent := errors.Is(err, backend.ErrNotFound)
	if absent {
		if err := kms.CreateFile(key); err != nil {
			t.Fatal(err)
		}
		database, err = sqlite.Create(context.Background(), path)
	}
	if err != nil {
		t.Fatal(err)
	}
	keys := envelope.New(envelope.Options{Deployment: database.Deployment()})
	if absent {
		if _, err := signed.Initialise(context.Background(), database, keys, key); err != nil {
			t.Fatal(err)
		}
	}
	found, err := signed.DeploymentKeys(context.Background(), database)
	if err != nil || len(found) != 1 {
		t.Fatalf("%d deployment keys, %v", len(found), err)
	}
	s := signed.New(wrap(database), keys, found[0])
	if absent {
		err := s.Update(context.Background(), func(tx store.Tx) error {
			for _, id := range projects {
				now := time.Now().UTC().Truncate(time.Microsecond)
				o := store.Object{
					Kind: backend.KindProject, ID: id, Name: "project " + id, Revision: 1, Attributes: []byte("{}"), CreatedAt: now,
					UpdatedAt: now,
				}
				if err := tx.InsertObject(context.Background(), o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// A Store of signed rows does what every store does, and its sums fit the rows afterwards.
func TestConformance(t *testing.T) {
	storetest.Run(t, func(t testing.TB, dir string) store.Store {
		t.Cleanup(func() { // the suite has closed its own store
			s := open(t, dir)
			defer s.Close()
			if found, err := s.(*signed.Store).Verify(context.Background()); err != nil || len(found) > 0 {
				t.Errorf("after the test: %v, %v", found, err)
			}
		})
		return open(t, dir)
	})
}
