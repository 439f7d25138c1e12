// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
	"github.com/pouncet/terraform-provider-pouncet/review"
	"github.com/pouncet/terraform-provider-pouncet/review/leak"
	"github.com/pouncet/terraform-provider-pouncet/review/report"
)

// The titles of the reports.
const (
	titleCheck  = "check"
	titleReview = "review"
)

const findingExitCodes = `The exit code is 1 if a finding has the severity of --fail-on or above. It is 3
if all such findings are missing references.`

// findingFlags holds the flags that check and review share, and what parse makes of them.
type findingFlags struct {
	environments []string
	all          bool
	scope        string
	manifest     string
	strict       bool

	format, failOn          string
	rules, forbid, only     []string
	baseline, writeBaseline string

	formats    formatFlags
	severities review.Severities
	options    review.CheckOptions
}

func (f *findingFlags) add(c *cobra.Command) {
	f.formats.add(c)
	flags := c.Flags()
	flags.Var((*nameList)(&f.environments), "env",
		"an `environment` to check; repeat for more environments (POUNCET_ENV)")
	flags.BoolVar(&f.all, "all-envs", false, "check every environment of the project")
	flags.StringVar(&f.scope, "scope", "", "the `scope` of references without a scope (default project)")
	flags.StringVar(&f.manifest, "manifest", "", "check against this `file` instead of a backend")
	flags.BoolVar(&f.strict, "strict", false, "report an unknown reference as an error, not as a warning")
	flags.StringVar(&f.format, "format", "text", "`format` of the report: "+strings.Join(report.Formats(), ", "))
	flags.StringVar(&f.failOn, "fail-on", "error", "lowest `severity` that fails: error, warning, note or off")
	flags.StringArrayVar(&f.rules, "rule", nil,
		"severity of a rule, as `ID=SEVERITY` (error, warning, note or off); repeat for more rules")
	flags.StringArrayVar(&f.forbid, "forbid", nil,
		"files that must not refer to an environment, as `ENV=GLOB`: prod='dev/**'")
	flags.StringArrayVar(&f.only, "only", nil,
		"files that may refer to these names only, as `GLOB=NAMES`: 'crm/**=crm_*'")
	flags.StringVar(&f.baseline, "baseline", "", "leave out the findings in this `file`")
	flags.StringVar(&f.writeBaseline, "write-baseline", "",
		"write all current findings to this `file`, and do not fail")
}

// nameList is a flag with names, separated by commas or in several flags. The
// library's own list forgets an empty name.
type nameList []string

func (l *nameList) Set(s string) error {
	*l = append(*l, strings.Split(s, ",")...)
	return nil
}

func (l *nameList) String() string     { return strings.Join(*l, ",") }
func (l *nameList) Type() string       { return "strings" }
func (l *nameList) GetSlice() []string { return *l }

// Append and Replace complete the library's interface of lists.
func (l *nameList) Append(s string) error      { return l.Set(s) }
func (l *nameList) Replace(all []string) error { *l = all; return nil }

// parse checks the flags before any file is read.
func (f *findingFlags) parse(c *cobra.Command, a *app) error {
	if err := f.formats.check(c); err != nil {
		return err
	}
	if a.json {
		f.format = "json"
	}
	if !slices.Contains(report.Formats(), f.format) {
		return usage(c, "--format must be one of %s", strings.Join(report.Formats(), ", "))
	}
	if _, err := review.ParseSeverity(f.failOn); err != nil {
		return usage(c, "--fail-on must be error, warning, note or off")
	}
	if f.all && len(f.environments) > 0 {
		return exclusive(c, "--env and --all-envs")
	}
	if err := f.checkEnvironments(c); err != nil {
		return err
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
	f.options.Defaults = review.Defaults{Project: a.projectName(), Scope: f.scope}
	return f.parsePathRules(c)
}

// checkEnvironments rejects the name that means every environment.
func (f *findingFlags) checkEnvironments(c *cobra.Command) error {
	if slices.Contains(f.environments, backend.AnyEnvironment) {
		return usage(c, "%q is not an environment to check", backend.AnyEnvironment).
			withHint("use --all-envs to check every environment")
	}
	return nil
}

// scanner returns the scanner for hard-coded secrets, or nil if its rule is off.
func (f *findingFlags) scanner() (review.Scanner, error) {
	if !f.severities.Active(review.HardCoded) {
		return nil, nil
	}
	s, err := leak.New()
	if err != nil {
		return nil, backend.Errorf(backend.CodeInternal, "creating the scanner for hard-coded secrets: %w", err)
	}
	return s, nil
}

// readCatalog reads the metadata of all projects that the sources refer to,
// from the manifest if there is one, and otherwise from the backend.
func (f *findingFlags) readCatalog(ctx context.Context, a *app, sources []*review.Source) error {
	var err error
	if f.manifest != "" {
		var text []byte
		if text, err = readNamed(ctx, "manifest", f.manifest); err != nil {
			return err
		}
		f.options.Catalog, err = review.ParseManifest(text)
	} else {
		f.options.Catalog, err = a.fetchCatalog(ctx, append([]string{f.options.Project}, projects(sources)...))
	}
	if err != nil {
		return err
	}
	return f.chooseEnvironments()
}

// chooseEnvironments sets the environments to check. One that does not exist in
// the project is a mistake in the call. With a manifest it is unknown, since a
// manifest need not list every environment.
func (f *findingFlags) chooseEnvironments() error {
	f.options.Environments = f.environments
	project := f.options.Catalog.Project(f.options.Project)
	if project == nil {
		if f.all || f.manifest == "" {
			return backend.Errorf(backend.CodeNotFound, "%s", f.options.Catalog.UnknownReason(f.options.Project)).
				At("project").WithHint("choose another project with --project")
		}
		return nil
	}
	if f.all {
		f.options.Environments = project.EnvironmentNames()
		return nil
	}
	if f.manifest != "" {
		return nil
	}
	for _, e := range f.environments {
		if names := project.EnvironmentNames(); !slices.Contains(names, e) {
			err := backend.Errorf(backend.CodeNotFound, "environment %s does not exist in project %s",
				backend.Quote(e), backend.Quote(project.Name)).At("environment")
			err.Suggestion = suggest.Name(e, names)
			return err.WithHint("existing environments: %s", backend.Enumerate(names))
		}
	}
	return nil
}

// fetchCatalog reads the metadata of projects from the backend.
func (a *app) fetchCatalog(ctx context.Context, projects []string) (*review.Catalog, error) {
	b, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	catalog, err := review.Fetch(ctx, b, projects)
	return catalog, cmp.Or(err, b.Close())
}

// projects returns the projects that references name.
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

// finish prints the report. It returns an error if a finding fails the command.
func (f *findingFlags) finish(
	ctx context.Context, a *app, title string, files int, sources []*review.Source, findings []review.Finding,
) error {
	o := review.FinishOptions{
		Severities: f.severities, Complete: f.all && title == titleCheck, NewOnly: title == titleReview,
	}
	if f.baseline != "" {
		text, err := readNamed(ctx, "baseline", f.baseline)
		if err != nil {
			return err
		}
		if o.Baseline, err = review.ParseBaseline(text); err != nil {
			return err
		}
	}
	if f.writeBaseline != "" {
		o.Baseline = nil // the new file lists all findings
	}
	r := review.Finish(sources, findings, o)
	r.Files, r.Environments = files, f.options.Environments
	if f.writeBaseline != "" {
		return a.writeBaseline(f.writeBaseline, r)
	}
	failOn := review.Severity(f.failOn)
	options := report.Options{Version: version, FailOn: failOn, Title: title}
	if err := report.Write(a.out, f.format, r, options); err != nil {
		return nil // a.out keeps its error
	}
	return failingFindings(r, failOn)
}

// differences are the rules whose findings say what a change does. They do not
// say that anything is wrong.
var differences = []string{review.Added, review.Dropped, review.Moved, review.Changed}

// failingFindings returns the error of the findings that fail the command, or
// nil. It marks the error if all of them are differences, or if all of the
// others are missing references.
func failingFindings(r *review.Report, failOn review.Severity) error {
	if failOn == review.Off {
		return nil
	}
	mistakes := &review.Report{Findings: slices.DeleteFunc(slices.Clone(r.Findings), func(f review.Finding) bool {
		return slices.Contains(differences, f.Rule)
	})}
	total, _ := r.CountAtLeast(failOn)
	n, missing := mistakes.CountAtLeast(failOn)
	found := func(noun string) *backend.Error {
		return backend.Errorf(backend.CodeInvalid, "%s of severity %s or above", backend.Plural(total, noun), failOn)
	}
	switch {
	case total == 0:
		return nil
	case n == 0:
		return differsError{found("difference")}
	case n == missing:
		text := backend.Plural(missing, "reference") + " missing"
		return missingReferenceError{backend.Errorf(backend.CodeNotFound, "%s", text)}
	}
	return found("finding")
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
	a.println("wrote " + backend.Plural(len(r.Findings), "finding") + " to " + path)
	return nil
}
