// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// oddNames holds names that can break a query. The engine rejects most of them, but a store accepts all.
var oddNames = []string{
	"plain", "Plain", "UPPER_snake", "with-dash", "0123", "null", "*", "",
	"per%cent", "under_score", `quo"te`, "apo'strophe", "'; DROP TABLE objects; --", `back\slash`, "br[a]ck{e}t",
	" spaces ", "tab\t", "new\nline", "a,b", "?1", "$1", ":name",
	"café", "cafe\u0301", "ß", "İ", "日本語", "🗝️", "\u2028", "\ufeff", "\U0010ffff",
}

var objectTests = []test{
	{"an object is returned unchanged", func(e env) {
		full := secret("project-1", "environment-1", "app/x", "full")
		full.Link, full.Version, full.Revision = "linked", 1<<62, 1<<53+1
		full.Attributes = bytes.Repeat([]byte("\x00\xff{}"), 50_000)
		minimal := store.Object{
			Kind: backend.KindProject, ID: newID(), Name: "minimal", CreatedAt: testTime, UpdatedAt: testTime,
		}
		e.insert(full, minimal)
		for _, want := range []store.Object{full, minimal} {
			if got, exists := e.get(want.Kind, want.ID); !exists || !sameObject(got, want) {
				e.Errorf("exists: %t, got %+v, want %+v", exists, got, want)
			}
		}
	}},
	{"bytes may be nil or empty", func(e env) {
		withNil, empty := secret("p", "e", "project", "nil"), secret("p", "e", "project", "empty")
		withNil.Attributes, withNil.MAC = nil, nil
		empty.Attributes, empty.MAC = []byte{}, []byte{}
		e.insert(withNil, empty)
		for _, want := range []store.Object{withNil, empty} {
			if got, exists := e.get(want.Kind, want.ID); !exists || len(got.Attributes)+len(got.MAC) != 0 {
				e.Errorf("%s: exists: %t, got %q and %q, want empty bytes", want.Name, exists, got.Attributes, got.MAC)
			}
		}
	}},
	{"times are kept to the microsecond, in UTC", func(e env) {
		for i, at := range []time.Time{
			{},
			time.Unix(0, 0),
			time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC),
			time.Date(2024, 2, 29, 12, 0, 0, 1000, time.FixedZone("east", 5*3600+1800)),
			time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
			time.Now().Truncate(time.Microsecond),
		} {
			o := secret("p", "e", "project", fmt.Sprint(i))
			o.CreatedAt, o.UpdatedAt = at, at
			e.insert(o)
			got, _ := e.get(o.Kind, o.ID)
			if !got.CreatedAt.Equal(at) || !got.UpdatedAt.Equal(at) || got.CreatedAt.Location() != time.UTC ||
				got.CreatedAt.IsZero() != at.IsZero() {
				e.Errorf("got %v and %v, want %v", got.CreatedAt, got.UpdatedAt, at)
			}
		}
	}},
	{"odd names are stored, selected and sorted by their bytes", func(e env) {
		for _, n := range oddNames {
			o := secret("p", "e", "project", n)
			e.insert(o)
			if n == "" { // an empty filter selects all objects
				continue
			}
			if got := e.names(store.Filter{Kind: o.Kind, Name: n}); !slices.Equal(got, []string{n}) {
				e.Errorf("name %q selects %q", n, got)
			}
		}
		sorted := slices.Sorted(slices.Values(oddNames))
		if got := e.names(store.Filter{Kind: backend.KindSecret}); !slices.Equal(got, sorted) {
			e.Errorf("listed %q, want %q", got, sorted)
		}
	}},
	{"a place is unique at the end of a transaction", func(e env) {
		o := secret("p", "e", "project", "name")
		e.insert(o)
		again := o
		again.ID = newID()
		e.refused(backend.ErrExists, func(ctx context.Context, tx store.Tx) error { return tx.InsertObject(ctx, again) })
		for _, change := range []func(o *store.Object){
			func(o *store.Object) { o.Kind = backend.KindScopedValue },
			func(o *store.Object) { o.Project = "other" },
			func(o *store.Object) { o.Environment = backend.AnyEnvironment },
			func(o *store.Object) { o.Scope = "app/other" },
			func(o *store.Object) { o.Name = "Name" },
		} {
			other := o
			other.ID = newID()
			change(&other)
			e.insert(other)
		}
		project := store.Object{Kind: backend.KindProject, ID: newID(), Name: "p"}
		e.insert(project)
		project.ID = newID()
		e.refused(backend.ErrExists, func(ctx context.Context, tx store.Tx) error { return tx.InsertObject(ctx, project) })
	}},
	{"an id is unique", func(e env) {
		o := secret("p", "e", "project", "name")
		e.insert(o)
		o.Name = "other"
		e.refused(backend.ErrExists, func(ctx context.Context, tx store.Tx) error { return tx.InsertObject(ctx, o) })
	}},
	{"an update replaces all fields of an object", func(e env) {
		o := secret("p", "e", "project", "name")
		e.insert(o)
		next := store.Object{
			Kind: o.Kind, ID: o.ID, Project: "p2", Environment: "e2", Scope: "app/x", Name: "renamed",
			Type: "type-2", Link: "link", Version: 2, Revision: 2, Attributes: []byte("a"), MAC: []byte("m"),
			CreatedAt: testTime.Add(1 * time.Hour), UpdatedAt: testTime.Add(2 * time.Hour),
		}
		e.update(func(ctx context.Context, tx store.Tx) error { return tx.UpdateObject(ctx, next) })
		if got, _ := e.get(o.Kind, o.ID); !sameObject(got, next) {
			e.Errorf("got %+v, want %+v", got, next)
		}
		e.insert(secret("p", "e", "project", "name")) // the old place is free
	}},
	{"an update requires the previous revision", func(e env) {
		o := secret("p", "e", "project", "name")
		o.Revision = 5
		e.insert(o)
		for _, revision := range []int64{0, 4, 5, 7} {
			next := o
			next.Name, next.Revision = "changed", revision
			e.refused(backend.ErrNotFound, func(ctx context.Context, tx store.Tx) error { return tx.UpdateObject(ctx, next) })
		}
		if got, _ := e.get(o.Kind, o.ID); !sameObject(got, o) {
			e.Errorf("the object was changed to %+v", got)
		}
		absent := secret("p", "e", "project", "absent")
		e.refused(backend.ErrNotFound, func(ctx context.Context, tx store.Tx) error { return tx.UpdateObject(ctx, absent) })
	}},
	{"an update into a taken place is refused", func(e env) {
		a, b := secret("p", "e", "project", "a"), secret("p", "e", "project", "b")
		e.insert(a, b)
		b.Name, b.Revision = "a", 2
		e.refused(backend.ErrExists, func(ctx context.Context, tx store.Tx) error { return tx.UpdateObject(ctx, b) })
		if got := e.names(store.Filter{Kind: a.Kind}); !slices.Equal(got, []string{"a", "b"}) {
			e.Errorf("the names are %q, want a and b", got)
		}
	}},
	{"two objects can swap places in one transaction", func(e env) {
		a, b := secret("p", "e", "project", "a"), secret("p", "e", "project", "b")
		e.insert(a, b)
		a.Name, a.Revision = "b", 2
		b.Name, b.Revision = "a", 2
		e.update(func(ctx context.Context, tx store.Tx) error {
			if err := tx.UpdateObject(ctx, a); err != nil {
				return err
			}
			rows, err := tx.Objects(ctx, store.Filter{Kind: a.Kind, Project: "p", Name: "b"})
			if err != nil || len(rows) != 2 || rows[0].Name != "b" || rows[1].Name != "b" {
				e.Errorf("while two objects share a place, Objects returns %+v (%v)", rows, err)
			}
			if n, err := tx.Count(ctx, store.Filter{Kind: a.Kind, Name: "b"}); err != nil || n != 2 {
				e.Errorf("while two objects share a place, Count returns %d (%v)", n, err)
			}
			ids, err := tx.ObjectIDs(ctx, store.Filter{Kind: a.Kind, Project: "p", Name: "b", Limit: 1})
			if err != nil || len(ids) != 2 || ids[0] != rows[0].ID || ids[1] != rows[1].ID {
				e.Errorf("while two objects share a place, ObjectIDs returns %v (%v)", ids, err)
			}
			ids = nil
			err = tx.Lookup(ctx, store.Lookup{
				Kind: a.Kind, Project: "p", Environments: []string{"e"}, Scopes: []string{"project"}, Names: []string{"b"},
			}, func(e store.Entry) { ids = append(ids, e.Object.ID+e.Object.Name) })
			slices.Sort(ids)
			want := slices.Sorted(slices.Values([]string{a.ID + "b", b.ID + "b"}))
			if err != nil || !slices.Equal(ids, want) {
				e.Errorf("while two objects share a place, Lookup returns %v (%v)", ids, err)
			}
			return tx.UpdateObject(ctx, b)
		})
		for _, want := range []store.Object{a, b} {
			if got, _ := e.get(want.Kind, want.ID); !sameObject(got, want) {
				e.Errorf("got %+v, want %+v", got, want)
			}
		}
	}},
	{"objects can move in a chain in one transaction", func(e env) {
		a, b, c := secret("p", "e", "project", "a"), secret("p", "e", "project", "b"), secret("p", "e", "project", "c")
		e.insert(a, b, c)
		e.update(func(ctx context.Context, tx store.Tx) error {
			a.Name, a.Revision = "b", 2
			b.Name, b.Revision = "c", 2
			for _, o := range []store.Object{a, b} {
				if err := tx.UpdateObject(ctx, o); err != nil {
					return err
				}
			}
			b.Revision = 3 // a second update while the place is still taken
			if err := tx.UpdateObject(ctx, b); err != nil {
				return err
			}
			if err := tx.DeleteObject(ctx, c.ID); err != nil {
				return err
			}
			return tx.InsertObject(ctx, secret("p", "e", "project", "a"))
		})
		if got := e.names(store.Filter{Kind: a.Kind}); !slices.Equal(got, []string{"a", "b", "c"}) {
			e.Errorf("the names are %q", got)
		}
		if got, _ := e.get(b.Kind, b.ID); !sameObject(got, b) {
			e.Errorf("got %+v, want %+v", got, b)
		}
	}},
	{"an insertion may come before the deletion that frees its place", func(e env) {
		old := secret("p", "e", "project", "a")
		e.insert(old)
		next := secret("p", "e", "project", "a")
		e.update(func(ctx context.Context, tx store.Tx) error {
			if err := tx.InsertObject(ctx, next); err != nil {
				return err
			}
			return tx.DeleteObject(ctx, old.ID)
		})
		if got, _ := e.get(next.Kind, next.ID); !sameObject(got, next) {
			e.Errorf("got %+v, want %+v", got, next)
		}
		e.update(func(ctx context.Context, tx store.Tx) error { // an insertion that the transaction deletes again
			if err := tx.InsertObject(ctx, old); err != nil {
				return err
			}
			return tx.DeleteObject(ctx, old.ID)
		})
		if got := e.names(store.Filter{Kind: old.Kind}); !slices.Equal(got, []string{"a"}) {
			e.Errorf("the names are %q", got)
		}
	}},
	{"a deletion deletes the versions too", func(e env) {
		o, other := secret("p", "e", "project", "a"), secret("p", "e", "project", "b")
		e.insert(o, other)
		e.update(func(ctx context.Context, tx store.Tx) error {
			for _, v := range []store.Version{version(o.ID, 1), version(o.ID, 2), version(other.ID, 1)} {
				if err := tx.InsertVersion(ctx, v); err != nil {
					return err
				}
			}
			return tx.DeleteObject(ctx, o.ID)
		})
		if _, ok := e.get(o.Kind, o.ID); ok {
			e.Error("the object still exists")
		}
		remaining := e.versions(
			store.VersionKey{Project: "p", Object: o.ID, Version: 1}, store.VersionKey{Project: "p", Object: o.ID, Version: 2},
			store.VersionKey{Project: "p", Object: other.ID, Version: 1},
		)
		if len(remaining) != 1 || remaining[0].Object != other.ID {
			e.Errorf("the remaining versions are %+v, want only the one of the other object", remaining)
		}
		e.refused(backend.ErrNotFound, func(ctx context.Context, tx store.Tx) error { return tx.DeleteObject(ctx, o.ID) })
	}},
	{"several objects are deleted with their version", func(e env) {
		o, plain := secret("p", "e", "project", "a"), secret("p", "e", "project", "b")
		other := secret("p", "e", "project", "c")
		e.insert(o, plain, other)
		e.update(func(ctx context.Context, tx store.Tx) error {
			for _, v := range []store.Version{version(o.ID, 1), version(other.ID, 1)} {
				if err := tx.InsertVersion(ctx, v); err != nil {
					return err
				}
			}
			return tx.DeleteObjects(ctx, "p", []string{o.ID, plain.ID})
		})
		if got := e.names(store.Filter{Kind: o.Kind}); !slices.Equal(got, []string{"c"}) {
			e.Errorf("the remaining objects are %v", got)
		}
		remaining := e.versions(store.VersionKey{Project: "p", Object: o.ID, Version: 1},
			store.VersionKey{Project: "p", Object: other.ID, Version: 1})
		if len(remaining) != 1 || remaining[0].Object != other.ID {
			e.Errorf("the remaining versions are %+v, want only the one of the other object", remaining)
		}
		e.refused(backend.ErrNotFound, func(ctx context.Context, tx store.Tx) error {
			return tx.DeleteObjects(ctx, "p", []string{other.ID, o.ID})
		})
	}},
	{"Objects and Count apply a filter", func(e env) {
		linked := store.Object{
			Kind: backend.KindScopedValue, ID: newID(), Project: "p1", Environment: "dev", Scope: "project", Name: "v",
			Link: "a",
		}
		typed := secret("p1", "prod", "project", "c")
		typed.Type = "type-2"
		id := typed.ID
		e.insert(
			secret("p1", "dev", "project", "a"), secret("p1", "prod", "project", "a"), secret("p1", "dev", "app/x", "a"),
			secret("p1", "dev", "project", "b"), typed, secret("p2", "dev", "project", "a"), linked,
		)
		for _, c := range []struct {
			filter store.Filter
			want   int
		}{
			{store.Filter{Kind: backend.KindSecret}, 6},
			{store.Filter{Kind: backend.KindScopedValue}, 1},
			{store.Filter{Kind: backend.KindToken}, 0},
			{store.Filter{Kind: backend.KindSecret, Project: "p1"}, 5},
			{store.Filter{Kind: backend.KindSecret, Project: "p1", Environment: "dev"}, 3},
			{store.Filter{Kind: backend.KindSecret, Project: "p1", Environment: "dev", Scope: "project"}, 2},
			{store.Filter{Kind: backend.KindSecret, Scope: "app/x"}, 1},
			{store.Filter{Kind: backend.KindSecret, Project: "p1", Name: "a"}, 3},
			{store.Filter{Kind: backend.KindSecret, Project: "p1", Name: "a", BeforeName: "a"}, 0},
			{store.Filter{Kind: backend.KindSecret, Project: "p1", Name: "a", BeforeName: "b"}, 3},
			{store.Filter{Kind: backend.KindSecret, Name: "A"}, 0},
			{store.Filter{Kind: backend.KindSecret, Name: "%"}, 0},
			{store.Filter{Kind: backend.KindSecret, Type: "type-2"}, 1},
			{store.Filter{Kind: backend.KindSecret, Project: "p2", Type: "type-2"}, 0},
			{store.Filter{Kind: backend.KindSecret, ID: id}, 1},
			{store.Filter{Kind: backend.KindScopedValue, ID: id}, 0},
			{store.Filter{Kind: backend.KindSecret, ID: id, Environment: "dev"}, 0},
			{store.Filter{Kind: backend.KindScopedValue, Project: "p1", Link: "a"}, 1},
			{store.Filter{Kind: backend.KindScopedValue, Project: "p1", Link: "b"}, 0},
			{store.Filter{Kind: backend.KindSecret, Project: "p1", Regions: &store.Regions{{}}}, 5},
			{store.Filter{Kind: backend.KindSecret, Project: "p1", Regions: &store.Regions{}}, 0},
			{store.Filter{Kind: backend.KindSecret, Project: "p1", Regions: &store.Regions{{Environment: "dev"}}}, 3},
			{store.Filter{Kind: backend.KindSecret, Project: "p1", Regions: &store.Regions{{Environment: "dev"}, {}}}, 5},
			{store.Filter{Kind: backend.KindSecret, Project: "p1", Regions: &store.Regions{
				{Environment: "dev", Names: []string{"b", "c"}}, {Environment: "prod", Pattern: "c*"}}}, 2},
			{store.Filter{Kind: backend.KindSecret, Project: "p1", Regions: &store.Regions{{Except: []string{"prod", "x"}}}}, 3},
			{store.Filter{Kind: backend.KindSecret, Project: "p1", Regions: &store.Regions{{Except: []string{"prod"},
				Scope: "app/x"}}}, 1},
			{store.Filter{Kind: backend.KindSecret, Project: "p1", Regions: &store.Regions{{Pattern: "*"}}}, 5},
			{store.Filter{Kind: backend.KindSecret, Project: "p1", Regions: &store.Regions{{Pattern: "A*"}, {Pattern: "_"},
				{Pattern: "a*a"}, {Pattern: "%"}}}, 0},
			{store.Filter{Kind: backend.KindSecret, Environment: "dev", Regions: &store.Regions{{Environment: "prod"}}}, 0},
		} {
			e.view(func(ctx context.Context, tx store.Tx) error {
				objects, err := tx.Objects(ctx, c.filter)
				if err != nil {
					return err
				}
				ignored := c.filter
				ignored.Limit, ignored.AfterName, ignored.AfterID = 1, "zzz", "zzz"
				n, err := tx.Count(ctx, ignored)
				if err != nil {
					return err
				}
				ids, err := tx.ObjectIDs(ctx, ignored)
				if err != nil {
					return err
				}
				if !slices.EqualFunc(ids, objects, func(id string, o store.Object) bool { return id == o.ID }) {
					e.Errorf("%+v lists the ids %v of %+v", c.filter, ids, objects)
				}
				if len(objects) != c.want || n != c.want {
					e.Errorf("%+v lists %d and counts %d, want %d", c.filter, len(objects), n, c.want)
				}
				return nil
			})
		}
	}},
	{"the scopes of objects are listed once each", func(e env) {
		e.insert(secret("p", "dev", "project", "a"), secret("p", "dev", "project", "b"), secret("p", "dev", "app/x", "a"),
			secret("p", "prod", "app/x", "a"), secret("p", "prod", "pipeline/x", "a"), secret("p", "prod", "app/X", "a"),
			secret("q", "dev", "app/q", "a"))
		for _, c := range []struct {
			filter store.Filter
			from   string
			want   string
		}{
			{store.Filter{}, "", "app/X app/x pipeline/x project"},
			{store.Filter{Limit: 2, AfterName: "z", AfterID: "z"}, "", "app/X app/x"},
			{store.Filter{}, "app/Y", "app/x pipeline/x project"},
			{store.Filter{Limit: 1}, "app/x", "app/x"},
			{store.Filter{}, "z", ""},
			{store.Filter{Environment: "dev"}, "", "app/x project"},
			{store.Filter{Name: "b"}, "", "project"},
			{store.Filter{BeforeName: "a"}, "", ""},
			{store.Filter{Regions: &store.Regions{{Environment: "prod", Pattern: "a*"}, {Names: []string{"b"}}}}, "",
				"app/X app/x pipeline/x project"},
			{store.Filter{Regions: &store.Regions{{Scope: "app/x"}, {Environment: "prod", Pattern: "b*"}}}, "", "app/x"},
			{store.Filter{Regions: &store.Regions{}}, "", ""},
		} {
			c.filter.Kind, c.filter.Project = backend.KindSecret, "p"
			e.view(func(ctx context.Context, tx store.Tx) error {
				got, err := tx.Scopes(ctx, c.filter, c.from)
				if strings.Join(got, " ") != c.want {
					e.Errorf("%+v from %q has the scopes %q, want %q", c.filter, c.from, got, c.want)
				}
				return err
			})
		}
	}},
	{"pages have no gaps and no overlaps", func(e env) {
		var want []store.Object
		for i := range 40 {
			// Many objects have the same name and are sorted by id.
			o := secret("p", fmt.Sprintf("env-%d", i%8), "project", fmt.Sprintf("name-%d", i/8))
			want = append(want, o)
		}
		e.insert(want...)
		slices.SortFunc(want, func(a, b store.Object) int {
			return bytes.Compare([]byte(a.Name+"\x00"+a.ID), []byte(b.Name+"\x00"+b.ID))
		})
		for _, size := range []int{1, 3, 39, 40, 41, 0} {
			var got []store.Object
			f := store.Filter{Kind: backend.KindSecret, Project: "p", Limit: size}
			e.view(func(ctx context.Context, tx store.Tx) error {
				for {
					page, err := tx.Objects(ctx, f)
					if err != nil || len(page) == 0 {
						return err
					}
					if size > 0 && len(page) > size {
						e.Fatalf("a page of size %d has %d objects", size, len(page))
					}
					if len(got) > len(want) {
						e.Fatalf("pages of size %d do not end", size)
					}
					got = append(got, page...)
					last := page[len(page)-1]
					f.AfterName, f.AfterID = last.Name, last.ID
				}
			})
			if !slices.EqualFunc(got, want, sameObject) {
				e.Errorf("pages of size %d have %d objects or are not sorted by (name, id)", size, len(got))
			}
		}
	}},
}

// sameObject reports whether two objects are equal. Times in different time zones and nil and empty bytes can be equal.
func sameObject(a, b store.Object) bool {
	return a.Kind == b.Kind && a.ID == b.ID && a.Project == b.Project && a.Environment == b.Environment &&
		a.Scope == b.Scope && a.Name == b.Name && a.Type == b.Type && a.Link == b.Link &&
		a.Version == b.Version && a.Revision == b.Revision &&
		bytes.Equal(a.Attributes, b.Attributes) && bytes.Equal(a.MAC, b.MAC) &&
		a.CreatedAt.Equal(b.CreatedAt) && a.UpdatedAt.Equal(b.UpdatedAt)
}
