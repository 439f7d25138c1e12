// SPDX-License-Identifier: MPL-2.0

//go:build unix

package httpapi

import (
	"context"
	"os"
	"syscall"
	"time"
)

// onlyOwner sets the mode of a socket that has no path yet. Only Linux can do this.
func onlyOwner(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) }

// lockTime is how long a start waits for another one in the same folder.
const lockTime = 5 * time.Second

// lockFolder locks a folder against other callers of lockFolder, until unlock is called or the process ends.
func lockFolder(ctx context.Context, path string) (unlock func(), err error) {
	folder, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	for {
		err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = folder.Close() }, nil
		}
		select {
		case <-ctx.Done():
			_ = folder.Close()
			return nil, err
		case <-time.After(10 * time.Millisecond):
		}
	}
}
