// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// How roles, groups, bindings and trusts are shown: an id in a row becomes the present name of its object.

// accessNames holds the names of roles, groups, tokens, projects and environments by id, as far as they are known.
type accessNames struct {
	ctx    context.Context
	tx     store.Tx
	engine *Engine
	access principalAccess
	tokens map[string]string
	trusts map[string]string
}

// accessObject converts a row for an outcome.
func (r *run) accessObject(row store.Object) (backend.Object, error) {
	return (&accessNames{ctx: r.ctx, tx: r.tx, engine: r.engine, access: r.access}).object(row)
}

func (n *accessNames) object(row store.Object) (backend.Object, error) {
	if row.Untrusted != nil {
		return backend.Object{}, row.Untrusted
	}
	o, err := object(row, nil)
	if err != nil {
		return o, err
	}
	o.Grant, o.Members = nil, nil
	a, err := decodeAttributes(row)
	if err != nil {
		return o, err
	}
	for _, m := range a.Members {
		name, err := n.principal(m)
		if err != nil {
			return o, err
		}
		o.Members = append(o.Members, name)
	}
	slices.Sort(o.Members)
	if a.Grant == nil {
		return o, nil
	}
	g := *a.Grant
	if g.Role, err = n.rowName(backend.KindRole, g.Role); err != nil {
		return o, err
	}
	if g.To, err = n.principal(g.To); err != nil {
		return o, err
	}
	g.Where, err = n.where(g.Where)
	o.Grant = &g
	return o, err
}

// rowName returns the name of a role or group, or the id if it does not exist: a built-in role has no other.
func (n *accessNames) rowName(kind backend.Kind, id string) (string, error) {
	if !backend.IsID(id) {
		return id, nil
	}
	rows, err := n.tx.Objects(n.ctx, store.Filter{Kind: kind, Project: stored.DeploymentKey, ID: id, Limit: 1,
		AnyState: true})
	if err != nil || len(rows) == 0 {
		return id, err
	}
	if rows[0].Untrusted != nil {
		return "", rows[0].Untrusted
	}
	return shownName(rows[0]), nil
}

func (n *accessNames) principal(to string) (string, error) {
	if id, ok := strings.CutPrefix(to, backend.ToGroup); ok {
		name, err := n.rowName(backend.KindGroup, id)
		return backend.ToGroup + name, err
	}
	if text, ok := strings.CutPrefix(to, backend.ToTrust); ok {
		return n.trust(text)
	}
	if n.tokens == nil {
		n.tokens = map[string]string{}
		tokens, err := n.tx.Tokens(n.ctx)
		if err != nil {
			return "", err
		}
		for _, t := range tokens {
			if t.Untrusted != nil {
				return "", t.Untrusted // another token may have its id
			}
			n.tokens[t.ID] = t.Name
		}
	}
	if name, ok := n.tokens[strings.TrimPrefix(to, backend.ToToken)]; ok {
		return backend.ToToken + name, nil
	}
	return to, nil
}

// trust returns a trust, or one of its subjects, with the name of the trust.
func (n *accessNames) trust(text string) (string, error) {
	if n.trusts == nil {
		rows, err := n.tx.Objects(n.ctx, store.Filter{Kind: backend.KindTrust, Project: stored.DeploymentKey})
		if err != nil {
			return "", err
		}
		n.trusts = map[string]string{}
		for _, o := range rows {
			if o.Untrusted != nil {
				return "", o.Untrusted
			}
			n.trusts[o.ID] = shownName(o)
		}
	}
	id, subject, one := strings.Cut(text, "/")
	name := cmp.Or(n.trusts[id], id)
	if one {
		name += "/" + subject
	}
	return backend.ToTrust + name, nil
}

// where replaces the ids of a project and an environment by their names, if they exist.
func (n *accessNames) where(w backend.Where) (backend.Where, error) {
	if w.Project == "" {
		return w, nil
	}
	in, err := n.engine.loadProject(n.ctx, n.tx, w.Project, n.access)
	if errors.Is(err, backend.ErrNotFound) {
		return w, nil
	}
	if err != nil {
		return w, err
	}
	w.Project = shownName(in.row)
	if w.Environment != "" {
		w.Environment = in.environmentName(w.Environment)
	}
	return w, nil
}

// accessObjects lists roles, groups, bindings or trusts. A binding is shown to who may bind at all its places. To a
// caller who may not bind everywhere, a group is shown if such a binding is for it, with the members that it knows.
// Trusts are shown to who may list tokens.
func (l listing) accessObjects() (backend.Page, error) {
	if l.q.Deleted {
		return backend.Page{}, backend.Errorf(backend.CodeInvalid, "a deleted %s cannot be restored or listed", l.q.Kind).
			At("deleted")
	}
	if l.q.Kind != backend.KindTrust && !l.access.MaySome(backend.RightBind, backend.Place{}) {
		return backend.Page{}, l.access.deniedSomewhere(backend.RightBind, "list", l.q.Kind.Plural(), "a project")
	}
	rows, err := l.tx.Objects(l.ctx, store.Filter{Kind: l.q.Kind, Project: stored.DeploymentKey,
		AnyState: true})
	if err != nil {
		return backend.Page{}, err
	}
	r := l.asRun()
	everywhere := l.access.Everywhere(backend.RightBind)
	if l.q.Kind == backend.KindTrust && !r.listsTokens() {
		return backend.Page{}, l.access.denied(backend.RightBind, "list", l.q.Kind.Plural(), nil, backend.Place{})
	}
	names := &accessNames{ctx: l.ctx, tx: l.tx, engine: l.engine, access: l.access}
	objects := []backend.Object{}
	if l.q.Kind == backend.KindRole && !l.q.Held {
		objects = builtInRoles()
	}
	for _, row := range rows {
		if isReserved(row.Name) != l.q.Held && l.q.ID == "" {
			continue
		}
		if may, err := r.knowsAccess(row); err != nil || !may {
			if err != nil && !errors.Is(err, backend.ErrNotFound) {
				return backend.Page{}, err
			}
			continue
		}
		o, err := names.object(row)
		if err != nil {
			return backend.Page{}, err
		}
		if !everywhere && l.q.Kind != backend.KindBinding && l.q.Kind != backend.KindTrust {
			o.Description = ""
			if o.Members, err = r.knownMembers(row); err != nil {
				return backend.Page{}, err
			}
		}
		objects = append(objects, o)
	}
	return l.pageOf(objects), nil
}

// builtInRoles returns the roles that every backend has.
func builtInRoles() []backend.Object {
	var out []backend.Object
	for _, r := range backend.Roles {
		if r == backend.RoleNone {
			continue
		}
		rights, _ := backend.RightsOf(r)
		out = append(out, backend.Object{Kind: backend.KindRole, ID: stored.BuiltInType + string(r), Name: string(r),
			BuiltIn: true, Attributes: backend.Attributes{Rights: rights}})
	}
	return out
}
