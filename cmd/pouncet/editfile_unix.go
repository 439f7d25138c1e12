// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// lockEditFolder locks a folder of an edited file until unlock is called or the process ends. It fails if the folder is
// missing, locked, or not a folder that only this user can open. Where folders cannot be locked, unlock is nil.
func lockEditFolder(path string) (unlock func(), err error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	folder := os.NewFile(uintptr(fd), path)
	var locked, named syscall.Stat_t
	if err = syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		err = errors.Join(syscall.Fstat(fd, &locked), syscall.Lstat(path, &named))
	} else if !errors.Is(err, syscall.EWOULDBLOCK) {
		_ = folder.Close()
		return nil, nil
	}
	if err == nil && (locked.Ino != named.Ino || locked.Dev != named.Dev || int(locked.Uid) != os.Getuid() ||
		locked.Mode&0o777 != 0o700) {
		err = os.ErrPermission
	}
	if err != nil {
		_ = folder.Close()
		return nil, err
	}
	return func() { _ = folder.Close() }, nil
}
