// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// pendingDeletion is a planned deletion that succeeds only if the dependents are deleted too.
type pendingDeletion struct {
	change     backend.Change
	dependents []backend.Dependent
}

// deferDeletion records a deletion that dependents block, and reports whether the plan may still delete all of them. It
// may delete those that this configuration manages and that it has not planned to keep.
func (p *Plan) deferDeletion(c backend.Change, dependents []backend.Dependent) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	stays := func(d backend.Dependent) bool { return d.ManagedBy != p.managedBy || p.kept[d.ID] }
	if len(dependents) == 0 || slices.ContainsFunc(dependents, stays) {
		return false
	}
	p.pendingDeletions = append(p.pendingDeletions, pendingDeletion{c, dependents})
	return true
}

// recheckDeletions records that the plan keeps an object, and checks again the deletions that the object blocks.
func (p *Plan) recheckDeletions(ctx context.Context, id string, result *CheckResult) error {
	isKept := func(d backend.Dependent) bool { return d.ID == id }
	p.mu.Lock()
	p.kept[id] = true
	var blocked []backend.Change
	for _, pending := range p.pendingDeletions {
		if slices.ContainsFunc(pending.dependents, isKept) {
			blocked = append(blocked, pending.change)
		}
	}
	p.mu.Unlock()
	for _, c := range blocked {
		_, broken, err := p.dryRun(ctx, p.otherChanges(c), c)
		if err != nil {
			return err
		}
		if broken != nil && slices.ContainsFunc(broken.Dependents, isKept) {
			e := *broken
			e.Message += ", and this plan deletes it"
			result.addError(&e)
		}
	}
	return nil
}
