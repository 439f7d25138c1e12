// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/readfile"
)

// The patterns that apply if the configuration sets none.
var (
	defaultInclude = []string{"**/*.yaml", "**/*.yml"}
	defaultExclude = []string{"**/.*/**"} // .git, .terraform and other hidden folders
)

// pathHint is the hint of errors about files that cannot be read.
const pathHint = "start the path with path.module; other paths are relative to the folder in which Terraform runs"

// filesIn returns the sorted paths of the files in a folder that match a pattern of include and no pattern of
// exclude. The patterns have the syntax of Terraform's function fileset. A folder without a matching file is an
// error, because a check of no files always passes.
func filesIn(folder string, include, exclude []string) ([]string, error) {
	for _, pattern := range slices.Concat(include, exclude) {
		if !doublestar.ValidatePattern(pattern) {
			return nil, backend.Errorf(backend.CodeInvalid, "%s is not a valid pattern", backend.Quote(pattern)).
				WithHint(`use the syntax of fileset, for example "**/*.yaml"`).At("include")
		}
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil, backend.Errorf(backend.CodeNotFound, "folder %s does not exist", backend.Quote(folder)).
			WithHint(pathHint).At("path")
	}
	var names []string
	for _, pattern := range include {
		matches, err := doublestar.Glob(os.DirFS(folder), pattern, doublestar.WithFilesOnly(),
			doublestar.WithFailOnIOErrors())
		if err != nil {
			return nil, backend.Errorf(backend.CodeUnavailable, "matching pattern %s: %w", backend.Quote(pattern), err).
				At("path")
		}
		names = append(names, matches...)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(exclude, func(pattern string) bool {
			return doublestar.MatchUnvalidated(pattern, name)
		})
	})
	if len(names) == 0 {
		return nil, backend.Errorf(backend.CodeNotFound, "no file in %s matches the patterns", backend.Quote(folder)).
			WithHint("change path, include or exclude").At("path")
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for i, name := range names {
		names[i] = filepath.Join(folder, filepath.FromSlash(name))
	}
	return names, nil
}

// scanFiles returns the references in files, and warnings about expressions that are probably misspelled references.
// Its error lists the problems of all files as interpolate.Problems, unless a file cannot be read.
func scanFiles(names []string) (refs []interpolate.Reference, warnings []interpolate.Problem, err error) {
	var problems interpolate.Problems
	for _, name := range names {
		data, err := readfile.Regular(name, interpolate.MaxFileBytes)
		if err != nil {
			return nil, nil, backend.Errorf(backend.CodeNotFound, "reading %s: %w", backend.Quote(name), err).
				WithHint(pathHint).At("paths")
		}
		doc, err := interpolate.Scan(interpolate.File{Name: filepath.ToSlash(name), Data: data})
		if err != nil {
			var inFile interpolate.Problems
			errors.As(err, &inFile)
			problems = append(problems, inFile...)
			continue
		}
		refs = append(refs, doc.References()...)
		warnings = append(warnings, doc.Warnings()...)
	}
	if len(problems) > 0 {
		return nil, nil, problems
	}
	return refs, warnings, nil
}
