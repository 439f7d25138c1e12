// SPDX-License-Identifier: MPL-2.0

// Package readfile reads files that a user or a repository names. The name can lead to a device that never ends, to a
// pipe into which nobody writes, or to a file that does not fit into memory, so each read has a limit.
package readfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Regular reads a regular file, or one that a link leads to. It refuses others without opening them: opening a pipe
// waits for a writer.
func Regular(name string, most int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is %s, and not a regular file", name, kindOf(info.Mode()))
	}
	if info.Size() > most {
		return nil, tooLarge(name, most)
	}
	return Input(name, most)
}

// mostOfDevice is how many bytes of a device are read: what a person types, and not all zeros of /dev/zero.
const mostOfDevice = 1 << 20

// Input reads a file, which can also be a pipe, as in the shell's <(command), or a device, such as /dev/null. It can
// wait for a writer, so a command must be able to stop meanwhile.
func Input(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode()&fs.ModeDevice != 0 {
		most = min(most, mostOfDevice)
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = tooLarge(name, most)
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}

func tooLarge(name string, most int64) error {
	return fmt.Errorf("%s has more than %d bytes", name, most)
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}
