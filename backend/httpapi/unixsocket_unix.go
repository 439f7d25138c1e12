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

// openFiles returns how many files and connections this process may have open.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 1024 // the usual limit
	}
	return limit.Cur
}

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
