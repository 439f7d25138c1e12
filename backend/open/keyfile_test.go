// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// keyURI returns the URI of a key file.
func keyURI(path string) string {
	path = filepath.ToSlash(path)
	if path[0] != '/' {
		path = "/" + path // a drive letter
	}
	return "file://" + path
}

// createEnvironment creates an environment with its own KMS key, unless that is "".
func createEnvironment(s backend.Service, name, kmsKey string, dryRun bool) error {
	c := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: name,
	}
	if kmsKey != "" {
		c.KMSKey = &kmsKey
	}
	out, err := s.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{c}, DryRun: dryRun})
	if err == nil && out[0].Err != nil { // the answer of a dry run
		return out[0].Err
	}
	return err
}

func checkKeyFile(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the key file has mode %04o", info.Mode().Perm())
	}
}

func TestInitCreatesTheKeyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys", "key")
	c := open.Config{Path: filepath.Join(dir, "data"), KMSKey: keyURI(path)}
	initialise(t, c)
	checkKeyFile(t, path)
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of the key file: %v, %v", info.Mode(), err)
	}
	// A second backend uses the existing file.
	second := open.Config{Path: filepath.Join(dir, "more"), KMSKey: c.KMSKey}
	initialise(t, second)
	if err := createEnvironment(opened(t, second), "prod", "", false); err != nil {
		t.Error(err)
	}
	if again, err := os.ReadFile(path); err != nil || string(again) != string(first) {
		t.Errorf("the second backend changed the key file: %v", err)
	}
	// Only the last folder is created.
	if _, err := open.Init(context.Background(), open.Config{
		Path: filepath.Join(dir, "third"), KMSKey: keyURI(filepath.Join(dir, "a", "b", "key")),
	}); !errors.Is(err, backend.ErrNotFound) {
		t.Errorf("a key file two folders deep: %v", err)
	}
}

func TestTheFirstUseOfAKeyFileCreatesIt(t *testing.T) {
	dir := t.TempDir()
	c := open.Config{Path: filepath.Join(dir, "data")}
	initialise(t, c)
	b := opened(t, c)
	path := filepath.Join(dir, "prod.key")
	if err := createEnvironment(b, "own", keyURI(path), true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a dry run created the key file: %v", err)
	}
	if err := createEnvironment(b, "own", keyURI(path), false); err != nil {
		t.Fatal(err)
	}
	checkKeyFile(t, path)
	// The key is in use now. A new file could not decrypt what the lost one has encrypted.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for _, dryRun := range []bool{true, false} {
		if err := createEnvironment(b, "more", keyURI(path), dryRun); !errors.Is(err, backend.ErrKeyUnusable) {
			t.Errorf("the key file is lost (dry run: %v): %v", dryRun, err)
		}
	}
	deep := keyURI(filepath.Join(dir, "a", "b", "key")) // two folders are missing
	for _, dryRun := range []bool{true, false} {
		if err := createEnvironment(b, "deep", deep, dryRun); !errors.Is(err, backend.ErrNotFound) {
			t.Errorf("the folder does not exist (dry run: %v): %v", dryRun, err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a lost key file was created again: %v", err)
	}
}

// The caller of a server may be on another machine, and must not write to the disk of the server.
func TestAServerCreatesNoKeyFile(t *testing.T) {
	dir := t.TempDir()
	c := open.Config{Path: filepath.Join(dir, "data")}
	initialise(t, c)
	parts, err := open.Embedded(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	path := filepath.Join(dir, "key")
	if err := createEnvironment(parts.Engine, "own", keyURI(path), false); !errors.Is(err, backend.ErrDenied) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the server created the key file: %v", err)
	}
}

func TestAKeyOfTheSettingsIsRecordedWithItsFirstUse(t *testing.T) {
	dir := t.TempDir()
	c := open.Config{Path: filepath.Join(dir, "data")}
	initialise(t, c)
	with := c
	with.KMSKey = keyURI(filepath.Join(dir, "key"))
	b := opened(t, with)
	if err := createEnvironment(b, "prod", "", false); err != nil {
		t.Fatal(err)
	}
	_ = b.Close()
	without := opened(t, c)
	secret := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "prod", Name: "s",
		Value: backend.PlaintextString("CANARY"),
	}
	if _, err := without.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{secret}}); err != nil {
		t.Errorf("without the setting, the environment cannot be used: %v", err)
	}
}
