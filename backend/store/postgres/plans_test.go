// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
)

// PostgreSQL makes a plan for a statement that runs again and again only once for each connection.
func TestStatementsArePlannedOnce(t *testing.T) {
	s := opened(t, created(t))
	o := secret("s")
	if err := s.Update(t.Context(), inserting(t, o)); err != nil {
		t.Fatal(err)
	}
	const times = 20
	place := store.PlaceOf(o)
	for i := range times {
		ctx := store.WithPlaces(store.WithProjects(t.Context(), fmt.Sprint("p", i%5), "p"), place)
		if err := s.Update(ctx, func(tx store.Tx) error {
			if err := tx.AppendRecord(ctx, store.Record{Log: "p"}); err != nil {
				return err
			}
			return writing(t, place, int64(i)+1)(tx)
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := lookedUpLater(t, s, place); err != nil {
			t.Fatal(err)
		}
		if e := lookedUpIn(t, s, "s", []string{"e", "*"}, []string{"other", "project", "third"}); e.Object.ID != o.ID {
			t.Fatalf("found %+v", e.Object)
		}
		if err := s.Reads().AppendRecords(t.Context(), store.Record{Log: "p"}); err != nil {
			t.Fatal(err)
		}
	}
	plans := postgres.RepeatedPlans(t, s)
	if len(plans) == 0 {
		t.Error("no statements were prepared")
	}
	for text, n := range plans {
		if n > 5 { // PostgreSQL tries five before it uses the same plan again
			t.Errorf("%d plans were made for the same statement: %s", n, text)
		}
	}
}

// Changes look up their rows in indexes, also while the table is small enough that PostgreSQL would scan it.
func TestChangesDoNotScanTheObjects(t *testing.T) {
	address := created(t)
	s := opened(t, address)
	var places []store.Place
	var functions []func(store.Tx) error
	for i := range 1000 {
		o := secret(fmt.Sprint("s", i))
		if err := s.Update(t.Context(), inserting(t, o)); err != nil {
			t.Fatal(err)
		}
		if i < 40 {
			places, functions = append(places, store.PlaceOf(o)), append(functions, writing(t, store.PlaceOf(o), 1))
		}
	}
	_ = s.Close()
	before := scanned(t, address)
	s = opened(t, address)
	errs, commits := togetherIn(t, s, places, functions...)
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	_ = s.Close()
	if after := scanned(t, address); after != before || len(commits) != 1 {
		t.Errorf("%d commits; sequential scans have read %s rows, before %s", len(commits), after, before)
	}
}

// scanned returns how many rows of entries were read without an index. The sessions report that when they end.
func scanned(t *testing.T, address string) string {
	t.Helper()
	const others = `SELECT pid::text FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`
	for len(query(t, address, others)) > 0 {
	}
	return query(t, address, `SELECT sum(seq_tup_read)::text FROM pg_stat_user_tables
		WHERE relname IN ('object', 'object_id', 'version')`)[0]
}

// lookedUpIn looks up a name where several entries may have it.
func lookedUpIn(t *testing.T, s *postgres.Store, name string, environments, scopes []string) (found store.Entry) {
	t.Helper()
	err := s.View(t.Context(), func(tx store.Tx) error {
		return tx.Lookup(t.Context(), store.Lookup{Kind: backend.KindSecret, Project: "p", Environments: environments,
			Scopes: scopes, Names: []string{name}}, func(e store.Entry) { found = e })
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A lookup of one name finds the same as a lookup of many names, however many environments and scopes there are.
func TestLookupOfOneName(t *testing.T) {
	s := opened(t, created(t))
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprint("e", i))
		o := secret("s")
		o.Environment = many[i]
		if err := s.Update(t.Context(), inserting(t, o)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range many {
		for _, environments := range [][]string{many[:n], slices.Concat(many[:n], many[:n])} {
			var found []string
			err := s.View(t.Context(), func(tx store.Tx) error {
				return tx.Lookup(t.Context(), store.Lookup{Kind: backend.KindSecret, Project: "p", Environments: environments,
					Scopes: []string{"x", "project"}, Names: []string{"s"}},
					func(e store.Entry) { found = append(found, e.Object.Environment) })
			})
			slices.SortFunc(found, func(a, b string) int { return slices.Index(many, a) - slices.Index(many, b) })
			if err != nil || !slices.Equal(found, many[:n]) {
				t.Errorf("in %d environments: %v, error %v", n, found, err)
			}
		}
	}
}
