// SPDX-License-Identifier: MPL-2.0

package programtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Serve starts `pouncet server` on a free port, waits until it listens, and returns its URL. env is the whole
// environment of the server. The server stops when the test ends, and fails the test if it ends with an error.
func Serve(t testing.TB, env []string, args ...string) string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // the cleanup stops the server
	server := exec.CommandContext(ctx, Pouncet(t), append([]string{"server", "--quiet", "--listen", "127.0.0.1:0"},
		args...)...)
	server.Env = env
	stderr, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		if err := server.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	endpoint, err := Endpoint(stderr)
	if err != nil {
		t.Fatal(err)
	}
	return endpoint
}

// Endpoint waits until a server writes to its standard error that it listens, and returns its URL. It discards what
// the server writes afterwards.
func Endpoint(stderr io.Reader) (string, error) {
	lines := bufio.NewReader(stderr)
	var before strings.Builder
	for {
		line, err := lines.ReadString('\n')
		if rest, ok := strings.CutPrefix(line, "listening on "); ok {
			go func() { _, _ = io.Copy(io.Discard, lines) }()
			endpoint, _, _ := strings.Cut(rest, ", ")
			return endpoint, nil
		}
		before.WriteString(line)
		if err != nil {
			return "", fmt.Errorf("the server does not listen: %w\n%s", err, before.String())
		}
	}
}
