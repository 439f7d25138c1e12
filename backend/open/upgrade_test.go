// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// unsigned returns a copy of a backend whose rows are not signed: schema 1, or schema 2.
func unsigned(t *testing.T, schema int) (folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "backend")
	if err := os.CopyFS(folder, os.DirFS("../../testdata/v1/backend")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kms.key", "eu.key"} { // git does not keep the mode
		if err := os.Chmod(filepath.Join(folder, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if schema == 2 {
		step, err := os.ReadFile("../store/sqlite/migrations/0002_version_attributes.sql")
		if err != nil {
			t.Fatal(err)
		}
		change(t, folder, string(step)+"PRAGMA user_version = 2")
	}
	return folder
}

// change runs statements on the database of a folder.
func change(t *testing.T, folder, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(folder, "pouncet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statements); err != nil {
		t.Fatal(err)
	}
}

func embeddedIn(t *testing.T, folder string) *open.Parts {
	t.Helper()
	parts, err := open.Embedded(context.Background(), open.Config{Path: folder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	return parts
}

func userVersion(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(context.Background(), "PRAGMA user_version").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestUpgradeSignsTheRows(t *testing.T) {
	for _, schema := range []int{1, 2} {
		folder := unsigned(t, schema)
		parts := embeddedIn(t, folder)
		path := filepath.Join(folder, "pouncet.db.schema-2")
		if parts.Upgrade == nil || parts.Upgrade.Copy != path || len(parts.Upgrade.Tokens) < 3 {
			t.Fatalf("schema %d: the upgrade is described as %+v", schema, parts.Upgrade)
		}
		for _, k := range parts.Upgrade.Tokens {
			workload := k.Role == backend.RoleRuntime
			if !strings.Contains(string(k.Attributes), `"migrated":true`) || (k.Principal == "workload") != workload {
				t.Errorf("token %s is marked %s, and is for a %s", k.Name, k.Attributes, k.Principal)
			}
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 || userVersion(t, path) != schema {
			t.Errorf("the copy has schema %d: %v, %v", userVersion(t, path), info, err)
		}
		if found, err := parts.Verify(context.Background()); err != nil || len(found) > 0 {
			t.Errorf("after the upgrade: %v, %v", found, err)
		}
		var tokens map[string]string
		text, err := os.ReadFile("../../testdata/v1/tokens.json")
		if err != nil || json.Unmarshal(text, &tokens) != nil {
			t.Fatal(err)
		}
		for name, token := range tokens {
			p, err := access.Authenticate(context.Background(), parts.Store, token, time.Now())
			if (err == nil) != (name != "revoked") || err == nil && string(p.Role) != name {
				t.Errorf("token %s: %+v, %v", name, p, err)
			}
		}
		_ = parts.Close()
		if again := embeddedIn(t, folder); again.Upgrade != nil {
			t.Errorf("the second opening upgrades again: %+v", again.Upgrade)
		}
	}
}

// A file of the old schema is not signed once the settings say that the rows are: someone may have put it there.
func TestUpgradeHappensOnce(t *testing.T) {
	folder := unsigned(t, 2)
	old, err := os.ReadFile(filepath.Join(folder, "pouncet.db"))
	if err != nil {
		t.Fatal(err)
	}
	_ = embeddedIn(t, folder).Close()
	if err := os.WriteFile(filepath.Join(folder, "pouncet.db"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = open.Embedded(context.Background(), open.Config{Path: folder})
	if !errors.Is(err, backend.ErrCorrupt) || !strings.Contains(err.Error(), "its rows are not signed") {
		t.Errorf("opening the old file again: %v", err)
	}
	if now, err := os.ReadFile(filepath.Join(folder, "pouncet.db")); err != nil || userVersion(t, filepath.Join(folder,
		"pouncet.db")) != 2 || len(now) < len(old) {
		t.Errorf("the old file was changed: %v", err)
	}
}

// A process that ends after the upgrade and before the settings are written leaves the rest to the next one.
func TestUpgradeIsCompletedLater(t *testing.T) {
	folder := unsigned(t, 2)
	settings := filepath.Join(folder, "config.json")
	before, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	_ = embeddedIn(t, folder).Close()
	after, err := os.ReadFile(settings)
	if err != nil || !bytes.Contains(after, []byte(`"deployment"`)) {
		t.Fatalf("the settings are %s, %v", after, err)
	}
	if err := os.WriteFile(settings, before, 0o600); err != nil {
		t.Fatal(err)
	}
	_ = embeddedIn(t, folder).Close()
	if again, err := os.ReadFile(settings); err != nil || !bytes.Equal(again, after) {
		t.Errorf("the settings are %s, and were %s", again, after)
	}
}

// Without the KMS key nothing can be signed: the database stays as it is.
func TestUpgradeWithoutTheKMSKeyChangesNothing(t *testing.T) {
	for _, schema := range []int{1, 2} {
		folder := unsigned(t, schema)
		if err := os.Rename(filepath.Join(folder, "kms.key"), filepath.Join(folder, "away")); err != nil {
			t.Fatal(err)
		}
		_, err := open.Embedded(context.Background(), open.Config{Path: folder})
		if !errors.Is(err, backend.ErrKeyUnusable) {
			t.Errorf("opening: %v", err)
		}
		if n := userVersion(t, filepath.Join(folder, "pouncet.db")); n != schema {
			t.Errorf("the schema is %d, and was %d", n, schema)
		}
		if _, err := os.Stat(filepath.Join(folder, "pouncet.db.schema-2")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a copy was made: %v", err)
		}
	}
}

// The KMS key of an environment is not needed to sign its rows. They resolve when the key is back.
func TestUpgradeWithoutTheKMSKeyOfAnEnvironment(t *testing.T) {
	folder := unsigned(t, 2)
	key := filepath.Join(folder, "eu.key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	_ = embeddedIn(t, folder).Close()
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	var values []struct {
		Ref     backend.Ref
		Value   []byte
		Deleted bool
	}
	text, err := os.ReadFile("../../testdata/v1/values.json")
	if err != nil || json.Unmarshal(text, &values) != nil || len(values) < 40 {
		t.Fatalf("%d values, %v", len(values), err)
	}
	parts := embeddedIn(t, folder)
	for _, v := range values {
		r, err := parts.Engine.Resolve(context.Background(), []backend.Ref{v.Ref})
		if err != nil || !v.Deleted && r[0].Err != nil {
			t.Errorf("%+v: %v, %v", v.Ref, err, r)
		}
	}
}

func TestConcurrentUpgrades(t *testing.T) {
	folder := unsigned(t, 2)
	upgrades := make(chan bool, 8)
	var wg sync.WaitGroup
	for range cap(upgrades) {
		wg.Go(func() {
			parts, err := open.Embedded(context.Background(), open.Config{Path: folder})
			if err != nil {
				t.Error(err)
				return
			}
			defer parts.Close()
			upgrades <- parts.Upgrade != nil
			if found, err := parts.Verify(context.Background()); err != nil || len(found) > 0 {
				t.Errorf("after an upgrade: %v, %v", found, err)
			}
		})
	}
	wg.Wait()
	close(upgrades)
	n := 0
	for made := range upgrades {
		if made {
			n++
		}
	}
	if n == 0 { // a process that finds no name of the deployment in the settings reports the upgrade too
		t.Error("no process reports the upgrade")
	}
}

// A process of an earlier version that still has the file open writes no unsigned row.
func TestEarlierVersionCannotWriteAfterAnUpgrade(t *testing.T) {
	folder := unsigned(t, 2)
	db, err := sql.Open("sqlite", filepath.Join(folder, "pouncet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const write = "UPDATE tokens SET role = 'admin'"
	st, err := db.PrepareContext(context.Background(), write)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	_ = embeddedIn(t, folder).Close()
	if _, err := st.ExecContext(context.Background()); err == nil || !strings.Contains(err.Error(), "no such table") {
		t.Errorf("the earlier version wrote: %v", err)
	}
}
