// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	backends "github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// serve starts a server of a version of the program, and returns its URL and the first token of a new database.
func serve(t testing.TB, program postgres.Program, address, kmsKey string) (endpoint, token string) {
	t.Helper()
	database := backends.ServerDatabase{
		Open: func(ctx context.Context) (backends.SharedStore, error) {
			s, err := program.Open(ctx, address)
			if err != nil {
				return backends.SharedStore{}, err
			}
			return backends.SharedStore{Store: s, Reads: s.Reads(), Name: s.Name()}, nil
		},
		Create: func(ctx context.Context, fill func(context.Context, store.Store) error) error {
			return program.Create(ctx, address, fill)
		},
	}
	parts, first, err := backends.Server(t.Context(), backends.ServerConfig{KMSKey: kmsKey, Database: database})
	if err != nil {
		t.Fatal(err)
	}
	logins := access.NewLogins(parts.Store, nil)
	served := httptest.NewServer(httpapi.NewServer(parts.Audited(access.Guard), logins.Authenticate,
		httpapi.Options{Allow: access.Allow, Remembered: logins.Remembered}))
	t.Cleanup(func() {
		served.Close()
		_ = parts.Close()
	})
	if first != nil {
		token = first.Token
	}
	return served.URL, token
}

// remote returns a client that sends no request again.
func remote(t testing.TB, endpoint, token string) backend.Service {
	t.Helper()
	c, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: endpoint, Token: token, RetryMax: -1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Servers of both versions serve during a migration, and no call of a client fails.
func TestServersOfBothVersionsServeDuringAMigration(t *testing.T) {
	program, address := next(t), postgrestest.Database(t)
	kmsKey := "file://" + filepath.ToSlash(filepath.Join(t.TempDir(), "kms.key"))
	old, token := serve(t, postgres.Program{}, address, kmsKey)
	apply(t, remote(t, old, token), backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment,
		Project: backend.DefaultProject, Name: "dev"})

	var endpoints atomic.Pointer[[]string]
	endpoints.Store(&[]string{old})
	stop := make(chan struct{})
	var calls atomic.Int64
	var clients sync.WaitGroup
	for n := range 4 {
		clients.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				all := *endpoints.Load()
				if err := writeAndRead(t, all[i%len(all)], all[(i+1)%len(all)], token, fmt.Sprintf("s%d", n), i); err != nil {
					t.Errorf("call %d: %v", i, err)
					return
				}
				calls.Add(1)
			}
		})
	}
	wait := func(more int64) {
		for want := calls.Load() + more; calls.Load() < want && !t.Failed(); {
			waitFor(t, address, "SELECT true")
		}
	}
	wait(8)
	if _, err := program.Migrate(t.Context(), address, ""); err != nil {
		t.Error(err)
	}
	wait(8)
	newer, _ := serve(t, program, address, kmsKey)
	endpoints.Store(&[]string{old, newer})
	wait(16)
	endpoints.Store(&[]string{newer})
	wait(8)
	close(stop)
	clients.Wait()
}

func apply(t testing.TB, s backend.Service, changes ...backend.Change) {
	t.Helper()
	if _, err := s.Apply(t.Context(), backend.ChangeSet{Changes: changes}); err != nil {
		t.Fatal(err)
	}
}

// writeAndRead changes a secret with one server and reads it with another.
func writeAndRead(t testing.TB, writer, reader, token, name string, i int) error {
	value := fmt.Sprintf("value-%d", i)
	_, err := remote(t, writer, token).Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpSet, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: name,
			Value: backend.PlaintextString(value)},
	}})
	if err != nil {
		return err
	}
	got, err := remote(t, reader, token).Resolve(t.Context(), []backend.Ref{
		{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: name},
	})
	switch {
	case err != nil:
		return err
	case got[0].Err != nil:
		return got[0].Err
	case string(got[0].Value.Expose()) != value:
		return fmt.Errorf("the value is not the one that was written")
	}
	return nil
}
