// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"crypto/sha256"
	"encoding/json"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// changeToken creates or revokes a token. A token cannot be changed: another role or expiry needs another token.
func (r *run) changeToken(c backend.Change, id string) (backend.Outcome, error) {
	if c.ID == "" {
		if err := backend.CheckName(c.Kind, c.Name); err != nil {
			return backend.Outcome{}, err
		}
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
		return backend.Outcome{}, present.Untrusted // its name may be that of another token
	}
	exists := present.ID != ""
	if c.ID != "" && !exists {
		return backend.Outcome{}, unknownID(c)
	}
	revision := int64(0)
	if exists {
		revision = 1
		if c.Op == backend.OpSet {
			c.Op = backend.OpCreate
		}
	}
	if err := checkOperation(c, exists, present.ID, revision); err != nil {
		return backend.Outcome{}, err
	}
	switch {
	case c.Op == backend.OpDelete:
		return backend.Outcome{Action: backend.ActionDelete, Object: tokenObject(present)},
			r.tx.DeleteToken(r.ctx, present.ID)
	case c.Op == backend.OpUpdate:
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "a token cannot be changed").
			WithHint("create another one, and delete this one")
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
	t := store.Token{
		ID: id, Name: c.Name, Role: *c.Role, Principal: principalOf(*c.Role), Hash: c.TokenHash, Attributes: []byte("{}"),
		Revision: 1, CreatedAt: r.now,
	}
	if c.Description != nil {
		t.Description = *c.Description
	}
	if c.ExpiresAt != nil {
		t.ExpiresAt = c.ExpiresAt.UTC()
		if !t.ExpiresAt.IsZero() && !t.ExpiresAt.After(r.now) {
			return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "the token would already be expired").At("expires_at")
		}
	}
	return backend.Outcome{Action: backend.ActionCreate, Object: tokenObject(t)}, r.tx.InsertToken(r.ctx, t)
}

// principalOf returns what holds a token with a role: a program, or a person.
func principalOf(role backend.Role) string {
	if role == backend.RoleRuntime {
		return store.Workload
	}
	return store.Person
}

// tokenAttributes are what store.Token.Attributes hold.
type tokenAttributes struct {
	Migrated bool `json:"migrated"`
}

func tokenObject(t store.Token) backend.Object {
	var a tokenAttributes
	_ = json.Unmarshal(t.Attributes, &a) // they are signed
	return backend.Object{
		Kind: backend.KindToken, ID: t.ID, Name: t.Name, Role: t.Role, Migrated: a.Migrated,
		Attributes: backend.Attributes{Description: t.Description, ExpiresAt: t.ExpiresAt},
		Revision:   1, CreatedAt: t.CreatedAt, UpdatedAt: t.CreatedAt,
	}
}
