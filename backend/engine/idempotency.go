// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// How a set that a client repeats after a lost answer gets the outcomes of the first time.

// idempotencyWindow is how long the engine keeps the outcomes of a set with an idempotency key.
const idempotencyWindow = 24 * time.Hour

// replay reports whether the set was applied before with its idempotency key, and then uses the outcomes of that time.
func (r *run) replay() (bool, error) {
	if r.set.IdempotencyKey == "" || r.set.DryRun {
		return false, nil
	}
	before, err := r.tx.IdempotencyRecord(r.ctx, r.set.IdempotencyKey)
	if errors.Is(err, backend.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if r.now.Sub(before.At) > idempotencyWindow {
		return false, nil // saving the new record deletes this one
	}
	if string(before.Request) != string(r.digest()) {
		return false, errKeyReused()
	}
	if err := json.Unmarshal(before.Outcome, &r.outcomes); err != nil {
		return false, err
	}
	if err := r.checkSeesOutcomes(); err != nil {
		return false, err
	}
	if r.given.Draft != "" {
		return true, nil // it wrote no value, and the outcomes tell of none
	}
	return true, r.checkReplayed()
}

// checkSeesOutcomes refuses outcomes with an object that the caller may not see any more.
func (r *run) checkSeesOutcomes() error {
	if r.access.seesAll {
		return nil
	}
	for _, out := range r.outcomes {
		objects := []backend.Object{out.Object}
		if out.Displaced != nil {
			objects = append(objects, *out.Displaced)
		}
		for _, p := range out.Parts {
			objects = append(objects, p.Change)
		}
		for _, o := range objects {
			sees, err := r.seesOutcome(o)
			if err != nil {
				return err
			}
			if !sees {
				return backend.Errorf(backend.CodeDenied, "permission denied: the set was applied before, and changed what you "+
					"may not see any more").WithHint("ask for the right %q at all of its places", backend.RightSee)
			}
		}
	}
	return nil
}

// seesOutcome reports whether the caller may see an object where it was when an outcome was made.
func (r *run) seesOutcome(o backend.Object) (bool, error) {
	switch o.Kind {
	case backend.KindToken, backend.KindRole, backend.KindGroup, backend.KindBinding, backend.KindTrust:
		return r.access.MaySome(backend.RightBind, backend.Place{}), nil
	case backend.KindProject:
		return r.access.seesProject(o.ID), nil
	}
	in, err := r.project(o.Project)
	if errors.Is(err, backend.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	kind := o.Kind
	if o.Staged != nil {
		kind = o.Staged.Kind
	}
	switch {
	case kind == backend.KindEnvironment && o.Staged == nil:
		return r.access.seesEnvironment(in.row.ID, o.ID), nil
	case isEntry(kind):
		return r.access.May(backend.RightSee, in.place(o.EnvironmentID, o.Scope, o.Name)), nil
	}
	return r.access.seesProject(in.row.ID), nil
}

// checkReplayed refuses a set whose values differ from those that it wrote before. The stored versions show what it
// wrote, as long as they exist. A stored hash of the values could be used to guess them.
func (r *run) checkReplayed() error {
	missing := false
	for i, c := range r.set.Changes {
		if c.Value.Len() == 0 || i >= len(r.outcomes) || c.Op == backend.OpDelete || c.Op == backend.OpRestore {
			continue
		}
		o := r.outcomes[i].Object
		err := r.checkWritten(o, c.Value.Expose())
		switch {
		case errors.Is(err, errNotReady):
			missing = true // continue, so that all missing keys are fetched together
		case err != nil:
			return err
		}
	}
	if missing {
		return errNotReady
	}
	return nil
}

// checkWritten returns an error if the version that an outcome is about does not have the value, or cannot be read any
// more. Then nobody knows whether the value is another one, which would be lost.
func (r *run) checkWritten(o backend.Object, value []byte) error {
	row, exists, err := r.first(store.Filter{Kind: backend.KindSecret, ID: o.ID})
	if err != nil {
		return err
	}
	if !exists {
		return errKeyOutlived(o)
	}
	versions, err := r.tx.Versions(r.ctx, []store.VersionKey{{Project: row.Project, Object: o.ID, Version: o.Version}})
	if err != nil {
		return err
	}
	if len(versions) == 0 {
		return errKeyOutlived(o)
	}
	p, err := r.project(row.Project)
	if err != nil {
		return err
	}
	written, err := r.openForComparison(p, row, versions[0])
	switch {
	case errors.Is(err, backend.ErrCorrupt):
		return errKeyOutlived(o)
	case err != nil:
		return err
	case !sameValue(written, value, versions[0].IsJSON()):
		return errKeyReused()
	}
	return nil
}

func errKeyOutlived(o backend.Object) error {
	return backend.Errorf(backend.CodeConflict, "the idempotency key was already used for a change set whose value of "+
		"secret %s was deleted since", backend.Quote(o.Name)).
		WithHint("to set the value again, make a new key").At("idempotency_key")
}

func errKeyReused() error {
	return backend.Errorf(backend.CodeConflict, "the idempotency key was already used for another change set").
		WithHint("make a new key for each set").At("idempotency_key")
}

func (r *run) saveOutcome() error {
	if r.set.IdempotencyKey == "" {
		return nil
	}
	outcome, err := json.Marshal(r.outcomes)
	if err != nil {
		return err
	}
	return r.tx.SaveIdempotencyRecord(r.ctx,
		store.IdempotencyRecord{Key: r.set.IdempotencyKey, Request: r.digest(), Outcome: outcome, At: r.now},
		r.now.Add(-idempotencyWindow))
}

// digestFormat begins every digest.
const digestFormat = 3

// digest identifies a set of changes for idempotency. It leaves out values, because someone who guesses a value could
// check it against a plain hash. It says which changes have a value, so that a repetition cannot add one to compare it.
func (r *run) digest() []byte {
	text, err := json.Marshal(r.set.Changes)
	if err != nil {
		panic(err) // plain data; raw JSON was checked
	}
	for _, c := range r.set.Changes {
		text = strconv.AppendBool(append(text, ' '), c.Value.Len() > 0)
	}
	if r.given.Draft != "" {
		text = append(append(text, " draft "...), r.given.Draft...)
	}
	p, _ := backend.PrincipalFrom(r.ctx)
	sum := sha256.Sum256(append([]byte(p.ID+"\x00"), text...))
	return append([]byte{digestFormat}, sum[:]...)
}
