// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms/kmstest"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// served opens the parts of a server, which allows KMS keys by patterns.
func served(t *testing.T, c open.Config, patterns ...string) *open.Parts {
	t.Helper()
	parts, err := open.Embedded(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	allowed, err := kms.ParsePatterns(patterns)
	if err != nil {
		t.Fatal(err)
	}
	parts.AllowKMSKeys(allowed)
	return parts
}

// changeKey changes the KMS key of an environment.
func changeKey(t *testing.T, s backend.Service, name, uri string, dryRun bool) error {
	t.Helper()
	out, err := s.Apply(t.Context(), backend.ChangeSet{DryRun: dryRun, Changes: []backend.Change{{
		Op: backend.OpUpdate, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: name, KMSKey: &uri,
	}}})
	if err == nil && out[0].Err != nil {
		return out[0].Err
	}
	return err
}

// contentsOf returns the names and contents of all files below a folder, without the log of the database.
func contentsOf(t *testing.T, folder string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if ext := filepath.Ext(path); ext != ".db-shm" && ext != ".db-wal" {
			out[path] = string(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func callsOf(server *kmstest.Server) int {
	return server.Calls("GenerateDataKey") + server.Calls("Encrypt") + server.Calls("Decrypt")
}

func rowsOf(t *testing.T, s backend.Service) []backend.Object {
	t.Helper()
	rows, err := backend.ListAll(t.Context(), s,
		backend.Query{Kind: backend.KindEnvironment, Project: backend.DefaultProject})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestARefusedKMSKeyLeavesNothing(t *testing.T) {
	server := kmstest.New(t)
	dir := t.TempDir()
	c := open.Config{Path: filepath.Join(dir, "data"), KMSKey: server.URI(t)}
	initialise(t, c)
	readable := filepath.Join(dir, "shadow")
	if err := os.WriteFile(readable, []byte("root:x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	parts := served(t, open.Config{Path: c.Path}, "aws-kms:///alias/*")
	if err := createEnvironment(parts.Engine, "dev", "", false); err != nil {
		t.Fatal(err)
	}
	before, rows, calls := contentsOf(t, dir), rowsOf(t, parts.Engine), callsOf(server)
	for _, uri := range []string{
		keyURI(readable), keyURI(filepath.Join(dir, "new", "key")), keyURI(filepath.Join(c.Path, "kms.key")),
		"file:kms.key", "FILE://" + readable, "file:///etc/shadow",
		kmstest.Other(server.URI(t)), // it has an endpoint, which the pattern does not allow
		"aws-kms:///1234",
	} {
		for _, dryRun := range []bool{true, false} {
			err := createEnvironment(parts.Engine, "own", uri, dryRun)
			if !errors.Is(err, backend.ErrDenied) || backend.AsError(err).Attribute != "kms_key" {
				t.Errorf("%s, dry run %v: %v", uri, dryRun, err)
			}
			if err := changeKey(t, parts.Engine, "dev", uri, dryRun); !errors.Is(err, backend.ErrDenied) {
				t.Errorf("%s, another key, dry run %v: %v", uri, dryRun, err)
			}
		}
	}
	if n := callsOf(server); n != calls {
		t.Errorf("the KMS got %d calls", n-calls)
	}
	after := contentsOf(t, dir)
	if len(after) != len(before) {
		t.Errorf("files %d, before %d", len(after), len(before))
	}
	for name, text := range before {
		if filepath.Ext(name) != ".db" && after[name] != text {
			t.Errorf("%s was changed", name)
		}
	}
	if now := rowsOf(t, parts.Engine); len(now) != len(rows) || now[0].KMSKey != rows[0].KMSKey ||
		now[0].Revision != rows[0].Revision {
		t.Errorf("rows %v, before %v", now, rows)
	}
}

func TestAnAllowedKMSKeyIsUsedAndKept(t *testing.T) {
	server := kmstest.New(t)
	c := open.Config{Path: filepath.Join(t.TempDir(), "data"), KMSKey: server.URI(t)}
	initialise(t, c)
	c.KMSKey = ""
	other := kmstest.Other(server.URI(t))
	parts := served(t, c, other)
	if err := createEnvironment(parts.Engine, "own", other, false); err != nil {
		t.Fatal(err)
	}
	// config.json has it now, so it stays allowed without the pattern.
	if err := createEnvironment(served(t, c).Engine, "more", other, false); err != nil {
		t.Error(err)
	}
}

// An environment of an earlier version can have a key file that a caller could name.
func TestAKeyFileInTheSettingsStaysUsable(t *testing.T) {
	dir := t.TempDir()
	c := open.Config{Path: filepath.Join(dir, "data")}
	initialise(t, c)
	uri := keyURI(filepath.Join(dir, "own.key"))
	if err := createEnvironment(opened(t, c), "own", uri, false); err != nil {
		t.Fatal(err)
	}
	parts := served(t, c)
	if err := changeKey(t, parts.Engine, "own", uri, false); err != nil {
		t.Errorf("the key that it has: %v", err)
	}
	secret := inProject(backend.OpCreate, backend.KindSecret, "own", "s")
	secret.Generate = &backend.Generate{}
	if _, err := parts.Engine.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{secret}}); err != nil {
		t.Error(err)
	}
	if err := createEnvironment(parts.Engine, "more", uri, false); !errors.Is(err, backend.ErrDenied) {
		t.Errorf("another environment: %v", err)
	}
}

// A URI that the KMS refuses is not in config.json, even if this user named it.
func TestAMistypedKMSKeyIsNotKept(t *testing.T) {
	server := kmstest.New(t)
	c := open.Config{Path: filepath.Join(t.TempDir(), "data"), KMSKey: server.URI(t)}
	initialise(t, c)
	before := contentsOf(t, c.Path)
	b := opened(t, open.Config{Path: c.Path})
	mistyped := strings.Replace(server.URI(t), "alias/", "alias/mistyped-", 1)
	if err := createEnvironment(b, "own", mistyped, false); !errors.Is(err, backend.ErrKeyUnusable) {
		t.Errorf("error %v", err)
	}
	name := filepath.Join(c.Path, "config.json")
	if contentsOf(t, c.Path)[name] != before[name] {
		t.Error("config.json was changed")
	}
}
