// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"slices"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Plan is what this run has planned so far.
//
// A change can build on another change of the same plan: a secret on the environment that will contain it, a value on
// the schema that will accept it. Check sends both in one dry run, in which the backend makes one after the other, as
// the apply will.
//
// Terraform plans a resource after the resources that it refers to. It plans deletions in any order. Plan therefore
// accepts a deletion that dependents block, as long as this configuration may still delete these dependents, and
// reports the error when it sees that one of them stays. A secret over the quota waits until the plan makes no progress
// any more, because the plan may still raise the quota.
type Plan struct {
	service    backend.Service
	operations *operationTracker
	managedBy  string // what this configuration records with its objects

	mu               sync.Mutex
	changes          []plannedChange
	incomplete       map[string]bool           // projects with a planned change that is not fully known, by name
	entries          map[entryKey]bool         // entries that this plan creates or renames
	growth           map[string]int            // secrets created less secrets deleted, by name of the project
	plannedProjects  map[string]backend.Object // projects as they will be, by the name that they will have
	currentProjects  map[string]backend.Object // projects as they are, by the name that they will have
	quotaReporters   map[string]bool           // projects for which one resource reports the quota, by name
	kept             map[string]bool           // objects that are planned and not deleted, by id
	pendingDeletions []pendingDeletion
}

// plannedChange is a change and the name that its project will have.
type plannedChange struct {
	change  backend.Change
	project string
}

// entryKey identifies a secret or scoped value by its kind and its place.
type entryKey struct {
	kind                              backend.Kind
	project, environment, scope, name string
}

func newPlan(s backend.Service, operations *operationTracker, managedBy string) *Plan {
	return &Plan{
		service: s, operations: operations, managedBy: managedBy,
		incomplete: map[string]bool{}, entries: map[entryKey]bool{}, growth: map[string]int{},
		plannedProjects: map[string]backend.Object{}, currentProjects: map[string]backend.Object{},
		quotaReporters: map[string]bool{}, kept: map[string]bool{},
	}
}

// BeginOperation records that a resource is being read or planned, until the caller calls end.
func (p *Plan) BeginOperation() (end func()) { return p.operations.begin() }

// CheckResult is what the backend reports about a planned change.
type CheckResult struct {
	Outcome backend.Outcome
	// Errors are the rules that the change breaks, and the rules that earlier deletions break because the object of
	// this change stays.
	Errors []*backend.Error
	// Uncertain means that the errors may not occur in the apply, because the plan contains values that are not known
	// yet.
	Uncertain bool
}

func (r *CheckResult) addError(e *backend.Error) {
	if e != nil && !slices.ContainsFunc(r.Errors, func(b *backend.Error) bool { return b.Message == e.Message }) {
		r.Errors = append(r.Errors, e)
	}
}

// Check returns what a change would do after everything else that is planned, and adds the change to the plan. It
// returns an error if the backend does not answer.
func (p *Plan) Check(ctx context.Context, c backend.Change) (CheckResult, error) {
	outcome, broken, err := p.dryRun(ctx, p.containerChanges(c.Project), c)
	if err == nil && broken != nil && dependsOnOtherObjects(broken) {
		outcome, broken, err = p.dryRun(ctx, p.otherChanges(c), c)
	}
	if err != nil {
		return CheckResult{}, err
	}
	result := CheckResult{Outcome: outcome}
	switch {
	case broken == nil || broken.Code == backend.CodeQuota: // checkQuota counts the whole plan
	case broken.Code == backend.CodeInUse && c.Op == backend.OpDelete && p.deferDeletion(c, broken.Dependents):
	default:
		result.addError(broken)
	}
	result.Uncertain = len(result.Errors) > 0 && p.isUncertain(c.Project, result.Errors[0].Code)
	p.add(outcome, c)
	replaced := broken != nil && broken.Code == backend.CodeImmutable
	if c.Op != backend.OpDelete && c.ID != "" && !replaced {
		if err := p.recheckDeletions(ctx, c.ID, &result); err != nil {
			return result, err
		}
	}
	if c.Kind == backend.KindSecret && c.Op == backend.OpCreate && len(result.Errors) == 0 {
		e, err := p.checkQuota(ctx, c.Project)
		if err != nil {
			return result, err
		}
		result.addError(e)
	}
	return result, nil
}

// dependsOnOtherObjects reports whether other resources of the plan can make an error go away: by deleting an object,
// or by creating the secret to link to.
func dependsOnOtherObjects(e *backend.Error) bool {
	return e.Code == backend.CodeInUse || e.Code == backend.CodeExists ||
		e.Code == backend.CodeNotFound && e.Attribute == "link"
}

// dryRun returns the outcome of a change after other changes, and the rule that it breaks.
func (p *Plan) dryRun(
	ctx context.Context, preceding []backend.Change, c backend.Change,
) (backend.Outcome, *backend.Error, error) {
	set := append(slices.Clip(preceding), c)
	if len(set) > backend.MaxChanges {
		set = []backend.Change{c} // too many for one request: the apply reports what this check misses
	}
	outcomes, err := p.service.Apply(ctx, backend.ChangeSet{Changes: set, DryRun: true})
	if err != nil {
		return backend.Outcome{}, nil, err
	}
	last := outcomes[len(outcomes)-1]
	return last, last.Err, nil
}

// MarkIncomplete records that a planned change in a project contains values that are not known yet. A rule that another
// change breaks now may hold in the apply.
func (p *Plan) MarkIncomplete(project string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.incomplete[project] = true
}

// isUncertain reports whether an error may not occur once all values in a project are known.
func (p *Plan) isUncertain(project string, c backend.Code) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch c {
	case backend.CodeNotFound, backend.CodeInvalid, backend.CodeTooLarge, backend.CodeQuota:
		return p.incomplete[project]
	}
	return false
}

// add adds a change to the plan.
func (p *Plan) add(outcome backend.Outcome, c backend.Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.operations.notify()
	if outcome.Action == backend.ActionUnchanged {
		return
	}
	project := projectNameAfter(c, outcome.Object)
	p.changes = append(p.changes, plannedChange{withoutValue(c), project})
	switch name := nameAfter(c); {
	case name != "" && !isContainer(c.Kind):
		p.entries[entryKey{c.Kind, c.Project, c.Environment, c.Scope, name}] = true
	case c.Kind == backend.KindProject && outcome.Object.ID != "":
		p.plannedProjects[project] = outcome.Object
	}
	if c.Kind == backend.KindSecret && c.Op == backend.OpCreate {
		p.growth[project]++
	}
	if c.Kind == backend.KindSecret && c.Op == backend.OpDelete {
		p.growth[project]--
	}
}

// withoutValue returns a change without its secret value. Other changes depend on the existence of the secret. They do
// not depend on its value, except for the change of its type.
func withoutValue(c backend.Change) backend.Change {
	switch {
	case c.Kind != backend.KindSecret:
	case c.Op == backend.OpCreate:
		c.Value, c.Generate, c.Type = backend.PlaintextString("to be set"), nil, nil
	case c.Type == nil:
		c.Value, c.Generate = backend.Plaintext{}, nil
	}
	return c
}

// projectNameAfter returns the name that the project of a change has after it.
func projectNameAfter(c backend.Change, o backend.Object) string {
	switch {
	case c.Kind != backend.KindProject && c.Project != "":
		return c.Project
	case c.Kind != backend.KindProject:
		return o.Project
	case c.Rename != nil:
		return *c.Rename
	case c.Name != "":
		return c.Name
	}
	return o.Name
}

// nameAfter returns the name that a change gives to its object, or "" if the object keeps its name.
func nameAfter(c backend.Change) string {
	switch {
	case c.Op == backend.OpCreate:
		return c.Name
	case c.Rename != nil:
		return *c.Rename
	}
	return ""
}

func isContainer(k backend.Kind) bool {
	return k == backend.KindProject || k == backend.KindEnvironment || k == backend.KindSecretType
}

// containerChanges returns the planned changes of a project, of its environments and of its types, except deletions.
func (p *Plan) containerChanges(project string) []backend.Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []backend.Change
	for _, planned := range p.changes {
		c := planned.change
		if isContainer(c.Kind) && planned.project == project && c.Op != backend.OpDelete {
			out = append(out, c)
		}
	}
	return out
}

// otherChanges returns all planned changes except c: first what is created and updated, in the order in which it was
// planned, then what is deleted, contents before containers.
func (p *Plan) otherChanges(c backend.Change) []backend.Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []backend.Change
	for _, planned := range p.changes {
		if c.ID == "" || planned.change.ID != c.ID || planned.change.Op != c.Op {
			out = append(out, planned.change)
		}
	}
	slices.SortStableFunc(out, func(a, b backend.Change) int { return deletionRank(a) - deletionRank(b) })
	return out
}

// deletionRank returns 0 for a change that deletes nothing, and a higher number for a container than for its contents.
func deletionRank(c backend.Change) int {
	if c.Op != backend.OpDelete {
		return 0
	}
	return 1 + slices.Index([]backend.Kind{
		backend.KindScopedValue, backend.KindSecret, backend.KindSecretType, backend.KindEnvironment,
		backend.KindProject,
	}, c.Kind)
}

// WillProvide reports whether a reference resolves to an entry that this plan creates or renames. Terraform opens an
// ephemeral resource while it plans as soon as its arguments are known, even if the entry does not exist yet.
func (p *Plan) WillProvide(r backend.Ref) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(backend.LookupOrder(r.Scope, r.Environment), func(v backend.Visible) bool {
		return p.entries[entryKey{r.Kind, r.Project, v.Environment, v.Scope, r.Name}]
	})
}
