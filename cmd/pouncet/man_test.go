// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestManualPages(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "man")
	var out, stderr bytes.Buffer
	if code := run(t.Context(), []string{"man", folder}, streams{strings.NewReader(""), &out, &stderr}); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	for _, c := range allCommands() {
		if c.Hidden {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, manName(c)+".1"))
		if err != nil || !strings.Contains(string(text), ".SH DESCRIPTION") {
			t.Errorf("%s has no page: %v", c.CommandPath(), err)
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, "pouncet-secret-set.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		".TH \"POUNCET-SECRET-SET\" 1", `pouncet\-secret\-set \- Create a secret`, `\-\-generate`, `printf %s "$PASSWORD"`,
		`pouncet\-secret(1)`, `\-\-json[=FIELDS]`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	if got, want := manText("a\\b\n.x\n'y -z"), "a\\eb\n\\&.x\n\\&'y \\-z"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestManualPagesHaveNoWarnings reads each page with groff.
func TestManualPagesHaveNoWarnings(t *testing.T) {
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("SKIPPED: groff is not installed")
	}
	for name, text := range manPages((&app{out: &output{}}).root()) {
		c := exec.CommandContext(t.Context(), "groff", "-man", "-Tutf8", "-ww", "-z")
		c.Stdin = strings.NewReader(text)
		if out, err := c.CombinedOutput(); err != nil || strings.Contains(string(out), "error") {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}
