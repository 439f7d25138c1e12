// SPDX-License-Identifier: MPL-2.0

//go:build unix

package open

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// otherOwner returns the owner of a file, and whether that is a user whom this process does not trust. As for git, a
// root process trusts root and the user who ran sudo, and any other process trusts its own user only.
func otherOwner(info fs.FileInfo) (owner int, other bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	owner, user := int(stat.Uid), effectiveUser()
	if owner == user {
		return owner, false
	}
	sudo, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	return owner, user != 0 || err != nil || owner != sudo
}
