// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
)

// valueOutput says where the value of a secret goes.
type valueOutput struct {
	raw  bool
	file string // "" for standard output
}

const outputHelp = `At a terminal, control characters of the value are escaped, because they could
control the terminal. With --raw they are not. A pipe or a file gets exactly the
bytes of the value. A terminal never gets a binary value: --output writes it to a
file that only you can read, and --json prints it in base64.`

func (v *valueOutput) add(c *cobra.Command) {
	c.Flags().BoolVar(&v.raw, "raw", false, "at a terminal: do not escape control characters")
	c.Flags().StringVarP(&v.file, "output", "o", "",
		"`file` to write the bytes of the value to, with mode 0600; - for standard output")
}

// check refuses a file that cannot be written, before the value is read.
func (v *valueOutput) check(a *app, c *cobra.Command) error {
	if v.file == "-" {
		v.file = ""
	}
	if v.file == "" {
		return nil
	}
	if a.json {
		return exclusive(c, "--output and --json")
	}
	if v.raw {
		return exclusive(c, "--output and --raw")
	}
	info, err := os.Stat(v.file)
	switch {
	case isStream(v.file):
		return errNotRegular(v.file)
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(v.file)); err != nil {
			return errWriting(v.file, err)
		}
		return nil
	case err != nil:
		return errWriting(v.file, err)
	case !info.Mode().IsRegular():
		return errNotRegular(v.file)
	}
	// The file that a link leads to is replaced, and not the link.
	v.file, err = filepath.EvalSymlinks(v.file)
	if err != nil {
		return errWriting(v.file, err)
	}
	return nil
}

// isStream reports whether a path stands for an open file, such as /dev/stdout: to replace the file behind it would
// lose what is in it.
func isStream(path string) bool {
	path = filepath.ToSlash(filepath.Clean(path))
	return strings.HasPrefix(path, "/dev/std") || strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/")
}

func errNotRegular(file string) error {
	return backend.Errorf(backend.CodeInvalid, "%s is not a regular file", backend.Quote(file)).
		WithHint("name a file; to send the value to another program, leave out --output and use a pipe")
}

func errWriting(file string, err error) error {
	return backend.Errorf(backend.CodeUnavailable, "writing %s: %w", backend.Quote(file), err).
		WithHint("no part of the file was written; an earlier file is unchanged")
}

// writeValue writes a value to a file that only its owner can read. A crash leaves the complete new file or the earlier
// one.
func (a *app) writeValue(file string, value []byte) error {
	if err := durable.Replace(file, value, 0o600); err != nil {
		return errWriting(file, err)
	}
	a.notef("wrote %s", file)
	return nil
}

// showBinary shows a binary value at a terminal, in base64, to somebody who has asked to see it. For a program, the
// terminal is a mistake.
func (a *app) showBinary(ref backend.Ref, value []byte) error {
	if !ref.Reveal {
		return backend.Errorf(backend.CodeInvalid, "the value of %s %s is binary, and a terminal cannot show it", ref.Kind,
			backend.Quote(ref.Name)).
			WithHint("write it to a file with --output FILE, or print it in base64 with --json")
	}
	a.println(base64.StdEncoding.EncodeToString(value))
	a.notef("pouncet: the value is binary and is shown in base64; to write its bytes to a file, use --output FILE")
	return nil
}
