package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

func (a *app) renderCommand() *cobra.Command {
	var into, missing string
	var noEnvVar bool
	var reading readingFlags
	c := &cobra.Command{
		Use:   "render FILE...",
		Short: "Fill references into configuration files, and change nothing else",
		Long: "Fills the references in files with what they stand for in --env. All references of all files\n" +
			"are resolved in one call; if anything is wrong, everything that is wrong is told, with its place,\n" +
			"and nothing is written.\n\n" +
			"One file (or - for standard input) goes to standard output. Several files, or folders (their\n" +
			"files with a name of one of the formats), go into the folder named by -o, under their relative\n" +
			"paths, with mode 0600, each whole or not at all, never out of that folder and never over what they\n" +
			"are made from.\n\n" + fileFormats + exitCodes,
		Args: arguments(1, -1, "files"),
	}
	a.placeFlags(c)
	reading.add(c)
	c.Flags().StringVarP(&into, "output", "o", "", "folder to write to")
	c.Flags().StringVar(&missing, "missing", "error", "what becomes of a missing reference: error, null (as in the dialect of Mage) or keep")
	c.Flags().BoolVar(&noEnvVar, "no-env-var", false, "make env_var() an error")
	c.RunE = func(c *cobra.Command, args []string) error {
		o := interpolate.Options{Project: a.projectName(), Environment: a.environmentName(), Scope: a.scope}
		if err := reading.parse(c); err != nil {
			return err
		}
		if reading.dialect == string(interpolate.DialectMage) && !c.Flags().Changed("missing") {
			missing = "null"
		}
		switch missing {
		case "error":
			o.Missing = interpolate.MissingError
		case "null":
			o.Missing = interpolate.MissingNull
		case "keep":
			o.Missing = interpolate.MissingKeep
		default:
			return usage(c, "--missing is error, null or keep")
		}
		if o.Environment == "" {
			return usage(c, "say which environment by --env or POUNCET_ENV")
		}
		if !noEnvVar {
			o.LookupEnv = os.LookupEnv
		}
		sources, err := a.readSources(c, &reading, args, into)
		if err != nil {
			return err
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			return a.render(ctx, s, sources, o, into)
		})(c, nil)
	}
	return c
}

func (a *app) render(ctx context.Context, s backend.Service, sources []template, o interpolate.Options, into string) error {
	o.Warn = a.warn
	files := make([]interpolate.File, len(sources))
	for i, t := range sources {
		files[i] = t.File
	}
	rendered, err := interpolate.Render(ctx, s, files, o)
	if err != nil {
		return classify(err)
	}
	if into == "" {
		_, _ = a.out.Write(rendered[0].Data) // run sees to the error
		return nil
	}
	folder, err := openFolder(into)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	for i, f := range rendered {
		if err := writeWhole(folder, sources[i].target, f.Data); err != nil {
			return err
		}
		fmt.Fprintf(a.err, "wrote %s\n", filepath.Join(into, sources[i].target))
	}
	return nil
}

// warn tells of a place that looks as if a reference was meant.
func (a *app) warn(p interpolate.Problem) {
	fmt.Fprintf(a.err, "pouncet: warning: %s\n", printable(p.Error()))
}

// classify marks problems that are missing references, and nothing worse.
func classify(err error) error {
	var problems interpolate.Problems
	if !errors.As(err, &problems) {
		return err
	}
	for _, p := range problems {
		if !isMissing(p.Err) {
			return err
		}
	}
	return missingError{err}
}
