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
// what is removed from a configuration. So a deletion that something stands in
// the way of waits until that is planned to go as well, or nothing moves any
// more; and so does a secret over the quota, which this plan may raise.
type Plan struct {
	service  backend.Service
	activity *activity

	mu       sync.Mutex
	planned  []planned
	doubtful map[string]bool           // projects with a planned change that is not wholly known
	entries  map[place]bool            // secrets and values that this plan makes, or gives this name
	growth   map[string]int            // how many secrets more a project will have, by its name
	projects map[string]backend.Object // as they will be, by name
	present  map[string]backend.Object // projects as they are, by the name they will have
	judging  map[string]bool           // projects for whose quota somebody waits
	left     [][]backend.Change        // questions left to whoever waits
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
func newPlan(s backend.Service, a *activity) *Plan {
	return &Plan{
		service: s, activity: a, doubtful: map[string]bool{}, entries: map[place]bool{}, growth: map[string]int{},
		projects: map[string]backend.Object{}, present: map[string]backend.Object{}, judging: map[string]bool{},
	}
}

// Working says that a resource is being read or planned, until the function
// returned is called.
func (p *Plan) Working() func() { return p.activity.working() }

// Verdict is what the backend says of a planned change.
type Verdict struct {
	Outcome backend.Outcome
	// Broken is the rules that the change breaks, and those that changes
	// break whose judgement was left to this one.
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

// Ask tells what changes, the last of which is asked about, would do after all
// else that is planned, and adds them to the plan. An error means that the
// backend could not be asked.
func (p *Plan) Ask(ctx context.Context, changes ...backend.Change) (Verdict, error) {
	last := changes[len(changes)-1]
	out, broken, err := p.dryRun(ctx, p.containers(last.Project), changes)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Outcome: out}
	var yield bool
	if broken != nil {
		yield, _ = yields(broken)
	}
	if yield {
		if err := p.askAgain(ctx, changes, &v); err != nil {
			return v, err
		}
	} else if broken == nil || broken.Code != backend.CodeQuota {
		v.because(broken)
	}
	v.Doubtful = len(v.Broken) > 0 && p.inDoubt(last.Project, v.Broken[0].Code)
	p.add(v.Outcome, changes)
	if last.Kind == backend.KindSecret && last.Op == backend.OpCreate && len(v.Broken) == 0 {
		e, err := p.judgeQuota(ctx, last.Project)
		if err != nil {
			return v, err
		}
		v.because(e)
	}
	return v, nil
}

// yields reports whether the rest of the plan may lift a broken rule. What
// stands in the way may go, also later in this plan. A linked secret that is
// missing may be made, but earlier only: Terraform orders it before its user.
func yields(e *backend.Error) (now, later bool) {
	later = e.Code == backend.CodeInUse || e.Code == backend.CodeExists
	return later || e.Code == backend.CodeNotFound && e.Attribute == "link", later
}

// askAgain asks with everything that is planned, as that grows, until nothing
// stands in the way or nothing moves any more. While too many wait already, the
// judgement is left to one of those.
func (p *Plan) askAgain(ctx context.Context, changes []backend.Change, v *Verdict) error {
	for seen := -1; ; {
		n, all := p.everything()
		if n > seen {
			seen = n
			out, broken, err := p.dryRun(ctx, all, changes)
			if err != nil {
				return err
			}
			if v.Outcome = out; broken == nil {
				return p.judgeLeft(ctx, v)
			}
			if _, later := yields(broken); !later {
				v.because(broken)
				return nil
			}
			continue
		}
		quiet, allowed := p.activity.wait(ctx, func() bool { return p.size() > seen })
		if !allowed {
			p.mu.Lock()
			p.left = append(p.left, changes)
			p.mu.Unlock()
			return nil
		}
		if quiet {
			return p.judge(ctx, v, changes)
		}
	}
}

// judgeLeft stays, where nothing stands in one's own way any more, for the
// questions that were left to whoever waits: somebody must answer them.
func (p *Plan) judgeLeft(ctx context.Context, v *Verdict) error {
	none := func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.left) == 0
	}
	if none() {
		return nil
	}
	if quiet, allowed := p.activity.wait(ctx, none); quiet && allowed {
		return p.judge(ctx, v)
	}
	return nil
}

// judge asks for the last time: about the questions given, and those left.
func (p *Plan) judge(ctx context.Context, v *Verdict, questions ...[]backend.Change) error {
	p.mu.Lock()
	questions = append(questions, p.left...)
	p.left = nil
	p.mu.Unlock()
	_, all := p.everything()
	for _, q := range questions {
		_, broken, err := p.dryRun(ctx, without(all, q), q)
		if err != nil {
			return err
		}
		v.because(broken)
	}
	return nil
}

// without is planned changes but for those about the same objects as q.
func without(all, q []backend.Change) []backend.Change {
	return slices.DeleteFunc(slices.Clone(all), func(c backend.Change) bool {
		return slices.ContainsFunc(q, func(d backend.Change) bool { return c.ID != "" && c.ID == d.ID && c.Op == d.Op })
	})
}

// dryRun asks about changes after others: the outcome of the last, and the
// first rule that one of them breaks.
func (p *Plan) dryRun(ctx context.Context, before, changes []backend.Change) (backend.Outcome, *backend.Error, error) {
	set := slices.Concat(before, changes)
	if len(set) > backend.MaxChanges {
		set = changes // too many to be asked about at once: the apply will tell
	}
	out, err := p.service.Apply(ctx, backend.ChangeSet{Changes: set, DryRun: true})
	if err != nil {
		return backend.Outcome{}, nil, err
	}
	for _, o := range out[len(out)-len(changes):] {
		if o.Err != nil {
			return out[len(out)-1], o.Err, nil
		}
	}
	return out[len(out)-1], nil, nil
}

// Doubt notes that something in a project is planned of which not all is known
// yet: what breaks a rule now may be right when it is applied.
func (p *Plan) Doubt(project string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubtful[project] = true
}

func (p *Plan) add(out backend.Outcome, changes []backend.Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range changes {
		if i == len(changes)-1 && out.Action == backend.ActionUnchanged {
			continue
		}
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
		c.Value, c.Generate, c.Type = backend.Text("to be set"), nil, nil
	case c.Type == nil:
		c.Value, c.Generate = backend.Value{}, nil
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
	return k == backend.KindProject || k == backend.KindEnvironment || k == backend.KindType
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

func (p *Plan) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.planned)
}

// everything is the whole plan: what is made or changed, in the order in which
// it was planned, then what goes, contents before containers.
func (p *Plan) everything() (int, []backend.Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rank := func(c backend.Change) int {
		if c.Op != backend.OpDelete {
			return 0
		}
		return 1 + slices.Index([]backend.Kind{backend.KindValue, backend.KindSecret, backend.KindType, backend.KindEnvironment, backend.KindProject}, c.Kind)
	}
	out := make([]backend.Change, len(p.planned))
	for i, q := range p.planned {
		out[i] = q.change
	}
	slices.SortStableFunc(out, func(a, b backend.Change) int { return rank(a) - rank(b) })
	return len(out), out
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
	p.activity.wait(ctx, func() bool { return false })
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
