// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// How the links of scoped values follow the secrets that they mean.

// moveLinks changes the links to a renamed secret to its new name, if no other secret of the project has the old name.
// It ignores secrets that this set renamed to the old name, and the links that followed them. A link that the caller
// may not write follows only if it can mean the secret, and goes on to mean it.
//
// The values of the owner of the rename remember the old name: see returnLinks.
func (r *run) moveLinks(p *project, secret store.Object, before, owner string) error {
	bearers, err := r.tx.Objects(r.ctx, store.Filter{Kind: backend.KindSecret, Project: p.row.ID, Name: before})
	if err != nil {
		return err
	}
	for _, o := range bearers {
		if r.places.arrived[o.ID] == 0 {
			return nil
		}
	}
	linked, err := r.tx.Objects(r.ctx, store.Filter{Kind: backend.KindScopedValue, Project: p.row.ID, Link: before})
	if err != nil {
		return err
	}
	linked = slices.DeleteFunc(linked, func(v store.Object) bool {
		along, ok := r.places.follows[v.ID]
		return ok && along != secret.ID || !canMean(v, secret) && !r.mayMove(p, v)
	})
	if err := r.allowMoves(p, secret, before, linked); err != nil {
		return err
	}
	for _, row := range linked {
		if err := r.moveLink(p, row, secret, owner); err != nil {
			return err
		}
	}
	return nil
}

// moveLink changes one link to the new name of a secret.
func (r *run) moveLink(p *project, row, secret store.Object, owner string) error {
	if err := r.verifyRow(p, row); err != nil {
		return err
	}
	a, err := decodeAttributes(row)
	if err != nil {
		return err
	}
	key, err := r.signingKey(p, row.Environment)
	if err != nil {
		return err
	}
	was := row
	if owner != "" && a.ManagedBy == owner && row.Type == "" {
		row.Type = formerLink + row.Link
	}
	row.Link, a.LinkHeld = secret.Name, false
	a.Quiet++
	if _, err := r.update(row, a, key, p); err != nil {
		return err
	}
	r.places.follows[row.ID] = secret.ID
	if linkIsHeld(was) {
		return r.letGo(p.row.ID, was)
	}
	return nil
}

// allowMoves refuses a rename that gives a link which the caller may not write another meaning: another secret has the
// new name already, where the link is used.
func (r *run) allowMoves(p *project, secret store.Object, before string, links []store.Object) error {
	foreign := slices.DeleteFunc(slices.Clone(links), func(v store.Object) bool { return r.mayMove(p, v) })
	if len(foreign) == 0 {
		return nil
	}
	bearers, err := r.tx.Objects(r.ctx, store.Filter{Kind: backend.KindSecret, Project: p.row.ID, Name: secret.Name})
	if err != nil {
		return err
	}
	foreign = slices.DeleteFunc(foreign, func(v store.Object) bool {
		return !slices.ContainsFunc(bearers, func(o store.Object) bool { return o.ID != secret.ID && canMean(v, o) })
	})
	if len(foreign) == 0 {
		return nil
	}
	users, err := r.dependentsIn(p, foreign)
	if err != nil {
		return err
	}
	e := backend.Errorf(backend.CodeInUse, "secret %s cannot get the name %s: links that you may not change would mean "+
		"another secret then, those of %s", backend.Quote(before), backend.Quote(secret.Name),
		backend.Enumerate(labels(users))).
		WithHint("choose another name, or use a token with the right %q for these too", r.moving()).At("name")
	e.Dependents = users
	return e
}

// moving is the right that a change of a link needs.
func (r *run) moving() backend.Right {
	if r.deploying {
		return backend.RightDeploy
	}
	return backend.RightWrite
}

// mayMove reports whether the caller may give a link another meaning.
func (r *run) mayMove(p *project, v store.Object) bool {
	return r.step().kept || r.mayNow(r.moving(), p.at(v))
}

// formerLink begins the type of a scoped value whose link followed a secret that
// its owner renamed. The name that the link had comes after it.
const formerLink = "link:"

// returnLinks changes the links that followed a renamed secret back to a name, once
// their owner brings another secret to that name. A configuration that does not
// change a link expects its name to stay, in any order of the renames.
func (r *run) returnLinks(p *project, secret store.Object, owner string) error {
	if owner == "" {
		return nil
	}
	followed, err := r.tx.Objects(r.ctx, store.Filter{
		Kind: backend.KindScopedValue, Project: p.row.ID, Type: formerLink + secret.Name,
	})
	if err != nil {
		return err
	}
	for _, v := range followed {
		mine, err := areOwnedBy(owner, v)
		if err != nil {
			return err
		}
		if !mine || !canMean(v, secret) || !r.mayMove(p, v) {
			continue
		}
		if _, err := r.move(v, func(o *store.Object, _ *attributes) { o.Link, o.Type = secret.Name, "" }); err != nil {
			return err
		}
		delete(r.places.follows, v.ID)
	}
	return nil
}

// linkedFrom returns the scoped values whose link can mean a secret. The
// reserved name of a displaced secret is its id, to which nothing links.
func (r *run) linkedFrom(p *project, secret store.Object) ([]store.Object, error) {
	linked, err := r.tx.Objects(r.ctx, store.Filter{
		Kind: backend.KindScopedValue, Project: p.row.ID, Link: strings.TrimPrefix(secret.Name, reserved),
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(linked, func(v store.Object) bool { return !canMean(v, secret) }), nil
}

// canMean reports whether the link of a scoped value can mean a secret of its
// name: one request can see both.
func canMean(v, secret store.Object) bool {
	return overlap(v.Environment, secret.Environment, backend.AnyEnvironment) &&
		overlap(v.Scope, secret.Scope, backend.ProjectScope) && (!isReserved(secret.Name) || linkIsHeld(v))
}

// overlap reports whether one request can see both a and b, where all stands
// for every environment or scope.
func overlap(a, b, all string) bool { return a == b || a == all || b == all }
