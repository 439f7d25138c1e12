// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// objectCommand describes the command of one kind of object. The commands below
// it that all kinds share (list, show, rename, delete) are in this file.
type objectCommand struct {
	kind    backend.Kind
	command string
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
	return strings.TrimRight("  pouncet "+o.command+" "+verb+" "+flags, " ")
}

// objectGroup returns the command of a kind of object, with its own commands
// and the shared ones.
func (a *app) objectGroup(o objectCommand, own ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: o.command, Aliases: o.aliases, Short: o.short, Long: o.long, Args: onlyCommands,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
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
	}
	c.Long = wrap(c.Long)
	c.RunE = a.with(func(ctx context.Context, s backend.Service, _ []string) error {
		q := a.query(o, "")
		q.Type, q.Deleted = typeKey, deleted
		objects, err := backend.ListAll(ctx, s, q)
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
		fmt.Fprintln(a.err, "pouncet: the list leaves out what is in a deleted environment, "+
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
	case o.kind == backend.KindProject, o.kind == backend.KindToken:
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
	objects, err := backend.ListAll(ctx, s, a.query(o, nameOrID))
	if err != nil || len(objects) > 0 {
		return objects, err
	}
	missing := backend.Errorf(backend.CodeNotFound, "%s %s does not exist", o.kind, backend.Quote(nameOrID)).
		WithHint("list the %s: pouncet %s list%s", o.kind.Plural(), o.command, a.projectFlag())
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

// inProjectScope returns the objects of the project scope. The error of a name
// that only other scopes have names these scopes.
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
				a.println()
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
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		x, err := a.findOne(ctx, s, o, args[0])
		if err != nil {
			return err
		}
		return a.apply(ctx, s, backend.Change{Op: backend.OpUpdate, Kind: o.kind, ID: x.ID, Rename: &args[1]})
	})
	return c
}

func (a *app) deleteCommand(o objectCommand) *cobra.Command {
	var force, purge bool
	c := &cobra.Command{
		Use:   "delete NAME-OR-ID...",
		Short: "Delete " + o.kind.Plural(),
		Long: wrap("Deletes the " + o.kind.Plural() + " with these names or ids, one after the other. " +
			"If one cannot be deleted, the others still are, and the command fails."),
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
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		outcomes := make([]backend.Outcome, len(args))
		var first error
		for i, arg := range args {
			change := backend.Change{Op: backend.OpDelete, Kind: o.kind, Force: force, Purge: purge}
			outcome, err := a.delete(ctx, s, o, arg, change)
			if err != nil {
				outcome.Err = backend.AsError(err)
				first = cmp.Or(first, err)
			}
			outcomes[i] = outcome
			switch {
			case a.json:
			case err == nil && purge:
				a.println(outcomeText(outcome) + " permanently")
				a.warnManaged(outcome)
			case err == nil:
				a.println(outcomeText(outcome))
				a.warnManaged(outcome)
			case len(args) > 1:
				a.printf("did not delete %s %s: %s\n", o.kind, backend.Quote(arg), printable(outcome.Err.Message))
			}
		}
		if a.json {
			a.printJSON(map[string]any{"outcomes": outcomes})
		}
		return first
	})
	return c
}

// deletionHelp says what can be undone.
var deletionHelp = map[backend.Kind]string{
	backend.KindSecret: "Without --scope, a name means the secret of the project scope. A deleted secret can be " +
		"restored until the recovery window of the project ends. With --purge it cannot.",
	backend.KindScopedValue: "Without --scope, a name means the scoped value of the project scope. A deleted scoped " +
		"value can be restored until the recovery window of the project ends. With --purge it cannot.",
	backend.KindEnvironment: "A deleted environment can be restored with everything in it until the recovery window " +
		"of the project ends. With --purge it cannot: its keys are destroyed at once. At a terminal, --force and " +
		"--purge ask for the name of the environment.",
	backend.KindProject: "A project must be empty. A deleted project can be restored until its recovery window ends, " +
		"and after it the environments that were deleted before. With --purge neither can.",
}

// delete deletes the object with a name or id. The outcome of a failure names
// the object too.
func (a *app) delete(
	ctx context.Context, s backend.Service, o objectCommand, nameOrID string, c backend.Change,
) (backend.Outcome, error) {
	x, err := a.findOne(ctx, s, o, nameOrID)
	if err != nil && c.Purge {
		x, err = a.findDeleted(ctx, s, o, nameOrID, err)
	}
	if err == nil && o.kind == backend.KindEnvironment && (c.Force || c.Purge) && isTerminal(a.in) {
		err = a.confirm(ctx, x, c.Purge)
	}
	if err != nil {
		return backend.Outcome{Object: backend.Object{Kind: o.kind, Name: nameOrID}}, err
	}
	c.ID = x.ID
	out, err := s.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}})
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
			"A name means the last one that was deleted under it. " +
			"\"pouncet " + o.command + " list --deleted\" shows which can be restored."),
		Example: o.example("restore", o.sample) + "\n" + o.example("restore", o.sample+" --as old_name"),
		Args:    arguments(1, 1, "one name or id"),
	}
	if o.isEntry() {
		a.placeFlags(c)
	}
	c.Flags().StringVar(&as, "as", "", "restore it under this `name`")
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

// apply makes changes and prints their outcomes.
func (a *app) apply(ctx context.Context, s backend.Service, changes ...backend.Change) error {
	out, err := s.Apply(ctx, backend.ChangeSet{Changes: changes})
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(map[string]any{"outcomes": out})
		return nil
	}
	for _, o := range out {
		a.println(outcomeText(o))
		a.warnManaged(o)
	}
	return nil
}

// warnManaged warns after a change of an object that a tool such as Terraform
// manages.
func (a *app) warnManaged(o backend.Outcome) {
	if o.Object.ManagedBy != "" && o.Action != backend.ActionUnchanged {
		fmt.Fprintf(a.err, "pouncet: %s %s is managed by %s, which may undo this change\n",
			o.Object.Kind, backend.Quote(o.Object.Name), printable(o.Object.ManagedBy))
	}
}
