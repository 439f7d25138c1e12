// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// errRollback ends a transaction whose outcomes are known and must not be kept.
var errRollback = errors.New("rolled back on purpose")

// Apply implements backend.Service.
func (e *Engine) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	if len(set.Changes) > backend.MaxChanges {
		return nil, backend.Errorf(backend.CodeTooLarge, "%d changes are in one call; the limit is %d", len(set.Changes),
			backend.MaxChanges).
			WithHint("apply them in several calls")
	}
	if n := len(set.IdempotencyKey); n > backend.MaxIdempotencyKeyBytes {
		return nil, backend.Errorf(backend.CodeTooLarge, "the idempotency key has %d bytes; the limit is %d", n,
			backend.MaxIdempotencyKeyBytes).At("idempotency_key")
	}
	for _, reserved := range stored.ReservedKeys {
		if key := set.IdempotencyKey; strings.HasPrefix(key, reserved) {
			return nil, backend.Errorf(backend.CodeInvalid, "the idempotency key %s begins like a key of Pouncet itself",
				backend.Quote(key)).WithHint("use a random text, such as a UUID").At("idempotency_key")
		}
	}
	if err := checkRegistrations(set.Changes); err != nil {
		return nil, err
	}
	if n := len(set.FingerprintKey); n > 0 && (!set.DryRun || n != backend.FingerprintKeySize) {
		return nil, backend.Errorf(backend.CodeInvalid,
			"the fingerprint key is not valid: it must have %d bytes, and requires a dry run",
			backend.FingerprintKeySize).At("fingerprint_key")
	}
	if err := checkCompareOnly(set); err != nil {
		return nil, err
	}
	if err := checkStagedSeen(set); err != nil {
		return nil, err
	}
	// The ids are the same in each attempt, because a key that was fetched for a
	// new environment belongs to its id.
	ids := make([]string, len(set.Changes))
	for i := range ids {
		ids[i] = newID()
	}
	call := &applyCall{newIDs: ids, keys: newKeyset(e.keys), checks: newChecks(), guesses: e.newGuesses(ctx)}
	release, err := call.guesses.acquire(ctx, set)
	if err != nil {
		return nil, err
	}
	defer release()
	if set.Draft != "" {
		return e.stage(ctx, set, call)
	}
	if err := e.prepareRegistrations(ctx, set, call); err != nil {
		return nil, err
	}
	for {
		outcomes, committed, err := e.applyOnce(ctx, set, call)
		if committed {
			e.homes.learn(outcomes)
			return outcomes, err
		}
		exceeded, countErr := call.guesses.count(ctx)
		if countErr != nil {
			return nil, countErr
		}
		if !exceeded { // otherwise answer again, without these comparisons
			return outcomes, err
		}
	}
}

// applyCall is what the attempts of one Apply share.
type applyCall struct {
	newIDs  []string // of the objects that the changes may create
	keys    *keyset
	checks  *checks // of schemas and values
	guesses *guesses

	registrations registrations
}

// applyOnce runs the transaction of a set until it has all keys and checks. It reports whether the set is committed;
// otherwise nothing was changed.
func (e *Engine) applyOnce(
	ctx context.Context, set backend.ChangeSet, call *applyCall,
) (outcomes []backend.Outcome, committed bool, err error) {
	r, committed, err := e.attempt(ctx, set, call, (*run).transaction)
	switch {
	case err != nil:
		return nil, false, err
	case set.DryRun:
		return r.outcomes, false, nil
	}
	rejected := backend.Rejected(r.outcomes)
	if rejected == nil {
		e.sweepSometimes(ctx)
	}
	return r.outcomes, committed, rejected
}

// attempt runs a transaction of a call until it has all keys and checks. It reports whether the transaction was
// committed; errRollback is no error.
func (e *Engine) attempt(
	ctx context.Context, set backend.ChangeSet, call *applyCall, f func(*run, store.Tx) error,
) (r *run, committed bool, err error) {
	for {
		r := &run{applyCall: call, engine: e, ctx: ctx, given: set, now: e.now().UTC().Truncate(time.Microsecond)}
		err := e.store.Update(e.withProjectsChanged(ctx, set.Changes), func(tx store.Tx) error { return f(r, tx) })
		switch {
		case r.incomplete():
			if err := r.keys.fetch(ctx); err != nil {
				return r, false, orPurge(err, set)
			}
			if err := r.checks.run(ctx); err != nil {
				return r, false, err
			}
		case err != nil && !errors.Is(err, errRollback):
			return r, false, err
		default:
			return r, err == nil, nil
		}
	}
}

// orPurge adds to the error of an unusable KMS key that a deletion without a
// recovery window does not need the key.
func orPurge(err error, set backend.ChangeSet) error {
	deletes := slices.ContainsFunc(set.Changes, func(c backend.Change) bool {
		return c.Op == backend.OpDelete && !c.Purge && (isEntry(c.Kind) || c.Kind == backend.KindEnvironment)
	})
	if !deletes || !errors.Is(err, backend.ErrKeyUnusable) {
		return err
	}
	e := *backend.AsError(err)
	hint := "without the KMS key, an object can only be deleted permanently, with --purge"
	if e.Hint != "" {
		hint = e.Hint + "; " + hint
	}
	e.Hint = hint
	return &e
}

// run is one attempt at a change set, inside one transaction.
type run struct {
	*applyCall
	engine *Engine
	ctx    context.Context
	tx     store.Tx          // the same as cached
	given  backend.ChangeSet // the set of the call
	set    backend.ChangeSet // the changes to make: of the set, or of the draft that it deploys
	steps  []step            // one for each of these changes
	access principalAccess
	now    time.Time

	cached   *accessCache        // of the transaction
	projects map[string]*project // by the name or id they were asked for
	outcomes []backend.Outcome
	size     int   // of the outcomes, in bytes
	read     int   // of projects, in bytes
	over     error // a limit that the whole call exceeds
	index    int   // of the change that is being made
	places   places
	// current is the version of a secret that was read together with its row: see withVersion.
	current store.Version
	// unchecked is the attribute of the change that is being made whose rule was not checked: see ChangeSet.CompareOnly.
	unchecked string
	// comparing says that the caller may only try the change that is being made: see compareOnly.
	comparing bool
	// deploying says that the changes come from a draft that the caller may deploy.
	deploying bool
	// guarded holds the secrets with a staged value that is for a restricted secret: see draft_values.go.
	guarded map[string]*guardedSecret
	// ahead is what a set that only compares has read for all its changes.
	ahead ahead
	// written holds the values that a dry run has set, by the id of their secret.
	written map[string]writtenValue
	// revisions holds the revisions that objects had before the set, of those that were updated.
	revisions map[string]int64
	// editions holds the editions that objects had before the draft to which the set is added has changed them.
	editions map[string]int64
	// knows is what the caller may know of tokens, groups and roles; nil if it must be read: see access_known.go.
	knows *known
	// unbound are the grants of the bindings that this set has deleted: what they were for is still known.
	unbound []backend.Grant
	// projectID is the id of the last project that the present change has used.
	projectID string
}

// transaction makes the changes. The store may call it again.
func (r *run) transaction(tx store.Tx) error {
	if err := r.begin(tx); err != nil {
		return err
	}
	if done, err := r.replay(); done || err != nil {
		return err
	}
	d, err := r.beginDeployment()
	if err != nil {
		return r.refuseDeployment(d, err)
	}
	broken, err := r.makeChanges()
	if err != nil {
		return err
	}
	if d != nil {
		out := d.outcome(r.outcomes)
		broken = broken || out.Err != nil
		r.outcomes, r.set, r.size = []backend.Outcome{out}, r.given, outcomeSize(out)
		if r.size > backend.MaxOutcomeBytes {
			return r.errOutcomes()
		}
	}
	if broken || r.set.DryRun || r.incomplete() {
		return errRollback
	}
	if err := r.countKept(); err != nil {
		return err
	}
	if err := addRecords(r.ctx, r.tx, r.engine.record.Changed(r.ctx, r.set, r.outcomes)); err != nil {
		return err
	}
	return r.saveOutcome()
}

// begin forgets what an earlier run of the transaction has done.
func (r *run) begin(tx store.Tx) (err error) {
	r.cached = newAccessCache(tx)
	r.tx, r.projects, r.places = r.cached, map[string]*project{}, newPlaces()
	r.set, r.revisions, r.written = r.given, map[string]int64{}, map[string]writtenValue{}
	r.editions = nil
	r.outcomes, r.read, r.over, r.index = nil, 0, nil, 0
	r.guarded, r.knows, r.unbound, r.steps = nil, nil, nil, make([]step, len(r.newIDs))
	for i, id := range r.newIDs {
		r.steps[i].id = id
	}
	r.deploying, r.ahead = false, ahead{}
	r.checks.begin()
	r.guesses.begin()
	r.access, err = r.engine.accessOf(r.ctx, tx)
	return err
}

// refuseDeployment ends the transaction of a draft that cannot be deployed.
func (r *run) refuseDeployment(d *deployment, err error) error {
	switch {
	case errors.Is(err, errNotReady):
		return errRollback
	case !isRule(err):
		return err
	}
	out := backend.Outcome{Object: backend.Object{Kind: backend.KindDraft, Name: r.given.Changes[0].Name}}
	if d != nil {
		out = d.outcome(nil)
	}
	out.Err = backend.AsError(err)
	r.outcomes = []backend.Outcome{out}
	return errRollback
}

// makeChanges makes the changes of the set, one after the other, and reports whether one of them broke a rule.
func (r *run) makeChanges() (broken bool, err error) {
	r.outcomes, r.size = make([]backend.Outcome, len(r.set.Changes)), 0
	for i, c := range r.set.Changes {
		if err := r.ctx.Err(); err != nil {
			return broken, err
		}
		r.index, r.unchecked, r.current, r.projectID, r.comparing = i, "", store.Version{}, "", false
		out, err := r.change(c, r.steps[i].id)
		err = r.explainDeleted(r.steps[i].part, err)
		out.Unchecked, out.ProjectID = r.unchecked, r.projectID
		if c.Kind == backend.KindProject {
			out.ProjectID = out.Object.ID
		}
		if r.set.DryRun && r.places.placed[out.ProjectID] {
			out.ProjectID = "" // the project does not exist
		}
		switch {
		case r.over != nil:
			return broken, r.over
		case err == nil:
		case errors.Is(err, errNotReady):
			continue // noted; the others may need more
		case isRule(err), r.set.DryRun && backend.AsError(err).Code == backend.CodeKeyUnusable: // see Options.CheckKey
			out.Err, broken = backend.AsError(err), true
		default:
			return broken, err
		}
		r.outcomes[i] = out
		if r.size += outcomeSize(out); r.size > backend.MaxOutcomeBytes {
			return broken, r.errOutcomes()
		}
	}
	taken, err := r.checkPlaces()
	if err != nil && !errors.Is(err, errNotReady) {
		return broken, err
	}
	for i, o := range r.places.displaced {
		if r.outcomes[i].Err == nil {
			r.outcomes[i].Displaced = o
		}
	}
	return r.checkGuarded() || broken || taken, nil
}

func (r *run) errOutcomes() error {
	return backend.Errorf(backend.CodeTooLarge, "the outcomes of the call have more than %d bytes",
		backend.MaxOutcomeBytes).WithHint("%s", r.hintFewer())
}

// hintFewer says what helps if a call has too many changes.
func (r *run) hintFewer() string {
	switch {
	case r.given.Draft != "":
		return "use another draft for some of the changes"
	case deploys(r.given):
		return "leave some out: pouncet draft drop " + r.given.Changes[0].Name + " NAME"
	}
	return "send fewer changes in one call"
}

// change makes one change. After an error the caller rolls the whole
// transaction back, so a change may fail halfway.
func (r *run) change(c backend.Change, id string) (backend.Outcome, error) {
	if err := c.Check(); err != nil {
		return backend.Outcome{}, err
	}
	switch c.Kind {
	case backend.KindProject:
		return r.changeProject(c, id)
	case backend.KindEnvironment:
		return r.changeEnvironment(c, id)
	case backend.KindSecretType:
		return r.changeType(c, id)
	case backend.KindSecret, backend.KindScopedValue:
		if c.Op == backend.OpCompare && c.Kind == backend.KindSecret {
			return r.compare(c, id)
		}
		return r.changeEntry(c, id)
	case backend.KindToken:
		return r.changeToken(c, id)
	case backend.KindUsage:
		return r.changeUsages(c)
	case backend.KindDraft:
		return r.changeDraft(c, id)
	case backend.KindDraftChange:
		return r.changePart(c)
	case backend.KindRole, backend.KindGroup, backend.KindBinding, backend.KindTrust:
		return r.changeAccess(c, id)
	}
	return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "kind %q is not supported", c.Kind)
}

// incomplete reports whether the transaction must begin again, after keys were fetched and values were checked.
func (r *run) incomplete() bool { return r.keys.incomplete() || r.checks.incomplete() }

// checkOperation refuses a change whose operation or expected version does not
// fit the object as it is now.
func checkOperation(c backend.Change, exists bool, id, name string, at int64) error {
	label := c.ID
	if name = cmp.Or(c.Name, name); name != "" {
		label = backend.Quote(name)
	}
	if c.Expect != nil && *c.Expect != at {
		if *c.Expect == 0 {
			return backend.Errorf(backend.CodeConflict, "%s %s already exists, at version %d", c.Kind, label, at).
				WithHint("read it before you decide what to change")
		}
		return backend.Errorf(backend.CodeConflict, "%s %s is at version %d, not %d", c.Kind, label, at, *c.Expect).
			WithHint("read it again before you decide what to change")
	}
	switch {
	case exists && c.Op == backend.OpCreate:
		return alreadyExists(c.Kind, c.Name, id)
	case !exists && (c.Op == backend.OpUpdate || c.Op == backend.OpDelete):
		if isEntry(c.Kind) && c.ID == "" {
			label += " does not exist in environment " + backend.Quote(c.Environment)
		} else {
			label += " does not exist"
		}
		return backend.Errorf(backend.CodeNotFound, "%s %s", c.Kind, label).At("name")
	case c.Op != backend.OpSet && c.Op != backend.OpCreate && c.Op != backend.OpUpdate && c.Op != backend.OpDelete:
		return backend.Errorf(backend.CodeInvalid, "operation %q is not supported", c.Op).
			WithHint("use %q, %q, %q or %q; %q restores a project, environment, secret or scoped value",
				backend.OpSet, backend.OpCreate, backend.OpUpdate, backend.OpDelete, backend.OpRestore)
	}
	return nil
}

// unknownID is the error of a change whose id no object has. An id cannot be chosen, so a creation has none.
func unknownID(c backend.Change) error {
	c.Expect = nil // the object is gone for good, whatever its version was
	if c.Op != backend.OpDeploy && c.Op != backend.OpRefresh && c.Op != backend.OpRestore {
		if err := checkOperation(c, false, "", "", 0); err != nil {
			return err
		}
	}
	return backend.Errorf(backend.CodeNotFound, "%s %s does not exist", c.Kind, backend.Quote(c.ID)).
		WithHint("leave out the id to create an object").At("id")
}

// principal returns the name that a version is written under.
func (r *run) principal() string {
	p, _ := backend.PrincipalFrom(r.ctx)
	return p.Name
}

// checkCompareOnly refuses a request for fingerprints that changes anything, from a caller that may only compare. A
// change could lift what withholds the fingerprint of a secret: its visibility, or the policy of its project.
func checkCompareOnly(set backend.ChangeSet) error {
	if !set.CompareOnly {
		return nil
	}
	if !set.DryRun {
		return backend.Errorf(backend.CodeDenied, "a set that only compares requires a dry run")
	}
	for _, c := range set.Changes {
		plain := backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: c.ID}
		if len(set.FingerprintKey) > 0 && !reflect.DeepEqual(c, plain) {
			return backend.Errorf(backend.CodeDenied, "a request for fingerprints may not change anything").
				WithHint("send changes with the operation, the kind and the id of a secret only")
		}
	}
	return nil
}
