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
	service   backend.Service
	activity  *activity
	managedBy string // the mark of what this configuration makes

	mu       sync.Mutex
	planned  []planned
	doubtful map[string]bool           // projects with a planned change that is not wholly known
	entries  map[place]bool            // secrets and values that this plan makes, or gives this name
	growth   map[string]int            // how many secrets more a project will have, by its name
	projects map[string]backend.Object // as they will be, by name
	present  map[string]backend.Object // projects as they are, by the name they will have
	judging  map[string]bool           // projects for whose quota somebody waits
	stays    map[string]bool           // objects that are planned, but not to go, by id
	removals []removal                 // that count on others to go
}

type planned struct {
	change  backend.Change
	project string // the name that it will have
}

// place is where an entry is, by names.
type place struct {
	kind                              backend.Kind
	project, environment, scope, name string
}

// newPlan is an empty plan over a backend.
func newPlan(s backend.Service, a *activity, managedBy string) *Plan {
	return &Plan{
		service: s, activity: a, managedBy: managedBy, doubtful: map[string]bool{}, entries: map[place]bool{}, growth: map[string]int{},
		projects: map[string]backend.Object{}, present: map[string]backend.Object{}, judging: map[string]bool{}, stays: map[string]bool{},
	}
}

// Working says that a resource is being read or planned, until the function
// returned is called.
func (p *Plan) Working() func() { return p.activity.working() }

// Verdict is what the backend says of a planned change.
type Verdict struct {
	Outcome backend.Outcome
	// Broken is the rules that the change breaks, and those that removals
	// break which counted on it that this object goes.
	Broken []*backend.Error
	// Doubtful says that this may turn out otherwise, since it depends on
	// something in this plan that is not known yet.
	Doubtful bool
}

func (v *Verdict) because(e *backend.Error) {
	if e != nil && !slices.ContainsFunc(v.Broken, func(b *backend.Error) bool { return b.Message == e.Message }) {
		v.Broken = append(v.Broken, e)
	}
}

// Ask tells what a change would do after all else that is planned, and adds
// it to the plan. An error means that the backend could not be asked.
func (p *Plan) Ask(ctx context.Context, c backend.Change) (Verdict, error) {
	out, broken, err := p.dryRun(ctx, p.containers(c.Project), c)
	if err == nil && broken != nil && rests(broken) {
		out, broken, err = p.dryRun(ctx, p.everything(c), c)
	}
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Outcome: out}
	switch {
	case broken == nil || broken.Code == backend.CodeQuota:
	case broken.Code == backend.CodeInUse && c.Op == backend.OpDelete && p.awaits(c, broken.Dependents):
	default:
		v.because(broken)
	}
	v.Doubtful = len(v.Broken) > 0 && p.inDoubt(c.Project, v.Broken[0].Code)
	p.add(out, c)
	if replaced := broken != nil && broken.Code == backend.CodeImmutable; c.Op != backend.OpDelete && c.ID != "" && !replaced {
		if err := p.judgeRemovals(ctx, c.ID, &v); err != nil {
			return v, err
		}
	}
	if c.Kind == backend.KindSecret && c.Op == backend.OpCreate && len(v.Broken) == 0 {
		e, err := p.judgeQuota(ctx, c.Project)
		if err != nil {
			return v, err
		}
		v.because(e)
	}
	return v, nil
}

// rests reports whether a broken rule rests on what is there, which other
// resources of the plan may remove, or make: a secret to link to.
func rests(e *backend.Error) bool {
	return e.Code == backend.CodeInUse || e.Code == backend.CodeExists || e.Code == backend.CodeNotFound && e.Attribute == "link"
}

// removal is a planned deletion that holds only if its users go as well.
type removal struct {
	change backend.Change
	users  []backend.Dependent
}

// awaits notes a removal that holds if its users go, and reports whether they
// may: those that this configuration manages, until it is seen that they stay.
func (p *Plan) awaits(c backend.Change, users []backend.Dependent) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	stays := func(u backend.Dependent) bool { return u.ManagedBy != p.managedBy || p.stays[u.ID] }
	if len(users) == 0 || slices.ContainsFunc(users, stays) {
		return false
	}
	p.removals = append(p.removals, removal{c, users})
	return true
}

// judgeRemovals asks again about the removals that count on it that an object
// goes, now that it stays.
func (p *Plan) judgeRemovals(ctx context.Context, id string, v *Verdict) error {
	p.mu.Lock()
	p.stays[id] = true
	var counting []backend.Change
	for _, r := range p.removals {
		if slices.ContainsFunc(r.users, func(u backend.Dependent) bool { return u.ID == id }) {
			counting = append(counting, r.change)
		}
	}
	p.mu.Unlock()
	for _, c := range counting {
		_, broken, err := p.dryRun(ctx, p.everything(c), c)
		if err != nil {
			return err
		}
		if broken != nil && slices.ContainsFunc(broken.Dependents, func(u backend.Dependent) bool { return u.ID == id }) {
			told := *broken
			told.Message += ", and this plan removes it"
			v.because(&told)
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
func (p *Plan) Doubt(project string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubtful[project] = true
}

func (p *Plan) add(out backend.Outcome, c backend.Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if out.Action != backend.ActionUnchanged {
		project := projectOf(c, out.Object)
		p.planned = append(p.planned, planned{withoutValue(c), project})
		switch name := newName(c); {
		case name != "" && !isContainer(c.Kind):
			p.entries[place{c.Kind, c.Project, c.Environment, c.Scope, name}] = true
		case c.Kind == backend.KindProject && out.Object.ID != "":
			p.projects[project] = out.Object
		}
		if c.Kind == backend.KindSecret && c.Op == backend.OpCreate {
			p.growth[project]++
		}
		if c.Kind == backend.KindSecret && c.Op == backend.OpDelete {
			p.growth[project]--
		}
	}
	p.activity.stir()
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
func projectOf(c backend.Change, o backend.Object) string {
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
func (p *Plan) containers(project string) []backend.Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []backend.Change
	for _, q := range p.planned {
		if isContainer(q.change.Kind) && q.project == project && q.change.Op != backend.OpDelete {
			out = append(out, q.change)
		}
	}
	return out
}

// everything is the whole plan but for c: what is made or changed, in the order
// in which it was planned, then what goes, contents before containers.
func (p *Plan) everything(c backend.Change) []backend.Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	rank := func(c backend.Change) int {
		if c.Op != backend.OpDelete {
			return 0
		}
		return 1 + slices.Index([]backend.Kind{backend.KindScopedValue, backend.KindSecret, backend.KindSecretType, backend.KindEnvironment, backend.KindProject}, c.Kind)
	}
	var out []backend.Change
	for _, q := range p.planned {
		if c.ID == "" || q.change.ID != c.ID || q.change.Op != c.Op {
			out = append(out, q.change)
		}
	}
	slices.SortStableFunc(out, func(a, b backend.Change) int { return rank(a) - rank(b) })
	return out
}

// inDoubt reports whether a rule may look otherwise once all is known.
func (p *Plan) inDoubt(project string, c backend.Code) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch c {
	case backend.CodeNotFound, backend.CodeInvalid, backend.CodeTooLarge, backend.CodeQuota:
		return p.doubtful[project]
	}
	return false
}

// judgeQuota tells whether a project will have more secrets than its quota.
// One resource waits to see how many they become, and speaks for all.
func (p *Plan) judgeQuota(ctx context.Context, project string) (*backend.Error, error) {
	over, err := p.overQuota(ctx, project)
	if over == nil || err != nil {
		return nil, err
	}
	p.mu.Lock()
	judged := p.judging[project] || p.doubtful[project]
	p.judging[project] = true
	p.mu.Unlock()
	if judged {
		return nil, nil
	}
	p.activity.settle(ctx)
	return p.overQuota(ctx, project)
}

func (p *Plan) overQuota(ctx context.Context, project string) (*backend.Error, error) {
	is, err := p.projectNow(ctx, project)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	will, growth := p.projects[project], p.growth[project]
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
func (p *Plan) projectNow(ctx context.Context, name string) (backend.Object, error) {
	p.mu.Lock()
	will, is := p.projects[name], p.present[name]
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
	p.present[name] = page.Objects[0]
	return page.Objects[0], nil
}

// newName is the name that a change gives to something, "" if none.
func newName(c backend.Change) string {
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
func (p *Plan) Provides(r backend.Ref) bool {
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
