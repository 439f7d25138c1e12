// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/review"
	"github.com/pouncet/terraform-provider-pouncet/review/fileset"
)

func (a *app) reviewCommand() *cobra.Command {
	var f findingFlags
	var base, planFile string
	c := &cobra.Command{
		Use:   "review --base REVISION [--plan FILE] PATH...",
		Short: "Review what a change does to references",
		Long: `Compares the references in the files of the working folder with those of a git
revision. It reports the references that the change adds, removes or moves to
another environment, and the findings of "pouncet check" that the change adds.
Use it in CI on a pull request, with --format markdown for a comment.

With --plan, review also reports what a Terraform plan does to secrets and
values that the files refer to: it removes, renames or replaces them, or writes
a new value. The file is the output of "terraform show -json". It also reports
the literal names of objects that the plan creates, renames, replaces or
deletes: Terraform knows no order for them.

With --env or --all-envs, review also checks that each added reference exists
after the plan is applied. It asks the backend, or reads --manifest.

` + findingExitCodes + ` It is 5 if all such findings are
differences between the revisions (POUNCET020 to POUNCET023). By default, no
difference fails.

` + fileFormatHelp,
		Example: `  pouncet review --base origin/main pipelines
  terraform show -json plan.out > plan.json
  pouncet review --base origin/main --plan plan.json --all-envs --format markdown pipelines`,
		Args: arguments(1, -1, "files or folders"),
	}
	f.add(c)
	c.Flags().StringVar(&base, "base", "", "git `revision` to compare with: a commit, a branch or a tag")
	c.Flags().StringVar(&planFile, "plan", "", "`file` with a Terraform plan, from \"terraform show -json\"")
	c.RunE = func(c *cobra.Command, args []string) error {
		if base == "" {
			return usage(c, "--base is required").withHint("set --base to a git revision, such as origin/main")
		}
		if err := f.parse(c, a); err != nil {
			return err
		}
		if f.manifest != "" && !f.all && len(f.environments) == 0 {
			return usage(c, "--manifest requires --env or --all-envs")
		}
		if slices.Contains(args, interpolate.StandardInput) {
			return usage(c, "standard input cannot be compared with a revision").withHint("name files or folders")
		}
		return a.review(c, &f, base, planFile, args)
	}
	return c
}

func (a *app) review(c *cobra.Command, f *findingFlags, revision, planFile string, args []string) error {
	ctx := c.Context()
	plan, err := readPlan(ctx, planFile)
	if err != nil {
		return err
	}
	scanner, err := f.scanner()
	if err != nil {
		return err
	}
	reader := f.formats.findingReader(scanner)
	paths, err := relativePaths(args)
	if err != nil {
		return err
	}
	base, err := reader.Revision(ctx, revision, paths)
	if err != nil {
		return err
	}
	reader.Unchanged = base.Unchanged
	remaining := remainingPaths(paths, base)
	if err := checkPaths(c, remaining); err != nil {
		return err
	}
	files, err := a.listChanged(c, reader, remaining, base, planFile != "")
	if err != nil {
		return err
	}
	sources, err := a.readAll(ctx, reader, files)
	if err != nil {
		return err
	}
	if f.all || len(f.environments) > 0 {
		if err := f.readCatalog(ctx, a, sources); err != nil {
			return err
		}
	}
	f.noteUnusedRules(a, slices.Concat(files.Names, base.Files))
	changed := base.Changed(sources)
	findings := review.Diff(base.Sources, changed)
	findings = append(findings, plan.Check(sources, f.options)...)
	findings = append(findings, plan.LiteralNames(filepath.ToSlash(planFile))...)
	findings = append(findings, review.NewFindings(
		review.LiteralNames(base.All(sources)), review.LiteralNames(sources))...)
	after := f.options
	if after.Catalog != nil {
		_, after.Catalog = plan.Apply(f.options.Catalog, f.options.Defaults)
	}
	findings = append(findings, review.NewFindings(review.Check(base.Sources, after), review.Check(changed, after))...)
	return f.finish(ctx, a, titleReview, len(files.Names), sources, findings)
}

// listChanged returns the files that paths select in the working folder. It is an error if they select none, neither
// here nor in the revision, unless there is a plan to review.
func (a *app) listChanged(
	c *cobra.Command, r review.Reader, paths []string, base *review.Revision, plan bool,
) (review.Files, error) {
	var empty emptyPaths
	r.Rules.Empty = func(e fileset.Empty) {
		if !existedIn(base, e.Path) {
			empty.add(e)
		}
	}
	files, err := r.ListFiles(c.Context(), paths)
	if err != nil {
		return files, err
	}
	selected := files.Count() + len(files.Problems) + len(base.Files)
	if plan {
		selected++
	}
	return files, a.reportEmpty(c, empty, selected)
}

// readPlan reads a Terraform plan. Without a file the plan is empty.
func readPlan(ctx context.Context, path string) (*review.Plan, error) {
	if path == "" {
		return &review.Plan{}, nil
	}
	text, err := readNamed(ctx, "plan", path)
	if err != nil {
		return nil, err
	}
	return review.ParsePlan(text)
}

// relativePaths makes paths relative to the working folder, as git writes them.
func relativePaths(args []string) ([]string, error) {
	workingFolder, err := os.Getwd()
	if err != nil {
		return nil, backend.Errorf(backend.CodeUnavailable, "reading the path of the working folder: %w", err)
	}
	paths := make([]string, len(args))
	for i, arg := range args {
		paths[i] = filepath.Clean(arg)
		if filepath.IsAbs(arg) {
			if paths[i], err = filepath.Rel(workingFolder, arg); err != nil {
				return nil, backend.Errorf(backend.CodeInvalid, "%s cannot be reached from the working folder: %w",
					backend.Quote(arg), err)
			}
		}
	}
	return paths, nil
}

// remainingPaths returns paths without those that the change deletes.
func remainingPaths(paths []string, base *review.Revision) []string {
	var out []string
	for _, p := range paths {
		if _, err := os.Lstat(p); errors.Is(err, fs.ErrNotExist) && existedIn(base, p) {
			continue
		}
		out = append(out, p)
	}
	return out
}

// existedIn reports whether a revision has a file at a path or below it.
func existedIn(base *review.Revision, path string) bool {
	name := filepath.ToSlash(path)
	for _, file := range base.Files {
		if file == name || name == "." || strings.HasPrefix(file, name+"/") {
			return true
		}
	}
	return false
}
