// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"errors"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// What a caller who may bind at some places only may know of tokens, groups and roles.

// known is what the bindings that the caller manages are for, as Grant.To with an id, and the ids of their roles.
type known struct {
	principals, roles map[string]bool
}

// known returns what the caller knows from the bindings that it manages, and from those that this set has deleted. A
// change of a binding forgets it.
func (r *run) known() (known, error) {
	if r.knows != nil {
		return *r.knows, nil
	}
	k := known{map[string]bool{}, map[string]bool{}}
	for _, g := range r.unbound {
		k.principals[g.To], k.roles[g.Role] = true, true
	}
	bindings, err := r.accessRows(backend.KindBinding)
	if err != nil {
		return k, err
	}
	for _, row := range bindings {
		may, err := r.managesBinding(row)
		switch {
		case errors.Is(err, backend.ErrNotFound):
			continue // its project was deleted
		case err != nil:
			return k, err
		case !may:
			continue
		}
		g, err := grantOf(row)
		if err != nil {
			return k, err
		}
		k.principals[g.To], k.roles[g.Role] = true, true
	}
	r.knows = &k
	return k, nil
}

// listsTokens reports whether the caller may list all tokens.
func (r *run) listsTokens() bool { return r.access.MayGive(backend.RightBind, backend.Where{}, false) }

// knowsToken reports whether the caller may know the name of a token: it is its own, it made the token, or a binding
// that it manages names the token.
func (r *run) knowsToken(t store.Token) (bool, error) {
	created := slices.ContainsFunc(r.steps, func(s step) bool { return s.id == t.ID })
	if created || t.ID == r.access.principal.ID || r.listsTokens() || r.madeToken(t) {
		return true, nil
	}
	k, err := r.known()
	return k.principals[backend.ToToken+t.ID], err
}

// madeToken reports whether the caller, or another token of its origin, made a token.
func (r *run) madeToken(t store.Token) bool {
	return madeBy(t) != "" && madeBy(t) == r.access.principal.Budget()
}

// revocable reports whether the caller may delete a token. Otherwise the token does not exist, or the caller is
// refused.
//
// Callers who may bind everywhere may delete each token. Others may delete those that they made, if they could delete
// all of its bindings too.
func (r *run) revocable(t store.Token) (exists bool, err error) {
	if r.access.Everywhere(backend.RightBind) {
		return true, nil
	}
	if exists, err = r.knowsToken(t); err != nil || !exists {
		return false, err
	}
	denied := backend.Errorf(backend.CodeDenied, "permission denied: to delete token %s, you must have made it, and be "+
		"able to give all its rights", backend.Quote(t.Name)).
		WithHint("delete its bindings that you may change, or use a token with role %q", backend.RoleAdmin)
	if !r.madeToken(t) || t.Role != backend.RoleNone {
		return true, denied
	}
	to, err := r.groupsOf(backend.ToToken + t.ID)
	if err != nil {
		return true, err
	}
	bindings, err := r.accessRows(backend.KindBinding)
	if err != nil {
		return true, err
	}
	for _, row := range bindings {
		g, err := grantOf(row)
		if err != nil {
			return true, err
		}
		if !slices.Contains(to, g.To) {
			continue
		}
		if err := r.allowGrant(row.Name, g); err != nil {
			if isRule(err) {
				err = denied // the binding may be one that the caller does not see
			}
			return true, err
		}
	}
	return true, nil
}

// groupsOf returns a principal and the groups that it is a member of.
func (r *run) groupsOf(member string) ([]string, error) {
	out := []string{member}
	groups, err := r.accessRows(backend.KindGroup)
	if err != nil {
		return nil, err
	}
	for _, row := range groups {
		a, err := decodeAttributes(row)
		if err != nil {
			return nil, err
		}
		if slices.Contains(a.Members, member) {
			out = append(out, backend.ToGroup+row.ID)
		}
	}
	return out, nil
}

// knowsRole reports whether the caller may know of a role: a binding that it manages gives it, or it may give all of
// its rights somewhere.
func (r *run) knowsRole(k known, id string, rights []backend.Right) bool {
	return k.roles[id] || !slices.ContainsFunc(rights, func(right backend.Right) bool {
		return !r.access.MaySome(right, backend.Place{})
	})
}

// mayNameRole is knowsRole for a row.
func (r *run) mayNameRole(row store.Object) (bool, error) {
	if r.access.Everywhere(backend.RightBind) {
		return true, nil
	}
	k, err := r.known()
	if err != nil {
		return false, err
	}
	a, err := decodeAttributes(row)
	return r.knowsRole(k, row.ID, a.Rights), err
}

// knowsGroup reports whether the caller may know of a group.
func (r *run) knowsGroup(row store.Object) (bool, error) {
	if r.access.Everywhere(backend.RightBind) {
		return true, nil
	}
	k, err := r.known()
	return k.principals[backend.ToGroup+row.ID], err
}

// knowsAccess reports whether the caller may know of a role, a group, a binding or a trust.
func (r *run) knowsAccess(row store.Object) (bool, error) {
	switch row.Kind {
	case backend.KindBinding:
		return r.managesBinding(row)
	case backend.KindGroup:
		return r.knowsGroup(row)
	case backend.KindTrust:
		return r.knowsTrust(row)
	}
	return r.mayNameRole(row)
}

// knownMembers returns the names of the members of a group that the caller knows.
func (r *run) knownMembers(row store.Object) ([]string, error) {
	a, err := decodeAttributes(row)
	if err != nil || len(a.Members) == 0 {
		return nil, err
	}
	tokens, err := r.tx.Tokens(r.ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range tokens {
		if !slices.Contains(a.Members, backend.ToToken+t.ID) {
			continue
		}
		knows, err := r.knowsToken(t)
		if err != nil {
			return nil, err
		}
		if knows {
			names = append(names, backend.ToToken+t.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}
