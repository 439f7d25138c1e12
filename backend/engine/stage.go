// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Changes are added to a draft in two transactions. The first one makes the changes of the draft and then the new ones,
// and is rolled back: it tells which rules the new ones break, and which objects they mean. The second one writes the
// new rows, unless the draft or one of the objects was changed in between. Then both run again.
//
// A new change of an object that the draft changes already is merged into the earlier change, so that a draft shows
// each object once. The order of the changes can forbid that, as when the new type of a secret is created in between.
// So a trial of the merged changes decides, and otherwise the new change comes after the others.
//
// The trial compares the new values with the present ones, which counts as in a dry run, and not those that the draft
// has already: each new change would compare them again.

// One call at a time adds to a draft: see slots. So only a call to another server can change the draft in between.

// mostTrials is how often the transactions run before the caller has to try again.
const mostTrials = 20

// errOutdated ends the second transaction if the draft or an object was changed since the first one.
var errOutdated = errors.New("changed since the trial")

// trial is what the first transaction finds out.
type trial struct {
	project  string // its id
	draft    store.Object
	exists   bool
	parts    []draftPart // that the draft has
	list     []proposal  // that the draft will have
	outcomes []backend.Outcome
	steps    []step
	// revisions holds those that objects had before, if they were updated.
	revisions map[string]int64
	replayed  bool // the set was staged before, with these outcomes
}

// proposal is a change that the draft will have.
type proposal struct {
	change backend.Change // with its value
	id     string         // of the object that it may create
	part   *draftPart     // the present row; nil for a new one
	merged bool           // the change of the row was merged with a new one
	valued bool           // a new change has replaced the value of the row
	given  []int          // the changes of the set that are in it
}

func (c proposal) isKept() bool { return c.part != nil && !c.merged }

// isSealed reports whether the change has the value that its row has.
func (c proposal) isSealed() bool { return c.part != nil && c.part.hasValue() && !c.valued }

// stage adds the changes of a set to a draft.
func (e *Engine) stage(ctx context.Context, set backend.ChangeSet, call *applyCall) ([]backend.Outcome, error) {
	if err := checkStaged(set); err != nil {
		return nil, err
	}
	release, err := e.stageSlots.acquire(ctx, set.Draft)
	if err != nil {
		return nil, err
	}
	defer release()
	for range mostTrials {
		t, outcomes, err := e.tryMerged(ctx, set, call)
		if errors.Is(err, errOutdated) {
			continue
		}
		if err != nil || t.replayed || set.DryRun {
			return outcomes, err
		}
		if err := backend.Rejected(outcomes); err != nil {
			return outcomes, err
		}
		r, committed, err := e.attempt(ctx, set, call, func(r *run, tx store.Tx) error {
			return r.writeStaged(tx, t, outcomes)
		})
		switch {
		case errors.Is(err, errOutdated):
			continue
		case err != nil:
			return nil, err
		case committed:
			e.sweepSometimes(ctx)
		}
		return r.outcomes, nil
	}
	return nil, backend.Errorf(backend.CodeUnavailable, "draft %q or its objects are being changed by others", set.Draft).
		WithHint("try again")
}

// checkStaged refuses a set that no draft can hold.
func checkStaged(set backend.ChangeSet) error {
	if err := backend.CheckName(backend.KindDraft, set.Draft); err != nil {
		return err.At("draft")
	}
	if len(set.FingerprintKey) > 0 {
		return backend.Errorf(backend.CodeInvalid, "fingerprints are not available for the changes of a draft").
			At("fingerprint_key")
	}
	if len(set.Changes) == 0 {
		return backend.Errorf(backend.CodeInvalid, "no change is given for draft %q", set.Draft).At("changes")
	}
	for _, c := range set.Changes {
		switch {
		case !backend.CanBeStaged(c.Kind):
			return backend.Errorf(backend.CodeInvalid, "a change of a %s cannot be in a draft", c.Kind).
				WithHint("make the change without a draft").At("draft")
		case c.Op == backend.OpRestore, c.Op == backend.OpCompare:
			return backend.Errorf(backend.CodeInvalid, "a change with the operation %q cannot be in a draft", c.Op).
				WithHint("make the change without a draft").At("draft")
		case c.Kind == backend.KindProject && (c.Op == backend.OpDelete || c.Op == backend.OpCreate):
			return backend.Errorf(backend.CodeInvalid, "a draft cannot %s a project", c.Op).
				WithHint("make the change without a draft").At("draft")
		case c.ValueFollows:
			return backend.Errorf(backend.CodeInvalid, "a change with value_follows cannot be in a draft").
				WithHint("give the value").At("draft")
		case c.SameOwner, c.CreationFollows:
			return backend.Errorf(backend.CodeInvalid, "a change with same_owner or creation_follows cannot be in a draft").
				At("draft")
		}
	}
	return nil
}

// tryMerged tries the changes after the changes of the draft and then, if some of them change the same objects,
// merged with those. It returns the outcomes of the changes of the set, or errOutdated if the draft was changed in
// between.
func (e *Engine) tryMerged(
	ctx context.Context, set backend.ChangeSet, call *applyCall,
) (*trial, []backend.Outcome, error) {
	t, err := e.try(ctx, set, call, nil)
	if err != nil || t.replayed {
		return t, t.outcomes, err
	}
	outcomes := slices.Clone(t.outcomes[len(t.parts):])
	if backend.Rejected(outcomes) != nil {
		return t, outcomes, nil
	}
	list, merged := t.fold()
	if !merged {
		return t, outcomes, nil
	}
	m, err := e.try(ctx, set, call, &trial{draft: t.draft, exists: t.exists, parts: t.parts, list: list})
	if err != nil {
		return t, nil, err
	}
	if backend.Rejected(m.outcomes) != nil {
		return t, outcomes, nil
	}
	for i, c := range m.list {
		for _, n := range c.given {
			outcomes[n] = m.outcomes[i]
		}
	}
	return m, outcomes, nil
}

// try makes a list of changes in a transaction that is rolled back. The changes come from the earlier trial. If there
// is none, they come from the draft and from the set.
func (e *Engine) try(ctx context.Context, set backend.ChangeSet, call *applyCall, earlier *trial) (*trial, error) {
	for {
		t := &trial{}
		if earlier != nil {
			*t = *earlier
		}
		_, _, err := e.attempt(ctx, set, call, func(r *run, tx store.Tx) error { return r.try(tx, t, earlier != nil) })
		if err != nil {
			return t, err
		}
		exceeded, err := call.guesses.count(ctx)
		if err != nil {
			return t, err
		}
		if !exceeded { // otherwise answer again, without these comparisons
			return t, nil
		}
	}
}

func (r *run) try(tx store.Tx, t *trial, again bool) error {
	if err := r.begin(tx); err != nil {
		return err
	}
	done, err := r.replay()
	if err != nil {
		return err
	}
	if done {
		t.replayed, t.outcomes = true, r.outcomes
		return errRollback
	}
	r.set.DryRun = true
	in, err := r.projectOfStaged()
	if err != nil {
		return err
	}
	draft, exists, err := r.first(store.Filter{Kind: backend.KindDraft, Project: in.row.ID, Name: r.given.Draft})
	if err != nil {
		return err
	}
	switch {
	case again && (exists != t.exists || draft.Revision != t.draft.Revision):
		return errOutdated
	case !again:
		t.project, t.draft, t.exists, t.parts = in.row.ID, draft, exists, nil
		if err := r.arrange(in, t); err != nil {
			return err
		}
	}
	t.project = in.row.ID
	r.set.Changes, r.steps = make([]backend.Change, len(t.list)), make([]step, len(t.list))
	for i, c := range t.list {
		r.set.Changes[i] = c.change
		r.steps[i] = step{id: c.id, part: c.part, sealed: c.isSealed(), kept: c.isKept(), uncompared: c.isKept()}
	}
	r.guardValues(in)
	if len(t.list) > backend.MaxDraftChanges {
		return errDraftChanges(r.given.Draft)
	}
	if _, err := r.makeChanges(); err != nil {
		return err
	}
	r.refuseUnseen(in, t)
	if r.deployedSize() > backend.MaxOutcomeBytes {
		return r.errOutcomes()
	}
	for i, s := range r.steps {
		if s.from > 0 { // "previous" would mean another version after the change is merged with one that has a value
			number := strconv.FormatInt(s.from, 10)
			t.list[i].change.FromVersion = &number
		}
	}
	t.outcomes, t.steps, t.revisions = r.outcomes, r.steps, r.revisions
	return errRollback
}

// deployedSize returns the size of the outcome of the deployment, which also lists the changes.
func (r *run) deployedSize() int {
	size := r.size
	for _, o := range r.outcomes {
		size += objectSize(backend.Object{Name: o.Object.Name, Scope: o.Object.Scope})
	}
	return size
}

// errDraftChanges names the limit and not the number of the changes: the caller may not see all of them.
func errDraftChanges(draft string) error {
	return backend.Errorf(backend.CodeTooLarge, "draft %q would have more than %d changes", draft,
		backend.MaxDraftChanges).WithHint("deploy it, or use another draft").At("draft")
}

// arrange lists the changes of the draft, then the changes of the set.
func (r *run) arrange(in *project, t *trial) error {
	t.list = nil
	if t.exists {
		if err := r.checkUsable(t.draft); err != nil {
			return err
		}
		var err error
		if t.parts, err = sealedParts(r.ctx, r.tx, t.draft); err != nil {
			return err
		}
		if err := r.open(in, t.parts); err != nil {
			return err
		}
	}
	for i := range t.parts {
		d := &t.parts[i]
		t.list = append(t.list, proposal{change: d.change(in), id: d.Target, part: d})
	}
	for i, c := range r.given.Changes {
		t.list = append(t.list, proposal{change: inProject(c, in), id: r.newIDs[i], given: []int{i}})
	}
	return nil
}

// inProject returns a change that names its project by id. The draft may give the project another name before.
func inProject(c backend.Change, in *project) backend.Change {
	switch {
	case c.Kind == backend.KindProject:
		c.ID = in.row.ID
	case c.ID == "":
		c.Project = in.row.ID
	}
	return c
}

// projectOfStaged returns the project of all changes of the set.
func (r *run) projectOfStaged() (*project, error) {
	var in *project
	for _, c := range r.given.Changes {
		p, err := r.homeOf(c)
		if err != nil {
			return nil, err
		}
		if in != nil && in.row.ID != p.row.ID {
			return nil, backend.Errorf(backend.CodeInvalid, "the changes are in the projects %q and %q, and a draft belongs to "+
				"one project", in.row.Name, p.row.Name).WithHint("use a draft for each project").At("draft")
		}
		in = p
	}
	return in, nil
}

// noteEdition notes the edition of an object that a change of the draft is about to change.
func (r *run) noteEdition(o store.Object) (err error) {
	if r.given.Draft == "" || r.step().part == nil {
		return nil
	}
	if r.editions == nil {
		r.editions = map[string]int64{}
	}
	r.editions[o.ID], err = edition(o)
	return err
}

// asDrafted returns a new change of a draft that has changed the object already. The edition that the change names is
// that of the stored object, which is the one that its caller has seen.
func (r *run) asDrafted(c backend.Change, o store.Object) (backend.Change, error) {
	was, changed := r.editions[o.ID]
	if !changed || c.Edition == nil || *c.Edition != was {
		return c, nil
	}
	now, err := edition(o)
	c.Edition = &now
	return c, err
}

// checkSeen is checkKnown for a change that may be added to a draft.
func (r *run) checkSeen(c backend.Change, o store.Object) (outdated bool, err error) {
	if c, err = r.asDrafted(c, o); err != nil {
		return false, err
	}
	return checkKnown(c, o)
}

// homeOf returns the project that a change belongs to.
func (r *run) homeOf(c backend.Change) (*project, error) {
	if c.Kind == backend.KindProject {
		name := c.ID
		if name == "" {
			name = c.Name
		}
		return r.project(name)
	}
	if c.ID == "" || c.Project != "" {
		return r.project(c.Project)
	}
	row, exists, err := r.seen(store.Filter{Kind: c.Kind, ID: c.ID})
	if err != nil {
		return nil, err
	}
	if !exists {
		return nil, unknownID(c)
	}
	return r.project(row.Project)
}

// fold merges the new changes with the earlier changes of the same objects. It reports whether it has merged any.
func (t *trial) fold() (list []proposal, merged bool) {
	targets := map[string]int{} // the last change of each object, in list
	creates := map[string]bool{}
	for i, c := range t.list {
		id := t.outcomes[i].Object.ID
		if c.part != nil {
			id = c.part.Target
		}
		at, known := targets[id]
		if c.part == nil && known && id != "" {
			if next, ok := list[at].change.Merge(c.change); ok {
				list[at].change, list[at].merged = next, true
				list[at].valued = list[at].valued || c.change.SetsValue()
				list[at].given = append(slices.Clone(list[at].given), c.given...)
				merged = true
				continue
			}
			if c.change.Op == backend.OpDelete {
				for j := range list {
					if t.isFor(list[j], id) {
						list[j].id = "" // left out below
					}
				}
				merged = true
				if creates[id] {
					delete(targets, id)
					continue // the draft then neither creates nor deletes it
				}
			}
		}
		if t.outcomes[i].Action == backend.ActionCreate || c.part != nil && c.part.Creates {
			creates[id] = true
		}
		list = append(list, c)
		targets[id] = len(list) - 1
	}
	return slices.DeleteFunc(list, func(c proposal) bool { return c.id == "" }), merged
}

// isFor reports whether a change of the list is one of the object with an id.
func (t *trial) isFor(c proposal, id string) bool {
	if c.part != nil {
		return c.part.Target == id
	}
	for i, other := range t.list {
		if other.part == nil && len(c.given) > 0 && other.given[0] == c.given[0] {
			return t.outcomes[i].Object.ID == id
		}
	}
	return false
}
