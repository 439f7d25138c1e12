// SPDX-License-Identifier: MPL-2.0

package planning

import (
	"context"
	"maps"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// pendingDeletion is a planned deletion that succeeds only if the dependents are deleted too.
type pendingDeletion struct {
	change     backend.Change
	name       string // of the object
	dependents []backend.Dependent
}

// checkDeletion checks a deletion and adds it to the plan. Only objects that stay can block it. The plan may
// still move or delete objects of this configuration: recheckDeletions judges them when it sees them.
func (p *Plan) checkDeletion(ctx context.Context, check Check) (Result, error) {
	c := check.Change
	c.ManagedBy = &p.owner
	outcome, broken, err := p.dryRun(ctx, nil, c)
	if err != nil {
		return Result{}, err
	}
	if broken != nil && broken.Code == backend.CodeInUse && !p.hasUnmarked(broken.Dependents) {
		// The deletion is registered before the rest of the plan is read, so that each dependent is either in what is read
		// or sees the deletion itself.
		p.deferDeletion(pendingDeletion{c, check.Name, broken.Dependents})
		kept := p.keptNow()
		outcome, broken, err = p.dryRun(ctx, p.otherChanges(c, check.Name), c)
		if err != nil {
			return Result{}, err
		}
		if broken != nil && broken.Code == backend.CodeInUse && p.allMayGo(broken.Dependents, kept) {
			broken = nil
		}
	}
	result := Result{Outcome: outcome}
	result.addError(broken)
	p.add(outcome, c)
	if check.Leaves.ID == "" || len(result.Errors) > 0 {
		return result, nil
	}
	used, err := p.checkDeparture(ctx, departure{c, check.Leaves, nil})
	result.judge(used)
	return result, err
}

// hasUnmarked reports whether an object depends on another one that does not carry the mark of this configuration. The
// apply then deletes nothing: it knows only from the mark whose the object is. It may be in the state, because it was
// imported or made before the configuration had its name, but whether Terraform has asked about it already depends on
// the order. Without a name, the mark says nothing.
func (p *Plan) hasUnmarked(dependents []backend.Dependent) bool {
	return p.named && !p.destroying.Load() && slices.ContainsFunc(dependents, func(d backend.Dependent) bool {
		return d.ManagedBy != p.owner
	})
}

// deferDeletion records a deletion that dependents block.
func (p *Plan) deferDeletion(pending pendingDeletion) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pendingDeletions = append(p.pendingDeletions, pending)
}

// keptNow returns the objects that are planned to stay so far.
func (p *Plan) keptNow() map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.kept)
}

// allMayGo reports whether this configuration has all dependents, and has not planned to keep one of them as it is. If
// Terraform destroys everything, none of them stays.
func (p *Plan) allMayGo(dependents []backend.Dependent, kept map[string]bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	stays := func(d backend.Dependent) bool {
		return d.ManagedBy != p.owner && !p.known[d.ID] || kept[d.ID] && !p.destroying.Load()
	}
	return len(dependents) > 0 && !slices.ContainsFunc(dependents, stays)
}

// recheckDeletions records that the plan keeps an object, and checks again the deletions that the object blocks.
func (p *Plan) recheckDeletions(ctx context.Context, id string, result *Result) error {
	isKept := func(d backend.Dependent) bool { return d.ID == id }
	p.mu.Lock()
	p.kept[id] = true
	var blocked []pendingDeletion
	for _, pending := range p.pendingDeletions {
		if slices.ContainsFunc(pending.dependents, isKept) {
			blocked = append(blocked, pending)
		}
	}
	p.mu.Unlock()
	for _, pending := range blocked {
		_, broken, err := p.dryRun(ctx, p.otherChanges(pending.change, pending.name), pending.change)
		if err != nil {
			return err
		}
		if broken != nil && slices.ContainsFunc(broken.Dependents, isKept) {
			e := *broken
			e.Message += ", and this plan deletes it"
			hint := "keep it, or remove or change what uses it in the same plan"
			if isContainer(pending.change.Kind) {
				hint += "; if only the address of its resource changed, add a moved block"
			}
			result.judge(e.WithHint("%s", hint))
		}
	}
	return nil
}
