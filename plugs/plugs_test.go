// SPDX-License-Identifier: MPL-2.0

// Package plugs_test runs the examples of this folder as their readers would:
// with the real tools, and a real backend behind them.
package plugs_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

// The secrets of every backend here. What they have in common must never be seen in an error.
const (
	canary     = "CANARY"
	dbPassword = canary + ` "s3: #x'é`
	pin        = "0123"
)

// world is a backend with an environment prod, and how programs get at it.
type world struct {
	t    *testing.T
	home string
	env  []string // for programs: no POUNCET_ variable but those of this backend
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, home: filepath.Join(t.TempDir(), ".pouncet")}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "POUNCET_") && !strings.HasPrefix(v, "PATH=") && !strings.HasPrefix(v, "GITHUB_") {
			w.env = append(w.env, v)
		}
	}
	w.env = append(w.env, "PATH="+programtest.Dir(t)+string(os.PathListSeparator)+os.Getenv("PATH"), "POUNCET_HOME="+w.home)
	w.must("", "pouncet", "init")
	for _, e := range []string{"prod", "dev"} {
		w.must("", "pouncet", "env", "set", e)
	}
	w.secret("db_password", canary+"-before")
	w.secret("db_password", dbPassword)
	w.secret("pin", pin)
	w.secret("warehouse", `{"host":"db","port":5432,"username":"loader","password":"`+canary+`-json"}`, "--type", "database_connection")
	w.secret("keystore", "\xff\xfe"+canary)
	w.must("", "pouncet", "value", "set", "settings", "--env", "prod", "--json-value", `{"level":3}`)
	return w
}

func (w *world) secret(name, value string, flags ...string) {
	w.t.Helper()
	w.must(value, "pouncet", append([]string{"secret", "set", name, "--env", "prod", "--stdin"}, flags...)...)
}

// serve starts a server in front of the backend, and lets w's programs know it
// in place of the folder.
func (w *world) serve() (endpoint, token string) {
	w.t.Helper()
	token = strings.TrimSpace(w.must("", "pouncet", "token", "create", "--role", "runtime", "--name", "plugs").stdout)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	cmd := w.command("", programtest.Pouncet(w.t), "server", "--quiet", "--listen", address)
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			w.t.Errorf("the server ended with %v", err)
		}
	})
	for range 1000 {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			endpoint = "http://" + address
			w.env = append(w.env, "POUNCET_HOME=/nonexistent", "POUNCET_ENDPOINT="+endpoint, "POUNCET_TOKEN="+token)
			return endpoint, token
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatal("the server does not listen")
	return "", ""
}

// ran is how a program ended.
type ran struct {
	stdout, stderr string
	code           int
}

func (w *world) command(dir, name string, args ...string) *exec.Cmd {
	if name == "pouncet" {
		name = programtest.Pouncet(w.t)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	w.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, w.env
	return cmd
}

func (w *world) run(cmd *exec.Cmd) ran {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatalf("%s: %v", cmd, err)
	}
	return ran{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must runs a program that must end well.
func (w *world) must(stdin, name string, args ...string) ran {
	w.t.Helper()
	cmd := w.command("", name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	r := w.run(cmd)
	if r.code != 0 {
		w.t.Fatalf("%s: exit code %d\n%s%s", cmd, r.code, r.stdout, r.stderr)
	}
	return r
}

// fails checks that a program failed, said why, and showed no value.
func (r ran) fails(t *testing.T, says string) {
	t.Helper()
	if r.code == 0 || !strings.Contains(r.stdout+r.stderr, says) {
		t.Errorf("exit code %d, and it does not say %q:\n%s%s", r.code, says, r.stdout, r.stderr)
	}
	if strings.Contains(r.stdout+r.stderr, canary) {
		t.Errorf("it shows a value:\n%s%s", r.stdout, r.stderr)
	}
}

// tool is the path of a tool that make plugs-tools builds. On a developer's
// machine it may be absent, in CI never.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		absent(t, name+" is not built: run make plugs-tools")
	}
	return path
}

func onPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		absent(t, name+" is not on PATH: install it")
	}
	return path
}

func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// copied is a copy of a folder, to be changed.
func copied(t *testing.T, folder string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(folder))
	if err := os.CopyFS(to, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	return to
}

// change replaces text in a file.
func change(t *testing.T, path, old, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s has no %q", path, old)
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
