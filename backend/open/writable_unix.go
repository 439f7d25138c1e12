// SPDX-License-Identifier: MPL-2.0

//go:build unix

package open

import "golang.org/x/sys/unix"

// writable returns an error if this process may not create files in a folder. It writes nothing.
func writable(folder string) error { return unix.Access(folder, unix.W_OK|unix.X_OK) }
