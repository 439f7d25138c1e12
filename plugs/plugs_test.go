// SPDX-License-Identifier: MPL-2.0

// Package plugs_test runs the examples of this folder with the real tools and a real backend.
package plugs_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

// The values of the secrets. The canary must not be in any error.
const (
	canary     = "CANARY"
	dbPassword = canary + ` "s3: #x'é`
	pin        = "0123"
)

// testBackend is a backend with secrets in environment prod. It runs programs that use it.
type testBackend struct {
	t    *testing.T
	home string
	env  []string // the environment of the programs, with the POUNCET_ variables of this backend only
}

// gitIdentity holds the variables that a commit needs.
var gitIdentity = []string{
	"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.org",
	"GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.org",
}

func newTestBackend(t *testing.T) *testBackend {
	t.Helper()
	w := &testBackend{t: t, home: filepath.Join(t.TempDir(), ".pouncet")}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "POUNCET_") && !strings.HasPrefix(v, "PATH=") && !strings.HasPrefix(v, "GITHUB_") {
			w.env = append(w.env, v)
		}
	}
	path := programtest.Dir(t) + string(os.PathListSeparator) + os.Getenv("PATH")
	w.env = append(w.env, "PATH="+path, "POUNCET_HOME="+w.home)
	w.must("", "pouncet", "init")
	for _, e := range []string{"prod", "dev"} {
		w.must("", "pouncet", "env", "set", e)
	}
	w.secret("db_password", canary+"-before")
	w.secret("db_password", dbPassword)
	w.secret("pin", pin)
	w.secret("warehouse", `{"host":"db","port":5432,"username":"loader","password":"`+canary+`-json"}`,
		"--type", "database_connection")
	w.secret("keystore", "\xff\xfe"+canary)
	w.must("", "pouncet", "value", "set", "settings", "--env", "prod", "--json-value", `{"level":3}`)
	return w
}

func (w *testBackend) secret(name, value string, flags ...string) {
	w.t.Helper()
	w.must(value, "pouncet", append([]string{"secret", "set", name, "--env", "prod", "--stdin"}, flags...)...)
}

// serve starts a server for the backend. The programs of w then use the server instead of the folder.
func (w *testBackend) serve() (endpoint, token string) {
	w.t.Helper()
	token = strings.TrimSpace(w.must("", "pouncet", "token", "create", "--role", "runtime", "--name", "plugs").stdout)
	endpoint = programtest.Serve(w.t, w.env)
	w.env = append(w.env, "POUNCET_HOME=/nonexistent", "POUNCET_ENDPOINT="+endpoint, "POUNCET_TOKEN="+token)
	return endpoint, token
}

// result is the output and the exit code of a program.
type result struct {
	stdout, stderr string
	code           int
}

func (w *testBackend) command(dir, name string, args ...string) *exec.Cmd {
	if name == "pouncet" {
		name = programtest.Pouncet(w.t)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	w.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, w.env
	return cmd
}

func (w *testBackend) run(cmd *exec.Cmd) result {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatalf("%s: %v", cmd, err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must runs a program that must succeed.
func (w *testBackend) must(stdin, name string, args ...string) result {
	w.t.Helper()
	cmd := w.command("", name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	r := w.run(cmd)
	if r.code != 0 {
		w.t.Fatalf("%s: exit code %d\n%s%s", cmd, r.code, r.stdout, r.stderr)
	}
	return r
}

// fails checks that a program failed, that its output contains a text, and that it shows no value.
func (r result) fails(t *testing.T, want string) {
	t.Helper()
	if r.code == 0 || !strings.Contains(r.stdout+r.stderr, want) {
		t.Errorf("exit code %d; the output does not contain %q:\n%s%s", r.code, want, r.stdout, r.stderr)
	}
	if strings.Contains(r.stdout+r.stderr, canary) {
		t.Errorf("the output shows a value:\n%s%s", r.stdout, r.stderr)
	}
}

// tool returns the path of a tool that make plugs-tools builds. Without the tool it skips the test, or fails it in CI.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		skipOrFail(t, name+" is not built: run make plugs-tools")
	}
	return path
}

func onPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		skipOrFail(t, name+" is not on PATH: install it")
	}
	return path
}

// skipOrFail skips a test, or fails it in CI.
func skipOrFail(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// copyFolder copies a folder to a temporary one and returns its path.
func copyFolder(t *testing.T, folder string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(folder))
	if err := os.CopyFS(to, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	return to
}

// replaceInFile replaces text in a file.
func replaceInFile(t *testing.T, path, old, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s does not contain %q", path, old)
	}
	write(t, path, strings.ReplaceAll(string(data), old, text))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
