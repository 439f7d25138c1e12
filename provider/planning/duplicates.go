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

// repetition is two secrets that would have one value, in the order of their names: the order in which Terraform plans
// them makes no difference.
type repetition struct{ a, b string }

// checkTotals judges a change together with all others of its project: the quota, and equal values.
func (p *Plan) checkTotals(ctx context.Context, check Check, outcome backend.Outcome) (*backend.Error, error) {
	if e, err := p.checkQuota(ctx, check, outcome); e != nil || err != nil {
		return e, err
	}
	switch check.Change.Kind {
	case backend.KindProject:
		return p.checkRepetitions(projectNameAfter(check.Change, outcome.Object)), nil
	case backend.KindSecret:
		return p.checkNewValue(ctx, check, outcome)
	}
	return nil, nil
}

// checkNewValue returns an error if another resource of the plan has the same value after the apply, and the project
// refuses duplicates. The backend knows only the values that secrets have now, and leaves out the secret whose place a
// new one takes. A value that is not known yet is not compared.
func (p *Plan) checkNewValue(ctx context.Context, check Check, outcome backend.Outcome) (*backend.Error, error) {
	c := check.Change
	project, name := projectNameAfter(c, outcome.Object), outcome.Object.Name
	other, repeated := p.sameAsDisplaced(check, outcome)
	if !repeated {
		other, repeated = p.sameNewValue(check, outcome, project)
	}
	if !repeated {
		return nil, nil
	}
	found := repetition{min(other, name), max(other, name)}
	switch refuses, known, err := p.refusesDuplicates(ctx, project, c); {
	case err != nil:
		return nil, err
	case !known:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.repetitions[project] = append(p.repetitions[project], found)
		return nil, nil
	case !refuses:
		return nil, nil
	}
	return errRepeated(project, found).At("value"), nil
}

func errRepeated(project string, found repetition) *backend.Error {
	return backend.Errorf(backend.CodeInvalid, "this plan gives secrets %s and %s the same value",
		backend.Quote(found.a), backend.Quote(found.b)).
		WithHint("choose another value for one of them; the policy of project %s refuses duplicates", backend.Quote(project))
}

// checkRepetitions judges a project that refuses duplicates and is planned after secrets with equal values.
func (p *Plan) checkRepetitions(project string) *backend.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.quotas[project]
	if q == nil || q.duplicates == nil || *q.duplicates != backend.DuplicatesRefused || len(p.repetitions[project]) == 0 {
		return nil
	}
	return errRepeated(project, p.repetitions[project][0]).At("duplicates")
}

// sameNewValue returns the name of another secret to which the plan writes the value of a change.
func (p *Plan) sameNewValue(check Check, outcome backend.Outcome, project string) (name string, found bool) {
	c := check.Change
	writes := c.Op == backend.OpCreate || slices.Contains(outcome.Changed, "value")
	if c.Value.Len() == 0 || c.Generate != nil || c.ValueFollows || !writes {
		return "", false
	}
	value := newValue{project, sha256.Sum256(c.Value.Expose())}
	holder := valueHolder{claim{id: c.ID, replaces: check.Replaces}, outcome.Object.Name}
	p.mu.Lock()
	defer p.mu.Unlock()
	other, taken := p.values[value]
	if !taken {
		p.values[value] = holder
	}
	return other.name, taken && !other.sameResource(holder.claim)
}

// sameAsDisplaced finds a new secret that takes the name of a renamed secret and has the same value. It returns the
// name of the first of the two when the second one is planned.
func (p *Plan) sameAsDisplaced(check Check, outcome backend.Outcome) (name string, found bool) {
	c, old := check.Change, outcome.Displaced
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case c.ID != "" && !slices.Contains(outcome.Changed, "value"):
		p.unchanged[c.ID] = outcome.Object.Name
		name, found = p.copies[c.ID]
	case c.ID == "" && old != nil && old.ID != check.Replaces && !p.newValues[old.ID]:
		p.copies[old.ID] = outcome.Object.Name
		name, found = p.unchanged[old.ID]
	}
	return name, found
}

// refusesDuplicates reports whether a project refuses equal values after the apply. That is not known if the project's
// own resource is still to come.
func (p *Plan) refusesDuplicates(ctx context.Context, name string, c backend.Change) (refuses, known bool, err error) {
	p.mu.Lock()
	q := p.quotas[name]
	if q != nil && q.duplicates != nil {
		defer p.mu.Unlock()
		return *q.duplicates == backend.DuplicatesRefused, true, nil
	}
	p.mu.Unlock()
	project, err := p.currentProject(ctx, name, c)
	if err != nil || project.Policy == nil || project.ManagedBy == p.owner || p.isKnown(project.ID) {
		return false, false, err
	}
	return project.Policy.Duplicates == backend.DuplicatesRefused, true, nil
}
