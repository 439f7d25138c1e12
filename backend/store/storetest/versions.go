// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

var lookupTests = []test{
	{"Lookup returns all combinations and nothing else", func(e env) {
		var want []store.Object
		for _, project := range []string{"p1", "p2"} {
			for _, environment := range []string{"dev", "prod", "*"} {
				for _, scope := range []string{"project", "app/x", "app/y"} {
					for _, name := range []string{"a", "b", "c"} {
						o := secret(project, environment, scope, name)
						e.insert(o)
						if project == "p1" && environment != "prod" && scope != "app/y" && name != "c" {
							want = append(want, o)
						}
					}
				}
			}
		}
		value := secret("p1", "dev", "project", "a")
		value.Kind = backend.KindScopedValue
		e.insert(value)
		got := e.lookup(store.Lookup{
			Kind: backend.KindSecret, Project: "p1",
			Environments: []string{"dev", "*"}, Scopes: []string{"app/x", "project"}, Names: []string{"a", "b", "absent"},
		})
		e.wantEntries(got, want)
	}},
	{"a repeated name is returned once", func(e env) {
		o := secret("p", "e", "project", "a")
		e.insert(o)
		got := e.lookup(store.Lookup{
			Kind: o.Kind, Project: "p",
			Environments: []string{"e", "e"}, Scopes: []string{"project", "project"}, Names: []string{"a", "a"},
		})
		e.wantEntries(got, []store.Object{o})
	}},
	{"an empty list selects nothing", func(e env) {
		e.insert(secret("p", "e", "project", "a"))
		for _, l := range []store.Lookup{
			{Kind: backend.KindSecret, Project: "p", Environments: []string{"e"}, Scopes: []string{"project"}},
			{Kind: backend.KindSecret, Project: "p", Environments: []string{"e"}, Names: []string{"a"}},
			{Kind: backend.KindSecret, Project: "p", Scopes: []string{"project"}, Names: []string{"a"}},
			{Kind: backend.KindSecret, Environments: []string{"e"}, Scopes: []string{"project"}, Names: []string{"a"}},
		} {
			e.wantEntries(e.lookup(l), nil)
		}
	}},
	{"Lookup returns the current version", func(e env) {
		current := secret("p", "e", "project", "current")
		without := secret("p", "e", "project", "without")
		missing := secret("p", "e", "project", "missing")
		current.Version, without.Version, missing.Version = 2, 0, 7
		e.insert(current, without, missing)
		e.update(func(ctx context.Context, tx store.Tx) error {
			for _, v := range []store.Version{
				version(current.ID, 1), version(current.ID, 2), version(current.ID, 3), version(without.ID, 1),
			} {
				if err := tx.InsertVersion(ctx, v); err != nil {
					return err
				}
			}
			return nil
		})
		for _, entry := range e.lookup(store.Lookup{
			Kind: backend.KindSecret, Project: "p", Environments: []string{"e"}, Scopes: []string{"project"},
			Names: []string{"current", "without", "missing"},
		}) {
			want := store.Version{}
			if entry.Object.Name == "current" {
				want = version(current.ID, 2)
			}
			if !sameVersion(entry.Current, want) {
				e.Errorf("the version of %s is %+v, want %+v", entry.Object.Name, entry.Current, want)
			}
		}
	}},
	{"Lookup by a link", func(e env) {
		var want []store.Object
		for _, project := range []string{"p", "q"} {
			for _, link := range []string{"", "to", "other"} {
				for _, environment := range []string{"dev", "prod"} {
					o := secret(project, environment, "app/x", "a"+link)
					o.Link, o.Version = link, 2
					e.insert(o)
					if project == "p" && link == "to" {
						want = append(want, o)
					}
				}
			}
		}
		other := secret("p", "dev", "app/x", "b")
		other.Kind, other.Link = backend.KindScopedValue, "to"
		e.insert(other)
		e.update(func(ctx context.Context, tx store.Tx) error {
			return errors.Join(tx.InsertVersion(ctx, version(want[0].ID, 1)), tx.InsertVersion(ctx, version(want[0].ID, 2)))
		})
		l := store.Lookup{Kind: backend.KindSecret, Project: "p", Link: "to"}
		got := e.lookup(l)
		e.wantEntries(got, want)
		for _, entry := range got {
			current := store.Version{}
			if entry.Object.ID == want[0].ID {
				current = version(want[0].ID, 2)
			}
			if !sameVersion(entry.Current, current) {
				e.Errorf("the version of %s is %+v, want %+v", entry.Object.ID, entry.Current, current)
			}
		}
		l.ObjectsOnly = true
		e.wantWithoutVersions(l, want)
	}},
	{"Lookup of objects only", func(e env) {
		one, two := secret("p", "e", "project", "one"), secret("p", "e", "project", "two")
		one.Version, two.Version = 1, 1
		e.insert(one, two)
		e.update(func(ctx context.Context, tx store.Tx) error {
			return errors.Join(tx.InsertVersion(ctx, version(one.ID, 1)), tx.InsertVersion(ctx, version(two.ID, 1)))
		})
		l := store.Lookup{Kind: backend.KindSecret, Project: "p", Environments: []string{"e"}, Scopes: []string{"project"},
			Names: []string{"one", "two"}, ObjectsOnly: true}
		e.wantWithoutVersions(l, []store.Object{one, two})
		l.Names = []string{"two"}
		e.wantWithoutVersions(l, []store.Object{two})
		l.Environments = []string{"e", "*"}
		e.wantWithoutVersions(l, []store.Object{two})
	}},
	{"Lookup returns odd names", func(e env) {
		var want []store.Object
		for _, n := range oddNames {
			o := secret("p", "e", "project", n)
			want = append(want, o)
		}
		e.insert(want...)
		got := e.lookup(store.Lookup{
			Kind: backend.KindSecret, Project: "p", Environments: []string{"e"}, Scopes: []string{"project"}, Names: oddNames,
		})
		e.wantEntries(got, want)
	}},
	{"one Lookup takes 20,000 names", func(e env) {
		const n = 10_000
		var want []store.Object
		names := make([]string, 0, 2*n)
		for i := range n {
			o := secret("p", "e", "project", fmt.Sprintf("name_%05d", i))
			want = append(want, o)
			names = append(names, o.Name, o.Name+"_absent")
		}
		e.insert(want...)
		got := e.lookup(store.Lookup{
			Kind: backend.KindSecret, Project: "p", Environments: []string{"e", "*"}, Scopes: []string{"project"}, Names: names,
		})
		e.wantEntries(got, want)
	}},
}

var versionTests = []test{
	{"a version is returned unchanged", func(e env) {
		o := secret("p", "e", "project", "a")
		e.insert(o)
		want := []store.Version{version(o.ID, 1), version(o.ID, 2), {
			Project: "p", Object: o.ID, Version: 1 << 62, CreatedAt: testTime,
		}}
		want[1].Sealed = bytes.Repeat([]byte{0, 0xff}, 50_000)
		e.update(func(ctx context.Context, tx store.Tx) error {
			for _, v := range want {
				if err := tx.InsertVersion(ctx, v); err != nil {
					return err
				}
			}
			return nil
		})
		for _, v := range want {
			got := e.versions(store.VersionKey{Project: "p", Object: v.Object, Version: v.Version})
			if len(got) != 1 || !sameVersion(got[0], v) {
				e.Errorf("version %d is %+v", v.Version, got)
			}
		}
	}},
	{"a version cannot be replaced", func(e env) {
		o := secret("p", "e", "project", "a")
		e.insert(o)
		e.update(func(ctx context.Context, tx store.Tx) error { return tx.InsertVersion(ctx, version(o.ID, 1)) })
		second := version(o.ID, 1)
		second.Sealed = []byte("another")
		e.refused(backend.ErrExists, func(ctx context.Context, tx store.Tx) error { return tx.InsertVersion(ctx, second) })
		got := e.versions(store.VersionKey{Project: "p", Object: o.ID, Version: 1})
		if len(got) != 1 || !sameVersion(got[0], version(o.ID, 1)) {
			e.Errorf("the version was changed to %+v", got)
		}
	}},
	{"VersionsBefore returns the newest versions below a number, and DeleteVersion deletes one", func(e env) {
		o, other := secret("p", "e", "project", "a"), secret("p", "e", "project", "b")
		e.insert(o, other)
		e.update(func(ctx context.Context, tx store.Tx) error {
			for n := range int64(5) {
				if err := errors.Join(tx.InsertVersion(ctx, version(o.ID, n+1)),
					tx.InsertVersion(ctx, version(other.ID, n+1))); err != nil {
					return err
				}
			}
			return tx.DeleteVersion(ctx, store.VersionKey{Project: "p", Object: o.ID, Version: 3})
		})
		want := func(before int64, limit int, numbers ...int64) {
			e.view(func(ctx context.Context, tx store.Tx) error {
				got, err := tx.VersionsBefore(ctx, "p", o.ID, before, limit)
				if err != nil {
					return err
				}
				ok := len(got) == len(numbers)
				for i := range got {
					ok = ok && sameVersion(got[i], version(o.ID, numbers[i]))
				}
				if !ok {
					e.Errorf("%d versions before %d are %+v, want %v", limit, before, got, numbers)
				}
				return nil
			})
		}
		want(math.MaxInt64, 10, 5, 4, 2, 1)
		want(math.MaxInt64, 2, 5, 4)
		want(4, 10, 2, 1)
		want(1, 10)
		e.refused(backend.ErrNotFound, func(ctx context.Context, tx store.Tx) error {
			return tx.DeleteVersion(ctx, store.VersionKey{Project: "p", Object: o.ID, Version: 3})
		})
	}},
	{"a version of a missing object is refused", func(e env) {
		err := e.Update(e.Context(), func(tx store.Tx) error { return tx.InsertVersion(e.Context(), version(newID(), 1)) })
		if err == nil {
			e.Error("a version of a missing object is accepted")
		}
	}},
	{"Versions returns existing versions, each once", func(e env) {
		a, b := secret("p", "e", "project", "a"), secret("p", "e", "project", "b")
		e.insert(a, b)
		e.update(func(ctx context.Context, tx store.Tx) error {
			for _, v := range []store.Version{version(a.ID, 1), version(a.ID, 2), version(b.ID, 1)} {
				if err := tx.InsertVersion(ctx, v); err != nil {
					return err
				}
			}
			return nil
		})
		got := e.versions(
			store.VersionKey{Project: "p", Object: a.ID, Version: 2}, store.VersionKey{Project: "p", Object: b.ID, Version: 2},
			store.VersionKey{Project: "p", Object: "missing", Version: 1},
			store.VersionKey{Project: "p", Object: b.ID, Version: 1},
			store.VersionKey{Project: "p", Object: a.ID, Version: 2},
		)
		var keys []string
		for _, v := range got {
			keys = append(keys, fmt.Sprint(v.Object == a.ID, v.Version))
		}
		slices.Sort(keys)
		if want := []string{"false 1", "true 2"}; !slices.Equal(keys, want) {
			e.Errorf("got (version of a, version) %v, want %v", keys, want)
		}
		if got := e.versions(); len(got) != 0 {
			e.Errorf("Versions without keys returns %+v", got)
		}
	}},
	{"one call of Versions takes 5,000 keys", func(e env) {
		const n = 5_000
		o := secret("p", "e", "project", "a")
		e.insert(o)
		keys := make([]store.VersionKey, n)
		e.update(func(ctx context.Context, tx store.Tx) error {
			for i := range n {
				v := version(o.ID, int64(i+1))
				keys[i] = store.VersionKey{Project: "p", Object: v.Object, Version: v.Version}
				if err := tx.InsertVersion(ctx, v); err != nil {
					return err
				}
			}
			return nil
		})
		if got := len(e.versions(keys...)); got != n {
			e.Errorf("got %d of %d versions", got, n)
		}
	}},
}

func (e env) lookup(l store.Lookup) (entries []store.Entry) {
	e.Helper()
	e.view(func(ctx context.Context, tx store.Tx) (err error) {
		err = tx.Lookup(ctx, l, func(e store.Entry) { entries = append(entries, e) })
		return err
	})
	return entries
}

func (e env) versions(keys ...store.VersionKey) (versions []store.Version) {
	e.Helper()
	e.view(func(ctx context.Context, tx store.Tx) (err error) {
		versions, err = tx.Versions(ctx, keys)
		return err
	})
	return versions
}

// wantEntries checks the objects of entries, in any order.
func (e env) wantEntries(entries []store.Entry, want []store.Object) {
	e.Helper()
	byID := map[string]store.Object{}
	for _, o := range want {
		byID[o.ID] = o
	}
	var wrong []string
	for _, entry := range entries {
		o := entry.Object
		if !sameObject(o, byID[o.ID]) {
			wrong = append(wrong, strings.Join([]string{string(o.Kind), o.Project, o.Environment, o.Scope, o.Name}, " "))
		}
	}
	if len(entries) != len(want) || len(wrong) > 0 {
		e.Errorf("got %d entries, want %d; changed or unexpected objects: %q", len(entries), len(want), wrong)
	}
}

// wantWithoutVersions fails the test unless the lookup returns these objects, without versions.
func (e env) wantWithoutVersions(l store.Lookup, want []store.Object) {
	e.Helper()
	entries := e.lookup(l)
	e.wantEntries(entries, want)
	for _, entry := range entries {
		if entry.Current.Object != "" {
			e.Errorf("Lookup returned version %d of %s", entry.Current.Version, entry.Current.Object)
		}
	}
}

// sameVersion reports whether two versions are equal. Times in different time zones and nil and empty bytes can be
// equal.
func sameVersion(a, b store.Version) bool {
	return a.Object == b.Object && a.Version == b.Version && a.EnvironmentKey == b.EnvironmentKey && a.Type == b.Type &&
		a.SchemaHash == b.SchemaHash && a.Form == b.Form && bytes.Equal(a.Sealed, b.Sealed) &&
		a.CreatedAt.Equal(b.CreatedAt) && a.CreatedBy == b.CreatedBy && bytes.Equal(a.Attributes, b.Attributes) &&
		a.Project == b.Project
}
