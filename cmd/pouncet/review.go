// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

func (a *app) reviewCommand() *cobra.Command {
	var f findingFlags
	var base, planFile string
	c := &cobra.Command{
		Use:   "review --base REV [--plan FILE] PATH...",
		Short: "Tell what a change does to references, and what a Terraform plan does to them",
		Long: "Compares the references in files, as they are in the working folder, with those of a git\n" +
			"revision: which the change adds, drops, or moves to another environment, and what check would find\n" +
			"that it did not find before. With --plan, the output of `terraform show -json`, it also tells what\n" +
			"the plan removes, renames, makes anew, rotates or exposes under the references that there are.\n\n" +
			"With --env, --all-envs or --manifest it also tells where an added reference leads to nothing, as\n" +
			"things will be after the plan. --format markdown is for a comment on a pull request.\n\n" + checkExitCodes,
		Args: arguments(1, -1, "files or folders"),
	}
	f.add(c)
	c.Flags().StringVar(&base, "base", "", "the git revision to compare with: a commit, a branch, a tag")
	c.Flags().StringVar(&planFile, "plan", "", "a Terraform plan, as `terraform show -json` prints it")
	c.RunE = func(c *cobra.Command, args []string) error {
		if base == "" {
			return usage(c, "say what to compare with by --base")
		}
		if err := f.parse(c, a); err != nil {
			return err
		}
		if f.manifest != "" && !f.all && len(f.environments) == 0 {
			return usage(c, "--manifest needs --env or --all-envs")
		}
		return a.review(c.Context(), &f, base, planFile, args)
	}
	return c
}

func (a *app) review(ctx context.Context, f *findingFlags, base, planFile string, args []string) error {
	plan := &review.Plan{}
	if planFile != "" {
		text, err := os.ReadFile(planFile)
		if err != nil {
			return backend.Errorf(backend.CodeInvalid, "reading the plan: %w", err)
		}
		if plan, err = review.ParsePlan(text); err != nil {
			return err
		}
	}
	scanner, err := f.scanner()
	if err != nil {
		return err
	}
	reader := f.reader(scanner)
	paths, err := relative(args)
	if err != nil {
		return err
	}
	was, err := reader.Revision(ctx, base, paths)
	if err != nil {
		return err
	}
	files, err := review.Find(present(paths, was))
	if err != nil {
		return err
	}
	sources, err := a.readAll(ctx, reader, files)
	if err != nil {
		return err
	}
	if f.all || len(f.environments) > 0 {
		if err := f.catalog(ctx, a, sources); err != nil {
			return err
		}
	}
	changed := was.Changed(sources)
	findings := review.Diff(was.Sources, changed)
	findings = append(findings, plan.Check(sources, f.options)...)
	after := f.options
	if after.Catalog != nil {
		_, after.Catalog = plan.Apply(f.options.Catalog, f.options.Defaults)
	}
	findings = append(findings, review.New(review.Check(was.Sources, after), review.Check(changed, after))...)
	return f.finish(a, "review", len(files), sources, findings)
}

// relative makes paths relative to the working folder, as git names files.
func relative(args []string) ([]string, error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, backend.Errorf(backend.CodeUnavailable, "finding the working folder: %w", err)
	}
	paths := make([]string, len(args))
	for i, arg := range args {
		paths[i] = filepath.Clean(arg)
		if filepath.IsAbs(arg) {
			if paths[i], err = filepath.Rel(here, arg); err != nil {
				return nil, backend.Errorf(backend.CodeInvalid, "%s has no path from the working folder: %w", backend.Quote(arg), err)
			}
		}
	}
	return paths, nil
}

// present are the paths without those that the change deletes.
func present(paths []string, was *review.Revision) []string {
	var out []string
	for _, p := range paths {
		if _, err := os.Lstat(p); errors.Is(err, fs.ErrNotExist) && deleted(p, was) {
			continue
		}
		out = append(out, p)
	}
	return out
}

func deleted(path string, was *review.Revision) bool {
	name := filepath.ToSlash(path)
	for _, file := range was.Files {
		if file == name || strings.HasPrefix(file, name+"/") {
			return true
		}
	}
	return false
}
