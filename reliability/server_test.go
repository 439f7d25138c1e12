// SPDX-License-Identifier: MPL-2.0

package reliability

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
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// faultyServer serves a new embedded backend over HTTP in this process, with faults between its parts, and returns a
// client.
func faultyServer(t *testing.T, f fault) backend.Service {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	c := open.Config{Path: dir, KMSKey: "file://" + filepath.Join(t.TempDir(), "kms.key")}
	made, err := open.Init(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(made.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := open.Embedded(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	rows := parts.Store
	if f.store != nil {
		rows = f.store(rows)
	}
	var service backend.Service = engine.New(rows, parts.Keys, engine.Options{KMSKey: made.KMSKey,
		Authorizer: access.NewDirectory(), Record: audit.NewChanges(nil), Now: f.now})
	if f.service != nil {
		service = f.service(service)
	}
	authenticate := func(ctx context.Context, token string) (backend.Principal, error) {
		return access.Authenticate(ctx, parts.Store, token, time.Now())
	}
	server := httptest.NewServer(httpapi.NewServer(service, authenticate, httpapi.Options{}))
	t.Cleanup(server.Close)
	return connect(t, server.URL, strings.TrimSpace(string(token)))
}

// connect returns a client of a server, which does not repeat calls by itself: the history then has every attempt.
func connect(t testing.TB, endpoint, token string) backend.Service {
	t.Helper()
	s, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: endpoint, Token: token, RetryMax: -1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
