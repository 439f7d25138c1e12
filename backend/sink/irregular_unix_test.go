// SPDX-License-Identifier: MPL-2.0

//go:build unix

package sink_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/sink"
)

// Opening a pipe waits for its other end, and a device may never end.
func TestAFileOfRecordsIsARegularFile(t *testing.T) {
	folder, err := os.MkdirTemp("", "sink") // a short path, for the socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	pipe, socket, link := filepath.Join(folder, "pipe"), filepath.Join(folder, "socket"), filepath.Join(folder, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{pipe: "not a regular file", socket: "not a regular file",
		link: "not a regular file", "/dev/null": "not a regular file", folder: "it is a folder"} {
		s, err := sink.Parse("file:"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Last(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("reading %s: %v", path, err)
		}
		if err := s.Open(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("opening %s: %v", path, err)
		}
		if err := s.Write(t.Context(), record(1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("writing to %s: %v", path, err)
		}
	}
}
