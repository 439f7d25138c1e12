// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// editedFile is a value in a file, in its own folder.
type editedFile struct {
	folder, path string
	trim         bool // a newline at the end is not part of the value
	unlock       func()
}

// editPrefix begins the name of a folder for edited files.
const editPrefix = "pouncet-edit-"

// memoryFolders are folders in memory, which no disk keeps.
func memoryFolders() []string {
	if runtime.GOOS != "linux" {
		return nil
	}
	return []string{os.Getenv("XDG_RUNTIME_DIR"), "/dev/shm"}
}

// editFolders are the folders that can have the folders of edited files.
func editFolders() []string { return append(memoryFolders(), os.TempDir()) }

// removeLeftFiles removes the files of edits whose process was killed, and is not there to remove them. A running edit
// has locked its folder.
func (a *app) removeLeftFiles() {
	for _, in := range editFolders() {
		if in == "" {
			continue
		}
		left, _ := filepath.Glob(filepath.Join(in, editPrefix+"*")) // the only error is one of the pattern
		for _, folder := range left {
			unlock, err := lockEditFolder(folder)
			if err != nil || unlock == nil {
				continue
			}
			if os.RemoveAll(folder) == nil {
				a.notef("pouncet: removed %s: an edit that was killed left it", folder)
			}
			unlock()
		}
	}
}

// makeEditFolder makes and locks a folder for an edited file. Another edit can remove the new folder in the moment
// before the lock.
func makeEditFolder(in string) (folder string, unlock func(), err error) {
	for range 10 {
		if folder, err = os.MkdirTemp(in, editPrefix); err != nil {
			return "", nil, err
		}
		if unlock, err = lockEditFolder(folder); err == nil {
			return folder, unlock, nil
		}
		_ = os.Remove(folder)
	}
	return "", nil, err
}

func newEditedFile(name string, value []byte, isJSON bool) (*editedFile, error) {
	extension := ".txt"
	if isJSON {
		extension = ".json"
		var indented bytes.Buffer
		if json.Indent(&indented, value, "", "  ") == nil {
			value = append(indented.Bytes(), '\n')
		}
	}
	folder, unlock, err := "", func() {}, errors.ErrUnsupported
	for _, in := range editFolders() {
		if in == "" || err == nil {
			continue
		}
		folder, unlock, err = makeEditFolder(in)
	}
	f := &editedFile{folder: folder, unlock: unlock, trim: isJSON || !bytes.HasSuffix(value, []byte("\n"))}
	if err == nil {
		f.path = filepath.Join(folder, fileName(name)+extension)
		err = os.WriteFile(f.path, value, 0o600)
	}
	if err != nil {
		f.remove()
		return nil, backend.Errorf(backend.CodeUnavailable, "making a file for the editor: %w", err)
	}
	return f, nil
}

// putBeside writes a value to a file beside the edited file. It is removed together with the edited file.
func (f *editedFile) putBeside(r backend.Resolution) (string, error) {
	path := filepath.Join(f.folder, fmt.Sprintf("version-%d%s", r.Version, filepath.Ext(f.path)))
	if err := os.WriteFile(path, r.Value.Expose(), 0o600); err != nil {
		return "", backend.Errorf(backend.CodeUnavailable, "making a file for the editor: %w", err)
	}
	return path, nil
}

// remove removes the file, and what an editor has left beside it.
func (f *editedFile) remove() {
	if f.folder != "" {
		_ = os.RemoveAll(f.folder)
	}
	if f.unlock != nil {
		f.unlock()
	}
}
