// SPDX-License-Identifier: MPL-2.0

//go:build unix

package durable

import (
	"os"

	"golang.org/x/sys/unix"
)

// Writable returns an error if this process may not write to a file, or create files in a folder. It writes nothing.
func Writable(path string) error {
	mode := uint32(unix.W_OK)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		mode |= unix.X_OK
	}
	return unix.Access(path, mode)
}
