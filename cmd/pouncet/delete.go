// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// How objects are deleted, and how deleted ones are restored or removed for good.

func (a *app) deleteCommand(o objectCommand) *cobra.Command {
	var force, purge, yes bool
	c := &cobra.Command{
		Use:   "delete NAME-OR-ID...",
		Short: "Delete " + o.kind.Plural(),
		Long: wrap("Deletes the " + o.kind.Plural() + " with these names or ids, one after the other. " +
			"If one cannot be deleted, the others still are, and the command fails. At a terminal it asks first, unless " +
			"--yes is given."),
		Example: o.example("delete", o.sample),
		Args:    arguments(1, -1, "names or ids"),
	}
	if o.kind != backend.KindProject {
		c.Flags().BoolVar(&force, "force", false, "delete even if it has dependents")
	}
	purged := "delete permanently, also one that was deleted before"
	if o.isEntry() {
		a.placeFlags(c)
		purged = "delete permanently; with an id, also one that was deleted before"
	}
	if o.isRestorable() {
		c.Long += "\n\n" + wrap(deletionHelp[o.kind])
		c.Flags().BoolVar(&purge, "purge", false, purged)
	}
	c.Flags().BoolVar(&yes, "yes", false, yesUsage)
	if o.kind != backend.KindToken && !o.isAccess() {
		a.draftFlag(c)
	}
	approved := func(c *cobra.Command, args []string) error {
		forcedEnvironment := o.kind == backend.KindEnvironment && (force || purge)
		if forcedEnvironment && isTerminal(a.in) {
			return nil // confirm asks for the name of each one
		}
		how, consequence := "", notFinal
		switch {
		case purge:
			how, consequence = " permanently", isFinal
		case forcedEnvironment:
			consequence = isForEvery
		}
		names := make([]string, len(args))
		for i, arg := range args {
			names[i] = backend.Quote(arg)
		}
		return a.sure(c, "Delete "+o.kind.String()+" "+strings.Join(names, ", ")+how+"?", yes, consequence)
	}
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if a.draft != "" || isTerminal(a.in) && len(args) == 1 {
			return nil // draft deploy asks; a question about one object waits until the object is found
		}
		return approved(c, args)
	}
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		if a.draft != "" {
			return a.stageDeletion(ctx, s, o, args, force, purge)
		}
		if isTerminal(a.in) && len(args) == 1 {
			if _, err := a.findToDelete(ctx, s, o, args[0], purge); err != nil && !a.json {
				return err
			}
			if err := approved(c, args); err != nil {
				return err
			}
		}
		outcomes := make([]backend.Outcome, len(args))
		var first error
		withKey := "" // the copy that still has the key of the purged object
		for i, arg := range args {
			change := backend.Change{Op: backend.OpDelete, Kind: o.kind, Force: force, Purge: purge}
			outcome, err := a.delete(ctx, s, o, arg, change, yes)
			if err != nil {
				outcome.Err = backend.AsError(err)
				first = cmp.Or(first, err)
			}
			outcomes[i] = outcome
			copyPath := ""
			if purge && err == nil {
				copyPath = copyWithKey(s, outcome)
				withKey = cmp.Or(withKey, copyPath)
			}
			switch {
			case a.json:
			case err == nil && purge:
				a.println(outcomeText(outcome) + " permanently")
				a.warnManaged(outcome)
				a.noteCopy(outcome, copyPath)
			case err == nil:
				a.println(outcomeText(outcome))
				a.warnManaged(outcome)
				a.warnOfMadeTokens(outcome)
			case len(args) > 1:
				a.printText("did not delete " + o.kind.String() + " " + backend.Quote(arg) + ": " + outcome.Err.Message)
			}
		}
		if a.json {
			answer := map[string]any{"outcomes": outcomes}
			if withKey != "" {
				answer["copy"] = withKey
			}
			a.printJSON(answer)
		}
		return first
	})
	return c
}

// stageDeletion adds the deletion of objects to a draft, all or none.
func (a *app) stageDeletion(
	ctx context.Context, s backend.Service, o objectCommand, args []string, force, purge bool,
) error {
	changes := make([]backend.Change, len(args))
	for i, arg := range args {
		c, err := a.changeOf(ctx, s, o, backend.OpDelete, arg)
		if err != nil {
			return err
		}
		c.Force, c.Purge = force, purge
		changes[i] = c
	}
	return a.apply(ctx, s, changes...)
}

// deletionHelp says what can be undone.
var deletionHelp = map[backend.Kind]string{
	backend.KindSecret: "Without --scope, a name means the secret of the project scope. A deleted secret can be " +
		"restored until the recovery window of the project ends. With --purge it cannot.",
	backend.KindScopedValue: "Without --scope, a name means the scoped value of the project scope. A deleted scoped " +
		"value can be restored until the recovery window of the project ends. With --purge it cannot.",
	backend.KindEnvironment: "A deleted environment can be restored with everything in it until the recovery window " +
		"of the project ends. With --purge it cannot: its keys are destroyed at once. At a terminal, --force and " +
		"--purge ask for the name of the environment; otherwise they need --yes.",
	backend.KindProject: "A project must be empty. A deleted project can be restored until its recovery window ends, " +
		"and after it the environments that were deleted before. With --purge neither can.",
}

// findToDelete returns the object with a name or id, for a purge also one that was deleted before.
func (a *app) findToDelete(
	ctx context.Context, s backend.Service, o objectCommand, nameOrID string, purge bool,
) (backend.Object, error) {
	x, err := a.findOne(ctx, s, o, nameOrID)
	if errors.Is(err, backend.ErrCorrupt) && backend.IsID(nameOrID) {
		x, err = backend.Object{Kind: o.kind, ID: nameOrID}, nil // a row that no list shows can still be deleted
	}
	if err != nil && purge {
		x, err = a.findDeleted(ctx, s, o, nameOrID, err)
	}
	return x, err
}

// delete deletes the object with a name or id. The outcome of a failure names
// the object too.
func (a *app) delete(
	ctx context.Context, s backend.Service, o objectCommand, nameOrID string, c backend.Change, yes bool,
) (backend.Outcome, error) {
	x, err := a.findToDelete(ctx, s, o, nameOrID, c.Purge)
	if err == nil && o.kind == backend.KindEnvironment && (c.Force || c.Purge) && !yes && isTerminal(a.in) {
		err = a.confirm(ctx, x, c.Purge)
	}
	if err != nil {
		return backend.Outcome{Object: backend.Object{Kind: o.kind, Name: nameOrID}}, err
	}
	c.ID = x.ID
	stop := a.working("deleting " + backend.Quote(nameOrID))
	out, err := s.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}})
	stop()
	if err != nil {
		return backend.Outcome{Object: x}, withProtectionHint(err, x)
	}
	return out[0], nil
}

// withProtectionHint names the command that removes the protection, if that is
// why x cannot be deleted.
func withProtectionHint(err error, x backend.Object) error {
	e := backend.AsError(err)
	if !errors.Is(err, backend.ErrDenied) || e.Attribute != "protected" {
		return err
	}
	command := "env set " + x.Name
	switch {
	case x.Kind == backend.KindSecret:
		command = "secret set " + x.Name + placeFlags(x.Environment, x.Scope)
	case x.Kind == backend.KindEnvironment && !x.Protected: // a secret in it is
		command = "secret set NAME" + placeFlags(x.Name, backend.ProjectScope)
	}
	if x.Project != backend.DefaultProject {
		command += " --project " + x.Project
	}
	withHint := *e
	return withHint.WithHint("remove the protection first: pouncet %s --protected=false", command)
}

// placeFlags returns the flags that name the place of an entry.
func placeFlags(environment, scope string) string {
	if environment == backend.AnyEnvironment {
		environment = "'*'" // a shell would replace it by the names of files
	}
	flags := " --env " + environment
	if scope != backend.ProjectScope {
		flags += " --scope " + scope
	}
	return flags
}

// findDeleted returns a deleted object that is to be purged. A deleted entry must
// be named by its id. If there is none, it returns the error of the search for an
// existing one.
func (a *app) findDeleted(
	ctx context.Context, s backend.Service, o objectCommand, nameOrID string, otherwise error,
) (backend.Object, error) {
	if o.isEntry() {
		if backend.IsID(nameOrID) {
			return backend.Object{Kind: o.kind, ID: nameOrID}, nil
		}
		return backend.Object{}, otherwise
	}
	q := a.query(o, nameOrID)
	q.Deleted = true
	objects, err := backend.ListAll(ctx, s, q)
	switch {
	case err != nil && !errors.Is(err, backend.ErrInvalid): // a server of an earlier release lists none
		return backend.Object{}, err
	case len(objects) == 0:
		return backend.Object{}, otherwise
	case len(objects) > 1:
		times := make([]string, len(objects))
		for i, x := range objects {
			times[i] = x.ID + " (" + formatTime(x.DeletedAt) + ")"
		}
		return backend.Object{}, backend.Errorf(backend.CodeInvalid, "%s %s was deleted %d times: %s", o.kind,
			backend.Quote(nameOrID), len(objects), strings.Join(times, ", ")).WithHint("choose one by its id")
	}
	return objects[0], nil
}

func (a *app) restoreCommand(o objectCommand) *cobra.Command {
	var as string
	what := map[backend.Kind]string{
		backend.KindProject:     "with its id and its policy. Restore its environments after it. ",
		backend.KindEnvironment: "with its id, its keys and everything that was in it. ",
	}[o.kind]
	if what == "" {
		what = "with its id and its history. "
	}
	c := &cobra.Command{
		Use:   "restore NAME-OR-ID",
		Short: "Restore one deleted " + o.kind.String(),
		Long: wrap("Restores a deleted " + o.kind.String() + ", " + what +
			"A name means the object of that name that was deleted last. " +
			"\"pouncet " + o.kind.Command() + " list --deleted\" shows which can be restored."),
		Example: o.example("restore", o.sample) + "\n" + o.example("restore", o.sample+" --as old_name"),
		Args:    arguments(1, 1, "one name or id"),
	}
	if o.isEntry() {
		a.placeFlags(c)
	}
	c.Flags().StringVar(&as, "as", "", "restore it under this `name`")
	a.draftFlag(c)
	_ = c.Flags().MarkHidden("draft") // it exists only for the error, which says that a restoration cannot be staged
	c.RunE = func(c *cobra.Command, args []string) error {
		q := a.query(o, args[0])
		change := backend.Change{
			Op: backend.OpRestore, Kind: o.kind, ID: q.ID, Name: q.Name, Rename: flagValue(c, "as", as),
		}
		if change.ID == "" {
			change.Project, change.Environment, change.Scope = q.Project, q.Environment, q.Scope
			if o.isEntry() && change.Environment == "" {
				return environmentRequired(c)
			}
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error {
			return a.apply(ctx, s, change)
		})(c, nil)
	}
	return c
}
