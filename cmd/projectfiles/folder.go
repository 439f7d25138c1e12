// SPDX-License-Identifier: MPL-2.0

package projectfiles

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// How the files are read from a folder.

// readFile reads a file that is no link.
func readFile(folder *os.Root, name string, most int64) ([]byte, error) {
	info, err := folder.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil && !info.Mode().IsRegular() {
		return nil, errNotRegular(name)
	}
	if err == nil && info.Size() > most {
		return nil, backend.Errorf(backend.CodeTooLarge, "%s has %d bytes; the limit is %d", name, info.Size(), most)
	}
	var text []byte
	if err == nil {
		var f *os.File
		if f, err = folder.Open(name); err == nil {
			defer f.Close()
			text, err = io.ReadAll(io.LimitReader(f, most+1))
		}
	}
	if err != nil {
		return nil, FileError(backend.CodeInvalid, "reading", filepath.Join(folder.Name(), name), err)
	}
	return text, nil
}

func errNotRegular(name string) error {
	return backend.Errorf(backend.CodeInvalid, "%s is not a regular file", name).
		WithHint("replace the link or folder by the file itself")
}

// environmentFiles returns the names of the files of environments, sorted.
func environmentFiles(folder *os.Root) ([]string, error) {
	info, err := folder.Lstat(environmentFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !info.IsDir() {
		return nil, backend.Errorf(backend.CodeInvalid, "%s is not a folder", environmentFolder).
			WithHint("replace the link or file by a folder")
	}
	var entries []fs.DirEntry
	if err == nil {
		entries, err = fs.ReadDir(folder.FS(), environmentFolder)
	}
	if err != nil {
		return nil, FileError(backend.CodeInvalid, "reading", filepath.Join(folder.Name(), environmentFolder), err)
	}
	var names []string
	seen := map[string]string{}
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), "."):
			continue
		case path.Ext(e.Name()) == ".yml":
			return nil, backend.Errorf(backend.CodeInvalid, "the name of %s/%s does not end with %s", environmentFolder,
				e.Name(), extension).WithHint("rename the file")
		case path.Ext(e.Name()) != extension:
			continue
		}
		folded := strings.ToLower(e.Name())
		if other := seen[folded]; other != "" {
			return nil, backend.Errorf(backend.CodeInvalid, "the names of %s/%s and %s differ only in upper and lower case, "+
				"so some systems can hold only one of them", environmentFolder, other, e.Name()).
				WithHint(`rename one of them, for example to %s@2%s`, strings.TrimSuffix(e.Name(), extension), extension)
		}
		seen[folded] = e.Name()
		names = append(names, environmentFolder+"/"+e.Name())
	}
	slices.Sort(names)
	if len(names) > backend.MaxEnvironments+1 {
		return nil, backend.Errorf(backend.CodeTooLarge, "%s has %d files; the limit is %d", environmentFolder, len(names),
			backend.MaxEnvironments+1)
	}
	return names, nil
}
