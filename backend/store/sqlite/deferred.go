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

// A place is unique at the end of a transaction. SQLite checks a unique
// constraint at every statement and cannot defer it, so an object that moves to
// a place which is still taken is stored under a temporary name. The
// transaction shows it under its real name, and gives it that name before the
// commit, where the constraint then holds as always.

// temporaryName is a name that no object can have, for an object with this id.
func temporaryName(name, id string) string { return "\x01" + name + "\x01" + id }

// writeDeferred calls write with the object as it is and, when its place is
// taken, with a temporary name.
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
		return withPlace(err, o) // its id is taken, too
	}
	if t.deferred == nil {
		t.deferred = map[string]store.Object{}
	}
	t.deferred[o.ID] = o
	return nil
}

// settle gives every deferred object its real name. ErrExists names the first
// place that two objects still share.
func (t *tx) settle(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(t.deferred)) {
		o := t.deferred[id]
		if _, err := t.exec(ctx, "UPDATE objects SET name = ? WHERE id = ?", o.Name, id); err != nil {
			return withPlace(err, o)
		}
	}
	clear(t.deferred)
	return nil
}

// namesOf adds the temporary names to the names that a question asks for.
func (t *tx) namesOf(names ...string) []string {
	for id, o := range t.deferred {
		if slices.Contains(names, o.Name) {
			names = append(names, temporaryName(o.Name, id))
		}
	}
	return names
}

// realName undoes a temporary name.
func (t *tx) realName(o *store.Object) {
	if d, ok := t.deferred[o.ID]; ok {
		o.Name = d.Name
	}
}

// inOrder sorts and cuts a listing that holds deferred objects, which SQLite
// sorts by their temporary names.
func inOrder(rows []store.Object, f store.Filter) []store.Object {
	slices.SortFunc(rows, func(a, b store.Object) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	if f.Limit > 0 && len(rows) > f.Limit {
		rows = rows[:f.Limit]
	}
	return rows
}
