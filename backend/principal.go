// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"cmp"
	"context"
	"slices"
)

// Principal is the person or workload that a call is made for.
type Principal struct {
	// ID is the id of the token, or the id of the trust with "/" and the subject; empty for the local user of an embedded
	// backend.
	ID   string
	Name string // of the token, of the trust with "/" and the subject, or of the local user
	Role Role
	Kind PrincipalKind // an unknown one has the permissions of a person
	// MadeBy is the id of the token that made this one, unless that one may bind everywhere. If each of several tokens
	// made the next, it is the id of the first one.
	MadeBy string
	// Trust is the id of the trust that vouches for a caller who has logged in with an identity token.
	Trust string
}

// Label names the principal in messages: `token "ci"` or `"github/repo:shop"`.
func (p Principal) Label() string {
	if p.Trust != "" {
		return Quote(p.Name)
	}
	return "token " + Quote(p.Name)
}

// Recipient is the principal as Grant.To names it.
func (p Principal) Recipient() string {
	if p.Trust != "" {
		return ToTrust + p.ID
	}
	return ToToken + p.ID
}

// Budget names whose limits p uses up: the limits of its trust, of the token that MadeBy names, or of p. Somebody who
// can push a branch chooses the subject of a pipeline, and a token can make others, so limits of a subject or of a
// single token could be multiplied.
func (p Principal) Budget() string { return cmp.Or(p.Trust, p.MadeBy, p.ID, p.Name) }

// PrincipalKind says who acts.
type PrincipalKind string

// The kinds of principals. The value of a restricted secret is for workloads only.
const (
	Person   PrincipalKind = "person"
	Workload PrincipalKind = "workload"
)

// PrincipalKinds lists the kinds.
var PrincipalKinds = []PrincipalKind{Person, Workload}

func (k PrincipalKind) check(attribute string) *Error {
	if !slices.Contains(PrincipalKinds, k) {
		return Errorf(CodeInvalid, "%s %s is not supported", attribute, Quote(string(k))).
			WithHint("use %q or %q", Person, Workload).At(attribute)
	}
	return nil
}

type principalKey struct{}

// WithPrincipal returns a context whose calls are made for p.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns the principal of a context, and whether it has one.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// Verb is what a caller can ask of a Service. A reveal is a Resolve for a person.
type Verb string

// The verbs.
const (
	VerbQuery   Verb = "query"
	VerbResolve Verb = "resolve"
	VerbReveal  Verb = "reveal"
	VerbApply   Verb = "apply"
	// VerbSignIn is no call: it is in the records of the dashboard.
	VerbSignIn Verb = "sign-in"
)
