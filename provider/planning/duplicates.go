// SPDX-License-Identifier: MPL-2.0

package planning

import (
	"context"
	"crypto/sha256"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// newValue is a value that the plan writes, as its hash, in the project of a name.
type newValue struct {
	project string
	hash    [sha256.Size]byte
}

// valueHolder is the secret that gets the value.
type valueHolder struct {
	claim
	name string
}

// checkTotals judges a change together with all others of its project: the quota, and equal values.
func (p *Plan) checkTotals(ctx context.Context, check Check, outcome backend.Outcome) (*backend.Error, error) {
	if e, err := p.checkQuota(ctx, check, outcome); e != nil || err != nil {
		return e, err
	}
	return p.checkNewValue(ctx, check, outcome)
}

// checkNewValue returns an error if another resource of the plan gets the same new value, and the project refuses
// duplicates. The backend knows only the values that secrets have now. A value that is not known yet is not compared.
func (p *Plan) checkNewValue(ctx context.Context, check Check, outcome backend.Outcome) (*backend.Error, error) {
	c := check.Change
	writes := c.Op == backend.OpCreate || slices.Contains(outcome.Changed, "value")
	if c.Kind != backend.KindSecret || c.Value.Len() == 0 || c.Generate != nil || c.ValueFollows || !writes {
		return nil, nil
	}
	project := projectNameAfter(c, outcome.Object)
	value := newValue{project, sha256.Sum256(c.Value.Expose())}
	holder := valueHolder{claim{id: c.ID, replaces: check.Replaces}, outcome.Object.Name}
	p.mu.Lock()
	other, taken := p.values[value]
	if !taken {
		p.values[value] = holder
	}
	p.mu.Unlock()
	if !taken || other.sameResource(holder.claim) {
		return nil, nil
	}
	if refuses, err := p.refusesDuplicates(ctx, project, c); err != nil || !refuses {
		return nil, err
	}
	names := []string{backend.Quote(other.name), backend.Quote(holder.name)}
	slices.Sort(names) // whichever Terraform plans first
	return backend.Errorf(backend.CodeInvalid, "this plan gives secrets %s and %s the same value", names[0], names[1]).
		WithHint("choose another value for one of them; the policy of project %s refuses duplicates",
			backend.Quote(project)).At("value"), nil
}

// refusesDuplicates reports whether a project refuses equal values after the apply. It does not if that is not known,
// because the project's own resource is still to come.
func (p *Plan) refusesDuplicates(ctx context.Context, name string, c backend.Change) (bool, error) {
	p.mu.Lock()
	q := p.quotas[name]
	if q != nil && q.duplicates != nil {
		defer p.mu.Unlock()
		return *q.duplicates == backend.DuplicatesRefused, nil
	}
	p.mu.Unlock()
	project, err := p.currentProject(ctx, name, c)
	if err != nil || project.Policy == nil || project.ManagedBy == p.owner || p.isKnown(project.ID) {
		return false, err
	}
	return project.Policy.Duplicates == backend.DuplicatesRefused, nil
}
