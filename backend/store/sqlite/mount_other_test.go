// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package sqlite_test

import "testing"

// mountTmpfs skips the test, because it works on Linux only.
func mountTmpfs(t *testing.T, _ string) (string, func(string)) {
	t.Helper()
	t.Skip("mounting a file system is tested on Linux only")
	return "", nil
}
