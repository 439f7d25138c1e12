// SPDX-License-Identifier: MPL-2.0

//go:build !unix

package certificate

import "io/fs"

// isOpenToOthers returns false: on Windows, the mode of a file does not show who can use the file.
func isOpenToOthers(fs.FileInfo) bool { return false }
