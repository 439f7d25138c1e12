// SPDX-License-Identifier: MPL-2.0

package gather_test

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/gather"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/backend/servicetest"
)

func engine(t *testing.T) backend.Service {
	t.Helper()
	b := opentest.Open(t)
	return b
}

func TestConformance(t *testing.T) {
	servicetest.RunAgain(t, func(t *testing.T) backend.Service { return gather.New(engine(t)) })
}

// held is a Service whose first call waits, so that others arrive meanwhile.
type held struct {
	backend.Service
	started chan struct{}
	proceed chan struct{}

	mu    sync.Mutex
	calls []int // numbers of changes
}

func (h *held) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	h.mu.Lock()
	h.calls = append(h.calls, len(set.Changes))
	first := len(h.calls) == 1
	h.mu.Unlock()
	if first {
		close(h.started)
		<-h.proceed
	}
	out := make([]backend.Outcome, len(set.Changes))
	for i, c := range set.Changes {
		out[i].Object.Name = c.Name
	}
	return out, nil
}

func TestDryRunsThatArriveDuringARequestShareTheNext(t *testing.T) {
	h := &held{started: make(chan struct{}), proceed: make(chan struct{})}
	s := gather.New(h)
	preceding := backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Name: "dev"}
	var wg sync.WaitGroup
	ask := func(i int) {
		changes := []backend.Change{{Kind: backend.KindSecret, Name: strconv.Itoa(i)}}
		if i%2 == 0 {
			changes = append([]backend.Change{preceding}, changes...)
		}
		out, err := s.Apply(context.Background(), backend.ChangeSet{DryRun: true, Changes: changes})
		if err != nil || len(out) != len(changes) || out[len(out)-1].Object.Name != strconv.Itoa(i) {
			t.Errorf("the outcomes of %d are %v, %v", i, out, err)
		}
	}
	wg.Go(func() { ask(1) })
	<-h.started
	for i := 2; i < 12; i++ {
		wg.Go(func() { ask(i) })
	}
	for s.Waiting() < 10 {
		runtime.Gosched()
	}
	close(h.proceed)
	wg.Wait()
	if len(h.calls) != 3 || h.calls[0] != 1 || h.calls[1]+h.calls[2] != 11 {
		t.Errorf("the calls have %v changes, want 1, and then 5 and 6 in any order", h.calls)
	}
}

// Every caller has an own context: one that gives up does not take the others with it.
func TestACallerThatGivesUpLeavesTheOthers(t *testing.T) {
	h := &held{started: make(chan struct{}), proceed: make(chan struct{})}
	s := gather.New(h)
	ctx, cancel := context.WithCancel(context.Background())
	set := backend.ChangeSet{DryRun: true, Changes: []backend.Change{{Kind: backend.KindSecret, Name: "a"}}}
	gaveUp := make(chan error)
	go func() {
		_, err := s.Apply(ctx, set)
		gaveUp <- err
	}()
	<-h.started
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.Apply(context.Background(), set); err != nil {
			t.Error(err)
		}
	})
	cancel()
	if err := <-gaveUp; err == nil {
		t.Error("a caller whose context ended got outcomes")
	}
	close(h.proceed)
	wg.Wait()
}

// gate is a Service whose first call waits, so that others arrive meanwhile.
type gate struct {
	backend.Service
	once             sync.Once
	started, proceed chan struct{}
}

func (g *gate) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	g.once.Do(func() {
		close(g.started)
		<-g.proceed
	})
	return g.Service.Apply(ctx, set)
}

// The outcome of a dry run is the same alone and beside others, in whatever order they arrive.
func TestOutcomesDoNotDependOnOtherDryRuns(t *testing.T) {
	owner, refuse := "terraform:shop", backend.DuplicatesRefused
	secret := func(op backend.Op, name, value string) backend.Change {
		return backend.Change{
			Op: op, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: name,
			Value: backend.PlaintextString(value), ManagedBy: &owner, SameOwner: true,
		}
	}
	for name, pair := range map[string]func(a, b string) [2]backend.Change{
		"a deletion and a creation in its place": func(a, _ string) [2]backend.Change {
			deletion := backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: a, ManagedBy: &owner}
			return [2]backend.Change{deletion, secret(backend.OpCreate, "a", "3")}
		},
		"two secrets swap their names": func(a, b string) [2]backend.Change {
			rename := func(id, to string) backend.Change {
				return backend.Change{
					Op: backend.OpUpdate, Kind: backend.KindSecret, ID: id, Rename: &to, ManagedBy: &owner, SameOwner: true,
				}
			}
			return [2]backend.Change{rename(a, "b"), rename(b, "a")}
		},
		"a value that another secret gives up": func(a, b string) [2]backend.Change {
			update := func(id, value string) backend.Change {
				return backend.Change{
					Op: backend.OpUpdate, Kind: backend.KindSecret, ID: id, Value: backend.PlaintextString(value),
				}
			}
			return [2]backend.Change{update(a, "3"), update(b, "1")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t)
			out, err := e.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{
				{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "dev"},
				{
					Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
					Policy: &backend.PolicyChange{Duplicates: &refuse},
				},
				secret(backend.OpCreate, "a", "1"), secret(backend.OpCreate, "b", "2"),
			}})
			if err != nil {
				t.Fatal(err)
			}
			changes := pair(out[2].Object.ID, out[3].Object.ID)
			var alone [2]string
			for i, c := range changes {
				alone[i] = asked(t, e, c)
			}
			for _, order := range [][]int{{0, 1}, {1, 0}} {
				g := &gate{Service: e, started: make(chan struct{}), proceed: make(chan struct{})}
				s := gather.New(g)
				var wg sync.WaitGroup
				wg.Go(func() { asked(t, s, changes[0]) })
				<-g.started
				for n, i := range order {
					wg.Go(func() {
						if got := asked(t, s, changes[i]); got != alone[i] {
							t.Errorf("in the order %v, change %d has the outcome %s, and alone %s", order, i, got, alone[i])
						}
					})
					for s.Waiting() <= n {
						runtime.Gosched()
					}
				}
				close(g.proceed)
				wg.Wait()
			}
		})
	}
}

// asked returns what a dry run answers: the action, the error, and the name of the object that the change displaces.
func asked(t *testing.T, s backend.Service, c backend.Change) string {
	t.Helper()
	out, err := s.Apply(t.Context(), backend.ChangeSet{DryRun: true, Changes: []backend.Change{c}})
	if err != nil {
		t.Error(err)
		return ""
	}
	answer := string(out[0].Action)
	if out[0].Err != nil {
		answer += ", " + out[0].Err.Message
	}
	if out[0].Displaced != nil {
		answer += ", displaces " + out[0].Displaced.Name
	}
	return answer
}
