// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// One owner can change roles, groups, bindings and trusts in any order, as held.go explains for other objects.
//
// The contents of a role or group are the bindings that name it by its id. So a creation takes over the role or group
// that has its name. A deletion sets it aside for the creation that follows, or until no binding uses it. Its
// bindings keep their rights. A binding itself is never set aside: it gives its rights until it is deleted, whatever
// its name is.
//
// The contents of a trust are its bindings and its memberships. So a creation takes over a trust, and a deletion sets
// it aside for a creation, as for a group. But while the trust is held, it lets nobody in. A deletion that no creation
// follows removes its contents.

// isAccessKind reports whether objects of a kind decide about rights.
func isAccessKind(k backend.Kind) bool {
	return k == backend.KindRole || k == backend.KindGroup || k == backend.KindBinding || k == backend.KindTrust
}

// isNamed reports whether a name or id means a row. A held row has no name.
func isNamed(o store.Object, nameOrID string) bool {
	return o.ID == nameOrID || o.Name == nameOrID && !isReserved(o.Name)
}

// isSetAside reports whether a role or group was deleted and only waits, so that no binding can begin to use it. A
// role or group that waits for its creation by the owner of the present change can be used.
func (r *run) isSetAside(o store.Object) bool {
	if !isDeleted(o) {
		return false
	}
	_, waits := replacedFor(r.set.Changes[r.index], []store.Object{o}, shownName(o))
	return !waits
}

// accessMember returns a role, group or binding by id or name. If the caller may not know of it, it counts as
// missing. A row that cannot be trusted is returned, so that it can be deleted, even if the rows that give rights
// cannot be read.
func (r *run) accessMember(c backend.Change, id string) (m member, err error) {
	present, err := r.anyAccessRows(c.Kind)
	if err != nil {
		return m, err
	}
	rows, unfit := r.accessRows(c.Kind)
	if unfit != nil && c.Op != backend.OpDelete {
		return m, unfit
	}
	m.row, m.exists = named(present, c.ID, c.Name)
	if m.exists && m.row.Untrusted != nil {
		return m, nil
	}
	hidden := false
	if m.exists {
		knows, err := r.knowsAccess(m.row)
		if err != nil {
			return m, err
		}
		hidden = !knows
	}
	if c.ID != "" {
		if !m.exists || hidden {
			return m, unknownID(c)
		}
		return m, nil
	}
	if err := backend.CheckName(c.Kind, c.Name); err != nil {
		return m, err
	}
	created := store.Object{Kind: c.Kind, ID: id, Project: stored.DeploymentKey, Name: c.Name,
		Attributes: attributes{}.encode()}
	switch {
	case hidden && creates(c.Op) && c.Kind == backend.KindBinding: // others are refused for want of the right
		return m, alreadyExists(c.Kind, c.Name, "")
	case hidden || unfit != nil && !m.exists:
		m.row, m.exists = created, false
		return m, nil
	case unfit != nil: // a deletion
		return m, nil
	}
	if m.row, m.exists, m.taken, err = r.orCreated(c, created); err != nil || m.exists {
		return m, err
	}
	row, back, err := takenBack(c, rows)
	if back {
		m.row, m.exists, m.taken = row, true, true
	}
	return m, err
}

// setAsideAccess holds a role or group that a deletion cannot remove.
func (r *run) setAsideAccess(
	c backend.Change, o store.Object, why string, users []store.Object,
) (backend.Outcome, error) {
	before, err := r.accessObject(o)
	if err != nil {
		return backend.Outcome{}, err
	}
	out := backend.Outcome{Action: backend.ActionDelete, Object: before, Dependents: accessDependents(users)}
	if before.Held == why {
		return out, nil // deleted again
	}
	_, err = r.move(o, func(o *store.Object, a *attributes) {
		a.hold(o, why, o.ID)
		if why != backend.HeldReplaced {
			return
		}
		a.DeletedAt = r.now
		if c.ManagedBy != nil {
			a.ManagedBy = *c.ManagedBy
		}
	})
	return out, err
}

// bindingsOf returns the bindings that use a role or group.
func (r *run) bindingsOf(of store.Object) ([]store.Object, error) {
	bindings, err := r.anyAccessRows(backend.KindBinding)
	if err != nil {
		return nil, err
	}
	var users []store.Object
	for _, b := range bindings {
		if b.Untrusted != nil {
			continue // it gives nothing
		}
		g, err := r.cached.grantOf(b)
		if err != nil {
			return nil, err
		}
		if g.Role == of.ID || g.To == backend.ToGroup+of.ID {
			users = append(users, b)
		}
	}
	return users, nil
}

// deleteTrust deletes a trust with its bindings and its memberships. An owner, such as Terraform, may only do so if
// all of them have its mark. A person deletes all of them at once.
func (r *run) deleteTrust(c backend.Change, row store.Object, a attributes, o backend.Object) (backend.Outcome, error) {
	users, err := r.usersOfTrust(row)
	if err != nil {
		return backend.Outcome{}, err
	}
	if asOwner := c.ManagedBy != nil || c.SameOwner; asOwner && len(users) > 0 {
		mine, err := areOwnedBy(owner(c, a), users...)
		if err != nil || !mine {
			return backend.Outcome{}, cmp.Or(err, inUse(row, accessDependents(users), "remove it from these first"))
		}
	}
	if err := r.forgetPrincipal(backend.ToTrust + row.ID); err != nil {
		return backend.Outcome{}, err
	}
	out := backend.Outcome{Action: backend.ActionDelete, Object: o, Dependents: accessDependents(users)}
	return out, r.tx.DeleteObject(r.ctx, row.ID)
}

// usersOfTrust returns the bindings and the groups that name a trust or one of its subjects.
func (r *run) usersOfTrust(trust store.Object) ([]store.Object, error) {
	var users []store.Object
	for _, kind := range []backend.Kind{backend.KindBinding, backend.KindGroup} {
		rows, err := r.anyAccessRows(kind)
		if err != nil {
			return nil, err
		}
		for _, o := range rows {
			if o.Untrusted != nil {
				continue // it gives nothing
			}
			a, err := decodeAttributes(o)
			if err != nil {
				return nil, err
			}
			names := a.Members
			if a.Grant != nil {
				names = []string{a.Grant.To}
			}
			if slices.ContainsFunc(names, func(to string) bool { return isFor(to, backend.ToTrust+trust.ID) }) {
				users = append(users, o)
			}
		}
	}
	return users, nil
}

func accessDependents(users []store.Object) []backend.Dependent {
	var out []backend.Dependent
	for _, o := range users {
		a, _ := decodeAttributes(o) // they were read
		out = append(out, backend.Dependent{Label: o.Kind.String() + " " + shownName(o), ID: o.ID, ManagedBy: a.ManagedBy})
	}
	return out
}

// letAccessGo removes the role and the group of a former binding, if they were set aside and no other binding uses
// them.
func (r *run) letAccessGo(g backend.Grant) error {
	for _, kind := range []backend.Kind{backend.KindRole, backend.KindGroup} {
		rows, err := r.anyAccessRows(kind)
		if err != nil {
			return err
		}
		for _, o := range rows {
			if o.Untrusted != nil || !isHeldInUse(o) || g.Role != o.ID && g.To != backend.ToGroup+o.ID {
				continue
			}
			users, err := r.bindingsOf(o)
			if err != nil {
				return err
			}
			if len(users) > 0 {
				continue
			}
			if err := r.tx.DeleteObject(r.ctx, o.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
