// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestLongCommandsShowTheirProgress runs commands that can take long on a terminal, as if it had lasted for some
// time. The terminal shows what it does and removes the line; a pipe gets nothing of that.
func TestLongCommandsShowTheirProgress(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	t.Setenv("HOME", folder)
	t.Setenv("XDG_CONFIG_HOME", folder)
	prepare := func(input string, args ...string) {
		t.Helper()
		var stderr bytes.Buffer
		if code := run(t.Context(), args, streams{strings.NewReader(input), new(bytes.Buffer), &stderr}); code != exitOK {
			t.Fatalf("%q: exit code %d: %s", args, code, stderr.String())
		}
	}
	prepare("", "init")
	prepare("", "env", "set", "dev")
	prepare("", "env", "set", "prod")
	for _, name := range []string{"a", "b", "d", "e"} {
		prepare("v", "secret", "set", name, "--env", "dev", "--stdin")
	}
	prepare("", "pull", "files")
	prepare("w", "secret", "set", "a", "--env", "dev", "--stdin", "--draft", "release")
	if err := os.WriteFile("config.yaml", []byte("a: {{ get_secret_value('a') }}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	policy := filepath.Join("files", "project.yaml")
	text, err := os.ReadFile(policy)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(text, []byte("max_secrets: 100\n"), []byte("max_secrets: 50\n"), 1)
	if err := os.WriteFile(policy, changed, 0o600); err != nil || bytes.Equal(text, changed) {
		t.Fatalf("%v: %s", err, text)
	}
	was := progressAfter
	progressAfter = 0
	defer func() { progressAfter = was }()
	const differs = exitDiffers
	for _, c := range []struct {
		args, shows string
		code        int
	}{
		{"secret list", "reading the list", exitOK},
		{"secret history a --env dev", "reading the versions", exitOK},
		{"check --env dev config.yaml", "files read", exitOK},
		{"refs config.yaml", "files read", exitOK},
		{"render --env dev config.yaml", "files", exitOK},
		{"diff files", "reading the project", differs},
		{"pull files --dry-run", "reading the project", exitOK},
		{"push files --yes", "pushing 1 change", exitOK},
		{"draft show release", "trying the changes", exitOK},
		{"draft refresh release", "writing", exitOK},
		{"draft deploy release --yes", "deploying 1 change", exitOK},
		{"env diff dev prod", "comparing the values", differs},
		{"env copy-names dev prod --dry-run", "reading the environments", exitOK},
		{"report", "making the report", exitOK},
		{"secret delete d e --env dev --yes", "deleting \"e\"", exitOK},
		{"audit list", "reading the records", exitOK},
		{"doctor --storage", "verifying the rows and the audit log", exitOK},
		{"audit verify", "verifying the audit log", exitOK},
		{"move --to postgres://127.0.0.1:1/none --kms-key local:none", "moving the backend", exitFailure},
	} {
		keyboard, screen := openTerminal(t)
		shown := make(chan string)
		go func() {
			var all bytes.Buffer
			_, _ = io.Copy(&all, keyboard) // it ends with an error when the screen is closed
			shown <- all.String()
		}()
		args := strings.Fields(c.args)
		code := run(t.Context(), args, streams{strings.NewReader(""), new(bytes.Buffer), screen})
		_ = screen.Close()
		got := <-shown
		line := regexp.MustCompile(`\r[^\r\n]*` + regexp.QuoteMeta(c.shows) + `[^\r\n]*\x1b\[K`)
		if code != c.code || !line.MatchString(got) || !strings.Contains(got, "\r\x1b[K") {
			t.Errorf("%q: exit code %d, want %d; the terminal shows %q, want %q", args, code, c.code, got, c.shows)
		}
		var pipe bytes.Buffer
		run(t.Context(), args, streams{strings.NewReader(""), new(bytes.Buffer), &pipe})
		if strings.Contains(pipe.String(), "\r") || strings.Contains(pipe.String(), c.shows) {
			t.Errorf("%q: a pipe gets %q", args, pipe.String())
		}
	}
}
