// SPDX-License-Identifier: MPL-2.0

// Package storetest tests what every [store.Store] must do. The test of a store calls [Run], and adds tests that only
// its database needs.
//
// The suite does not depend on a database. It does not test what the interface leaves open: the order of Lookup, the
// difference between nil and empty bytes, times finer than a microsecond, and a transaction that continues after a
// failed statement.
//
// # Limits
//
// The suite does not test killed processes, full disks and damaged files, because these tests depend on the database. A
// Store cannot read records back, so the suite only checks that it accepts them.
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

// Open opens the database of a folder. The first time the folder is empty, and Open creates the database. It fails the
// test on an error. The caller closes the Store. Several Stores of one folder may be open at the same time.
type Open = func(t testing.TB, dir string) store.Store

// Run runs the suite. Each test has its own database.
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

// env is a testing.T and a Store.
type env struct {
	*testing.T
	store.Store
	open Open
	dir  string
}

// reopen opens the database of the test again.
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
		e.Errorf("got error %v, want code %s", err, backend.AsError(want).Code)
		return
	}
	var b *backend.Error
	if !errors.As(err, &b) {
		e.Errorf("error %v is not a *backend.Error", err)
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

// names returns the names of the objects that a filter selects.
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

// get returns the object with an id and reports whether it exists.
func (e env) get(kind backend.Kind, id string) (store.Object, bool) {
	e.Helper()
	var objects []store.Object
	e.view(func(ctx context.Context, tx store.Tx) (err error) {
		objects, err = tx.Objects(ctx, store.Filter{Kind: kind, ID: id})
		return err
	})
	if len(objects) > 1 {
		e.Fatalf("%d objects have the id %s", len(objects), id)
	}
	if len(objects) == 0 {
		return store.Object{}, false
	}
	return objects[0], true
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// testTime is a time as a store returns it: in UTC, with microseconds.
var testTime = time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.UTC)

// secret returns the row of a secret. All its fields are set.
func secret(project, environment, scope, name string) store.Object {
	return store.Object{
		Kind: backend.KindSecret, ID: newID(),
		Project: project, Environment: environment, Scope: scope, Name: name,
		Type: "type-1", Version: 1, Revision: 1,
		Attributes: []byte(fmt.Sprintf(`{"description":%q}`, name)), MAC: []byte{0, 1, 2, 0xff},
		CreatedAt: testTime, UpdatedAt: testTime.Add(time.Hour), DeploymentMAC: []byte{0xff, 0},
	}
}

// version returns the row of a version. All its fields are set.
func version(object string, n int64) store.Version {
	return store.Version{
		Project: "p", Object: object, Version: n, EnvironmentKey: "key-1", Type: "type-1", SchemaHash: "abc",
		Form:   []string{store.FormText, store.FormJSON, store.FormBytes}[n%3],
		Sealed: []byte{byte(n), 0, 0xff}, CreatedAt: testTime.Add(time.Duration(n) * time.Microsecond),
		CreatedBy:  "someone",
		Attributes: []byte(`{"n":1}`), DeploymentMAC: []byte{9, byte(n)},
	}
}
