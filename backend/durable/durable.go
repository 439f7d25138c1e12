// SPDX-License-Identifier: MPL-2.0

// Package durable writes files that survive a crash. A file is complete or absent, and its content is on the disk when
// the function returns.
//
// A new name in a folder survives a crash only after the folder is synced. On Windows the functions do not sync
// folders, because Windows does this without a call. Some network file systems cannot sync a folder; SyncDir then
// fails.
package durable

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Create writes a new file and syncs it and its folder. It fails with
// fs.ErrExist if the file exists, and leaves no file behind when it fails.
func Create(path string, data []byte, mode fs.FileMode) error {
	if err := write(os.OpenFile, path, data, mode); err != nil {
		return err
	}
	if err := SyncDir(filepath.Dir(path)); err != nil {
		_ = os.Remove(path)
		return err
	}
	return nil
}

// Replace writes a file under another name in the same folder, syncs it, and
// renames it over path: readers see the old content or the new one, never a
// part. It syncs the folder too.
func Replace(path string, data []byte, mode fs.FileMode) error {
	draft := draftOf(path)
	err := write(os.OpenFile, draft, data, mode)
	if err == nil {
		if err = os.Rename(draft, path); err != nil {
			_ = os.Remove(draft)
		}
	}
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// ReplaceIn does what Replace does, below a root. No link leads out of the root. ReplaceIn does not sync the folder: a
// caller that writes many files syncs each folder once, with SyncDirIn.
func ReplaceIn(root *os.Root, name string, data []byte, mode fs.FileMode) error {
	draft := draftOf(name)
	err := write(root.OpenFile, draft, data, mode)
	if err == nil {
		if err = root.Rename(draft, name); err != nil {
			_ = root.Remove(draft)
		}
	}
	return err
}

// CheckReplaceIn returns the error that ReplaceIn would return for a folder in which nothing can be written. It changes
// no file.
func CheckReplaceIn(root *os.Root, name string, mode fs.FileMode) error {
	draft := draftOf(name)
	err := write(root.OpenFile, draft, nil, mode)
	if err == nil {
		err = root.Remove(draft)
	}
	return err
}

// CheckRegular refuses a path of a folder, a device, a pipe or a socket. A missing file is regular. A program asks
// before it opens a path that somebody has configured: to open a pipe waits for its other end, and a device may never
// end.
func CheckRegular(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("it is a folder")
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	}
	return nil
}

// SyncFile makes sure that the content of a file is on the disk.
func SyncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// SyncDir makes sure that the names in a folder are on the disk.
func SyncDir(path string) error {
	return syncDir(func() (*os.File, error) { return os.Open(path) })
}

// SyncDirIn does what SyncDir does, below a root.
func SyncDirIn(root *os.Root, name string) error {
	return syncDir(func() (*os.File, error) { return root.Open(name) })
}

func syncDir(open func() (*os.File, error)) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := open()
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func draftOf(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"-"+rand.Text())
}

// write creates a file, writes and syncs it. It removes what it created when a
// later step fails.
func write(
	open func(name string, flag int, mode fs.FileMode) (*os.File, error), name string, data []byte, mode fs.FileMode,
) error {
	f, err := open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
