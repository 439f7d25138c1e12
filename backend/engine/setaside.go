// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// How an object is set aside when it is deleted, and how it is removed when no
// dependent uses it any more. The comment at the top of held.go describes the whole.

// setAside holds an object that a deletion cannot remove, and returns the
// outcome of the deletion.
func (r *run) setAside(c backend.Change, o store.Object, why string, users []store.Object) (backend.Outcome, error) {
	before, err := r.objectOf(o)
	if err != nil {
		return backend.Outcome{}, err
	}
	out := backend.Outcome{Action: backend.ActionDelete, Object: before}
	if len(users) > 0 {
		p, err := r.projectWith(o)
		if err != nil {
			return out, err
		}
		if out.Dependents, err = r.dependentsIn(p, users); err != nil {
			return out, err
		}
	}
	if before.Held == why {
		return out, nil // deleted again
	}
	if o.Kind == backend.KindSecret {
		for _, v := range users {
			_, err := r.move(v, func(_ *store.Object, a *attributes) { a.LinkHeld = true })
			if err != nil {
				return out, err
			}
		}
	}
	_, err = r.move(o, func(o *store.Object, a *attributes) {
		name := o.ID
		if o.Kind == backend.KindSecret {
			name = o.Name
		}
		a.hold(o, why, name)
		if why == backend.HeldReplaced || o.Kind == backend.KindEnvironment || o.Kind == backend.KindProject {
			a.DeletedAt = r.now // it can be restored
		}
		if why != backend.HeldReplaced {
			return
		}
		if c.ManagedBy != nil {
			a.ManagedBy = *c.ManagedBy
		}
	})
	return out, err
}

// setAsideOwned sets an object aside if all its dependents have the owner of the
// change, and reports whether it did.
func (r *run) setAsideOwned(c backend.Change, o store.Object, users []store.Object) (backend.Outcome, bool, error) {
	a, err := decodeAttributes(o)
	if err != nil {
		return backend.Outcome{}, false, err
	}
	mine, err := areOwnedBy(owner(c, a), users...)
	if len(users) == 0 || !mine || err != nil {
		return backend.Outcome{}, false, err
	}
	out, err := r.setAside(c, o, backend.HeldInUse, users)
	return out, true, err
}

// withoutOther returns the dependents of a secret that need it. A link of the
// owner does not need it if it can also mean another secret of the owner: an
// earlier step can have changed the link for the other secret. The link would then
// keep this secret forever.
func (r *run) withoutOther(secret store.Object, owner string, linked []store.Object) ([]store.Object, error) {
	if mine, err := areOwnedBy(owner, linked...); !mine || err != nil || isReserved(secret.Name) {
		return linked, err
	}
	f := store.Filter{Kind: backend.KindSecret, Project: secret.Project, Name: secret.Name}
	others, err := r.tx.Objects(r.ctx, f)
	if err != nil {
		return linked, err
	}
	return slices.DeleteFunc(linked, func(v store.Object) bool {
		return slices.ContainsFunc(others, func(other store.Object) bool {
			mine, err := areOwnedBy(owner, other)
			return err == nil && mine && other.ID != secret.ID && canMean(v, other)
		})
	}), nil
}

// projectWith returns the project that an object is in, or that it is.
func (r *run) projectWith(o store.Object) (*project, error) {
	if o.Kind == backend.KindProject {
		return r.project(o.ID)
	}
	return r.project(o.Project)
}

// letGo removes what was set aside and has no dependents left, after rows of the
// project were deleted or changed. The rows are as they were before.
func (r *run) letGo(project string, rows ...store.Object) error {
	for i := 0; i < len(rows); i++ { // a secret that is removed no longer uses its type, either
		removed, err := r.letSecretsGo(project, rows[i])
		if err != nil {
			return err
		}
		rows = append(rows, removed...)
	}
	p, err := r.project(project)
	if err != nil {
		return err
	}
	for _, t := range p.types {
		if !isHeldInUse(t.row) || !slices.ContainsFunc(rows, func(o store.Object) bool { return o.Type == t.row.ID }) {
			continue
		}
		users, err := r.tx.Count(r.ctx, store.Filter{Kind: backend.KindSecret, Project: p.row.ID, Type: t.row.ID})
		if err != nil {
			return err
		}
		if users == 0 {
			if err := r.removeType(t.row); err != nil {
				return err
			}
		}
	}
	for _, e := range p.environments {
		if !isHeldInUse(e) || !slices.ContainsFunc(rows, func(o store.Object) bool { return o.Environment == e.ID }) {
			continue
		}
		users, err := r.entriesOf(p, e.ID)
		if err != nil {
			return err
		}
		if len(users) == 0 {
			if err := r.removeEnvironment(p, e, false); err != nil {
				return err
			}
		}
	}
	if !isHeldInUse(p.row) {
		return nil
	}
	if p, err = r.project(project); err != nil { // without what was removed above
		return err
	}
	users, err := r.contentsOf(p)
	if err != nil || len(users) > 0 {
		return err
	}
	return r.removeProject(p, false)
}

// letSecretsGo removes the secrets that were set aside and that only the link of
// a scoped value used. It returns them.
func (r *run) letSecretsGo(project string, value store.Object) ([]store.Object, error) {
	if value.Link == "" || !linkIsHeld(value) {
		return nil, nil
	}
	p, err := r.project(project)
	if err != nil {
		return nil, err
	}
	secrets, err := r.setAsideSecrets(p)
	if err != nil {
		return nil, err
	}
	var removed []store.Object
	for _, s := range secrets {
		if s.Name != reserved+value.Link {
			continue
		}
		users, err := r.linkedFrom(p, s)
		if err != nil {
			return nil, err
		}
		if len(users) > 0 {
			continue
		}
		if err := r.removeSetAside(p, s); err != nil {
			return nil, err
		}
		removed = append(removed, s)
	}
	return removed, nil
}

func isHeldInUse(o store.Object) bool {
	if !isReserved(o.Name) {
		return false
	}
	a, err := decodeAttributes(o)
	return err == nil && a.Held == backend.HeldInUse
}

// linkIsHeld reports whether the link of a scoped value also means secrets that
// were set aside. Few do, so it decodes the attributes only if they name it.
func linkIsHeld(o store.Object) bool {
	if !bytes.Contains(o.Attributes, []byte(`"link_held"`)) {
		return false
	}
	a, err := decodeAttributes(o)
	return err == nil && a.LinkHeld
}

// setAsideSecrets returns the secrets of a project that were set aside. It reads
// them once.
func (r *run) setAsideSecrets(p *project) ([]store.Object, error) {
	if p.setAsideKnown {
		return p.setAside, nil
	}
	rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: backend.KindSecret, Project: p.row.ID, AfterName: afterNames})
	if err != nil {
		return nil, err
	}
	p.setAside = slices.DeleteFunc(rows, func(o store.Object) bool { return !isHeldInUse(o) })
	p.setAsideKnown = true
	return p.setAside, nil
}

// removeSetAside removes a secret that nothing uses any more, as its deletion
// would have done.
func (r *run) removeSetAside(p *project, o store.Object) error {
	a, err := decodeAttributes(o)
	if err != nil {
		return err
	}
	return r.removeEntry(&entry{in: p, row: o, attr: a, exists: true}, false)
}

// supersede removes the secret that was set aside in the place of another one,
// which has come to the name. The links then mean the name again.
func (r *run) supersede(p *project, o store.Object) error {
	if o.Kind != backend.KindSecret {
		return nil
	}
	secrets, err := r.setAsideSecrets(p)
	if err != nil {
		return err
	}
	for _, s := range secrets {
		if s.Name != reserved+o.Name || s.Environment != o.Environment || s.Scope != o.Scope {
			continue
		}
		users, err := r.linkedFrom(p, s)
		if err != nil {
			return err
		}
		if err := r.removeSetAside(p, s); err != nil {
			return err
		}
		others := slices.DeleteFunc(slices.Clone(secrets), func(other store.Object) bool {
			return other.ID == s.ID || other.Name != s.Name
		})
		for _, v := range users {
			if slices.ContainsFunc(others, func(other store.Object) bool { return canMean(v, other) }) {
				continue
			}
			_, err := r.move(v, func(_ *store.Object, a *attributes) { a.LinkHeld = false })
			if err != nil {
				return err
			}
		}
		return r.letGo(p.row.ID, s)
	}
	return nil
}
