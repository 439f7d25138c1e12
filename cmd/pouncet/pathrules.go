// SPDX-License-Identifier: MPL-2.0

package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

// parsePathRules reads --forbid and --only.
func (f *findingFlags) parsePathRules(c *cobra.Command) error {
	for _, text := range f.forbid {
		environment, glob, _ := strings.Cut(text, "=")
		rule := review.PathRule{Files: glob, Names: environment}
		if !rule.Valid() {
			return usage(c, "--forbid must be ENV=GLOB, such as prod='dev/**'")
		}
		f.options.Forbid = append(f.options.Forbid, rule)
	}
	for _, text := range f.only {
		glob, names, _ := strings.Cut(text, "=")
		rule := review.PathRule{Files: glob, Names: names}
		if !rule.Valid() {
			return usage(c, "--only must be GLOB=NAMES, such as 'crm/**=crm_*'")
		}
		f.options.Only = append(f.options.Only, rule)
	}
	return nil
}

// noteUnusedRules says on standard error which rules of --forbid and --only match no file or no environment. Such a
// rule protects nothing, and the report looks the same as without a mistake.
func (f *findingFlags) noteUnusedRules(a *app, files []string) {
	for i, rule := range f.options.Forbid {
		f.noteUnmatched(a, "--forbid "+backend.Quote(f.forbid[i]), rule, files)
		if environments := f.knownEnvironments(); len(environments) > 0 &&
			!slices.ContainsFunc(environments, rule.MatchesName) {
			a.notef("pouncet: --forbid %s: no environment that this command can see matches %s; it sees %s",
				backend.Quote(f.forbid[i]), backend.Quote(rule.Names), backend.Enumerate(environments))
		}
	}
	for i, rule := range f.options.Only {
		f.noteUnmatched(a, "--only "+backend.Quote(f.only[i]), rule, files)
	}
}

func (f *findingFlags) noteUnmatched(a *app, flag string, rule review.PathRule, files []string) {
	if len(files) == 0 || slices.ContainsFunc(files, rule.MatchesFile) {
		return
	}
	a.notef("pouncet: %s has no effect, because no file matches %s; write the glob for paths such as "+
		"%s", flag, backend.Quote(rule.Files), backend.Quote(filepath.ToSlash(files[0])))
}

// knownEnvironments returns the environments of all projects of the catalog, or nothing if they are not known: a
// manifest need not list every environment.
func (f *findingFlags) knownEnvironments() []string {
	if f.manifest != "" || f.options.Catalog == nil {
		return nil
	}
	var names []string
	for _, p := range f.options.Catalog.Projects {
		names = append(names, p.EnvironmentNames()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
