// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func (a *app) showDraftCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "show NAME-OR-ID",
		Short: "Compare one draft with the present state",
		Long: wrap("Lists what the changes of a draft would do, without values, and which of them are stale because their " +
			"objects were changed since. If you may try changes, it also says which rules deploying it would break, and " +
			"which values are the same as the present ones."),
		Example: "  pouncet draft show release-7\n  pouncet draft show release-7 --json",
		Args:    arguments(1, 1, "one name or id"),
	}
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		draft, changes, err := a.draftWithChanges(ctx, s, args[0])
		if err != nil {
			return err
		}
		trial, err := a.tryDeployment(ctx, s, draft, len(changes))
		if err != nil {
			return err
		}
		if a.json {
			answer := map[string]any{"draft": draft, "changes": slices.AppendSeq([]backend.Object{}, slices.Values(changes))}
			if trial != nil {
				answer["deployment"] = trial
			}
			a.printJSON(answer)
			return nil
		}
		a.printDraft(changes, trial)
		if trial != nil && trial.Err != nil {
			a.noteText("pouncet: the draft cannot be deployed as it is: " + whyNotDeployable(changes, trial))
			if trial.Err.Hint != "" {
				a.notef("  %s", trial.Err.Hint)
			}
		}
		return nil
	})
	return c
}

// whyNotDeployable says why a trial failed, without the problems of single changes, which the table has.
func whyNotDeployable(changes []backend.Object, trial *backend.Outcome) string {
	stale, refused := 0, 0
	for _, o := range changes {
		if o.Staged.Stale != "" {
			stale++
		}
	}
	for _, p := range trial.Parts {
		if p.Err != nil {
			refused++
		}
	}
	switch {
	case stale > 0:
		return backend.Plural(stale, "stale change")
	case refused > 0:
		return backend.Plural(refused, "refused change")
	}
	return trial.Err.Message
}

// tryDeployment returns the outcome of a dry run. It returns nil for an empty draft. If the caller may not try the
// changes, it says why and returns nil.
func (a *app) tryDeployment(
	ctx context.Context, s backend.Service, draft backend.Object, changes int,
) (*backend.Outcome, error) {
	defer a.working("trying the changes")()
	if changes == 0 {
		return nil, nil
	}
	out, err := s.Apply(ctx, backend.ChangeSet{DryRun: true, Changes: []backend.Change{
		{Op: backend.OpDeploy, Kind: backend.KindDraft, ID: draft.ID}}})
	switch {
	case errors.Is(err, backend.ErrDenied):
		a.noteText("pouncet: the changes were not tried: " + backend.AsError(err).Message)
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &out[0], nil
}

// printDraft prints the changes of a draft, and what a dry run says of them.
func (a *app) printDraft(changes []backend.Object, trial *backend.Outcome) {
	t := table{titles: []string{"KIND", "NAME", "ENVIRONMENT", "SCOPE", "CHANGE", "PROBLEM", "BY"}}
	for _, o := range changes {
		t.add(o.Staged.Kind.String(), o.Name, o.Environment, o.Scope, stagedText(o.Staged), problemOf(o, trial),
			strings.Join(o.Staged.By, ", "))
	}
	if a.printTable(t) {
		return
	}
	for _, o := range changes { // the table has cut some of the texts
		if problem := problemOf(o, trial); problem != "" {
			a.noteText("pouncet: " + o.Staged.Kind.String() + " " + o.Name + ": " + problem)
		}
	}
}

// stagedText says what a change of a draft does: "changes value, description".
func stagedText(s *backend.Staged) string {
	text := "changes " + strings.Join(s.Changed, ", ")
	switch {
	case s.Action == backend.ActionCreate:
		return "creates"
	case s.Action == backend.ActionDelete:
		text = "removes"
		if s.Purge {
			text = "removes permanently"
		}
	case s.Rename != "":
		text = "renames to " + s.Rename
		others := slices.DeleteFunc(slices.Clone(s.Changed), func(name string) bool { return name == "name" })
		if len(others) > 0 {
			text += ", changes " + strings.Join(others, ", ")
		}
	case len(s.Changed) == 0:
		text = "changes nothing"
	case len(s.Changed) == 1 && s.Changed[0] == "value":
		text = "changes the value"
	}
	if s.Files > 0 {
		text += "; used by " + backend.Plural(s.Files, "file")
	}
	return text
}

// problemOf says what is wrong with a change of a draft.
func problemOf(o backend.Object, trial *backend.Outcome) string {
	if o.Staged.Stale != "" {
		return "stale: " + o.Staged.Stale
	}
	if trial == nil {
		return ""
	}
	for _, p := range trial.Parts {
		switch {
		case p.Change.ID != o.ID:
		case p.Err != nil:
			return p.Err.Message
		case p.Unchecked == "value":
			return "the value is not compared"
		case p.Action == backend.ActionUnchanged:
			return "no difference"
		}
	}
	return ""
}
