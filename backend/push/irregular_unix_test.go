// SPDX-License-Identifier: MPL-2.0

//go:build unix

package push_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Reading a pipe waits for its other end, and a device must not be replaced by a file.
func TestACheckpointIsARegularFile(t *testing.T) {
	folder := t.TempDir()
	pipe, link := filepath.Join(folder, "pipe"), filepath.Join(folder, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{pipe: "not a regular file", link: "not a regular file",
		folder: "it is a folder"} {
		target := parse(t, path)
		if _, err := target.Latest(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("reading %s: %v", path, err)
		}
		if _, err := target.Put(t.Context(), "n", []byte("x")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("writing to %s: %v", path, err)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
}
