// SPDX-License-Identifier: MPL-2.0

// Package postgrestest starts a PostgreSQL server for the tests of a package. It uses the programs initdb and postgres
// on PATH, or those that Debian installs. Without these programs, the tests are skipped with a message.
//
// The server keeps its data in a temporary folder and does not sync it. It listens on a Unix socket in that folder and
// on a port of 127.0.0.1, where roles need a password. PostgreSQL refuses to run as root, so then it runs as the user
// postgres or nobody.
package postgrestest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a running PostgreSQL server.
type Server struct {
	Dir     string // holds the socket
	Port    int
	command *exec.Cmd
	log     string
}

// User is the superuser of the server. It needs no password on the socket.
const User = "pouncet"

var shared struct {
	once    sync.Once
	server  *Server
	absent  string
	err     error
	number  atomic.Int64
	mu      sync.Mutex
	idle    []string // databases that tests have used
	folders []string // of templates
}

// Run runs the tests of a package and stops the server that they have started. Call it in TestMain.
func Run(m *testing.M) int {
	code := m.Run()
	if shared.server != nil {
		shared.server.Stop()
	}
	for _, dir := range shared.folders {
		_ = os.RemoveAll(dir)
	}
	return code
}

// Shared returns the server of this package, which the first call starts. Without PostgreSQL, the test skips.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.once.Do(func() {
		if shared.absent = missing(); shared.absent == "" {
			shared.server, shared.err = start(context.Background())
		}
	})
	if shared.absent != "" {
		t.Skip(shared.absent)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// Database returns the URL of an empty database on the shared server, for one test. Later tests use the database again,
// because creating one takes longer than most tests.
func Database(t testing.TB) string {
	t.Helper()
	s := Shared(t)
	name := takeIdle()
	if name == "" {
		name = s.create(t)
	}
	t.Cleanup(func() {
		s.disconnect(t, name)
		s.Exec(t, name, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS pouncet CASCADE")
		shared.mu.Lock()
		defer shared.mu.Unlock()
		shared.idle = append(shared.idle, name)
	})
	return s.URL(name)
}

// create creates an empty database and returns its name.
func (s *Server) create(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", shared.number.Add(1))
	s.Exec(t, "postgres", "CREATE DATABASE "+name)
	return name
}

// disconnect ends all connections to a database and resets its settings.
func (s *Server) disconnect(t testing.TB, name string) {
	t.Helper()
	s.Exec(t, "postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '`+name+`';
		ALTER DATABASE `+name+` RESET ALL`)
}

func takeIdle() string {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	n := len(shared.idle)
	if n == 0 {
		return ""
	}
	name := shared.idle[n-1]
	shared.idle = shared.idle[:n-1]
	return name
}

// URL returns the URL of a database, through the socket.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://%s@/%s?host=%s&port=%d", User, database, url.QueryEscape(s.Dir), s.Port)
}

// Exec runs statements in a database.
func (s *Server) Exec(t testing.TB, database, statements string) {
	t.Helper()
	Exec(t, s.URL(database), statements)
}

// Exec runs statements in the database of a URL.
func Exec(t testing.TB, address, statements string) {
	t.Helper()
	ctx := context.Background() // also in a Cleanup
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx) //nolint:errcheck // the statements have run
	if _, err := c.Exec(ctx, statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

// Start starts a separate server for a test, which stops it.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	if absent := missing(); absent != "" {
		t.Skip(absent)
	}
	s, err := start(t.Context(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Replica starts a streaming replica of a server for a test, which stops it.
func (s *Server) Replica(t testing.TB) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "pouncet-pg-")
	if err != nil {
		t.Fatal(err)
	}
	r := &Server{Dir: dir, log: filepath.Join(dir, "log")}
	t.Cleanup(r.Stop)
	if err := giveAway(dir); err != nil {
		t.Fatal(err)
	}
	// -R writes the settings that make it a standby of this server.
	backup := command(t.Context(), program("pg_basebackup"), "-D", filepath.Join(dir, "data"), "-R", "-X", "stream",
		"-c", "fast", "--no-sync", "-h", s.Dir, "-p", fmt.Sprint(s.Port), "-U", User)
	if out, err := backup.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v: %s", err, out)
	}
	if r.Port, err = freePort(t.Context()); err == nil {
		err = r.Launch(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// missing says why there is no PostgreSQL, or returns "".
func missing() string {
	if testing.Short() {
		return "SKIPPED: with -short, no test starts PostgreSQL"
	}
	for _, name := range []string{"initdb", "postgres"} {
		if program(name) == "" {
			return "PostgreSQL is not installed: no program " + name
		}
	}
	return ""
}

// program returns the path of a program of PostgreSQL, or "".
func program(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// start creates a database cluster and starts a server. settings are as "fsync=on".
func start(ctx context.Context, settings ...string) (_ *Server, err error) {
	dir, err := os.MkdirTemp("", "pouncet-pg-") // short: the path of a socket has at most 107 bytes
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	if err := giveAway(dir); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	// An ICU locale does not sort by bytes, so that the tests show that the schema does not rely on it.
	initdb := command(ctx, program("initdb"), "-D", data, "-U", User, "-E", "UTF8", "--locale=C.UTF-8",
		"--locale-provider=icu", "--icu-locale=en", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	s := &Server{Dir: dir, log: filepath.Join(dir, "log")}
	if s.Port, err = freePort(ctx); err != nil {
		return nil, err
	}
	return s, s.Launch(ctx, settings...)
}

// Process is the process that starts all others of the server.
func (s *Server) Process() *os.Process { return s.command.Process }

// Launch starts the server on its data.
func (s *Server) Launch(ctx context.Context, settings ...string) error {
	args := []string{"-D", filepath.Join(s.Dir, "data"), "-k", s.Dir, "-h", "127.0.0.1", "-p", fmt.Sprint(s.Port),
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300", "-c", "shared_buffers=64MB"}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	s.command = command(context.WithoutCancel(ctx), program("postgres"), args...)
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.command.Stdout, s.command.Stderr = log, log
	if err := s.command.Start(); err != nil {
		return err
	}
	return s.wait(ctx)
}

// wait waits until the server accepts connections.
func (s *Server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-ctx.Done():
			text, _ := os.ReadFile(s.log)
			return fmt.Errorf("PostgreSQL does not start: %w\n%s", err, text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill ends the server at once, without a checkpoint, as after a crash of PostgreSQL.
func (s *Server) Kill() {
	if s.command == nil {
		return
	}
	_ = s.command.Process.Signal(immediateShutdown)
	_ = s.command.Wait()
}

// Stop ends the server and removes its data.
func (s *Server) Stop() {
	s.Kill()
	_ = os.RemoveAll(s.Dir)
}

func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
