package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

const missingUsage = "what becomes of a missing reference: error, null or keep"

var missingChoices = map[string]interpolate.Missing{
	"error": interpolate.MissingError, "null": interpolate.MissingNull, "keep": interpolate.MissingKeep,
}

func (a *app) renderCommand() *cobra.Command {
	var into, missing string
	var noEnvVar, stream bool
	c := &cobra.Command{
		Use:   "render FILE...",
		Short: "Fill references into YAML, and change nothing else",
		Long: "Fills the references in YAML files with what they stand for in --env. All references of\n" +
			"all files are resolved in one call; if anything is wrong, everything that is wrong is told, with\n" +
			"its place, and nothing is written.\n\n" +
			"One file (or - for standard input) goes to standard output. Several files, or folders (their\n" +
			".yaml and .yml files), go into the folder named by -o, under their relative paths, with mode\n" +
			"0600, each whole or not at all, never out of that folder and never over what they are made from.\n" +
			"With --stream they go to standard output, as one stream of YAML documents.\n\n" + exitCodes,
		Args: arguments(1, -1, "files"),
	}
	a.placeFlags(c)
	c.Flags().StringVarP(&into, "output", "o", "", "folder to write to")
	c.Flags().StringVar(&missing, "missing", "error", missingUsage)
	c.Flags().BoolVar(&noEnvVar, "no-env-var", false, "make env_var() an error")
	c.Flags().BoolVar(&stream, "stream", false, "print several files as one YAML stream")
	c.RunE = func(c *cobra.Command, args []string) error {
		o := interpolate.Options{Project: a.projectName(), Environment: a.environmentName(), Scope: a.scope}
		var known bool
		if o.Missing, known = missingChoices[missing]; !known {
			return usage(c, "--missing is error, null or keep")
		}
		if o.Environment == "" {
			return usage(c, "say which environment by --env or POUNCET_ENV")
		}
		if !noEnvVar {
			o.LookupEnv = os.LookupEnv
		}
		if stream && into != "" {
			return usage(c, "--stream and -o exclude one another")
		}
		sources, err := a.readSources(c, args, into, stream)
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
		for i, f := range rendered {
			a.printf("%s", separator(rendered[:i], f))
			_, _ = a.out.Write(f.Data) // run sees to the error
		}
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

// separator is what must stand between files for them to be the documents of
// one YAML stream.
func separator(before []interpolate.File, f interpolate.File) string {
	if len(before) == 0 {
		return ""
	}
	newline := "\n"
	if last := before[len(before)-1].Data; len(last) == 0 || bytes.HasSuffix(last, []byte("\n")) {
		newline = ""
	}
	switch {
	case bytes.HasPrefix(f.Data, []byte("---")):
		return newline
	case bytes.HasPrefix(f.Data, []byte("%")): // a directive: the document before it must have ended
		return newline + "...\n"
	}
	return newline + "---\n"
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
