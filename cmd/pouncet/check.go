// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

const checkHelp = `Checks the references in files, and in the configuration files below folders,
for each environment. It reports missing secrets and fields, references to
another environment or to a forbidden one, hard-coded secrets, and more. Use it
in CI: it needs a token with the role viewer, or a manifest, and never a value.

In Terraform files (.tf, .tofu), check reports one thing: the literal name of an
object that the same module declares, such as environment = "stage" instead of
environment = pouncet_environment.stage.name. Terraform knows no order for them.
Terraform files alone need no backend and no environment.

A manifest is a file with the names, ids and types of secrets. --manifest reads
it. --write-manifest writes it and checks nothing: it reads the files only to
find the projects that they refer to. What a manifest or a token does not show
is unknown: a warning, or an error with --strict.

--register replaces all references that were registered for the same --source
before. Pass all files of a repository in one call.

"-" is standard input. "pouncet help rules" lists the rules. A comment on the
same line or the line above suppresses a finding. It names the rule and a reason:
  # pouncet:ignore POUNCET004 the report compares all environments with prod

` + findingExitCodes + `

` + fileFormatHelp

func (a *app) checkCommand() *cobra.Command {
	var f findingFlags
	var writeManifest, source string
	var register bool
	c := &cobra.Command{
		Use:   "check PATH...",
		Short: "Check references without access to values",
		Long:  checkHelp,
		Example: `  pouncet check --all-envs pipelines
  pouncet check --env prod --format sarif . > pouncet.sarif
  pouncet check --write-manifest pouncet.manifest.json
  pouncet check --all-envs --manifest pouncet.manifest.json pipelines`,
		Args: func(c *cobra.Command, args []string) error {
			if writeManifest != "" {
				return nil
			}
			return arguments(1, -1, "files or folders")(c, args)
		},
	}
	f.add(c)
	c.Flags().StringVar(&writeManifest, "write-manifest", "",
		"write a manifest of --env, or of all environments, to this `file`, and check nothing")
	c.Flags().BoolVar(&register, "register", false,
		"register the references in the backend, which then refuses to delete what they use; replaces earlier ones")
	c.Flags().StringVar(&source, "source", "",
		"`name` of the repository to register (default: the git remote origin)")
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case source != "" && !register:
			return usage(c, "--source requires --register")
		case register && f.manifest != "":
			return exclusive(c, "--register and --manifest")
		}
		if err := f.parse(c, a); err != nil {
			return err
		}
		if writeManifest != "" {
			return a.writeManifest(c, writeManifest, f, args)
		}
		if e := a.environmentName(); e != "" && !f.all && len(f.environments) == 0 {
			f.environments = []string{e}
		}
		if err := f.checkEnvironments(c); err != nil {
			return err
		}
		files, err := a.listFiles(c, f.formats.findingReader(nil), args)
		if err != nil {
			return err
		}
		if register && files.Input != nil {
			return usage(c, "--register needs files, because standard input has no place in a repository")
		}
		terraformOnly := f.formats.format == "" && !register && files.Input == nil && review.AreTerraform(files.Names)
		if !f.all && len(f.environments) == 0 && !terraformOnly {
			return usage(c, "an environment is required").withHint("set --env, --all-envs or POUNCET_ENV")
		}
		then := func(context.Context, []*review.Source) error { return nil }
		if register {
			then = func(ctx context.Context, sources []*review.Source) error {
				return a.register(ctx, &f, sources, source)
			}
		}
		return a.check(c.Context(), &f, files, terraformOnly, then)
	}
	return c
}

// check checks files. If all are Terraform files, it needs no catalog. Before it reports the findings, it calls then,
// even if a finding fails the check.
func (a *app) check(
	ctx context.Context, f *findingFlags, files review.Files, terraformOnly bool,
	then func(context.Context, []*review.Source) error,
) error {
	scanner, err := f.scanner()
	if err != nil {
		return err
	}
	sources, err := a.readAll(ctx, f.formats.findingReader(scanner), files)
	if err != nil {
		return err
	}
	if !terraformOnly {
		if err := f.readCatalog(ctx, a, sources); err != nil {
			return err
		}
		if err := f.requireEnvironment(sources); err != nil {
			return err
		}
	}
	if err := then(ctx, sources); err != nil {
		return err
	}
	f.noteUnusedRules(a, files.All())
	findings := append(review.Check(sources, f.options), review.LiteralNames(sources)...)
	return f.finish(ctx, a, titleCheck, files.Count(), sources, findings)
}

// requireEnvironment returns an error if there are references and the project has no environment to check them for.
func (f *findingFlags) requireEnvironment(sources []*review.Source) error {
	hasReference := func(s *review.Source) bool { return len(s.References) > 0 }
	if len(f.options.Environments) > 0 || !slices.ContainsFunc(sources, hasReference) {
		return nil
	}
	return backend.Errorf(backend.CodeNotFound, "project %s has no environment, so no reference can be checked",
		backend.Quote(f.options.Defaults.Project)).
		WithHint("create an environment with pouncet env set, or choose another project with --project")
}

// writeManifest writes the metadata of the project, and of the projects that
// the files refer to, if there are files.
func (a *app) writeManifest(c *cobra.Command, path string, f findingFlags, args []string) error {
	ctx, reader := c.Context(), f.formats.reader(nil)
	files, err := a.listFiles(c, reader, args)
	if err != nil {
		return err
	}
	sources, err := a.readAll(ctx, reader, files)
	if err != nil {
		return err
	}
	f.manifest = ""
	if err := f.readCatalog(ctx, a, sources); err != nil {
		return err
	}
	text, err := f.options.Catalog.Manifest(f.options.Environments)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return backend.Errorf(backend.CodeUnavailable, "writing the manifest: %w", err)
	}
	a.println("wrote the metadata of " + backend.Plural(len(f.options.Catalog.Projects), "project") + " to " + path)
	if files.Count() > 0 {
		a.notef("pouncet: the files only name projects for the manifest, and were not checked")
	}
	return nil
}
