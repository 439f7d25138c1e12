// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os/exec"
	"strings"
	"testing"
)

// A shell takes a quoted word as it is, and the word is one line.
func TestShellWords(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("SKIPPED: no sh on PATH")
	}
	for _, w := range []string{"", "plain", "two  spaces", "it's", "$HOME `id` \"x\" \\n",
		"line one\nline 'two'\n\tthree \\ $x"} {
		quoted := shellWord(w)
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+quoted).Output()
		if err != nil || string(out) != w || strings.Contains(quoted, "\n") {
			t.Errorf("%q is quoted as %s, and a shell takes it as %q (%v)", w, quoted, out, err)
		}
	}
}
