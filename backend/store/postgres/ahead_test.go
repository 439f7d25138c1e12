// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
)

// writing returns a function that writes the next version of the secret in a place, after it has looked it up.
func writing(t *testing.T, p store.Place, version int64) func(store.Tx) error {
	return func(tx store.Tx) error {
		e, err := lookedUp(t, tx, p)
		if err != nil {
			return err
		}
		if e.Object.Version != version-1 || e.Current.Version != version-1 {
			t.Errorf("%s is at version %d, with version %d, before version %d", p.Name, e.Object.Version,
				e.Current.Version, version)
		}
		e.Object.Version, e.Object.Revision = version, e.Object.Revision+1
		v := store.Version{Project: p.Project, Object: e.Object.ID, Version: version,
			Sealed: fmt.Appendf(nil, "%s %d", p.Name, version)}
		if version%2 == 0 { // in either order
			return errors.Join(tx.InsertVersion(t.Context(), v), tx.UpdateObject(t.Context(), e.Object))
		}
		return errors.Join(tx.UpdateObject(t.Context(), e.Object), tx.InsertVersion(t.Context(), v))
	}
}

func lookedUp(t *testing.T, tx store.Tx, p store.Place) (found store.Entry, err error) {
	t.Helper()
	err = tx.Lookup(t.Context(), store.Lookup{Kind: p.Kind, Project: p.Project, Environments: []string{p.Environment},
		Scopes: []string{p.Scope}, Names: []string{p.Name}}, func(e store.Entry) { found = e })
	return found, err
}

// The transaction that calls share needs as many round trips and statements for many calls as for few.
func TestSharedTransactionNeedsFewRoundTrips(t *testing.T) {
	s := opened(t, created(t))
	requests := postgres.CountRequests(t, s)
	used := map[int]postgres.Requests{}
	for _, calls := range []int{3, 40} {
		var places []store.Place
		var functions []func(store.Tx) error
		for i := range calls {
			o := secret(fmt.Sprintf("s%d-%d", calls, i))
			if err := s.Update(t.Context(), inserting(t, o)); err != nil {
				t.Fatal(err)
			}
			places = append(places, store.PlaceOf(o))
			functions = append(functions, writing(t, store.PlaceOf(o), 1))
		}
		before := *requests
		errs, commits := togetherIn(t, s, places, functions...)
		if err := errors.Join(errs...); err != nil || len(commits) != 1 {
			t.Fatalf("%d commits, error %v", len(commits), err)
		}
		used[calls] = postgres.Requests{RoundTrips: requests.RoundTrips - before.RoundTrips,
			Statements: requests.Statements - before.Statements}
		for i, p := range places {
			e, err := lookedUpLater(t, s, p)
			if want := fmt.Sprintf("%s 1", p.Name); err != nil || string(e.Current.Sealed) != want || e.Object.Revision != 2 {
				t.Errorf("call %d: %q at revision %d, error %v; want %q", i, e.Current.Sealed, e.Object.Revision, err, want)
			}
		}
	}
	if used[3] != used[40] || used[3].RoundTrips > 6 {
		t.Errorf("3 calls use %+v, and 40 calls %+v", used[3], used[40])
	}
}

// So does the transaction of calls that all write the same secret.
func TestManyVersionsOfASecretNeedFewRoundTrips(t *testing.T) {
	s := opened(t, created(t))
	requests := postgres.CountRequests(t, s)
	used := map[int]postgres.Requests{}
	for _, calls := range []int{3, 40} {
		o := secret(fmt.Sprint("s", calls))
		if err := s.Update(t.Context(), inserting(t, o)); err != nil {
			t.Fatal(err)
		}
		place := store.PlaceOf(o)
		var functions []func(store.Tx) error
		for i := range calls {
			functions = append(functions, writing(t, place, int64(i)+1))
		}
		before := *requests
		errs, commits := togetherIn(t, s, slices.Repeat([]store.Place{place}, calls), functions...)
		if err := errors.Join(errs...); err != nil || len(commits) != 1 {
			t.Fatalf("%d commits, error %v", len(commits), err)
		}
		used[calls] = postgres.Requests{RoundTrips: requests.RoundTrips - before.RoundTrips,
			Statements: requests.Statements - before.Statements}
		e, err := lookedUpLater(t, s, place)
		if err != nil || e.Object.Revision != int64(calls)+1 || e.Current.Version != int64(calls) {
			t.Errorf("version %d at revision %d, error %v", e.Current.Version, e.Object.Revision, err)
		}
		err = s.View(t.Context(), func(tx store.Tx) error {
			all, err := tx.VersionsOf(t.Context(), o.Project, o.ID, true)
			for i, v := range all {
				if want := fmt.Sprintf("%s %d", o.Name, i+1); string(v.Sealed) != want {
					t.Errorf("version %d is %q, want %q", v.Version, v.Sealed, want)
				}
			}
			if len(all) != calls {
				t.Errorf("%d versions, want %d", len(all), calls)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if used[3] != used[40] || used[3].RoundTrips > 6 {
		t.Errorf("3 calls use %+v, and 40 calls %+v", used[3], used[40])
	}
}

func lookedUpLater(t *testing.T, s *postgres.Store, p store.Place) (e store.Entry, err error) {
	t.Helper()
	err = s.View(t.Context(), func(tx store.Tx) error {
		e, err = lookedUp(t, tx, p)
		return err
	})
	return e, err
}

// What was read before the calls run is not used after one of them has written to it.
func TestCallsSeeWhatEarlierCallsHaveWritten(t *testing.T) {
	s := opened(t, created(t))
	objects := map[string]store.Object{}
	for _, name := range []string{"twice", "renamed", "gone", "kept", "refused", "others", "unfinished"} {
		objects[name] = secret(name)
		if err := s.Update(t.Context(), inserting(t, objects[name])); err != nil {
			t.Fatal(err)
		}
	}
	place := func(name string) store.Place { return store.PlaceOf(secret(name)) }
	refused := errors.New("refused")
	sees := func(name string, revision int64) func(store.Tx) error {
		return func(tx store.Tx) error {
			e, err := lookedUp(t, tx, place(name))
			if e.Object.Revision != revision {
				t.Errorf("%s is at revision %d, want %d", name, e.Object.Revision, revision)
			}
			return err
		}
	}
	unfinished := func(t *testing.T, tx store.Tx, p store.Place) error { // names a version that no call inserts
		e, err := lookedUp(t, tx, p)
		e.Object.Version, e.Object.Revision = 9, 2
		return errors.Join(err, tx.UpdateObject(t.Context(), e.Object))
	}
	renames := func(tx store.Tx) error {
		e, err := lookedUp(t, tx, place("renamed"))
		e.Object.Name, e.Object.Revision = "new", 2
		return errors.Join(err, tx.UpdateObject(t.Context(), e.Object))
	}
	steps := []struct {
		name string
		f    func(store.Tx) error
		err  error
	}{
		{"twice", writing(t, place("twice"), 1), nil},
		{"twice", writing(t, place("twice"), 2), nil},
		{"renamed", renames, nil},
		{"renamed", sees("renamed", 0), nil},
		{"new", sees("new", 2), nil},
		{"created", inserting(t, secret("created")), nil},
		{"created", sees("created", 1), nil},
		{"refused", func(tx store.Tx) error { return errors.Join(writing(t, place("refused"), 1)(tx), refused) }, refused},
		{"refused", writing(t, place("refused"), 1), nil},
		{"refused", func(tx store.Tx) error { return errors.Join(writing(t, place("refused"), 2)(tx), refused) }, refused},
		{"refused", sees("refused", 2), nil},
		{"unfinished", func(tx store.Tx) error { return unfinished(t, tx, place("unfinished")) }, nil},
		{"unfinished", sees("unfinished", 2), nil},
		{"gone", func(tx store.Tx) error { return tx.DeleteObject(t.Context(), objects["gone"].ID) }, nil},
		{"gone", sees("gone", 0), nil},
		{"others", func(tx store.Tx) error {
			return tx.DeleteObjects(t.Context(), "p", []string{objects["others"].ID})
		}, nil},
		{"others", sees("others", 0), nil},
		{"kept", sees("kept", 1), nil},
	}
	var places []store.Place
	var functions []func(store.Tx) error
	for _, s := range steps {
		places, functions = append(places, place(s.name)), append(functions, s.f)
	}
	errs, commits := togetherIn(t, s, places, functions...)
	if len(commits) != 1 {
		t.Errorf("%d commits, want one with all calls", len(commits))
	}
	for i, err := range errs {
		if !errors.Is(err, steps[i].err) || steps[i].err == nil && err != nil {
			t.Errorf("step %d, %s: error %v, want %v", i, steps[i].name, err, steps[i].err)
		}
	}
	for name, version := range map[string]int64{"twice": 2, "refused": 1, "kept": 0} {
		if e, err := lookedUpLater(t, s, place(name)); err != nil || e.Object.Version != version {
			t.Errorf("%s is at version %d, error %v; want %d", name, e.Object.Version, err, version)
		}
	}
}

// If a call breaks a rule in a statement that writes for all calls, only that call fails.
func TestABrokenRuleInAMergedStatementFailsItsCallOnly(t *testing.T) {
	s := opened(t, created(t))
	var places []store.Place
	objects := map[string]store.Object{}
	for _, name := range []string{"a", "b", "c", "d"} {
		objects[name] = secret(name)
		places = append(places, store.PlaceOf(objects[name]))
		if err := s.Update(t.Context(), inserting(t, objects[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Update(t.Context(), writing(t, places[1], 1)); err != nil {
		t.Fatal(err)
	}
	errs, _ := togetherIn(t, s, places, writing(t, places[0], 1),
		func(tx store.Tx) error {
			return tx.InsertVersion(t.Context(), store.Version{Project: "p", Object: objects["b"].ID, Version: 1})
		},
		writing(t, places[2], 1),
		func(tx store.Tx) error {
			stale := objects["d"]
			stale.Revision = 7
			return tx.UpdateObject(t.Context(), stale)
		})
	if errs[0] != nil || !errors.Is(errs[1], backend.ErrExists) || errs[2] != nil ||
		!errors.Is(errs[3], backend.ErrNotFound) {
		t.Errorf("the calls end with %v", errs)
	}
	for i, want := range []int64{1, 1, 1, 0} {
		if e, err := lookedUpLater(t, s, places[i]); err != nil || e.Object.Version != want {
			t.Errorf("%s is at version %d, error %v; want %d", places[i].Name, e.Object.Version, err, want)
		}
	}
}
