// SPDX-License-Identifier: MPL-2.0

package planning

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// use is an object that a planned change begins to use by its name: the environment, the project or the type of an
// object, or the secret of a link. Without a reference, Terraform does not know of it: the plan can delete the object
// that has the name, and the apply can do so before or after the change. So the plan refuses one of the two, whichever
// it judges last.
type use struct {
	of        place // of a secret, only the project and the name count: a link can mean several
	change    backend.Change
	user      backend.Object // as it will be
	attribute string         // of the user
}

// departure is a planned deletion that no creation in the same place follows.
type departure struct {
	change  backend.Change
	object  backend.Object
	movedTo *backend.Object // the object that replaces it in another place, or nil
}

func placeOf(o backend.Object) place {
	at := place{o.Kind, o.Project, o.Environment, o.Scope, o.Name}
	if o.Kind == backend.KindProject {
		at.project = ""
	}
	return at
}

// usesOf returns what a change begins to use.
func usesOf(c backend.Change, outcome backend.Outcome) []use {
	var uses []use
	begins := func(attribute string) bool {
		return c.Op == backend.OpCreate || slices.Contains(outcome.Changed, attribute)
	}
	begin := func(of place, attribute string) {
		of.project = outcome.Object.Project
		uses = append(uses, use{of, c, outcome.Object, attribute})
	}
	if c.Op == backend.OpCreate && c.Kind != backend.KindProject {
		at := place{kind: backend.KindProject, name: outcome.Object.Project}
		uses = append(uses, use{at, c, outcome.Object, "project"})
	}
	if c.Op == backend.OpCreate && c.Environment != "" && c.Environment != backend.AnyEnvironment {
		begin(place{kind: backend.KindEnvironment, name: c.Environment}, "environment")
	}
	if c.Type != nil && *c.Type != "" && begins("type") {
		begin(place{kind: backend.KindSecretType, name: *c.Type}, "type")
	}
	if c.Grant != nil && begins("grant") {
		uses = append(uses, usesOfGrant(c, outcome.Object)...)
	}
	if c.Members != nil && begins("members") {
		for _, member := range c.Members {
			if trust, _, ok := trustIn(member); ok {
				uses = append(uses, use{place{kind: backend.KindTrust, name: trust}, c, outcome.Object, "members"})
			}
		}
	}
	if c.Link != nil && begins("link") {
		begin(place{kind: backend.KindSecret, name: c.Link.Secret}, "link")
	}
	return uses
}

// usesOfGrant returns what a binding names.
func usesOfGrant(c backend.Change, user backend.Object) []use {
	var uses []use
	add := func(of place, attribute string) {
		if of.name != "" {
			uses = append(uses, use{of, c, user, "grant." + attribute})
		}
	}
	g := c.Grant
	if group, ok := strings.CutPrefix(g.To, backend.ToGroup); ok {
		add(place{kind: backend.KindGroup, name: group}, "to")
	}
	if trust, _, ok := trustIn(g.To); ok {
		add(place{kind: backend.KindTrust, name: trust}, "to")
	}
	add(place{kind: backend.KindRole, name: g.Role}, "role")
	add(place{kind: backend.KindProject, name: g.Where.Project}, "project")
	add(place{kind: backend.KindEnvironment, project: g.Where.Project, name: g.Where.Environment}, "environment")
	return uses
}

// trustIn returns the trust in the name of a principal, and what follows it: "/" and a subject, or nothing.
func trustIn(principal string) (trust, rest string, ok bool) {
	text, ok := strings.CutPrefix(principal, backend.ToTrust)
	trust, subject, one := strings.Cut(text, "/")
	if one {
		rest = "/" + subject
	}
	return trust, rest, ok
}

// isUsedBy reports whether a use can mean the deleted object.
func (d departure) isUsedBy(u use) bool {
	at := placeOf(d.object)
	if at.kind == backend.KindSecret {
		at.environment, at.scope = "", ""
	}
	return at == u.of
}

// checkUses returns an error if the plan deletes what a change begins to use.
func (p *Plan) checkUses(ctx context.Context, c backend.Change, outcome backend.Outcome) (*backend.Error, error) {
	uses := usesOf(c, outcome)
	p.mu.Lock()
	p.uses = append(p.uses, uses...)
	departures := slices.Clone(p.departures)
	p.mu.Unlock()
	for _, d := range departures {
		for _, u := range uses {
			switch e, err := p.judgeUse(ctx, u, d); {
			case err != nil:
				return nil, err
			case e != nil:
				return e.At(u.attribute), nil
			}
		}
	}
	return nil, nil
}

// checkDeparture returns an error if another change of the plan begins to use an object that a deletion removes.
func (p *Plan) checkDeparture(ctx context.Context, d departure) (*backend.Error, error) {
	p.mu.Lock()
	p.departures = append(p.departures, d)
	uses := slices.Clone(p.uses)
	p.mu.Unlock()
	for _, u := range uses {
		if e, err := p.judgeUse(ctx, u, d); e != nil || err != nil {
			return e, err
		}
	}
	return nil, nil
}

// judgeUse returns an error if the apply of both, a deletion and a change that uses the object, cannot succeed.
func (p *Plan) judgeUse(ctx context.Context, u use, d departure) (*backend.Error, error) {
	if !d.isUsedBy(u) || p.destroying.Load() || p.isClaimedByAnother(d) {
		return nil, nil
	}
	if u.of.kind == backend.KindSecret {
		if holds, err := p.linkHolds(ctx, u.change, d); !holds || err != nil {
			return nil, err
		}
	}
	return errNeeds(u, d), nil
}

func errNeeds(u use, d departure) *backend.Error {
	needs := fmt.Sprintf("%s %s needs %s %s", u.user.Kind, backend.Quote(u.user.Name), d.object.Kind,
		backend.Quote(d.object.Name))
	if d.movedTo != nil {
		return backend.Errorf(backend.CodeInUse, "%s, and this plan moves it to %s", needs, whereIs(*d.movedTo)).
			WithHint("create another %s there, or change what needs it", d.object.Kind)
	}
	return backend.Errorf(backend.CodeInUse, "%s, and this plan deletes it", needs).
		WithHint("keep the %s, or change what needs it; a reference to the resource, in place of its name, shows Terraform "+
			"what depends on what", d.object.Kind)
}

// whereIs names what an object is in.
func whereIs(o backend.Object) string {
	if o.Environment == "" {
		return "project " + backend.Quote(o.Project)
	}
	return fmt.Sprintf("environment %s and scope %s of project %s", backend.Quote(o.Environment), backend.Quote(o.Scope),
		backend.Quote(o.Project))
}

// isClaimedByAnother reports whether another object has the place after the apply.
func (p *Plan) isClaimedByAnother(d departure) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	other, claimed := p.claims[placeOf(d.object)]
	return claimed && other.id != d.object.ID
}

// linkHolds reports whether a link that a change makes needs the deleted secret. It does not if it can mean another
// secret of the name. A link that can mean none of them still needs one: somewhere, a secret of the name must exist.
func (p *Plan) linkHolds(ctx context.Context, c backend.Change, d departure) (bool, error) {
	p.mu.Lock()
	c = p.withIDs(c)
	p.mu.Unlock()
	isChange := func(other backend.Change) bool {
		return other.Op == c.Op && other.Kind == c.Kind && other.ID == c.ID && other.Name == c.Name &&
			other.Project == c.Project && other.Environment == c.Environment && other.Scope == c.Scope
	}
	without := slices.DeleteFunc(p.otherChanges(d.change, d.object.Name), isChange)
	before, err := p.dependents(ctx, without, d.change)
	if err != nil {
		return false, err
	}
	after, err := p.dependents(ctx, append(slices.Clone(without), c), d.change)
	if err != nil || after > before {
		return after > before, err
	}
	forced := d.change
	forced.Force, forced.ManagedBy, forced.SameOwner = true, &p.owner, true
	_, broken, err := p.dryRun(ctx, append(without, forced), c)
	return lacksLinked(broken), err
}

// lacksLinked reports whether a change is refused because no secret has the name to which it links.
func lacksLinked(broken *backend.Error) bool {
	return broken != nil && broken.Code == backend.CodeNotFound && broken.Attribute == "link"
}

// dependents returns how many objects use one that a deletion removes after other changes.
func (p *Plan) dependents(ctx context.Context, preceding []backend.Change, deletion backend.Change) (int, error) {
	deletion.ManagedBy, deletion.SameOwner = &p.owner, true
	outcome, broken, err := p.dryRun(ctx, preceding, deletion)
	if err != nil {
		return 0, err
	}
	if broken != nil {
		return len(broken.Dependents), nil
	}
	return len(outcome.Dependents), nil
}

// hasUsers reports whether objects of a kind have others that name them by their id, so that a creation takes over the
// one that has the name. A creation also takes over a binding: its name must not give rights to a former one.
func hasUsers(k backend.Kind) bool {
	switch k {
	case backend.KindRole, backend.KindGroup, backend.KindBinding, backend.KindTrust:
		return true
	}
	return isContainer(k)
}

// containerChanges returns the planned changes of what a change can be in or use: of its project, of the environments
// and types of the project, of roles, groups and trusts for a binding, and of trusts for a group. It leaves out
// deletions.
func (p *Plan) containerChanges(of backend.Change) []backend.Change {
	project := of.Project
	if of.Grant != nil {
		project = of.Grant.Where.Project
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []backend.Change
	for _, planned := range p.changes {
		c := planned.change
		used := isContainer(c.Kind) && planned.project == project
		switch c.Kind {
		case backend.KindRole, backend.KindGroup:
			used = of.Kind == backend.KindBinding
		case backend.KindTrust:
			used = of.Kind == backend.KindBinding || of.Kind == backend.KindGroup
		}
		if used && c.Op != backend.OpDelete {
			out = append(out, c)
		}
	}
	return out
}

// withIDsOfRenamed returns a change that names what the plan renames by its id. In the dry run, another object can
// still have the new name.
func (p *Plan) withIDsOfRenamed(c backend.Change) backend.Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.withIDs(c)
}

// principalOfRenamed does that for a trust among the principals. The caller holds the lock.
func (p *Plan) principalOfRenamed(principal string) string {
	if trust, rest, ok := trustIn(principal); ok {
		if id, ok := p.renamed[place{kind: backend.KindTrust, name: trust}]; ok {
			return backend.ToTrust + id + rest
		}
	}
	return principal
}

// grantOfRenamed does that for a grant. The caller holds the lock.
func (p *Plan) grantOfRenamed(g backend.Grant) *backend.Grant {
	byID := func(kind backend.Kind, project string, name *string) {
		if id, ok := p.renamed[place{kind: kind, project: project, name: *name}]; ok {
			*name = id
		}
	}
	byID(backend.KindRole, "", &g.Role)
	if group, ok := strings.CutPrefix(g.To, backend.ToGroup); ok {
		byID(backend.KindGroup, "", &group)
		g.To = backend.ToGroup + group
	}
	g.To = p.principalOfRenamed(g.To)
	byID(backend.KindEnvironment, g.Where.Project, &g.Where.Environment)
	byID(backend.KindProject, "", &g.Where.Project)
	return &g
}
