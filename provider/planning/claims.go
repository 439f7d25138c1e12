// SPDX-License-Identifier: MPL-2.0

package planning

import "github.com/pouncet/terraform-provider-pouncet/backend"

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
	at := place{o.Kind, o.Project, o.Environment, o.Scope, o.Name}
	if o.Kind == backend.KindProject {
		at.project = ""
	}
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
	if !isContainer(c.Kind) {
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
	return backend.Errorf(backend.CodeExists, "this plan renames %s %s, and creates another one of that name",
		outcome.Object.Kind, backend.Quote(left.name)).
		WithHint("rename in one apply, and create in the next; or add a moved block if only the address changed").At("name")
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
