// SPDX-License-Identifier: MPL-2.0

package access

import (
	"context"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// act is what a call does, in words. The guard knows no places, so an act is allowed if the role has one of its rights.
// The engine decides about each object.
type act struct {
	does   string
	rights []backend.Right
}

var (
	seeMetadata  = act{"see metadata", []backend.Right{backend.RightSee}}
	useValues    = act{"resolve references", []backend.Right{backend.RightResolve}}
	reveal       = act{"reveal values to a person", []backend.Right{backend.RightReveal}}
	compare      = act{"compare values and try changes", []backend.Right{backend.RightCompare}}
	change       = act{"change anything", []backend.Right{backend.RightWrite, backend.RightDelete, backend.RightManage}}
	manageTokens = act{"see, create or revoke tokens", []backend.Right{backend.RightBind}}
	manageAccess = act{"see or change roles, groups, bindings and trusts", []backend.Right{backend.RightBind}}
	readAudit    = act{"read the audit log", []backend.Right{backend.RightAudit}}
	register     = act{"register usages", []backend.Right{backend.RightRegister}}
)

// allows reports whether a role has one of the rights of an act. What RoleNone allows depends on places, so the engine
// decides alone.
func allows(r backend.Role, a act) bool {
	rights, _ := backend.RightsOf(r)
	return r == backend.RoleNone || slices.ContainsFunc(a.rights, func(right backend.Right) bool {
		return slices.Contains(rights, right)
	})
}

// smallestRole returns the role with the fewest rights that may do something.
func smallestRole(a act) backend.Role {
	for _, r := range slices.Backward(backend.Roles) {
		if r != backend.RoleNone && allows(r, a) {
			return r
		}
	}
	return backend.RoleAdmin
}

// guard is a Service that checks the role before each call.
type guard struct{ next backend.Service }

var _ backend.Service = (*guard)(nil)

// Guard returns a Service that passes on the calls which the role of the
// context's principal allows. A call without a principal gives
// ErrUnauthenticated, a call that the role does not allow ErrDenied.
func Guard(next backend.Service) backend.Service { return &guard{next} }

// actsOf lists what the calls of a verb can be.
var actsOf = map[backend.Verb][]act{
	backend.VerbQuery:   {seeMetadata, manageTokens, readAudit},
	backend.VerbResolve: {useValues, reveal},
	backend.VerbReveal:  {reveal},
	backend.VerbApply:   {change, compare, register, manageTokens},
}

// Allow returns ErrDenied if a principal may make no call of a verb.
func Allow(p backend.Principal, verb backend.Verb) error {
	acts := actsOf[verb]
	if len(acts) == 0 {
		return denied(p, change)
	}
	for _, a := range acts {
		if allows(p.Role, a) {
			return nil
		}
	}
	e := denied(p, acts[0])
	if verb == backend.VerbApply {
		return e.WithHint("%s; the role %s is enough to plan and to try changes", e.Hint, smallestRole(compare))
	}
	return e
}

func check(ctx context.Context, a act) error {
	p, ok := backend.PrincipalFrom(ctx)
	if !ok {
		return backend.Errorf(backend.CodeUnauthenticated, "no credentials were supplied").WithHint("set POUNCET_TOKEN")
	}
	if !allows(p.Role, a) {
		return denied(p, a)
	}
	return nil
}

func denied(p backend.Principal, a act) *backend.Error {
	return backend.Errorf(backend.CodeDenied, "permission denied: token %q has role %q, which may not %s", p.Name, p.Role,
		a.does).
		WithHint("use a token whose role allows it, or create one: pouncet token create --role %s", smallestRole(a))
}

func (g *guard) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	a := seeMetadata
	switch {
	case q.Kind == backend.KindToken && !q.Self: // every caller may see its own token
		a = manageTokens
	case isAccess(q.Kind):
		a = manageAccess
	case q.Kind == backend.KindRecord:
		a = readAudit
	}
	if err := check(ctx, a); err != nil {
		return backend.Page{}, err
	}
	return g.next.Query(ctx, q)
}

// isAccess reports whether objects of a kind decide about rights.
func isAccess(k backend.Kind) bool {
	return k == backend.KindRole || k == backend.KindGroup || k == backend.KindBinding || k == backend.KindTrust
}

// Resolve refuses the single references that are not allowed, and resolves the
// others.
func (g *guard) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	first := useValues
	if slices.ContainsFunc(refs, func(r backend.Ref) bool { return r.Reveal }) {
		first = reveal // the hint names a role that is enough
	}
	p, known := backend.PrincipalFrom(ctx)
	if !known || !allows(p.Role, useValues) && !allows(p.Role, reveal) {
		return nil, check(ctx, first)
	}
	out := make([]backend.Resolution, len(refs))
	var passed []backend.Ref
	var places []int
	for i, r := range refs {
		a := useValues
		if r.Reveal {
			a = reveal
		}
		if !allows(p.Role, a) {
			out[i].Err = denied(p, a)
			continue
		}
		passed, places = append(passed, r), append(places, i)
	}
	if len(passed) == len(refs) {
		return g.next.Resolve(ctx, refs)
	}
	if len(passed) == 0 {
		return out, nil
	}
	resolved, err := g.next.Resolve(ctx, passed)
	if err != nil {
		return nil, err
	}
	for i, r := range resolved {
		out[places[i]] = r
	}
	return out, nil
}

// Apply refuses a set if any of its changes is not allowed. Staging a change needs the permission to make it, also in a
// dry run: the values that a draft has are part of the trial. Any other dry run by a role that may not change anything
// tells of a stored value only whether it equals a given one.
func (g *guard) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	changes := set.Changes
	if len(changes) == 0 {
		changes = []backend.Change{{}} // an empty set needs a permission too
	}
	for _, c := range changes {
		if err := check(ctx, actOf(c, set.DryRun && set.Draft == "")); err != nil {
			return nil, err
		}
	}
	p, _ := backend.PrincipalFrom(ctx)
	set.CompareOnly = set.DryRun && !allows(p.Role, change)
	return g.next.Apply(ctx, set)
}

// actOf returns what a change needs, or a dry run of it.
func actOf(c backend.Change, dryRun bool) act {
	switch {
	case c.Kind == backend.KindToken:
		return manageTokens
	case isAccess(c.Kind):
		return manageAccess
	case c.Kind == backend.KindUsage:
		return register
	case dryRun:
		return compare
	}
	return change
}
