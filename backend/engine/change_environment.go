// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// member is the environment or type that a change names.
type member struct {
	in     *project
	row    store.Object // one that does not exist is the row that creating it begins with
	exists bool
	taken  bool // a creation takes it over or takes it back: see held.go
}

// checkMember refuses a change that does not fit the member as it is now. It reports a
// deletion that was meant for an earlier incarnation.
func (r *run) checkMember(m member, c backend.Change) (outdated bool, err error) {
	if m.taken {
		return false, nil
	}
	if err := checkOperation(c, m.exists, m.row.ID, m.row.Name, m.row.Revision); err != nil {
		return false, err
	}
	return r.checkSeen(c, m.row)
}

// member returns an environment or a type, by id or by project and name.
func (r *run) member(c backend.Change, id string) (m member, err error) {
	if c.ID != "" {
		if m.row, m.exists, err = r.seen(store.Filter{Kind: c.Kind, ID: c.ID}); err != nil {
			return m, err
		}
		if !m.exists {
			return m, unknownID(c)
		}
		if m.in, err = r.project(m.row.Project); err == nil {
			err = r.checkSameProject(c, m.in)
		}
		if err == nil {
			err = r.allowMember(c, m)
		}
		return m, err
	}
	if err := backend.CheckName(c.Kind, c.Name); err != nil {
		return m, err
	}
	if m.in, err = r.projectToUse(c); err != nil {
		return m, err
	}
	created := store.Object{Kind: c.Kind, ID: id, Project: m.in.row.ID, Name: c.Name, Attributes: attributes{}.encode()}
	if m.row, m.exists, err = r.first(placeOf(created)); err != nil {
		return m, err
	}
	if m.exists && !r.sees(m.in, m.row) && !creates(c.Op) {
		m.row, m.exists = created, false
		return m, nil
	}
	if err := r.allowMember(c, m); err != nil {
		return m, err
	}
	if m.row, m.exists, m.taken, err = r.orCreated(c, created); err != nil || m.exists {
		return m, err
	}
	rows := m.in.environments
	if c.Kind == backend.KindSecretType {
		rows = m.in.typeRows()
	}
	row, back, err := takenBack(c, rows)
	if back {
		m.row, m.exists, m.taken = row, true, true
	}
	return m, err
}

// allowMember refuses a change of an environment or type that the caller may not manage. To create one, it must manage
// the project.
func (r *run) allowMember(c backend.Change, m member) error {
	what := fmt.Sprintf("%s %s of project %q", c.Kind, backend.Quote(cmp.Or(shownName(m.row), c.Name)), m.in.row.Name)
	at, rights := backend.Place{Project: m.in.row.ID}, []backend.Right{backend.RightManage}
	if c.Kind == backend.KindEnvironment && m.exists && r.sees(m.in, m.row) {
		at, rights = m.in.place(m.row.ID, "", ""), managing(c.Op)
		if err := r.allowName(c, shownName(m.row), m.in); err != nil {
			return err
		}
	} else if !m.exists && !creates(c.Op) {
		return nil // it does not exist
	}
	return r.manage(rights, at, m.in, what)
}

// orCreated returns the object in the place of a row that a change by name may
// create, and whether it exists; otherwise the row. An object whose place is to
// be freed by a later change does not stop a creation, nor does one of the same
// owner: the creation displaces it or, as taken says, takes it over.
func (r *run) orCreated(c backend.Change, created store.Object) (row store.Object, exists, taken bool, err error) {
	row, exists, err = r.first(placeOf(created))
	if err != nil || !exists || c.Op != backend.OpCreate {
		if !exists {
			row = created
		}
		return row, exists, false, err
	}
	if taken, err = r.takesOver(c, row); err != nil || taken {
		return row, true, taken, err
	}
	mark := owner(c, attributes{})
	mine, err := areOwnedBy(mark, row)
	if err != nil || !mine && !r.canBeFreed(c.Kind) {
		return row, true, false, err
	}
	return created, false, false, r.takePlace(created, mark, r.refuseExisting)
}

func (r *run) changeEnvironment(c backend.Change, id string) (backend.Outcome, error) {
	if c.Op == backend.OpRestore {
		return r.restoreEnvironment(c)
	}
	m, err := r.member(c, id)
	if wasDeleted(c, m.exists, err) {
		return r.purgeEnvironment(c)
	}
	if err != nil {
		return backend.Outcome{}, err
	}
	p, row := m.in, m.row
	if outdated, err := r.checkMember(m, c); outdated || err != nil {
		return r.unchanged(row, err)
	}
	if c.Op == backend.OpDelete {
		return r.deleteEnvironment(p, row, c)
	}
	if m.exists {
		if err := r.verifyRow(p, row); err != nil {
			return backend.Outcome{}, err
		}
	}
	a, err := decodeAttributes(row)
	if err != nil {
		return backend.Outcome{}, err
	}
	before := a
	if m.taken {
		a, row.Name = a.retake(), c.Name
	}
	var d diff
	d.apply(c, &row.Name, &a)
	if a.Protected != before.Protected {
		at := backend.Place{Project: p.row.ID}
		if m.exists {
			at = p.place(row.ID, "", "")
		}
		if err := r.allowProtection(p, row.Name, at, a.Protected); err != nil {
			return backend.Outcome{}, err
		}
	}
	if !m.exists {
		if err := backend.CheckName(c.Kind, row.Name); err != nil {
			return backend.Outcome{}, err
		}
		if err := checkCount(p, c.Kind, len(p.environments), backend.MaxEnvironments); err != nil {
			return backend.Outcome{}, err
		}
		key, err := r.makeOrTakeKey(p, row.ID, a.KMSKey)
		if err != nil {
			return backend.Outcome{}, err
		}
		return r.finish(backend.ActionCreate, d, p)(r.insert(row, a, key, p))
	}
	out, err := r.writeMember(c, m, row, before, a, d)
	if err == nil && a.KMSKey != before.KMSKey {
		err = r.rewrap(p, row.ID, a.KMSKey)
	}
	return out, err
}

// makeOrTakeKey returns the key of a new environment. A draft that creates an environment has made its key already.
func (r *run) makeOrTakeKey(p *project, id, kmsKey string) (*envelope.Key, error) {
	if _, made := p.environmentKey(id); !made || r.set.DryRun {
		return r.makeKey(p.row.ID, id, kmsKey)
	}
	if err := r.rewrap(p, id, kmsKey); err != nil {
		return nil, err
	}
	return r.signingKey(p, id)
}

// unchanged is the outcome of a change that leaves a row as it is.
func (r *run) unchanged(row store.Object, err error) (backend.Outcome, error) {
	if err != nil {
		return backend.Outcome{}, err
	}
	o, err := r.objectOf(row)
	return backend.Outcome{Action: backend.ActionUnchanged, Object: o}, err
}

// writeMember writes the changed row of an environment, type, project, role, group
// or binding, which has the attributes a and had those before.
func (r *run) writeMember(
	c backend.Change, m member, row store.Object, before, a attributes, d diff,
) (backend.Outcome, error) {
	if len(d.changed) == 0 && !m.taken {
		return r.unchanged(m.row, nil)
	}
	if row.Name != m.row.Name {
		if err := backend.CheckName(c.Kind, row.Name); err != nil {
			return backend.Outcome{}, err
		}
		a.release()
		if err := r.checkNotWaiting(row, owner(c, a)); err != nil {
			return backend.Outcome{}, err
		}
		if err := r.takePlace(row, owner(c, a), r.refuseExisting); err != nil {
			return backend.Outcome{}, err
		}
	}
	action := backend.ActionUpdate
	if m.taken {
		action = backend.ActionCreate
		a.countRetaken(before)
	}
	row, err := r.rewrite(m.row, row, a)
	if err != nil {
		return backend.Outcome{}, err
	}
	r.forget()
	out, err := outcome(action, d, row, m.in)
	if err == nil && isAccessKind(row.Kind) {
		out.Object, err = r.accessObject(row) // with names in the place of ids
	}
	return out, err
}

// finish returns the outcome of a written environment or type. Later changes of the set read the project again.
func (r *run) finish(action backend.Action, d diff, p *project) func(store.Object, error) (backend.Outcome, error) {
	return func(row store.Object, err error) (backend.Outcome, error) {
		if err != nil {
			return backend.Outcome{}, err
		}
		r.forget()
		return outcome(action, d, row, p)
	}
}

// verifyRow refuses a row that was changed outside the engine. Otherwise the engine would sign that change when it
// writes the row.
func (r *run) verifyRow(p *project, row store.Object) error {
	if r.set.DryRun && len(row.MAC) == 0 && row.UpdatedAt.Equal(r.now) {
		return nil // written earlier in this dry run, which signs nothing
	}
	return p.verifyRow(row, r.keys)
}

func (r *run) deleteEnvironment(p *project, row store.Object, c backend.Change) (backend.Outcome, error) {
	a, err := decodeAttributes(row)
	if err != nil {
		return backend.Outcome{}, err
	}
	if a.Protected {
		return backend.Outcome{}, backend.Errorf(backend.CodeDenied, "environment %q is protected", shownName(row)).
			WithHint("set protected to false first").At("protected")
	}
	if c.CreationFollows {
		return r.setAside(c, row, backend.HeldReplaced, nil)
	}
	entries, err := r.entriesOf(p, row.ID)
	if err != nil {
		return backend.Outcome{}, err
	}
	if len(entries) > 0 && !c.Force {
		if out, done, err := r.setAsideOwned(c, row, entries); done || err != nil {
			return out, err
		}
	}
	for _, e := range entries {
		if err := checkUnprotected(e); err != nil {
			return backend.Outcome{}, err
		}
	}
	if len(entries) > 0 && !c.Force {
		users, err := r.dependentsIn(p, entries)
		if err != nil {
			return backend.Outcome{}, err
		}
		return backend.Outcome{}, inUse(row, users, "delete these first, or delete the environment with all its entries: "+
			forcedDeletion(row))
	}
	out, err := r.deletion(c, row, p)
	if err != nil {
		return out, err
	}
	if err := r.removeEnvironment(p, row, c.Purge); err != nil || len(entries) == 0 && !isHeldInUse(p.row) {
		return out, err
	}
	return out, r.letGo(p.row.ID, entries...)
}

// entriesOf returns the secrets and scoped values of an environment.
func (r *run) entriesOf(p *project, environment string) ([]store.Object, error) {
	var entries []store.Object
	for _, kind := range []backend.Kind{backend.KindSecret, backend.KindScopedValue} {
		rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: kind, Project: p.row.ID, Environment: environment})
		if err != nil {
			return nil, err
		}
		entries = append(entries, rows...)
	}
	return entries, nil
}

// wasDeleted reports whether a deletion names an object that does not exist, so
// that it means one that was deleted before.
func wasDeleted(c backend.Change, exists bool, err error) bool {
	return c.Op == backend.OpDelete && c.Purge &&
		(errors.Is(err, backend.ErrNotFound) && c.ID != "" || err == nil && !exists)
}
