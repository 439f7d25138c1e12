// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/cmd/projectfiles"
)

// How the files of a project change the backend.

// pushFlags are the flags of push.
type pushFlags struct {
	dryRun, prune, yes bool
	draft              string
}

func (a *app) pushCommand() *cobra.Command {
	var f pushFlags
	c := &cobra.Command{
		Use:   "push DIR",
		Short: "Change the backend as the files of a project say",
		Long: wrap("Changes the backend as the files say, in one set of changes: all of them are made, or none. At a "+
			"terminal it shows the changes and asks first; elsewhere it needs --yes.") + "\n\n" +
			wrap("What changed in the files and in the backend since the last pull or push is listed and left as it is; the "+
				"rest is pushed. A new secret whose file has no \"generate\" needs a value, which no file has: it is listed "+
				"with the command that sets it, and the next push completes it. Without pouncet.lock, a push only creates. "+
				"An object that was removed from the files is deleted only with --prune, and only if pouncet.lock has it. To "+
				"rename an object, give it its new name and the key \"was\" with the old one.") + "\n\n" +
			wrap("The exit code is 0 if everything is pushed, and 5 if something is left.") + "\n\n" + filesHelp,
		Example: "  pouncet push deploy/secrets --dry-run\n  pouncet push deploy/secrets --yes\n" +
			"  pouncet push deploy/secrets --prune",
		Args: arguments(1, 1, "one folder"),
	}
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "try the changes, say what they would do, and change nothing")
	c.Flags().BoolVar(&f.prune, "prune", false, "delete what was removed from the files")
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	c.Flags().StringVar(&f.draft, "draft", "", "add the changes to the draft with this `name`, and make none of them")
	c.RunE = func(c *cobra.Command, args []string) error {
		if !f.yes && !f.dryRun && !isTerminal(a.in) {
			return usage(c, "--yes is required where there is no terminal to ask").
				withHint("look at the changes first: pouncet push %s --dry-run", args[0])
		}
		return a.with(func(ctx context.Context, s backend.Service, args []string) error {
			p, err := a.openProjectFolder(ctx, s, args[0], false)
			if err != nil {
				return err
			}
			defer p.close()
			return a.push(ctx, s, p, f)
		})(c, args)
	}
	return c
}

// push makes the changes of the files, and rewrites the lock.
func (a *app) push(ctx context.Context, s backend.Service, p *projectFolder, f pushFlags) error {
	var staged stagedObjects
	if f.draft != "" {
		var err error
		if staged, err = stagedIn(ctx, s, p.tree.Project, f.draft); err != nil {
			return err
		}
		staged.completeItems(p.items)
	}
	changes, of := projectfiles.Changes(p.items, p.tree, p.backend, f.prune)
	all := len(changes)
	changes, of = staged.completeChanges(changes, of)
	if n := len(changes); n > backend.MaxChanges {
		return backend.Errorf(backend.CodeTooLarge, "the push has %d changes; the limit is %d", n, backend.MaxChanges).
			WithHint("move some of the files away, push, and move them back")
	}
	if !a.json {
		a.printItems(p.items, f.prune)
	}
	if len(changes) > 0 && !f.yes && !f.dryRun {
		if err := a.confirmPush(ctx, s, p, len(changes)); err != nil {
			return err
		}
	}
	outcomes := []backend.Outcome{}
	if len(changes) > 0 {
		if !f.dryRun && f.draft == "" {
			if err := projectfiles.CheckWritable(p.folder); err != nil {
				return err
			}
		}
		stop := a.working("pushing " + backend.Plural(len(changes), "change"))
		var err error
		outcomes, err = s.Apply(ctx, backend.ChangeSet{Changes: changes, DryRun: f.dryRun, Draft: f.draft})
		stop()
		p.explainCreatedSince(ctx, s, changes, outcomes)
		if rejected := p.rejected(outcomes, of); rejected != nil {
			return rejected
		}
		if err != nil {
			return err
		}
	}
	if !f.dryRun && f.draft == "" { // a draft changes nothing before it is deployed
		if err := p.writeLock(ctx, s, outcomes, of); err != nil {
			return err
		}
	}
	a.printPush(p, outcomes, f, all-len(changes))
	return leftError(p.items)
}

// explainCreatedSince replaces the error of an object that exists although the backend did not have it when it was
// compared with the files. Without this, the error asks its reader to delete what another person has just made.
func (p *projectFolder) explainCreatedSince(
	ctx context.Context, s backend.Querier, changes []backend.Change, outcomes []backend.Outcome,
) {
	var exists []int
	for n, o := range outcomes {
		if o.Err != nil && o.Err.Code == backend.CodeExists && changes[n].Op == backend.OpCreate {
			exists = append(exists, n)
		}
	}
	if len(exists) == 0 {
		return
	}
	now, err := projectfiles.Fetch(ctx, s, p.tree.Project)
	if err != nil {
		return // the error of the push stays as it is
	}
	before, after := p.backend.Keys(), now.Keys()
	for _, n := range exists {
		c := changes[n]
		key := projectfiles.Key{Kind: c.Kind, Environment: c.Environment, Scope: c.Scope, Name: c.Name}
		if after[key] && !before[key] {
			outcomes[n].Err = backend.Errorf(backend.CodeConflict, "%s %s was created in the backend since it was compared",
				c.Kind, backend.Quote(c.Name)).At("name").
				WithHint("run pouncet diff %s to see it; then pull it, or push again", p.path)
		}
	}
}

// rejected returns the error of a push whose changes broke rules, with the file, line and object of each.
func (p *projectFolder) rejected(outcomes []backend.Outcome, of []int) error {
	return backend.RejectedOf(outcomes, func(n int) string {
		i := p.items[of[n]]
		if i.File == nil {
			return i.Label()
		}
		return p.tree.Position(i.Key) + ": " + i.Label()
	})
}

// confirmPush asks at the terminal.
func (a *app) confirmPush(ctx context.Context, s backend.Service, p *projectFolder, n int) error {
	typed, _, err := a.answer(ctx, fmt.Sprintf("Push %s to project %s in %s? Type yes to confirm: ",
		backend.Plural(n, "change"), backend.Quote(p.tree.Project), locationOf(s)))
	if err != nil {
		return err
	}
	if typed != "yes" {
		return backend.Errorf(backend.CodeInvalid, "nothing was pushed: the word yes was not typed").
			WithHint("run the command again, and type yes")
	}
	return nil
}

// writeLock writes the lock after a push, with the objects as the outcomes have them.
func (p *projectFolder) writeLock(ctx context.Context, s backend.Service, outcomes []backend.Outcome, of []int) error {
	made := map[int]*backend.Object{}
	for n, o := range outcomes {
		object := o.Object
		made[of[n]] = &object
		if o.Action == backend.ActionDelete {
			made[of[n]] = nil
		}
	}
	for n := range made {
		if p.items[n].Key.Kind == backend.KindProject {
			p.backend.Project = made[n]
		}
	}
	if p.backend.Deployment == "" || p.backend.Project == nil {
		found, err := projectfiles.Fetch(ctx, s, p.tree.Project)
		if err != nil {
			return err
		}
		p.backend.Deployment, p.backend.Project = found.Deployment, found.Project
	}
	lock := projectfiles.NextLock(p.items, p.backend, made, func(projectfiles.Item) bool { return false })
	if err := lock.Write(p.folder); err != nil {
		if len(outcomes) == 0 {
			return err
		}
		e := *backend.AsError(err)
		return e.WithHint("the backend is changed; run pouncet pull %s to write the lock", p.path)
	}
	return nil
}

// printPush says what was pushed. The draft had some of the changes before.
func (a *app) printPush(p *projectFolder, outcomes []backend.Outcome, f pushFlags, had int) {
	if a.json {
		a.printJSON(map[string]any{"project": p.tree.Project, "dry_run": f.dryRun, "outcomes": outcomes,
			"entries": a.itemsJSON(p.items)})
		return
	}
	switch {
	case len(outcomes) == 0 && had > 0:
		a.println("No changes to push: draft " + backend.Quote(f.draft) + " has them already.")
	case len(outcomes) == 0:
		a.println("No changes to push.")
	case f.dryRun:
		a.println("Nothing was changed: this was a dry run of " + backend.Plural(len(outcomes), "change") + ".")
	case f.draft != "":
		a.println("Added " + backend.Plural(len(outcomes), "change") + " to draft " + backend.Quote(f.draft) + ".")
	default:
		a.println("Pushed " + backend.Plural(len(outcomes), "change") + ".")
	}
}

// leftError returns the error of a push that left something, nil if it left nothing.
func leftError(items []projectfiles.Item) error {
	conflicts, waiting := 0, 0
	for _, i := range items {
		switch i.State {
		case projectfiles.Conflict:
			conflicts++
		case projectfiles.NeedsValue:
			waiting++
		}
	}
	switch {
	case conflicts > 0:
		return differsError{backend.Errorf(backend.CodeConflict, "%s not pushed: changed in the files and in the backend",
			backend.Plural(conflicts, "object")).
			WithHint("take the state of the backend with pouncet pull --overwrite, and make your changes again")}
	case waiting > 0:
		return differsError{backend.Errorf(backend.CodeConflict, "%s not pushed: a value is needed first",
			backend.Plural(waiting, "object")).WithHint("set the values, and push again")}
	}
	return nil
}

// stagedObjects are the objects of a draft, so that a push into it can be repeated.
type stagedObjects struct {
	created map[projectfiles.Key]bool // that the draft creates
	changed map[string]bool           // ids of others
	removed map[string]bool           // ids of those that it deletes
}

// stagedIn returns the objects of a draft: nothing if the draft or the project does not exist yet.
func stagedIn(ctx context.Context, s backend.Service, project, draft string) (stagedObjects, error) {
	out := stagedObjects{map[projectfiles.Key]bool{}, map[string]bool{}, map[string]bool{}}
	changes, err := backend.ListAll(ctx, s, backend.Query{Kind: backend.KindDraftChange, Project: project, Draft: draft})
	if err != nil && !errors.Is(err, backend.ErrNotFound) {
		return out, err
	}
	for _, o := range changes {
		if o.Staged.Action != backend.ActionCreate {
			out.changed[o.Staged.Object] = true
			out.removed[o.Staged.Object] = o.Staged.Action == backend.ActionDelete
			continue
		}
		o.Kind = o.Staged.Kind
		out.created[projectfiles.KeyOf(o)] = true
	}
	return out, nil
}

// completeItems makes a secret that needs a value a new one, if the draft has its value.
func (s stagedObjects) completeItems(items []projectfiles.Item) {
	for n, i := range items {
		if i.State == projectfiles.NeedsValue && s.created[i.Key] {
			items[n].State, items[n].Reason = projectfiles.Created, ""
		}
	}
}

// completeChanges makes a change out of the creation of an object that the draft creates already, and leaves out the
// deletion of an object that it deletes already. A further change of another object has no edition, because the draft
// keeps the one of the first change.
func (s stagedObjects) completeChanges(changes []backend.Change, of []int) (left []backend.Change, leftOf []int) {
	for n, c := range changes {
		key := projectfiles.Key{Kind: c.Kind, Environment: c.Environment, Scope: c.Scope, Name: c.Name}
		switch {
		case c.Op == backend.OpDelete && s.removed[c.ID]:
			continue
		case c.Op == backend.OpCreate && s.created[key]:
			c.Op = backend.OpSet
		case s.changed[c.ID]:
			c.Edition = nil
		}
		left, leftOf = append(left, c), append(leftOf, of[n])
	}
	return left, leftOf
}
