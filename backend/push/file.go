// SPDX-License-Identifier: MPL-2.0

package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
)

// fileTarget is a file, or a folder if the path ends with a separator.
type fileTarget struct{ path string }

func (f fileTarget) String() string { return f.path }

func (f fileTarget) isFolder() bool {
	return strings.HasSuffix(f.path, "/") || strings.HasSuffix(f.path, string(filepath.Separator))
}

func (f fileTarget) Put(_ context.Context, name string, note []byte) (string, error) {
	file := f.path
	if f.isFolder() {
		file = filepath.Join(f.path, name)
	}
	err := durable.CheckRegular(file) // a device would be replaced by a file
	if err == nil {
		err = durable.Replace(file, note, 0o644)
	}
	if err != nil {
		return "", backend.Errorf(backend.CodeUnavailable, "writing the checkpoint: %w", err).
			WithHint("name a file in a folder that exists and that you can write to")
	}
	return file, nil
}

// Latest returns the newest file of a folder: the names of checkpoints sort by time.
func (f fileTarget) Latest(context.Context) ([]byte, error) {
	file := f.path
	if f.isFolder() {
		entries, err := os.ReadDir(f.path)
		entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
			return !strings.HasPrefix(e.Name(), "pouncet-") || !strings.HasSuffix(e.Name(), ".txt")
		})
		if err != nil || len(entries) == 0 {
			return nil, ignoreAbsent(err)
		}
		file = filepath.Join(f.path, entries[len(entries)-1].Name())
	}
	note, err := readNote(file)
	return note, ignoreAbsent(err)
}

// readNote reads a checkpoint from a file that somebody else may have put there.
func readNote(file string) ([]byte, error) {
	if err := durable.CheckRegular(file); err != nil {
		return nil, err
	}
	opened, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	note, err := io.ReadAll(io.LimitReader(opened, maxNote+1))
	if err == nil && len(note) > maxNote {
		err = fmt.Errorf("it has more than %d bytes", maxNote)
	}
	return note, err
}

func ignoreAbsent(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return backend.Errorf(backend.CodeUnavailable, "reading the last checkpoint: %w", err)
}
