// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/storetest"
)

// callTogether makes calls of Update that share one transaction, in their order, behind another one that leads before.
// It returns when all have ended. A call that panics has no result.
func callTogether(t *testing.T, s *sqlite.Store, calls []func() error) (results []error) {
	t.Helper()
	results = make([]error, len(calls))
	running, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.Update(t.Context(), func(store.Tx) error {
			close(running)
			<-release
			return errors.New("nothing to commit")
		})
	})
	<-running
	for i, c := range calls {
		wg.Go(func() {
			defer func() { _ = recover() }()
			results[i] = c()
		})
		for sqlite.Waiting(s) <= i {
			runtime.Gosched()
		}
	}
	close(release)
	wg.Wait()
	return results
}

// adding returns a call that adds a secret, and then does more.
func adding(ctx context.Context, s *sqlite.Store, name string, more func(tx store.Tx) error) func() error {
	return func() error {
		return s.Update(ctx, func(tx store.Tx) error {
			if err := insert(ctx, tx, secret("prod", name)); err != nil || more == nil {
				return err
			}
			return more(tx)
		})
	}
}

// committed counts the calls in each commit.
func committed(s *sqlite.Store) *[]int {
	calls := &[]int{}
	sqlite.OnCommit(s, func(n int) { *calls = append(*calls, n) }) // one commit at a time
	return calls
}

func wantNames(t *testing.T, s *sqlite.Store, want ...string) {
	t.Helper()
	var names []string
	err := s.View(t.Context(), func(tx store.Tx) error {
		objects, err := tx.Objects(t.Context(), store.Filter{Kind: backend.KindSecret})
		for _, o := range objects {
			names = append(names, o.Name)
		}
		return err
	})
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("there are %d secrets, from %.100q (%v), want %q", len(names), names[:min(len(names), 9)], err, want)
	}
	wantIntact(t, s, len(want))
}

func TestCallsShareACommit(t *testing.T) {
	s := create(t)
	commits := committed(s)
	if err := add(t.Context(), s, "first"); err != nil { // one commit, and nobody to wait for
		t.Fatal(err)
	}
	var calls []func() error
	want := []string{"first"}
	for i := range 200 {
		name := fmt.Sprintf("s%03d", i)
		want = append(want, name)
		calls = append(calls, adding(t.Context(), s, name, nil))
	}
	if err := errors.Join(callTogether(t, s, calls)...); err != nil {
		t.Error(err)
	}
	if !slices.Equal(*commits, []int{1, 128, 72}) {
		t.Errorf("the commits have %d calls", *commits)
	}
	wantNames(t, s, want...)
}

// Whatever happens to one call, the others that share its transaction get what they would get alone.
func TestCallsOfACommitDoNotDisturbEachOther(t *testing.T) {
	s := create(t)
	commits := committed(s)
	own := errors.New("own error")
	taken := secret("prod", "taken")
	cancelled, cancel := context.WithCancel(t.Context())
	done := false
	results := callTogether(t, s, []func() error{
		adding(t.Context(), s, "a", nil),
		adding(t.Context(), s, "failed", func(store.Tx) error { return own }),
		adding(t.Context(), s, "place", func(tx store.Tx) error { // a place with two objects at the end of the call
			if err := tx.InsertObject(t.Context(), taken); err != nil {
				return err
			}
			return tx.InsertObject(t.Context(), secret("prod", "taken"))
		}),
		adding(t.Context(), s, "panicked", func(store.Tx) error { panic("boom") }),
		adding(t.Context(), s, "exited", func(store.Tx) error { runtime.Goexit(); return nil }),
		adding(cancelled, s, "cancelled", func(store.Tx) error { cancel(); return nil }),
		adding(t.Context(), s, "b", func(tx store.Tx) error {
			objects, err := tx.Objects(t.Context(), store.Filter{Kind: backend.KindSecret})
			if len(objects) != 2 {
				t.Errorf("the last call sees %d objects, want its own and the first one", len(objects))
			}
			return err
		}),
		func() error {
			err := s.Update(t.Context(), func(tx store.Tx) error { return insert(t.Context(), tx, taken) })
			done = true
			return err
		},
	})
	for i, want := range []error{nil, own, backend.ErrExists, nil, nil, context.Canceled, nil, nil} {
		if !errors.Is(results[i], want) {
			t.Errorf("call %d returns %v, want %v", i, results[i], want)
		}
	}
	if !done || !slices.Equal(*commits, []int{8}) {
		t.Errorf("the commits have %d calls; the last call is done: %v", *commits, done)
	}
	wantNames(t, s, "a", "b", "taken")
	if err := add(t.Context(), s, "z"); err != nil {
		t.Error(err)
	}
	wantNames(t, s, "a", "b", "taken", "z")
}

func TestAPanicOfTheLeaderEndsItsOwnCallOnly(t *testing.T) {
	s := create(t)
	running, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	// The first call leads no other one. When it ends, the second leads the third and the fourth.
	wg.Go(func() {
		_ = s.Update(t.Context(), func(store.Tx) error { close(running); <-release; return nil })
	})
	<-running
	results := make([]error, 3)
	recovered := make([]any, 3)
	for i, c := range []func() error{
		adding(t.Context(), s, "leader", func(store.Tx) error { panic("boom") }),
		adding(t.Context(), s, "a", nil),
		adding(t.Context(), s, "b", nil),
	} {
		wg.Go(func() {
			defer func() { recovered[i] = recover() }()
			results[i] = c()
		})
		for sqlite.Waiting(s) <= i {
			runtime.Gosched()
		}
	}
	close(release)
	wg.Wait()
	if err := errors.Join(results...); err != nil || recovered[0] != "boom" || recovered[1] != nil || recovered[2] != nil {
		t.Errorf("the calls return %v and panic with %v", results, recovered)
	}
	wantNames(t, s, "a", "b")
}

// After an error with which SQLite rolls back the whole transaction, each call runs again in its own.
func TestABrokenTransactionIsRepeatedCallByCall(t *testing.T) {
	for _, place := range []int{0, 1, 2} {
		t.Run(fmt.Sprint(place), func(t *testing.T) {
			s := create(t)
			commits := committed(s)
			broken := backend.Errorf(backend.CodeUnavailable, "broken")
			runs := map[string]int{}
			var calls []func() error
			for i, name := range []string{"a", "b", "c"} {
				calls = append(calls, adding(t.Context(), s, name, func(tx store.Tx) error {
					if runs[name]++; i == place {
						if err := sqlite.Break(t.Context(), tx, broken); err != nil {
							t.Error(err)
						}
						return errors.New("a later error")
					}
					return nil
				}))
			}
			results := callTogether(t, s, calls)
			var want []string
			for i, name := range []string{"a", "b", "c"} {
				if failed := results[i] != nil; failed != (i == place) {
					t.Errorf("call %s returns %v", name, results[i])
				} else if !failed {
					want = append(want, name)
				}
			}
			if runs["a"] != 2 || len(*commits) != 2 || slices.Max(*commits) != 1 {
				t.Errorf("the first call ran %d times; the commits have %d calls", runs["a"], *commits)
			}
			wantNames(t, s, want...)
		})
	}
}

// If a call is refused because of the write of an earlier call, and that write is rolled back, the call is decided
// again.
func TestNoResultDependsOnWhatWasRolledBack(t *testing.T) {
	s := create(t)
	present := func(tx store.Tx) bool {
		n, err := tx.Count(t.Context(), store.Filter{Kind: backend.KindSecret, Name: "a"})
		return err == nil && n == 1
	}
	refused := errors.New("it exists")
	runs := 0
	results := callTogether(t, s, []func() error{
		func() error { // succeeds in the shared transaction only
			return s.Update(t.Context(), func(tx store.Tx) error {
				if runs++; runs > 1 {
					return errors.New("not again")
				}
				return insert(t.Context(), tx, secret("prod", "a"))
			})
		},
		func() error {
			return s.Update(t.Context(), func(tx store.Tx) error {
				if present(tx) {
					return refused
				}
				return insert(t.Context(), tx, secret("prod", "b"))
			})
		},
		func() error {
			return s.Update(t.Context(), func(tx store.Tx) error {
				return sqlite.Break(t.Context(), tx, backend.ErrUnavailable)
			})
		},
	})
	if results[0] == nil || results[1] != nil || results[2] == nil {
		t.Errorf("the calls return %v", results)
	}
	wantNames(t, s, "b")
}

func TestAFullDiskFailsOnlyTheCallThatFillsIt(t *testing.T) {
	dir, _ := storetest.MountTmpfs(t, "size=1m")
	s, err := sqlite.Create(t.Context(), filepath.Join(dir, "pouncet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := add(t.Context(), s, "before"); err != nil {
		t.Fatal(err)
	}
	results := callTogether(t, s, []func() error{
		adding(t.Context(), s, "a", nil),
		adding(t.Context(), s, "full", func(tx store.Tx) error { return insertUntilError(t.Context(), tx) }),
		adding(t.Context(), s, "b", nil),
	})
	if results[0] != nil || !errors.Is(results[1], backend.ErrStorageFull) || results[2] != nil {
		t.Errorf("the calls return %v", results)
	}
	wantNames(t, s, "a", "b", "before")
}

// A commit that fails fails every call that shares it.
func TestAFailedCommitFailsItsCalls(t *testing.T) {
	s := create(t)
	moved := s.Path() + ".moved"
	results := callTogether(t, s, []func() error{
		adding(t.Context(), s, "a", nil),
		adding(t.Context(), s, "b", func(store.Tx) error { return os.Rename(s.Path(), moved) }),
		adding(t.Context(), s, "c", nil),
	})
	for i, err := range results {
		if !errors.Is(err, backend.ErrUnavailable) || !strings.Contains(err.Error(), "removed or replaced") {
			t.Errorf("call %d returns %v", i, err)
		}
	}
	if err := os.Rename(moved, s.Path()); err != nil {
		t.Fatal(err)
	}
	wantNames(t, s)
}

func TestAWaitingCallEndsWithItsContext(t *testing.T) {
	s := create(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Update(t.Context(), func(store.Tx) error {
		done := make(chan error)
		go func() { done <- add(ctx, s, "cancelled") }()
		for sqlite.Waiting(s) == 0 {
			runtime.Gosched()
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the waiting call returns %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := add(t.Context(), s, "after"); err != nil {
		t.Error(err)
	}
	wantNames(t, s, "after")
}

// States are written once for all calls that share a transaction, and each call reads what those before it have saved.
func TestCallsOfACommitReadTheStatesOfEarlierCalls(t *testing.T) {
	s := create(t)
	ctx := t.Context()
	save := func(tx store.Tx, name, sealed string) error {
		return tx.SaveState(ctx, store.State{Name: name, Sealed: []byte(sealed)})
	}
	want := func(tx store.Tx, want string) {
		t.Helper()
		states, err := tx.States(ctx)
		text := ""
		for _, st := range states {
			one, err := tx.State(ctx, st.Name)
			if err != nil || string(one) != string(st.Sealed) {
				t.Errorf("State(%s) is %q, %v; States has %q", st.Name, one, err, st.Sealed)
			}
			text += st.Name + "=" + string(st.Sealed) + " "
		}
		if err != nil || text != want {
			t.Errorf("the states are %q (%v), want %q", text, err, want)
		}
	}
	if err := s.Update(ctx, func(tx store.Tx) error {
		return errors.Join(save(tx, "a", "0"), save(tx, "gone", "0"))
	}); err != nil {
		t.Fatal(err)
	}
	own := errors.New("own error")
	results := callTogether(t, s, []func() error{
		func() error {
			return s.Update(ctx, func(tx store.Tx) error {
				want(tx, "a=0 gone=0 ")
				err := errors.Join(save(tx, "a", "1"), save(tx, "b", "1"), tx.DeleteState(ctx, "gone"))
				want(tx, "a=1 b=1 ")
				return err
			})
		},
		func() error {
			return s.Update(ctx, func(tx store.Tx) error {
				return errors.Join(save(tx, "a", "2"), save(tx, "gone", "2"), tx.DeleteState(ctx, "b"), own)
			})
		},
		func() error {
			return s.Update(ctx, func(tx store.Tx) error {
				want(tx, "a=1 b=1 ")
				return save(tx, "a", "3")
			})
		},
	})
	if results[0] != nil || !errors.Is(results[1], own) || results[2] != nil {
		t.Errorf("the calls return %v", results)
	}
	if err := s.View(ctx, func(tx store.Tx) error { want(tx, "a=3 b=1 "); return nil }); err != nil {
		t.Error(err)
	}
}
