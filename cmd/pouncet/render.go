// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

const missingFlagUsage = "`result` of a missing reference: error, null or keep"

var missingModes = map[string]interpolate.Missing{
	"error": interpolate.MissingError, "null": interpolate.MissingNull, "keep": interpolate.MissingKeep,
}

// destination is where rendered files go. The zero value is standard output.
type destination struct {
	folder  string
	inPlace bool
	stream  bool // several files to standard output
}

const renderHelp = `Replaces the references in files with the values of one environment, and changes
no other byte. All references go to the backend in one request. If anything is
wrong, render reports every problem with its position and writes nothing.

One file (or "-" for standard input) goes to standard output. What a terminal
shows is revealed to a person: it shows no restricted secret, and a token needs
the right to reveal values, which the role admin has.

Several files, or the configuration files below a folder, go to the folder of -o,
under their relative paths; that folder is not read. A written file has mode
0600. It is written completely or not at all, never outside that folder, and
never over its source.

--in-place replaces each file with its rendered form, and the references are
gone. Use it on copies, for example in a container or in the work folder of a
pipeline. --stream prints YAML files as one stream of documents.

A missing reference is an error and ends with exit code 3. With --missing null
it becomes null, which is the default of the dialect "mage". Inside longer text
it becomes the word None, which --strict refuses. With --missing keep it stays
as it is.

` + fileFormatHelp

func (a *app) renderCommand() *cobra.Command {
	var missing string
	var to destination
	var noEnvVar, strict bool
	var formats formatFlags
	c := &cobra.Command{
		Use:   "render FILE...",
		Short: "Fill references in configuration files",
		Long:  renderHelp,
		Example: `  pouncet render --env prod io_config.yaml
  pouncet render --env prod pipelines -o rendered
  helm template chart | pouncet render --env prod -`,
		Args: arguments(1, -1, "files"),
	}
	a.resolveFlags(c)
	formats.add(c)
	c.Flags().StringVarP(&to.folder, "output", "o", "", "`folder` to write to; - for standard output")
	c.Flags().BoolVar(&to.inPlace, "in-place", false, "replace each file with its rendered form")
	c.Flags().BoolVar(&to.stream, "stream", false, "print several files as one YAML stream")
	c.Flags().StringVar(&missing, "missing", "error", missingFlagUsage)
	takesWords(c, "missing", missingWords...)
	c.Flags().BoolVar(&noEnvVar, "no-env-var", false, "reject env_var()")
	c.Flags().BoolVar(&strict, "strict", false, "fail where render warns, or where it cannot know the format of a value")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := formats.check(c); err != nil {
			return err
		}
		if to.folder == "-" {
			to.folder = ""
		}
		if formats.dialect == string(interpolate.DialectMage) && !c.Flags().Changed("missing") {
			missing = "null"
		}
		o, err := a.renderOptions(c, missing, noEnvVar)
		if err != nil {
			return err
		}
		o.Strict, o.OneStream = strict, to.stream
		sources, err := a.readSources(c, &formats, args, to)
		if err != nil {
			return err
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			return a.render(ctx, s, sources, o, to)
		})(c, nil)
	}
	return c
}

func (a *app) renderOptions(c *cobra.Command, missing string, noEnvVar bool) (interpolate.Options, error) {
	o := interpolate.Options{Project: a.projectName(), Environment: a.environmentName(), Scope: a.scope}
	o.Missing = missingModes[missing]
	if err := checkOneEnvironment(c, o.Environment); err != nil {
		return o, err
	}
	if !noEnvVar {
		o.LookupEnv = os.LookupEnv
	}
	return o, nil
}

// render renders the sources and writes the results to their destination.
func (a *app) render(
	ctx context.Context, s backend.Service, sources []renderSource, o interpolate.Options, to destination,
) error {
	p := a.progress()
	defer p.clear()
	o.Warn = func(problem interpolate.Problem) {
		p.clear()
		a.warn(problem)
	}
	o.Progress = func(stage interpolate.Stage, done, files int) { p.step(string(stage), done, files) }
	files := make([]interpolate.File, len(sources))
	targets := make([]string, len(sources))
	for i, source := range sources {
		files[i], targets[i] = source.File, source.target
	}
	if to.folder == "" && !to.inPlace {
		s = a.toOutput(s)
	}
	rendered, err := interpolate.Render(ctx, s, files, o)
	switch {
	case err != nil:
		return markAllMissing(err)
	case to.inPlace:
		return a.writeInPlace(ctx, files, rendered, p)
	case to.folder != "":
		return a.write(ctx, to.folder, targets, rendered, p)
	}
	p.clear()
	for i, f := range rendered {
		_, _ = a.out.Write([]byte(documentSeparator(rendered[:i], f)))
		_, _ = a.out.Write(f.Data) // a.out keeps its error
	}
	return nil
}

// writeInPlace replaces the files that rendering has changed.
func (a *app) writeInPlace(ctx context.Context, files, rendered []interpolate.File, p *progress) error {
	for i, f := range rendered {
		if bytes.Equal(f.Data, files[i].Data) {
			continue
		}
		name := []string{filepath.Base(f.Name)}
		if err := a.write(ctx, filepath.Dir(f.Name), name, rendered[i:i+1], p); err != nil {
			return err
		}
	}
	return nil
}

// documentSeparator returns what has to be printed between files, so that
// together they are one YAML stream.
func documentSeparator(before []interpolate.File, f interpolate.File) string {
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
	case bytes.HasPrefix(f.Data, []byte("%")): // a directive may only follow the end of a document
		return newline + "...\n"
	}
	return newline + "---\n"
}

// warn prints a warning about a position in a file.
func (a *app) warn(p interpolate.Problem) {
	a.notef("pouncet: warning: %s", p.Error())
}
