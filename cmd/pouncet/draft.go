// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// draftFlag adds the flag that stages the change of a command.
func (a *app) draftFlag(c *cobra.Command) {
	c.Flags().StringVar(&a.draft, "draft", "", "add the change to the draft with this `name`, instead of making it")
}

var draftCommand = objectCommand{
	kind: backend.KindDraft, sample: "release-7", aliases: []string{"drafts"},
	columns: []column{
		{"name", name}, {"changes", func(o backend.Object) string {
			if o.Changes == nil {
				return ""
			}
			return strconv.Itoa(*o.Changes)
		}},
		{"by", func(o backend.Object) string { return o.CreatedBy }}, {"updated", updated},
		{"expires", func(o backend.Object) string { return formatTime(o.ExpiresAt) }}, {"description", description},
	},
}

func (a *app) draftsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "draft", Aliases: draftCommand.aliases, Short: "Manage drafts: changes that are made together",
		Long: `A draft is a named set of changes of one project that are not made yet. --draft
NAME on a command that writes adds its change to a draft. Deploying a draft makes
all its changes, or none. Values in a draft are sealed, and nobody can read them.
A draft expires after 30 days.`,
		Example: "  printf %s \"$PASSWORD\" | pouncet secret set db_password --env prod --stdin --draft release-7\n" +
			"  pouncet draft show release-7\n  pouncet draft deploy release-7",
		Args: onlyCommands,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.listCommand(draftCommand), a.setDraftCommand(), a.showDraftCommand(), a.deployCommand(),
		a.discardCommand(), a.refreshCommand(), a.dropCommand())
	return c
}

func (a *app) setDraftCommand() *cobra.Command {
	var text, expires string
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "Create an empty draft, or change its description or expiry",
		Long: wrap("Creates a draft, or changes its description or when it expires. --draft on a command that writes " +
			"creates a draft too."),
		Example: "  pouncet draft set release-7 --description 'the new database' --expires 60d",
		Args:    arguments(1, 1, "one name"),
	}
	c.Flags().StringVar(&text, "description", "", "`text` that says what the draft is for")
	c.Flags().StringVar(&expires, "expires", "",
		"`time` when the draft expires: a date (its midnight UTC), a time (RFC 3339) or a duration such as 60d; 90d at "+
			"most")
	mayBeEmpty(c, "description")
	c.RunE = func(c *cobra.Command, args []string) error {
		change := a.draftChange(backend.OpSet, args[0])
		change.Description = flagValue(c, "description", text)
		if c.Flags().Changed("expires") {
			at, ok := parseExpiry(expires, time.Now())
			if !ok || at.IsZero() {
				return usage(c, "--expires must be a date (2027-01-31), a time (2027-01-31T12:00:00Z) or a duration (60d)")
			}
			change.ExpiresAt = &at
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			err := a.apply(ctx, s, change)
			if e := backend.AsError(err); e != nil && e.Code == backend.CodeInvalid && e.Attribute == "expires_at" {
				return &usageError{e}
			}
			return err
		})(c, nil)
	}
	return c
}

// draftChange returns a change of a draft that a name or id names.
func (a *app) draftChange(op backend.Op, nameOrID string) backend.Change {
	q := a.query(draftCommand, nameOrID)
	return backend.Change{Op: op, Kind: backend.KindDraft, ID: q.ID, Project: q.Project, Name: q.Name}
}

// draftWithChanges returns a draft, and its changes in their order.
func (a *app) draftWithChanges(
	ctx context.Context, s backend.Service, nameOrID string,
) (draft backend.Object, changes []backend.Object, err error) {
	if draft, err = a.findReference(ctx, s, draftCommand, nameOrID); err != nil {
		return draft, nil, err
	}
	changes, err = backend.ListAll(ctx, s, backend.Query{Kind: backend.KindDraftChange, Project: draft.Project,
		Draft: draft.ID})
	return draft, changes, err
}

// destroyedBy returns what a draft destroys, for a question, and why deploying it needs --yes.
func destroyedBy(changes []backend.Object) (destroyed []string, consequence string) {
	for _, o := range changes {
		how := o.Staged.Destroys()
		if how == backend.DestroysNothing {
			continue
		}
		destroyed = append(destroyed, o.Staged.Kind.String()+" "+backend.Quote(o.Name)+" "+string(how))
		if consequence = cmp.Or(consequence, isForEvery); how == backend.DestroysPermanently {
			consequence = isFinal
		}
	}
	return destroyed, consequence
}

func (a *app) deployCommand() *cobra.Command {
	var yes bool
	var revision int64
	c := &cobra.Command{
		Use:   "deploy NAME-OR-ID",
		Short: "Make all changes of a draft, or none",
		Long: wrap("Makes all changes of a draft in one transaction, and removes the draft. If an object was changed " +
			"since, nothing is made, and the stale changes are listed. At a terminal it shows the difference and asks. " +
			"Without a terminal, a draft that deletes permanently, or an environment with everything in it, needs --yes. " +
			"--revision deploys only what was reviewed: each change of a draft gives it another revision, which draft show " +
			"--json prints."),
		Example: "  pouncet draft deploy release-7\n  pouncet draft deploy release-7 --revision 4 --yes --json",
		Args:    arguments(1, 1, "one name or id"),
	}
	c.Flags().BoolVar(&yes, "yes", false, yesUsage)
	c.Flags().Int64Var(&revision, "revision", 0, "the `number` of the revision of the draft that was reviewed")
	run := a.with(func(ctx context.Context, s backend.Service, args []string) error {
		draft, changes, err := a.draftWithChanges(ctx, s, args[0])
		if err != nil {
			return err
		}
		if c.Flags().Changed("revision") && draft.Revision != revision {
			return backend.Errorf(backend.CodeConflict, "draft %s was changed since revision %d: it is at revision %d",
				backend.Quote(draft.Name), revision, draft.Revision).
				WithHint("review it again: pouncet draft show %s", draft.Name)
		}
		question := "Deploy " + backend.Plural(len(changes), "change") + "?"
		destroyed, consequence := destroyedBy(changes)
		if len(destroyed) > 0 {
			question += " They delete " + strings.Join(destroyed, ", ") + "."
		}
		if !yes && isTerminal(a.in) && !a.json {
			trial, err := a.tryDeployment(ctx, s, draft, len(changes))
			if err != nil {
				return err
			}
			a.printDraft(changes, trial)
		}
		if err := a.sure(c, question, yes || len(changes) == 0, consequence); err != nil {
			return err
		}
		stop := a.working("deploying " + backend.Plural(len(changes), "change"))
		out, err := a.deploy(ctx, s, draft, args[0])
		if stop(); err != nil {
			return err
		}
		if a.json {
			a.printJSON(map[string]any{"outcomes": out})
			return nil
		}
		for _, p := range out[0].Parts {
			o := backend.Outcome{Action: p.Action, Changed: p.Changed, Object: p.Object, SameValue: p.SameValue}
			a.noteSameValue(o)
			a.println(outcomeText(o))
			a.warnManaged(o)
		}
		a.println("deployed draft " + draft.Name)
		return nil
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		if c.Flags().Changed("revision") && revision < 1 {
			return usage(c, "--revision must be at least 1").withHint("see: pouncet draft show NAME --json")
		}
		return run(c, args)
	}
	return c
}

// deploy deploys a draft as it was shown. If another caller has deployed or discarded it since, the error is the one of
// a draft that was missing from the start, with the name that the user gave.
func (a *app) deploy(
	ctx context.Context, s backend.Service, draft backend.Object, nameOrID string,
) ([]backend.Outcome, error) {
	out, err := s.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{{
		Op: backend.OpDeploy, Kind: backend.KindDraft, ID: draft.ID, Expect: &draft.Revision,
	}}})
	if errors.Is(err, backend.ErrNotFound) {
		if _, gone := a.findReference(ctx, s, draftCommand, nameOrID); gone != nil {
			return nil, gone
		}
	}
	return out, err
}

func (a *app) discardCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:     "discard NAME-OR-ID",
		Short:   "Remove a draft without making its changes",
		Long:    wrap("Removes a draft with its changes and their values. At a terminal it asks first."),
		Example: "  pouncet draft discard release-7",
		Args:    arguments(1, 1, "one name or id"),
	}
	c.Flags().BoolVar(&yes, "yes", false, yesUsage)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := a.sure(c, "Discard draft "+backend.Quote(args[0])+"?", yes, notFinal); err != nil {
			return err
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			return markMissing(a.apply(ctx, s, a.draftChange(backend.OpDelete, args[0])))
		})(c, nil)
	}
	return c
}

func (a *app) refreshCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "refresh NAME-OR-ID [ENTRY]",
		Short: "Accept the present state for the stale changes of a draft",
		Long: wrap("Accepts the present state of the objects of all stale changes of a draft, or of one of them, so that " +
			"the draft can be deployed. Look at the draft before: its changes replace what was changed since. ENTRY is " +
			"the name of an object, or the id of a change."),
		Example: "  pouncet draft refresh release-7\n  pouncet draft refresh release-7 db_password --env prod",
		Args:    arguments(1, 2, "a name or id, and the name of an entry"),
	}
	a.filterFlags(c)
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		if len(args) == 1 {
			return markMissing(a.apply(ctx, s, a.draftChange(backend.OpRefresh, args[0])))
		}
		chosen, err := a.chosenChanges(ctx, s, args[0], args[1])
		if err != nil {
			return err
		}
		return a.apply(ctx, s, changesOf(backend.OpRefresh, chosen)...)
	})
	return c
}

func (a *app) dropCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "drop NAME-OR-ID ENTRY",
		Short: "Leave a change out of a draft",
		Long: wrap("Removes the changes of one object from a draft. ENTRY is the name of the object, or the id of a " +
			"change. The creation of an object that other changes of the draft need stays until these are removed."),
		Example: "  pouncet draft drop release-7 db_password --env prod",
		Args:    arguments(2, 2, "a name or id, and the name of an entry"),
	}
	a.filterFlags(c)
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		chosen, err := a.chosenChanges(ctx, s, args[0], args[1])
		if err != nil {
			return err
		}
		slices.Reverse(chosen) // what was staged last can need what was staged first
		return a.apply(ctx, s, changesOf(backend.OpDelete, chosen)...)
	})
	return c
}

func changesOf(op backend.Op, chosen []backend.Object) []backend.Change {
	out := make([]backend.Change, len(chosen))
	for i, o := range chosen {
		out[i] = backend.Change{Op: op, Kind: backend.KindDraftChange, ID: o.ID}
	}
	return out
}

// chosenChanges returns the changes of one object in a draft, by the name of the object or the id of a change.
func (a *app) chosenChanges(ctx context.Context, s backend.Service, draft, entry string) ([]backend.Object, error) {
	found, changes, err := a.draftWithChanges(ctx, s, draft)
	if err != nil {
		return nil, err
	}
	var chosen []backend.Object
	var objects, names []string
	for _, o := range changes {
		names = append(names, o.Name)
		if !a.choosesChange(o, entry) {
			continue
		}
		chosen = append(chosen, o)
		if !slices.Contains(objects, o.Staged.Object) {
			objects = append(objects, o.Staged.Object)
		}
	}
	switch {
	case len(chosen) == 0:
		e := backend.Errorf(backend.CodeNotFound, "draft %s has no change of %s", backend.Quote(found.Name),
			backend.Quote(entry)).WithHint("list its changes: pouncet draft show %s%s", found.Name, a.projectFlag())
		if slices.Contains(names, entry) {
			return nil, markMissing(a.elsewhere(found, entry))
		}
		e.Suggestion = suggest.Name(entry, names)
		return nil, markMissing(e)
	case len(objects) > 1:
		return nil, backend.Errorf(backend.CodeInvalid, "draft %s changes %d objects with the name %s",
			backend.Quote(found.Name), len(objects), backend.Quote(entry)).
			WithHint("choose one with --env and --scope, or by the id of its change: pouncet draft show %s --json", found.Name)
	}
	return chosen, nil
}

// choosesChange reports whether an argument and the flags choose a change of a draft. For a name, the environment of
// the settings counts too: it chooses among secrets and scoped values, and an object of another kind has none.
func (a *app) choosesChange(o backend.Object, entry string) bool {
	if a.env != "" && o.Environment != a.env || a.scope != "" && o.Scope != a.scope {
		return false
	}
	if o.ID == entry {
		return true
	}
	environment := a.environmentName()
	return o.Name == entry && (environment == "" || o.Environment == "" || o.Environment == environment)
}

// elsewhere is the error of a name that a draft changes in another environment or scope than the chosen one.
func (a *app) elsewhere(draft backend.Object, entry string) error {
	var chosen []string
	if environment, origin := a.setting(settingEnv); environment != "" {
		chosen = append(chosen, "environment "+backend.Quote(environment)+" ("+origin+")")
	}
	if a.scope != "" {
		chosen = append(chosen, "scope "+a.scope)
	}
	return backend.Errorf(backend.CodeNotFound, "draft %s has no change of %s in %s", backend.Quote(draft.Name),
		backend.Quote(entry), strings.Join(chosen, " and ")).
		WithHint("look where it changes it: pouncet draft show %s%s", draft.Name, a.projectFlag())
}

// stagedOutcomeText says what a change that was added to a draft will do.
func stagedOutcomeText(draft string, o backend.Outcome) string {
	object := o.Object.Kind.String() + " " + o.Object.Name
	if o.Object.Environment != "" {
		object += " in " + o.Object.Environment
	}
	switch o.Action {
	case backend.ActionCreate:
		object = "creates " + object
	case backend.ActionDelete:
		object = "removes " + object
	case backend.ActionUnchanged:
		object = "changes nothing of " + object
	default:
		object = "changes " + object + " (" + strings.Join(o.Changed, ", ") + ")"
	}
	return "draft " + draft + ": " + object
}
