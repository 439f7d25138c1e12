// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Authorizer decides who may have a value. The engine asks it with the secret that a call really means, because callers
// refer to secrets by links and ids.
type Authorizer interface {
	// MayHave reports whether a principal may have the values of secrets with a visibility: to use them or, with reveal,
	// to show them to a person.
	MayHave(p backend.Principal, v backend.Visibility, reveal bool) bool
}

type nobody struct{}

func (nobody) MayHave(backend.Principal, backend.Visibility, bool) bool { return false }

// principalAccess is what one principal may have. The zero value may have nothing.
type principalAccess struct {
	principal backend.Principal
	authorize Authorizer
	all       bool // every value, to use it
}

// accessOf returns what the principal of a context may have.
func (e *Engine) accessOf(ctx context.Context) principalAccess {
	p, _ := backend.PrincipalFrom(ctx)
	return principalAccess{p, e.authorize,
		e.authorize.MayHave(p, backend.Masked, false) && e.authorize.MayHave(p, backend.Restricted, false)}
}

// check refuses the value of a secret to a principal that may not have it. It decodes the attributes only if the answer
// depends on them.
func (a principalAccess) check(secret store.Object, reveal bool) error {
	if a.all && !reveal {
		return nil
	}
	attr, err := decodeAttributes(secret)
	if err != nil {
		return err
	}
	name := shownName(secret)
	switch {
	case a.authorize.MayHave(a.principal, attr.Visibility, reveal):
		return nil
	case attr.Visibility == backend.Restricted && reveal:
		return backend.Errorf(backend.CodeDenied, "secret %q is restricted: its value cannot be shown to a person", name).
			WithHint("refer to it in a configuration, or set a new value")
	case attr.Visibility == backend.Restricted:
		return backend.Errorf(backend.CodeDenied, "secret %q is restricted: only a workload may have its value", name).
			WithHint("%s", a.workloadHint())
	}
	return backend.Errorf(backend.CodeDenied, "token %s with role %q may not have the value of secret %q",
		backend.Quote(a.principal.Name), a.principal.Role, name)
}

// knows reports whether the principal may use or reveal the values of secrets with a visibility. Then an answer that
// depends on such a value tells nothing new.
func (a principalAccess) knows(v backend.Visibility) bool {
	return a.authorize.MayHave(a.principal, v, false) || a.authorize.MayHave(a.principal, v, true)
}

// workloadHint says how a program gets the values of restricted secrets.
func (a principalAccess) workloadHint() string {
	return "use a token for a workload; if a program has this token: pouncet token set " + cmp.Or(a.principal.ID, "ID") +
		" --for workload"
}

// checkVisibility refuses to make a restricted secret masked to a principal that may not have its value: it could
// reveal the value then, and those of earlier versions.
func (r *run) checkVisibility(c backend.Change, e *entry) error {
	if e.known || r.set.CompareOnly || e.attr.Visibility != backend.Restricted || c.Visibility == nil ||
		*c.Visibility == backend.Restricted {
		return nil
	}
	return backend.Errorf(backend.CodeDenied, "secret %q is restricted: only a workload can make it %s", e.row.Name,
		*c.Visibility).WithHint("%s", r.access.workloadHint()).At("visibility")
}

// checkKnown refuses a change that depends on whether stored values fit a schema, if the principal may not have all of
// them. With many schemas, the answers would tell a value letter by letter. The error is about an attribute of the
// change.
func (r *run) checkKnown(attribute, change string, secrets ...store.Object) error {
	var unknown []string
	for _, o := range secrets {
		if a, err := decodeAttributes(o); err != nil || !r.access.knows(a.Visibility) {
			unknown = append(unknown, backend.Quote(shownName(o)))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return backend.Errorf(backend.CodeDenied, "%s: only a workload may have the value of restricted secret %s", change,
		backend.Enumerate(unknown)).WithHint("%s", r.access.workloadHint()).At(attribute)
}
