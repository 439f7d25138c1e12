// SPDX-License-Identifier: MPL-2.0

package access

import (
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// act is what a role may or may not do.
type act string

const (
	seeMetadata act = "see metadata"
	useValues   act = "resolve references"
	reveal      act = "reveal values to a person"
	change      act = "change anything"
	seeTokens   act = "see tokens"
	register    act = "register usages"
)

// allowed is the whole of what roles mean.
var allowed = map[backend.Role]map[act]bool{
	backend.RoleAdmin:   {seeMetadata: true, useValues: true, reveal: true, change: true, seeTokens: true, register: true},
	backend.RoleRuntime: {seeMetadata: true, useValues: true, register: true},
	backend.RoleViewer:  {seeMetadata: true},
}

// guard is a Service that asks the table first.
type guard struct{ next backend.Service }

var _ backend.Service = (*guard)(nil)

// Guard passes on what the principal of the context may do. A call without a
// principal is ErrUnauthenticated; one that its role does not allow is ErrDenied.
func Guard(next backend.Service) backend.Service { return &guard{next} }

func check(ctx context.Context, a act) error {
	p, ok := backend.PrincipalFrom(ctx)
	if !ok {
		return backend.Errorf(backend.CodeUnauthenticated, "nobody has said who asks").WithHint("set POUNCET_TOKEN")
	}
	if !allowed[p.Role][a] {
		return denied(p, a)
	}
	return nil
}

func denied(p backend.Principal, a act) *backend.Error {
	return backend.Errorf(backend.CodeDenied, "token %q has role %q, which may not %s", p.Name, p.Role, a).
		WithHint("use a token of a role that may: pouncet token create --role admin")
}

func (g *guard) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	a := seeMetadata
	if q.Kind == backend.KindToken {
		a = seeTokens
	}
	if err := check(ctx, a); err != nil {
		return backend.Page{}, err
	}
	return g.next.Query(ctx, q)
}

// Resolve refuses single references where only these are not allowed: the
// others are resolved.
func (g *guard) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	if err := check(ctx, useValues); err != nil {
		return nil, err
	}
	p, _ := backend.PrincipalFrom(ctx)
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

func (g *guard) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	a := register
	for _, c := range set.Changes {
		if c.Kind != backend.KindUsage {
			a = change
		}
	}
	if len(set.Changes) == 0 {
		a = change
	}
	if err := check(ctx, a); err != nil {
		return nil, err
	}
	return g.next.Apply(ctx, set)
}
