// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// TestSettingsAreARegularFile puts something in the place of config.json that would be read without end.
func TestSettingsAreARegularFile(t *testing.T) {
	for want, replace := range map[string]func(path string) error{
		"is not a regular file":             func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"config.json is not a regular file": func(path string) error { return os.Symlink("/dev/zero", path) },
		"the limit is": func(path string) error {
			return os.WriteFile(path, []byte(strings.Repeat(" ", 2<<20)+"{}"), 0o600)
		},
	} {
		folder := filepath.Join(t.TempDir(), "data")
		initialise(t, open.Config{Path: folder})
		path := filepath.Join(folder, "config.json")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := replace(path); err != nil {
			t.Fatal(err)
		}
		parts, err := open.Embedded(t.Context(), open.Config{Path: folder})
		if err == nil {
			parts.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
