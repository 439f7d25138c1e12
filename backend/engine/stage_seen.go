// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Two people can stage a change of the same object. The second one would overwrite what the first one has staged, so a
// change can name the staged change that its caller has seen.

// refuseUnseen refuses the changes whose objects the draft changes in another way than their callers have seen. The
// caller learns this before a rule that the change breaks because of the draft.
func (r *run) refuseUnseen(in *project, t *trial) {
	for i, c := range t.list {
		if c.part != nil || c.change.StagedChange == nil {
			continue
		}
		id := cmp.Or(c.change.ID, r.outcomes[i].Object.ID)
		last := ""
		for _, d := range t.parts {
			if d.isFor(id) && r.access.seesPart(in, d) {
				last = d.row.ID
				if len(d.By) > 0 && d.By[len(d.By)-1] == r.principal() {
					last = *c.change.StagedChange // the caller has staged it last
				}
			}
		}
		if last != *c.change.StagedChange {
			r.outcomes[i] = backend.Outcome{Err: backend.Errorf(backend.CodeConflict,
				"draft %q does not have the change of this %s that was seen", r.given.Draft, c.change.Kind).
				WithHint("read the draft again before you decide what to change").At(backend.StagedChangeAttribute)}
		}
	}
}

// checkStagedSeen refuses a change that names a staged change and is not added to a draft.
func checkStagedSeen(set backend.ChangeSet) error {
	if set.Draft != "" || !slices.ContainsFunc(set.Changes, func(c backend.Change) bool { return c.StagedChange != nil }) {
		return nil
	}
	return backend.Errorf(backend.CodeInvalid, "a change with staged_change must be added to a draft").
		WithHint("name the draft, or leave out staged_change").At(backend.StagedChangeAttribute)
}
