// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// How an environment or a project goes into its recovery window, and how it ends
// for good. The comment at the top of recover.go describes the rows.

// keptKinds are the kinds of objects that can be in an environment.
var keptKinds = []backend.Kind{backend.KindSecret, backend.KindScopedValue, backend.KindUsage}

// contentKinds are the kinds of the rows of an environment, whether it, or they,
// were deleted or not.
func contentKinds() []backend.Kind {
	var kinds []backend.Kind
	for _, k := range keptKinds {
		kinds = append(kinds, k, keptAs(k), deletedAs(k))
	}
	return kinds
}

// removeEnvironment deletes an environment with everything in it, for good or
// into its recovery window.
func (r *run) removeEnvironment(p *project, row store.Object, purge bool) error {
	keep := !purge && p.policy.RecoveryDays > 0
	if keep && !r.set.DryRun { // a dry run needs no key
		var err error
		if keep, err = r.intact(p, row); err != nil {
			return err
		}
	}
	if !keep {
		return r.destroyEnvironment(p.row.ID, row.ID)
	}
	if err := r.keepContents(p, row.ID); err != nil {
		return err
	}
	key, err := r.signingKey(p, row.ID)
	if err != nil {
		return err
	}
	row, a, err := r.asDeleted(row)
	if err != nil {
		return err
	}
	r.forget()
	_, err = r.update(row, a, key, p)
	return err
}

// keepContents gives the rows in an environment, which is about to be deleted,
// the kinds that they have until it is restored.
func (r *run) keepContents(p *project, environment string) error {
	for _, kind := range keptKinds {
		rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: kind, Project: p.row.ID, Environment: environment})
		if err != nil {
			return err
		}
		for _, o := range rows {
			if err := r.keep(p, o); err != nil {
				return err
			}
		}
	}
	p.secretsChanged()
	return nil
}

// keep keeps one row with its environment. It removes a row that was tampered
// with, because nobody could trust it later.
func (r *run) keep(p *project, o store.Object) error {
	if o.Kind == backend.KindUsage { // it is not signed
		return r.rekind(p, o, keptAs(o.Kind))
	}
	if isHeldInUse(o) { // it was deleted before, and its dependents go with the environment or cannot see it any more
		return r.removeSetAside(p, o)
	}
	if !r.set.DryRun {
		intact, err := r.intact(p, o)
		if err != nil {
			return err
		}
		if !intact {
			return r.tx.DeleteObject(r.ctx, o.ID)
		}
	}
	return r.rekind(p, o, keptAs(o.Kind))
}

// rekind gives a row another kind and signs it again. The caller has verified it.
// Its edition stays.
func (r *run) rekind(p *project, o store.Object, kind backend.Kind) error {
	o.Kind = kind
	if formerKind(kind) == backend.KindUsage {
		o.Revision++
		return r.tx.UpdateObject(r.ctx, o)
	}
	a, err := decodeAttributes(o)
	if err != nil {
		return err
	}
	key, err := r.signingKey(p, o.Environment)
	if err != nil {
		return err
	}
	a.LinkHeld = false // what was set aside may be gone when the link returns
	a.Quiet++
	_, err = r.update(o, a, key, p)
	return err
}

// asDeleted returns the row that an environment or project has while it can be
// restored.
func (r *run) asDeleted(o store.Object) (store.Object, attributes, error) {
	a, err := decodeAttributes(o)
	if err != nil {
		return o, a, err
	}
	was := shownName(o)
	a.release()
	a.Was, a.DeletedAt = was, r.now
	o.Kind, o.Name = deletedAs(o.Kind), deletedName(r.now, o.ID)
	return o, a, nil
}

// destroyEnvironment removes an environment for good, with everything in it and
// its keys. Without the keys, no copy of a value can be decrypted.
func (r *run) destroyEnvironment(project, environment string) error {
	for _, kind := range contentKinds() {
		rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: kind, Project: project, Environment: environment})
		if err != nil {
			return err
		}
		for _, o := range rows {
			if err := r.tx.DeleteObject(r.ctx, o.ID); err != nil {
				return err
			}
		}
	}
	if _, err := removePartsIn(r.ctx, r.tx, project, environment, r.now); err != nil {
		return err
	}
	r.forget()
	if err := r.tx.DeleteEnvironmentKeys(r.ctx, project, environment); err != nil {
		return err
	}
	if environment == backend.AnyEnvironment {
		return nil
	}
	return r.tx.DeleteObject(r.ctx, environment)
}

// removeProject deletes a project without contents, for good or into its recovery
// window. What was deleted in it before stays there.
func (r *run) removeProject(p *project, purge bool) error {
	if purge || p.policy.RecoveryDays == 0 {
		return r.destroyProject(p.row.ID)
	}
	row, a, err := r.asDeleted(p.row)
	if err != nil {
		return err
	}
	if a.Was != p.row.Name { // it was set aside: the environments in a deleted project are signed for the name it had
		if err := r.resign(p, p.row.Name, a.Was); err != nil {
			return err
		}
	}
	r.forget()
	_, err = r.update(row, a, nil, nil)
	return err
}

// destroyProject removes a project for good, with what was deleted in it and all
// keys.
func (r *run) destroyProject(project string) error {
	deleted, err := r.tx.Objects(r.ctx, store.Filter{Kind: deletedAs(backend.KindEnvironment), Project: project})
	if err != nil {
		return err
	}
	for _, e := range deleted {
		if err := r.destroyEnvironment(project, e.ID); err != nil {
			return err
		}
	}
	if err := r.destroyEnvironment(project, backend.AnyEnvironment); err != nil {
		return err
	}
	drafts, err := r.tx.Objects(r.ctx, store.Filter{Kind: backend.KindDraft, Project: project})
	if err != nil {
		return err
	}
	for _, d := range drafts {
		rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: backend.KindDraftChange, Project: project, Link: d.ID})
		if err != nil {
			return err
		}
		if err := removeDraft(r.ctx, r.tx, d, rows, r.forget); err != nil {
			return err
		}
	}
	return r.tx.DeleteObject(r.ctx, project)
}
