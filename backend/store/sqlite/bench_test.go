// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// create creates a database in a temporary folder.
func create(t testing.TB, options ...sqlite.Option) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Create(t.Context(), filepath.Join(t.TempDir(), "pouncet.db"), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// secret returns a row of typical size.
func secret(environment, name string) store.Object {
	now := time.Now().UTC()
	return store.Object{
		Kind: backend.KindSecret, ID: uuid.Must(uuid.NewV7()).String(),
		Project: "project", Environment: environment, Scope: backend.ProjectScope, Name: name,
		Version: 1, Revision: 1, CreatedAt: now, UpdatedAt: now,
		Attributes: []byte(`{"description":"the password of the reporting database",` +
			`"labels":{"team":"data"},"visibility":"masked"}`),
		MAC: make([]byte, 48),
	}
}

// insert adds a secret and its first version.
func insert(ctx context.Context, tx store.Tx, o store.Object) error {
	if err := tx.InsertObject(ctx, o); err != nil {
		return err
	}
	return tx.InsertVersion(ctx, store.Version{
		Object: o.ID, Version: 1, EnvironmentKey: uuid.NewString(), Sealed: make([]byte, 128),
		CreatedAt: o.CreatedAt, CreatedBy: "bench",
	})
}

func BenchmarkLookup(b *testing.B) {
	s := create(b)
	const most = 10_000
	names := make([]string, most)
	err := s.Update(b.Context(), func(tx store.Tx) error {
		for i := range names {
			names[i] = fmt.Sprintf("service_%d_password", i)
			for _, environment := range []string{"dev", "prod", backend.AnyEnvironment} {
				if err := insert(b.Context(), tx, secret(environment, names[i])); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 100, 1_000, most} {
		l := store.Lookup{
			Kind: backend.KindSecret, Project: "project", Names: names[:n],
			Environments: []string{"prod"}, Scopes: []string{"app/web", backend.ProjectScope},
		}
		b.Run(fmt.Sprintf("names=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				err := s.View(b.Context(), func(tx store.Tx) error {
					var entries []store.Entry
					err := tx.Lookup(b.Context(), l, func(e store.Entry) { entries = append(entries, e) })
					if err == nil && len(entries) != n {
						b.Fatalf("got %d of %d entries", len(entries), n)
					}
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "names/s")
		})
	}
}

// BenchmarkVersions reads one version of each of many objects.
func BenchmarkVersions(b *testing.B) {
	s := create(b)
	keys := make([]store.VersionKey, 10_000)
	err := s.Update(b.Context(), func(tx store.Tx) error {
		for i := range keys {
			o := secret("prod", fmt.Sprint(i))
			keys[i] = store.VersionKey{Object: o.ID, Version: 1}
			if err := insert(b.Context(), tx, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		err := s.View(b.Context(), func(tx store.Tx) error {
			versions, err := tx.Versions(b.Context(), keys)
			if err == nil && len(versions) != len(keys) {
				b.Fatalf("got %d of %d versions", len(versions), len(keys))
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPages lists 20,000 secrets in pages of the maximum size.
func BenchmarkPages(b *testing.B) {
	s := create(b)
	err := s.Update(b.Context(), func(tx store.Tx) error {
		for i := range 20_000 {
			if err := insert(b.Context(), tx, secret("prod", fmt.Sprint(i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		f := store.Filter{Kind: backend.KindSecret, Project: "project", Limit: backend.MaxPage}
		for more := true; more; {
			err := s.View(b.Context(), func(tx store.Tx) error {
				page, err := tx.Objects(b.Context(), f)
				if more = len(page) > 0; more {
					f.AfterName, f.AfterID = page[len(page)-1].Name, page[len(page)-1].ID
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkCommit commits transactions that change one object.
func BenchmarkCommit(b *testing.B) {
	s := create(b)
	o := secret("prod", "counter")
	if err := s.Update(b.Context(), func(tx store.Tx) error { return tx.InsertObject(b.Context(), o) }); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		o.Revision++
		if err := s.Update(b.Context(), func(tx store.Tx) error { return tx.UpdateObject(b.Context(), o) }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

func BenchmarkAppendRecords(b *testing.B) {
	s := create(b)
	r := store.Record{
		At: time.Now(), Principal: "ci", Role: backend.RoleRuntime, Verb: "resolve", Code: "ok",
		Detail: []byte(`{"project":"p","environment":"prod","names":["a","b","c"]}`),
	}
	for b.Loop() {
		if err := s.AppendRecords(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// BenchmarkInsert inserts 1,000 secrets with their first versions in one transaction.
func BenchmarkInsert(b *testing.B) {
	s := create(b)
	round := 0
	for b.Loop() {
		round++
		err := s.Update(b.Context(), func(tx store.Tx) error {
			for i := range 1_000 {
				if err := insert(b.Context(), tx, secret("prod", fmt.Sprintf("name_%d_%d", round, i))); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCount counts 20,000 secrets, as the quota check does.
func BenchmarkCount(b *testing.B) {
	s := create(b)
	err := s.Update(b.Context(), func(tx store.Tx) error {
		for i := range 20_000 {
			if err := insert(b.Context(), tx, secret("prod", fmt.Sprint(i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		err := s.View(b.Context(), func(tx store.Tx) error {
			_, err := tx.Count(b.Context(), store.Filter{Kind: backend.KindSecret, Project: "project"})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
