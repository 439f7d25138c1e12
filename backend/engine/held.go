// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// A tool as Terraform makes the changes of one configuration one by one, in an
// order that it does not choose: it can rename one object to a name before it
// renames the object that has the name, and delete a secret before it changes
// the value that links to it. A change with SameOwner or CreationFollows comes
// through in any such order. What would block it is moved out of the way, in the
// same transaction, and waits there for its own change:
//
//	held       how it comes there                       how it leaves
//	displaced  another object takes its place           its own rename or deletion, by id
//	replaced   a deletion that a creation follows       that creation takes it back
//	in use     a deletion, while others depend on it    the last dependent no longer uses it: it is removed
//
// A held object keeps its row, its id, its versions and its keys. Its row has a
// reserved name, which begins with "~" as no other name can. So no lookup by
// name means it, and its name is free. Its attributes say why it is held, and
// its former name, which its contents continue to show. One exception is an
// environment that is in use: its entries can be found under its former name.
//
// # Taking over
//
// A project, environment or secret type has contents, which must not get lost
// when it is replaced. A creation by the same owner therefore takes over the
// object that has the name, before or after its deletion: the id stays. The
// incarnation counts that. A deletion that arrives with an older incarnation was
// meant for what the object was before, and changes nothing.
//
// If the creation never comes, as when an apply is interrupted and not repeated,
// the replaced object can be restored like one that was deleted. It stays until
// somebody restores or deletes it. Only a type that no secret has ends by itself.
//
// # Links
//
// The dependents of a secret are the scoped values that link to its name. When
// a secret is set aside, it gets the name "~<name>" at its place, and each
// dependent is marked with LinkHeld. A marked link means, in each place of the
// lookup order, the secret that was set aside there and then the one with the
// name. A secret that comes to the name in that place ends this: the one that
// was set aside is removed.
//
// Links follow a secret that is renamed, but a displacement is no rename: the
// links to a displaced secret mean the secret that took its name. A link that
// followed returns when the same owner brings a secret to the name that it had
// (returnLinks).
//
// # Editions
//
// The engine writes rows that no owner has changed: the moves above, the links
// that follow a renamed secret, and the environments of a renamed project, which
// are signed again. Quiet counts these revisions, and the edition leaves them
// out. An owner whose object was displaced still knows its edition.

// reserved begins the name of every held object.
const reserved = stored.HeldName

// afterNames sorts after every name and before every reserved name.
const afterNames = "}"

func isReserved(name string) bool { return strings.HasPrefix(name, reserved) }

// held is the part of the attributes that this file writes.
type held struct {
	Held        string `json:"held,omitempty"`
	LinkHeld    bool   `json:"link_held,omitempty"` // scoped value: its link also means secrets that were set aside
	Quiet       int64  `json:"quiet,omitempty"`
	Incarnation int64  `json:"incarnation,omitempty"`
	Follows     bool   `json:"creation_follows,omitempty"` // deleted secret: its owner creates another one of the name
}

// deleted reports whether an object was deleted and only waits.
func (h held) deleted() bool { return h.Held == backend.HeldInUse || h.Held == backend.HeldReplaced }

// isDeleted reports whether the row belongs to an object that was set aside.
func isDeleted(o store.Object) bool {
	if !isReserved(o.Name) {
		return false
	}
	a, err := decodeAttributes(o)
	return err == nil && a.deleted()
}

// shownName is the name that the contents of an object show: its own or, while
// it is held or deleted, the former one.
func shownName(o store.Object) string {
	if _, deleted := deletedKind(o.Kind); deleted || isReserved(o.Name) {
		if a, err := decodeAttributes(o); err == nil {
			return a.Was
		}
	}
	return o.Name
}

// hold gives a row a reserved name.
func (a *attributes) hold(o *store.Object, why, name string) {
	if a.Was == "" {
		a.Was = o.Name
	}
	a.Held, a.DeletedAt, o.Name = why, time.Time{}, reserved+name
}

// release ends the hold of an object that has a name again.
func (a *attributes) release() { a.Held, a.Was, a.DeletedAt = "", "", time.Time{} }

// owner returns the mark of the objects that must not block a change; "" if all
// of them do.
func owner(c backend.Change, a attributes) string {
	switch {
	case !c.SameOwner:
		return ""
	case c.ManagedBy != nil:
		return *c.ManagedBy
	}
	return a.ManagedBy
}

// areOwnedBy reports whether all rows have the mark of the owner.
func areOwnedBy(owner string, rows ...store.Object) (bool, error) {
	for _, o := range rows {
		a, err := decodeAttributes(o)
		if err != nil || a.ManagedBy != owner {
			return false, err
		}
	}
	return owner != "", nil
}

// checkKnown refuses a change to an object that is not as the caller knows it.
// It reports a deletion that was meant for an earlier incarnation.
func checkKnown(c backend.Change, o store.Object) (outdated bool, err error) {
	if c.Edition == nil && c.Incarnation == nil && !isReserved(o.Name) {
		return false, nil
	}
	a, err := decodeAttributes(o)
	if err != nil {
		return false, err
	}
	name := shownName(o)
	if c.Incarnation != nil && *c.Incarnation < a.Incarnation {
		if c.Op == backend.OpDelete {
			return true, nil
		}
		return false, backend.Errorf(backend.CodeConflict, "%s %q was taken over by a later creation of its name",
			c.Kind, name).
			WithHint("the later one has the contents; read it again, or plan again, before you decide what to change")
	}
	if edition := o.Revision - a.Quiet; c.Edition != nil && *c.Edition != edition {
		return false, backend.Errorf(backend.CodeConflict, "%s %q was changed since edition %d: it is at edition %d",
			c.Kind, name, *c.Edition, edition).
			WithHint("read it again before you decide what to change")
	}
	if a.deleted() && c.Op != backend.OpDelete {
		return false, backend.Errorf(backend.CodeConflict,
			"%s %q was deleted and cannot be changed; other objects still use it", c.Kind, name).
			WithHint("see: pouncet doctor")
	}
	return false, nil
}

// move makes a change to a row that no owner has asked for: a revision, but not
// an edition. It returns the new row.
func (r *run) move(o store.Object, change func(o *store.Object, a *attributes)) (store.Object, error) {
	a, err := decodeAttributes(o)
	if err != nil {
		return o, err
	}
	before := o
	change(&o, &a)
	a.Quiet++
	return r.rewrite(before, o, a)
}

// rewrite writes a row of any kind whose name may have changed, signed as its
// kind requires.
func (r *run) rewrite(before, o store.Object, a attributes) (store.Object, error) {
	if o.Kind == backend.KindProject {
		o, err := r.update(o, a, nil, nil)
		if err != nil {
			return o, err
		}
		r.forget()
		if o.Name != before.Name {
			err = r.resignEnvironments(o, before.Name)
		}
		return o, err
	}
	if isAccessKind(o.Kind) {
		return r.update(o, a, nil, nil)
	}
	p, err := r.project(o.Project)
	if err != nil {
		return o, err
	}
	if o.Kind == backend.KindSecretType {
		r.forget()
		return r.update(o, a, nil, p)
	}
	if err := r.verifyRow(p, before); err != nil {
		return o, err
	}
	home := o.Environment
	if o.Kind == backend.KindEnvironment {
		home = o.ID
		r.forget()
	}
	key, err := r.signingKey(p, home)
	if err != nil {
		return o, err
	}
	p.secretsChanged()
	return r.update(o, a, key, p)
}

// objectOf converts a row of any kind.
func (r *run) objectOf(o store.Object) (backend.Object, error) {
	switch {
	case o.Kind == backend.KindProject:
		return object(o, nil)
	case isAccessKind(o.Kind):
		return r.accessObject(o)
	}
	p, err := r.project(o.Project)
	if err != nil {
		return backend.Object{}, err
	}
	return object(o, p)
}

// displace moves an object of the owner out of its place, for the change with
// the index by, and reports whether it did. It does not displace what the same
// set has brought there.
func (r *run) displace(o store.Object, owner string, by int) (bool, error) {
	if mine, err := areOwnedBy(owner, o); !mine || err != nil || r.places.placed[o.ID] {
		return false, err
	}
	if o.Kind == backend.KindBinding {
		if may, err := r.mayGive(o); !may || err != nil {
			return false, err
		}
	}
	before, err := r.objectOf(o)
	if err != nil {
		return false, err
	}
	_, err = r.move(o, func(o *store.Object, a *attributes) { a.hold(o, backend.HeldDisplaced, o.ID) })
	if err == nil {
		r.places.displaced[by] = &before
	}
	return true, err
}

// takesOver reports whether a creation takes over the object that has its name:
// it has the same owner, contents, and no later change of the set renames it.
func (r *run) takesOver(c backend.Change, holder store.Object) (bool, error) {
	if isEntry(holder.Kind) || r.places.placed[holder.ID] {
		return false, nil
	}
	mine, err := areOwnedBy(owner(c, attributes{}), holder)
	if !mine || err != nil {
		return false, err
	}
	renamed := slices.ContainsFunc(r.set.Changes[r.index+1:], func(later backend.Change) bool {
		return later.Kind == c.Kind && later.Rename != nil && *later.Rename != holder.Name &&
			(later.ID == holder.ID || later.ID == "" && later.Name == holder.Name)
	})
	if renamed {
		return false, nil
	}
	before, err := r.objectOf(holder)
	r.places.displaced[r.index] = &before
	return true, err
}

// takenBack returns the replaced object that a creation of its name takes back.
// Nobody else can create an object of the name.
func takenBack(c backend.Change, rows []store.Object) (store.Object, bool, error) {
	if c.Op != backend.OpCreate && c.Op != backend.OpSet {
		return store.Object{}, false, nil
	}
	o, owner, waits, err := waiting(rows, c.Name)
	if err != nil || !waits {
		return o, false, err
	}
	if c.Op == backend.OpCreate && c.ManagedBy != nil && *c.ManagedBy == owner && owner != "" {
		return o, true, nil
	}
	return o, false, refuseWaiting(o, owner)
}

// waiting returns the replaced object that waits for a creation of its name, and
// its owner.
func waiting(rows []store.Object, name string) (o store.Object, owner string, waits bool, err error) {
	for _, o := range rows {
		if !isReserved(o.Name) {
			continue
		}
		a, err := decodeAttributes(o)
		if err != nil {
			return o, "", false, err
		}
		if a.Held == backend.HeldReplaced && a.Was == name {
			return o, a.ManagedBy, true, nil
		}
	}
	return store.Object{}, "", false, nil
}

func refuseWaiting(o store.Object, owner string) *backend.Error {
	return backend.Errorf(backend.CodeExists, "%s %s waits for its replacement by %q, with its contents",
		o.Kind, backend.Quote(shownName(o)), owner).
		WithHint("apply that configuration again, or delete the object by its id %s; see: pouncet doctor", o.ID).At("name")
}

// checkNotWaiting refuses a rename to a name that a replaced object of another
// owner waits for.
func (r *run) checkNotWaiting(o store.Object, owner string) error {
	rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: o.Kind, Project: o.Project, AfterName: afterNames})
	if err != nil {
		return err
	}
	held, by, waits, err := waiting(rows, o.Name)
	if err == nil && waits && held.ID != o.ID && by != owner {
		return refuseWaiting(held, by)
	}
	return err
}

// replacedFor returns the replaced object that a change of the same owner means
// by a former name: the creation that takes it back, with its id, is still to
// come. So a new object can use it before or after that.
func replacedFor(c backend.Change, rows []store.Object, name string) (store.Object, bool) {
	by := owner(c, attributes{})
	for _, o := range rows {
		if a, replaced := isReplaced(o); replaced && by != "" && a.Was == name && a.ManagedBy == by {
			return o, true
		}
	}
	return store.Object{}, false
}

// projectToUse returns the project of a change that creates an object in it.
func (r *run) projectToUse(c backend.Change) (*project, error) {
	p, err := r.project(c.Project)
	if !errors.Is(err, backend.ErrNotFound) || !c.SameOwner {
		return p, err
	}
	rows, listErr := r.tx.Objects(r.ctx, store.Filter{Kind: backend.KindProject, AfterName: afterNames})
	if listErr != nil {
		return nil, listErr
	}
	if row, waits := replacedFor(c, rows, c.Project); waits && (r.unrestricted() || r.access.seesProject(row.ID)) {
		return r.project(row.ID)
	}
	return nil, err
}

// secretFollows reports whether the owner of a deleted secret creates another one
// of its name: the last deletion of the name said so.
func (r *run) secretFollows(p *project, name, owner string) (bool, error) {
	if owner == "" {
		return false, nil
	}
	deleted, err := r.tx.Objects(r.ctx, store.Filter{Kind: deletedAs(backend.KindSecret), Project: p.row.ID})
	if err != nil {
		return false, err
	}
	for _, o := range slices.Backward(deleted) { // the last deletion first
		a, err := decodeAttributes(o)
		if err != nil {
			return false, err
		}
		if a.Was == name && r.sees(p, o) {
			return a.Follows && a.ManagedBy == owner, nil
		}
	}
	return false, nil
}

// retake returns the attributes of an object that is created again, before the attributes of the change are set.
func (a attributes) retake() attributes {
	return attributes{held: held{Quiet: a.Quiet, Incarnation: a.Incarnation + 1}}
}

// countRetaken leaves an edition out if a creation changed nothing that an owner
// decides.
func (a *attributes) countRetaken(before attributes) {
	before.DeletedAt = time.Time{}
	old, now := attributes{Attributes: before.Attributes}, attributes{Attributes: a.Attributes}
	if bytes.Equal(old.encode(), now.encode()) {
		a.Quiet++
	}
}
