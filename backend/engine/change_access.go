// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// Roles, groups, bindings and trusts are rows of the deployment, which no project has. Their attributes name roles,
// groups, projects and environments by id, so that a rename changes no right, and an object that is created under the
// name of a deleted one gets none.

// accessRows are the roles, groups, bindings and trusts by kind, as a transaction sees them. They are those that count:
// it fails if one was removed or put back outside Pouncet, and leaves out those that cannot be trusted.
func (r *run) accessRows(kind backend.Kind) ([]store.Object, error) {
	return r.tx.Objects(r.ctx, store.Filter{Kind: kind, Project: stored.DeploymentKey})
}

// changeAccess creates, changes or deletes a role, a group, a binding or a trust.
func (r *run) changeAccess(c backend.Change, id string) (backend.Outcome, error) {
	defer func() { r.knows = nil }()
	if c.Kind != backend.KindTrust && !r.access.MaySome(backend.RightBind, backend.Place{}) {
		return backend.Outcome{}, r.access.deniedSomewhere(backend.RightBind, string(c.Op), c.Kind.String()+" "+
			backend.Quote(cmp.Or(c.Name, c.ID)), "a project")
	}
	if c.Kind == backend.KindTrust && !r.access.Everywhere(backend.RightBind) { // it is not known whether the trust exists
		return backend.Outcome{}, r.access.denied(backend.RightBind, string(c.Op), "trusts", nil, backend.Place{})
	}
	if c.Kind == backend.KindRole {
		if err := checkBuiltInRole(c); err != nil {
			return backend.Outcome{}, err
		}
	}
	m, err := r.accessMember(c, id)
	if err != nil {
		return backend.Outcome{}, err
	}
	if m.exists && m.row.Untrusted != nil {
		return r.deleteUntrusted(c, m.row)
	}
	if outdated, err := r.checkMember(m, c); outdated || err != nil {
		return r.unchanged(m.row, err)
	}
	before, err := decodeAttributes(m.row)
	if err != nil {
		return backend.Outcome{}, err
	}
	if c.Op == backend.OpDelete {
		return r.deleteAccess(c, m.row, before)
	}
	row, a := m.row, before
	if m.taken {
		a, row.Name = a.retake(), c.Name
	}
	var d diff
	d.apply(c, &row.Name, &a)
	if c.Kind == backend.KindBinding && c.Grant != nil {
		if err := r.setGrant(c, m.exists && !m.taken, &a, &d); err != nil {
			return backend.Outcome{}, err
		}
	}
	if c.Kind == backend.KindGroup && c.Members != nil {
		if err := r.setMembers(c, &a, &d); err != nil {
			return backend.Outcome{}, err
		}
	}
	if err := r.allowAccess(row, before, a); err != nil {
		return backend.Outcome{}, err
	}
	return r.writeAccess(c, m, row, before, a, d)
}

// checkBuiltInRole refuses a change of a built-in role, or one that gives a role its name.
func checkBuiltInRole(c backend.Change) error {
	given := []string{strings.TrimPrefix(c.ID, stored.BuiltInType), c.Name}
	if c.Rename != nil {
		given = append(given, *c.Rename)
	}
	for _, name := range given {
		if _, builtIn := backend.RightsOf(backend.Role(name)); builtIn {
			return backend.Errorf(backend.CodeDenied, "role %q is built in and cannot be changed", name).
				WithHint("create another role under another name").At("name")
		}
	}
	return nil
}

// writeAccess writes the row of a role, a group, a binding or a trust, which has the attributes a and had those before.
func (r *run) writeAccess(
	c backend.Change, m member, row store.Object, before, a attributes, d diff,
) (backend.Outcome, error) {
	if m.exists {
		if c.Kind == backend.KindBinding && m.taken && a.Grant == nil {
			return backend.Outcome{}, errNoGrant(row)
		}
		if c.Kind == backend.KindTrust && a.Trust == nil {
			return backend.Outcome{}, errNoTrust(row)
		}
		if c.Kind == backend.KindBinding && m.taken {
			if err := r.checkTakenBinding(c, row, before, a); err != nil {
				return backend.Outcome{}, err
			}
		}
		out, err := r.writeMember(c, m, row, before, a, d)
		if err == nil && m.taken && before.Grant != nil {
			err = r.letAccessGo(*before.Grant)
		}
		return out, err
	}
	rows, err := r.accessRows(c.Kind)
	if err != nil {
		return backend.Outcome{}, err
	}
	most := map[backend.Kind]int{backend.KindRole: backend.MaxRoles, backend.KindGroup: backend.MaxGroups,
		backend.KindBinding: backend.MaxBindings, backend.KindTrust: backend.MaxTrusts}[c.Kind]
	switch {
	case len(rows) >= most:
		return backend.Outcome{}, backend.Errorf(backend.CodeQuota, "the backend already has %d %s, which is the limit", most,
			c.Kind.Plural()).WithHint("delete some").At("name")
	case c.Kind == backend.KindBinding && a.Grant == nil:
		return backend.Outcome{}, errNoGrant(row)
	case c.Kind == backend.KindTrust && a.Trust == nil:
		return backend.Outcome{}, errNoTrust(row)
	case c.Kind == backend.KindBinding:
		if err := r.checkNewBinding(*a.Grant, rows, owner(c, a)); err != nil {
			return backend.Outcome{}, err
		}
	}
	if row, err = r.insert(row, a, nil, nil); err != nil {
		return backend.Outcome{}, err
	}
	o, err := r.accessObject(row)
	return backend.Outcome{Action: backend.ActionCreate, Object: o}, err
}

func errNoGrant(row store.Object) error {
	return backend.Errorf(backend.CodeInvalid, "binding %q gives nothing", row.Name).
		WithHint("say which role it gives, and to whom").At("grant")
}

func errNoTrust(row store.Object) error {
	return backend.Errorf(backend.CodeInvalid, "trust %q has no issuer", row.Name).
		WithHint("name the issuer and the audience").At("trust")
}

// named returns the row with an id or, if that is "", with a name.
func named(rows []store.Object, id, name string) (store.Object, bool) {
	n := slices.IndexFunc(rows, func(o store.Object) bool { return id != "" && o.ID == id || id == "" && o.Name == name })
	if n < 0 {
		return store.Object{}, false
	}
	return rows[n], true
}

// deleteAccess deletes a row. A role or group that a binding uses stays, or is set aside: see access_owner.go.
func (r *run) deleteAccess(c backend.Change, row store.Object, a attributes) (backend.Outcome, error) {
	o, err := r.accessObject(row)
	if errors.Is(err, backend.ErrCorrupt) { // it names another row that cannot be trusted
		o, err = untrustedAccess(row), nil
	}
	if err != nil {
		return backend.Outcome{}, err
	}
	if err := r.allowAccess(row, a, a); err != nil {
		return backend.Outcome{}, err
	}
	if row.Kind == backend.KindBinding {
		if err := r.tx.DeleteObject(r.ctx, row.ID); err != nil || a.Grant == nil {
			return backend.Outcome{Action: backend.ActionDelete, Object: o}, err
		}
		r.unbound = append(r.unbound, *a.Grant)
		return backend.Outcome{Action: backend.ActionDelete, Object: o}, r.letAccessGo(*a.Grant)
	}
	if c.CreationFollows {
		return r.setAsideAccess(c, row, backend.HeldReplaced, nil)
	}
	if row.Kind == backend.KindTrust {
		return r.deleteTrust(c, row, a, o)
	}
	users, err := r.bindingsOf(row)
	if err != nil {
		return backend.Outcome{}, err
	}
	if len(users) > 0 {
		mine, err := areOwnedBy(owner(c, a), users...)
		if err != nil || !mine {
			return backend.Outcome{}, cmp.Or(err, inUse(row, accessDependents(users), "delete these first"))
		}
		return r.setAsideAccess(c, row, backend.HeldInUse, users)
	}
	return backend.Outcome{Action: backend.ActionDelete, Object: o}, r.tx.DeleteObject(r.ctx, row.ID)
}

func grantOf(binding store.Object) (backend.Grant, error) {
	a, err := decodeAttributes(binding)
	if err != nil || a.Grant == nil {
		return backend.Grant{}, cmp.Or(err, error(backend.Errorf(backend.CodeCorrupt, "binding %q gives nothing",
			binding.Name)))
	}
	return *a.Grant, nil
}

// allowAccess decides whether the caller may change a row: nobody gives more than it has.
//
// A binding concerns its places. A role and a group have an effect wherever they are bound, so only a caller with all
// the rights everywhere changes them. So does a trust, whose change lets in others with the rights of its bindings.
func (r *run) allowAccess(row store.Object, before, after attributes) error {
	if row.Kind == backend.KindBinding {
		for _, g := range []*backend.Grant{before.Grant, after.Grant} { // both, if another binding takes this one over
			if g == nil {
				continue // refused later
			}
			if err := r.allowGrant(shownName(row), *g); err != nil {
				return err
			}
		}
		return nil
	}
	need := slices.Concat([]backend.Right{backend.RightBind}, before.Rights, after.Rights)
	if row.Kind == backend.KindGroup || row.Kind == backend.KindTrust {
		need = backend.Rights // it may be bound to any role
	}
	for _, right := range need {
		if !r.access.Everywhere(right) {
			return backend.Errorf(backend.CodeDenied, "permission denied: to change %s %s, you need the right %q everywhere, "+
				"protected environments included", row.Kind, backend.Quote(row.Name), right).
				WithHint("nobody gives more than they have; use a token with role %q", backend.RoleAdmin)
		}
	}
	return nil
}

// allowGrant refuses to give, or take, rights that the caller does not have at the places of the binding.
func (r *run) allowGrant(binding string, g backend.Grant) error {
	rights, err := r.rightsOf(g.Role)
	if err != nil {
		return err
	}
	protected, err := r.isProtected(g.Where)
	if err != nil {
		return err
	}
	for _, right := range append([]backend.Right{backend.RightBind}, rights...) {
		if !r.access.MayGive(right, g.Where, protected) {
			return backend.Errorf(backend.CodeDenied, "permission denied: binding %q is about the right %q at places where you "+
				"do not have it", binding, right).WithHint("nobody gives more than they have; bind a smaller role, or fewer places")
		}
	}
	return nil
}

// mayGive reports whether the caller may give what a binding gives, so that it may change the binding.
func (r *run) mayGive(binding store.Object) (bool, error) {
	g, err := grantOf(binding)
	if err == nil {
		err = r.allowGrant(shownName(binding), g)
	}
	if err != nil && isRule(err) {
		return false, nil
	}
	return err == nil, err
}

// isProtected reports whether the environment of a Where with ids is protected.
func (r *run) isProtected(w backend.Where) (bool, error) {
	if w.Environment == "" || r.access.Everywhere(backend.RightBind) {
		return false, nil
	}
	in, err := r.project(w.Project)
	if err != nil {
		return false, err
	}
	return in.protected[w.Environment], nil
}

// managesBinding reports whether the caller may see and delete a binding: it has the right to bind at all its places.
func (r *run) managesBinding(row store.Object) (bool, error) {
	if r.access.Everywhere(backend.RightBind) {
		return true, nil
	}
	if row.Untrusted != nil {
		return false, nil
	}
	g, err := grantOf(row)
	if err != nil {
		return false, err
	}
	if g.Where.Project != "" && !r.access.seesProject(g.Where.Project) {
		return false, nil
	}
	protected, err := r.isProtected(g.Where)
	return r.access.MayGive(backend.RightBind, g.Where, protected), err
}

// rightsOf returns the rights of a built-in role by name, or of another one by id.
func (r *run) rightsOf(role string) ([]backend.Right, error) {
	if rights, builtIn := backend.RightsOf(backend.Role(role)); builtIn {
		return rights, nil
	}
	rows, err := r.anyAccessRows(backend.KindRole)
	if err != nil {
		return nil, err
	}
	row, _ := named(rows, role, "")
	if row.Untrusted != nil {
		return backend.Rights, nil // nobody knows which it had
	}
	a, err := decodeAttributes(row)
	return a.Rights, err
}

// setGrant sets what a binding gives, with ids in the place of names.
func (r *run) setGrant(c backend.Change, exists bool, a *attributes, d *diff) error {
	g := *c.Grant
	if err := g.Where.Check(); err != nil {
		return err
	}
	var err error
	if g.Role, err = r.roleID(g.Role); err != nil {
		return err
	}
	if g.To, err = r.principalID(g.To, true); err != nil {
		return err
	}
	if g.Where.Project != "" {
		in, err := r.project(g.Where.Project)
		if err != nil {
			return err
		}
		g.Where.Project = in.row.ID
		if g.Where.Environment != "" {
			environment, err := in.environment(g.Where.Environment)
			if err != nil {
				return err
			}
			g.Where.Environment = environment.ID
		}
	}
	if exists && *a.Grant != g {
		return backend.Errorf(backend.CodeImmutable, "binding %q cannot give something else", c.Name).
			WithHint("delete it, and create another one").At(differentPart(*a.Grant, g))
	}
	if !exists {
		a.Grant = &g
		d.changed = append(d.changed, "grant")
	}
	return nil
}

// differentPart returns the attribute in which two grants differ.
func differentPart(a, b backend.Grant) string {
	switch {
	case a.Role != b.Role:
		return "grant.role"
	case a.To != b.To:
		return "grant.to"
	case a.Where.Project != b.Where.Project:
		return "grant.project"
	case a.Where.Environment != b.Where.Environment:
		return "grant.environment"
	case a.Where.Scope != b.Where.Scope:
		return "grant.scope"
	}
	return "grant.names"
}

// roleID returns the name of a built-in role, or the id of another one.
func (r *run) roleID(nameOrID string) (string, error) {
	if _, builtIn := backend.RightsOf(backend.Role(nameOrID)); builtIn && nameOrID != string(backend.RoleNone) {
		return nameOrID, nil
	}
	rows, err := r.accessRows(backend.KindRole)
	if err != nil {
		return "", err
	}
	for _, o := range rows {
		if nameOrID == "" || !isNamed(o, nameOrID) || r.isSetAside(o) {
			continue
		}
		if o.ID == nameOrID {
			return o.ID, nil
		}
		if o.Untrusted != nil {
			return "", o.Untrusted
		}
		if knows, err := r.mayNameRole(o); err != nil || knows {
			return o.ID, err
		}
	}
	if o, waits := replacedFor(r.set.Changes[r.index], rows, nameOrID); waits {
		if knows, err := r.mayNameRole(o); err != nil || knows {
			return o.ID, err
		}
	}
	return "", backend.Errorf(backend.CodeNotFound, "role %s does not exist", backend.Quote(nameOrID)).
		WithHint("list the roles: pouncet role list").At("grant.role")
}
