// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pouncet/terraform-provider-pouncet/backend/certificate/certificatetest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pouncet": main, "print-signals": printSignals, "browse": browse})
}

// Each file in testdata/script tests one behaviour of the command line. The
// files in testdata/both run twice, on an embedded backend and against a server,
// with the same output. Most of them run against a server in make test-parts only, and with -short only a few run: each
// starts 20 processes.

func TestScripts(t *testing.T) {
	scripts(t, filesUnlessShort(t, "testdata/script", "check_formats", "configuration", "files", "locked", "nested",
		"no_backend", "prompt", "refs", "render_in_place", "review", "server", "token_use", "version"), false)
}

func TestScriptsEmbedded(t *testing.T) {
	scripts(t, filesUnlessShort(t, "testdata/both", "check", "note", "quickstart", "render", "resolve", "run", "secret"),
		false)
}

// filesUnlessShort returns all scripts of a folder, and with -short only those with the given names.
func filesUnlessShort(t *testing.T, dir string, short ...string) []string {
	t.Helper()
	if !testing.Short() {
		return allFiles(t, dir)
	}
	t.Log("SKIPPED: the other scripts: run without -short")
	return namedFiles(dir, short...)
}

func namedFiles(dir string, names ...string) []string {
	var files []string
	for _, name := range names {
		files = append(files, filepath.Join(dir, name+".txtar"))
	}
	return files
}

func TestScriptsOverHTTP(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: runs again what TestScriptsEmbedded runs: run without -short")
	}
	files := allFiles(t, "testdata/both")
	if os.Getenv("POUNCET_TEST_PARTS") == "" {
		files = namedFiles("testdata/both", "quickstart", "render", "reveal", "run", "secret")
		t.Log("SKIPPED: the other scripts: set POUNCET_TEST_PARTS, or make test-parts")
	}
	scripts(t, files, true)
}

func allFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has %d scripts: %v", dir, len(files), err)
	}
	return files
}

func scripts(t *testing.T, files []string, served bool) {
	scriptsWith(t, files, func(e *testscript.Env) error {
		if served {
			e.Setenv("SERVED", "1")
		}
		return nil
	})
}

// scriptsWith runs scripts after setup, which may add variables and files.
func scriptsWith(t *testing.T, files []string, setup func(e *testscript.Env) error) {
	prepared := &preparedBackend{folder: t.TempDir()}
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: func(e *testscript.Env) error {
			e.Setenv("CANARY", "CANARY-"+rand.Text())
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("USER", "tester")
			address := freeAddress(t)
			e.Setenv("ADDRESS", address)
			e.Setenv("OTHER", freeAddress(t))
			e.Setenv("EVERYWHERE", strings.Replace(address, "127.0.0.1", "0.0.0.0", 1))
			return setup(e)
		},
		Condition: func(condition string) (bool, error) {
			if condition != "base64-w" {
				return false, fmt.Errorf("the condition %q does not exist", condition)
			}
			// An old base64 of macOS has no -w.
			return exec.Command("base64", "-w", "64", os.DevNull).Run() == nil, nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"backend": prepared.make, "code": exitCodeIs, "feed": feed, "hides": hides, "fill": fill, "lock": lock,
			"damage": damage, "ready": ready, "bytes": writeBytes, "mode": mode, "size": size, "setenv": setenv,
			"replace-text": replaceText,
			"populate":     populate, "replace": replace, "get": get, "terminate": terminate,
			"fixture": fixture, "sql": runSQL, "records": records, "await": await, "awaitfile": awaitFile,
			"awaittext": awaitText, "old": makeOld,
			"authority": makeAuthority, "psql": runPostgreSQL,
			"issuer": startIssuer, "person": person, "identity": writeIdentity, "login": loginOver,
			"sessiontoken": sessionToken,
		},
	})
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// preparedBackend is a backend with the environments dev and prod that the scripts of a test copy. To make one takes
// three processes.
type preparedBackend struct {
	folder string
	once   sync.Once
}

// make is the command backend: the script gets an embedded backend. If the script runs over HTTP, it also starts a
// server and sets the environment variables for it.
func (p *preparedBackend) make(ts *testscript.TestScript, _ bool, _ []string) {
	home := ts.MkAbs(".pouncet")
	p.once.Do(func() {
		for _, args := range [][]string{{"init"}, {"env", "set", "dev"}, {"env", "set", "prod"}} {
			ts.Check(ts.Exec("pouncet", args...))
		}
		ts.Check(copyFiles(p.folder, home))
		ts.Check(os.RemoveAll(home))
	})
	ts.Check(os.Mkdir(home, 0o700))
	ts.Check(copyFiles(home, p.folder))
	if ts.Getenv("SERVED") == "" {
		return
	}
	// The local user is a workload too.
	ts.Check(ts.Exec("pouncet", "token", "set", "first-token", "--for", "workload"))
	binary := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, "pouncet")); err == nil && binary == "" {
			binary = filepath.Join(dir, "pouncet")
		}
	}
	cmd := exec.Command(binary, "server", "--quiet", "--listen", ts.Getenv("ADDRESS"))
	cmd.Env = append(os.Environ(), "POUNCET_HOME="+ts.MkAbs(".pouncet"))
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			ts.Logf("server: %v", err)
		}
	})
	endpoint, err := programtest.Endpoint(stderr)
	ts.Check(err)
	ts.Setenv("POUNCET_ENDPOINT", endpoint)
	ts.Setenv("POUNCET_TOKEN", strings.TrimSpace(ts.ReadFile(".pouncet/first-token")))
}

// copyFiles copies the files of a folder with their modes.
func copyFiles(to, from string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), content, info.Mode()); err != nil {
			return err
		}
	}
	return nil
}

// ready is the command ready [SOCKET]: it waits until a server that the script runs in the background listens on
// $ADDRESS, or on a Unix socket. The timeout of go test ends the wait for a server that does not start.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	network, address := "tcp", ts.Getenv("ADDRESS")
	if len(args) > 0 {
		network, address = "unix", args[0]
	}
	for {
		if c, err := net.Dial(network, address); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// makeAuthority is the command authority NAME CERTIFICATE ...: it makes a certificate authority with the file NAME.pem,
// and certificates of it with the files CERTIFICATE.pem and CERTIFICATE.key. CERTIFICATE=uri:TEXT is one for a client,
// with this subject alternative name.
func makeAuthority(ts *testscript.TestScript, _ bool, args []string) {
	a, err := certificatetest.NewAuthority(ts.MkAbs("."), args[0])
	ts.Check(err)
	for _, name := range args[1:] {
		name, alternative, forClient := strings.Cut(name, "=")
		if forClient {
			_, _, err = a.IssueClient(name, time.Now().Add(24*time.Hour), alternative)
		} else {
			_, _, err = a.IssueForADay(name)
		}
		ts.Check(err)
	}
}

// exitCodeIs is the command code CODE COMMAND: it runs a command that must end with this exit code.
func exitCodeIs(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: code CODE COMMAND ...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("running %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// feed is the command feed FILE TEXT: it writes the text, with a newline for \n and no other.
func feed(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.ReplaceAll(strings.Join(args[1:], " "), `\n`, "\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// fill is the command fill FILE N: it writes a file of N bytes.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat("x", n)), 0o600))
}

// hides is the command hides TEXT: it fails if the output of the last command contains the text.
func hides(ts *testscript.TestScript, _ bool, args []string) {
	for _, stream := range []string{"stdout", "stderr"} {
		if strings.Contains(ts.ReadFile(stream), args[0]) {
			ts.Fatalf("%s contains the text", stream)
		}
	}
}

// lock is the command lock: this process holds the write lock of the database
// until the script ends.
func lock(ts *testscript.TestScript, _ bool, _ []string) {
	s, err := sqlite.Open(context.Background(), ts.MkAbs(".pouncet/pouncet.db"))
	ts.Check(err)
	held, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Update(context.Background(), func(store.Tx) error {
			close(held)
			<-release
			return nil
		})
	}()
	<-held
	ts.Defer(func() {
		close(release)
		<-done
		_ = s.Close()
	})
}

// damage is the command damage: it overwrites the database except for its first page.
func damage(ts *testscript.TestScript, _ bool, _ []string) {
	path := ts.MkAbs(".pouncet/pouncet.db")
	info, err := os.Stat(path)
	ts.Check(err)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	ts.Check(err)
	_, err = f.WriteAt([]byte(strings.Repeat("rotten ", int(info.Size())/7)), 4096)
	ts.Check(err)
	ts.Check(f.Close())
}
