// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/review"
)

// reference is an interpolate.Reference for scripts.
type reference struct {
	File        string `json:"file"`
	Line        int    `json:"line"`
	Column      int    `json:"column"`
	Call        string `json:"call"`
	Kind        string `json:"kind"` // secret, scoped_value or variable
	Name        string `json:"name"`
	Project     string `json:"project,omitempty"`
	Environment string `json:"environment,omitempty"`
	Scope       string `json:"scope,omitempty"`
	Field       string `json:"field,omitempty"`
	Version     string `json:"version,omitempty"`
	HasDefault  bool   `json:"has_default"`
}

func (a *app) refsCommand() *cobra.Command {
	var reading readingFlags
	c := &cobra.Command{
		Use:   "refs PATH...",
		Short: "List the references in files, without a backend",
		Long: "Lists every reference in files and in the configuration files below folders: where it\n" +
			"stands, what it refers to as far as it says so, and whether it has a default. Needs no backend.\n" +
			"A file that cannot be read is told at the end, with exit code 1.\n\n" + fileFormats,
		Args: arguments(1, -1, "files or folders"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := reading.parse(c); err != nil {
				return err
			}
			files, err := review.Find(args)
			if err != nil {
				return err
			}
			sources, err := a.readAll(c.Context(), reading.reader(nil), files)
			if err != nil {
				return err
			}
			return a.listReferences(sources)
		},
	}
	reading.add(c)
	return c
}

func (a *app) listReferences(sources []*review.Source) error {
	list := []reference{}
	var problems interpolate.Problems
	for _, s := range sources {
		problems = append(problems, s.Problems...)
		for _, r := range s.References {
			kind := string(r.Kind)
			if kind == "" {
				kind = "variable"
			}
			list = append(list, reference{
				r.Pos.File, r.Pos.Line, r.Pos.Column, r.Call, kind, r.Name, r.Project, r.Environment, r.Scope, r.Field, r.Version, r.HasDefault,
			})
		}
	}
	if a.json {
		a.printJSON(map[string]any{"references": list})
	} else {
		for _, r := range list {
			a.println(printable(r.line()))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	if !a.json {
		for _, p := range problems {
			p.Expression = "" // it may be anything
			fmt.Fprintln(a.err, printable(p.Error()))
		}
	}
	return backend.Errorf(backend.CodeInvalid, "%s cannot be read; what is listed may not be all", count(len(problems), "place")).
		WithHint("see: pouncet check --help, which tells what is wrong with them")
}

func (r reference) line() string {
	words := []string{fmt.Sprintf("%s:%d:%d:", r.File, r.Line, r.Column), strings.ReplaceAll(r.Kind, "_", " "), r.Name}
	for _, k := range []struct{ key, value string }{
		{"project", r.Project}, {"env", r.Environment}, {"scope", r.Scope}, {"field", r.Field}, {"version", r.Version},
	} {
		if k.value != "" {
			words = append(words, k.key+"="+k.value)
		}
	}
	if r.HasDefault {
		words = append(words, "default")
	}
	return strings.Join(words, " ")
}
