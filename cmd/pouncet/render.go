package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

func (a *app) renderCommand() *cobra.Command {
	var into, missing string
	var noEnvVar bool
	c := &cobra.Command{
		Use:   "render FILE...",
		Short: "Fill references into YAML, and change nothing else",
		Long: "Fills the references in YAML files with what they stand for in --env. All references of\n" +
			"all files are resolved in one call; if anything is wrong, everything that is wrong is told, with\n" +
			"its place, and nothing is written.\n\n" +
			"One file (or - for standard input) goes to standard output. Several files, or folders (their\n" +
			".yaml and .yml files), go into the folder named by -o, under their relative paths, with mode\n" +
			"0600, each whole or not at all, never out of that folder and never over what they are made from.\n\n" + exitCodes,
		Args: arguments(1, -1, "files"),
	}
	a.placeFlags(c)
	c.Flags().StringVarP(&into, "output", "o", "", "folder to write to")
	c.Flags().StringVar(&missing, "missing", "error", "what becomes of a missing reference: error, null or keep")
	c.Flags().BoolVar(&noEnvVar, "no-env-var", false, "make env_var() an error")
	c.RunE = func(c *cobra.Command, args []string) error {
		o := interpolate.Options{Project: a.projectName(), Environment: a.environmentName(), Scope: a.scope}
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
		sources, err := a.readSources(c, args, into)
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
	p := a.progress()
	defer p.clear()
	o.Warn = func(problem interpolate.Problem) {
		p.clear()
		a.warn(problem)
	}
	o.Progress = func(stage interpolate.Stage, done, files int) { p.step(string(stage), done, files) }
	files := make([]interpolate.File, len(sources))
	for i, t := range sources {
		files[i] = t.File
	}
	rendered, err := interpolate.Render(ctx, s, files, o)
	if err != nil {
		return classify(err)
	}
	if into == "" {
		p.clear()
		_, _ = a.out.Write(rendered[0].Data) // run sees to the error
		return nil
	}
	return a.write(ctx, sources, rendered, into, p)
}

// writers is how many files are written at once: it is the disk that they wait for.
const writers = 16

// write writes what was rendered into a folder, several files at once.
func (a *app) write(ctx context.Context, sources []template, rendered []interpolate.File, into string, p *progress) error {
	folder, err := openFolder(into)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	written := make([]bool, len(rendered))
	var done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	for i, f := range rendered {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := writeWhole(folder, sources[i].target, f.Data); err != nil {
				return err
			}
			written[i] = true
			p.step("written", int(done.Add(1)), len(rendered))
			return nil
		})
	}
	err = g.Wait()
	p.clear()
	settled := map[string]bool{} // a folder of many files is settled once
	for i, t := range sources {
		if written[i] {
			if dir := filepath.Dir(t.target); !settled[dir] {
				settled[dir] = true
				settle(folder, dir)
			}
			fmt.Fprintf(a.err, "wrote %s\n", filepath.Join(into, t.target))
		}
	}
	return err
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
