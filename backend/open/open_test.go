// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms/kmstest"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

func initialise(t *testing.T, c open.Config) open.Initialised {
	t.Helper()
	made, err := open.Init(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func opened(t *testing.T, c open.Config) *open.Backend {
	t.Helper()
	b, err := open.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

var one = []backend.Ref{{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: "s"}}

func set(t *testing.T, s backend.Service, value string) error {
	t.Helper()
	_, err := s.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "dev"},
		{Op: backend.OpSet, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: "s",
			Value: backend.PlaintextString(value)},
	}})
	return err
}

func get(t *testing.T, s backend.Service) (string, error) {
	t.Helper()
	out, err := s.Resolve(context.Background(), one)
	if err != nil {
		return "", err
	}
	if out[0].Err != nil {
		return "", out[0].Err
	}
	return string(out[0].Value.Expose()), nil
}

func TestInitCreatesAFolderThatOnlyItsOwnerCanRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "er", ".pouncet")
	made := initialise(t, open.Config{Path: path})
	if made.Existing || made.Path != path {
		t.Errorf("Init returned %+v", made)
	}
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(made.TokenFile)
	if err != nil || len(token) < 40 {
		t.Errorf("first token: %d bytes, %v", len(token), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*new*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestInitAgainChangesNothing(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	if err := set(t, opened(t, c), "kept"); err != nil {
		t.Fatal(err)
	}
	if again := initialise(t, c); !again.Existing {
		t.Error("a second Init reports that it created the backend")
	}
	if v, err := get(t, opened(t, c)); v != "kept" || err != nil {
		t.Errorf("after a second Init: %q, %v", v, err)
	}
}

func TestConcurrentInitsCreateOneBackend(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	made := make([]open.Initialised, 8)
	var wg sync.WaitGroup
	for i := range made {
		wg.Go(func() {
			var err error
			if made[i], err = open.Init(context.Background(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	created := 0
	for _, m := range made {
		if !m.Existing {
			created++
		}
	}
	if created != 1 {
		t.Errorf("%d of %d calls report that they created the backend, want 1", created, len(made))
	}
	if err := set(t, opened(t, c), "works"); err != nil {
		t.Error(err)
	}
}

func TestFolderCanBeMoved(t *testing.T) {
	dir := t.TempDir()
	c := open.Config{Path: filepath.Join(dir, "before")}
	initialise(t, c)
	b := opened(t, c)
	if err := set(t, b, "carried"); err != nil {
		t.Fatal(err)
	}
	_ = b.Close()
	moved := open.Config{Path: filepath.Join(dir, "after")}
	if err := os.Rename(c.Path, moved.Path); err != nil {
		t.Fatal(err)
	}
	if v, err := get(t, opened(t, moved)); v != "carried" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
}

func TestOpenSearchesTheFolderUpwards(t *testing.T) {
	dir := t.TempDir()
	initialise(t, open.Config{Path: filepath.Join(dir, open.Folder)})
	deep := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(deep)
	if b := opened(t, open.Config{}); b.Location != filepath.Join(dir, open.Folder) {
		t.Errorf("opened %s", b.Location)
	}
	if b := opened(t, open.Config{CreateIfAbsent: true}); b.Created {
		t.Errorf("created %s although a parent folder has a backend", b.Location)
	}
}

func TestOpenWithoutABackend(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []open.Config{{}, {Path: "missing"}} {
		_, err := open.Open(context.Background(), c)
		if !errors.Is(err, backend.ErrNotFound) || !strings.Contains(err.Error(), "pouncet init") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if entries, _ := os.ReadDir("."); len(entries) != 0 {
		t.Errorf("Open created %v", entries)
	}
	b := opened(t, open.Config{CreateIfAbsent: true})
	if !b.Created {
		t.Error("Open created a backend and did not set Created")
	}
	if err := set(t, b, "v"); err != nil {
		t.Error(err)
	}
}

func TestInitRefusesAFolderWithOtherFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open.Init(context.Background(), open.Config{Path: dir}); !errors.Is(err, backend.ErrConflict) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "thesis.txt")); err != nil {
		t.Error(err)
	}
}

func TestMissingKeyFileIsAnErrorAndIsNotCreatedAgain(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	b := opened(t, c)
	if err := set(t, b, "CANARY"); err != nil {
		t.Fatal(err)
	}
	_ = b.Close()
	key := filepath.Join(c.Path, "kms.key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	b = opened(t, c)
	_, err := get(t, b)
	if !errors.Is(err, backend.ErrKeyUnusable) || !strings.Contains(err.Error(), key) {
		t.Errorf("reading without the key: %v", err)
	}
	if err := set(t, b, "new"); !errors.Is(err, backend.ErrKeyUnusable) {
		t.Errorf("writing without the key: %v", err)
	}
	if _, err := os.Stat(key); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a new key file was created")
	}
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	if v, err := get(t, opened(t, c)); v != "CANARY" || err != nil {
		t.Errorf("after the key was restored: %q, %v", v, err)
	}
}

func TestMetadataIsNotReadWithoutTheKMSKey(t *testing.T) {
	server := kmstest.New(t)
	c := open.Config{Path: filepath.Join(t.TempDir(), "data"), KMSKey: server.URI(t)}
	initialise(t, c)
	b := opened(t, c)
	if err := set(t, b, "CANARY"); err != nil {
		t.Fatal(err)
	}
	_ = b.Close()
	server.DropKey()
	b = opened(t, c)
	_, err := get(t, b)
	if !errors.Is(err, backend.ErrKeyUnusable) || !strings.Contains(err.Error(), "aws-kms:///") {
		t.Errorf("reading without the key: %v", err)
	}
	_, err = b.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "another"},
	}})
	if !errors.Is(err, backend.ErrKeyUnusable) {
		t.Errorf("creating an environment without the key: %v", err)
	}
	environments := backend.Query{Kind: backend.KindEnvironment, Project: backend.DefaultProject}
	// Nothing shows whether the rows are genuine.
	if page, err := b.Query(context.Background(), environments); !errors.Is(err, backend.ErrKeyUnusable) {
		t.Errorf("reading metadata without the key: %d environments, %v", len(page.Objects), err)
	}
}

func TestAnEnvironmentCanUseItsOwnKMSKey(t *testing.T) {
	server := kmstest.New(t)
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	b := opened(t, c)
	key := server.URI(t)
	_, err := b.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "prod", KMSKey: &key},
		{Op: backend.OpCreate, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "prod", Name: "s",
			Value: backend.PlaintextString("prod's")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := set(t, b, "dev's"); err != nil {
		t.Fatal(err)
	}
	if n := server.Calls("GenerateDataKey"); n != 1 {
		t.Errorf("%d data keys for one environment, want 1", n)
	}
	_ = b.Close()
	server.Down(true)
	b = opened(t, c)
	if v, err := get(t, b); v != "dev's" || err != nil {
		t.Errorf("reading dev while the KMS of prod is down: %q, %v", v, err)
	}
}

func TestOpenRefusesAFileThatIsNotADatabase(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	text := strings.Repeat("not a database ", 1000)
	if err := os.WriteFile(filepath.Join(c.Path, "pouncet.db"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := open.Open(context.Background(), c)
	if !errors.Is(err, backend.ErrCorrupt) || !strings.Contains(err.Error(), c.Path) {
		t.Errorf("error %v", err)
	}
}

func TestFromEnvironment(t *testing.T) {
	t.Setenv("POUNCET_ENDPOINT", "https://e")
	t.Setenv("POUNCET_TOKEN", "t")
	t.Setenv("POUNCET_HOME", "/home")
	t.Setenv("POUNCET_KMS_KEY", "file:///k")
	for name, c := range map[string]struct{ given, want open.Config }{
		"nothing given":     {open.Config{}, open.Config{Endpoint: "https://e", Token: "t"}},
		"an endpoint given": {open.Config{Endpoint: "https://f"}, open.Config{Endpoint: "https://f", Token: "t"}},
		"a path given":      {open.Config{Path: "/p"}, open.Config{Path: "/p", KMSKey: "file:///k"}},
	} {
		if got := open.FromEnvironment(c.given); got != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestEveryCallIsAudited(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	b := opened(t, c)
	if err := set(t, b, "CANARY"); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, b); err != nil {
		t.Fatal(err)
	}
	_ = b.Close()
	var text []byte
	for _, name := range []string{"pouncet.db", "pouncet-reads.db", "pouncet-reads.db-wal"} {
		content, err := os.ReadFile(filepath.Join(c.Path, name))
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, content...)
	}
	for _, want := range []string{"resolve", "apply", "local:"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the audit log does not contain %q", want)
		}
	}
	if strings.Contains(string(text), "CANARY") {
		t.Error("the database contains a value in plain text")
	}
	// A change is recorded once, in the database, and a read once, in the other file.
	if got := changesOf(t, c.Path); strings.Count(got, " apply/ ok ") != 3 || strings.Count(got, "\n") != 2 {
		t.Errorf("the records of changes are\n%s", got)
	}
	if got := readsOf(t, c.Path); strings.Count(got, " resolve/ ok ") != 1 || strings.Contains(got, "\n") {
		t.Errorf("the records of reads are\n%s", got)
	}
}

// An attacker who can write to the database inserts an environment key that their own KMS key wraps.
func TestAnEnvironmentKeyOfAnUnknownKMSKeyIsNotUsed(t *testing.T) {
	dir := t.TempDir()
	c := open.Config{Path: filepath.Join(dir, "data")}
	initialise(t, c)
	if err := set(t, opened(t, c), "CANARY"); err != nil {
		t.Fatal(err)
	}
	attackerKey := "file://" + filepath.Join(dir, "attacker.key")
	if err := kms.CreateFile(attackerKey); err != nil {
		t.Fatal(err)
	}
	parts, err := open.Embedded(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	page, err := parts.Engine.Query(ctx, backend.Query{Kind: backend.KindEnvironment, Project: backend.DefaultProject})
	if err != nil {
		t.Fatal(err)
	}
	err = parts.Store.Update(ctx, func(tx store.Tx) error {
		project, err := tx.Objects(ctx, store.Filter{Kind: backend.KindProject})
		if err != nil {
			return err
		}
		w := envelope.WrappedKey{
			ID: "01890a5d-ac96-774b-bcce-b302099a8057", Project: project[0].ID, Environment: page.Objects[0].ID,
			KMSKey: attackerKey,
		}
		w, _, err = envelope.New(envelope.Options{Deployment: parts.Store.Deployment()}).Generate(ctx, w)
		if err != nil {
			return err
		}
		return tx.InsertEnvironmentKey(ctx, store.EnvironmentKey{
			ID: w.ID, Project: w.Project, Environment: w.Environment, KMSKey: w.KMSKey, Wrapped: w.Blob,
			CreatedAt: time.Now(),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = parts.Close()
	b := opened(t, c)
	err = set(t, b, "for the attacker")
	if !errors.Is(err, backend.ErrKeyUnusable) || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("writing with the attacker's key: %v", err)
	}
	if v, err := get(t, b); v != "CANARY" || err != nil {
		t.Errorf("reading the existing value: %q, %v", v, err)
	}
}
