// SPDX-License-Identifier: MPL-2.0

package projectfiles

import (
	"errors"
	"io/fs"
	"os"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// FileError says that something could not be done with a file or folder, and who can help: "reading D/project.yaml".
func FileError(code backend.Code, doing, path string, err error) *backend.Error {
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &at):
		err = at.Err // it names the path inside the folder
	case errors.As(err, &link):
		err = link.Err
	}
	e := backend.Errorf(code, "%s %s: %w", doing, path, err)
	if errors.Is(err, fs.ErrPermission) {
		return e.WithHint("give this user access to it and to its folder: ls -ld %s", path)
	}
	return e
}
