// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A deployment replaces the one change of its set by the changes of the draft, makes them as Apply makes any set, and
// puts their outcomes into one outcome. The rows of the draft are deleted in the same transaction, before its changes
// are made: one of them may purge the environment that they are in.

// deployment is a draft that a set deploys.
type deployment struct {
	draft backend.Object
	in    *project
	row   store.Object
	parts []draftPart
	shown []backend.Object // the parts, as lists show them
}

// deploys reports whether a set deploys a draft.
func deploys(set backend.ChangeSet) bool {
	return len(set.Changes) == 1 && set.Changes[0].Kind == backend.KindDraft && set.Changes[0].Op == backend.OpDeploy
}

// beginDeployment replaces the set by the changes of the draft that it deploys. It is nil if the set deploys none.
func (r *run) beginDeployment() (*deployment, error) {
	if !deploys(r.set) {
		return nil, nil
	}
	c := r.set.Changes[0]
	if err := c.Check(); err != nil {
		return nil, err
	}
	in, row, _, err := r.draft(c)
	if err != nil {
		return nil, err
	}
	if at := r.access.draftRevision(row); c.Expect != nil && *c.Expect != at {
		return nil, backend.Errorf(backend.CodeConflict, "draft %q was changed since revision %d: it is at revision %d",
			row.Name, *c.Expect, at).WithHint("look at it again: pouncet draft show %s", row.Name)
	}
	if err := r.checkUsable(row); err != nil {
		return nil, err
	}
	d := &deployment{in: in, row: row}
	if d.draft, err = object(row, in); err != nil {
		return nil, err
	}
	if d.parts, err = sealedParts(r.ctx, r.tx, row); err != nil {
		return nil, err
	}
	if len(d.parts) == 0 {
		return nil, backend.Errorf(backend.CodeInvalid, "draft %q has no changes", row.Name).
			WithHint("stage some with --draft %s, or discard it: pouncet draft discard %s", row.Name, row.Name)
	}
	for _, p := range d.parts {
		if err := r.allowPart(in, row, p, backend.RightDeploy); err != nil {
			return nil, err
		}
		from := in.at(p.row)
		from.Name = p.shownName()
		if err := r.allowPartMove(in, p, from); err != nil {
			return nil, err
		}
	}
	r.set.CompareOnly = r.compareOnly() // of all changes, if the caller may only try one of them
	r.deploying = true
	if err := r.open(in, d.parts); err != nil {
		return nil, err
	}
	if err := d.show(r); err != nil {
		return nil, err
	}
	if stale := d.stale(); stale != nil && !r.set.DryRun {
		return d, stale
	}
	if err := r.removeRows(d); err != nil {
		return nil, err
	}
	r.set.Changes, r.steps = make([]backend.Change, len(d.parts)), make([]step, len(d.parts))
	for i := range d.parts {
		p := &d.parts[i]
		r.set.Changes[i], r.steps[i] = p.change(in), step{id: p.Target, part: p, sealed: p.hasValue(),
			uncompared: p.Differs}
	}
	r.guardValues(in)
	return d, nil
}

// removeRows deletes the draft. The keys of the environments that it creates stay.
func (r *run) removeRows(d *deployment) error {
	ids := []string{d.row.ID}
	for _, p := range d.parts {
		ids = append(ids, p.row.ID)
	}
	return r.tx.DeleteObjects(r.ctx, d.row.Project, ids)
}

// show finds out which changes are stale.
func (d *deployment) show(r *run) error {
	primed := primedTx{Tx: r.tx, objects: make(map[string]store.Object, len(d.parts)),
		versions: make(map[string]store.Version, len(d.parts))}
	now, err := lookUpPresent(r.ctx, r.tx, d.in, d.parts, func(e store.Entry) {
		primed.objects[e.Object.ID] = e.Object
		if e.Current.Object != "" {
			primed.versions[e.Object.ID] = e.Current
		}
	})
	if err != nil {
		return err
	}
	r.tx = primed
	d.shown = make([]backend.Object, len(d.parts))
	for i, p := range d.parts {
		if d.shown[i], err = p.object(d.in, d.row.Name, now); err != nil {
			return err
		}
		if d.shown[i].Staged.Files, err = r.access.filesWith(r.ctx, r.tx, d.in, p); err != nil {
			return err
		}
	}
	return nil
}

// explainDeleted says of a change of a draft that its environment was deleted. The change has the id of the
// environment, because another one can get the name.
func (r *run) explainDeleted(p *draftPart, err error) error {
	if p == nil || !isEntry(p.Change.Kind) || !errors.Is(err, backend.ErrNotFound) ||
		backend.AsError(err).Attribute != "environment" {
		return err
	}
	if in, failed := r.project(p.row.Project); failed != nil || in.has(p.row.Environment) {
		return err
	}
	return backend.Errorf(backend.CodeNotFound, "environment %q was deleted", p.Environment).
		WithHint("restore it with \"pouncet env restore %s\", or leave its changes out with \"pouncet draft drop\"",
			p.Environment).At("environment")
}

// maxStale is how many stale changes an error lists.
const maxStale = 20

// stale returns the error that lists the stale changes, or nil.
func (d *deployment) stale() error {
	var lines []string
	for i, o := range d.shown {
		if o.Staged.Stale != "" {
			lines = append(lines, d.parts[i].label()+" "+o.Staged.Stale)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	count := backend.Plural(len(lines), "stale change")
	if len(lines) > maxStale {
		lines = append(lines[:maxStale], fmt.Sprintf("and %d more", len(lines)-maxStale))
	}
	name := d.row.Name
	return backend.Errorf(backend.CodeConflict, "draft %q has %s: since they were staged,\n  %s", name, count,
		strings.Join(lines, "\n  ")).
		WithHint("accept the present state with \"pouncet draft refresh %s\", or leave a change out with "+
			"\"pouncet draft drop %s NAME\"", name, name).At("draft")
}

// outcome puts the outcomes of the changes into the outcome of the deployment.
func (d *deployment) outcome(outcomes []backend.Outcome) backend.Outcome {
	out := backend.Outcome{Action: backend.ActionDeploy, Object: d.draft, ProjectID: d.in.row.ID}
	out.Parts = make([]backend.Part, len(d.shown))
	for i, o := range d.shown {
		out.Parts[i].Change = o
		if i < len(outcomes) {
			from := outcomes[i]
			out.Parts[i] = backend.Part{Change: o, Action: from.Action, Changed: from.Changed, Object: from.Object,
				Err: from.Err, Displaced: from.Displaced, Unchecked: from.Unchecked, SameValue: from.SameValue}
		}
	}
	n := len(d.parts)
	out.Object.Changes = &n
	if stale := d.stale(); stale != nil {
		out.Err = backend.AsError(stale)
	} else if err := backend.Rejected(outcomes); err != nil {
		out.Err = backend.AsError(err)
	}
	return out
}

// mayCompare reports whether a set can compare a value with a stored one. A change of a draft can do so without a
// value: it is merged with one that has a value.
func mayCompare(set backend.ChangeSet) bool {
	return deploys(set) || set.Draft != "" || slices.ContainsFunc(set.Changes, func(c backend.Change) bool {
		return c.Value.Len() > 0 || c.FromVersion != nil || c.Op == backend.OpCompare
	})
}
