// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

// checkPaths rejects a path that does not exist. It is a mistake in the call, so that no file is read.
func checkPaths(c *cobra.Command, paths []string) error {
	for _, p := range paths {
		if _, err := os.Stat(p); p == interpolate.StandardInput || !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		e := usage(c, "file or folder %s does not exist", backend.Quote(p))
		if folder, err := os.Getwd(); err == nil && !filepath.IsAbs(p) {
			return e.withHint("correct the path; it is relative to %s", folder)
		}
		return e.withHint("correct the path")
	}
	return nil
}

// listFiles returns the files that the arguments select, and reads standard input if it is one of them.
func (a *app) listFiles(c *cobra.Command, r review.Reader, args []string) (review.Files, error) {
	if err := checkPaths(c, args); err != nil {
		return review.Files{}, err
	}
	paths := slices.DeleteFunc(slices.Clone(args), func(p string) bool { return p == interpolate.StandardInput })
	var skipped skippedFiles
	var empty emptyPaths
	r.Rules.Skipped, r.Rules.NotIgnored, r.Rules.Empty = skipped.add, skipped.addFolder, empty.add
	files, err := r.ListFiles(c.Context(), paths)
	a.reportSkipped(&skipped)
	if err != nil {
		return files, err
	}
	if len(paths) == len(args) {
		return files, a.reportEmpty(c, empty, len(files.Names)+len(files.Problems))
	}
	_ = a.reportEmpty(c, empty, 1) // standard input is read
	data, err := a.readInput(c)
	files.Input = &interpolate.File{Name: interpolate.StandardInput, Data: data}
	return files, err
}

// readInput reads all of standard input.
func (a *app) readInput(c *cobra.Command) ([]byte, error) {
	data, err := interruptible(c.Context(), func() ([]byte, error) {
		return io.ReadAll(io.LimitReader(a.in, interpolate.MaxFileBytes+1))
	})
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "reading standard input: %w", err)
	}
	return data, nil
}
