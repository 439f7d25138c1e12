// SPDX-License-Identifier: MPL-2.0

//go:build unix

package certificate

import "io/fs"

// isOpenToOthers reports whether users other than the owner and its group may use a file. A group is allowed: services
// often get their keys through one.
func isOpenToOthers(info fs.FileInfo) bool {
	return info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0
}
