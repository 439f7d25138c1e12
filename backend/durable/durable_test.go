// SPDX-License-Identifier: MPL-2.0

package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
)

// holds checks that a folder has exactly these files with this content.
func holds(t *testing.T, folder string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(want) {
		t.Errorf("the folder has %v, want %d files", entries, len(want))
	}
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || string(got) != content {
			t.Errorf("%s holds %q (%v), want %q", name, got, err, content)
		}
	}
}

func TestCreateKeepsAnExistingFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	if err := durable.Create(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.Create(path, []byte("two"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("creating it again = %v, want fs.ErrExist", err)
	}
	holds(t, folder, map[string]string{"f": "one"})
	if info, err := os.Stat(path); runtime.GOOS != "windows" && (err != nil || info.Mode() != 0o600) {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
}

func TestReplaceLeavesNoDraft(t *testing.T) {
	folder := t.TempDir()
	for _, text := range []string{"one", "two"} {
		if err := durable.Replace(filepath.Join(folder, "f"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		holds(t, folder, map[string]string{"f": text})
	}
	// A folder in its place cannot be replaced by a file.
	if err := os.Mkdir(filepath.Join(folder, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.Replace(filepath.Join(folder, "d"), []byte("x"), 0o600); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if err := os.Remove(filepath.Join(folder, "d")); err != nil {
		t.Error(err)
	}
	holds(t, folder, map[string]string{"f": "two"})
}

func TestReplaceInStaysBelowTheRoot(t *testing.T) {
	folder, outside := t.TempDir(), t.TempDir()
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := durable.ReplaceIn(root, "f", []byte("in"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.SyncDirIn(root, "."); err != nil {
		t.Error(err)
	}
	if err := os.Symlink(outside, filepath.Join(folder, "link")); err != nil {
		t.Skipf("this file system has no symbolic links: %v", err)
	}
	if err := durable.ReplaceIn(root, filepath.Join("link", "f"), []byte("out"), 0o600); err == nil {
		t.Error("a file was written through a link that leads out of the root")
	}
	holds(t, outside, nil)
}
