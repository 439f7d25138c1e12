// SPDX-License-Identifier: MPL-2.0

package planning

import (
	"bytes"
	"context"
	"reflect"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// What a plan does to the values that somebody may have read before: an ephemeral resource, which Terraform opens while
// it plans, and which then hands on the present value.

// RecordValue records what the plan does to the value of an existing secret: whether it may write a new one, and
// whether each plan compares the value with the configuration.
func (p *Plan) RecordValue(id string, isNew, configured bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.newValues[id], p.configured[id] = isNew, configured
}

// ChangesValue reports whether this plan may change the value of a secret or scoped value, also by another object in
// its place. It is false in an apply.
func (p *Plan) ChangesValue(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.newValues[id] && !p.applying.Load()
}

// HasConfiguredValue reports whether a plan would set the value of a secret back to the one in the configuration.
func (p *Plan) HasConfiguredValue(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.configured[id]
}

// recordContents records what a change does to the value of an entry that exists: an update of a scoped value, or a
// creation in the place of another object. RecordValue has the updates of secrets.
func (p *Plan) recordContents(
	ctx context.Context, c backend.Change, outcome backend.Outcome, old *backend.Object,
) error {
	var id string
	var changes bool
	switch {
	case c.Kind == backend.KindScopedValue && c.ID != "":
		id = c.ID
		changes = slices.Contains(outcome.Changed, "json") || slices.Contains(outcome.Changed, "link")
	case c.Kind == backend.KindScopedValue && old != nil:
		id = old.ID
		changes = !bytes.Equal(old.JSON, outcome.Object.JSON) || !reflect.DeepEqual(old.Link, outcome.Object.Link)
	case c.Kind == backend.KindSecret && c.ID == "" && old != nil:
		id = old.ID
		var err error
		if changes, err = p.hasAnotherValue(ctx, c, id); err != nil {
			return err
		}
	default:
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.newValues[id] = changes
	return nil
}

// hasAnotherValue reports whether a secret that is created has another value than the one with the id.
func (p *Plan) hasAnotherValue(ctx context.Context, c backend.Change, id string) (bool, error) {
	if c.Generate != nil || c.ValueFollows || c.Value.IsZero() {
		return true, nil
	}
	outcome, broken, err := p.dryRun(ctx, nil, backend.Change{
		Op: backend.OpUpdate, Kind: c.Kind, ID: id, Value: c.Value,
	})
	return broken != nil || slices.Contains(outcome.Changed, "value"), err
}

// ChangesEntries reports whether this plan changes any secret or scoped value, as far as it knows. It is false in an
// apply.
func (p *Plan) ChangesEntries() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	isEntry := func(planned plannedChange) bool { return !isContainer(planned.change.Kind) }
	return !p.applying.Load() && slices.ContainsFunc(p.changes, isEntry)
}

// Redirects reports whether a reference, which resolves to an entry now, means another one after this plan: an entry
// that comes to a place before it in the lookup order, or to its own place, or the next one, because it goes. A
// creation in its own place is one of ChangesValue. It is false in an apply.
func (p *Plan) Redirects(r backend.Ref, found backend.Resolution) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range backend.LookupOrder(r.Scope, r.Environment) {
		other, claimed := p.claims[place{r.Kind, r.Project, v.Environment, v.Scope, r.Name}]
		switch isFound := v.Environment == found.Environment && v.Scope == found.Scope; {
		case p.applying.Load():
			return false
		case isFound && claimed:
			return other.id != "" && other.id != found.ID
		case isFound:
			return p.leaves(found.ID)
		case claimed:
			return true
		}
	}
	return false
}

// CreatesEntry reports whether a reference will mean an entry that this plan creates, also in the place of the entry
// that it means now. It is false in an apply.
func (p *Plan) CreatesEntry(r backend.Ref, now backend.Resolution) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.applying.Load() {
		return false
	}
	for _, v := range backend.LookupOrder(r.Scope, r.Environment) {
		if c, claimed := p.claims[place{r.Kind, r.Project, v.Environment, v.Scope, r.Name}]; claimed {
			return c.id == ""
		}
		if now.Err == nil && v.Environment == now.Environment && v.Scope == now.Scope {
			return false
		}
	}
	return false
}

// RotatesEntry reports whether this plan changes the value of the entry that a reference means now. It is false in an
// apply.
func (p *Plan) RotatesEntry(ctx context.Context, r backend.Ref) (bool, error) {
	if !p.ChangesEntries() {
		return false, nil
	}
	for _, v := range backend.LookupOrder(r.Scope, r.Environment) {
		page, err := p.service.Query(ctx, backend.Query{
			Kind: r.Kind, Project: r.Project, Environment: v.Environment, Scope: v.Scope, Name: r.Name,
		})
		if err != nil {
			return false, err
		}
		if len(page.Objects) > 0 {
			return p.ChangesValue(page.Objects[0].ID), nil
		}
	}
	return false, nil
}

// leaves reports whether the plan deletes or renames an object. The caller holds the lock.
func (p *Plan) leaves(id string) bool {
	return slices.ContainsFunc(p.changes, func(planned plannedChange) bool {
		c := planned.change
		return c.ID == id && (c.Op == backend.OpDelete || c.Rename != nil)
	})
}
