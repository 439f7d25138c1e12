// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
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

const missingUsage = "what becomes of a missing reference: error, null (as in the dialect of Mage) or keep"

var missingChoices = map[string]interpolate.Missing{
	"error": interpolate.MissingError, "null": interpolate.MissingNull, "keep": interpolate.MissingKeep,
}

func (a *app) renderCommand() *cobra.Command {
	var missing string
	var to destination
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
			"are made from. With --in-place each file takes its own place instead, and its references are gone:\n" +
			"for copies, as in a container or a pipeline's work folder. With --stream YAML files go to standard\n" +
			"output, as one stream of documents.\n\n" + fileFormats + exitCodes,
		Args: arguments(1, -1, "files"),
	}
	a.placeFlags(c)
	reading.add(c)
	c.Flags().StringVarP(&to.folder, "output", "o", "", "folder to write to")
	c.Flags().BoolVar(&to.inPlace, "in-place", false, "write each file over itself, with mode 0600")
	c.Flags().StringVar(&missing, "missing", "error", missingUsage)
	c.Flags().BoolVar(&noEnvVar, "no-env-var", false, "make env_var() an error")
	c.Flags().BoolVar(&to.stream, "stream", false, "print several files as one YAML stream")
	c.RunE = func(c *cobra.Command, args []string) error {
		o := interpolate.Options{Project: a.projectName(), Environment: a.environmentName(), Scope: a.scope}
		if err := reading.parse(c); err != nil {
			return err
		}
		if reading.dialect == string(interpolate.DialectMage) && !c.Flags().Changed("missing") {
			missing = "null"
		}
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
		sources, err := a.readSources(c, &reading, args, to)
		if err != nil {
			return err
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			return a.render(ctx, s, sources, o, to)
		})(c, nil)
	}
	return c
}

func (a *app) render(ctx context.Context, s backend.Service, sources []template, o interpolate.Options, to destination) error {
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
	switch {
	case to.inPlace:
		for i, f := range rendered {
			if bytes.Equal(f.Data, sources[i].Data) {
				continue
			}
			if err := a.write(ctx, filepath.Dir(f.Name), []string{filepath.Base(f.Name)}, rendered[i:i+1], p); err != nil {
				return err
			}
		}
		return nil
	case to.folder == "":
		p.clear()
		for i, f := range rendered {
			a.printf("%s", separator(rendered[:i], f))
			_, _ = a.out.Write(f.Data) // run sees to the error
		}
		return nil
	}
	targets := make([]string, len(sources))
	for i, t := range sources {
		targets[i] = t.target
	}
	return a.write(ctx, to.folder, targets, rendered, p)
}

// destination is where rendered files go: to standard output, if it says
// nothing, and there several as a stream.
type destination struct {
	folder          string
	inPlace, stream bool
}

// writers is how many files are written at once: it is the disk that they wait for.
const writers = 16

// write writes files below a folder, several at once.
func (a *app) write(ctx context.Context, path string, targets []string, files []interpolate.File, p *progress) error {
	folder, err := openFolder(path)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	written := make([]bool, len(files))
	var done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	for i, f := range files {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := writeWhole(folder, targets[i], f.Data); err != nil {
				return err
			}
			written[i] = true
			p.step("written", int(done.Add(1)), len(files))
			return nil
		})
	}
	err = g.Wait()
	p.clear()
	settled := map[string]bool{} // a folder of many files is settled once
	for i, target := range targets {
		if written[i] {
			if dir := filepath.Dir(target); !settled[dir] {
				settled[dir] = true
				settle(folder, dir)
			}
			fmt.Fprintf(a.err, "wrote %s\n", filepath.Join(path, target))
		}
	}
	return err
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
