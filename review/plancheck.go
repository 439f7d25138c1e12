// SPDX-License-Identifier: MPL-2.0

package review

import (
	"cmp"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/scan"
)

// Check returns what the plan does to the references of files. It checks the environments of o. If o has none, it
// checks all environments of the plan and the catalog.
func (p *Plan) Check(sources []*Source, o CheckOptions) []Finding {
	c := planChecker{CheckOptions: o}
	c.before, c.after, c.environments = p.apply(o.Catalog, o.Defaults)
	var findings []Finding
	for _, s := range sources {
		for _, r := range s.References {
			if isEntry(r.Reference) {
				findings = append(findings, c.reference(r)...)
			}
		}
	}
	return findings
}

type planChecker struct {
	CheckOptions
	before, after *Catalog
	environments  environmentChanges
}

func (c *planChecker) reference(r scan.Reference) []Finding {
	project := c.before.Project(c.project(r.Reference))
	if project == nil {
		return nil // the plan does not change this project
	}
	environments := c.Environments
	switch {
	case r.Environment != "":
		name, _ := project.environment(r.Environment)
		environments = []string{name}
	case len(environments) == 0:
		environments = project.EnvironmentNames()
	}
	var groups resultGroups
	for _, e := range environments {
		if before := c.before.lookup(r.Reference, c.Defaults, e); before.state == present {
			c.effects(&groups, r, project.Name, e, before)
		}
	}
	return groups.findings(r)
}

// effects adds what the plan does to a reference that resolves before the plan.
func (c *planChecker) effects(
	groups *resultGroups, r scan.Reference, project, environment string, before result,
) {
	breaks := func(rule, messageStart, messageEnd string) {
		if r.HasDefault {
			rule = DefaultUsed
		}
		groups.add(rule, result{
			messageStart: messageStart, messageEnd: messageEnd, hint: "change the reference together with the plan",
		}, environment)
	}
	key := environmentKey{project, environment}
	newName, renamed := c.environments.renamed[key]
	usesName := r.Environment == environment // a reference by id follows a rename
	switch {
	case c.environments.removed[key] && !usesName && !slices.Contains(c.Environments, environment):
		return // nothing is rendered for a removed environment, unless the caller asks for it
	case c.environments.removed[key]:
		breaks(PlanRemoves, "the plan removes environment ", "")
		return
	case renamed && usesName:
		breaks(PlanRenames, "the plan renames environment ", " to "+newName+", but the reference uses the old name")
		return
	}
	after := c.after.lookup(r.Reference, c.Defaults, cmp.Or(newName, environment))
	switch after.state {
	case unknown:
		groups.add(Unknown, result{messageStart: after.messageStart, messageEnd: after.messageEnd}, environment)
	case missing:
		lost := before.secret
		if after.entry == nil {
			lost = before.entry
		}
		if name, address := c.newName(project, before); name != "" {
			breaks(PlanRenames, "the plan renames "+lost.label()+" in ", " to "+backend.Quote(name)+" ("+address+")")
			return
		}
		breaks(PlanRemoves, "the plan removes "+lost.label()+" from ", ", and no other entry replaces it")
	case present:
		c.changes(groups, environment, before, after)
	}
}

func (e *Entry) label() string { return entryLabel(e.Kind, e.Name) }

// newName returns the new name of an entry that the plan renames, and the address of its resource.
func (c *planChecker) newName(project string, before result) (name, address string) {
	after := c.after.Project(project)
	if after == nil {
		return "", ""
	}
	for _, old := range []*Entry{before.entry, before.secret} {
		for i := range after.Entries {
			e := &after.Entries[i]
			if old.ID != "" && e.ID == old.ID && e.Name != old.Name && e.change != nil {
				return e.Name, e.change.address
			}
		}
	}
	return "", ""
}

// changes adds what the plan does to a reference that resolves before and after it.
func (c *planChecker) changes(groups *resultGroups, environment string, before, after result) {
	report := func(rule, messageStart, messageEnd string) {
		groups.add(rule, result{messageStart: messageStart, messageEnd: messageEnd}, environment)
	}
	for _, pair := range [][2]*Entry{{before.entry, after.entry}, {before.secret, after.secret}} {
		old, now := pair[0], pair[1]
		change := now.change
		if change == nil || change.oldID != old.ID || change.oldID == "" {
			if !old.same(*now) {
				report(PlanRedirects, "after the plan the reference resolves to "+now.labelWithPlace()+
					" instead of "+old.labelWithPlace()+" in ", "")
				return
			}
			continue
		}
		resource := " (" + change.address + ")"
		if change.replaced {
			report(PlanReplaces, "the plan deletes "+old.label()+" and creates it again in ", resource)
		}
		if change.rotated {
			report(PlanRotates, "the plan changes the value of "+old.label()+" in ", resource)
		}
		if change.unrestricted {
			report(PlanExposes, "the plan changes "+old.label()+" from restricted to masked in ", resource)
		}
		if before.entry == before.secret && after.entry == after.secret {
			return
		}
	}
}

func (e *Entry) labelWithPlace() string {
	environment := e.Environment
	if environment == backend.AnyEnvironment {
		environment = "all environments"
	}
	return e.label() + " (" + environment + ", scope " + e.Scope + ")"
}
