// SPDX-License-Identifier: MPL-2.0

package readfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/readfile"
)

func TestReadsHaveALimit(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "a")
	if err := os.WriteFile(name, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, read := range map[string]func(string, int64) ([]byte, error){
		"Regular": readfile.Regular, "Input": readfile.Input,
	} {
		if text, err := read(name, 4); err != nil || string(text) != "text" {
			t.Errorf("%s: %q, %v", what, text, err)
		}
		if _, err := read(name, 3); err == nil || !strings.HasSuffix(err.Error(), "a has more than 3 bytes") {
			t.Errorf("%s of a large file: %v", what, err)
		}
		if _, err := read(folder, 3); err == nil {
			t.Errorf("%s reads a folder", what)
		}
		if _, err := read(filepath.Join(folder, "missing"), 3); !os.IsNotExist(err) {
			t.Errorf("%s of a missing file: %v", what, err)
		}
	}
}
