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
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
)

// isAccess reports whether a kind decides about rights. Its objects belong to no project.
func (o objectCommand) isAccess() bool {
	return o.kind == backend.KindRole || o.kind == backend.KindGroup || o.kind == backend.KindBinding ||
		o.kind == backend.KindTrust
}

var roleCommand = objectCommand{
	kind: backend.KindRole, sample: "rotator", aliases: []string{"roles"},
	short: "Manage roles: sets of rights",
	long: `A role is a set of rights. A binding gives it to a token, group or trust, at some
places. The built-in roles are admin, editor, runtime, revealer, planner, auditor
and viewer.`,
	columns: []column{
		{"name", name}, {"rights", func(o backend.Object) string { return rightsText(o.Rights) }},
		{"built in", func(o backend.Object) string { return yesIf(o.BuiltIn) }}, {"description", description}, {"id", id},
	},
}

var groupCommand = objectCommand{
	kind: backend.KindGroup, sample: "pipelines", aliases: []string{"groups"},
	short: "Manage groups of tokens and trusts",
	long: `A group has tokens and trusts as members. A binding can be for a group, and then
holds for all of its members.`,
	columns: []column{
		{"name", name}, {"members", func(o backend.Object) string { return strings.Join(o.Members, ", ") }},
		{"description", description}, {"id", id},
	},
}

var bindingCommand = objectCommand{
	kind: backend.KindBinding, sample: "ci-prod", aliases: []string{"bindings"},
	short: "Manage bindings: who has which role where",
	long: `A binding gives a role to a token, group or trust, at some places: those of a
project, an environment, a scope, and names that match a pattern. A token needs
the role none to have bindings. Without a binding, it may do nothing.

A protected environment must be named: a binding without --env leaves it out.
--env '*' names what all environments share. It must be named too if one of them
is protected, because the protected environment uses it.`,
	columns: []column{
		{"name", name}, {"role", func(o backend.Object) string { return grantOf(o).Role }},
		{"to", func(o backend.Object) string { return grantOf(o).To }},
		{"where", func(o backend.Object) string { return whereText(grantOf(o).Where) }}, {"description", description},
		{"id", id},
	},
}

func grantOf(o backend.Object) backend.Grant {
	if o.Grant == nil {
		return backend.Grant{}
	}
	return *o.Grant
}

func rightsText(rights []backend.Right) string {
	names := make([]string, len(rights))
	for i, r := range rights {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

// whereText describes places in one line.
func whereText(w backend.Where) string {
	var parts []string
	add := func(title, text string) {
		if text != "" {
			parts = append(parts, title+" "+text)
		}
	}
	add("project", w.Project)
	add("environment", w.Environment)
	add("scope", w.Scope)
	add("names", w.Names)
	if w.Environment == "" {
		parts = append(parts, "unprotected")
	}
	return strings.Join(parts, ", ")
}

// noteReach names the bindings that reach an environment which is protected from now on: those that name it, or what
// all environments share. A caller who may not list bindings gets no note.
func (a *app) noteReach(ctx context.Context, s backend.Service, o backend.Outcome) {
	changed := o.Action == backend.ActionCreate || slices.Contains(o.Changed, "protected")
	if e := o.Object; e.Kind != backend.KindEnvironment || !e.Protected || !changed {
		return
	}
	all, err := backend.ListAll(ctx, s, backend.Query{Kind: backend.KindBinding})
	if err != nil {
		return
	}
	for _, b := range all {
		w := grantOf(b).Where
		if w.Project == o.Object.Project && (w.Environment == o.Object.Name || w.Environment == backend.AnyEnvironment) {
			a.notef("pouncet: binding %s still gives the role %s to %s: %s", b.Name, grantOf(b).Role, grantOf(b).To,
				whereText(w))
		}
	}
}

func (a *app) rolesCommand() *cobra.Command {
	return a.objectGroup(roleCommand, a.changeListCommand(roleCommand, listFlag{
		flag:    "right",
		usage:   "a `right`: see, resolve, reveal, compare, write, delete, manage, bind, audit, register, deploy",
		example: "--right see --right write",
		words:   backend.Rights,
		set: func(c *backend.Change, texts []string) {
			c.Rights = []backend.Right{}
			for _, t := range texts {
				c.Rights = append(c.Rights, backend.Right(t))
			}
		},
	}))
}

func (a *app) groupsCommand() *cobra.Command {
	return a.objectGroup(groupCommand, a.changeListCommand(groupCommand, listFlag{
		flag: "member", usage: "a `token` or trust in the group: token:NAME, trust:NAME or trust:NAME/SUBJECT",
		example: "--member token:nightly --member token:deploy",
		set:     func(c *backend.Change, texts []string) { c.Members = texts },
	}))
}

// listFlag is a flag that can be repeated, with what makes up a role or group.
type listFlag struct {
	flag, usage, example string
	words                []backend.Right // that the flag takes; none means any text
	set                  func(c *backend.Change, texts []string)
}

// changeListCommand returns the command that creates or changes a role or group.
func (a *app) changeListCommand(o objectCommand, f listFlag) *cobra.Command {
	var texts []string
	var text string
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "Create or change a " + o.kind.String(),
		Long: wrap(fmt.Sprintf("Creates a %s, or changes the one with this name. --%s replaces all that it has; without "+
			"--%s they stay as they are.", o.kind, f.flag, f.flag)),
		Example: o.example("set", o.sample+" "+f.example),
		Args:    arguments(1, 1, "one name"),
	}
	c.Flags().StringArrayVar(&texts, f.flag, nil, f.usage+" (repeat it for several)")
	if len(f.words) > 0 {
		takesWords(c, f.flag, f.words...)
	}
	c.Flags().StringVar(&text, "description", "", "`text` that says what the "+o.kind.String()+" is for")
	mayBeEmpty(c, "description")
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		change := backend.Change{Op: backend.OpSet, Kind: o.kind, Name: args[0],
			Description: flagValue(c, "description", text)}
		if c.Flags().Changed(f.flag) {
			f.set(&change, texts)
		}
		return a.apply(ctx, s, change)
	})
	return c
}

func (a *app) bindingsCommand() *cobra.Command {
	var g backend.Grant
	var text string
	c := &cobra.Command{
		Use:   "create NAME --role ROLE --to PRINCIPAL",
		Short: "Give a role to a token, group or trust",
		Long: wrap("Gives a role to a token, group or trust, at some places. Without --project, it holds in all projects, " +
			"and without --env in all environments that are not protected. You can give only rights that you have yourself " +
			"at all of these places."),
		Example: "  pouncet binding create ci-prod --role runtime --to token:ci --project shop --env prod\n" +
			"  pouncet binding create db-team --role editor --to group:db --project shop --env dev --names 'db_*'",
		Args: arguments(1, 1, "one name"),
	}
	c.Flags().StringVar(&g.Role, "role", "", "the `role`, built in or your own")
	c.Flags().StringVar(&g.To, "to", "", "who gets it: `token:NAME`, group:NAME, trust:NAME or trust:NAME/SUBJECT")
	c.Flags().StringVar(&a.env, "env", "", "only this `environment` of the project, or '*' for what all of them share")
	c.Flags().StringVar(&a.scope, "scope", "", "only this `scope`")
	c.Flags().StringVar(&g.Where.Names, "names", "",
		"only names that match this `pattern`, in which * stands for any characters")
	c.Flags().StringVar(&text, "description", "", "`text` that says what the binding is for")
	mayBeEmpty(c, "description")
	run := a.with(func(ctx context.Context, s backend.Service, args []string) error {
		g.Where.Project, g.Where.Environment, g.Where.Scope = a.project, a.env, a.scope
		err := a.apply(ctx, s, backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: args[0], Grant: &g,
			Description: flagValue(c, "description", text)})
		if err == nil && !a.json { // a forgotten --project is noticed here
			where := whereText(g.Where)
			if g.Where.Project == "" {
				where = "all projects, " + where
			}
			a.notef("pouncet: %s has the role %s: %s", g.To, g.Role, where)
		}
		return err
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case g.Role == "":
			return usage(c, "a role is required").withHint("set --role; see: pouncet role list")
		case g.To == "":
			return usage(c, "--to is required: it says who gets the role").
				withHint("set --to to token:NAME, group:NAME or trust:NAME")
		}
		return run(c, args)
	}
	return a.objectGroup(bindingCommand, c)
}

func (a *app) accessCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "access", Short: "Explain who may do what, and why",
		Long: wrap("Explains rights by the roles of tokens and by bindings. It needs the right \"bind\", and shows the " +
			"bindings that you may change."),
		Example: "  pouncet access who db_password --env prod\n  pouncet access what token:ci",
		Args:    onlyCommands,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.accessWhoCommand(), a.accessWhatCommand())
	return c
}

// assignments lists why tokens and trusts have rights.
func assignments(ctx context.Context, s backend.Service) ([]access.Assignment, error) {
	var all access.Listed
	for kind, list := range all.Lists() {
		objects, err := backend.ListAll(ctx, s, backend.Query{Kind: kind})
		if err != nil && (kind != backend.KindTrust || !errors.Is(err, backend.ErrDenied)) {
			return nil, err
		}
		*list = objects
	}
	return access.Assignments(all), nil
}

// accessLine is one line of an explanation.
type accessLine struct {
	Token   string          `json:"token"`
	For     string          `json:"for"`
	Role    string          `json:"role"`
	Rights  []backend.Right `json:"rights"`
	Binding string          `json:"binding,omitempty"` // "" for the role of the token itself
	Group   string          `json:"group,omitempty"`
	Where   *backend.Where  `json:"where,omitempty"` // absent for everywhere
}

func lineOf(x access.Assignment) accessLine {
	l := accessLine{Token: x.Token.Name, For: string(x.Token.Principal), Role: x.Role, Rights: x.Grant.Rights,
		Binding: x.Binding, Group: x.Group}
	if !x.Grant.Everywhere {
		l.Where = &x.Grant.Where
	}
	return l
}

func (l accessLine) why() string {
	switch {
	case l.Binding == "":
		return "the role of the token"
	case l.Group != "":
		return "binding " + l.Binding + " for group " + l.Group
	}
	return "binding " + l.Binding
}

func (l accessLine) where() string {
	if l.Where == nil {
		return "everywhere"
	}
	return whereText(*l.Where)
}

func (a *app) printAccess(lines []accessLine) {
	if a.json {
		a.printJSON(map[string]any{"access": lines})
		return
	}
	t := table{titles: []string{"TOKEN", "FOR", "ROLE", "RIGHTS", "WHERE", "WHY"}}
	for _, l := range lines {
		t.add(l.Token, l.For, l.Role, rightsText(l.Rights), l.where(), l.why())
	}
	a.printTable(t)
}

func (a *app) accessWhoCommand() *cobra.Command {
	right := string(backend.RightResolve)
	c := &cobra.Command{
		Use:   "who NAME --env ENVIRONMENT",
		Short: "List who has a right to a secret or scoped value, and why",
		Long: wrap("Lists the tokens that have a right to the secret or scoped value with a name, and which binding gives " +
			"it. The entry need not exist. A restricted secret is for workloads only."),
		Example: "  pouncet access who db_password --env prod\n" +
			"  pouncet access who db_password --env prod --right write --json",
		Args: arguments(1, 1, "one name"),
	}
	a.placeFlags(c)
	c.Flags().StringVar(&right, "right", right, "the `right`")
	takesWords(c, "right", backend.Rights...)
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		at, err := a.placeOfName(ctx, s, args[0])
		if err != nil {
			return err
		}
		all, err := assignments(ctx, s)
		if err != nil {
			return err
		}
		lines := []accessLine{}
		for _, x := range all {
			if x.Gives(backend.Right(right), at) {
				lines = append(lines, lineOf(x))
			}
		}
		a.printAccess(lines)
		return nil
	})
	return c
}

// placeOfName returns the place of a name, with names instead of ids.
func (a *app) placeOfName(ctx context.Context, s backend.Service, name string) (backend.Place, error) {
	at := backend.Place{Project: a.projectName(), Environment: a.environmentName(), Scope: backend.ProjectScope,
		Name: name}
	if a.scope != "" {
		at.Scope = a.scope
	}
	if at.Environment == "" {
		return at, backend.Errorf(backend.CodeInvalid, "an environment is required").WithHint("set --env").At("environment")
	}
	all, err := backend.ListAll(ctx, s, backend.Query{Kind: backend.KindEnvironment, Project: at.Project})
	if err != nil {
		return at, err
	}
	found := at.Environment == backend.AnyEnvironment
	for _, e := range all {
		found = found || e.Name == at.Environment
		if e.Protected && (e.Name == at.Environment || at.Environment == backend.AnyEnvironment) {
			at.Protected = true
		}
	}
	if !found {
		return at, backend.Errorf(backend.CodeNotFound, "environment %s does not exist in project %q",
			backend.Quote(at.Environment), at.Project).WithHint("list the environments: pouncet env list").At("environment")
	}
	return at, nil
}

func (a *app) accessWhatCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "what PRINCIPAL",
		Short: "List what a token, group or trust may do, and why",
		Long: wrap("Lists the role of a token and its bindings, the bindings of a group for each of its members, or those " +
			"of a trust. For one subject of a trust, write trust:NAME/SUBJECT."),
		Example: "  pouncet access what token:ci\n" +
			"  pouncet access what group:pipelines --json\n" +
			"  pouncet access what trust:github",
		Args: arguments(1, 1, "token:NAME, group:NAME or trust:NAME"),
	}
	c.RunE = a.with(func(ctx context.Context, s backend.Service, args []string) error {
		kind, name, _ := strings.Cut(args[0], ":")
		o, ok := map[string]objectCommand{"token": {kind: backend.KindToken}, "group": groupCommand,
			"trust": trustCommand}[kind]
		if !ok {
			return backend.Errorf(backend.CodeInvalid, "%s is not a valid principal", backend.Quote(args[0])).
				WithHint("write token:NAME, group:NAME or trust:NAME")
		}
		subject := ""
		if at := strings.Index(name, "/"); at >= 0 && o.kind == backend.KindTrust {
			name, subject = name[:at], name[at:]
		}
		x, err := a.findOne(ctx, s, o, name)
		if err != nil {
			return err
		}
		all, err := assignments(ctx, s)
		if err != nil {
			return err
		}
		lines := []accessLine{}
		for _, y := range all {
			isTrust := y.Token.Name == backend.ToTrust+x.Name || subject != "" && y.Token.Name == backend.ToTrust+x.Name+subject
			if y.Token.ID == x.ID && (o.kind == backend.KindToken || isTrust) ||
				o.kind == backend.KindGroup && y.Group == x.Name {
				lines = append(lines, lineOf(y))
			}
		}
		a.printAccess(lines)
		return nil
	})
	return c
}
