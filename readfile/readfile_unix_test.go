// SPDX-License-Identifier: MPL-2.0

//go:build unix

package readfile_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/readfile"
)

// A pipe that nobody writes to is not opened, and a device that never ends is not read to its end.
func TestWhatNeverEnds(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := readfile.Regular(pipe, 9)
	if err == nil || !strings.HasSuffix(err.Error(), "pipe is a pipe, and not a regular file") {
		t.Errorf("a pipe: %v", err)
	}
	if _, err := readfile.Regular("/dev/zero", 9); err == nil || !strings.Contains(err.Error(), "is a device") {
		t.Errorf("a device: %v", err)
	}
	if _, err := readfile.Input("/dev/zero", 9); err == nil || !strings.Contains(err.Error(), "more than 9 bytes") {
		t.Errorf("a device: %v", err)
	}
	_, err = readfile.Input("/dev/zero", 1<<40)
	if err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("a device: %v", err)
	}
	if text, err := readfile.Input("/dev/null", 9); err != nil || len(text) != 0 {
		t.Errorf("an empty device: %v", err)
	}
}
