// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// This file finds the principals of bindings and groups: tokens, groups, trusts, and single subjects of a trust.

// principalID returns "token:", "group:" or "trust:" with an id. A caller knows the name of a token or trust if the
// caller may list tokens, or has created it in the same set.
func (r *run) principalID(to string, orGroup bool) (string, error) {
	if name, ok := strings.CutPrefix(to, backend.ToGroup); ok && orGroup {
		return r.groupID(name)
	}
	if name, ok := strings.CutPrefix(to, backend.ToTrust); ok {
		return r.trustID(name)
	}
	if name, ok := strings.CutPrefix(to, backend.ToToken); ok {
		return r.tokenID(name)
	}
	attribute := "members"
	if orGroup {
		attribute = "grant.to"
	}
	return "", backend.Errorf(backend.CodeInvalid, "%s is not a valid principal", backend.Quote(to)).
		WithHint(`write "token:", "group:" or "trust:", and a name or id; for a subject of a trust, add "/" and the subject`).
		At(attribute)
}

// groupID returns the principal of a group. A name must be one that the caller may know. An id cannot be guessed: the
// caller has it from somebody who wants to be bound.
func (r *run) groupID(nameOrID string) (string, error) {
	rows, err := r.accessRows(backend.KindGroup)
	if err != nil {
		return "", err
	}
	for _, o := range rows {
		if nameOrID == "" || !isNamed(o, nameOrID) || r.isSetAside(o) {
			continue
		}
		knows, err := r.knowsGroup(o)
		if err != nil {
			return "", err
		}
		if knows || o.ID == nameOrID {
			return backend.ToGroup + o.ID, nil
		}
	}
	if o, waits := replacedFor(r.set.Changes[r.index], rows, nameOrID); waits {
		if knows, err := r.knowsGroup(o); err != nil || knows {
			return backend.ToGroup + o.ID, err
		}
	}
	return "", backend.Errorf(backend.CodeNotFound, "group %s does not exist", backend.Quote(nameOrID)).
		WithHint("list the groups that you know: pouncet group list; ask an admin for the id of another one").
		At("grant.to")
}

// trustID returns the principal of a trust, or of one of its subjects.
func (r *run) trustID(text string) (string, error) {
	nameOrID, subject, one := strings.Cut(text, "/")
	if one {
		if err := backend.CheckNamedSubject(subject); err != nil {
			return "", err.At("grant.to")
		}
	}
	principal := func(o store.Object) string {
		if one {
			return backend.ToTrust + o.ID + "/" + subject
		}
		return backend.ToTrust + o.ID
	}
	rows, err := r.accessRows(backend.KindTrust)
	if err != nil {
		return "", err
	}
	for _, o := range rows {
		if nameOrID == "" || !isNamed(o, nameOrID) {
			continue
		}
		knows, err := r.knowsTrust(o)
		if err != nil {
			return "", err
		}
		if knows || o.ID == nameOrID {
			return principal(o), nil
		}
	}
	if o, waits := replacedFor(r.set.Changes[r.index], rows, nameOrID); waits {
		if knows, err := r.knowsTrust(o); err != nil || knows {
			return principal(o), err
		}
	}
	return "", backend.Errorf(backend.CodeNotFound, "trust %s does not exist", backend.Quote(nameOrID)).
		WithHint("list the trusts that you know: pouncet trust list; ask an admin for the id of another one").
		At("grant.to")
}

func (r *run) tokenID(nameOrID string) (string, error) {
	tokens, err := r.tx.Tokens(r.ctx)
	if err != nil {
		return "", err
	}
	for _, t := range tokens {
		if nameOrID == "" || t.ID != nameOrID && t.Name != nameOrID {
			continue
		}
		knows, err := r.knowsToken(t)
		if err != nil {
			return "", err
		}
		if !knows && (t.ID != nameOrID || t.Role != backend.RoleNone) {
			continue
		}
		if t.Untrusted != nil {
			return "", t.Untrusted
		}
		if t.Role != backend.RoleNone {
			return "", backend.Errorf(backend.CodeInvalid, "token %s has the role %q everywhere, and cannot have bindings",
				backend.Quote(t.Name), t.Role).
				WithHint("create a token with the role %q for bindings", backend.RoleNone).At("grant.to")
		}
		return backend.ToToken + t.ID, nil
	}
	return "", backend.Errorf(backend.CodeNotFound, "token %s does not exist", backend.Quote(nameOrID)).
		WithHint("list the tokens that you know: pouncet token list; ask an admin for the id of another one").
		At("grant.to")
}

// knowsTrust reports whether the caller may know the name of a trust: it is its own, or a binding that it manages names
// the trust.
func (r *run) knowsTrust(o store.Object) (bool, error) {
	created := slices.ContainsFunc(r.steps, func(s step) bool { return s.id == o.ID })
	if created || o.ID == r.access.principal.Trust || r.listsTokens() {
		return true, nil
	}
	k, err := r.known()
	return k.principals[backend.ToTrust+o.ID], err
}

// setMembers sets the members of a group, with ids.
func (r *run) setMembers(c backend.Change, a *attributes, d *diff) error {
	if len(c.Members) > backend.MaxMembers {
		return backend.Errorf(backend.CodeTooLarge, "%d members are given; the limit is %d", len(c.Members),
			backend.MaxMembers).WithHint("use several groups").At("members")
	}
	ids := make([]string, len(c.Members))
	for i, m := range c.Members {
		id, err := r.principalID(m, false)
		if err != nil {
			return backend.AsError(err).At("members")
		}
		ids[i] = id
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if !slices.Equal(ids, a.Members) {
		a.Members = ids
		d.changed = append(d.changed, "members")
	}
	return nil
}

// isFor reports whether a binding or membership is for a token or trust, or for a subject of the trust.
func isFor(to, principal string) bool {
	return to == principal || strings.HasPrefix(to, principal+"/")
}

// forgetPrincipal removes the bindings of a deleted token or trust, and its memberships.
func (r *run) forgetPrincipal(principal string) error {
	bindings, err := r.anyAccessRows(backend.KindBinding)
	if err != nil {
		return err
	}
	for _, b := range bindings {
		if b.Untrusted != nil {
			continue // it gives nothing
		}
		g, err := grantOf(b)
		if err != nil {
			return err
		}
		if isFor(g.To, principal) {
			if err := r.tx.DeleteObject(r.ctx, b.ID); err != nil {
				return err
			}
			if err := r.letAccessGo(g); err != nil {
				return err
			}
		}
	}
	groups, err := r.anyAccessRows(backend.KindGroup)
	if err != nil {
		return err
	}
	for _, o := range groups {
		if o.Untrusted != nil {
			continue
		}
		if err := r.forgetMember(o, principal); err != nil {
			return err
		}
	}
	return nil
}

// forgetMember removes a token or trust from a group.
func (r *run) forgetMember(group store.Object, principal string) error {
	a, err := decodeAttributes(group)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(a.Members), func(m string) bool { return isFor(m, principal) })
	if len(left) == len(a.Members) {
		return nil
	}
	// The owner of the group has not changed it: an update that it has planned still comes through.
	_, err = r.move(group, func(_ *store.Object, a *attributes) { a.Members = left })
	return err
}
