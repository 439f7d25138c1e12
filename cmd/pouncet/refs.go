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

// reference is the JSON form of an interpolate.Reference.
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
	var formats formatFlags
	c := &cobra.Command{
		Use:   "refs PATH...",
		Short: "List the references in files",
		Long: `Lists every reference in files, and in the configuration files below folders: its
position, its name, what else it says (project, environment, scope, field,
version), and whether it has a default. It needs no backend. "-" is standard
input.

A reference that cannot be parsed is reported at the end, with exit code 1.

` + fileFormatHelp,
		Example: `  pouncet refs pipelines
  pouncet refs --json io_config.yaml`,
		Args: arguments(1, -1, "files or folders"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := formats.check(c); err != nil {
				return err
			}
			reader := formats.reader(nil)
			files, err := a.listFiles(c, reader, args)
			if err != nil {
				return err
			}
			sources, err := a.readAll(c.Context(), reader, files)
			if err != nil {
				return err
			}
			return a.listReferences(sources)
		},
	}
	formats.add(c)
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
				r.Pos.File, r.Pos.Line, r.Pos.Column, r.Call, kind, r.Name,
				r.Project, r.Environment, r.Scope, r.Field, r.Version, r.HasDefault,
			})
		}
	}
	if a.json {
		a.printJSON(map[string]any{"references": list})
	} else {
		for _, r := range list {
			a.println(r.line())
		}
	}
	if len(problems) == 0 {
		return nil
	}
	if !a.json {
		for _, p := range problems {
			p.Expression = "" // the text of an unknown expression may hold a secret
			a.noteText(p.Error())
		}
	}
	return backend.Errorf(backend.CodeInvalid, "%s; the list may be incomplete",
		backend.Plural(len(problems), "problem")).
		WithHint("fix the reported positions, or run pouncet check for more details")
}

// line returns the reference as a line of text.
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
