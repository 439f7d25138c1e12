// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
)

// Each of these tests repeats an attack on the signed rows that once succeeded.

func admin() context.Context {
	return backend.WithPrincipal(context.Background(), backend.Principal{Name: "test", Role: backend.RoleAdmin})
}

func inDefault(op backend.Op, kind backend.Kind, env, name string) backend.Change {
	return backend.Change{Op: op, Kind: kind, Project: backend.DefaultProject, Environment: env, Name: name}
}

// wantFindings checks that the storage is reported as changed.
func wantFindings(t *testing.T, parts *open.Parts) {
	t.Helper()
	if found, err := parts.Verify(context.Background()); err != nil || len(found) == 0 {
		t.Errorf("the check of the storage reports %v, %v", found, err)
	}
}

// A forged row with the id of a genuine row must not get the result of the genuine row, even if the rows are
// verified beside the transaction.
func TestForgedRowOfManyIsRefused(t *testing.T) {
	f := newForgery(t)
	b := opened(t, open.Config{Path: f.folder})
	var changes []backend.Change
	var refs []backend.Ref
	for i := range 100 {
		c := inDefault(backend.OpSet, backend.KindScopedValue, "dev", fmt.Sprint("many", i))
		c.JSON = json.RawMessage(fmt.Sprint(i))
		changes = append(changes, c)
		refs = append(refs, backend.Ref{Kind: backend.KindScopedValue, Project: backend.DefaultProject, Environment: "dev",
			Name: c.Name})
	}
	f.apply(t, b, "", changes...)
	_ = b.Close()
	parts := embeddedIn(t, f.folder)
	if _, err := parts.Engine.Resolve(admin(), refs); err != nil { // the keys are in memory now
		t.Fatal(err)
	}
	f.forge(t, `UPDATE object SET attributes = CAST('{"json":"forged"}' AS BLOB) WHERE name = 'many7'`)
	f.forge(t, `INSERT INTO object SELECT project, concat_ws(char(31), id, environment, scope, name, type, link, 'x'),
		kind, '*', scope, name, type, link, version, revision, CAST('{"json":"forged"}' AS BLOB), mac, created_at, updated_at,
		deployment_mac FROM object WHERE name = 'many8'`)
	out, err := parts.Engine.Resolve(admin(), refs)
	for i, r := range out {
		if strings.Contains(string(r.Value.Expose()), "forged") || (i != 7) != (r.Err == nil) && err == nil {
			t.Errorf("reference %d is %q, %v", i, r.Value.Expose(), r.Err)
		}
	}
	if err != nil && !errors.Is(err, backend.ErrCorrupt) {
		t.Error(err)
	}
}

// Deleting a row that was changed must not make the sums fit again: the row may be another one in disguise.
func TestDeletingAForgedRowIsNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		forge  string
		delete func(t *testing.T, parts *open.Parts)
	}{
		"the sweep": {`UPDATE object SET kind = 'deleted_secret', name = '20000101T000000.000000/' || id
			WHERE kind = 'secret' AND name = 's'`, func(t *testing.T, parts *open.Parts) { sweep(t, parts) }},
		"the sweep of an environment": {`UPDATE object SET kind = 'deleted_environment',
			name = '20000101T000000.000000/' || id WHERE kind = 'environment' AND name = 'prod'`,
			func(t *testing.T, parts *open.Parts) { sweep(t, parts) }},
		"the protection": {`UPDATE object SET attributes = CAST('{}' AS BLOB) WHERE kind = 'secret' AND name = 'hidden'`,
			func(t *testing.T, parts *open.Parts) {
				page, err := parts.Engine.Query(admin(), backend.Query{Kind: backend.KindSecret, Project: backend.DefaultProject})
				if !errors.Is(err, backend.ErrCorrupt) {
					t.Errorf("listing: %v, %v", page.Objects, err)
				}
				_, err = parts.Engine.Apply(admin(), backend.ChangeSet{Changes: []backend.Change{
					inDefault(backend.OpDelete, backend.KindSecret, "prod", "hidden")}})
				if !errors.Is(err, backend.ErrCorrupt) || !strings.Contains(err.Error(), "by its id") {
					t.Errorf("deleting by name: %v", err)
				}
				id := strings.TrimSuffix(strings.SplitN(backend.AsError(err).Hint, "secret delete ", 2)[1], "\n")
				if _, err := parts.Engine.Apply(admin(), backend.ChangeSet{Changes: []backend.Change{
					{Op: backend.OpDelete, Kind: backend.KindSecret, Project: backend.DefaultProject, ID: id}}}); err != nil {
					t.Errorf("deleting by id: %v", err)
				}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			if !f.forge(t, c.forge) {
				t.Fatal("the forger changed nothing")
			}
			parts := embeddedIn(t, f.folder)
			c.delete(t, parts)
			wantFindings(t, parts)
		})
	}
}

func sweep(t *testing.T, parts *open.Parts) {
	t.Helper()
	ctx, cancel := context.WithTimeout(admin(), time.Second)
	defer cancel()
	parts.KeepSwept(ctx, time.Hour, func(err error) { t.Log(err) })
}

// A revoked token that is put back together with the state of the tokens does not fit the state of the projects.
func TestRevokedTokenWithItsState(t *testing.T) {
	f := newForgery(t)
	old := filepath.Join(t.TempDir(), "old.db")
	if err := os.WriteFile(old, f.original, 0o600); err != nil {
		t.Fatal(err)
	}
	b := opened(t, open.Config{Path: f.folder})
	f.apply(t, b, "", backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: "viewer"})
	_ = b.Close()
	f.forge(t, fmt.Sprintf(`ATTACH '%s' AS old;
		INSERT OR REPLACE INTO sealed_state SELECT * FROM old.sealed_state WHERE name = 'access';
		INSERT INTO token SELECT * FROM old.token WHERE name = 'viewer'`, old))
	parts := embeddedIn(t, f.folder)
	for name, token := range f.tokens {
		if p, err := access.Authenticate(context.Background(), parts.Store, token, time.Now()); err == nil {
			t.Errorf("token %s lets %+v in", name, p)
		}
	}
}

// Reads beside writes report nothing: a snapshot may be older than the newest counter.
func TestNoFalseAlarmBesideWrites(t *testing.T) {
	f := newForgery(t)
	parts := embeddedIn(t, f.folder)
	ctx, cancel := context.WithCancel(admin())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				found, err := parts.Verify(ctx)
				if ctx.Err() == nil && (err != nil || len(found) > 0) {
					t.Errorf("the check of the storage reports %v, %v", found, err)
					return
				}
				_, err = access.Authenticate(ctx, parts.Store, f.tokens["viewer"], time.Now())
				if ctx.Err() == nil && err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	role := backend.RoleViewer
	for i := range 60 {
		_, hash := access.NewToken()
		c := inDefault(backend.OpSet, backend.KindSecret, "dev", "s")
		c.Value = backend.PlaintextString(fmt.Sprint("value ", i))
		token := backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: fmt.Sprint("t", i), Role: &role}
		token.TokenHash = hash
		f.apply(t, parts.Engine, "", c, token)
	}
	cancel()
	wg.Wait()
}

// An owner gets out of each state.
func TestAcceptHealsTheStorage(t *testing.T) {
	f := newForgery(t)
	for name, statements := range map[string]string{
		"a project":       `UPDATE object SET created_at = 1 WHERE kind = 'project'`,
		"a type":          `UPDATE object SET created_at = 1 WHERE kind = 'secret_type'`,
		"a usage":         `UPDATE object SET created_at = 1 WHERE kind = 'usage'`,
		"a secret":        `UPDATE object SET updated_at = 1 WHERE kind = 'secret'`,
		"a version":       `UPDATE version SET created_by = 'x'`,
		"a key":           `UPDATE environment_key SET created_at = 1 WHERE project <> 'deployment'`,
		"a token":         `UPDATE token SET role = 'viewer'`,
		"a missing token": `DELETE FROM token WHERE name = 'viewer'`,
		"no state":        `DELETE FROM sealed_state`,
		"an own project": `INSERT INTO object SELECT 'access', 'x', kind, environment, scope, name, type, link, version,
			revision, attributes, mac, created_at, updated_at, deployment_mac FROM object WHERE kind = 'usage'`,
		"other states": `UPDATE sealed_state SET name = 'projects2' WHERE name = 'projects'`,
	} {
		t.Run(name, func(t *testing.T) {
			f.restore(t, f.original)
			if !f.forge(t, statements) {
				t.Fatal("the forger changed nothing")
			}
			parts := embeddedIn(t, f.folder)
			found, err := parts.Verify(context.Background())
			if err != nil || len(found) == 0 {
				t.Fatalf("the check of the storage reports %v, %v", found, err)
			}
			if _, err := parts.Accept(context.Background(), found); err != nil {
				t.Fatal(err)
			}
			left, err := parts.Verify(context.Background())
			left = slices.DeleteFunc(left, func(f signed.Finding) bool { return f.Damaged && name == "a version" })
			if err != nil || len(left) > 0 { // the value of a version binds its author, too
				t.Errorf("after that, the check reports %v, %v", left, err)
			}
			_, err = access.Authenticate(context.Background(), parts.Store, f.tokens["first-token"], time.Now())
			if err != nil {
				t.Error(err)
			}
			refs := []backend.Ref{{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: "typed"}}
			out, err := parts.Engine.Resolve(admin(), refs)
			if err != nil || name != "a version" && out[0].Err != nil {
				t.Errorf("resolving: %v, %v", out, err)
			}
		})
	}
}

// What Accept does not heal stays reported, and can be deleted by its id.
func TestDamageIsReportedAfterAccept(t *testing.T) {
	for name, statements := range map[string]string{
		"another name":      `UPDATE object SET name = 'other' WHERE name = 'typed'`,
		"a missing version": `DELETE FROM version WHERE object = (SELECT id FROM object WHERE name = 'typed')`,
		"another value": `UPDATE version SET sealed = zeroblob(200)
			WHERE object = (SELECT id FROM object WHERE name = 'typed')`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			if !f.forge(t, statements) {
				t.Fatal("the forger changed nothing")
			}
			parts := embeddedIn(t, f.folder)
			found, err := parts.Verify(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parts.Accept(context.Background(), found); err != nil {
				t.Fatal(err)
			}
			left, err := parts.Verify(context.Background())
			if err != nil || len(left) != 1 || !left[0].Damaged || left[0].Environment != "dev" {
				t.Fatalf("after Accept, the check reports %+v, %v", left, err)
			}
			remove := backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, Project: backend.DefaultProject,
				ID: left[0].ID, Purge: true}
			if _, err := parts.Engine.Apply(admin(), backend.ChangeSet{Changes: []backend.Change{remove}}); err != nil {
				t.Fatal(err)
			}
			if left, err := parts.Verify(context.Background()); err != nil || len(left) > 0 {
				t.Errorf("after the deletion, the check reports %+v, %v", left, err)
			}
		})
	}
}

// A process that has the database open is not healthy when an older copy replaces its content.
func TestHealthNoticesAnOlderCopy(t *testing.T) {
	f := newForgery(t)
	parts := embeddedIn(t, f.folder)
	c := inDefault(backend.OpSet, backend.KindSecret, "dev", "s")
	c.Value = backend.PlaintextString("newer")
	f.apply(t, parts.Engine, "", c)
	if err := parts.Health(context.Background()); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(t.TempDir(), "old.db")
	if err := os.WriteFile(old, f.original, 0o600); err != nil {
		t.Fatal(err)
	}
	f.forge(t, fmt.Sprintf(`ATTACH '%s' AS old; DELETE FROM sealed_state;
		INSERT INTO sealed_state SELECT * FROM old.sealed_state`, old))
	if err := parts.Health(context.Background()); !errors.Is(err, backend.ErrCorrupt) {
		t.Errorf("with the older states: %v", err)
	}
}

// Without the KMS key nothing can be read, so the backend is not healthy.
func TestHealthNeedsTheKMSKey(t *testing.T) {
	f := newForgery(t)
	if err := os.Remove(filepath.Join(f.folder, "kms.key")); err != nil {
		t.Fatal(err)
	}
	parts := embeddedIn(t, f.folder)
	if err := parts.Health(context.Background()); !errors.Is(err, backend.ErrKeyUnusable) {
		t.Errorf("without the key file: %v", err)
	}
}
