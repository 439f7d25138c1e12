// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// fault is something that a server must never do. It is made by wrapping a part of a server.
type fault struct {
	name    string
	service func(backend.Service) backend.Service // between the HTTP server and the engine
	store   func(store.Store) store.Store         // between the engine and the database
	now     func() time.Time                      // the clock of the engine; nil for the right one
}

// faults are the faults that the checker must find.
var faults = []fault{
	{name: "an acknowledged write is lost", store: func(s store.Store) store.Store { return &losesWrites{Store: s} }},
	{name: "a write is acknowledged before it is made", service: wrapApply(acknowledgesEarly)},
	{name: "a set is applied twice", service: wrapApply(appliesTwice)},
	{name: "an idempotent repeat is applied again", service: wrapApply(forgetsTheKey)},
	{name: "an update is lost between its check and its write", service: wrapApply(checksOutsideTheTransaction)},
	{name: "a refused set takes effect in part", service: wrapApply(appliesInPart)},
	{name: "a set is visible in part", service: wrapApply(appliesInSteps)},
	{name: "a write is reported as refused", service: wrapApply(reportsRefusal)},
	{name: "a refused write is reported as done", service: wrapApply(reportsSuccess)},
	{name: "two creations of one secret succeed", service: wrapApply(createsTwice)},
	{name: "a deleted secret returns", service: wrapApply(restores)},
	{name: "a deletion is not made", service: wrapApply(keepsDeleted)},
	{name: "a version number is used twice", service: wrapApply(repeatsAVersion)},
	{name: "the versions of two writes are exchanged", service: func(s backend.Service) backend.Service {
		return &exchangesVersions{Service: s}
	}},
	{name: "a read is stale", service: func(s backend.Service) backend.Service { return &readsStale{Service: s} }},
	{name: "a list is stale", service: func(s backend.Service) backend.Service { return &listsStale{Service: s} }},
	{name: "a read shows an uncommitted value", service: func(s backend.Service) backend.Service {
		return &readsUncommitted{Service: s}
	}},
	{name: "the values of a read are from two moments", service: func(s backend.Service) backend.Service {
		return &readsTwice{Service: s}
	}},
	{name: "a read gives the value of another secret", service: func(s backend.Service) backend.Service {
		return &mixesValues{Service: s}
	}},
}

// every makes a fault happen at each fifth chance, so that most calls are right. It ends before the calls do, because
// some faults wait for other calls.
type every struct{ n atomic.Int64 }

func (e *every) happens() bool {
	n := e.n.Add(1)
	return n%5 == 0 && n <= 50
}

// window is open while a faulty call waits for others to come between its steps. Only one waits at a time.
type window struct {
	mu    sync.Mutex
	ended chan struct{} // receives for each call that ends while the window is open
}

// wait waits until some calls have ended. If no other client calls any more, it gives up.
func (w *window) wait() {
	ended := make(chan struct{}, 16)
	w.mu.Lock()
	if w.ended != nil {
		w.mu.Unlock()
		return
	}
	w.ended = ended
	w.mu.Unlock()
	giveUp := time.After(10 * time.Second)
	for range 12 {
		select {
		case <-ended:
		case <-giveUp:
		}
	}
	w.mu.Lock()
	w.ended = nil
	w.mu.Unlock()
}

func (w *window) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended != nil {
		select {
		case w.ended <- struct{}{}:
		default:
		}
	}
}

// faultyApply is an Apply with a fault. happens reports whether the fault should happen now.
type faultyApply func(
	ctx context.Context, s backend.Service, set backend.ChangeSet, happens func() bool, w *window,
) ([]backend.Outcome, error)

// wrapApply returns a wrapper with a faulty Apply.
func wrapApply(f faultyApply) func(backend.Service) backend.Service {
	return func(s backend.Service) backend.Service { return &appliesWrong{Service: s, apply: f} }
}

type appliesWrong struct {
	backend.Service
	apply faultyApply
	every
	window
}

func (a *appliesWrong) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	defer a.end()
	if !ofSecrets(set) {
		return a.Service.Apply(ctx, set)
	}
	return a.apply(ctx, a.Service, set, a.happens, &a.window)
}

func (a *appliesWrong) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	defer a.end()
	return a.Service.Resolve(ctx, refs)
}

// ofSecrets reports whether a set is part of the workload, and not of its preparation.
func ofSecrets(set backend.ChangeSet) bool { return set.Changes[0].Kind == backend.KindSecret }

func isWrite(c backend.Change) bool { return c.Value.Len() > 0 }

// losesWrites acknowledges transactions that it rolls back.
type losesWrites struct {
	store.Store
	every
}

var errLost = errors.New("rolled back")

func (l *losesWrites) Update(ctx context.Context, f func(store.Tx) error) error {
	lose := l.happens()
	prepares := false
	err := l.Store.Update(ctx, func(tx store.Tx) error {
		err := f(tx)
		environments, e := tx.ProjectIDs(ctx)
		prepares = e != nil || len(environments) < 2 // the project has no objects yet
		if err == nil && lose && !prepares {
			return errLost
		}
		return err
	})
	if errors.Is(err, errLost) {
		return nil
	}
	return err
}

func acknowledgesEarly(
	ctx context.Context, s backend.Service, set backend.ChangeSet, happens func() bool, w *window,
) ([]backend.Outcome, error) {
	if !happens() {
		return s.Apply(ctx, set)
	}
	try := set
	try.DryRun = true
	outcomes, err := s.Apply(ctx, try)
	if err != nil || backend.Rejected(outcomes) != nil {
		return s.Apply(ctx, set)
	}
	later := context.WithoutCancel(ctx)
	go func() {
		w.wait()
		_, _ = s.Apply(later, set)
	}()
	return outcomes, nil
}

func appliesTwice(
	ctx context.Context, s backend.Service, set backend.ChangeSet, happens func() bool, _ *window,
) ([]backend.Outcome, error) {
	outcomes, err := s.Apply(ctx, set)
	if err == nil && happens() {
		set.IdempotencyKey = rand.Text()
		_, _ = s.Apply(ctx, set)
	}
	return outcomes, err
}

func forgetsTheKey(
	ctx context.Context, s backend.Service, set backend.ChangeSet, _ func() bool, _ *window,
) ([]backend.Outcome, error) {
	set.IdempotencyKey = rand.Text()
	return s.Apply(ctx, set)
}

func checksOutsideTheTransaction(
	ctx context.Context, s backend.Service, set backend.ChangeSet, happens func() bool, w *window,
) ([]backend.Outcome, error) {
	c := set.Changes[0]
	if len(set.Changes) > 1 || c.Expect == nil || !happens() {
		return s.Apply(ctx, set)
	}
	try := set
	try.DryRun = true
	if outcomes, err := s.Apply(ctx, try); err != nil || backend.Rejected(outcomes) != nil {
		return s.Apply(ctx, set)
	}
	w.wait()
	c.Expect = nil
	set.Changes = []backend.Change{c}
	return s.Apply(ctx, set)
}

func appliesInPart(
	ctx context.Context, s backend.Service, set backend.ChangeSet, happens func() bool, _ *window,
) ([]backend.Outcome, error) {
	outcomes, err := s.Apply(ctx, set)
	if err != nil && len(set.Changes) > 1 && happens() {
		set.Changes, set.IdempotencyKey = set.Changes[:1], rand.Text()
		_, _ = s.Apply(ctx, set)
	}
	return outcomes, err
}

func appliesInSteps(
	ctx context.Context, s backend.Service, set backend.ChangeSet, happens func() bool, w *window,
) ([]backend.Outcome, error) {
	if len(set.Changes) < 2 || set.Changes[1].Expect != nil || !happens() {
		return s.Apply(ctx, set)
	}
	first, second := set, set
	first.Changes, first.IdempotencyKey = set.Changes[:1], rand.Text()
	second.Changes, second.IdempotencyKey = set.Changes[1:], rand.Text()
	outcomes, err := s.Apply(ctx, first)
	if err != nil {
		return outcomes, err
	}
	w.wait()
	rest, err := s.Apply(ctx, second)
	return append(outcomes, rest...), err
}

func reportsRefusal(
	ctx context.Context, s backend.Service, set backend.ChangeSet, happens func() bool, _ *window,
) ([]backend.Outcome, error) {
	outcomes, err := s.Apply(ctx, set)
	if err == nil && set.Changes[0].Expect != nil && happens() {
		return nil, backend.Errorf(backend.CodeConflict, "the secret has another version")
	}
	return outcomes, err
}

func reportsSuccess(
	ctx context.Context, s backend.Service, set backend.ChangeSet, happens func() bool, _ *window,
) ([]backend.Outcome, error) {
	outcomes, err := s.Apply(ctx, set)
	if errors.Is(err, backend.ErrConflict) && len(outcomes) == 1 && set.Changes[0].Expect != nil && happens() {
		c := set.Changes[0]
		return []backend.Outcome{{Action: backend.ActionUpdate, Object: backend.Object{Kind: c.Kind, Name: c.Name,
			ID: outcomes[0].Object.ID, Version: *c.Expect + 1}}}, nil
	}
	return outcomes, err
}

func createsTwice(
	ctx context.Context, s backend.Service, set backend.ChangeSet, happens func() bool, _ *window,
) ([]backend.Outcome, error) {
	if set.Changes[0].Op != backend.OpCreate || !happens() {
		return s.Apply(ctx, set)
	}
	set.Changes[0].Op = backend.OpSet
	outcomes, err := s.Apply(ctx, set)
	for i := range outcomes {
		outcomes[i].Action = backend.ActionCreate
	}
	return outcomes, err
}

func restores(
	ctx context.Context, s backend.Service, set backend.ChangeSet, happens func() bool, _ *window,
) ([]backend.Outcome, error) {
	outcomes, err := s.Apply(ctx, set)
	if err == nil && set.Changes[0].Op == backend.OpDelete && happens() {
		c := set.Changes[0]
		c.Op = backend.OpRestore
		_, _ = s.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}})
	}
	return outcomes, err
}

func keepsDeleted(
	ctx context.Context, s backend.Service, set backend.ChangeSet, happens func() bool, _ *window,
) ([]backend.Outcome, error) {
	if set.Changes[0].Op == backend.OpDelete && happens() {
		set.DryRun = true
		outcomes, err := s.Apply(ctx, set)
		return outcomes, errors.Join(err, backend.Rejected(outcomes))
	}
	return s.Apply(ctx, set)
}

func repeatsAVersion(
	ctx context.Context, s backend.Service, set backend.ChangeSet, happens func() bool, _ *window,
) ([]backend.Outcome, error) {
	outcomes, err := s.Apply(ctx, set)
	if err == nil && outcomes[0].Action == backend.ActionUpdate && happens() {
		outcomes[0].Object.Version--
	}
	return outcomes, err
}

// exchangesVersions gives two writes of one secret the version of the other.
type exchangesVersions struct {
	backend.Service
	every
	mu      sync.Mutex
	waiting map[string]chan backend.Outcome // by the name of a secret
}

func (x *exchangesVersions) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	outcomes, err := x.Service.Apply(ctx, set)
	if err != nil || !ofSecrets(set) || len(outcomes) != 1 || outcomes[0].Action != backend.ActionUpdate {
		return outcomes, err
	}
	name := outcomes[0].Object.Name
	x.mu.Lock()
	if other, ok := x.waiting[name]; ok {
		mine := outcomes[0].Object.Version
		theirs := <-other
		outcomes[0].Object.Version, theirs.Object.Version = theirs.Object.Version, mine
		delete(x.waiting, name)
		x.mu.Unlock()
		other <- theirs
		return outcomes, nil
	}
	if x.waiting == nil {
		x.waiting = map[string]chan backend.Outcome{}
	}
	if len(x.waiting) > 0 || !x.happens() { // at most one client waits
		x.mu.Unlock()
		return outcomes, nil
	}
	mine := make(chan backend.Outcome, 1)
	mine <- outcomes[0]
	x.waiting[name] = mine
	x.mu.Unlock()
	return x.await(name, mine, outcomes)
}

// await waits for the other write, or gives up.
func (x *exchangesVersions) await(
	name string, mine chan backend.Outcome, outcomes []backend.Outcome,
) ([]backend.Outcome, error) {
	deadline := time.After(10 * time.Second)
	for {
		select {
		case <-deadline:
		case <-time.After(time.Millisecond):
			x.mu.Lock()
			_, still := x.waiting[name]
			x.mu.Unlock()
			if still {
				continue
			}
		}
		x.mu.Lock()
		delete(x.waiting, name)
		x.mu.Unlock()
		return []backend.Outcome{<-mine}, nil
	}
}

// readsStale answers some reads from memory.
type readsStale struct {
	backend.Service
	every
	mu    sync.Mutex
	known map[string]backend.Resolution
}

func (r *readsStale) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out, err := r.Service.Resolve(ctx, refs)
	if err != nil || len(refs) > 1 || refs[0].Version != "" {
		return out, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[string]backend.Resolution{}
	}
	if before, ok := r.known[refs[0].Name]; ok && r.happens() {
		return []backend.Resolution{before}, nil
	}
	r.known[refs[0].Name] = out[0]
	return out, nil
}

// listsStale answers some queries from memory.
type listsStale struct {
	backend.Service
	every
	mu    sync.Mutex
	known map[string]backend.Page
}

func (l *listsStale) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	page, err := l.Service.Query(ctx, q)
	if err != nil || q.Kind != backend.KindSecret {
		return page, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = map[string]backend.Page{}
	}
	if before, ok := l.known[q.Name]; ok && l.happens() {
		return before, nil
	}
	l.known[q.Name] = page
	return page, nil
}

// readsUncommitted shows values of sets that are refused later.
type readsUncommitted struct {
	backend.Service
	every
	window
	mu      sync.Mutex
	pending map[string]backend.Plaintext
}

func (r *readsUncommitted) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	defer r.end()
	last := set.Changes[len(set.Changes)-1]
	if !ofSecrets(set) || len(set.Changes) < 2 || last.Expect == nil || !r.happens() {
		return r.Service.Apply(ctx, set)
	}
	first := set.Changes[0]
	r.mu.Lock()
	if r.pending == nil {
		r.pending = map[string]backend.Plaintext{}
	}
	r.pending[first.Name] = first.Value
	r.mu.Unlock()
	r.wait()
	r.mu.Lock()
	delete(r.pending, first.Name)
	r.mu.Unlock()
	return r.Service.Apply(ctx, set)
}

func (r *readsUncommitted) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	defer r.end()
	out, err := r.Service.Resolve(ctx, refs)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range out {
		if value, ok := r.pending[refs[i].Name]; ok && refs[i].Version == "" && out[i].Err == nil {
			out[i].Value = value
			out[i].Version++
		}
	}
	return out, err
}

// readsTwice reads the references of a call in several transactions.
type readsTwice struct {
	backend.Service
	every
	window
}

func (r *readsTwice) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	defer r.end()
	return r.Service.Apply(ctx, set)
}

func (r *readsTwice) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	defer r.end()
	if len(refs) < 2 || !r.happens() {
		return r.Service.Resolve(ctx, refs)
	}
	first, err := r.Service.Resolve(ctx, refs[:1])
	if err != nil {
		return nil, err
	}
	r.wait()
	second, err := r.Service.Resolve(ctx, refs[1:])
	return append(first, second...), err
}

// mixesValues exchanges the values of two references.
type mixesValues struct {
	backend.Service
	every
}

func (m *mixesValues) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out, err := m.Service.Resolve(ctx, refs)
	both := len(out) == 2 && !slices.ContainsFunc(out, func(r backend.Resolution) bool { return r.Err != nil })
	if err == nil && both && m.happens() {
		out[0].Value, out[1].Value = out[1].Value, out[0].Value
	}
	return out, err
}
