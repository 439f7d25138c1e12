// SPDX-License-Identifier: MPL-2.0

// Package planning knows what one Terraform plan has planned so far, and judges each change against it.
//
// Terraform plans and applies resources in an order that a provider cannot know: only references between resources give
// one. Three laws hold nevertheless (ADR 21): a plan that succeeds can be applied, the plan after it is empty, and
// equal inputs give equal plans. So this package never waits, and what it accepts does not depend on what came first:
//
//   - A rule about one object, and about what the object refers to, is a dry run in the backend. It assumes the planned
//     changes of the containers (project, environment, type), which Terraform plans before by reference.
//   - Objects of this configuration do not block each other. Whether two of them want one place, and whether one that
//     is deleted stays in use, is judged when the second of the two is planned, whichever that is.
//   - What only the apply knows is left to the apply, whose order does not matter: the backend moves an object of this
//     configuration out of the way until its own step comes (backend.Change.SameOwner).
//
// After the first change of an apply there is nothing to judge any more: what Terraform still plans then (deposed
// objects) was accepted before.
package planning

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Plan is what this run has planned so far.
type Plan struct {
	service backend.Service
	owner   string // what this configuration records with its objects (ManagedBy)
	named   bool   // the owner is a configuration with a name, so that no other one has the same

	applying   atomic.Bool
	destroying atomic.Bool

	mu               sync.Mutex
	changes          []plannedChange
	incomplete       map[string]bool      // projects with a planned change that is not fully known, by name
	entries          map[place]bool       // places of entries that this plan creates or renames
	containers       map[place]string     // ids of containers that this plan creates or renames
	renamed          map[place]string     // ids of containers that this plan renames, by their new places
	formerNames      map[place]formerName // of containers that this plan renames, by their new places
	claims           map[place]claim
	values           map[newValue]valueHolder // values that this plan writes
	unchanged        map[string]string        // names of secrets that keep their values, by id
	copies           map[string]string        // new secrets with the value of the one they displace, by its id
	repetitions      map[string][]repetition  // by project, as long as its own resource is not planned
	vacated          map[place]string         // places that a container leaves in this plan, with its id
	replaced         map[string]bool          // ids of objects without a mark, which a creation seems to replace
	newValues        map[string]bool          // ids of secrets whose value this plan changes, as far as it knows
	configured       map[string]bool          // ids of secrets whose value is in the configuration
	known            map[string]bool          // ids of objects in the state, as far as Terraform has asked about them
	kept             map[string]bool          // ids of objects that are planned and not deleted
	pendingDeletions []pendingDeletion
	uses             []use
	departures       []departure
	quotas           map[string]*projectQuota  // by the name that the project will have
	projects         map[string]backend.Object // projects as they are, by the name that they will have
	projectIDs       map[string]string         // ids of planned projects, by the name that they will have
}

// plannedChange is a change and the name that its project will have.
type plannedChange struct {
	change  backend.Change
	project string
}

// New returns an empty plan of the configuration that records owner with its objects. If the owner is not named, other
// configurations may record the same.
func New(s backend.Service, owner string, named bool) *Plan {
	return &Plan{
		service: s, owner: owner, named: named,
		incomplete: map[string]bool{}, entries: map[place]bool{}, containers: map[place]string{}, renamed: map[place]string{},
		formerNames: map[place]formerName{}, claims: map[place]claim{},
		vacated: map[place]string{}, replaced: map[string]bool{},
		newValues: map[string]bool{}, configured: map[string]bool{}, known: map[string]bool{}, kept: map[string]bool{},
		quotas: map[string]*projectQuota{}, projects: map[string]backend.Object{},
		projectIDs: map[string]string{}, values: map[newValue]valueHolder{},
		unchanged: map[string]string{}, copies: map[string]string{}, repetitions: map[string][]repetition{},
	}
}

// BeginApply records that this run changes something, so that it is an apply.
func (p *Plan) BeginApply() { p.applying.Store(true) }

// Destroy says that Terraform destroys everything. It plans the configuration before, and that plan may keep an object
// that depends on one which it deletes.
func (p *Plan) Destroy() { p.destroying.Store(true) }

// Applying reports whether this run has changed something.
func (p *Plan) Applying() bool { return p.applying.Load() }

// Know records that an object is in the state.
func (p *Plan) Know(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[id] = true
}

// Check is a planned change.
type Check struct {
	Change backend.Change
	// Replaces is the id of the object that Terraform deletes before or after this creation, or "".
	Replaces string
	// Name is the name of an existing object before the change.
	Name string
	// Leaves is the object of a deletion that no creation follows.
	Leaves backend.Object
}

// Result is what the backend and the rest of the plan say about a change.
type Result struct {
	Outcome backend.Outcome
	// Errors are the rules that the change breaks, alone or together with another change of the plan.
	Errors []*backend.Error
	// Judged are the errors in Errors that another resource of the plan causes.
	Judged []*backend.Error
	// Warnings are reasons for which the apply may stop.
	Warnings []*backend.Error
	// Uncertain means that the errors may not occur in the apply, because the plan contains values that are not known
	// yet.
	Uncertain bool
}

// addError adds an error once. A nil error is none.
func (r *Result) addError(e *backend.Error) {
	if e != nil && !slices.ContainsFunc(r.Errors, func(b *backend.Error) bool { return b.Message == e.Message }) {
		r.Errors = append(r.Errors, e)
	}
}

// judge adds an error that another resource of the plan causes. A nil error is none.
func (r *Result) judge(e *backend.Error) {
	r.addError(e)
	r.Judged = append(r.Judged, e)
}

// Check returns what a change would do, and adds the change to the plan. It returns an error if the backend does not
// answer.
func (p *Plan) Check(ctx context.Context, check Check) (Result, error) {
	if check.Change.Op == backend.OpDelete {
		return p.checkDeletion(ctx, check)
	}
	c := check.Change
	if check.Replaces != "" {
		p.forget(check.Replaces)
	}
	if c.Op == backend.OpCreate || c.Rename != nil {
		c.ManagedBy, c.SameOwner = &p.owner, true
	}
	preceding := p.containerChanges(c)
	if check.Replaces != "" {
		preceding = append(preceding, p.deletionBefore(c, check.Replaces))
	}
	withIDs := p.withIDsOfRenamed(c)
	outcome, broken, err := p.dryRun(ctx, preceding, withIDs)
	if err == nil && lacksLinked(broken) {
		// The plan may create the secret.
		outcome, broken, err = p.dryRun(ctx, p.otherChanges(c, ""), withIDs)
	}
	if err == nil && broken != nil && broken.Code == backend.CodeExists {
		outcome, broken, err = p.dryRunWithoutHolder(ctx, preceding, withIDs, outcome, broken)
	}
	old := outcome.Displaced
	var leaves *backend.Object
	var unreplaceable *backend.Error
	if err == nil && check.Replaces != "" {
		old, leaves, unreplaceable, err = p.checkReplaced(ctx, c, check.Replaces)
	}
	if err == nil && broken == nil {
		err = p.recordContents(ctx, c, outcome, old)
	}
	if err != nil {
		return Result{}, err
	}
	result := Result{Outcome: outcome}
	switch {
	case unreplaceable == nil:
	case leaves != nil:
		result.judge(unreplaceable)
	default:
		result.addError(unreplaceable)
	}
	if broken != nil && broken.Code != backend.CodeQuota { // checkQuota counts the whole plan
		result.addError(broken)
	}
	switch outcome.Unchecked {
	case "":
	case "value":
		result.Warnings = append(result.Warnings, backend.Errorf(backend.CodeDenied,
			"the value was not compared, because today the token has already compared it with too many other values").
			WithHint("the plan shows an update even if the value is equal; plan again tomorrow (UTC), with a token that may "+
				"have the value, or raise --compare-limit of the server").At(outcome.Unchecked))
	default:
		result.Warnings = append(result.Warnings, backend.Errorf(backend.CodeDenied,
			"the role of the token may not check stored values against a schema, so the plan did not check them").
			WithHint("the apply checks them, and changes nothing if a value breaks the schema").At(outcome.Unchecked))
	}
	if broken == nil {
		result.judge(p.claim(check, outcome))
		p.warnOfGuess(check, outcome, &result)
		p.warnOfProtected(check, outcome, &result)
	}
	result.Uncertain = len(result.Errors) > 0 && p.isUncertain(c.Project, result.Errors[0].Code)
	p.add(outcome, c)
	if c.Rename != nil && broken == nil {
		p.recordFormerName(outcome.Object, formerName{c.ID, check.Name})
	}
	if c.ID != "" && !(broken != nil && broken.Code == backend.CodeImmutable) { // an object that cannot change is replaced
		if err := p.recheckDeletions(ctx, c.ID, &result); err != nil {
			return result, err
		}
	}
	if len(result.Errors) == 0 {
		e, err := p.checkUses(ctx, c, outcome)
		if err != nil {
			return result, err
		}
		result.judge(e)
	}
	if len(result.Errors) == 0 && leaves != nil {
		deletion := backend.Change{Op: backend.OpDelete, Kind: c.Kind, ID: check.Replaces, ManagedBy: &p.owner}
		e, err := p.checkDeparture(ctx, departure{deletion, *leaves, &outcome.Object})
		if err != nil {
			return result, err
		}
		result.judge(e)
	}
	if len(result.Errors) == 0 {
		e, err := p.checkTotals(ctx, check, outcome)
		if err != nil {
			return result, err
		}
		result.addError(e)
	}
	return result, nil
}

// deletionBefore is the deletion of the object that a creation replaces.
func (p *Plan) deletionBefore(c backend.Change, id string) backend.Change {
	return backend.Change{
		Op: backend.OpDelete, Kind: c.Kind, ID: id, ManagedBy: &p.owner, SameOwner: true, CreationFollows: true,
		Force: c.Kind == backend.KindSecret || c.Kind == backend.KindScopedValue,
	}
}

// dryRunWithoutHolder repeats the dry run of a change whose place is taken by an object that is in the state but does
// not carry the mark of this configuration, because it was imported and has not changed since.
func (p *Plan) dryRunWithoutHolder(
	ctx context.Context, preceding []backend.Change, c backend.Change, outcome backend.Outcome, broken *backend.Error,
) (backend.Outcome, *backend.Error, error) {
	if c.Op != backend.OpCreate {
		return outcome, broken, nil
	}
	page, err := p.service.Query(ctx, backend.Query{
		Kind: c.Kind, Project: c.Project, Environment: c.Environment, Scope: scopeOf(c), Name: c.Name,
	})
	if err != nil || len(page.Objects) != 1 || !p.assumeReplaced(page.Objects[0].ID) {
		return outcome, broken, nil //nolint:nilerr // the rule that the change breaks is the better answer
	}
	if p.named {
		return outcome, p.errNotMarked(page.Objects[0]), nil
	}
	return p.dryRun(ctx, append(preceding, p.deletionBefore(c, page.Objects[0].ID)), c)
}

// assumeReplaced reports whether an object of the state can be the object that a creation replaces: a tainted object is
// read, and never planned.
func (p *Plan) assumeReplaced(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	possible := p.known[id] && !p.kept[id]
	if possible {
		p.replaced[id] = true
	}
	return possible
}

func scopeOf(c backend.Change) string {
	if c.Scope == "" && (c.Kind == backend.KindSecret || c.Kind == backend.KindScopedValue) {
		return backend.ProjectScope
	}
	return c.Scope
}

func (p *Plan) isKnown(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[id]
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
	if outcome.Action == backend.ActionUnchanged {
		return
	}
	p.changes = append(p.changes, plannedChange{withoutValue(c), projectNameAfter(c, outcome.Object)})
	switch name := nameAfter(c); {
	case name == "":
	case hasUsers(c.Kind):
		at := place{kind: c.Kind, project: outcome.Object.Project, name: name}
		p.containers[at] = outcome.Object.ID
		if c.ID != "" {
			p.renamed[at] = c.ID
		}
	default:
		p.entries[place{c.Kind, c.Project, c.Environment, scopeOf(c), name}] = true
	}
}

// withoutValue returns a change without its secret value. Other changes depend on the existence of the secret. They do
// not depend on its value, except for the change of its type.
func withoutValue(c backend.Change) backend.Change {
	switch {
	case c.Kind != backend.KindSecret:
	case c.Op == backend.OpCreate:
		c.Value, c.Generate, c.Type, c.ValueFollows = backend.PlaintextString("to be set"), nil, nil, false
	case c.Type == nil:
		c.Value, c.Generate, c.ValueFollows = backend.Plaintext{}, nil, false
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

// otherChanges returns all planned changes except c: first what is created and updated, in the order in which it was
// planned, then what is deleted, contents before containers. name belongs to an object that c deletes.
func (p *Plan) otherChanges(c backend.Change, name string) []backend.Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []backend.Change
	for _, planned := range p.changes {
		itself := c.ID != "" && planned.change.ID == c.ID && planned.change.Op == c.Op
		// A creation takes over the container of its name. The deletion of that container must not rely on it: if the
		// deletion comes first, the contents are lost.
		takesOver := c.Op == backend.OpDelete && hasUsers(c.Kind) && planned.change.Op == backend.OpCreate &&
			planned.change.Kind == c.Kind && planned.change.Name == name
		if !itself && !takesOver {
			out = append(out, p.withIDs(planned.change))
		}
	}
	slices.SortStableFunc(out, func(a, b backend.Change) int { return deletionRank(a) - deletionRank(b) })
	return out
}

// withIDs returns a change that names the renamed containers which it uses by their ids. In one set with the deletion
// of the container that had a name before, the name would mean that one. The caller holds the lock.
func (p *Plan) withIDs(c backend.Change) backend.Change {
	if id, ok := p.renamed[place{kind: backend.KindEnvironment, project: c.Project, name: c.Environment}]; ok {
		c.Environment = id
	}
	if c.Grant != nil {
		c.Grant = p.grantOfRenamed(*c.Grant)
	}
	if c.Members != nil {
		members := make([]string, len(c.Members))
		for i, m := range c.Members {
			members[i] = p.principalOfRenamed(m)
		}
		c.Members = members
	}
	if c.Type == nil {
		return c
	}
	if id, ok := p.renamed[place{kind: backend.KindSecretType, project: c.Project, name: *c.Type}]; ok {
		c.Type = &id
	}
	return c
}

// deletionRank is 0 for a change that deletes nothing, and rises from contents to containers.
func deletionRank(c backend.Change) int {
	if c.Op != backend.OpDelete {
		return 0
	}
	return 1 + slices.Index([]backend.Kind{
		backend.KindScopedValue, backend.KindSecret, backend.KindSecretType, backend.KindEnvironment,
		backend.KindProject, backend.KindBinding, backend.KindRole, backend.KindGroup,
		backend.KindTrust,
	}, c.Kind)
}

// WillProvide reports whether a reference resolves to an entry that this plan creates or renames, or that exists in a
// project or environment that this plan creates or renames. Terraform opens an ephemeral resource while it plans as
// soon as its arguments are known, even if the entry does not exist yet.
func (p *Plan) WillProvide(ctx context.Context, r backend.Ref) (bool, error) {
	project, inProject := p.container(place{kind: backend.KindProject, name: r.Project})
	for _, v := range backend.LookupOrder(r.Scope, r.Environment) {
		if p.plansEntry(place{r.Kind, r.Project, v.Environment, v.Scope, r.Name}) {
			return true, nil
		}
		environment, inEnvironment := p.container(
			place{kind: backend.KindEnvironment, project: r.Project, name: v.Environment})
		if !inProject && !inEnvironment || project == "" || environment == "" {
			continue // what a backend that does not exist yet would create has no id, and contains nothing
		}
		// The entry may exist already: a container keeps its contents when it is renamed, and a creation takes back
		// one whose replacement was interrupted.
		page, err := p.service.Query(ctx, backend.Query{
			Kind: r.Kind, Project: project, Environment: environment, Scope: v.Scope, Name: r.Name,
		})
		switch {
		case err == nil && len(page.Objects) > 0:
			return true, nil
		case err != nil && !errors.Is(err, backend.ErrNotFound):
			return false, err
		}
	}
	return false, nil
}

func (p *Plan) plansEntry(at place) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.entries[at]
}

// container returns the id of a container that this plan creates or renames. Otherwise it returns its name, and false.
func (p *Plan) container(at place) (nameOrID string, planned bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id, ok := p.containers[at]; ok {
		return id, true
	}
	return at.name, false
}
