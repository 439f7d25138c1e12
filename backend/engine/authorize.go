// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Authorizer says what principals may do. The engine asks it with the place of each object that a call concerns,
// because callers refer to objects by links and ids.
type Authorizer interface {
	// Permissions returns what a principal may do, as a transaction reads it.
	Permissions(ctx context.Context, tx store.Tx, p backend.Principal) (backend.Permissions, error)
}

type nobody struct{}

func (nobody) Permissions(context.Context, store.Tx, backend.Principal) (backend.Permissions, error) {
	return nothing{}, nil
}

// nothing is what a principal without any right may do.
type nothing struct{}

func (nothing) May(backend.Right, backend.Place) bool           { return false }
func (nothing) MaySome(backend.Right, backend.Place) bool       { return false }
func (nothing) MayGive(backend.Right, backend.Where, bool) bool { return false }
func (nothing) Where(backend.Right, string) []backend.Where     { return nil }
func (nothing) Everywhere(backend.Right) bool                   { return false }

// principalAccess is what one principal may do.
type principalAccess struct {
	backend.Permissions
	principal backend.Principal
	all       bool // every value, to use it
	seesAll   bool
}

// accessOf returns what the principal of a context may do.
func (e *Engine) accessOf(ctx context.Context, tx store.Tx) (principalAccess, error) {
	p, _ := backend.PrincipalFrom(ctx)
	may, err := e.authorize.Permissions(ctx, tx, p)
	if err != nil {
		return principalAccess{Permissions: nothing{}}, err
	}
	return principalAccess{Permissions: may, principal: p,
		all:     p.Kind == backend.Workload && may.Everywhere(backend.RightResolve),
		seesAll: may.Everywhere(backend.RightSee)}, nil
}

// Rights returns what the principal of a context may do, for a caller that offers only what is allowed. Each call is
// decided again.
func (e *Engine) Rights(ctx context.Context) (may backend.Permissions, err error) {
	err = e.store.View(ctx, func(tx store.Tx) error {
		p, _ := backend.PrincipalFrom(ctx)
		may, err = e.authorize.Permissions(ctx, tx, p)
		return err
	})
	return may, err
}

// mayHave reports whether the principal may have the value of a secret: to use it or, with reveal, to show it to a
// person. Only a workload may use restricted secrets, and no person sees their values.
func (a principalAccess) mayHave(at backend.Place, v backend.Visibility, reveal bool) bool {
	switch {
	case v != backend.Masked:
		return !reveal && a.principal.Kind == backend.Workload && a.May(backend.RightResolve, at)
	case reveal:
		return a.May(backend.RightReveal, at)
	}
	return a.May(backend.RightResolve, at)
}

// check refuses the value of a secret to a principal that may not have it. It decodes the attributes only if the answer
// depends on them.
func (a principalAccess) check(in *project, secret store.Object, reveal bool) error {
	if a.all && !reveal {
		return nil
	}
	attr, err := decodeAttributes(secret)
	if err != nil {
		return err
	}
	name, at := shownName(secret), in.at(secret)
	right := backend.RightResolve
	if reveal {
		right = backend.RightReveal
	}
	switch {
	case a.mayHave(at, attr.Visibility, reveal):
		return nil
	case !a.May(right, at) && !(reveal && attr.Visibility == backend.Restricted && a.May(backend.RightResolve, at)):
		return a.denied(right, string(right), label(in, secret), in, at)
	case attr.Visibility == backend.Restricted && reveal:
		return backend.Errorf(backend.CodeDenied, "secret %q is restricted: its value cannot be shown to a person", name).
			WithHint("refer to it in a configuration, or set a new value")
	}
	return backend.Errorf(backend.CodeDenied, "secret %q is restricted: only a workload may have its value", name).
		WithHint("%s", a.workloadHint())
}

// checkScopedValue refuses a scoped value to a principal that may not use or reveal it.
func (a principalAccess) checkScopedValue(in *project, value store.Object, reveal bool) error {
	at := in.at(value)
	if a.May(backend.RightResolve, at) || reveal && a.May(backend.RightReveal, at) {
		return nil
	}
	right := backend.RightResolve
	if reveal {
		right = backend.RightReveal
	}
	return a.denied(right, string(right), label(in, value), in, at)
}

// knows reports whether the principal may use or reveal the value of a secret with a visibility. Then an answer that
// depends on the value tells nothing new.
func (a principalAccess) knows(in *project, o store.Object, v backend.Visibility) bool {
	at := in.at(o)
	return a.mayHave(at, v, false) || a.mayHave(at, v, true)
}

// workloadHint says how a program gets the values of restricted secrets.
func (a principalAccess) workloadHint() string {
	return "use a token for a workload; if a program has this token: pouncet token set " + cmp.Or(a.principal.ID, "ID") +
		" --for workload"
}

// checkVisibility refuses to make a restricted secret masked to a principal that may not have its value: it could
// reveal the value then, and those of earlier versions.
func (r *run) checkVisibility(c backend.Change, e *entry) error {
	if e.known || r.compareOnly() || e.attr.Visibility != backend.Restricted || c.Visibility == nil ||
		*c.Visibility == backend.Restricted {
		return nil
	}
	return backend.Errorf(backend.CodeDenied, "secret %q is restricted: only a workload can make it %s", e.row.Name,
		*c.Visibility).WithHint("%s", r.access.workloadHint()).At("visibility")
}

// checkKnown refuses a change that depends on whether stored values fit a schema, if the principal may not have all of
// them. With many schemas, the answers would tell a value letter by letter. The error is about an attribute of the
// change.
func (r *run) checkKnown(attribute, change string, in *project, secrets ...store.Object) error {
	var unknown []string
	workload := true // a workload with the same rights might have the values
	for _, o := range secrets {
		a, err := decodeAttributes(o)
		if err == nil && !r.access.mayHave(in.at(o), backend.Masked, false) {
			workload = false
		}
		switch {
		case err == nil && r.knowsValue(in, o, a.Visibility):
		case !r.access.seesRow(in, o):
			if !slices.Contains(unknown, unseen) {
				unknown = append(unknown, unseen)
			}
		default:
			unknown = append(unknown, backend.Quote(shownName(o)))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	if workload {
		return backend.Errorf(backend.CodeDenied, "%s: only a workload may have the value of restricted secret %s", change,
			backend.Enumerate(unknown)).WithHint("%s", r.access.workloadHint()).At(attribute)
	}
	return backend.Errorf(backend.CodeDenied, "%s: it depends on the value of secret %s, which you may not have", change,
		backend.Enumerate(unknown)).WithHint("use a token with the right %q there", backend.RightResolve).At(attribute)
}

// unseen stands for objects that the principal may not see. It tells neither their names nor how many they are.
const unseen = "entries that you may not see"
