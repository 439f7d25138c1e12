// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// noun is a kind of object as the command line speaks of it. What all kinds
// have in common (list, show, rename, delete) is written once, below.
type noun struct {
	kind    backend.Kind
	command string
	aliases []string
	short   string
	columns []column
}

type column struct {
	title string
	text  func(o backend.Object) string
}

func name(o backend.Object) string        { return o.Name }
func environment(o backend.Object) string { return o.Environment }
func scope(o backend.Object) string       { return o.Scope }
func description(o backend.Object) string { return o.Description }
func updated(o backend.Object) string     { return date(o.UpdatedAt) }
func created(o backend.Object) string     { return date(o.CreatedAt) }
func id(o backend.Object) string          { return o.ID }

func date(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func (n noun) isEntry() bool {
	return n.kind == backend.KindSecret || n.kind == backend.KindScopedValue
}

// group is the command of a noun with all its verbs: those that every noun
// has, and its own.
func (a *app) group(n noun, own ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: n.command, Aliases: n.aliases, Short: n.short, Args: noSuchCommand, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(own...)
	c.AddCommand(a.listCommand(n), a.showCommand(n), a.deleteCommand(n))
	if n.kind != backend.KindToken {
		c.AddCommand(a.renameCommand(n))
	}
	return c
}

func (a *app) listCommand(n noun) *cobra.Command {
	var typeKey string
	var deleted, due bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List: names and metadata, never values",
		Args:  arguments(0, 0, "no arguments"),
	}
	if n.isEntry() {
		a.placeFlags(c)
		if n.kind == backend.KindSecret {
			c.Flags().StringVar(&typeKey, "type", "", "only those of this type")
			c.Flags().BoolVar(&due, "due", false, "only those whose rotation is due, or that have expired")
		}
		c.Flags().BoolVar(&deleted, "deleted", false, "those that were deleted and can be restored")
	}
	c.RunE = a.with(func(ctx context.Context, s backend.Service, _ []string) error {
		q := a.query(n, "")
		q.Type, q.Deleted = typeKey, deleted
		objects, err := all(ctx, s, q)
		if err != nil {
			return err
		}
		slices.SortStableFunc(objects, func(x, y backend.Object) int {
			return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.Environment, y.Environment), strings.Compare(x.Scope, y.Scope))
		})
		if due {
			objects = slices.DeleteFunc(objects, func(o backend.Object) bool { return !isDue(o, time.Now()) })
		}
		if deleted {
			n.columns = append(slices.Clip(n.columns), column{"deleted", func(o backend.Object) string { return date(o.DeletedAt) }})
		}
		a.print(n, objects)
		return nil
	})
	return c
}

func isDue(o backend.Object, now time.Time) bool {
	past := func(t time.Time) bool { return !t.IsZero() && !t.After(now) }
	return past(o.RotationDueAt) || past(o.ExpiresAt)
}

// query selects what a name or id means; all of the kind if it is "". What an
// id means is held only to the place that flags say, since they were given with
// it, while variables and defaults speak of names.
func (a *app) query(n noun, nameOrID string) backend.Query {
	q := backend.Query{Kind: n.kind}
	switch {
	case n.kind == backend.KindProject, n.kind == backend.KindToken:
	case backend.IsID(nameOrID):
		q.Project = a.project
	default:
		q.Project = a.projectName()
	}
	if n.isEntry() {
		q.Environment, q.Scope = a.env, a.scope
	}
	if backend.IsID(nameOrID) {
		q.ID = nameOrID
		return q
	}
	q.Name = nameOrID
	if n.isEntry() {
		q.Environment = a.environmentName()
	}
	return q
}

// all fetches every page of a query.
func all(ctx context.Context, s backend.Service, q backend.Query) ([]backend.Object, error) {
	objects := []backend.Object{}
	for {
		page, err := s.Query(ctx, q)
		if err != nil {
			return nil, err
		}
		objects = append(objects, page.Objects...)
		if q.Cursor = page.Next; q.Cursor == "" {
			return objects, nil
		}
	}
}

func (a *app) print(n noun, objects []backend.Object) {
	if a.json {
		a.printJSON(map[string]any{"objects": objects})
		return
	}
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	defer func() { _ = w.Flush() }() // a.out remembers its error
	titles := make([]string, len(n.columns))
	for i, c := range n.columns {
		titles[i] = strings.ToUpper(c.title)
	}
	fmt.Fprintln(w, strings.Join(titles, "\t"))
	for _, o := range objects {
		cells := make([]string, len(n.columns))
		for i, c := range n.columns {
			cells[i] = strings.Join(strings.Fields(printable(c.text(o))), " ")
			if cells[i] == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
}

// find returns the objects that a name or id means, at least one. An entry's name may
// mean several, one in each environment and scope.
func (a *app) find(ctx context.Context, s backend.Service, n noun, nameOrID string) ([]backend.Object, error) {
	objects, err := all(ctx, s, a.query(n, nameOrID))
	if err == nil && len(objects) == 0 {
		err = backend.Errorf(backend.CodeNotFound, "%s %s does not exist", n.kind, backend.Quote(nameOrID)).
			WithHint("see: pouncet %s list", n.command)
	}
	return objects, err
}

// one is find for a command that must mean a single object.
func (a *app) one(ctx context.Context, s backend.Service, n noun, nameOrID string) (backend.Object, error) {
	objects, err := a.find(ctx, s, n, nameOrID)
	if err != nil {
		return backend.Object{}, err
	}
	if len(objects) > 1 {
		places := make([]string, len(objects))
		for i, o := range objects {
			places[i] = o.Environment
			if o.Scope != backend.ProjectScope {
				places[i] += " (" + o.Scope + ")"
			}
		}
		return backend.Object{}, backend.Errorf(backend.CodeInvalid, "%s %s exists %d times: in %s", n.kind, backend.Quote(nameOrID), len(objects), strings.Join(places, ", ")).
			WithHint("say which by --env and --scope, or give its id")
	}
	return objects[0], nil
}

func (a *app) showCommand(n noun) *cobra.Command {
	c := &cobra.Command{
		Use:   "show NAME-OR-ID",
		Short: "Show all metadata of one, never its value",
		Args:  arguments(1, 1, "one name or id"),
	}
	if n.isEntry() {
		a.placeFlags(c)
	}
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		objects, err := a.find(ctx, s, n, args[0])
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(map[string]any{"objects": objects})
			return nil
		}
		for i, o := range objects {
			if i > 0 {
				a.println()
			}
			a.describe(o)
		}
		return nil
	})
	return c
}

// describe prints every field that an object has.
func (a *app) describe(o backend.Object) {
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	defer func() { _ = w.Flush() }() // a.out remembers its error
	field := func(title, text string) {
		if text != "" && text != "-" {
			fmt.Fprintf(w, "%s\t%s\n", title, printable(text))
		}
	}
	field("name", o.Name)
	field("id", o.ID)
	field("project", o.Project)
	field("environment", o.Environment)
	field("scope", o.Scope)
	field("display name", o.DisplayName)
	field("description", o.Description)
	labels := make([]string, 0, len(o.Labels))
	for k, v := range o.Labels {
		labels = append(labels, k+"="+v)
	}
	slices.Sort(labels)
	field("labels", strings.Join(labels, ", "))
	field("managed by", o.ManagedBy)
	field("type", o.Type)
	field("visibility", string(o.Visibility))
	if o.Version > 0 {
		field("version", strconv.FormatInt(o.Version, 10)+", written "+date(o.ValueAt))
	}
	field("json", string(o.JSON))
	field("links to", linkText(o))
	field("schema", string(o.Schema))
	if o.BuiltIn {
		field("built in", "yes")
	}
	field("kms key", o.KMSKey)
	if o.Protected {
		field("protected", "yes")
	}
	if o.RotationDays > 0 {
		field("rotation", "every "+strconv.Itoa(o.RotationDays)+" days, due "+date(o.RotationDueAt))
	}
	field("deleted", date(o.DeletedAt))
	if p := o.Policy; p != nil {
		field("secrets", quota(o))
		field("largest value", strconv.Itoa(p.MaxValueBytes)+" bytes")
		field("longest name", strconv.Itoa(p.MaxNameLength)+" characters")
		field("name pattern", p.NamePattern)
		if p.ImmutableNames {
			field("names", "immutable")
		}
		field("default visibility", string(p.DefaultVisibility))
		field("recovery", strconv.Itoa(p.RecoveryDays)+" days")
		if p.ForbidFingerprints {
			field("fingerprints", "forbidden")
		}
	}
	field("role", string(o.Role))
	field("expires", date(o.ExpiresAt))
	field("created", date(o.CreatedAt))
	field("updated", date(o.UpdatedAt))
}

// quota says how full a project is.
func quota(o backend.Object) string {
	if o.Secrets == nil || o.Policy == nil {
		return ""
	}
	return fmt.Sprintf("%d of %d", *o.Secrets, o.Policy.MaxSecrets)
}

func linkText(o backend.Object) string {
	if o.Link == nil {
		return ""
	}
	if o.Link.Field == "" {
		return "secret " + o.Link.Secret
	}
	return "secret " + o.Link.Secret + ", field " + o.Link.Field
}

func (a *app) renameCommand(n noun) *cobra.Command {
	c := &cobra.Command{
		Use:   "rename NAME-OR-ID NEW-NAME",
		Short: "Rename: the id stays, and so do values and history",
		Args:  arguments(2, 2, "a name or id, and the new name"),
	}
	if n.isEntry() {
		a.placeFlags(c)
	}
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		o, err := a.one(ctx, s, n, args[0])
		if err != nil {
			return err
		}
		return a.apply(ctx, s, backend.Change{Op: backend.OpUpdate, Kind: n.kind, ID: o.ID, Rename: &args[1]})
	})
	return c
}

func (a *app) deleteCommand(n noun) *cobra.Command {
	var force, purge bool
	c := &cobra.Command{
		Use:   "delete NAME-OR-ID...",
		Short: "Delete one or several, each with its own outcome",
		Args:  arguments(1, -1, "names or ids"),
	}
	c.Flags().BoolVar(&force, "force", false, "delete even what is in use")
	if n.isEntry() {
		a.placeFlags(c)
		c.Flags().BoolVar(&purge, "purge", false, "delete for good; with an id also what was deleted before")
	}
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		outcomes := make([]backend.Outcome, len(args))
		var first error
		for i, arg := range args {
			o, err := a.delete(ctx, s, n, arg, backend.Change{Op: backend.OpDelete, Kind: n.kind, Force: force, Purge: purge})
			if err != nil {
				o.Err = backend.AsError(err)
				first = cmp.Or(first, err)
			}
			outcomes[i] = o
			switch {
			case a.json:
			case err == nil:
				a.println(sentence(o))
				a.noteOwner(o)
			case len(args) > 1:
				a.printf("kept %s %s: %s\n", n.kind, backend.Quote(arg), printable(o.Err.Message))
			}
		}
		if a.json {
			a.printJSON(map[string]any{"outcomes": outcomes})
		}
		return first
	})
	return c
}

func (a *app) restoreCommand(n noun) *cobra.Command {
	var as string
	c := &cobra.Command{
		Use:   "restore NAME-OR-ID",
		Short: "Bring back what was deleted, with its id and history",
		Long: "Brings back what was deleted, with its id and its history. A name means what was deleted last under it;\n" +
			"\"list --deleted\" shows what there is. The project's recovery_days say for how long.\n\n" + exitCodes,
		Args: arguments(1, 1, "one name or id"),
	}
	a.placeFlags(c)
	c.Flags().StringVar(&as, "as", "", "under another name")
	c.RunE = func(c *cobra.Command, args []string) error {
		q := a.query(n, args[0])
		change := backend.Change{Op: backend.OpRestore, Kind: n.kind, ID: q.ID, Name: q.Name, Rename: flag(c, "as", as)}
		if change.ID == "" {
			change.Project, change.Environment, change.Scope = q.Project, q.Environment, q.Scope
			if change.Environment == "" {
				return usage(c, "say which environment by --env or POUNCET_ENV")
			}
		}
		return a.with(func(ctx context.Context, s backend.Service, _ []string) error { return a.apply(ctx, s, change) })(c, nil)
	}
	return c
}

// delete deletes what one name or id means. Its outcome names what was to be
// deleted even where that is not there.
func (a *app) delete(ctx context.Context, s backend.Service, n noun, nameOrID string, c backend.Change) (backend.Outcome, error) {
	o, err := a.one(ctx, s, n, nameOrID)
	if err != nil && c.Purge && backend.IsID(nameOrID) {
		o, err = backend.Object{Kind: n.kind, ID: nameOrID}, nil
	}
	if err != nil {
		return backend.Outcome{Object: backend.Object{Kind: n.kind, Name: nameOrID}}, err
	}
	c.ID = o.ID
	out, err := s.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}})
	if err != nil {
		return backend.Outcome{Object: o}, err
	}
	return out[0], nil
}

// apply makes changes and says what became of each.
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
		a.println(sentence(o))
		a.noteOwner(o)
	}
	return nil
}

// noteOwner tells who changes what a tool manages that the tool will want it back.
func (a *app) noteOwner(o backend.Outcome) {
	if o.Object.ManagedBy != "" && o.Action != backend.ActionUnchanged {
		fmt.Fprintf(a.err, "pouncet: %s %s is managed by %s, whose next plan may change it back\n", o.Object.Kind, backend.Quote(o.Object.Name), printable(o.Object.ManagedBy))
	}
}

// sentence says in words what a change did.
func sentence(o backend.Outcome) string {
	what := o.Object.Kind.String() + " " + o.Object.Name
	if o.Object.Environment != "" {
		what += " in " + o.Object.Environment
	}
	if o.Object.Scope != "" && o.Object.Scope != backend.ProjectScope {
		what += " (" + o.Object.Scope + ")"
	}
	version := ""
	if o.Object.Version > 0 {
		version = ", version " + strconv.FormatInt(o.Object.Version, 10)
	}
	switch o.Action {
	case backend.ActionCreate:
		return "created " + what + version
	case backend.ActionUpdate:
		return "updated " + what + version + " (" + strings.Join(o.Changed, ", ") + ")"
	case backend.ActionUnchanged:
		return "No changes to save: " + what + version
	}
	return string(o.Action) + "d " + what
}
