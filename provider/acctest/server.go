// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// Token creates a token with a role, and returns it.
func (b *Backend) Token(role backend.Role) string {
	b.t.Helper()
	token, hash := access.NewToken()
	workload := backend.Workload // as Terraform is
	b.Apply(backend.Change{
		Op: backend.OpCreate, Kind: backend.KindToken, Name: "test-" + string(role), Role: &role, TokenHash: hash,
		Principal: &workload,
	})
	return token
}

// BoundToken creates a token to which a binding gives a role in the project default, and returns it.
func (b *Backend) BoundToken(role string) string {
	b.t.Helper()
	token := b.Token(backend.RoleNone)
	b.Apply(backend.Change{
		Op: backend.OpCreate, Kind: backend.KindBinding, Name: "bound-" + role,
		Grant: &backend.Grant{
			Role: role, To: backend.ToToken + "test-" + string(backend.RoleNone),
			Where: backend.Where{Project: backend.DefaultProject},
		},
	})
	return token
}

// Serve returns the HTTP handler of a server for the embedded backend at path, and a token for it.
func Serve(t testing.TB, path string) (http.Handler, string) {
	t.Helper()
	parts, err := open.Embedded(context.Background(), open.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	token, err := os.ReadFile(filepath.Join(path, "first-token"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := parts.Engine.Query(context.Background(), backend.Query{Kind: backend.KindToken, Name: "first-token"})
	if err != nil || len(page.Objects) != 1 {
		t.Fatal(page, err)
	}
	workload := backend.Workload // as Terraform is
	if _, err := parts.Engine.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{{
		Op: backend.OpUpdate, Kind: backend.KindToken, ID: page.Objects[0].ID, Principal: &workload,
	}}}); err != nil {
		t.Fatal(err)
	}
	authenticate := func(ctx context.Context, token string) (backend.Principal, error) {
		return access.Authenticate(ctx, parts.Store, token, time.Now())
	}
	service := parts.Audited(access.Guard)
	return httpapi.NewServer(service, authenticate, httpapi.Options{}), strings.TrimSpace(string(token))
}
