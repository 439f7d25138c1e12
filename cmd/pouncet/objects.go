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
	"github.com/pouncet/terraform-provider-pouncet/backend/report"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// objectCommand describes the command of one kind of object. The commands below
// it that all kinds share (list, show, rename) are in this file, and delete and
// restore in delete.go.
type objectCommand struct {
	kind    backend.Kind
	aliases []string
	sample  string // name and flags of one object, for examples
	short   string
	long    string
	columns []column
}

func (o objectCommand) isEntry() bool {
	return o.kind == backend.KindSecret || o.kind == backend.KindScopedValue
}

// isRestorable reports whether a deleted object of the kind can be restored.
func (o objectCommand) isRestorable() bool {
	return o.isEntry() || o.kind == backend.KindEnvironment || o.kind == backend.KindProject
}

// example returns the line of an example.
func (o objectCommand) example(verb, flags string) string {
	return strings.TrimRight("  pouncet "+o.kind.Command()+" "+verb+" "+flags, " ")
}

// objectGroup returns the command of a kind of object, with its own commands
// and the shared ones.
func (a *app) objectGroup(o objectCommand, own ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: o.kind.Command(), Aliases: o.aliases, Short: o.short, Long: o.long, Args: onlyCommands,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
		Example: o.example("list", "") + "\n" + o.example("show", o.sample),
	}
	c.AddCommand(own...)
	c.AddCommand(a.listCommand(o), a.showCommand(o), a.deleteCommand(o))
	if o.isRestorable() {
		c.AddCommand(a.restoreCommand(o))
	}
	if o.kind != backend.KindToken {
		c.AddCommand(a.renameCommand(o))
	}
	return c
}

func (a *app) listCommand(o objectCommand) *cobra.Command {
	var typeKey string
	var deleted, due bool
	var unused durationFlag
	c := &cobra.Command{
		Use:     "list",
		Short:   "List " + o.kind.Plural(),
		Long:    "Lists " + o.kind.Plural() + " with their metadata.",
		Example: o.example("list", "") + "\n" + o.example("list", "--json"),
		Args:    arguments(0, 0, "no arguments"),
	}
	if o.isEntry() {
		a.filterFlags(c)
		c.Long += " Without --env or POUNCET_ENV, it lists all environments."
	}
	if o.isRestorable() {
		c.Flags().BoolVar(&deleted, "deleted", false, "list deleted "+o.kind.Plural()+" that can be restored")
	}
	if o.kind == backend.KindSecret {
		c.Long += " It never lists values."
		c.Example += "\n" + o.example("list", "--env prod --due")
		c.Flags().StringVar(&typeKey, "type", "", "only secrets of this type, by its `key`")
		c.Flags().BoolVar(&due, "due", false, "only secrets that have expired or whose rotation is due")
		c.Flags().Var(&unused, "unused-since", "only secrets that nobody has resolved for this `duration`, such as 90d")
	}
	c.Long = wrap(c.Long)
	c.RunE = a.with(func(ctx context.Context, s backend.Service, _ []string) error {
		q := a.query(o, "")
		q.Type, q.Deleted = typeKey, deleted
		if c.Flags().Changed("unused-since") {
			if unused < 0 {
				return usage(c, "--unused-since must not be negative")
			}
			if deleted {
				return usage(c, "--unused-since is for existing secrets: leave out --deleted")
			}
			q.UnusedSince = time.Now().Add(-time.Duration(unused))
			o.columns = withLastResolved(o.columns)
		}
		objects, err := a.listResolved(ctx, s, q)
		if err == nil && a.json && !deleted && o.kind != backend.KindToken {
			objects, err = withHeld(ctx, s, q, objects)
		}
		if err != nil {
			return err
		}
		slices.SortStableFunc(objects, func(x, y backend.Object) int {
			return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.Environment, y.Environment),
				strings.Compare(x.Scope, y.Scope))
		})
		if due {
			now := time.Now()
			objects = slices.DeleteFunc(objects, func(o backend.Object) bool {
				return !o.RotationDueBy(now) && !o.ExpiresBy(now)
			})
		}
		if deleted {
			o.columns = deletedColumns(o)
		}
		a.print(o, objects)
		if deleted && o.isEntry() && !a.json {
			return a.noteDeletedEnvironments(ctx, s, q.Project)
		}
		return nil
	})
	return c
}

// listResolved lists objects. Secrets in JSON say when they were last resolved.
func (a *app) listResolved(ctx context.Context, s backend.Service, q backend.Query) ([]backend.Object, error) {
	defer a.working("reading the list")()
	if !a.json {
		return backend.ListAll(ctx, s, q)
	}
	return withResolved(ctx, s, q)
}

// withResolved lists objects. Existing secrets say when they were last resolved, if the backend knows it.
func withResolved(ctx context.Context, s backend.Service, q backend.Query) ([]backend.Object, error) {
	if q.Kind != backend.KindSecret || q.Deleted {
		return backend.ListAll(ctx, s, q)
	}
	secrets, _, err := report.Secrets(ctx, s, q)
	return secrets, err
}

// withLastResolved replaces the column with the time of the last change.
func withLastResolved(columns []column) []column {
	columns = slices.Clone(columns)
	for i, c := range columns {
		if c.title == "updated" {
			columns[i] = column{"last resolved", func(o backend.Object) string {
				return resolvedText(o.LastResolvedAt, o.LastResolvedBy)
			}}
		}
	}
	return columns
}

// deletedColumns returns the columns of a list of deleted objects. Their time of
// deletion replaces the other times.
func deletedColumns(o objectCommand) []column {
	columns := slices.DeleteFunc(slices.Clone(o.columns), func(c column) bool {
		return c.title == "updated" || c.title == "created"
	})
	if o.kind == backend.KindEnvironment {
		columns = append(columns, column{"secrets", func(o backend.Object) string {
			if o.Secrets == nil {
				return ""
			}
			return strconv.Itoa(*o.Secrets)
		}})
	}
	return append(columns,
		column{"deleted", func(o backend.Object) string { return formatTime(o.DeletedAt) }},
		column{"restorable until", func(o backend.Object) string { return formatTime(o.RestorableUntil) }})
}

// noteDeletedEnvironments says that a list of deleted entries leaves out those in
// deleted environments, if there are any. A server of an earlier release has none.
func (a *app) noteDeletedEnvironments(ctx context.Context, s backend.Service, project string) error {
	page, err := s.Query(ctx, backend.Query{Kind: backend.KindEnvironment, Project: project, Deleted: true, Limit: 1})
	if errors.Is(err, backend.ErrInvalid) {
		return nil
	}
	if err == nil && (len(page.Objects) > 0 || page.Next != "") {
		a.noteText("pouncet: the list leaves out what is in a deleted environment, " +
			"which comes back with it; see: pouncet env list --deleted")
	}
	return err
}

// query selects the objects with a name or an id, or all of the kind if it is
// "". For an id, only flags restrict the place: the user gave them together
// with the id, while environment variables and defaults are about names.
func (a *app) query(o objectCommand, nameOrID string) backend.Query {
	q := backend.Query{Kind: o.kind}
	switch {
	case o.kind == backend.KindProject, o.kind == backend.KindToken, o.isAccess():
	case backend.IsID(nameOrID):
		q.Project = a.project
	default:
		q.Project = a.projectName()
	}
	if o.isEntry() {
		q.Environment, q.Scope = a.env, a.scope
	}
	if backend.IsID(nameOrID) {
		q.ID = nameOrID
		return q
	}
	q.Name = nameOrID
	if o.isEntry() {
		q.Environment = a.environmentName()
	}
	return q
}

// findAll returns the objects with a name or an id, at least one. Several
// entries can have one name, in different environments and scopes.
func (a *app) findAll(
	ctx context.Context, s backend.Service, o objectCommand, nameOrID string,
) ([]backend.Object, error) {
	objects, err := withResolved(ctx, s, a.query(o, nameOrID))
	if err != nil || len(objects) > 0 {
		return objects, err
	}
	in := ""
	if q := a.query(o, nameOrID); q.Environment != "" {
		in = " in environment " + backend.Quote(q.Environment)
	}
	missing := backend.Errorf(backend.CodeNotFound, "%s %s does not exist%s", o.kind, backend.Quote(nameOrID), in).
		WithHint("list the %s: pouncet %s list%s", o.kind.Plural(), o.kind.Command(), a.givenFlags(o))
	if deleted, err := a.isDeleted(ctx, s, o, nameOrID); err != nil {
		return nil, err
	} else if deleted {
		return nil, missing.WithHint("it was deleted; to restore it: pouncet %s restore %s%s", o.kind.Command(), nameOrID,
			a.givenFlags(o))
	}
	if !backend.IsID(nameOrID) {
		existing, err := backend.ListAll(ctx, s, a.query(o, ""))
		if err != nil {
			return nil, err
		}
		missing.Suggestion = suggest.Name(nameOrID, objectNames(existing))
	}
	return nil, missing
}

func objectNames(objects []backend.Object) []string {
	names := make([]string, len(objects))
	for i, o := range objects {
		names[i] = o.Name
	}
	return names
}

// isDeleted reports whether an object that does not exist was deleted and can be restored.
func (a *app) isDeleted(ctx context.Context, s backend.Service, o objectCommand, nameOrID string) (bool, error) {
	if !o.isRestorable() {
		return false, nil
	}
	q := a.query(o, nameOrID)
	q.Deleted = true
	page, err := s.Query(ctx, q)
	if errors.Is(err, backend.ErrInvalid) { // a server of an earlier release lists none
		return false, nil
	}
	return len(page.Objects) > 0, err
}

// givenFlags returns the flags for the place of an object as the user gave them, for the command of a hint.
func (a *app) givenFlags(o objectCommand) string {
	flags := a.projectFlag()
	if o.kind == backend.KindProject || o.kind == backend.KindToken || o.isAccess() {
		flags = ""
	}
	if o.isEntry() && a.env != "" {
		environment := a.env
		if environment == backend.AnyEnvironment {
			environment = "'*'" // a shell would replace it by the names of files
		}
		flags += " --env " + environment
	}
	if o.isEntry() && a.scope != "" {
		flags += " --scope " + a.scope
	}
	return flags
}

// projectFlag returns the flag --project as the user gave it, for the command of a hint.
func (a *app) projectFlag() string {
	if a.project == "" {
		return ""
	}
	return " --project " + a.project
}

// findOne is findAll for a command that needs exactly one object. Without
// --scope, the name of an entry means the entry of the project scope.
func (a *app) findOne(
	ctx context.Context, s backend.Service, o objectCommand, nameOrID string,
) (backend.Object, error) {
	objects, err := a.findAll(ctx, s, o, nameOrID)
	if err == nil && o.isEntry() && a.scope == "" && !backend.IsID(nameOrID) {
		objects, err = inProjectScope(o, nameOrID, objects)
	}
	if err != nil {
		return backend.Object{}, err
	}
	if len(objects) > 1 {
		places := make([]string, len(objects))
		for i, x := range objects {
			places[i] = x.Environment
			if x.Scope != backend.ProjectScope {
				places[i] += " (" + x.Scope + ")"
			}
		}
		return backend.Object{}, backend.Errorf(backend.CodeInvalid, "%s %s exists %d times: in %s",
			o.kind, backend.Quote(nameOrID), len(objects), strings.Join(places, ", ")).
			WithHint("choose one with --env and --scope, or use its id")
	}
	return objects[0], nil
}

// findReference is findOne for a command that uses the object as a reference does, such as the commands of versions and
// of drafts: an object that does not exist is a missing reference.
func (a *app) findReference(
	ctx context.Context, s backend.Service, o objectCommand, nameOrID string,
) (backend.Object, error) {
	x, err := a.findOne(ctx, s, o, nameOrID)
	return x, markMissing(err)
}

// inProjectScope returns the objects of the project scope. If only other scopes
// have the name, the error lists these scopes.
func inProjectScope(o objectCommand, name string, objects []backend.Object) ([]backend.Object, error) {
	var out []backend.Object
	var others []string
	for _, x := range objects {
		if x.Scope == backend.ProjectScope {
			out = append(out, x)
		} else if !slices.Contains(others, x.Scope) {
			others = append(others, x.Scope)
		}
	}
	if len(out) == 0 {
		return nil, backend.Errorf(backend.CodeNotFound, "%s %s does not exist in scope %s",
			o.kind, backend.Quote(name), backend.ProjectScope).
			WithHint("it exists in %s; choose the scope with --scope", backend.Enumerate(others))
	}
	return out, nil
}

func (a *app) showCommand(o objectCommand) *cobra.Command {
	c := &cobra.Command{
		Use:     "show NAME-OR-ID",
		Short:   "Show the metadata of one " + o.kind.String(),
		Long:    "Shows all metadata of the " + o.kind.String() + " with this name or id.",
		Example: o.example("show", o.sample),
		Args:    arguments(1, 1, "one name or id"),
	}
	if o.isEntry() {
		a.filterFlags(c)
		c.Long += "\nA name can exist in several environments and scopes; show shows all of them."
	}
	if o.kind == backend.KindSecret {
		c.Long += "\nIt never shows the value."
	}
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		objects, err := a.findAll(ctx, s, o, args[0])
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(map[string]any{"objects": objects})
			return nil
		}
		for i, x := range objects {
			if i > 0 {
				a.println("")
			}
			a.printDetails(x)
		}
		return nil
	})
	return c
}

func (a *app) renameCommand(o objectCommand) *cobra.Command {
	name, flags, _ := strings.Cut(o.sample, " ")
	c := &cobra.Command{
		Use:   "rename NAME-OR-ID NEW-NAME",
		Short: "Rename one " + o.kind.String(),
		Long: wrap("Renames the " + o.kind.String() + " with this name or id. " +
			"It keeps its id, and everything that belongs to it."),
		Example: o.example("rename", name+" new_name "+flags),
		Args:    arguments(2, 2, "a name or id, and the new name"),
	}
	if o.isEntry() {
		a.placeFlags(c)
	}
	a.draftFlag(c)
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		change, err := a.changeOf(ctx, s, o, backend.OpUpdate, args[0])
		if err != nil {
			return err
		}
		change.Rename = &args[1]
		return a.apply(ctx, s, change)
	})
	return c
}

// changeOf returns a change of the object that an argument names. For a draft it names the object by its place, because
// the draft may create the object or give it the name.
func (a *app) changeOf(
	ctx context.Context, s backend.Service, o objectCommand, op backend.Op, nameOrID string,
) (backend.Change, error) {
	q := a.query(o, nameOrID)
	if a.draft != "" && q.ID == "" && (!o.isEntry() || q.Environment != "") {
		return backend.Change{Op: op, Kind: o.kind, Project: q.Project, Environment: q.Environment, Scope: q.Scope,
			Name: q.Name}, nil
	}
	x, err := a.findOne(ctx, s, o, nameOrID)
	return backend.Change{Op: op, Kind: o.kind, ID: x.ID}, err
}

// apply makes changes, or adds them to the draft, and prints their outcomes.
func (a *app) apply(ctx context.Context, s backend.Service, changes ...backend.Change) error {
	stop := a.working("writing") // another KMS key for an environment wraps its keys again
	out, err := s.Apply(ctx, backend.ChangeSet{Changes: changes, Draft: a.draft})
	if stop(); err != nil {
		return err
	}
	if a.json {
		a.printJSON(map[string]any{"outcomes": out})
	}
	for _, o := range out {
		if !a.json {
			a.noteSameValue(o)
		}
		switch {
		case a.json:
		case a.draft != "":
			a.println(stagedOutcomeText(a.draft, o))
		default:
			a.println(outcomeText(o))
			a.warnManaged(o)
		}
		if a.draft == "" {
			a.noteReach(ctx, s, o)
			a.warnExpired(o)
		}
	}
	return nil
}

// warnExpired warns after a change of a secret that stays expired. If the change itself sets such a time, the flag has
// warned before.
func (a *app) warnExpired(o backend.Outcome) {
	if o.Action == backend.ActionUpdate && o.Object.Kind == backend.KindSecret && o.Object.ExpiresBy(time.Now()) &&
		!slices.Contains(o.Changed, "expires_at") {
		a.notef("pouncet: warning: secret %s has expired at %s, so no reference to it resolves; set another time with: "+
			"pouncet secret set %s --expires TIME", backend.Quote(o.Object.Name), formatTime(o.Object.ExpiresAt), o.Object.ID)
	}
}

// noteSameValue says which other secrets have the value that was written.
func (a *app) noteSameValue(o backend.Outcome) {
	if len(o.SameValue) > 0 {
		a.notef("pouncet: the value of secret %s is also that of %s", backend.Quote(o.Object.Name),
			backend.Enumerate(o.SameValue))
	}
}

// warnManaged warns after a change of an object that a tool such as Terraform
// manages.
func (a *app) warnManaged(o backend.Outcome) {
	if o.Object.ManagedBy != "" && o.Action != backend.ActionUnchanged {
		a.notef("pouncet: %s %s is managed by %s, which may undo this change",
			o.Object.Kind, backend.Quote(o.Object.Name), o.Object.ManagedBy)
	}
}
