// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/servicetest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// Two servers share a database, each with its own caches, and each call goes to the other one. The functions of all
// transactions run twice.
func TestConformanceOnPostgreSQL(t *testing.T) {
	postgrestest.Shared(t)
	servicetest.RunAgain(t, func(t *testing.T) backend.Service {
		address := postgrestest.Database(t)
		key := "file://" + filepath.ToSlash(filepath.Join(t.TempDir(), "kms.key"))
		servers := &inTurn{}
		for range 2 {
			servers.parts = append(servers.parts, serverOn(t, address, key))
		}
		checkAtEnd(t, servers.parts[0])
		return servers
	})
}

// serverOn opens a database as a server does, and creates what is missing.
func serverOn(t *testing.T, address, kmsKey string) *open.Parts {
	t.Helper()
	parts, _, err := open.Server(t.Context(), open.ServerConfig{KMSKey: kmsKey, Database: open.ServerDatabase{
		Open: func(ctx context.Context) (open.SharedStore, error) {
			s, err := postgres.Open(ctx, address)
			if err != nil {
				return open.SharedStore{}, err
			}
			return open.SharedStore{Store: storetest.Twice(s), Reads: s.Reads(), Name: s.Name()}, nil
		},
		Create: func(ctx context.Context, fill func(context.Context, store.Store) error) error {
			return postgres.Create(ctx, address, fill)
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	return parts
}

// inTurn sends each call to the next server.
type inTurn struct {
	parts []*open.Parts
	calls atomic.Int64
}

func (s *inTurn) next() backend.Service { return s.parts[s.calls.Add(1)%int64(len(s.parts))].Engine }

func (s *inTurn) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	return s.next().Query(ctx, q)
}

func (s *inTurn) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	return s.next().Resolve(ctx, refs)
}

func (s *inTurn) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	return s.next().Apply(ctx, set)
}
