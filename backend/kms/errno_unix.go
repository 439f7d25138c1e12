// SPDX-License-Identifier: MPL-2.0

//go:build unix

package kms

import "syscall"

// The operating system's errors that say which mistake a path or disk has.
// io/fs has no names for them.
var (
	notAFolder  = []error{syscall.ENOTDIR}
	readOnly    = []error{syscall.EROFS}
	noSpaceLeft = []error{syscall.ENOSPC, syscall.EDQUOT}
)
