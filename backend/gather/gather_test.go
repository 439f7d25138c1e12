// SPDX-License-Identifier: MPL-2.0

package gather_test

import (
	"context"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/gather"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/servicetest"
)

func engine(t *testing.T) backend.Service {
	t.Helper()
	b, err := open.Open(context.Background(), open.Config{Path: filepath.Join(t.TempDir(), "data"), CreateIfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
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
