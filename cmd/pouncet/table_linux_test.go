// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// TestTablesAtATerminal runs the commands that print tables at terminals of two widths. No line of a table is longer
// than the terminal is wide. A wide terminal shows all columns.
func TestTablesAtATerminal(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	t.Setenv("HOME", folder)
	t.Setenv("XDG_CONFIG_HOME", folder)
	t.Setenv("TZ", "UTC")
	prepare := func(args ...string) {
		t.Helper()
		var stderr bytes.Buffer
		if code := run(t.Context(), args, streams{strings.NewReader("v"), new(bytes.Buffer), &stderr}); code != exitOK {
			t.Fatalf("%q: exit code %d: %s", args, code, stderr.String())
		}
	}
	const name = "password_of_the_database_of_the_shop"
	prepare("init")
	prepare("env", "set", "development")
	prepare("env", "set", "production")
	prepare("secret", "set", name, "--env", "production", "--stdin", "--description", strings.Repeat("long ", 20),
		"--note", strings.Repeat("long ", 20), "--expires", "2d")
	prepare("value", "set", "host", "--env", "production", "--string", "db.example.com")
	prepare("secret", "set", name, "--env", "production", "--stdin", "--draft", "release")
	prepare("profile", "set", "work", "--endpoint", "https://pouncet.shop.example.com:8420")
	for _, c := range []struct{ args, last string }{
		{"project list", "ID"},
		{"env list", "ID"},
		{"type list", "DESCRIPTION"},
		{"secret list", "ID"},
		{"value list", "UPDATED"},
		{"secret history " + name + " --env production", "NOTE"},
		{"env diff development production", "ATTRIBUTES THAT DIFFER"},
		{"report", "LAST RESOLVED"},
		{"draft list", "DESCRIPTION"},
		{"draft show release", "BY"},
		{"profile list", "ENVIRONMENT"},
		{"whoami", "SOURCE"},
		{"audit list", "RECORD"},
	} {
		for _, width := range []uint16{60, 400} {
			keyboard, screen := openTerminal(t)
			size := unix.Winsize{Row: 24, Col: width}
			if err := unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &size); err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			code := run(t.Context(), strings.Fields(c.args), streams{strings.NewReader(""), screen, &stderr})
			if code != exitOK && code != exitDiffers {
				t.Errorf("%s: exit code %d: %s", c.args, code, stderr.String())
			}
			shown := textOf(t, keyboard, screen)
			if shown == "" {
				t.Errorf("%s shows nothing", c.args)
			}
			for l := range strings.Lines(shown) {
				if l = strings.TrimRight(l, "\r\n"); utf8.RuneCountInString(l) > int(width) {
					t.Errorf("%s at %d columns: %q", c.args, width, l)
				}
			}
			if width == 400 && !strings.Contains(shown, "  "+c.last) {
				t.Errorf("%s at %d columns has no column %s: %s", c.args, width, c.last, shown)
			}
		}
	}
}
