// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/backend/servicetest"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/storetest"
)

// embedded makes a backend with the project "default" and opens its parts.
func embedded(t testing.TB, c open.Config) *open.Parts {
	t.Helper()
	if c.Path == "" {
		c.Path = filepath.Join(t.TempDir(), "data")
	}
	opentest.Init(t, c)
	parts, err := open.Embedded(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	return parts
}

// allow lets changes name KMS keys.
func allow(t *testing.T, parts *open.Parts, uris ...string) {
	t.Helper()
	patterns, err := kms.ParsePatterns(uris)
	if err != nil {
		t.Fatal(err)
	}
	parts.AllowKMSKeys(patterns)
}

// A store may run the function of a transaction again: see store.Store.
func TestConformanceWithTransactionsThatRunTwice(t *testing.T) {
	servicetest.RunAgain(t, func(t *testing.T) backend.Service {
		dir := t.TempDir()
		key := "file://" + filepath.ToSlash(filepath.Join(dir, "kms.key"))
		if err := kms.CreateFile(key); err != nil {
			t.Fatal(err)
		}
		database, err := sqlite.Create(t.Context(), filepath.Join(dir, "pouncet.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = database.Close() })
		rows, keys := storetest.Twice(database), envelope.New(envelope.Options{Deployment: database.Deployment()})
		deployment, err := signed.Initialise(t.Context(), rows, keys, key)
		if err != nil {
			t.Fatal(err)
		}
		trusted := signed.New(rows, keys, deployment)
		e := engine.New(trusted, keys, engine.Options{Authorizer: access.NewDirectory(), KMSKey: key,
			ValueTag: trusted.ValueTag})
		local := asAdmin{e}
		_, hash := access.NewToken()
		role := backend.RoleAdmin
		_, err = local.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{
			{Op: backend.OpCreate, Kind: backend.KindProject, Name: backend.DefaultProject},
			{Op: backend.OpCreate, Kind: backend.KindToken, Name: "first-token", Role: &role, TokenHash: hash},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return local
	})
}

// asAdmin makes calls without a principal for a workload with the admin role.
type asAdmin struct{ backend.Service }

func (s asAdmin) principal(ctx context.Context) context.Context {
	if _, ok := backend.PrincipalFrom(ctx); ok {
		return ctx
	}
	return backend.WithPrincipal(ctx, backend.Principal{Name: "local", Role: backend.RoleAdmin, Kind: backend.Workload})
}

func (s asAdmin) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	return s.Service.Query(s.principal(ctx), q)
}

func (s asAdmin) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	return s.Service.Resolve(s.principal(ctx), refs)
}

func (s asAdmin) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	return s.Service.Apply(s.principal(ctx), set)
}

func TestConformance(t *testing.T) {
	servicetest.Run(t, func(t *testing.T) backend.Service {
		parts := embedded(t, open.Config{})
		checkAtEnd(t, parts)
		return parts.Engine
	})
}

// checkAtEnd checks that the rows fit their signatures and states, whatever a case has done.
func checkAtEnd(t *testing.T, parts *open.Parts) {
	t.Cleanup(func() {
		if found, err := parts.Verify(context.Background()); len(found) > 0 || err != nil {
			t.Errorf("the check finds %v, %v", found, err)
		}
	})
}
