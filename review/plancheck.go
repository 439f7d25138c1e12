// SPDX-License-Identifier: MPL-2.0

package review

import (
	"cmp"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// Check says what the plan does to the references of files, in the environments
// of o or, if it names none, in all that the plan or the catalog knows.
func (p *Plan) Check(sources []*Source, o CheckOptions) []Finding {
	c := planChecker{CheckOptions: o}
	c.before, c.after, c.fate = p.apply(o.Catalog, o.Defaults)
	var findings []Finding
	for _, s := range sources {
		for _, r := range s.References {
			if isEntry(r) {
				findings = append(findings, c.reference(r)...)
			}
		}
	}
	return findings
}

type planChecker struct {
	CheckOptions
	before, after *Catalog
	fate          fate
}

func (c *planChecker) reference(r interpolate.Reference) []Finding {
	in := c.before.Project(c.project(r))
	if in == nil {
		return nil // the plan does nothing to it
	}
	environments := c.Environments
	switch {
	case r.Environment != "":
		name, _ := in.environment(r.Environment)
		environments = []string{name}
	case len(environments) == 0:
		environments = in.EnvironmentNames()
	}
	var g gatherer
	for _, e := range environments {
		if a := c.before.look(r, c.Defaults, e); a.state == present {
			c.effects(&g, r, in.Name, e, a)
		}
	}
	return g.findings(r)
}

// effects adds what the plan does to a reference that leads to something.
func (c *planChecker) effects(g *gatherer, r interpolate.Reference, project, environment string, was answer) {
	broken := func(rule, before, after string) {
		if r.HasDefault {
			rule = DefaultUsed
		}
		g.add(rule, answer{before: before, after: after, hint: "change the reference along with the plan"}, environment)
	}
	at := [2]string{project, environment}
	to, renamed := c.fate.renamed[at]
	byName := r.Environment == environment // a reference by id follows a rename
	switch {
	case c.fate.removed[at] && !byName && !slices.Contains(c.Environments, environment):
		return // nothing is rendered there any more, unless somebody says so
	case c.fate.removed[at]:
		broken(PlanRemoves, "the plan removes the environment ", "")
		return
	case renamed && byName:
		broken(PlanRenames, "the plan renames the environment ", ", which the reference names, to "+to)
		return
	}
	is := c.after.look(r, c.Defaults, cmp.Or(to, environment))
	switch is.state {
	case unknown:
		g.add(Unknown, answer{before: is.before, after: is.after}, environment)
	case missing:
		if name, address := c.newName(project, was); name != "" {
			broken(PlanRenames, "the plan renames "+was.lost(is).label()+" in ", " to "+backend.Quote(name)+" ("+address+")")
			return
		}
		broken(PlanRemoves, "the plan removes "+was.lost(is).label()+" from ", ", and nothing takes its place")
	case present:
		c.changes(g, environment, was, is)
	}
}

// lost is the entry that is there before and not after: the link, or what it links to.
func (a answer) lost(after answer) *Entry {
	if after.entry != nil {
		return a.leaf
	}
	return a.entry
}

func (e *Entry) label() string { return e.Kind.String() + " " + backend.Quote(e.Name) }

// newName is what the plan calls the entry that is no longer found by its name.
func (c *planChecker) newName(project string, was answer) (name, address string) {
	after := c.after.Project(project)
	if after == nil {
		return "", ""
	}
	for _, old := range []*Entry{was.entry, was.leaf} {
		for i := range after.Entries {
			if e := &after.Entries[i]; old.ID != "" && e.ID == old.ID && e.Name != old.Name && e.change != nil {
				return e.Name, e.change.address
			}
		}
	}
	return "", ""
}

// changes adds what becomes of a reference that leads to something also after
// the plan.
func (c *planChecker) changes(g *gatherer, environment string, was, is answer) {
	add := func(rule, before, after string) { g.add(rule, answer{before: before, after: after}, environment) }
	for _, pair := range [][2]*Entry{{was.entry, is.entry}, {was.leaf, is.leaf}} {
		old, now := pair[0], pair[1]
		change := now.change
		if change == nil || change.identity != old.ID || change.identity == "" {
			if !old.is(*now) {
				add(PlanRedirects, "after the plan the reference leads to "+now.place()+" instead of "+old.place()+" in ", "")
				return
			}
			continue
		}
		if change.anew {
			add(PlanReplaces, "the plan deletes "+old.label()+" and makes it anew in ", " ("+change.address+")")
		}
		if change.rotates {
			add(PlanRotates, "the plan writes a new value of "+old.label()+" in ", " ("+change.address+")")
		}
		if change.exposes {
			add(PlanExposes, "the plan lets people be shown "+old.label()+", restricted so far, in ", " ("+change.address+")")
		}
		if was.entry == was.leaf && is.entry == is.leaf {
			return
		}
	}
}

func (e *Entry) place() string {
	in := e.Environment
	if in == backend.AnyEnvironment {
		in = "all environments"
	}
	return e.label() + " (" + in + ", scope " + e.Scope + ")"
}
