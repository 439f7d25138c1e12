// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

func (a *app) doctorCommand() *cobra.Command {
	var storage, accept, deleteCopy bool
	c := &cobra.Command{
		Use:   "doctor [NAME]",
		Short: "Check the backend, or say why a secret is not available",
		Long: wrap("With a NAME, says why a secret or a scoped value is, or is not, available in an environment. "+
			nameHelp) + "\n\n" + wrap("Without a NAME, checks the backend, and reports what needs attention:") + `

  backend   the database can be read and written: it is not locked, and its disk
            is not full; the tokens are as Pouncet wrote them, and none was
            removed or put back; each KMS key in use can be used
  folder    no other user owns or can change a file of an embedded backend
  objects   those that wait for a change of their configuration

` + wrap("For a server, the backend is checked by the server, which repeats the check every 10 seconds. The folder is "+
			"checked on the machine of the server only.") +
			"\n\n" + wrap("An object that waits does not have its name, because a change of the same configuration took it "+
			"or deleted it while others still use it. Terraform leaves such objects when an apply is interrupted, "+
			"and its next apply completes the change. Each line says what the object waits for, and what to run.") +
			"\n\n" + wrap(storageHelp) +
			"\n\n" + wrap("Without a NAME, the exit code is 0 if there is nothing to report, and 5 otherwise."),
		Example: "  pouncet doctor\n  pouncet doctor --project shop --json\n  pouncet doctor --storage\n" +
			"  pouncet doctor db_password --env prod",
		Args: arguments(0, 1, "at most one name"),
	}
	a.resolveFlags(c)
	c.Flags().BoolVar(&storage, "storage", false, "check the database of the embedded backend")
	a.addDatabaseFlag(c)
	c.Flags().StringVar(&a.kmsKey, "kms-key", "", "with --database: `URI` of the KMS key of the servers (POUNCET_KMS_KEY)")
	c.Flags().BoolVar(&accept, "accept", false, "with --storage: sign the rows as they are")
	c.Flags().BoolVar(&deleteCopy, "delete-copy", false, "with --storage: delete the copy that an upgrade made")
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case len(args) > 0 && (storage || accept || deleteCopy || a.database != ""):
			return usage(c, "a NAME and --storage, --database, --accept or --delete-copy are exclusive")
		case len(args) > 0:
			if err := checkOneEnvironment(c, a.environmentName()); err != nil {
				return err
			}
			return a.with(a.diagnoseName)(c, args)
		case a.env != "" || a.scope != "":
			return usage(c, "--env and --scope require a NAME")
		case !storage && accept:
			return usage(c, "--accept requires --storage")
		case !storage && deleteCopy:
			return usage(c, "--delete-copy requires --storage")
		case !storage && a.database != "":
			return usage(c, "--database requires --storage")
		case accept && deleteCopy:
			return exclusive(c, "--accept and --delete-copy")
		case storage && a.project != "":
			return exclusive(c, "--storage and --project")
		case deleteCopy:
			return a.deleteCopy(c.Context())
		case storage:
			return a.checkStorage(c.Context(), accept)
		}
		return a.with(a.diagnose)(c, args)
	}
	return c
}

// backendProblem is the JSON form of a problem of the backend.
type backendProblem struct {
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// diagnose is doctor without --storage.
func (a *app) diagnose(ctx context.Context, s backend.Service, _ []string) error {
	found, err := s.(*open.Backend).Problems(ctx)
	if err != nil {
		return err
	}
	problems := make([]backendProblem, len(found))
	for i, err := range found {
		problems[i] = backendProblem{backend.AsError(err).Message, backend.AsError(err).Hint}
	}
	held, err := a.held(ctx, s)
	if err != nil {
		a.printProblems(problems) // they may be its cause
		return err
	}
	if a.json {
		a.printJSON(map[string]any{"held": held, "problems": problems})
	} else {
		a.printProblems(problems)
		for _, o := range held {
			a.println(heldText(o, usersOf(ctx, s, o)...))
		}
		if len(problems) == 0 {
			a.println("The backend has no problem.")
		}
		if len(held) == 0 {
			a.println("No object waits for a change.")
		}
	}
	objects, faults := backend.Plural(len(held), "object"), backend.Plural(len(problems), "problem")
	switch {
	case len(problems) > 0 && len(held) > 0:
		return differsError{backend.Errorf(backend.CodeConflict, "%s of the backend, and %s waiting for a change", faults,
			objects)}
	case len(problems) > 0:
		return differsError{backend.Errorf(backend.CodeConflict, "%s of the backend", faults)}
	case len(held) > 0:
		return differsError{backend.Errorf(backend.CodeConflict, "%s waiting for a change", objects).
			WithHint("apply the configuration that manages the object again, or delete the object by its id")}
	}
	return nil
}

// printProblems prints a line for each problem, unless the output is JSON.
func (a *app) printProblems(problems []backendProblem) {
	if a.json {
		return
	}
	for _, p := range problems {
		if p.Hint != "" {
			p.Message += "; " + p.Hint
		}
		a.println("backend: " + p.Message)
	}
}

// held returns the held objects of the project that --project names, or of all projects and of none.
func (a *app) held(ctx context.Context, s backend.Service) ([]backend.Object, error) {
	held := []backend.Object{}
	projects, err := a.allProjects(ctx, s, true)
	if err != nil {
		return nil, err
	}
	for _, p := range projects {
		if p.Held != "" {
			held = append(held, p)
		}
	}
	for _, p := range projects {
		rows, err := contents(ctx, s, p, true)
		if err != nil {
			return nil, err
		}
		held = append(held, rows...)
	}
	rows, err := a.rights(ctx, s, true)
	return append(held, rows...), err
}

// rights returns the roles, groups and bindings, either the held ones or the others. They are in no project, and only
// callers with the right to bind see them.
func (a *app) rights(ctx context.Context, s backend.Service, held bool) ([]backend.Object, error) {
	var objects []backend.Object
	if a.project != "" {
		return nil, nil
	}
	for _, kind := range []backend.Kind{backend.KindRole, backend.KindGroup, backend.KindBinding, backend.KindTrust} {
		rows, err := backend.ListAll(ctx, s, backend.Query{Kind: kind, Held: held})
		if errors.Is(err, backend.ErrDenied) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		objects = append(objects, rows...)
	}
	return objects, nil
}

// allProjects returns the project that --project names, or all projects. With heldToo, these include the held ones.
func (a *app) allProjects(ctx context.Context, s backend.Service, heldToo bool) ([]backend.Object, error) {
	projects, err := backend.ListAll(ctx, s, backend.Query{Kind: backend.KindProject})
	if err == nil && heldToo {
		projects, err = withHeld(ctx, s, backend.Query{Kind: backend.KindProject}, projects)
	}
	if err != nil || a.project == "" {
		return projects, err
	}
	projects = slices.DeleteFunc(projects, func(p backend.Object) bool { return a.project != p.ID && a.project != p.Name })
	if len(projects) == 0 {
		return nil, backend.Errorf(backend.CodeNotFound, "project %s does not exist", backend.Quote(a.project)).
			WithHint("list the projects: pouncet project list")
	}
	return projects, nil
}

// contents returns the objects in a project, either the held ones or the others.
func contents(ctx context.Context, s backend.Service, project backend.Object, held bool) ([]backend.Object, error) {
	var objects []backend.Object
	for _, kind := range []backend.Kind{
		backend.KindEnvironment, backend.KindSecretType, backend.KindSecret, backend.KindScopedValue,
	} {
		rows, err := backend.ListAll(ctx, s, backend.Query{Kind: kind, Project: project.ID, Held: held})
		if err != nil {
			return nil, err
		}
		objects = append(objects, rows...)
	}
	return objects, nil
}

// withHeld adds the held objects that a query selects. A server of an earlier
// release has none.
func withHeld(ctx context.Context, s backend.Service, q backend.Query, to []backend.Object) ([]backend.Object, error) {
	q.Held = true
	held, err := backend.ListAll(ctx, s, q)
	if errors.Is(err, backend.ErrInvalid) {
		return to, nil
	}
	return append(to, held...), err
}

// usersOf returns what still uses an object that was set aside, as the refusal of its deletion names it. It returns
// nothing to a token that may not try the deletion.
func usersOf(ctx context.Context, s backend.Service, o backend.Object) (users []string) {
	if o.Held != backend.HeldInUse {
		return nil
	}
	out, err := s.Apply(ctx, backend.ChangeSet{DryRun: true, Changes: []backend.Change{
		{Op: backend.OpDelete, Kind: o.Kind, ID: o.ID},
	}})
	if err != nil || out[0].Err == nil {
		return nil
	}
	for _, d := range out[0].Err.Dependents {
		users = append(users, backend.PrintableLine(d.Label))
	}
	return users
}

// heldText says in one line what a held object waits for, and what to run. The users are what still uses it, if known.
func heldText(o backend.Object, users ...string) string {
	object := o.Kind.String() + " " + backend.Quote(o.Was)
	var places []string
	if o.Environment != "" {
		places = append(places, "environment "+o.Environment)
	}
	if o.Scope != "" && o.Scope != backend.ProjectScope {
		places = append(places, "scope "+o.Scope)
	}
	if o.Project != "" {
		places = append(places, "project "+o.Project)
	}
	if len(places) > 0 {
		object += " (" + strings.Join(places, ", ") + ")"
	}
	owner := backend.Quote(o.ManagedBy)
	waits := map[string]string{
		backend.HeldDisplaced: "another object of " + owner + " took its name: it waits for its own rename or deletion; " +
			"if it is in no state, import it: terraform import ADDRESS " + o.ID,
		backend.HeldReplaced: "it was deleted to be replaced: it waits, with its contents, until " + owner +
			" creates it again",
		backend.HeldInUse: "it was deleted while " + inUseBy(users, owner) + ": it is removed when nothing uses it; if " +
			"what uses it is in no state, import or delete that",
	}[o.Held]
	if waits == "" {
		waits = o.Held
	}
	restore := ""
	if isContainer := o.Kind == backend.KindProject || o.Kind == backend.KindEnvironment; isContainer &&
		o.Held != backend.HeldDisplaced {
		restore = fmt.Sprintf("restore it with pouncet %s restore %s, ", o.Kind.Command(), o.ID)
	}
	return fmt.Sprintf("%s: %s; apply configuration %s again, %sor %s %s", object, waits, owner, restore, removal(o), o.ID)
}

func inUseBy(users []string, owner string) string {
	switch len(users) {
	case 0:
		return "objects of " + owner + " use it"
	case 1:
		return users[0] + " uses it"
	}
	return backend.Enumerate(users) + " use it"
}

// removal returns what removes a held object by hand, without its id.
func removal(o backend.Object) string {
	command := "pouncet " + o.Kind.Command() + " delete"
	switch {
	case o.Held == backend.HeldDisplaced:
		return "run " + command
	case o.Kind == backend.KindProject, o.Kind == backend.KindSecretType:
		return "delete its dependents and run " + command
	}
	return "run " + command + " --force"
}
