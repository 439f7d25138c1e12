// SPDX-License-Identifier: MPL-2.0

package kms

import "golang.org/x/sys/windows"

// The operating system's errors that say which mistake a path or disk has.
// io/fs has no names for them, and those of package syscall (ENOSPC and so on)
// never occur on Windows.
var (
	notAFolder  = []error{windows.ERROR_DIRECTORY}
	readOnly    = []error{windows.ERROR_WRITE_PROTECT}
	noSpaceLeft = []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED}
)
