// SPDX-License-Identifier: MPL-2.0

//go:build !unix

package certificate

import "io/fs"

// isOpenToOthers is false: Windows does not keep the rights of a file in its mode.
func isOpenToOthers(fs.FileInfo) bool { return false }
