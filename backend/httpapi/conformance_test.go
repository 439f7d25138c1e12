// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/onpostgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/backend/servicetest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// TestConformance runs the suite of Service across client, server, access guard, audit log and engine.
func TestConformance(t *testing.T) {
	servicetest.RunAgain(t, func(t *testing.T) backend.Service { return stack(t) })
	servicetest.RunRecorded(t, func(t *testing.T) backend.Service { return stack(t) })
}

// TestAccess runs the cases about rights across client and server.
func TestAccess(t *testing.T) {
	servicetest.RunAccessAgain(t, func(t *testing.T) (backend.Service, func(string) backend.Service) {
		c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
		made := opentest.Init(t, c)
		token, err := os.ReadFile(made.TokenFile)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := open.Embedded(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		makeWorkload(t, parts)
		url := serve(t, parts)
		return client(t, url, strings.TrimSpace(string(token))), func(token string) backend.Service {
			return client(t, url, token)
		}
	})
}

// shared is a new deployment in a PostgreSQL database.
type shared struct{ kmsKey, token string }

// deployments are databases with a new deployment, whose first token is for a workload.
var deployments = postgrestest.Template[shared]{Fill: func(t testing.TB, address, dir string) shared {
	d := shared{kmsKey: "file://" + filepath.ToSlash(filepath.Join(dir, "kms.key"))}
	parts, first, err := open.Server(t.Context(), open.ServerConfig{KMSKey: d.kmsKey,
		Database: onpostgres.Database(address, "")})
	if err != nil {
		t.Fatal(err)
	}
	makeWorkload(t, parts)
	if err := parts.Close(); err != nil {
		t.Fatal(err)
	}
	d.token = first.Token
	return d
}}

// twoServers runs two servers on a database with a new deployment. It returns their URLs and the first token. With
// twice, the functions of all transactions run twice, as they may: see store.Store.
func twoServers(t *testing.T, twice bool) (urls [2]string, token string) {
	t.Helper()
	address, deployment := deployments.Database(t)
	database := onpostgres.Database(address, "")
	if once := database.Open; twice {
		database.Open = func(ctx context.Context) (open.SharedStore, error) {
			s, err := once(ctx)
			if err == nil {
				s.Store = storetest.Twice(s.Store)
			}
			return s, err
		}
	}
	for i := range urls {
		parts, _, err := open.Server(t.Context(), open.ServerConfig{KMSKey: deployment.kmsKey, Database: database})
		if err != nil {
			t.Fatal(err)
		}
		urls[i] = serve(t, parts)
		if i == 1 {
			t.Cleanup(func() { // the rows fit their signatures and states, whatever a case has done
				if found, err := parts.Verify(context.Background()); len(found) > 0 || err != nil {
					t.Errorf("the check finds %v, %v", found, err)
				}
			})
		}
	}
	return urls, deployment.token
}

// Two servers share a PostgreSQL database, each with its own caches, and the calls go to the servers in turn.
func TestConformanceOnPostgreSQL(t *testing.T) {
	postgrestest.Shared(t)
	servers := func(twice bool) func(t *testing.T) backend.Service {
		return func(t *testing.T) backend.Service {
			urls, token := twoServers(t, twice)
			return servicetest.InTurn(client(t, urls[0], token), client(t, urls[1], token))
		}
	}
	servicetest.RunAgain(t, servers(true))
	servicetest.RunRecorded(t, servers(false))
}

// Two servers share a PostgreSQL database, and the calls go to them in turn: both decide alike, at any time.
func TestAccessOnPostgreSQL(t *testing.T) {
	postgrestest.Shared(t)
	servicetest.RunAccessAgain(t, func(t *testing.T) (backend.Service, func(string) backend.Service) {
		urls, admin := twoServers(t, true)
		as := func(token string) backend.Service {
			return servicetest.InTurn(client(t, urls[0], token), client(t, urls[1], token))
		}
		return as(admin), as
	})
}

// stack returns a client of a new backend, with HTTP, access guard, audit log and engine between them.
func stack(t testing.TB) backend.Service {
	t.Helper()
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	made := opentest.Init(t, c)
	token, err := os.ReadFile(made.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := open.Embedded(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	makeWorkload(t, parts)
	return served(t, parts, strings.TrimSpace(string(token)))
}

// makeWorkload makes the first token the token of a workload, because restricted secrets are for workloads.
func makeWorkload(t testing.TB, parts *open.Parts) {
	t.Helper()
	workload := backend.Workload
	page, err := parts.Engine.Query(context.Background(), backend.Query{Kind: backend.KindToken})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parts.Engine.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{{
		Op: backend.OpUpdate, Kind: backend.KindToken, ID: page.Objects[0].ID, Principal: &workload,
	}}}); err != nil {
		t.Fatal(err)
	}
}

// served returns a client of a server until the test ends.
func served(t testing.TB, parts *open.Parts, token string) backend.Service {
	t.Helper()
	return client(t, serve(t, parts), token)
}

// serve runs a server until the test ends, and returns its URL.
func serve(t testing.TB, parts *open.Parts) string {
	t.Helper()
	t.Cleanup(func() { _ = parts.Close() })
	server := httptest.NewServer(httpapi.NewServer(parts.Audited(access.Guard),
		func(ctx context.Context, token string) (backend.Principal, error) {
			return access.Authenticate(ctx, parts.Store, token, time.Now())
		}, httpapi.Options{}))
	t.Cleanup(server.Close)
	return server.URL
}
