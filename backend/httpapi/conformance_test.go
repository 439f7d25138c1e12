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
	"github.com/pouncet/terraform-provider-pouncet/backend/servicetest"
)

// TestConformance runs the suite of Service across client, server, access guard, audit log and engine.
func TestConformance(t *testing.T) {
	servicetest.RunAgain(t, func(t *testing.T) backend.Service { return stack(t) })
}

// stack returns a client of a new backend, with HTTP, access guard, audit log and engine between them.
func stack(t testing.TB) backend.Service {
	t.Helper()
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	made, err := open.Init(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(made.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := open.Embedded(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	workload := backend.Workload // restricted secrets are for workloads
	page, err := parts.Engine.Query(context.Background(), backend.Query{Kind: backend.KindToken})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parts.Engine.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{{
		Op: backend.OpUpdate, Kind: backend.KindToken, ID: page.Objects[0].ID, Principal: &workload,
	}}}); err != nil {
		t.Fatal(err)
	}
	service := parts.Audited(access.Guard)
	server := httptest.NewServer(httpapi.NewServer(service,
		func(ctx context.Context, token string) (backend.Principal, error) {
			return access.Authenticate(ctx, parts.Store, token, time.Now())
		}, httpapi.Options{}))
	t.Cleanup(server.Close)
	return client(t, server.URL, strings.TrimSpace(string(token)))
}
