// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/storetest"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t testing.TB, dir string) store.Store {
		path := filepath.Join(dir, "pouncet.db")
		s, err := sqlite.Open(t.Context(), path)
		if errors.Is(err, backend.ErrNotFound) {
			s, err = sqlite.Create(t.Context(), path)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// created_by may contain the separator that Lookup uses between texts. Other columns may not.
func TestLookupWithTheSeparatorInATextColumn(t *testing.T) {
	s := create(t)
	plain, broken := secret("prod", "plain"), secret("prod", "broken")
	broken.Type = "a\x1fb"
	err := s.Update(t.Context(), func(tx store.Tx) error {
		for _, o := range []store.Object{plain, broken} {
			if err := tx.InsertObject(t.Context(), o); err != nil {
				return err
			}
		}
		return tx.InsertVersion(t.Context(), store.Version{
			Object: plain.ID, Version: 1, EnvironmentKey: "k", CreatedAt: plain.CreatedAt, CreatedBy: "a\x1fb\x1f",
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	lookup := func(name string) (entry store.Entry, err error) {
		err = s.View(t.Context(), func(tx store.Tx) error {
			l := store.Lookup{
				Kind: plain.Kind, Project: plain.Project, Names: []string{name}, Environments: []string{"prod"},
				Scopes: []string{plain.Scope},
			}
			return tx.Lookup(t.Context(), l, func(e store.Entry) { entry = e })
		})
		return entry, err
	}
	e, err := lookup("plain")
	if err != nil || e.Current.CreatedBy != "a\x1fb\x1f" || e.Current.EnvironmentKey != "k" || e.Object.ID != plain.ID {
		t.Errorf("got %+v, %v", e, err)
	}
	if e, err := lookup("broken"); !errors.Is(err, backend.ErrCorrupt) {
		t.Errorf("got %+v, %v; want ErrCorrupt", e, err)
	}
	err = s.View(t.Context(), func(tx store.Tx) error {
		all, err := tx.VersionsBefore(t.Context(), plain.Project, plain.ID, 2, 10)
		if err == nil && (len(all) != 1 || all[0].CreatedBy != "a\x1fb\x1f" || all[0].EnvironmentKey != "k" ||
			all[0].Object != plain.ID || all[0].Version != 1) {
			t.Errorf("the versions are %+v", all)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestLookupsUseAnIndex reads how SQLite runs lookups, with and without versions.
func TestLookupsUseAnIndex(t *testing.T) {
	s := create(t)
	for want, l := range map[string]store.Lookup{
		"object_by_link (project=? AND link=?)": {Kind: backend.KindDraftChange, Project: "project", Link: "draft"},
		"(project=? AND kind=? AND name=?)": {Kind: backend.KindSecret, Project: "project", Environments: []string{"dev"},
			Scopes: []string{"project"}, Names: []string{"a", "b"}},
	} {
		for _, l.ObjectsOnly = range []bool{false, true} {
			err := s.View(t.Context(), func(tx store.Tx) error {
				plan, err := sqlite.PlanOfLookup(t.Context(), tx, l)
				if !strings.Contains(plan, want) || strings.Contains(plan, "SEARCH v USING INDEX") == l.ObjectsOnly {
					t.Errorf("%+v: SQLite runs %q, want a search with %s", l, plan, want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestScopesAreReadFromTheIndex reads how SQLite lists scopes: without the rows.
func TestScopesAreReadFromTheIndex(t *testing.T) {
	s := create(t)
	for _, f := range []store.Filter{
		{Kind: backend.KindSecret, Project: "project", BeforeName: "~", Limit: 1_001},
		{Kind: backend.KindSecret, Project: "project", Environment: "dev", BeforeName: "~"},
		{Kind: backend.KindSecret, Project: "project", BeforeName: "~", Regions: &store.Regions{{Environment: "dev"}}},
	} {
		err := s.View(t.Context(), func(tx store.Tx) error {
			plan, err := sqlite.PlanOfScopes(t.Context(), tx, f)
			if !strings.Contains(plan, "SEARCH o USING COVERING INDEX") || !strings.Contains(plan, "(project=? AND kind=?") {
				t.Errorf("%+v: SQLite runs %q, want a search in the index alone", f, plan)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestObjectsAreFoundByTheIndexOfTheirPlace reads how SQLite runs the queries that every command makes. A scan would
// read all objects of all projects.
func TestObjectsAreFoundByTheIndexOfTheirPlace(t *testing.T) {
	s := create(t)
	deleted := backend.Kind(stored.DeletedKind + string(backend.KindProject))
	for want, filters := range map[string][]store.Filter{
		"(project=? AND kind=? AND name=?": {
			{Kind: backend.KindProject, Name: "default"},
			{Kind: backend.KindSecret, Project: "project", Environment: "dev", Name: "a"},
		},
		"(project=? AND kind=?": {
			{Kind: backend.KindProject}, {Kind: deleted}, {Kind: backend.KindProject, BeforeName: "~", Limit: 1_001},
		},
		"(project=? AND kind=? AND name>? AND name<?)": {
			{Kind: backend.KindSecret, Project: "project", AfterName: "db", BeforeName: "db}", Limit: 1_001},
		},
		"(id=?)": {{Kind: backend.KindProject, ID: "id"}},
	} {
		for _, f := range filters {
			err := s.View(t.Context(), func(tx store.Tx) error {
				plan, err := sqlite.PlanOfObjects(t.Context(), tx, f)
				if !strings.Contains(plan, "SEARCH o USING INDEX") || !strings.Contains(plan, want) {
					t.Errorf("%+v: SQLite runs %q, want a search with %s", f, plan, want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
