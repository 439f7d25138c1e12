// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Someone who deploys a draft, or only looks at it, has not written its values, and may not be allowed to have them.
// So:
//
//   - After all changes of the draft, the secret must be restricted, even if a workload deploys. What a person does to
//     the secret, to the policy or to the draft cannot make the value one of a masked secret.
//   - For someone who may not have the value, it is compared with no other value. It is checked against nothing else
//     than what it was checked against when it was staged: the answers of other checks would tell the value.

// step is one change that a run makes.
type step struct {
	id         string     // of the object that the change may create
	part       *draftPart // the row of the draft that the change is from, or is merged with
	sealed     bool       // its value is the value of the row
	kept       bool       // it is as the draft has it, so the call does not decide about it
	uncompared bool       // its value is not compared with the present one: see stage.go
	checked    valueCheck // what its value was checked against
	from       int64      // the version whose value it writes again
}

// valueCheck is what a value was checked against.
type valueCheck struct {
	Schema   string `json:"schema,omitempty"` // the hash of the schema, if the secret had a type
	MaxBytes int    `json:"max_bytes"`
}

// guardedSecret is a secret with a staged value that is for a restricted secret.
type guardedSecret struct {
	visibility backend.Visibility // as the changes that were made so far leave it; "" before the first one
	last       int                // the last change of it
}

// step returns the step of the change that is being made.
func (r *run) step() *step {
	if r.index < len(r.steps) {
		return &r.steps[r.index]
	}
	return &step{}
}

// isRestricted reports whether the step has a staged value that is for a restricted secret.
func (s step) isRestricted() bool { return s.sealed && s.part.Visibility == backend.Restricted }

// guardValues notes for which secrets staged values are restricted, before the changes are made.
func (r *run) guardValues(in *project) {
	r.guarded = map[string]*guardedSecret{}
	for i := range r.steps {
		s := &r.steps[i]
		if s.isRestricted() {
			r.guarded[s.part.Target] = &guardedSecret{}
		}
		if s.sealed && !r.knowsStaged(in, s.part) {
			s.uncompared = true
		}
	}
}

// knowsStaged reports whether the principal may have the value of the secret as the draft leaves it.
func (r *run) knowsStaged(in *project, d *draftPart) bool {
	return r.access.knows(in, store.Object{Kind: backend.KindSecret, ID: d.Target, Project: d.row.Project,
		Environment: d.row.Environment, Scope: d.row.Scope, Name: d.Name}, d.Visibility)
}

// knowsValue reports whether the principal may have the values of a secret, with those that the call has written.
func (r *run) knowsValue(in *project, secret store.Object, v backend.Visibility) bool {
	return r.access.knows(in, secret, v) &&
		(r.guarded[secret.ID] == nil || r.access.knows(in, secret, backend.Restricted))
}

// stagedVisibility returns the visibility with which the creation of a secret was staged.
func (r *run) stagedVisibility() backend.Visibility {
	if part := r.step().part; part != nil && part.Creates {
		return part.Visibility
	}
	return ""
}

// noteVisibility notes the visibility that the present change gives to a secret.
func (r *run) noteVisibility(e *entry) {
	if g := r.guarded[e.row.ID]; g != nil {
		g.visibility, g.last = e.attr.Visibility, r.index
	}
}

// checkGuarded reports whether a secret would be masked that has a staged value for a restricted one.
func (r *run) checkGuarded() (broken bool) {
	for i, s := range r.steps {
		if !s.isRestricted() {
			continue
		}
		g := r.guarded[s.part.Target]
		if g.visibility == "" || g.visibility == backend.Restricted || r.outcomes[g.last].Err != nil {
			continue
		}
		r.outcomes[g.last].Err = backend.Errorf(backend.CodeConflict,
			"secret %q would be %s, and its staged value is for a restricted secret", s.part.shownName(), g.visibility).
			WithHint("make it restricted, or leave out its value: pouncet draft drop %s %s", s.part.row.Link, s.part.row.ID).
			At("visibility")
		r.outcomes[i].Err = r.outcomes[g.last].Err
		broken = true
	}
	return broken
}

// checkStagedValue refuses to write a staged value for a principal that may not have it, if it would have to be checked
// against something new.
func (r *run) checkStagedValue(e *entry, in secretType) error {
	s := r.step()
	s.checked = valueCheck{MaxBytes: e.in.policy.MaxValueBytes}
	if in.row.ID != "" {
		s.checked.Schema = in.schemaHash()
	}
	if !s.sealed || r.knowsStaged(e.in, s.part) {
		return nil
	}
	before := s.part.Checked
	switch {
	case before == nil, s.checked.Schema != "" && s.checked.Schema != before.Schema:
		return r.errNewCheck(e, "schema", "type")
	case s.checked.MaxBytes < before.MaxBytes:
		return r.errNewCheck(e, "limit (max_value_bytes)", "value")
	}
	return nil
}

func (r *run) errNewCheck(e *entry, against, attribute string) error {
	return backend.Errorf(backend.CodeDenied,
		"the staged value of secret %q cannot be checked against another %s: you may not have the value", e.row.Name,
		against).
		WithHint("deploy the draft with a token that may have it, which for a restricted secret is one for a workload, " +
			"or stage another value").At(attribute)
}

// keepFacts notes in the row of a change what the trial has found out of its value. A principal that may not have the
// value of a restricted secret cannot make it one of a masked secret.
func (r *run) keepFacts(in *project, s *staged, c writtenPart) {
	if s.Change.Kind != backend.KindSecret || s.Change.Op == backend.OpDelete {
		return
	}
	known := !c.isSealed() || r.knowsStaged(in, c.part)
	if known || c.visibility == backend.Restricted {
		s.Visibility = c.visibility
	}
	if c.change.SetsValue() && (known || s.Checked == nil) {
		s.Checked = &c.checked
	}
	if c.change.SetsValue() {
		s.Differs = c.compared && c.out.Action == backend.ActionUpdate && slices.Contains(c.out.Changed, "value")
	}
}

// compared says of which changes the trial has compared the value with the stored one. A value that another change of
// the draft gives the secret first is not stored yet.
func (t *trial) compared() []bool {
	values := map[string]int{}
	for i := range t.list {
		if t.list[i].change.SetsValue() {
			values[t.outcomes[i].Object.ID]++
		}
	}
	out := make([]bool, len(t.list))
	for i := range t.list {
		out[i] = t.list[i].change.Value.Len() > 0 && values[t.outcomes[i].Object.ID] == 1 && !t.steps[i].uncompared &&
			t.outcomes[i].Unchecked == ""
	}
	return out
}

// visibilities returns the visibility of each secret after the changes of the trial, by its id.
func (t *trial) visibilities() map[string]backend.Visibility {
	out := map[string]backend.Visibility{}
	for _, o := range t.outcomes {
		if o.Object.Kind == backend.KindSecret && o.Err == nil && o.Action != backend.ActionDelete {
			out[o.Object.ID] = o.Object.Visibility
		}
	}
	return out
}

// checkVisibilityStays refuses to leave out the change that makes a secret restricted, while another one has a value
// that was staged for that.
func checkVisibilityStays(parts []draftPart, d draftPart) error {
	if !d.makesRestricted() {
		return nil
	}
	for _, other := range parts {
		if other.row.ID != d.row.ID && other.isFor(d.Target) && other.hasValue() && other.Visibility == backend.Restricted {
			return backend.Errorf(backend.CodeInUse, "the change makes %s restricted, and the draft has a value for that",
				d.label()).WithHint("leave out the value first: pouncet draft drop %s %s", d.row.Link, other.row.ID)
		}
	}
	return nil
}

func (d staged) makesRestricted() bool {
	return d.Change.Visibility != nil && *d.Change.Visibility == backend.Restricted
}

// stayRestricted refuses to refresh a change whose value is for a restricted secret, if its object is masked now. A
// change that created the secret makes the present one restricted.
func (d *draftPart) stayRestricted(now store.Object, all []draftPart) error {
	if !d.hasValue() || d.Visibility != backend.Restricted {
		return nil
	}
	if d.Creates && d.Change.Visibility == nil {
		v := backend.Restricted
		d.Change.Visibility = &v
	}
	for _, other := range all {
		if other.isFor(d.Target) && other.makesRestricted() || d.makesRestricted() {
			return nil
		}
	}
	a, err := decodeAttributes(now)
	if err == nil && a.Visibility != backend.Restricted {
		return backend.Errorf(backend.CodeConflict,
			"%s is %s now, and its staged value is for a restricted secret", d.label(), a.Visibility).
			WithHint("make it restricted, or leave the change out: pouncet draft drop %s %s", d.row.Link, d.row.ID)
	}
	return err
}
