// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A place is unique at the end of a transaction. SQLite checks a unique constraint at every statement and cannot defer
// the check. So an object that moves to a taken place is stored with a temporary name. The transaction returns it with
// its real name. Before the commit it stores the real name, and then SQLite checks the constraint.

// temporaryName returns a name that no other object can have.
func temporaryName(name, id string) string { return "\x01" + name + "\x01" + id }

// writeDeferred calls write with the object. If its place is taken, it calls write again with a temporary name.
func (t *tx) writeDeferred(o store.Object, write func(store.Object) error) error {
	err := write(o)
	if err == nil {
		delete(t.deferred, o.ID)
		return nil
	}
	if !errors.Is(err, backend.ErrExists) {
		return err
	}
	moved := o
	moved.Name = temporaryName(o.Name, o.ID)
	if err := write(moved); err != nil {
		return withPlace(err, o) // the id is taken too
	}
	if t.deferred == nil {
		t.deferred = map[string]store.Object{}
	}
	t.deferred[o.ID] = o
	return nil
}

// storeRealNames stores the real name of every deferred object. ErrExists names the first place that two objects still
// share.
func (t *tx) storeRealNames(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(t.deferred)) {
		o := t.deferred[id]
		if _, err := t.exec(ctx, "UPDATE object SET name = ? WHERE id = ?", o.Name, id); err != nil {
			return withPlace(err, o)
		}
	}
	clear(t.deferred)
	return nil
}

// withTemporaryNames adds the temporary names of deferred objects to the names of a query.
func (t *tx) withTemporaryNames(names ...string) []string {
	for id, o := range t.deferred {
		if slices.Contains(names, o.Name) {
			names = append(names, temporaryName(o.Name, id))
		}
	}
	return names
}

// setRealName replaces the temporary name of a deferred object with its real name.
func (t *tx) setRealName(o *store.Object) {
	if d, ok := t.deferred[o.ID]; ok {
		o.Name = d.Name
	}
}

// sortAndLimit sorts a listing with deferred objects and applies the limit, because SQLite sorts them by their
// temporary names.
func sortAndLimit(rows []store.Object, f store.Filter) []store.Object {
	slices.SortFunc(rows, func(a, b store.Object) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	if f.Limit > 0 && len(rows) > f.Limit {
		rows = rows[:f.Limit]
	}
	return rows
}
