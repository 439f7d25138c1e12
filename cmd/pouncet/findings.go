// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/review"
	"github.com/pouncet/terraform-provider-pouncet/review/leak"
	"github.com/pouncet/terraform-provider-pouncet/review/report"
)

const checkExitCodes = `Exit codes:
  0  nothing at or above --fail-on
  1  findings, or failure
  2  the command was used wrongly
  3  references are missing, and nothing else is wrong
  4  not allowed, or not known`

// findingFlags are what check and review have in common.
type findingFlags struct {
	environments []string
	all          bool
	scope        string
	manifest     string
	strict       bool

	format, failOn          string
	rules, forbid, only     []string
	baseline, writeBaseline string

	reading    readingFlags
	severities review.Severities
	options    review.CheckOptions
}

func (f *findingFlags) add(c *cobra.Command) {
	f.reading.add(c)
	flags := c.Flags()
	flags.StringSliceVar(&f.environments, "env", nil, "an environment to check; repeat for more (POUNCET_ENV)")
	flags.BoolVar(&f.all, "all-envs", false, "check every environment of the project")
	flags.StringVar(&f.scope, "scope", "", `the scope of references that name none (default "project")`)
	flags.StringVar(&f.manifest, "manifest", "", "check against this file instead of a backend")
	flags.BoolVar(&f.strict, "strict", false, "what cannot be told is an error, not a warning")
	flags.StringVar(&f.format, "format", "text", strings.Join(report.Formats(), ", "))
	flags.StringVar(&f.failOn, "fail-on", "error", "the least severity that fails: error, warning, note; off for none")
	flags.StringArrayVar(&f.rules, "rule", nil, "a rule's severity, as ID=error, warning, note or off; repeat for more")
	flags.StringArrayVar(&f.forbid, "forbid", nil, "ENV=GLOB: files that may not name this environment, as in prod='dev/**'")
	flags.StringArrayVar(&f.only, "only", nil, "GLOB=NAMES: files that may refer to these names alone, as in 'crm/**=crm_*'")
	flags.StringVar(&f.baseline, "baseline", "", "leave out the findings that this file lists")
	flags.StringVar(&f.writeBaseline, "write-baseline", "", "write all present findings to this file, and fail for none")
}

// parse checks the flags, before anything is read.
func (f *findingFlags) parse(c *cobra.Command, a *app) error {
	if err := f.reading.parse(c); err != nil {
		return err
	}
	if a.json {
		f.format = "json"
	}
	if !slices.Contains(report.Formats(), f.format) {
		return usage(c, "--format is one of %s", strings.Join(report.Formats(), ", "))
	}
	if _, err := review.ParseSeverity(f.failOn); err != nil {
		return usage(c, "--fail-on is error, warning, note or off")
	}
	if f.all && len(f.environments) > 0 {
		return usage(c, "--env and --all-envs exclude one another")
	}
	f.severities = review.Severities{}
	if f.strict {
		f.severities[review.Unknown] = review.Error
	}
	for _, r := range f.rules {
		if err := f.severities.Set(r); err != nil {
			return usage(c, "--rule: %w", err)
		}
	}
	if f.scope != "" {
		if err := backend.CheckScope(f.scope); err != nil {
			return err
		}
	}
	f.options.Defaults = review.Defaults{Project: a.projectName(), Scope: f.scope}
	for _, text := range f.forbid {
		environment, glob, _ := strings.Cut(text, "=")
		f.options.Forbid = append(f.options.Forbid, review.PathRule{Files: glob, Names: environment})
	}
	for _, text := range f.only {
		glob, names, _ := strings.Cut(text, "=")
		f.options.Only = append(f.options.Only, review.PathRule{Files: glob, Names: names})
	}
	for _, rule := range f.options.Forbid {
		if !rule.Valid() {
			return usage(c, "--forbid is ENV=GLOB, as in prod='dev/**'")
		}
	}
	for _, rule := range f.options.Only {
		if !rule.Valid() {
			return usage(c, "--only is GLOB=NAMES, as in 'crm/**=crm_*'")
		}
	}
	return nil
}

func (f *findingFlags) reader(s review.Scanner) review.Reader { return f.reading.reader(s) }

// scanner is the scanner for hard-coded secrets, nil where nobody asks for it.
func (f *findingFlags) scanner() (review.Scanner, error) {
	if !f.severities.Active(review.HardCoded) {
		return nil, nil
	}
	s, err := leak.New()
	if err != nil {
		return nil, backend.Errorf(backend.CodeInternal, "making the scanner for secrets: %w", err)
	}
	return s, nil
}

// catalog reads what exists, of all projects that the sources refer to: from
// the manifest if there is one, otherwise from the backend.
func (f *findingFlags) catalog(ctx context.Context, a *app, sources []*review.Source) error {
	var err error
	if f.manifest != "" {
		var text []byte
		if text, err = os.ReadFile(f.manifest); err != nil {
			return backend.Errorf(backend.CodeInvalid, "reading the manifest: %w", err)
		}
		f.options.Catalog, err = review.ParseManifest(text)
	} else {
		f.options.Catalog, err = a.fetch(ctx, append([]string{f.options.Project}, projects(sources)...))
	}
	if err != nil {
		return err
	}
	return f.settleEnvironments()
}

// settleEnvironments finds out which environments to check. One that does not
// exist in the project is a mistake in the call; whether one exists that a
// manifest does not have is not known.
func (f *findingFlags) settleEnvironments() error {
	own := f.options.Catalog.Project(f.options.Project)
	if own == nil {
		if f.all || f.manifest == "" {
			return backend.Errorf(backend.CodeNotFound, "%s", f.options.Catalog.Unseen(f.options.Project)).At("project").
				WithHint("name another by --project")
		}
		f.options.Environments = f.environments
		return nil
	}
	if f.all {
		f.options.Environments = own.EnvironmentNames()
		return nil
	}
	f.options.Environments = f.environments
	if f.manifest != "" {
		return nil
	}
	for _, e := range f.environments {
		if !slices.Contains(own.EnvironmentNames(), e) {
			return backend.Errorf(backend.CodeNotFound, "environment %s does not exist in project %s", backend.Quote(e), backend.Quote(own.Name)).
				At("environment").WithHint("there are: %s", strings.Join(own.EnvironmentNames(), ", "))
		}
	}
	return nil
}

// fetch reads what exists from the backend.
func (a *app) fetch(ctx context.Context, projects []string) (*review.Catalog, error) {
	b, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	catalog, err := review.Fetch(ctx, b, projects)
	return catalog, cmp.Or(err, b.Close())
}

// projects are those that references name.
func projects(sources []*review.Source) []string {
	var names []string
	for _, s := range sources {
		for _, r := range s.References {
			if r.Project != "" && !slices.Contains(names, r.Project) {
				names = append(names, r.Project)
			}
		}
	}
	return names
}

// finish makes the report of findings and prints it; its error says that some
// of them fail the command.
func (f *findingFlags) finish(a *app, title string, files int, sources []*review.Source, findings []review.Finding) error {
	o := review.FinishOptions{Severities: f.severities, Whole: f.all && title == checkTitle}
	if f.baseline != "" {
		text, err := os.ReadFile(f.baseline)
		if err != nil {
			return backend.Errorf(backend.CodeInvalid, "reading the baseline: %w", err)
		}
		if o.Baseline, err = review.ParseBaseline(text); err != nil {
			return err
		}
	}
	if f.writeBaseline != "" {
		o.Baseline = nil
	}
	r := review.Finish(sources, findings, o)
	r.Files, r.Environments = files, f.options.Environments
	if f.writeBaseline != "" {
		return a.writeBaseline(f.writeBaseline, r)
	}
	failOn := review.Severity(f.failOn)
	if err := report.Write(a.out, f.format, r, report.Options{Version: version, FailOn: failOn, Title: title}); err != nil {
		return nil // run tells of what went wrong with the output
	}
	return outcome(r, failOn)
}

func outcome(r *review.Report, failOn review.Severity) error {
	if failOn == review.Off {
		return nil
	}
	n, missing := r.Worst(failOn)
	switch {
	case n == 0:
		return nil
	case n == missing:
		return missingError{backend.Errorf(backend.CodeNotFound, "%s missing", count(missing, "reference"))}
	}
	return backend.Errorf(backend.CodeInvalid, "%s of severity %s or above", count(n, "finding"), failOn)
}

func (a *app) writeBaseline(path string, r *review.Report) error {
	f, err := os.Create(path)
	if err != nil {
		return backend.Errorf(backend.CodeUnavailable, "writing the baseline: %w", err)
	}
	encode(f, review.NewBaseline(r.Findings))
	if err := f.Close(); err != nil {
		return backend.Errorf(backend.CodeUnavailable, "writing the baseline: %w", err)
	}
	a.printf("wrote %s to %s\n", count(len(r.Findings), "finding"), path)
	return nil
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
