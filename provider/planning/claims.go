// SPDX-License-Identifier: MPL-2.0

package planning

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// place is where an object is: its kind and what makes it unique.
type place struct {
	kind                              backend.Kind
	project, environment, scope, name string
}

// claim is a resource that will have a place after the apply.
type claim struct {
	id       string // of the object, "" if the apply creates it
	replaces string // id of the object that the creation replaces, or ""
}

// sameResource reports whether two claims can be of one resource: Terraform plans a resource that is replaced twice,
// first as it is and then as a creation.
func (a claim) sameResource(b claim) bool {
	return a.id != "" && (a.id == b.id || a.id == b.replaces) || b.id != "" && b.id == a.replaces ||
		a.replaces != "" && a.replaces == b.replaces
}

// claim records the place that an object will have. It returns an error if another resource of the plan will have it
// too, whichever of the two Terraform plans first.
func (p *Plan) claim(check Check, outcome backend.Outcome) *backend.Error {
	o, c := outcome.Object, claim{id: check.Change.ID, replaces: check.Replaces}
	at := placeOf(o)
	p.mu.Lock()
	defer p.mu.Unlock()
	if other, taken := p.claims[at]; taken && !other.sameResource(c) {
		return wantedTwice(o)
	}
	if c.id != "" && p.replaced[c.id] {
		return backend.Errorf(backend.CodeExists,
			"%s %s is not marked as an object of this configuration, and another resource takes its name in this plan",
			o.Kind, backend.Quote(o.Name)).
			WithHint("leave the names as they are in one apply, whose plan shows managed_by as an update, " +
				"and move them in the next").
			At("name")
	}
	p.claims[at] = c
	return p.claimVacated(check, at, outcome)
}

// claimVacated refuses to create a container under the name that another one leaves in the same plan. In the apply, the
// creation can come first, and would take over the container with its contents.
func (p *Plan) claimVacated(check Check, at place, outcome backend.Outcome) *backend.Error {
	c := check.Change
	if !hasUsers(c.Kind) {
		return nil
	}
	left := at
	switch {
	case c.Op == backend.OpCreate && p.vacated[at] != "" && p.vacated[at] != check.Replaces:
	case c.Op == backend.OpCreate:
		return nil
	case c.Rename != nil:
		left.name = check.Name
		p.vacated[left] = c.ID
		if other, taken := p.claims[left]; !taken || other.id != "" || other.replaces == c.ID {
			return nil
		}
	default:
		return nil
	}
	return errVacated(left)
}

// Vacate records an existing object that gets a name which is not known yet. Whatever it is, the plan must not create a
// container under the present name.
func (p *Plan) Vacate(kind backend.Kind, id, project, name string) *backend.Error {
	if !hasUsers(kind) {
		return nil
	}
	left := placeOf(backend.Object{Kind: kind, Project: project, Name: name})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.vacated[left] = id
	if other, taken := p.claims[left]; !taken || other.id != "" || other.replaces == id {
		return nil
	}
	return errVacated(left)
}

func errVacated(left place) *backend.Error {
	return backend.Errorf(backend.CodeExists, "this plan renames %s %s, and creates another one of that name",
		left.kind, backend.Quote(left.name)).
		WithHint("rename in one apply, and create in the next; or add moved blocks if only addresses changed, as in a list " +
			"with count that grows at its beginning").At("name")
}

// checkReplaced judges the deletion of the object that a creation replaces. Terraform plans it without asking. If the
// object is protected, the deletion fails. If it does not carry the mark of this configuration, a creation that comes
// before the deletion fails (create_before_destroy), and no plan shows which comes first.
//
// It returns the old object: as one that stays in its place, or as one that leaves, because the new object comes to
// another place.
func (p *Plan) checkReplaced(
	ctx context.Context, c backend.Change, id string,
) (stays, leaves *backend.Object, refused *backend.Error, err error) {
	renames := slices.DeleteFunc(p.containerChanges(c), func(of backend.Change) bool { return of.Kind == c.Kind })
	outcome, broken, err := p.dryRun(ctx, renames, p.deletionBefore(c, id))
	if err != nil || broken != nil && broken.Code == backend.CodeDenied {
		return nil, nil, broken, err
	}
	o := outcome.Object
	samePlace := o.Project == c.Project && o.Environment == c.Environment && o.Scope == scopeOf(c) && o.Name == c.Name
	if c.Kind == backend.KindProject {
		samePlace = o.Name == c.Name
	}
	switch {
	case broken != nil:
		return nil, nil, nil, nil
	case !samePlace:
		refused, err = p.checkLeft(ctx, o)
		return nil, &o, refused, err
	case !p.named || o.ManagedBy == p.owner:
		return &o, nil, nil, nil
	}
	return &o, nil, p.errNotMarked(o), nil
}

// checkLeft refuses the deletion of an object that a creation in another place replaces, if the apply would refuse it:
// objects of others do not follow.
func (p *Plan) checkLeft(ctx context.Context, o backend.Object) (*backend.Error, error) {
	deletion := backend.Change{
		Op: backend.OpDelete, Kind: o.Kind, ID: o.ID, ManagedBy: &p.owner, SameOwner: p.named,
	}
	_, broken, err := p.dryRun(ctx, nil, deletion)
	if err != nil || broken == nil || broken.Code != backend.CodeInUse || p.destroying.Load() {
		return nil, err
	}
	var users []string
	p.mu.Lock()
	for _, d := range broken.Dependents {
		if d.ManagedBy != p.owner && (p.named || !p.known[d.ID]) {
			users = append(users, d.Label)
		}
	}
	p.mu.Unlock()
	if len(users) == 0 {
		return nil, nil
	}
	e := backend.Errorf(backend.CodeInUse, "%s %s is in use by %s, and its replacement gets another name or place",
		o.Kind, backend.Quote(o.Name), backend.Enumerate(users))
	return e.WithHint("rename it without replacing it, in one apply, and replace it in the next; or remove or change " +
		"what uses it before").At("name"), nil
}

// errNotMarked refuses the replacement of an object that another configuration, or none, has marked.
func (p *Plan) errNotMarked(o backend.Object) *backend.Error {
	e := backend.Errorf(backend.CodeConflict,
		"%s %s is not marked as an object of this configuration: its managed_by is %q, so its replacement could fail in "+
			"the apply", o.Kind, backend.Quote(o.Name), o.ManagedBy).At("name")
	name, _ := strings.CutPrefix(p.owner, backend.ManagedByTerraform+":")
	first := "leave it as it is in one apply, which sets managed_by, and replace it in the next; if it is tainted, run: " +
		"terraform untaint ADDRESS"
	old, named := strings.CutPrefix(o.ManagedBy, backend.ManagedByTerraform+":")
	switch {
	case named:
		return e.WithHint("if %q is the name that this configuration had before, run: pouncet configuration adopt %s "+
			"--from %s; or %s", old, name, old, first)
	case o.ManagedBy == backend.ManagedByTerraform:
		return e.WithHint("run: pouncet configuration adopt %s --unnamed; or %s", name, first)
	}
	return e.WithHint("%s", first)
}

func wantedTwice(o backend.Object) *backend.Error {
	where := ""
	if o.Environment != "" {
		where = " in environment " + backend.Quote(o.Environment)
	}
	return backend.Errorf(backend.CodeExists, "two resources of this configuration are %s %s%s",
		o.Kind, backend.Quote(o.Name), where).
		WithHint("give one of them another name, or remove it").At("name")
}

// warnOfGuess warns of a change that takes the place of an object which may belong to another configuration: without a
// name, all configurations record the same owner.
func (p *Plan) warnOfGuess(check Check, outcome backend.Outcome, result *Result) {
	holder := outcome.Displaced
	if holder == nil || p.named || holder.ID == check.Replaces ||
		check.Change.Op == backend.OpCreate && p.isKnown(holder.ID) { // it can be a tainted one
		return
	}
	result.Warnings = append(result.Warnings, backend.Errorf(backend.CodeExists,
		"%s %s exists, and the provider cannot tell whether this configuration moves or deletes it in the same apply",
		holder.Kind, backend.Quote(holder.Name)).
		WithHint("set the argument configuration of the provider to a name of this configuration; without it, the apply "+
			"may stop once and must then be repeated").At("name"))
}

// warnOfProtected warns of a creation in the place of a protected object of this configuration. If that one is tainted,
// Terraform deletes it in the apply, which fails, and asks the provider nothing about it while it plans. It may also be
// one that gets another name in this plan.
func (p *Plan) warnOfProtected(check Check, outcome backend.Outcome, result *Result) {
	holder := outcome.Displaced
	if holder == nil || !holder.Protected || check.Change.Op != backend.OpCreate || holder.ID == check.Replaces {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.known[holder.ID] || p.kept[holder.ID] || p.leaves(holder.ID) {
		return
	}
	result.Warnings = append(result.Warnings, backend.Errorf(backend.CodeDenied,
		"%s %s is protected against deletion, so the apply fails if Terraform replaces it because it is tainted",
		holder.Kind, backend.Quote(holder.Name)).
		WithHint("if it is tainted, run: terraform untaint ADDRESS; if this plan renames it, no action is necessary").
		At("name"))
}

// forget removes what the plan knows of an object as an update: Terraform plans a replaced object as it is first.
func (p *Plan) forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes = slices.DeleteFunc(p.changes, func(planned plannedChange) bool { return planned.change.ID == id })
	p.uses = slices.DeleteFunc(p.uses, func(u use) bool { return u.change.ID == id })
	maps.DeleteFunc(p.claims, func(_ place, c claim) bool { return c.id == id })
	isIt := func(_ place, other string) bool { return other == id }
	maps.DeleteFunc(p.vacated, isIt)
	maps.DeleteFunc(p.renamed, isIt)
	maps.DeleteFunc(p.formerNames, func(_ place, former formerName) bool { return former.id == id })
}

// formerName is the id of a container, and its name before the plan.
type formerName struct{ id, name string }

// recordFormerName records the name that a renamed container has before the apply.
func (p *Plan) recordFormerName(o backend.Object, former formerName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.formerNames[placeOf(o)] = former
}

// PresentNames returns the names that a project and an environment have before the apply, by those that they have after
// it: Terraform deletes what it replaces before it renames what contains it.
func (p *Plan) PresentNames(project, environment string) (presentProject, presentEnvironment string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	presentProject, presentEnvironment = project, environment
	if former, renamed := p.formerNames[place{kind: backend.KindProject, name: project}]; renamed {
		presentProject = former.name
	}
	if former, renamed := p.formerNames[place{
		kind: backend.KindEnvironment, project: project, name: environment,
	}]; renamed {
		presentEnvironment = former.name
	}
	return presentProject, presentEnvironment
}
