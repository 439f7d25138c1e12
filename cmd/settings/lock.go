// SPDX-License-Identifier: MPL-2.0

package settings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

const (
	lockWait = 5 * time.Second  // how long a change of a file waits for another one
	lockAge  = 30 * time.Second // the process of an older lock has ended without removing it
	lockStep = 10 * time.Millisecond
)

// lock keeps other processes from changing the settings in a file. The caller calls release.
func lock(path string) (release func(), err error) {
	path += ".lock"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, lockError(err)
	}
	for end := time.Now().Add(lockWait); ; time.Sleep(lockStep) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		switch {
		case err == nil:
			return func() { _ = os.Remove(path) }, f.Close()
		case !errors.Is(err, fs.ErrExist):
			return nil, lockError(err)
		case time.Now().After(end):
			return nil, backend.Errorf(backend.CodeUnavailable, "another process is changing the settings: %s exists", path).
				WithHint("try again; if no other process runs, remove the file")
		}
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > lockAge {
			_ = os.Remove(path)
		}
	}
}

func lockError(err error) error {
	return backend.Errorf(backend.CodeUnavailable, "writing the settings: %w", err)
}
