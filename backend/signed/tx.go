// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// tx is a transaction. The maps are nil in a View.
type tx struct {
	store.Tx
	store   *Store
	signers *signers

	known    map[string]knownObject      // the objects that were read or written, by id
	macs     map[store.VersionKey][]byte // of the versions that were read or written
	deltas   map[string]sum              // what to add to a state, by its name
	created  map[string]bool             // states that did not exist before
	ended    map[string]bool             // states of projects whose row was deleted
	counters map[string]uint64           // of the states that were saved
	deleted  map[string][]string         // the ids of secrets and tokens that were deleted, by their project
	raised   bool                        // the generation gets new bytes at the end
	seen     map[string]uint64           // the counters that this process had seen before the transaction began
	timeline int64                       // of the database, at that time

	logs []string // the names of the states of logs to which records were added

	accessChecked bool        // the rows of the deployment fit their state
	access        *accessSums // nil before they are needed
	tokens        *tokenList  // nil before it is needed
}

var _ store.Tx = (*tx)(nil)

func newWriter(inner store.Tx, s *Store, keys *signers, counted *counters) *tx {
	return &tx{
		Tx: inner, store: s, signers: keys, seen: counted.seen, timeline: counted.timeline,
		known: map[string]knownObject{}, macs: map[store.VersionKey][]byte{}, deltas: map[string]sum{},
		created: map[string]bool{}, ended: map[string]bool{}, counters: map[string]uint64{},
	}
}

// knownObject is what a write needs to know of the row that it replaces.
type knownObject struct {
	row       store.Object
	untrusted bool
}

// stateOf returns the name of the state that sums up an object: of its project, or of the object itself if it is a
// project.
func stateOf(o store.Object) string {
	if o.Project == "" {
		return projectState(o.ID)
	}
	return projectState(o.Project)
}

// verify sets Untrusted, and returns it as an error unless the engine refuses the object itself.
func (t *tx) verify(o *store.Object) error {
	if !t.signers.isGenuine(t.signers.object(*o), o.DeploymentMAC) {
		o.Untrusted = untrustedObject(*o)
	}
	if t.known != nil {
		t.known[o.ID] = knownObject{*o, o.Untrusted != nil}
	}
	if o.Untrusted != nil && !refusedByEngine(o.Kind) {
		return o.Untrusted
	}
	return nil
}

func (t *tx) verifyAll(rows []store.Object, err error) ([]store.Object, error) {
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if err := t.verify(&rows[i]); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// Objects implements store.Tx.
func (t *tx) Objects(ctx context.Context, f store.Filter) ([]store.Object, error) {
	if f.Project == stored.DeploymentKey {
		return t.accessRows(ctx, f)
	}
	return t.verifyAll(t.Tx.Objects(ctx, f))
}

// ScanObjects implements store.Tx.
func (t *tx) ScanObjects(ctx context.Context, project, afterID string, limit int) ([]store.Object, error) {
	return t.verifyAll(t.Tx.ScanObjects(ctx, project, afterID, limit))
}

// ObjectByID implements store.Tx.
func (t *tx) ObjectByID(ctx context.Context, id string) (store.Object, error) {
	o, err := t.Tx.ObjectByID(ctx, id)
	if err == nil {
		err = t.verify(&o)
	}
	if err == nil && isAccessRow(o) {
		err = t.checkAccessRows(ctx)
	}
	return o, err
}

// Lookup implements store.Tx.
func (t *tx) Lookup(ctx context.Context, l store.Lookup, each func(store.Entry)) error {
	var refused error
	err := t.Tx.Lookup(ctx, l, func(e store.Entry) {
		if err := t.verify(&e.Object); err != nil && refused == nil {
			refused = err
		}
		if e.Current.Object != "" {
			t.verifyVersion(&e.Current)
			if t.macs != nil { // nothing is written otherwise
				t.macs[versionKey(e.Current)] = e.Current.DeploymentMAC
			}
		}
		each(e)
	})
	if err != nil {
		return err
	}
	return refused
}

func (t *tx) verifyVersion(v *store.Version) {
	if !t.signers.isGenuine(t.signers.version(*v), v.DeploymentMAC) {
		v.Untrusted = backend.Errorf(backend.CodeCorrupt,
			"version %d of the secret with id %s cannot be trusted: its row was changed outside Pouncet", v.Version, v.Object).
			WithHint("restore the database from a backup, or set a new value")
	}
}

// Versions implements store.Tx.
func (t *tx) Versions(ctx context.Context, keys []store.VersionKey) ([]store.Version, error) {
	rows, err := t.Tx.Versions(ctx, keys)
	for i := range rows {
		t.verifyVersion(&rows[i])
		if t.macs != nil { // nothing is written otherwise
			t.macs[versionKey(rows[i])] = rows[i].DeploymentMAC
		}
	}
	return rows, err
}

func versionKey(v store.Version) store.VersionKey {
	return store.VersionKey{Project: v.Project, Object: v.Object, Version: v.Version}
}

// VersionsOf implements store.Tx. It verifies the versions only with their sealed bytes.
func (t *tx) VersionsOf(ctx context.Context, project, object string, withSealed bool) ([]store.Version, error) {
	rows, err := t.Tx.VersionsOf(ctx, project, object, withSealed)
	for i := range rows {
		if withSealed {
			t.verifyVersion(&rows[i])
		}
	}
	return rows, err
}

// VersionsBefore implements store.Tx.
func (t *tx) VersionsBefore(
	ctx context.Context, project, object string, before int64, limit int,
) ([]store.Version, error) {
	rows, err := t.Tx.VersionsBefore(ctx, project, object, before, limit)
	for i := range rows {
		t.verifyVersion(&rows[i])
	}
	return rows, err
}

// DeleteVersion implements store.Tx. After the deletion of a version that cannot be trusted, the sum does not fit,
// because the row had another MAC, or because it was not there before.
func (t *tx) DeleteVersion(ctx context.Context, key store.VersionKey) error {
	rows, err := t.Versions(ctx, []store.VersionKey{key})
	if err != nil {
		return err
	}
	if err := t.Tx.DeleteVersion(ctx, key); err != nil {
		return err
	}
	delete(t.macs, key)
	name := projectState(key.Project)
	for _, v := range rows {
		if v.Untrusted != nil {
			t.spoil(name)
			continue
		}
		t.subtract(name, t.signers.versionSummand(v))
	}
	return nil
}

// add and subtract change the sum of a state at the end of the transaction.
func (t *tx) add(name string, s sum)      { t.deltas[name] = t.deltas[name].plus(s) }
func (t *tx) subtract(name string, s sum) { t.deltas[name] = t.deltas[name].minus(s) }

// spoil makes a sum that never fits again, until an owner accepts the rows. It is for a write to a row that cannot be
// trusted: nobody knows which row was there before, and somebody may put the earlier row back.
func (t *tx) spoil(name string) {
	t.add(name, t.signers.summand(stored.StateRow, name, 0, []byte(rand.Text())))
}

// present returns an object as it is stored.
func (t *tx) present(ctx context.Context, id string) (knownObject, error) {
	if k, ok := t.known[id]; ok {
		return k, nil
	}
	o, err := t.Tx.ObjectByID(ctx, id)
	if err != nil {
		return knownObject{}, err
	}
	_ = t.verify(&o) // the caller replaces or deletes the row
	return t.known[id], nil
}

// InsertObject implements store.Tx.
func (t *tx) InsertObject(ctx context.Context, o store.Object) error {
	o.DeploymentMAC = t.signers.sign(t.signers.object(o))
	if err := t.Tx.InsertObject(ctx, o); err != nil {
		return err
	}
	t.known[o.ID] = knownObject{row: o}
	t.raiseIfKept(o.Kind)
	t.add(stateOf(o), t.signers.objectSummand(o))
	t.countAccess(o, false, 1)
	if o.Project == "" {
		t.created[stateOf(o)] = true
	}
	return t.beginDeployment(ctx, o)
}

// beginDeployment notes that the state of the roles, groups, bindings and trusts does not exist before the first of
// them. It stays when the last of them is deleted.
func (t *tx) beginDeployment(ctx context.Context, o store.Object) error {
	name := stateOf(o)
	if o.Project != stored.DeploymentKey || t.seen[name] > 0 || t.counters[name] > 0 {
		return nil
	}
	present, err := t.State(ctx, name)
	if err == nil && present == nil {
		t.created[name] = true
	}
	return err
}

// UpdateObject implements store.Tx. A row that cannot be trusted stays so.
func (t *tx) UpdateObject(ctx context.Context, o store.Object) error {
	before, err := t.present(ctx, o.ID)
	if err != nil {
		return err
	}
	o.DeploymentMAC = nil
	if !before.untrusted {
		o.DeploymentMAC = t.signers.sign(t.signers.object(o))
	}
	if err := t.Tx.UpdateObject(ctx, o); err != nil {
		return err
	}
	t.known[o.ID] = knownObject{o, before.untrusted}
	t.raiseIfKept(before.row.Kind, o.Kind)
	t.countAccess(before.row, before.untrusted, -1)
	t.countAccess(o, before.untrusted, 1)
	if before.untrusted {
		t.spoil(stateOf(before.row))
		return nil
	}
	t.subtract(stateOf(before.row), t.signers.objectSummand(before.row))
	t.add(stateOf(o), t.signers.objectSummand(o))
	return nil
}

// DeleteObject implements store.Tx.
func (t *tx) DeleteObject(ctx context.Context, id string) error {
	before, err := t.present(ctx, id)
	if err != nil {
		return err
	}
	if isAccessRow(before.row) {
		return t.deleteAccessRow(ctx, before)
	}
	name := stateOf(before.row)
	versions, err := t.Tx.VersionsOf(ctx, before.row.Project, id, false)
	if err != nil {
		return err
	}
	if err := t.Tx.DeleteObject(ctx, id); err != nil {
		return err
	}
	t.forget(before.row)
	t.raiseIfKept(before.row.Kind)
	if before.untrusted {
		t.spoil(name)
		return nil
	}
	for _, v := range versions {
		t.subtract(name, t.signers.versionSummand(v))
	}
	t.subtract(name, t.signers.objectSummand(before.row))
	if before.row.Project == "" {
		t.ended[name] = true
	}
	return nil
}

// forget notes that an object was deleted.
func (t *tx) forget(o store.Object) {
	delete(t.known, o.ID)
	if o.Version == 0 || o.Kind == backend.KindDraftChange { // it is no secret, or nothing resolves it
		return
	}
	t.noteDeleted(o.Project, o.ID)
}

// noteDeleted notes what Store.OnDelete is about.
func (t *tx) noteDeleted(project, id string) {
	if t.deleted == nil {
		t.deleted = map[string][]string{}
	}
	t.deleted[project] = append(t.deleted[project], id)
}

// DeleteObjects implements store.Tx.
func (t *tx) DeleteObjects(ctx context.Context, project string, ids []string) error {
	before := make([]knownObject, len(ids))
	var versions []store.Version // the MACs of those that were read before, and rows
	var unknown []store.VersionKey
	for i, id := range ids {
		var err error
		if before[i], err = t.present(ctx, id); err != nil {
			return err
		}
		o := before[i].row
		key := store.VersionKey{Project: o.Project, Object: id, Version: o.Version}
		if mac := t.macs[key]; mac != nil {
			versions = append(versions, store.Version{Object: id, Version: o.Version, DeploymentMAC: mac})
		} else if o.Version > 0 {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		rows, err := t.Tx.Versions(ctx, unknown)
		if err != nil {
			return err
		}
		versions = append(versions, rows...)
	}
	if err := t.Tx.DeleteObjects(ctx, project, ids); err != nil {
		return err
	}
	t.access = nil // it may have some of them
	name, untrusted := projectState(project), map[string]bool{}
	for _, b := range before {
		t.forget(b.row)
		t.raiseIfKept(b.row.Kind)
		if b.untrusted {
			untrusted[b.row.ID] = true
			t.spoil(name)
			continue
		}
		t.subtract(name, t.signers.objectSummand(b.row))
	}
	for _, v := range versions {
		if !untrusted[v.Object] {
			t.subtract(name, t.signers.versionSummand(v))
		}
	}
	return nil
}

// InsertVersion implements store.Tx.
func (t *tx) InsertVersion(ctx context.Context, v store.Version) error {
	v.DeploymentMAC = t.signers.sign(t.signers.version(v))
	if err := t.Tx.InsertVersion(ctx, v); err != nil {
		return err
	}
	t.macs[versionKey(v)] = v.DeploymentMAC
	t.add(projectState(v.Project), t.signers.versionSummand(v))
	return nil
}

// EnvironmentKeys implements store.Tx. It leaves out keys that cannot be trusted, so that what they seal and sign is
// refused. The deployment key is not signed: the settings say which one it is.
func (t *tx) EnvironmentKeys(ctx context.Context, project string) ([]store.EnvironmentKey, error) {
	keys, err := t.Tx.EnvironmentKeys(ctx, project)
	if err != nil || project == stored.DeploymentKey {
		return keys, err
	}
	return slices.DeleteFunc(keys, func(k store.EnvironmentKey) bool {
		return !t.signers.isGenuine(t.signers.environmentKey(k), k.DeploymentMAC)
	}), nil
}

// InsertEnvironmentKey implements store.Tx.
func (t *tx) InsertEnvironmentKey(ctx context.Context, k store.EnvironmentKey) error {
	k.DeploymentMAC = t.signers.sign(t.signers.environmentKey(k))
	if err := t.Tx.InsertEnvironmentKey(ctx, k); err != nil {
		return err
	}
	t.raise()
	t.add(projectState(k.Project), t.signers.keySummand(k))
	return nil
}

// UpdateEnvironmentKey implements store.Tx.
func (t *tx) UpdateEnvironmentKey(ctx context.Context, k store.EnvironmentKey) error {
	before, err := t.Tx.EnvironmentKeys(ctx, k.Project)
	if err != nil {
		return err
	}
	k.DeploymentMAC = t.signers.sign(t.signers.environmentKey(k))
	if err := t.Tx.UpdateEnvironmentKey(ctx, k); err != nil {
		return err
	}
	t.raise()
	for _, b := range before {
		if b.ID == k.ID {
			t.removeKey(b)
		}
	}
	t.add(projectState(k.Project), t.signers.keySummand(k))
	return nil
}

// DeleteEnvironmentKeys implements store.Tx.
func (t *tx) DeleteEnvironmentKeys(ctx context.Context, project, environment string) error {
	before, err := t.Tx.EnvironmentKeys(ctx, project)
	if err != nil {
		return err
	}
	if err := t.Tx.DeleteEnvironmentKeys(ctx, project, environment); err != nil {
		return err
	}
	t.raise()
	for _, k := range before {
		if k.Environment == environment {
			t.removeKey(k)
		}
	}
	return nil
}

// removeKey subtracts an environment key that is deleted or replaced.
func (t *tx) removeKey(k store.EnvironmentKey) {
	name := projectState(k.Project)
	if !t.signers.isGenuine(t.signers.environmentKey(k), k.DeploymentMAC) {
		t.spoil(name)
		return
	}
	t.subtract(name, t.signers.keySummand(k))
}

// SaveIdempotencyRecord implements store.Tx. The records are in no sum: they are many, and live for a day.
func (t *tx) SaveIdempotencyRecord(ctx context.Context, r store.IdempotencyRecord, olderThan time.Time) error {
	r.DeploymentMAC = t.signers.sign(t.signers.idempotencyRecord(r))
	return t.Tx.SaveIdempotencyRecord(ctx, r, olderThan)
}

// IdempotencyRecords implements store.Tx.
func (t *tx) IdempotencyRecords(
	ctx context.Context, prefix string, limit, maxBytes int,
) ([]store.IdempotencyRecord, error) {
	all, err := t.Tx.IdempotencyRecords(ctx, prefix, limit, maxBytes)
	for _, r := range all {
		if err == nil && !t.signers.isGenuine(t.signers.idempotencyRecord(r), r.DeploymentMAC) {
			err = untrustedRecord(r.Key, "delete the record: pouncet doctor --storage --accept")
		}
	}
	return all, err
}

// IdempotencyRecord implements store.Tx.
func (t *tx) IdempotencyRecord(ctx context.Context, key string) (store.IdempotencyRecord, error) {
	r, err := t.Tx.IdempotencyRecord(ctx, key)
	if err == nil && !t.signers.isGenuine(t.signers.idempotencyRecord(r), r.DeploymentMAC) {
		err = untrustedRecord(key, "use another idempotency key, or sign in again")
	}
	return r, err
}

// untrustedRecord has other hints than the rows, because accepting does not sign the records, but deletes them.
func untrustedRecord(key, hint string) error {
	return backend.Errorf(backend.CodeCorrupt, "the record of idempotency key %s cannot be trusted: its row was changed "+
		"outside Pouncet", backend.Quote(key)).WithHint("%s", hint)
}
