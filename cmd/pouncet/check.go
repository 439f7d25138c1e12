// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

const checkTitle = "check"

func (a *app) checkCommand() *cobra.Command {
	var f findingFlags
	var writeManifest, source string
	var register bool
	c := &cobra.Command{
		Use:   "check PATH...",
		Short: "Check references against what exists, without access to any value",
		Long: "Checks the references in files and in the configuration files below folders, for each\n" +
			"environment: those that lead to nothing, to another environment, into a forbidden place, and\n" +
			"more. It asks the backend for names alone, or a manifest file that --write-manifest made. What\n" +
			"cannot be told from there is a warning, and an error with --strict; it never passes for fine.\n\n" +
			"A finding on a line is suppressed by a comment there or above it, with its rule and a reason:\n" +
			"  # pouncet:ignore POUNCET004 the report is about production in every environment\n\n" + fileFormats + checkExitCodes,
		Args: func(c *cobra.Command, args []string) error {
			if writeManifest != "" {
				return nil
			}
			return arguments(1, -1, "files or folders")(c, args)
		},
	}
	f.add(c)
	c.Flags().StringVar(&writeManifest, "write-manifest", "", "write what exists (names, ids and types, no values) to this file, of --env or all environments")
	c.Flags().BoolVar(&register, "register", false, "tell the backend which places use what: it then refuses to delete what is in use")
	c.Flags().StringVar(&source, "source", "", "with --register: whose places these are (default: the address of the git remote origin)")
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case source != "" && !register:
			return usage(c, "--source goes with --register")
		case register && f.manifest != "":
			return usage(c, "--register needs the backend, not a --manifest")
		}
		if err := f.parse(c, a); err != nil {
			return err
		}
		if writeManifest != "" {
			return a.writeManifest(c.Context(), writeManifest, f, args)
		}
		if e := os.Getenv("POUNCET_ENV"); e != "" && !f.all && len(f.environments) == 0 {
			f.environments = []string{e}
		}
		if !f.all && len(f.environments) == 0 {
			return usage(c, "say which environments by --env, --all-envs or POUNCET_ENV")
		}
		then := func(context.Context, []*review.Source) error { return nil }
		if register {
			then = func(ctx context.Context, sources []*review.Source) error { return a.register(ctx, &f, sources, source) }
		}
		return a.check(c.Context(), &f, args, then)
	}
	return c
}

// check checks what is at args, and then does what is to be done with it, whatever the findings.
func (a *app) check(ctx context.Context, f *findingFlags, args []string, then func(context.Context, []*review.Source) error) error {
	scanner, err := f.scanner()
	if err != nil {
		return err
	}
	files, err := review.Find(args)
	if err != nil {
		return err
	}
	sources, err := a.readAll(ctx, f.reader(scanner), files)
	if err != nil {
		return err
	}
	if err := f.catalog(ctx, a, sources); err != nil {
		return err
	}
	if err := then(ctx, sources); err != nil {
		return err
	}
	return f.finish(a, checkTitle, len(files), sources, review.Check(sources, f.options))
}

// writeManifest writes what exists in the project, and in those that the files
// refer to, if any are given.
func (a *app) writeManifest(ctx context.Context, path string, f findingFlags, args []string) error {
	files, err := review.Find(args)
	if err != nil {
		return err
	}
	sources, err := a.readAll(ctx, f.reader(nil), files)
	if err != nil {
		return err
	}
	f.manifest = ""
	if err := f.catalog(ctx, a, sources); err != nil {
		return err
	}
	text, err := f.options.Catalog.Manifest(f.options.Environments)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return backend.Errorf(backend.CodeUnavailable, "writing the manifest: %w", err)
	}
	a.printf("wrote what exists in %s to %s\n", count(len(f.options.Catalog.Projects), "project"), path)
	return nil
}
