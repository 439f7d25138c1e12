// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// How the names of one environment are brought to another one.

// nameToFill is an entry that has no value yet, with the command that sets it.
type nameToFill struct {
	Kind    backend.Kind `json:"kind"`
	Name    string       `json:"name"`
	Scope   string       `json:"scope"`
	Type    string       `json:"type,omitempty"`
	Command string       `json:"command"`
}

func (a *app) copyNamesCommand() *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use:   "copy-names FROM TO",
		Short: "List the names that another environment lacks, and create its links",
		Long: wrap("Compares the names of two environments, and completes those of the second one without any value. A "+
			"scoped value that is a link to a secret has no value of its own, so it is created. A secret or a plain scoped "+
			"value cannot exist without a value: for each, the command that sets it is printed, with the type, the "+
			"description and the other attributes of the first environment.") + "\n\n" +
			wrap("A name that the second environment inherits from \"*\" or from the project scope is not missing. "+
				"The time of expiry is not taken over. With --draft, the links and the printed commands are for that draft."),
		Example: "  pouncet env copy-names dev prod --dry-run\n  pouncet env copy-names dev prod > fill.sh",
		Args:    arguments(2, 2, "two environments"),
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be created, and create nothing")
	a.draftFlag(c)
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		environments, err := a.twoEnvironments(ctx, s, args)
		if err != nil {
			return err
		}
		pairs, err := a.pairs(ctx, s, environments)
		if err != nil {
			return err
		}
		fill, links := []nameToFill{}, []backend.Change{}
		for _, p := range pairs {
			switch o := p.sides[0]; {
			case o == nil || p.sides[1] != nil:
			case o.Link != nil:
				links = append(links, a.copyOfLink(*o, environments[1]))
			default:
				fill = append(fill, nameToFill{o.Kind, o.Name, o.Scope, o.Type, a.fillCommand(*o, environments[1])})
			}
		}
		return a.createLinks(ctx, s, links, fill, dryRun)
	})
	return c
}

// copyOfLink returns the change that creates a link in another environment.
func (a *app) copyOfLink(o backend.Object, environment string) backend.Change {
	c := backend.Change{Op: backend.OpCreate, Kind: o.Kind, Project: a.projectName(), Environment: environment,
		Scope: o.Scope, Name: o.Name, Link: o.Link, Labels: o.Labels}
	if o.Description != "" {
		c.Description = &o.Description
	}
	return c
}

// createLinks creates links, and prints what has still to be set.
func (a *app) createLinks(
	ctx context.Context, s backend.Service, links []backend.Change, fill []nameToFill, dryRun bool,
) error {
	outcomes := []backend.Outcome{}
	if len(links) > 0 {
		var err error
		stop := a.working("writing")
		outcomes, err = s.Apply(ctx, backend.ChangeSet{Changes: links, DryRun: dryRun, Draft: a.draft})
		if stop(); err != nil {
			return err
		}
		if err := backend.Rejected(outcomes); err != nil {
			return err // of a dry run
		}
	}
	if a.json {
		a.printJSON(map[string]any{"outcomes": outcomes, "fill": fill, "dry_run": dryRun})
		return nil
	}
	// Standard output is a script of the commands.
	for _, o := range outcomes {
		text := outcomeText(o)
		switch {
		case dryRun:
			text = "would have " + text
		case a.draft != "":
			text = stagedOutcomeText(a.draft, o)
		}
		a.noteText(text)
	}
	for _, f := range fill {
		a.println(f.Command)
	}
	switch {
	case len(fill) > 0:
		a.notef("pouncet: %s without a value: run the commands above", backend.Plural(len(fill), "name"))
	case len(outcomes) == 0:
		a.noteText("pouncet: no name is missing")
	}
	return nil
}

// inputOf returns the flag for a value of the same form, a text or JSON, without the value.
func inputOf(o backend.Object) []string {
	if o.JSON != nil && o.JSON[0] != '"' {
		return []string{"--json-value", "JSON"}
	}
	return []string{"--stdin"}
}

// fillCommand returns the command that sets an entry of another environment as o is, with another value.
func (a *app) fillCommand(o backend.Object, environment string) string {
	words := []string{"pouncet", o.Kind.Command(), "set", o.Name, "--env", environment}
	add := func(flag, value string) {
		if value != "" {
			words = append(words, "--"+flag, value)
		}
	}
	if project := a.projectName(); project != backend.DefaultProject {
		add("project", project)
	}
	if o.Scope != backend.ProjectScope {
		add("scope", o.Scope)
	}
	add("draft", a.draft)
	add("type", o.Type)
	if o.Kind == backend.KindSecret {
		add("visibility", string(o.Visibility))
	}
	if o.RotationDays > 0 {
		add("rotation-days", strconv.Itoa(o.RotationDays))
	}
	if o.Protected {
		words = append(words, "--protected")
	}
	add("description", o.Description)
	for _, k := range slices.Sorted(maps.Keys(o.Labels)) {
		add("label", k+"="+o.Labels[k])
	}
	if o.Kind == backend.KindScopedValue {
		words = append(words, inputOf(o)...)
	}
	for i, w := range words {
		words[i] = shellWord(w)
	}
	return strings.Join(words, " ")
}

// shellWord quotes a word for a POSIX shell, in one line: printf makes the line breaks of a text.
func shellWord(w string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"
	if w != "" && strings.Trim(w, plain) == "" {
		return w
	}
	quote := func(w string) string { return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'" }
	if strings.ContainsAny(w, "\n\t") {
		return `"$(printf %b ` + quote(strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`).Replace(w)) + `)"`
	}
	return quote(w)
}
