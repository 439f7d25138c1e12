// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// fixtureV1 was made by an earlier version: see its README. What it recorded
// holds for this version too, up to texts for people.
const fixtureV1 = "../../testdata/v1"

// copyFixture copies the fixture's backend and files into dir. Tests never change the fixture itself.
func copyFixture(dir string) error {
	if err := os.CopyFS(dir, os.DirFS(fixtureV1)); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "backend", "*"))
	for _, f := range files { // git does not keep the mode
		err = errors.Join(err, os.Chmod(f, 0o600))
	}
	return err
}

// TestFixtureScripts runs the fixture's scripts, each on a copy of its backend.
func TestFixtureScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: runs what an earlier version wrote: run without -short")
	}
	scriptsWith(t, allFiles(t, fixtureV1+"/script"), func(e *testscript.Env) error {
		e.Setenv("POUNCET_HOME", filepath.Join(e.WorkDir, "backend"))
		return copyFixture(e.WorkDir)
	})
}

// TestFixtureCommands runs the commands that the fixture recorded. Exit codes
// are equal, and the JSON output contains all that was recorded.
func TestFixtureCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: runs what an earlier version wrote: run without -short")
	}
	var commands []struct {
		Args           []string
		Exit           int
		Stdout, Stderr any
	}
	readFixture(t, "cli.json", &commands)
	dir := t.TempDir()
	if err := copyFixture(dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		t.Run(strings.Join(c.Args, " "), func(t *testing.T) {
			cmd := pouncetProcess(t, dir, c.Args...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			var exit *exec.ExitError
			if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != c.Exit {
				t.Errorf("exit code %d, want %d\n%s", got, c.Exit, stderr.Bytes())
			}
			checkContains(t, "stdout", c.Stdout, stdout.Bytes())
			checkContains(t, "stderr", c.Stderr, stderr.Bytes())
		})
	}
}

// TestFixtureRequests sends the requests of wire version 1 that the fixture
// recorded. Statuses are equal, and answers contain all that was recorded.
func TestFixtureRequests(t *testing.T) {
	var calls []struct {
		Name    string
		Request struct {
			Method, Path, Token string
			Body                json.RawMessage
		}
		Response struct {
			Status int
			Body   any
		}
	}
	readFixture(t, "http.json", &calls)
	var tokens map[string]string
	readFixture(t, "tokens.json", &tokens)
	dir := t.TempDir()
	if err := copyFixture(dir); err != nil {
		t.Fatal(err)
	}
	// Restricted secrets were for every token. An upgrade says for each token who has it.
	set := pouncetProcess(t, dir, "token", "set", "first-token", "--for", "workload")
	if out, err := set.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	base := serve(t, dir)
	made := map[string]string{
		// The upgrade to signed rows drops the records of idempotent calls, which nobody signed. So these calls run again,
		// and find what they made.
		"a set with an idempotency key": "unchanged",
		"the same set again":            "unchanged",
	}
	for _, c := range calls {
		if c.Name == "query token" { // the first of them is the changed one
			c.Response.Body.(map[string]any)["objects"].([]any)[0].(map[string]any)["revision"] = json.Number("2")
		}
		if c.Name == "resolve with errors" { // since versions have tags, "x" is the name of one that does not exist
			resolution := c.Response.Body.(map[string]any)["resolutions"].([]any)[3].(map[string]any)
			resolution["error"].(map[string]any)["code"] = "not_found"
		}
		if action := made[c.Name]; action != "" {
			for _, o := range c.Response.Body.(map[string]any)["outcomes"].([]any) {
				o.(map[string]any)["action"] = action
			}
		}
		t.Run(c.Name, func(t *testing.T) {
			body := bytes.NewReader(c.Request.Body)
			r, err := http.NewRequestWithContext(t.Context(), c.Request.Method, base+c.Request.Path, body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			if token, ok := tokens[c.Request.Token]; ok {
				r.Header.Set("Authorization", "Bearer "+token)
			} else if c.Request.Token != "" {
				r.Header.Set("Authorization", "Bearer "+c.Request.Token)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			got, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			want := c.Response.Status
			if c.Name == "a broken rule" { // a refused change had status 200, which a script took for success
				want = http.StatusBadRequest
			}
			if answer.StatusCode != want {
				t.Errorf("status %d, want %d\n%s", answer.StatusCode, want, got)
			}
			checkContains(t, "body", c.Response.Body, got)
		})
	}
}

func readFixture(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(fixtureV1, name))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

// pouncetProcess is this program as another process, with the backend in dir.
func pouncetProcess(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Args[0], cmd.Dir = "pouncet", dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "POUNCET_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "POUNCET_HOME="+filepath.Join(dir, "backend"), "HOME="+dir)
	return cmd
}

// serve starts a server for the backend in dir and returns its URL.
func serve(t *testing.T, dir string) string {
	t.Helper()
	address := freeAddress(t)
	cmd := pouncetProcess(t, dir, "server", "--quiet", "--listen", address)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := bufio.NewReader(stderr).ReadString('\n'); err != nil { // it listens
		t.Fatal(err)
	}
	return "http://" + address
}

// checkContains checks that got, which is JSON, contains want. A nil want asks for nothing.
func checkContains(t *testing.T, what string, want any, got []byte) {
	t.Helper()
	if want == nil {
		return
	}
	d := json.NewDecoder(bytes.NewReader(got))
	d.UseNumber()
	var document any
	if err := d.Decode(&document); err != nil {
		t.Errorf("%s: %v\n%s", what, err, got)
		return
	}
	for _, m := range lacks(what, want, document) {
		t.Error(m)
	}
}

// free names the fields whose text may differ: messages for people, and the cursor of the next page, which a client
// does not interpret.
var free = map[string]bool{"message": true, "hint": true, "next": true}

// isNewBuiltIn reports whether item is a built-in type that want does not list.
func isNewBuiltIn(item any, want []any) bool {
	o, _ := item.(map[string]any)
	return o["built_in"] == true && !slices.ContainsFunc(want, func(w any) bool {
		known, _ := w.(map[string]any)
		return known["id"] == o["id"]
	})
}

// lacks returns what got lacks or has different from want. An object may have more fields than want. An array must have
// the same items, except for new built-in types.
func lacks(at string, want, got any) (out []string) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %v, want an object", at, got)}
		}
		for name, value := range w {
			is, ok := g[name]
			text, _ := is.(string)
			switch {
			case !ok:
				out = append(out, fmt.Sprintf("%s lacks %s, which was %v", at, name, value))
			case free[name] && text != "":
			default:
				out = append(out, lacks(at+"."+name, value, is)...)
			}
		}
	case []any:
		g, ok := got.([]any)
		g = slices.DeleteFunc(g, func(item any) bool { return isNewBuiltIn(item, w) })
		if !ok || len(g) != len(w) {
			return []string{fmt.Sprintf("%s is %v, want %v", at, got, want)}
		}
		for i := range w {
			out = append(out, lacks(fmt.Sprintf("%s[%d]", at, i), w[i], g[i])...)
		}
	case json.Number:
		g, _ := got.(json.Number)
		x, known := new(big.Rat).SetString(w.String())
		y, ok := new(big.Rat).SetString(g.String())
		if !known || !ok || x.Cmp(y) != 0 {
			out = append(out, fmt.Sprintf("%s is %v, want %v", at, got, want))
		}
	default:
		if want != got {
			out = append(out, fmt.Sprintf("%s is %v, want %v", at, got, want))
		}
	}
	return out
}
