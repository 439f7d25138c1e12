// SPDX-License-Identifier: MPL-2.0

package postgrestest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Pooler starts PgBouncer with a pool_mode before the server, for a test, which stops it. It returns the address of the
// pooler, as HOST:PORT. Without PgBouncer, the test skips.
func (s *Server) Pooler(t testing.TB, mode string) string {
	t.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil { // it is not on the PATH of users
		path, err = exec.LookPath("/usr/sbin/pgbouncer")
	}
	if err != nil {
		t.Skip("PgBouncer is not installed: no program pgbouncer")
	}
	port, err := freePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The name of the role replaces that of each client.
	text := fmt.Sprintf("[databases]\n* = host=%s port=%d user=%s\n[pgbouncer]\n", s.Dir, s.Port, User) +
		fmt.Sprintf("listen_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\nauth_type = any\n", port) +
		fmt.Sprintf("pool_mode = %s\ndefault_pool_size = 20\n", mode)
	file := filepath.Join(s.Dir, fmt.Sprintf("pgbouncer-%d.ini", port))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil { //nolint:gosec // another user reads it
		t.Fatal(err)
	}
	pooler := command(t.Context(), path, file)
	if err := pooler.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = pooler.Process.Kill()
		_ = pooler.Wait()
	})
	address := net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
	for range 500 {
		if c, err := net.Dial("tcp", address); err == nil { //nolint:noctx // it is on this machine
			_ = c.Close()
			return address
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("PgBouncer does not start")
	return ""
}
