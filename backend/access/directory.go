// SPDX-License-Identifier: MPL-2.0

package access

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// Directory answers for the engine what a principal may do (see engine.Authorizer). It keeps the roles, groups and
// bindings in memory, as the store had them at one generation. A transaction uses them only if it reads the same
// generation, so a change by any process is seen by the next call.
type Directory struct {
	mu          sync.Mutex
	generation  []byte
	known       *bindings
	permissions map[backend.Principal]*Permissions
}

// NewDirectory returns an empty Directory.
func NewDirectory() *Directory { return &Directory{} }

// roles are the permissions of the roles that tokens have.
var roles = func() map[backend.Role]func() *Permissions {
	out := map[backend.Role]func() *Permissions{}
	for _, r := range backend.Roles {
		rights, _ := backend.RightsOf(r)
		out[r] = sync.OnceValue(func() *Permissions {
			return NewPermissions([]Grant{{Rights: rights, Everywhere: true}})
		})
	}
	return out
}()

// nothing is what an unknown role allows.
var nothing = NewPermissions(nil)

// Permissions returns what a principal may do. A token has either a role or bindings.
func (d *Directory) Permissions(ctx context.Context, tx store.Tx, p backend.Principal) (backend.Permissions, error) {
	if p.Role != backend.RoleNone {
		if of, ok := roles[p.Role]; ok {
			return of(), nil
		}
		return nothing, nil
	}
	generation, err := tx.Generation(ctx)
	if err != nil {
		return nil, err
	}
	if generation != nil {
		if known := d.get(generation, p); known != nil {
			return known, nil
		}
	}
	all := d.bindings(generation)
	if all == nil {
		if all, err = readBindings(ctx, tx); err != nil {
			return nil, err
		}
	}
	permissions := NewPermissions(all.of(p))
	if generation != nil {
		d.put(generation, all, p, permissions)
	}
	return permissions, nil
}

func (d *Directory) get(generation []byte, p backend.Principal) *Permissions {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !bytes.Equal(d.generation, generation) {
		return nil
	}
	return d.permissions[p]
}

func (d *Directory) bindings(generation []byte) *bindings {
	d.mu.Lock()
	defer d.mu.Unlock()
	if generation == nil || !bytes.Equal(d.generation, generation) {
		return nil
	}
	return d.known
}

// maxKnown limits the memory of a Directory.
const maxKnown = 1000

func (d *Directory) put(generation []byte, all *bindings, p backend.Principal, of *Permissions) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !bytes.Equal(d.generation, generation) || len(d.permissions) >= maxKnown {
		d.generation, d.known, d.permissions = generation, all, map[backend.Principal]*Permissions{}
	}
	d.permissions[p] = of
}

// bindings is what decides about the rights of the tokens that have no role.
type bindings struct {
	byPrincipal map[string][]Grant // by Grant.To with an id
	groups      map[string][]string
}

// attributes are the stored attributes of a role, group, binding or trust that decide something.
type attributes struct {
	Rights  []backend.Right `json:"rights"`
	Members []string        `json:"members"`
	Grant   *backend.Grant  `json:"grant"`
	Trust   *backend.Trust  `json:"trust"`
}

func readAttributes(o store.Object) (a attributes, err error) {
	if o.Untrusted != nil {
		return a, o.Untrusted
	}
	if json.Unmarshal(o.Attributes, &a) != nil {
		return a, backend.Errorf(backend.CodeCorrupt, "the attributes of %s %s cannot be parsed", o.Kind,
			backend.Quote(o.Name)).WithHint("restore the database from a backup")
	}
	return a, nil
}

func readBindings(ctx context.Context, tx store.Tx) (*bindings, error) {
	out := &bindings{byPrincipal: map[string][]Grant{}, groups: map[string][]string{}}
	rights := map[string][]backend.Right{}
	for _, kind := range []backend.Kind{backend.KindRole, backend.KindGroup, backend.KindBinding} {
		rows, err := tx.Objects(ctx, store.Filter{Kind: kind, Project: stored.DeploymentKey})
		if err != nil {
			return nil, err
		}
		for _, o := range rows {
			a, err := readAttributes(o)
			if err != nil {
				return nil, err
			}
			switch {
			case kind == backend.KindRole:
				rights[o.ID] = a.Rights
			case kind == backend.KindGroup:
				for _, m := range a.Members {
					out.groups[m] = append(out.groups[m], backend.ToGroup+o.ID)
				}
			case a.Grant != nil:
				given, builtIn := backend.RightsOf(backend.Role(a.Grant.Role))
				if !builtIn {
					given = rights[a.Grant.Role]
				}
				out.byPrincipal[a.Grant.To] = append(out.byPrincipal[a.Grant.To], Grant{Rights: given, Where: a.Grant.Where})
			}
		}
	}
	return out, nil
}

// of returns the grants of a principal and of its groups.
func (b *bindings) of(p backend.Principal) []Grant {
	who := []string{p.Recipient()}
	switch {
	case p.ID == "":
		return nil
	case p.Trust != "":
		who = append(who, backend.ToTrust+p.Trust)
	}
	var grants []Grant
	seen := map[string]bool{}
	for _, one := range who {
		grants = append(grants, b.byPrincipal[one]...)
		for _, group := range b.groups[one] {
			if !seen[group] {
				seen[group] = true
				grants = append(grants, b.byPrincipal[group]...)
			}
		}
	}
	return grants
}
