package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

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
			"0600, each whole or not at all.\n\n" + exitCodes,
		Args: arguments(1, -1, "files"),
	}
	a.placeFlags(c)
	c.Flags().StringVarP(&into, "output", "o", "", "folder to write to")
	c.Flags().StringVar(&missing, "missing", "error", "what becomes of a missing reference: error, null or keep")
	c.Flags().BoolVar(&noEnvVar, "no-env-var", false, "make env_var() an error")
	c.RunE = func(c *cobra.Command, args []string) error {
		o := interpolate.Options{Project: a.project, Environment: a.env, Scope: a.scope}
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
		if a.env == "" {
			return usage(c, "say which environment by --env or POUNCET_ENV")
		}
		if !noEnvVar {
			o.LookupEnv = os.LookupEnv
		}
		files, err := a.readFiles(c, args, into)
		if err != nil {
			return err
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			return a.render(ctx, s, files, o, into)
		})(c, nil)
	}
	return c
}

func (a *app) render(ctx context.Context, s backend.Service, files []interpolate.File, o interpolate.Options, into string) error {
	o.Warn = func(p interpolate.Problem) { fmt.Fprintf(a.err, "pouncet: warning: %s\n", p) }
	rendered, err := interpolate.Render(ctx, s, files, o)
	if err != nil {
		return classify(err)
	}
	if into == "" {
		if _, err := a.out.Write(rendered[0].Data); err != nil {
			return fmt.Errorf("writing to standard output: %w", err)
		}
		return nil
	}
	for _, f := range rendered {
		path := filepath.Join(into, filepath.FromSlash(f.Name))
		if err := writeWhole(path, f.Data); err != nil {
			return err
		}
		fmt.Fprintf(a.err, "wrote %s\n", path)
	}
	return nil
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

// readFiles reads what the arguments name. A file's name is its path below
// the argument's folder, which is also its path below the output's.
func (a *app) readFiles(c *cobra.Command, args []string, into string) ([]interpolate.File, error) {
	var files []interpolate.File
	folders := false
	for _, arg := range args {
		if arg == "-" {
			data, err := io.ReadAll(a.in)
			if err != nil {
				return nil, backend.Errorf(backend.CodeInvalid, "reading standard input: %w", err)
			}
			files = append(files, interpolate.File{Name: "-", Data: data})
			continue
		}
		info, err := os.Stat(arg)
		if err != nil {
			return nil, backend.Errorf(backend.CodeInvalid, "reading what to render: %w", err)
		}
		if !info.IsDir() {
			data, err := os.ReadFile(arg)
			if err != nil {
				return nil, backend.Errorf(backend.CodeInvalid, "reading what to render: %w", err)
			}
			files = append(files, interpolate.File{Name: filepath.ToSlash(arg), Data: data})
			continue
		}
		folders = true
		below, err := readFolder(arg)
		if err != nil {
			return nil, err
		}
		files = append(files, below...)
	}
	if into == "" {
		if len(files) != 1 || folders {
			return nil, usage(c, "several files, or a folder, need a folder to write to: -o DIR")
		}
		return files, nil
	}
	taken := map[string]bool{}
	for i, f := range files {
		if f.Name == "-" {
			return nil, usage(c, "standard input goes to standard output: leave out -o")
		}
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
			files[i].Name = filepath.Base(f.Name) // not below the working folder: its name alone
		}
		if taken[files[i].Name] {
			return nil, usage(c, "two files would be written to the same place below -o")
		}
		taken[files[i].Name] = true
	}
	return files, nil
}

func readFolder(folder string) ([]interpolate.File, error) {
	var files []interpolate.File
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != folder {
			return filepath.SkipDir
		}
		ext := filepath.Ext(path)
		if !d.Type().IsRegular() || (ext != ".yaml" && ext != ".yml") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		files = append(files, interpolate.File{Name: filepath.ToSlash(name), Data: data})
		return err
	})
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "reading %s: %w", folder, err)
	}
	return files, nil
}

// writeWhole writes a file that is there whole or not at all, and that only
// its owner can read.
func writeWhole(path string, data []byte) (err error) {
	failed := func(err error) error {
		return backend.Errorf(backend.CodeUnavailable, "writing %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return failed(err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return failed(err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return failed(err)
	}
	return nil
}
