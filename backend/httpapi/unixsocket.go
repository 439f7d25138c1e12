// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// listenUnix opens a Unix socket that only the user of this process can use.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if !filepath.IsAbs(path) {
		return nil, backend.Errorf(backend.CodeInvalid, "the path of the Unix socket %s is not absolute",
			backend.Quote(path)).WithHint("write it as unix:///run/pouncet/pouncet.sock")
	}
	unlock, err := lockFolder(ctx, filepath.Dir(path)) // two starting servers would each remove the socket of the other
	if err != nil {
		return nil, unixError(path, err)
	}
	defer unlock()
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	// On Linux, the socket has its mode from the beginning. Elsewhere, others could connect until chmod.
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return c.Control(onlyOwner) }}
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, unixError(path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, unixError(path, err)
	}
	return l, nil
}

// removeStale removes a socket that nobody listens on, which a killed server leaves behind.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return unixError(path, err)
	case info.Mode().Type() != fs.ModeSocket:
		return backend.Errorf(backend.CodeInvalid, "%s exists and is not a socket", path).
			WithHint("choose another path with --listen")
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = c.Close()
		return backend.Errorf(backend.CodeUnavailable, "another process listens on %s", path).
			WithHint("stop it, or choose another path with --listen")
	case !errors.Is(err, syscall.ECONNREFUSED):
		return unixError(path, err)
	}
	if err := os.Remove(path); err != nil {
		return unixError(path, err)
	}
	return nil
}

func unixError(path string, err error) error {
	return backend.Errorf(backend.CodeUnavailable, "listening on unix://%s: %w", path, err).
		WithHint("choose another path with --listen; its folder must exist, and the path has at most 107 bytes")
}
