// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// changeToken creates or revokes a token, or changes the kind of its principal. Another role or expiry needs another
// token.
func (r *run) changeToken(c backend.Change, id string) (backend.Outcome, error) {
	if c.ID == "" {
		if err := backend.CheckName(c.Kind, c.Name); err != nil {
			return backend.Outcome{}, err
		}
	}
	if err := r.allowToken(c); err != nil {
		return backend.Outcome{}, err
	}
	tokens, err := r.tx.Tokens(r.ctx)
	if err != nil {
		return backend.Outcome{}, err
	}
	var present store.Token
	for _, t := range tokens {
		if (c.ID != "" && t.ID == c.ID) || (c.ID == "" && t.Name == c.Name) {
			present = t
		}
	}
	if present.Untrusted != nil && c.ID == "" {
		return backend.Outcome{}, present.Untrusted // another token may have its name
	}
	exists := present.ID != ""
	if exists {
		if exists, err = r.mayMeetToken(c, present); err != nil {
			return backend.Outcome{}, err
		}
	}
	if c.ID != "" && !exists {
		return backend.Outcome{}, unknownID(c)
	}
	if exists && c.Op == backend.OpSet {
		c.Op, c.Name = backend.OpCreate, present.Name // even if the change has the id
	}
	if !exists {
		present = store.Token{}
	}
	if err := checkOperation(c, exists, present.ID, present.Name, present.Revision); err != nil {
		return backend.Outcome{}, err
	}
	switch {
	case c.Op == backend.OpDelete:
		if err := r.checkLastAdmin(tokens, present); err != nil {
			return backend.Outcome{}, err
		}
		if err := r.forgetPrincipal(backend.ToToken + present.ID); err != nil {
			return backend.Outcome{}, err
		}
		return backend.Outcome{Action: backend.ActionDelete, Object: tokenObject(present),
			Dependents: tokensMadeBy(present.ID, tokens)}, r.tx.DeleteToken(r.ctx, present.ID)
	case c.Op == backend.OpUpdate:
		return r.updateToken(c, present)
	case c.Role == nil:
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "a role is required for a token").
			WithHint("use %s", backend.RoleNames()).At("role")
	case !slices.Contains(backend.Roles, *c.Role):
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "role %s is not supported",
			backend.Quote(string(*c.Role))).WithHint("use %s", backend.RoleNames()).At("role")
	case len(c.TokenHash) != sha256.Size:
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid,
			"the SHA-256 hash of the token is required, with %d bytes", sha256.Size).At("token_hash")
	}
	if err := r.checkNewToken(tokens); err != nil {
		return backend.Outcome{}, err
	}
	expires, err := r.expiryOfNewToken(c, tokens)
	if err != nil {
		return backend.Outcome{}, err
	}
	principal := principalOf(*c.Role)
	if c.Principal != nil {
		principal = *c.Principal
	}
	t := store.Token{
		ID: id, Name: c.Name, Role: *c.Role, Principal: principal, Hash: c.TokenHash,
		Attributes: r.attributesOfNewToken(c), Revision: 1, CreatedAt: r.now, ExpiresAt: expires,
	}
	if c.Description != nil {
		t.Description = *c.Description
	}
	return backend.Outcome{Action: backend.ActionCreate, Object: tokenObject(t)}, r.tx.InsertToken(r.ctx, t)
}

// mayMeetToken reports whether a token exists for a change, or refuses the change.
func (r *run) mayMeetToken(c backend.Change, t store.Token) (exists bool, err error) {
	switch {
	case c.Op == backend.OpDelete:
		return r.revocable(t)
	case r.access.Everywhere(backend.RightBind):
		return true, nil
	}
	knows, err := r.knowsToken(t) // it is a creation
	if err == nil && !knows && c.ID == "" {
		err = alreadyExists(backend.KindToken, t.Name, "")
	}
	return knows, err
}

// allowToken refuses a change of a token. A caller who may bind somewhere may create a token without rights, and
// delete it: see revocable. The role of a token applies everywhere, so who gives it must have its rights everywhere.
// A token can have rights at any place, so who changes one must be able to bind everywhere.
func (r *run) allowToken(c backend.Change) error {
	if c.Op == backend.OpDelete || c.Op == backend.OpCreate && c.Role != nil && *c.Role == backend.RoleNone {
		if !r.access.MaySome(backend.RightBind, backend.Place{}) {
			return r.access.deniedSomewhere(backend.RightBind, string(c.Op), "tokens", "a project")
		}
	} else if !r.access.Everywhere(backend.RightBind) {
		return r.access.denied(backend.RightBind, string(c.Op), "tokens", nil, backend.Place{})
	}
	if creates(c.Op) && r.access.principal.Trust != "" {
		return errSessionMakesToken()
	}
	if err := r.allowWorkload(c); err != nil {
		return err
	}
	if c.Role == nil {
		return nil
	}
	rights, _ := backend.RightsOf(*c.Role)
	for _, right := range rights {
		if !r.access.Everywhere(right) {
			return backend.Errorf(backend.CodeDenied, "permission denied: a token with role %q has the right %q everywhere, "+
				"and you do not", *c.Role, right).
				WithHint("nobody gives more than they have; create a token with role %q and bindings", backend.RoleNone)
		}
	}
	return nil
}

// updateToken changes who has a token.
func (r *run) updateToken(c backend.Change, t store.Token) (backend.Outcome, error) {
	if c.Role != nil || c.TokenHash != nil || c.ExpiresAt != nil || c.Description != nil || c.Rename != nil ||
		c.SourceRanges != nil {
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid,
			"token %s cannot be changed, except for its principal", backend.Quote(t.Name)).
			WithHint("create another one, and delete this one")
	}
	if c.Principal == nil || *c.Principal == t.Principal {
		return backend.Outcome{Action: backend.ActionUnchanged, Object: tokenObject(t)}, nil
	}
	t.Principal, t.Revision = *c.Principal, t.Revision+1
	return backend.Outcome{Action: backend.ActionUpdate, Changed: []string{"principal"}, Object: tokenObject(t)},
		r.tx.UpdateToken(r.ctx, t)
}

// lastingTime is how long the token of an admin must still be valid, so that another one can be deleted.
const lastingTime = 24 * time.Hour

// checkLastAdmin refuses the deletion of an admin's token if no other admin's token is valid for lastingTime, or as
// long as the deleted one. A token that has expired or cannot be trusted can always be deleted.
func (r *run) checkLastAdmin(tokens []store.Token, deleted store.Token) error {
	lasts := func(t store.Token, until time.Time) bool {
		return t.Role == backend.RoleAdmin && t.Untrusted == nil &&
			(t.ExpiresAt.IsZero() || t.ExpiresAt.After(until) || t.ExpiresAt.Equal(until))
	}
	enough := r.now.Add(lastingTime)
	if !deleted.ExpiresAt.IsZero() && deleted.ExpiresAt.Before(enough) {
		enough = deleted.ExpiresAt
	}
	if !lasts(deleted, r.now.Add(time.Microsecond)) || slices.ContainsFunc(tokens, func(t store.Token) bool {
		return t.ID != deleted.ID && lasts(t, enough)
	}) {
		return nil
	}
	return backend.Errorf(backend.CodeInUse, "token %s is the last one with role %q, and cannot be deleted",
		backend.Quote(deleted.Name), backend.RoleAdmin).
		WithHint("create another one first, which is valid for more than a day: pouncet token create --role %s",
			backend.RoleAdmin)
}

// principalOf returns who has a token with a role, if its creation does not say so.
func principalOf(role backend.Role) backend.PrincipalKind {
	if role == backend.RoleRuntime {
		return backend.Workload
	}
	return backend.Person
}

// tokenAttributes are what store.Token.Attributes hold.
type tokenAttributes struct {
	Migrated     bool     `json:"migrated,omitempty"`
	MadeBy       string   `json:"made_by,omitempty"` // see backend.Principal
	SourceRanges []string `json:"source_ranges,omitempty"`
}

// attributesOfNewToken says who makes a token, and from where it can be used. A caller who may bind everywhere makes
// tokens for others.
func (r *run) attributesOfNewToken(c backend.Change) []byte {
	a := tokenAttributes{SourceRanges: backend.SourceRanges(c.SourceRanges)}
	if !r.access.Everywhere(backend.RightBind) {
		a.MadeBy = r.access.principal.Budget()
	}
	text, err := json.Marshal(a)
	if err != nil {
		panic(err) // plain data
	}
	return text
}

// madeBy returns the origin of a token that was made by a caller who may not bind everywhere; "" for others.
func madeBy(t store.Token) string {
	var a tokenAttributes
	_ = json.Unmarshal(t.Attributes, &a) // they are signed
	return a.MadeBy
}

// tokensMadeBy lists the tokens that a token made, and those that they made. They stay valid after its deletion. Only a
// caller who may bind everywhere deletes a token that has any, so the caller may see them.
func tokensMadeBy(id string, tokens []store.Token) (made []backend.Dependent) {
	for _, t := range tokens {
		if madeBy(t) == id && t.ID != id {
			made = append(made, backend.Dependent{Label: "token " + t.Name, ID: t.ID})
		}
	}
	return made
}

func tokenObject(t store.Token) backend.Object {
	var a tokenAttributes
	_ = json.Unmarshal(t.Attributes, &a) // they are signed
	return backend.Object{
		Kind: backend.KindToken, ID: t.ID, Name: t.Name, Role: t.Role, Principal: t.Principal, Migrated: a.Migrated,
		Attributes: backend.Attributes{Description: t.Description, ExpiresAt: t.ExpiresAt, SourceRanges: a.SourceRanges},
		Revision:   t.Revision, CreatedAt: t.CreatedAt, UpdatedAt: t.CreatedAt,
	}
}
