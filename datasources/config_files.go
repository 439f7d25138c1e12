// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// What is looked for in a folder that no patterns were given for.
var (
	defaultInclude = []string{"**/*.yaml", "**/*.yml"}
	defaultExclude = []string{"**/.*/**"} // .git, .terraform and their like
)

// filesIn are the files in a folder that match a pattern of include and none
// of exclude, in the order of their names. A pattern is that of Terraform's
// fileset. No file at all is an error: a check of nothing would always be fine.
func filesIn(folder string, include, exclude []string) ([]string, error) {
	for _, pattern := range slices.Concat(include, exclude) {
		if !doublestar.ValidatePattern(pattern) {
			return nil, backend.Errorf(backend.CodeInvalid, "%s is not a pattern", backend.Quote(pattern)).
				WithHint(`write it as for fileset, as in "**/*.yaml"`).At("include")
		}
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil, backend.Errorf(backend.CodeNotFound, "there is no folder %s", backend.Quote(folder)).
			WithHint("begin the path with path.module: otherwise it is relative to the folder that Terraform runs in").At("path")
	}
	var found []string
	for _, pattern := range include {
		matches, err := doublestar.Glob(os.DirFS(folder), pattern, doublestar.WithFilesOnly(), doublestar.WithFailOnIOErrors())
		if err != nil {
			return nil, backend.Errorf(backend.CodeUnavailable, "looking for %s: %w", backend.Quote(pattern), err).At("path")
		}
		found = append(found, matches...)
	}
	found = slices.DeleteFunc(found, func(name string) bool {
		return slices.ContainsFunc(exclude, func(pattern string) bool { return doublestar.MatchUnvalidated(pattern, name) })
	})
	if len(found) == 0 {
		return nil, backend.Errorf(backend.CodeNotFound, "no file in %s matches", backend.Quote(folder)).
			WithHint("change path, include or exclude").At("path")
	}
	slices.Sort(found)
	found = slices.Compact(found)
	for i, name := range found {
		found[i] = filepath.Join(folder, filepath.FromSlash(name))
	}
	return found, nil
}

// scanFiles reads files for references. Everything that is wrong in any of
// them is told at once, as interpolate.Problems.
func scanFiles(names []string) (refs []interpolate.Reference, suspects []interpolate.Problem, err error) {
	var problems interpolate.Problems
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, readError(name, err)
		}
		doc, err := interpolate.Scan(interpolate.File{Name: filepath.ToSlash(name), Data: data})
		if err != nil {
			problems = append(problems, problemsOf(err)...)
			continue
		}
		refs = append(refs, doc.References()...)
		suspects = append(suspects, doc.Warnings()...)
	}
	if len(problems) > 0 {
		return nil, nil, problems
	}
	return refs, suspects, nil
}
