// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package sqlite_test

import "testing"

// tmpfs is there on Linux only.
func tmpfs(t *testing.T, _ string) (string, func(string)) {
	t.Helper()
	t.Skip("mounting a file system is tested on Linux only")
	return "", nil
}
