// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// twoProcesses opens a database twice, as two processes do.
func twoProcesses(t *testing.T) (reader, writer *sqlite.Store) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pouncet.db")
	if _, err := sqlite.Create(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	open := func() *sqlite.Store {
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	return open(), open()
}

// saveContents writes what says whether rows in memory are still right.
func saveContents(t *testing.T, s *sqlite.Store, text string) {
	t.Helper()
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return tx.SaveState(t.Context(), store.State{Name: store.ContentsState, Sealed: []byte(text)})
	})
	if err != nil {
		t.Error(err)
	}
}

// contents returns the contents, as a View for which the states are probably enough sees them.
func contents(t *testing.T, s *sqlite.Store) string {
	t.Helper()
	var got []byte
	err := s.View(store.WithStatesOnly(t.Context()), func(tx store.Tx) (err error) {
		got, err = tx.Contents(t.Context())
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return string(got)
}

// Views that need nothing but states share a statement. Each sees what another process has committed before it began.
func TestViewsShareTheStatesTheyRead(t *testing.T) {
	s, other := twoProcesses(t)
	saveContents(t, other, "1")
	var statements atomic.Int32
	started, blocked := make(chan struct{}), make(chan struct{})
	sqlite.OnStateRead(s, func() {
		if statements.Add(1) == 1 {
			started <- struct{}{}
			<-blocked
		}
	})
	var views sync.WaitGroup
	views.Go(func() { contents(t, s) })
	<-started
	saveContents(t, other, "2") // the views that follow must see it
	for range 20 {
		views.Go(func() {
			if got := contents(t, s); got != "2" {
				t.Errorf("the contents are %q, want 2", got)
			}
		})
	}
	for sqlite.WaitingForStates(s) != 20 {
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
	if n := statements.Load(); n != 2 {
		t.Errorf("%d statements for 21 views, want 2", n)
	}
	saveContents(t, other, "3")
	if got := contents(t, s); got != "3" {
		t.Errorf("the contents are %q, want 3", got)
	}
}

// A View that reads more than states sees one state of the database: it runs again if the states have changed.
func TestAViewOfStatesThatReadsMore(t *testing.T) {
	s, other := twoProcesses(t)
	saveContents(t, other, "1")
	ctx := store.WithStatesOnly(t.Context())
	var seen []string
	view := func(between func()) {
		seen = nil
		err := s.View(ctx, func(tx store.Tx) error {
			st, err := tx.Contents(ctx)
			if err != nil {
				return err
			}
			between()
			objects, err := tx.Objects(ctx, store.Filter{Kind: backend.KindSecret})
			if err == nil {
				seen = append(seen, string(st))
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
	equal("1")
	view(sync.OnceFunc(func() {
		if err := adding(t.Context(), other, "one", func(store.Tx) error { return nil })(); err != nil {
			t.Error(err)
		}
		saveContents(t, other, "2")
	}))
	equal("2", "one")
	view(func() {})
	equal("2", "one")
}

// The views of a database that is closed end with one clear error each. So do the views of a database whose driver
// panics.
func TestStatesThatCannotBeRead(t *testing.T) {
	s, _ := twoProcesses(t)
	sqlite.OnStateRead(s, func() { panic("a defect") })
	nothing := func(store.Tx) error { return nil }
	if err := s.View(store.WithStatesOnly(t.Context()), nothing); !errors.Is(err, backend.ErrInternal) {
		t.Errorf("after a panic: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sqlite.OnStateRead(s, nil)
	if err := s.View(store.WithStatesOnly(t.Context()), nothing); !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("of a closed database: %v", err)
	}
}
