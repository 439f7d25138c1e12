// SPDX-License-Identifier: MPL-2.0

package access

import (
	"context"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// act is what a role can be allowed to do.
type act string

const (
	seeMetadata  act = "see metadata"
	useValues    act = "resolve references"
	reveal       act = "reveal values to a person"
	compare      act = "compare values and try changes"
	change       act = "change anything"
	manageTokens act = "see, create or revoke tokens"
	register     act = "register usages"
)

// allowed defines what each role may do.
var allowed = map[backend.Role]map[act]bool{
	backend.RoleAdmin: {
		seeMetadata: true, useValues: true, reveal: true, compare: true, change: true, manageTokens: true, register: true,
	},
	backend.RoleRuntime: {seeMetadata: true, useValues: true, register: true},
	backend.RolePlanner: {seeMetadata: true, compare: true},
	backend.RoleViewer:  {seeMetadata: true},
}

// smallestRole returns the role with the fewest permissions that may do something.
func smallestRole(a act) backend.Role {
	for _, r := range slices.Backward(backend.Roles) {
		if allowed[r][a] {
			return r
		}
	}
	return backend.RoleAdmin
}

// Rights answers for the engine who may have a value (see engine.Authorizer).
type Rights struct{}

// MayHave reports whether a principal may have the values of secrets with a visibility: to use them or, with revealed,
// to show them to a person. Only a workload may use restricted secrets, and no person sees their values.
func (Rights) MayHave(p backend.Principal, v backend.Visibility, revealed bool) bool {
	if v != backend.Masked {
		return !revealed && p.Kind == backend.Workload && allowed[p.Role][useValues]
	}
	if revealed {
		return allowed[p.Role][reveal]
	}
	return allowed[p.Role][useValues]
}

// guard is a Service that checks the table before each call.
type guard struct{ next backend.Service }

var _ backend.Service = (*guard)(nil)

// Guard returns a Service that passes on the calls which the role of the
// context's principal allows. A call without a principal gives
// ErrUnauthenticated, a call that the role does not allow ErrDenied.
func Guard(next backend.Service) backend.Service { return &guard{next} }

// actsOf lists what the calls of a verb can be.
var actsOf = map[backend.Verb][]act{
	backend.VerbQuery:   {seeMetadata, manageTokens},
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
		if allowed[p.Role][a] {
			return nil
		}
	}
	return denied(p, acts[0])
}

func check(ctx context.Context, a act) error {
	p, ok := backend.PrincipalFrom(ctx)
	if !ok {
		return backend.Errorf(backend.CodeUnauthenticated, "no credentials were supplied").WithHint("set POUNCET_TOKEN")
	}
	if !allowed[p.Role][a] {
		return denied(p, a)
	}
	return nil
}

func denied(p backend.Principal, a act) *backend.Error {
	return backend.Errorf(backend.CodeDenied, "permission denied: token %q has role %q, which may not %s", p.Name, p.Role,
		a).
		WithHint("use a token whose role allows it, or create one: pouncet token create --role %s", smallestRole(a))
}

func (g *guard) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	a := seeMetadata
	if q.Kind == backend.KindToken && !q.Self { // every caller may see its own token
		a = manageTokens
	}
	if err := check(ctx, a); err != nil {
		return backend.Page{}, err
	}
	return g.next.Query(ctx, q)
}

// Resolve refuses the single references that are not allowed, and resolves the
// others.
func (g *guard) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	p, known := backend.PrincipalFrom(ctx)
	if err := check(ctx, useValues); err != nil {
		if known && slices.ContainsFunc(refs, func(r backend.Ref) bool { return r.Reveal }) {
			err = denied(p, reveal) // the hint names a role that is enough
		}
		return nil, err
	}
	if allowed[p.Role][reveal] {
		return g.next.Resolve(ctx, refs)
	}
	out := make([]backend.Resolution, len(refs))
	var passed []backend.Ref
	var places []int
	for i, r := range refs {
		if r.Reveal {
			out[i].Err = denied(p, reveal)
			continue
		}
		passed, places = append(passed, r), append(places, i)
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
	set.CompareOnly = set.DryRun && !allowed[p.Role][change]
	return g.next.Apply(ctx, set)
}

// actOf returns what a change needs, or a dry run of it.
func actOf(c backend.Change, dryRun bool) act {
	switch {
	case c.Kind == backend.KindToken:
		return manageTokens
	case c.Kind == backend.KindUsage:
		return register
	case dryRun:
		return compare
	}
	return change
}
