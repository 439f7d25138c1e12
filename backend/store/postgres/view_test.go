// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
)

// saveState writes a state with the name of a project.
func saveState(t *testing.T, s *postgres.Store, project, text string) {
	t.Helper()
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return tx.SaveState(t.Context(), store.State{Name: store.ProjectPrefix + project, Sealed: []byte(text)})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// stateOf returns the state of a project, as a View for which it is probably enough sees it.
func stateOf(t *testing.T, s *postgres.Store, project string) string {
	t.Helper()
	var got store.State
	ctx := store.WithStatesOnly(store.WithProjects(t.Context(), project))
	err := s.View(ctx, func(tx store.Tx) (err error) {
		got, err = tx.ProjectContents(ctx, project)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return string(got.Sealed)
}

// Views that need nothing but states share a statement. Each sees what was committed before it began.
func TestViewsShareTheStatesTheyRead(t *testing.T) {
	s := opened(t, created(t))
	saveState(t, s, "a", "a1")
	saveState(t, s, "b", "b1")
	var statements atomic.Int32
	started, blocked := make(chan struct{}), make(chan struct{})
	postgres.OnStateRead(s, func() {
		if statements.Add(1) <= 2 { // as many as run at once
			started <- struct{}{}
			<-blocked
		}
	})
	var views sync.WaitGroup
	for range 2 {
		views.Go(func() { stateOf(t, s, "a") })
		<-started
	}
	saveState(t, s, "a", "a2") // the views that follow must see it
	for i := range 20 {
		project, want := "a", "a2"
		if i%2 == 1 {
			project, want = "b", "b1"
		}
		views.Go(func() {
			if got := stateOf(t, s, project); got != want {
				t.Errorf("project %s has the state %q, want %q", project, got, want)
			}
		})
	}
	for postgres.WaitingForStates(s) != 20*3 { // each with the generation, the contents and its project
		runtime.Gosched()
	}
	ended, cancel := context.WithCancel(store.WithStatesOnly(t.Context()))
	cancel()
	err := s.View(ended, func(store.Tx) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a call that has ended: %v", err)
	}
	close(blocked)
	views.Wait()
	if n := statements.Load(); n != 3 {
		t.Errorf("%d statements for 22 views, want 3", n)
	}
	if got := stateOf(t, s, "a"); got != "a2" {
		t.Errorf("the state is %q", got)
	}
}

// A View that reads more than states sees one state of the database: it runs again if the states have changed.
func TestAViewOfStatesThatReadsMore(t *testing.T) {
	s := opened(t, created(t))
	saveState(t, s, "a", "a1")
	ctx := store.WithStatesOnly(store.WithProjects(t.Context(), "a"))
	var seen []string
	view := func(between func()) {
		seen = nil
		err := s.View(ctx, func(tx store.Tx) error {
			st, err := tx.ProjectContents(ctx, "a")
			if err != nil {
				return err
			}
			between()
			objects, err := tx.Objects(ctx, store.Filter{Kind: backend.KindSecret})
			if err == nil {
				seen = append(seen, string(st.Sealed))
				for _, o := range objects {
					seen = append(seen, o.Name)
				}
			}
			return nil // what the function makes of an error does not matter
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	equal := func(want ...string) {
		t.Helper()
		if !slices.Equal(seen, want) {
			t.Errorf("the view sees %q, want %q", seen, want)
		}
	}
	view(func() {})
	equal("a1")
	view(sync.OnceFunc(func() {
		if err := s.Update(t.Context(), inserting(t, secret("one"))); err != nil {
			t.Error(err)
		}
		saveState(t, s, "a", "a2")
	}))
	equal("a2", "one")
	view(func() {})
	equal("a2", "one")
}

// The views of a database that is gone end with one clear error each.
func TestStatesOfAClosedDatabase(t *testing.T) {
	s := opened(t, created(t))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err := s.View(store.WithStatesOnly(t.Context()), func(store.Tx) error { return nil })
	if !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("a view: %v", err)
	}
}
