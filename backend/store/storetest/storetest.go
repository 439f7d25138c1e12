// SPDX-License-Identifier: MPL-2.0

// Package storetest is what every [store.Store] must do, as tests: the one
// meaning that all databases share. A store's own test calls [Run], and adds
// only what is peculiar to its database.
//
// The suite knows nothing of the database behind a Store. Where the interface
// leaves something open, it asks for nothing: not for an order of
// Lookup, nor for the difference between nil and empty bytes, nor for a time finer than
// a microsecond. What happens to a transaction in which a statement failed, and
// that tries to go on, is left open as well.
//
// # Limits
//
// Killed processes, full disks and damaged files need knowledge of the
// database and are left to each store's own tests. Records cannot be read back
// through a Store, so that the suite only sees them accepted.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Open opens the database that belongs to a folder, which is empty and
// writable, and makes it the first time. It ends the test when it cannot. The
// caller closes the Store, and may have several open on one folder at once.
type Open = func(t testing.TB, dir string) store.Store

// Run runs the suite. Each of its tests has a database of its own.
func Run(t *testing.T, open Open) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Store", storeTests},
		{"Transactions", transactionTests},
		{"Objects", objectTests},
		{"Lookup", lookupTests},
		{"Versions", versionTests},
		{"Keys", keyTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.tests {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					e := env{T: t, open: open, dir: t.TempDir()}
					e.Store = e.reopen()
					c.run(e)
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(env)
}

// env is what a test works with: a T that is also a Store.
type env struct {
	*testing.T
	store.Store
	open Open
	dir  string
}

// reopen opens the test's database once more.
func (e env) reopen() store.Store {
	e.Helper()
	s := e.open(e.T, e.dir)
	e.Cleanup(func() {
		if err := s.Close(); err != nil {
			e.Errorf("Close: %v", err)
		}
	})
	return s
}

// update runs f in an Update that must succeed.
func (e env) update(f func(ctx context.Context, tx store.Tx) error) {
	e.Helper()
	if err := e.Update(e.Context(), func(tx store.Tx) error { return f(e.Context(), tx) }); err != nil {
		e.Fatalf("Update: %v", err)
	}
}

// view runs f in a View that must succeed.
func (e env) view(f func(ctx context.Context, tx store.Tx) error) {
	e.Helper()
	if err := e.View(e.Context(), func(tx store.Tx) error { return f(e.Context(), tx) }); err != nil {
		e.Fatalf("View: %v", err)
	}
}

// refused runs f in an Update that must give the error want.
func (e env) refused(want error, f func(ctx context.Context, tx store.Tx) error) {
	e.Helper()
	err := e.Update(e.Context(), func(tx store.Tx) error { return f(e.Context(), tx) })
	e.wantError(err, want)
}

func (e env) wantError(err, want error) {
	e.Helper()
	if !errors.Is(err, want) {
		e.Errorf("the error is %v, want the code %s", err, backend.AsError(want).Code)
		return
	}
	var b *backend.Error
	if !errors.As(err, &b) {
		e.Errorf("the error %v is no *backend.Error", err)
	}
}

// insert adds objects.
func (e env) insert(objects ...store.Object) {
	e.Helper()
	e.update(func(ctx context.Context, tx store.Tx) error {
		for _, o := range objects {
			if err := tx.InsertObject(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
}

// names lists what a filter selects, by name.
func (e env) names(f store.Filter) []string {
	e.Helper()
	names := []string{}
	e.view(func(ctx context.Context, tx store.Tx) error {
		objects, err := tx.Objects(ctx, f)
		for _, o := range objects {
			names = append(names, o.Name)
		}
		return err
	})
	return names
}

// get returns the object with an id, and whether there is one.
func (e env) get(kind backend.Kind, id string) (store.Object, bool) {
	e.Helper()
	var found []store.Object
	e.view(func(ctx context.Context, tx store.Tx) (err error) {
		found, err = tx.Objects(ctx, store.Filter{Kind: kind, ID: id})
		return err
	})
	if len(found) > 1 {
		e.Fatalf("%d objects have the id %s", len(found), id)
	}
	if len(found) == 0 {
		return store.Object{}, false
	}
	return found[0], true
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// moment is a time as a store keeps it: UTC, in microseconds.
var moment = time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.UTC)

// secret is a secret's row with all fields set.
func secret(project, environment, scope, name string) store.Object {
	return store.Object{
		Kind: backend.KindSecret, ID: newID(),
		Project: project, Environment: environment, Scope: scope, Name: name,
		Type: "type-1", Version: 1, Revision: 1,
		Attributes: []byte(fmt.Sprintf(`{"description":%q}`, name)), MAC: []byte{0, 1, 2, 0xff},
		CreatedAt: moment, UpdatedAt: moment.Add(time.Hour),
	}
}

// version is a version's row with all fields set.
func version(object string, n int64) store.Version {
	return store.Version{
		Object: object, Version: n, EnvironmentKey: "key-1", Type: "type-1", SchemaHash: "abc", JSON: n%2 == 0,
		Sealed: []byte{byte(n), 0, 0xff}, CreatedAt: moment.Add(time.Duration(n) * time.Microsecond), CreatedBy: "someone",
	}
}
