// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"errors"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// What the changes of a set read and write: projects, rows, and the keys of environments.

// maxProjectReads limits the bytes that a call reads of projects: their environments and types are read again after
// each change of one.
const maxProjectReads = 256 << 20

// project reads a project once per transaction.
func (r *run) project(nameOrID string) (*project, error) {
	if p, ok := r.projects[nameOrID]; ok {
		r.projectID = p.row.ID
		return p, nil
	}
	id := nameOrID
	if len(r.places.claims) > 0 && nameOrID != "" && !backend.IsID(nameOrID) && !isReserved(nameOrID) {
		row, exists, err := r.first(store.Filter{Kind: backend.KindProject, Name: nameOrID})
		if err != nil {
			return nil, err
		}
		if exists {
			id = row.ID
		}
	}
	p, err := r.engine.loadProject(r.ctx, r.tx, id, r.access)
	if err != nil {
		return nil, err
	}
	if p.sees != nil {
		p.findsAll = r.unrestricted
	}
	if known, ok := r.projects[p.row.ID]; ok {
		p = known // read before, under another name
	}
	for _, o := range p.environments {
		r.read += len(o.Attributes)
	}
	for _, t := range p.types {
		r.read += len(t.row.Attributes)
	}
	if r.read > maxProjectReads {
		r.over = backend.Errorf(backend.CodeTooLarge, "the changes of the call read more than %d bytes", maxProjectReads).
			WithHint("send fewer changes in one call")
		return nil, r.over
	}
	r.places.sort(p)
	r.projects[nameOrID], r.projects[p.row.ID] = p, p
	r.projectID = p.row.ID
	return p, nil
}

// forget makes the next use of any project read it again.
func (r *run) forget() { clear(r.projects) }

// first returns the object that f selects, and whether one exists. If several objects are in one place, it returns the
// one that came there first.
func (r *run) first(f store.Filter) (store.Object, bool, error) {
	if row, ok := r.ahead.secrets[f.ID]; ok && f == (store.Filter{Kind: backend.KindSecret, ID: f.ID}) {
		return row, true, nil
	}
	if len(r.places.claims) == 0 {
		f.Limit = 1
	}
	if len(r.places.claims) == 0 && isPlaceOfSecret(f) && r.set.Changes[r.index].Value.Len() > 0 {
		return r.withVersion(f)
	}
	rows, err := r.tx.Objects(r.ctx, f)
	if err != nil || len(rows) == 0 {
		return store.Object{}, false, err
	}
	return slices.MinFunc(rows, r.places.compare), true, nil
}

func isPlaceOfSecret(f store.Filter) bool {
	return f == store.Filter{Kind: backend.KindSecret, Project: f.Project, Environment: f.Environment, Scope: f.Scope,
		Name: f.Name, Limit: 1} && f.Project != "" && f.Environment != "" && f.Scope != "" && f.Name != ""
}

// withVersion returns the secret in a place. The same statement reads its current version, with which the given value
// will be compared.
func (r *run) withVersion(f store.Filter) (row store.Object, exists bool, err error) {
	l := store.Lookup{Kind: f.Kind, Project: f.Project, Environments: []string{f.Environment}, Scopes: []string{f.Scope},
		Names: []string{f.Name}}
	err = r.tx.Lookup(r.ctx, l, func(e store.Entry) { row, r.current, exists = e.Object, e.Current, true })
	return row, exists, err
}

// signingKey returns the key that signs the rows of an environment and seals
// its new values. It is nil in a dry run, which signs and seals nothing.
func (r *run) signingKey(p *project, environment string) (*envelope.Key, error) {
	if r.set.DryRun {
		return nil, nil
	}
	w, ok := p.environmentKey(environment)
	if !ok {
		return nil, backend.Errorf(backend.CodeCorrupt, "environment %q of project %q has no environment key",
			p.environmentName(environment), p.row.Name).
			WithHint("restore the database from a backup")
	}
	return r.keys.get(w)
}

// makeKey generates and stores the environment key of a new environment. In a dry run it returns nil.
func (r *run) makeKey(project, environment, kmsKey string) (*envelope.Key, error) {
	if kmsKey != "" {
		if err := r.engine.trust(kmsKey); err != nil {
			return nil, err
		}
	}
	kmsKey = cmp.Or(kmsKey, r.engine.kmsKey)
	if r.set.DryRun {
		return nil, r.engine.checkKey(kmsKey)
	}
	w, key, err := r.keys.generate(project, environment, kmsKey)
	if err != nil {
		return nil, err
	}
	return key, r.tx.InsertEnvironmentKey(r.ctx, store.EnvironmentKey{
		ID: w.ID, Project: w.Project, Environment: w.Environment, KMSKey: w.KMSKey, Wrapped: w.Blob, CreatedAt: r.now,
	})
}

// rewrap wraps the keys of an environment under another KMS key; "" means the key of
// the backend. A dry run wraps nothing. The environment key stays the same, so
// no value and no signature changes.
func (r *run) rewrap(p *project, environment, kmsKey string) error {
	if kmsKey != "" {
		if err := r.engine.trust(kmsKey); err != nil {
			return err
		}
	}
	kmsKey = cmp.Or(kmsKey, r.engine.kmsKey)
	if r.set.DryRun {
		return r.engine.checkKey(kmsKey)
	}
	var missing error
	for _, k := range p.environmentKeys {
		if k.Environment != environment || k.KMSKey == kmsKey {
			continue
		}
		w, err := r.keys.rewrap(wrapped(k), kmsKey)
		if errors.Is(err, errNotReady) {
			missing = err // continue, so that all keys are wrapped together
			continue
		}
		if err != nil {
			return err
		}
		k.KMSKey, k.Wrapped = w.KMSKey, w.Blob
		if err := r.tx.UpdateEnvironmentKey(r.ctx, k); err != nil {
			return err
		}
	}
	return missing
}

// insert and update write a row with its new attributes. They sign it unless
// the key is nil.
func (r *run) insert(o store.Object, a attributes, key *envelope.Key, in *project) (store.Object, error) {
	r.places.placed[o.ID] = true
	o.Revision, o.CreatedAt, o.UpdatedAt, o.Attributes = 1, r.now, r.now, a.encode()
	signWith(key, &o, in)
	return o, r.tx.InsertObject(r.ctx, o)
}

func (r *run) update(o store.Object, a attributes, key *envelope.Key, in *project) (store.Object, error) {
	if _, updated := r.revisions[o.ID]; !updated {
		r.revisions[o.ID] = o.Revision
		if err := r.noteEdition(o); err != nil {
			return o, err
		}
	}
	o.Revision, o.UpdatedAt, o.Attributes = o.Revision+1, r.now, a.encode()
	signWith(key, &o, in)
	return o, r.tx.UpdateObject(r.ctx, o)
}

func signWith(key *envelope.Key, o *store.Object, in *project) {
	o.MAC = nil
	if key != nil {
		sign(key, o, in.row.Name)
	}
}
