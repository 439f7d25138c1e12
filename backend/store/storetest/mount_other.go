// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package storetest

import "testing"

// MountTmpfs skips the test, because it works on Linux only.
func MountTmpfs(t *testing.T, _ string) (string, func(string)) {
	t.Helper()
	t.Skip("mounting a file system is tested on Linux only")
	return "", nil
}
