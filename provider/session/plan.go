// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"math"
	"slices"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Plan is what this run has planned so far. A change that builds on another
// one of the same plan (a secret in an environment that is about to be made, a
// value that needs a schema which is about to change) is asked about together
// with it: the backend does the one after the other in a dry run, as the apply will.
//
// Terraform plans a resource after those that it refers to. It does not order
// what is removed from a configuration. So a deletion that something of
// Terraform's stands in the way of holds until that is planned to stay, which is
// then the error. A secret over the quota, which this plan may raise, waits
// until nothing moves any more.
type Plan struct {
	service    backend.Service
	operations *operationTracker
	managedBy  string // the mark of what this configuration makes

	mu               sync.Mutex
	changes          []plannedChange
	incomplete       map[string]bool           // projects with a planned change that is not wholly known
	entries          map[place]bool            // secrets and values that this plan makes, or gives this name
	growth           map[string]int            // how many secrets more a project will have, by its name
	plannedProjects  map[string]backend.Object // as they will be, by name
	currentProjects  map[string]backend.Object // projects as they are, by the name they will have
	quotaReporters   map[string]bool           // projects for whose quota somebody waits
	kept             map[string]bool           // objects that are planned, but not to go, by id
	pendingDeletions []pendingDeletion         // that count on others to go
}

type plannedChange struct {
	change  backend.Change
	project string // the name that it will have
}

// place is where an entry is, by names.
type place struct {
	kind                              backend.Kind
	project, environment, scope, name string
}

// newPlan is an empty plan over a backend.
func newPlan(s backend.Service, a *operationTracker, managedBy string) *Plan {
	return &Plan{
		service: s, operations: a, managedBy: managedBy, incomplete: map[string]bool{}, entries: map[place]bool{}, growth: map[string]int{},
		plannedProjects: map[string]backend.Object{}, currentProjects: map[string]backend.Object{}, quotaReporters: map[string]bool{}, kept: map[string]bool{},
	}
}

// Working says that a resource is being read or planned, until the function
// returned is called.
func (p *Plan) BeginOperation() func() { return p.operations.begin() }

// Verdict is what the backend says of a planned change.
type CheckResult struct {
	Outcome backend.Outcome
	// Broken is the rules that the change breaks, and those that removals
	// break which counted on it that this object goes.
	Errors []*backend.Error
	// Doubtful says that this may turn out otherwise, since it depends on
	// something in this plan that is not known yet.
	Uncertain bool
}

func (v *CheckResult) addError(e *backend.Error) {
	if e != nil && !slices.ContainsFunc(v.Errors, func(b *backend.Error) bool { return b.Message == e.Message }) {
		v.Errors = append(v.Errors, e)
	}
}

// Ask tells what a change would do after all else that is planned, and adds
// it to the plan. An error means that the backend could not be asked.
func (p *Plan) Check(ctx context.Context, c backend.Change) (CheckResult, error) {
	out, broken, err := p.dryRun(ctx, p.containerChanges(c.Project), c)
	if err == nil && broken != nil && dependsOnOtherObjects(broken) {
		out, broken, err = p.dryRun(ctx, p.otherChanges(c), c)
	}
	if err != nil {
		return CheckResult{}, err
	}
	v := CheckResult{Outcome: out}
	switch {
	case broken == nil || broken.Code == backend.CodeQuota:
	case broken.Code == backend.CodeInUse && c.Op == backend.OpDelete && p.deferDeletion(c, broken.Dependents):
	default:
		v.addError(broken)
	}
	v.Uncertain = len(v.Errors) > 0 && p.isUncertain(c.Project, v.Errors[0].Code)
	p.add(out, c)
	if replaced := broken != nil && broken.Code == backend.CodeImmutable; c.Op != backend.OpDelete && c.ID != "" && !replaced {
		if err := p.recheckDeletions(ctx, c.ID, &v); err != nil {
			return v, err
		}
	}
	if c.Kind == backend.KindSecret && c.Op == backend.OpCreate && len(v.Errors) == 0 {
		e, err := p.checkQuota(ctx, c.Project)
		if err != nil {
			return v, err
		}
		v.addError(e)
	}
	return v, nil
}

// rests reports whether a broken rule rests on what is there, which other
// resources of the plan may remove, or make: a secret to link to.
func dependsOnOtherObjects(e *backend.Error) bool {
	return e.Code == backend.CodeInUse || e.Code == backend.CodeExists || e.Code == backend.CodeNotFound && e.Attribute == "link"
}

// removal is a planned deletion that holds only if its users go as well.
type pendingDeletion struct {
	change     backend.Change
	dependents []backend.Dependent
}

// awaits notes a removal that holds if its users go, and reports whether they
// may: those that this configuration manages, until it is seen that they stay.
func (p *Plan) deferDeletion(c backend.Change, users []backend.Dependent) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	stays := func(u backend.Dependent) bool { return u.ManagedBy != p.managedBy || p.kept[u.ID] }
	if len(users) == 0 || slices.ContainsFunc(users, stays) {
		return false
	}
	p.pendingDeletions = append(p.pendingDeletions, pendingDeletion{c, users})
	return true
}

// judgeRemovals asks again about the removals that count on it that an object
// goes, now that it stays.
func (p *Plan) recheckDeletions(ctx context.Context, id string, v *CheckResult) error {
	p.mu.Lock()
	p.kept[id] = true
	var counting []backend.Change
	for _, r := range p.pendingDeletions {
		if slices.ContainsFunc(r.dependents, func(u backend.Dependent) bool { return u.ID == id }) {
			counting = append(counting, r.change)
		}
	}
	p.mu.Unlock()
	for _, c := range counting {
		_, broken, err := p.dryRun(ctx, p.otherChanges(c), c)
		if err != nil {
			return err
		}
		if broken != nil && slices.ContainsFunc(broken.Dependents, func(u backend.Dependent) bool { return u.ID == id }) {
			told := *broken
			told.Message += ", and this plan removes it"
			v.addError(&told)
		}
	}
	return nil
}

// dryRun asks about a change after others, and the rule that it breaks.
func (p *Plan) dryRun(ctx context.Context, before []backend.Change, c backend.Change) (backend.Outcome, *backend.Error, error) {
	set := append(slices.Clip(before), c)
	if len(set) > backend.MaxChanges {
		set = []backend.Change{c} // too many to be asked about at once: the apply will tell
	}
	out, err := p.service.Apply(ctx, backend.ChangeSet{Changes: set, DryRun: true})
	if err != nil {
		return backend.Outcome{}, nil, err
	}
	last := out[len(out)-1]
	return last, last.Err, nil
}

// Doubt notes that something in a project is planned of which not all is known
// yet: what breaks a rule now may be right when it is applied.
func (p *Plan) MarkIncomplete(project string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.incomplete[project] = true
}

func (p *Plan) add(out backend.Outcome, c backend.Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if out.Action != backend.ActionUnchanged {
		project := projectNameAfter(c, out.Object)
		p.changes = append(p.changes, plannedChange{withoutValue(c), project})
		switch name := nameAfter(c); {
		case name != "" && !isContainer(c.Kind):
			p.entries[place{c.Kind, c.Project, c.Environment, c.Scope, name}] = true
		case c.Kind == backend.KindProject && out.Object.ID != "":
			p.plannedProjects[project] = out.Object
		}
		if c.Kind == backend.KindSecret && c.Op == backend.OpCreate {
			p.growth[project]++
		}
		if c.Kind == backend.KindSecret && c.Op == backend.OpDelete {
			p.growth[project]--
		}
	}
	p.operations.notify()
}

// withoutValue is a planned change as far as others build on it: that a secret
// will be there matters to them; what it holds does not, unless its type changes.
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

// projectOf is the name that the project of a change, or the project that it
// is about, will have.
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

func isContainer(k backend.Kind) bool {
	return k == backend.KindProject || k == backend.KindEnvironment || k == backend.KindSecretType
}

// containers are the planned changes of a project, its environments and its
// types, but for those that go.
func (p *Plan) containerChanges(project string) []backend.Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []backend.Change
	for _, q := range p.changes {
		if isContainer(q.change.Kind) && q.project == project && q.change.Op != backend.OpDelete {
			out = append(out, q.change)
		}
	}
	return out
}

// everything is the whole plan but for c: what is made or changed, in the order
// in which it was planned, then what goes, contents before containers.
func (p *Plan) otherChanges(c backend.Change) []backend.Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	rank := func(c backend.Change) int {
		if c.Op != backend.OpDelete {
			return 0
		}
		return 1 + slices.Index([]backend.Kind{backend.KindScopedValue, backend.KindSecret, backend.KindSecretType, backend.KindEnvironment, backend.KindProject}, c.Kind)
	}
	var out []backend.Change
	for _, q := range p.changes {
		if c.ID == "" || q.change.ID != c.ID || q.change.Op != c.Op {
			out = append(out, q.change)
		}
	}
	slices.SortStableFunc(out, func(a, b backend.Change) int { return rank(a) - rank(b) })
	return out
}

// inDoubt reports whether a rule may look otherwise once all is known.
func (p *Plan) isUncertain(project string, c backend.Code) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch c {
	case backend.CodeNotFound, backend.CodeInvalid, backend.CodeTooLarge, backend.CodeQuota:
		return p.incomplete[project]
	}
	return false
}

// judgeQuota tells whether a project will have more secrets than its quota.
// One resource waits to see how many they become, and speaks for all.
func (p *Plan) checkQuota(ctx context.Context, project string) (*backend.Error, error) {
	over, err := p.quotaError(ctx, project)
	if over == nil || err != nil {
		return nil, err
	}
	p.mu.Lock()
	judged := p.quotaReporters[project] || p.incomplete[project]
	p.quotaReporters[project] = true
	p.mu.Unlock()
	if judged {
		return nil, nil
	}
	p.operations.waitUntilIdle(ctx)
	return p.quotaError(ctx, project)
}

func (p *Plan) quotaError(ctx context.Context, project string) (*backend.Error, error) {
	is, err := p.currentProject(ctx, project)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	will, growth := p.plannedProjects[project], p.growth[project]
	p.mu.Unlock()
	there, limit := 0, math.MaxInt
	if is.ID != "" {
		there, limit = *is.Secrets, is.Policy.MaxSecrets
	}
	if will.Policy != nil {
		limit = will.Policy.MaxSecrets
	}
	if there+growth <= limit {
		return nil, nil
	}
	return backend.Errorf(backend.CodeQuota, "project %q would have %d secrets: %d are there, and this plan adds %d; its quota (max_secrets) is %d",
		project, there+growth, there, growth, limit).
		WithHint("raise max_secrets of the pouncet_project, or: pouncet project set %s --max-secrets %d", project, there+growth).At("name"), nil
}

// projectNow is the project that will have a name, as it is now; the zero
// Object if this plan makes it.
func (p *Plan) currentProject(ctx context.Context, name string) (backend.Object, error) {
	p.mu.Lock()
	will, is := p.plannedProjects[name], p.currentProjects[name]
	p.mu.Unlock()
	if is.ID != "" {
		return is, nil
	}
	q := backend.Query{Kind: backend.KindProject, Name: name}
	if will.ID != "" {
		q = backend.Query{Kind: backend.KindProject, ID: will.ID}
	}
	page, err := p.service.Query(ctx, q)
	if err != nil || len(page.Objects) == 0 {
		return is, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.currentProjects[name] = page.Objects[0]
	return page.Objects[0], nil
}

// newName is the name that a change gives to something, "" if none.
func nameAfter(c backend.Change) string {
	switch {
	case c.Op == backend.OpCreate:
		return c.Name
	case c.Rename != nil:
		return *c.Rename
	}
	return ""
}

// Provides reports whether a reference would find what this plan makes or
// renames. Terraform opens an ephemeral resource while it plans, if its
// arguments are known, also when the entry is only about to be there.
func (p *Plan) WillProvide(r backend.Ref) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, scope := range []string{r.Scope, backend.ProjectScope} {
		for _, environment := range []string{r.Environment, backend.AnyEnvironment} {
			if p.entries[place{r.Kind, r.Project, environment, scope, r.Name}] {
				return true
			}
		}
	}
	return false
}
