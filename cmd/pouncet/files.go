// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/review/fileset"
)

// renderSource is a file to be rendered. Its Name is the path that the user
// gave, for messages. The target is its path below the output folder.
type renderSource struct {
	interpolate.File
	target string
}

// sourceReader reads the files to be rendered.
type sourceReader struct {
	c       *cobra.Command
	formats *formatFlags
	to      destination
	sources []renderSource
	folders bool // an argument is a folder
	skipped skippedFiles
	empty   emptyPaths

	problems interpolate.Problems // the files that cannot be read
}

// readSources reads the files and folders that the arguments name, and checks
// that the destination suits them.
func (a *app) readSources(
	c *cobra.Command, formats *formatFlags, args []string, to destination,
) ([]renderSource, error) {
	if err := checkPaths(c, args); err != nil {
		return nil, err
	}
	r := &sourceReader{c: c, formats: formats, to: to}
	for _, arg := range args {
		var err error
		if arg == "-" {
			err = r.readInput(a)
		} else {
			err = r.readPath(arg)
		}
		if err != nil {
			return nil, err
		}
	}
	a.reportSkipped(&r.skipped)
	if err := r.allProblems(); err != nil {
		return nil, err
	}
	if err := r.empty.refuse(c, len(r.sources)); err != nil {
		return nil, err
	}
	return r.sources, r.checkDestination()
}

func (r *sourceReader) readInput(a *app) error {
	if r.to.inPlace || r.to.folder != "" {
		return usage(r.c, "standard input can only go to standard output").withHint("remove -o and --in-place")
	}
	data, err := a.readInput(r.c)
	if err != nil {
		return err
	}
	r.sources = append(r.sources, renderSource{File: r.formats.file("-", data)})
	return nil
}

// readPath reads the files that a path selects. A file or folder below it that cannot be read becomes a problem.
func (r *sourceReader) readPath(path string) error {
	stat := os.Stat
	if r.to.inPlace {
		stat = os.Lstat // writing in place would replace a link, not the file that it points to
	}
	info, err := stat(path)
	if err != nil {
		_, problems, err := r.rules(false).Walk(r.c.Context(), path)
		r.problems = append(r.problems, problems...)
		return err
	}
	if r.to.inPlace && !info.IsDir() && !info.Mode().IsRegular() {
		return usage(r.c, "%s is not a regular file; --in-place cannot replace it", path)
	}
	names, problems, err := r.rules(info.IsDir()).Walk(r.c.Context(), path)
	if err != nil {
		return err
	}
	r.problems = append(r.problems, problems...)
	if info.IsDir() {
		r.folders = true
	}
	for _, name := range names {
		if err := r.readFile(name, path, info.IsDir()); err != nil {
			return err
		}
	}
	return nil
}

// rules returns the rules for the files that a path selects.
func (r *sourceReader) rules(folder bool) fileset.Rules {
	rules := r.formats.rules
	rules.Output, rules.Skipped, rules.NotIgnored = r.to.folder, r.skipped.add, r.skipped.addFolder
	rules.Empty = r.empty.add
	if folder && r.to.stream {
		rules.Selects = func(name string) bool {
			return interpolate.IsConfigurationFile(name) && interpolate.FormatOf(name) == interpolate.FormatYAML
		}
	}
	return rules
}

// readFile reads a file that a path selects.
func (r *sourceReader) readFile(name, path string, below bool) error {
	target := filepath.Clean(name)
	if below {
		var err error
		if target, err = filepath.Rel(path, name); err != nil {
			return backend.Errorf(backend.CodeInvalid, "reading folder %s: %w", path, err)
		}
	} else if name = path; !filepath.IsLocal(target) {
		target = filepath.Base(target) // outside the working folder: keep only the name
	}
	data, err := os.ReadFile(name)
	if err != nil {
		r.problems = append(r.problems, fileset.Unreadable(name, err))
		return nil
	}
	r.sources = append(r.sources, renderSource{r.formats.file(name, data), target})
	return nil
}

// allProblems returns the files that cannot be read, with the problems of the other files, or nil if all can be read.
func (r *sourceReader) allProblems() error {
	if len(r.problems) == 0 {
		return nil
	}
	for _, source := range r.sources {
		var problems interpolate.Problems
		if _, err := interpolate.Scan(source.File); errors.As(err, &problems) {
			r.problems = append(r.problems, problems...)
		}
	}
	return r.problems
}

func (r *sourceReader) checkDestination() error {
	to := r.to
	switch {
	case to.inPlace && to.folder != "", to.stream && to != destination{stream: true}:
		return exclusive(r.c, "-o, --in-place and --stream")
	case to.inPlace:
		return nil
	case to.folder != "":
		return checkTargets(r.c, r.sources, to.folder)
	case !to.stream && (len(r.sources) != 1 || r.folders):
		return usage(r.c, "several files or a folder cannot go to standard output").
			withHint("write to a folder with -o DIR, or use --in-place or --stream")
	}
	return nil
}

// checkTargets rejects two files with one target, and a target that is a
// source: the file with the references, often under version control, would
// become a file with the values.
func checkTargets(c *cobra.Command, sources []renderSource, folder string) error {
	known := sourcesByTraits(sources)
	taken := map[string]bool{}
	for _, t := range sources {
		if taken[t.target] {
			return usage(c, "two files have the same target %s", filepath.Join(folder, t.target))
		}
		taken[t.target] = true
		existing, err := os.Stat(filepath.Join(folder, t.target))
		if err != nil {
			continue // writing reports the error if it matters
		}
		for _, source := range known[traitsOf(existing)] {
			if os.SameFile(existing, source.info) {
				return usage(c, "source %s would be overwritten with its values", source.name).
					withHint("choose another folder with -o")
			}
		}
	}
	return nil
}

// fileTraits are equal for two paths of one file, and seldom equal for two
// files. They limit the pairs that os.SameFile has to compare, because
// os.FileInfo does not give a file's identity.
type fileTraits struct {
	size     int64
	modified time.Time
}

func traitsOf(info os.FileInfo) fileTraits { return fileTraits{info.Size(), info.ModTime()} }

type sourceFile struct {
	name string
	info os.FileInfo
}

func sourcesByTraits(sources []renderSource) map[fileTraits][]sourceFile {
	out := map[fileTraits][]sourceFile{}
	for _, t := range sources {
		if info, err := os.Stat(t.Name); err == nil {
			out[traitsOf(info)] = append(out[traitsOf(info)], sourceFile{t.Name, info})
		}
	}
	return out
}
