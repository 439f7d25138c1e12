// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A backend that is opened only for reading is not upgraded, as by the completion of a name in a shell.
func TestOnlyReadUpgradesNothing(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "backend")
	if err := os.CopyFS(folder, os.DirFS("testdata/schema-4")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(folder, "kms.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := open.Open(t.Context(), open.Config{Path: folder, OnlyRead: true})
	if err == nil {
		_ = b.Close()
	}
	if n := userVersion(t, filepath.Join(folder, "pouncet.db")); err == nil || n != 4 {
		t.Errorf("the database has schema %d, and it was opened with %v", n, err)
	}
	embeddedIn(t, folder) // upgrades it
	b, err = open.Open(t.Context(), open.Config{Path: folder, OnlyRead: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Query(t.Context(), backend.Query{Kind: backend.KindProject}); err != nil {
		t.Errorf("a list: %v", err)
	}
	_, err = b.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpCreate, Kind: backend.KindProject, Name: "new"}}})
	if !errors.Is(err, backend.ErrDenied) {
		t.Errorf("a change: %v", err)
	}
}

// The folder testdata/schema-4 is what commit 5b8dc47 wrote: before the generation, with signed rows.
func TestUpgradeFromSchema4(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "backend")
	if err := os.CopyFS(folder, os.DirFS("testdata/schema-4")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(folder, "kms.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "pouncet.db")
	if n := userVersion(t, path); n != 4 {
		t.Fatalf("the fixture has schema %d", n)
	}
	older, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer older.Close()
	// What an earlier version reads and writes with each change.
	const read = "SELECT sealed FROM state WHERE name = 'projects'"
	const write = "INSERT OR REPLACE INTO state VALUES ('x', x'')"
	var sealed []byte
	if err := older.QueryRowContext(t.Context(), read).Scan(&sealed); err != nil {
		t.Fatal(err)
	}

	parts := embeddedIn(t, folder)
	if err := older.QueryRowContext(t.Context(), read).Scan(&sealed); err == nil {
		t.Error("an earlier version that has the file open reads the states")
	}
	if _, err := older.ExecContext(t.Context(), write); err == nil {
		t.Error("an earlier version that has the file open writes states")
	}
	resolved := func(want string) {
		t.Helper()
		out, err := parts.Engine.Resolve(context.Background(), []backend.Ref{
			{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: "db"},
		})
		if err != nil || out[0].Err != nil || string(out[0].Value.Expose()) != want {
			t.Errorf("the secret: %v, %v", out, err)
		}
	}
	resolved("first-value")
	generation := func() (g []byte) {
		t.Helper()
		err := parts.Store.View(t.Context(), func(tx store.Tx) (err error) {
			g, err = tx.Generation(t.Context())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	if g := generation(); g != nil {
		t.Errorf("before the first change, the generation is %x", g)
	}
	change := backend.Change{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: backend.DefaultProject,
		Name: "prod"}
	set := backend.ChangeSet{Changes: []backend.Change{change}}
	if _, err := parts.Engine.Apply(context.Background(), set); err != nil {
		t.Fatal(err)
	}
	if generation() == nil {
		t.Error("after a change, there is no generation")
	}
	resolved("first-value")
	token, err := os.ReadFile(filepath.Join(folder, "first-token"))
	if err != nil {
		t.Fatal(err)
	}
	made := time.Date(2026, 11, 26, 20, 45, 0, 0, time.UTC)
	if _, err := access.Authenticate(t.Context(), parts.Store, strings.TrimSpace(string(token)), made); err != nil {
		t.Error(err)
	}
	if found, err := parts.Verify(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("the check of the rows: %v, %v", found, err)
	}
}
