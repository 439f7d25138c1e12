// SPDX-License-Identifier: MPL-2.0

package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/review/fileset"
)

// emptyPaths notes the arguments that select no file. A script must not take "nothing was read" for "all is well".
type emptyPaths struct {
	folders []fileset.Empty
	files   []fileset.Empty // named files that --exclude leaves out
}

func (p *emptyPaths) add(e fileset.Empty) {
	if e.File {
		p.files = append(p.files, e)
	} else {
		p.folders = append(p.folders, e)
	}
}

// refuse returns the error of the first folder that selects no file or, if the arguments select nothing, of the first
// file.
func (p *emptyPaths) refuse(c *cobra.Command, selected int) error {
	switch {
	case len(p.folders) > 0:
		return emptyError(c, p.folders[0])
	case selected == 0 && len(p.files) > 0:
		return emptyError(c, p.files[0])
	}
	return nil
}

// reportEmpty returns the error of folders that select no file, if the arguments select nothing else. If they select
// something, it reports these folders on standard error. Named files alone are no error: pre-commit and scripts name
// the changed files, and --exclude may leave out all of them.
func (a *app) reportEmpty(c *cobra.Command, p emptyPaths, selected int) error {
	if selected == 0 && len(p.folders) > 0 {
		return emptyError(c, p.folders[0])
	}
	for _, folder := range p.folders {
		a.notef("pouncet: %s", emptyError(c, folder))
	}
	if selected == 0 && len(p.files) > 0 {
		a.notef("pouncet: no file was read, because --exclude leaves out %s",
			backend.Plural(len(p.files), "named file"))
	}
	return nil
}

// emptyError says why a path selects no file.
func emptyError(c *cobra.Command, e fileset.Empty) error {
	switch path := backend.Quote(e.Path); {
	case e.File || e.Excluded == filepath.Clean(e.Path):
		return usage(c, "--exclude leaves out %s, so there is nothing to read", path).
			withHint("change the glob of --exclude, or the path")
	case e.Excluded != "":
		return usage(c, "folder %s has no file to read: --exclude leaves out %s", path, backend.Quote(e.Excluded)).
			withHint("change the glob of --exclude, or the path")
	case e.Ignored != "":
		return usage(c, "folder %s has no file to read: git ignores %s", path, backend.Quote(e.Ignored)).
			withHint("use --no-gitignore, or name the file")
	default:
		return usage(c, "folder %s has no configuration file", path).
			withHint("name each file if the files have other extensions")
	}
}
