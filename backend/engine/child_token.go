// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// What a token may pass on to a token that it makes. Otherwise, somebody who has stolen a token could make one that is
// valid for longer, or can be used from elsewhere. Callers who may bind everywhere are free: they could also give all
// rights to another token that exists, or to a trust.
//
// A session makes no tokens. It ends with its trust, and with the rights of its trust; a token would outlive both.

func errSessionMakesToken() *backend.Error {
	return backend.Errorf(backend.CodeDenied, "permission denied: a session cannot create tokens, because they would "+
		"outlive it").
		WithHint("log in with a token that may create one; or create a trust for the program: pouncet trust set --help")
}

// allowWorkload refuses to let a person create a token for a workload: a binding of theirs could give it the values of
// restricted secrets. A caller who may bind everywhere could also change for whom a token is.
func (r *run) allowWorkload(c backend.Change) error {
	if !creates(c.Op) || c.Principal == nil || *c.Principal != backend.Workload ||
		r.access.principal.Kind == backend.Workload || r.access.Everywhere(backend.RightBind) {
		return nil
	}
	return backend.Errorf(backend.CodeDenied, "permission denied: %s is for a person, and cannot create a token for a "+
		"workload: such a token can read restricted secrets", r.access.principal.Label()).
		WithHint("ask an admin to create it with role %q and to give you its id, and bind it: pouncet binding create NAME "+
			"--to token:ID --role ROLE", backend.RoleNone).At("principal")
}

// expiryOfNewToken returns when a new token expires. It refuses a token that is wider than the token that makes it.
func (r *run) expiryOfNewToken(c backend.Change, tokens []store.Token) (time.Time, error) {
	expires := r.now.AddDate(0, 0, backend.DefaultTokenDays)
	if c.ExpiresAt != nil {
		expires = c.ExpiresAt.UTC()
		if !expires.IsZero() && !expires.After(r.now) {
			return expires, backend.Errorf(backend.CodeInvalid, "the token would already be expired").At("expires_at")
		}
	}
	if r.access.Everywhere(backend.RightBind) {
		return expires, nil
	}
	n := slices.IndexFunc(tokens, func(t store.Token) bool { return t.ID == r.access.principal.ID })
	if n < 0 {
		return expires, backend.Errorf(backend.CodeDenied, "permission denied: only a token can create a token")
	}
	maker := tokens[n]
	if err := checkNetworks(c.SourceRanges, maker); err != nil {
		return expires, err
	}
	limit := maker.ExpiresAt
	switch {
	case limit.IsZero() || !expires.IsZero() && !expires.After(limit):
		return expires, nil
	case c.ExpiresAt == nil:
		return limit, nil
	}
	return expires, backend.Errorf(backend.CodeDenied, "permission denied: the new token would be valid for longer than "+
		"yours, which expires at %s", limit.UTC().Format(time.RFC3339)).
		WithHint("choose an earlier time, or use a token with role %q", backend.RoleAdmin).At("expires_at")
}

// checkNetworks refuses networks from which the token that makes another one cannot be used.
func checkNetworks(ranges []string, maker store.Token) error {
	var a tokenAttributes
	if json.Unmarshal(maker.Attributes, &a) != nil || len(a.SourceRanges) == 0 { // they are signed
		return nil
	}
	hint := "choose networks within those of your token, or use a token with role %q"
	if len(ranges) == 0 {
		return backend.Errorf(backend.CodeDenied, "permission denied: your token can be used from some networks only, and "+
			"the new token would have no such limit").WithHint(hint, backend.RoleAdmin).At("source_ranges")
	}
	for _, text := range ranges {
		if !isWithin(text, a.SourceRanges) {
			return backend.Errorf(backend.CodeDenied, "permission denied: your token cannot be used from all of %s",
				backend.Quote(text)).WithHint(hint, backend.RoleAdmin).At("source_ranges")
		}
	}
	return nil
}

// isWithin reports whether one of the networks contains another one.
func isWithin(text string, networks []string) bool {
	inner, ok := backend.ParseNetwork(text)
	return ok && slices.ContainsFunc(networks, func(text string) bool {
		outer, ok := backend.ParseNetwork(text)
		return ok && outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
	})
}
