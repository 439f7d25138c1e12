// SPDX-License-Identifier: MPL-2.0

package audit_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// recorded is a log of projects with the ids p0, p1 and so on.
type recorded struct {
	changes, reads *counting
	from           engine.AuditedLogs
	now            func() time.Time
}

// counting is a log that counts the records that are read.
type counting struct {
	store.RecordLog
	read int
}

func (c *counting) ViewRecords(ctx context.Context, f func(store.RecordTx) error) error {
	return c.RecordLog.ViewRecords(ctx, func(tx store.RecordTx) error { return f(countingTx{tx, c}) })
}

type countingTx struct {
	store.RecordTx
	log *counting
}

func (t countingTx) RecordsOfEach(
	ctx context.Context, at []store.Position, forward bool, limit int,
) ([]store.Numbered, error) {
	records, err := t.RecordTx.RecordsOfEach(ctx, at, forward, limit)
	t.log.read += len(records)
	return records, err
}

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// newRecorded writes n records of each of some projects to both logs. Record i of all of them has the same time.
func newRecorded(t testing.TB, projects, n int) *recorded {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pouncet.db")
	changes, err := sqlite.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlite.CreateReadLog(t.Context(), path+"-reads", changes.Deployment()); err != nil {
		t.Fatal(err)
	}
	reads, err := sqlite.OpenReadLog(t.Context(), path+"-reads", changes.Deployment())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = reads.Close(), changes.Close() })
	r := &recorded{changes: &counting{RecordLog: changes}, reads: &counting{RecordLog: reads},
		from: engine.AuditedLogs{Projects: map[string]string{}}}
	for p := range projects {
		r.from.Projects[fmt.Sprint("p", p)] = fmt.Sprint("project-", p)
	}
	var records []store.Record
	for i := range n {
		for p := range projects {
			records = append(records, store.Record{Log: fmt.Sprint("p", p), Code: "ok", Principal: "ann",
				At: begin.Add(time.Duration(i) * time.Minute), Detail: []byte("{}"), Verb: fmt.Sprint("v", i%10)})
		}
		if len(records) < 10_000 && i != n-1 {
			continue
		}
		for _, l := range []store.RecordLog{changes, reads} {
			if err := l.AppendRecords(t.Context(), records...); err != nil {
				t.Fatal(err)
			}
		}
		records = nil
	}
	return r
}

func (r *recorded) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	return audit.NewReader(r.changes, r.reads, r.now).ListRecords(ctx, q, r.from)
}

// listAll returns all records of a query, and how many pages they had.
func (r *recorded) listAll(t testing.TB, q backend.Query) (objects []backend.Object, pages int) {
	t.Helper()
	for {
		page, err := r.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if pages++; pages > 2000 {
			t.Fatal("the pages do not end")
		}
		objects = append(objects, page.Objects...)
		if q.Cursor = page.Next; q.Cursor == "" {
			return objects, pages
		}
	}
}

func TestRecordsOfAllLogsAreMergedByTime(t *testing.T) {
	r := newRecorded(t, 3, 250)
	for _, oldest := range []bool{false, true} {
		for _, limit := range []int{0, 1000, 999, 250, 100, 17, 7} {
			objects, _ := r.listAll(t, backend.Query{Limit: limit, OldestFirst: oldest})
			seen := map[string]bool{}
			for _, o := range objects {
				seen[o.ID] = true
			}
			if len(objects) != 3*2*250 || len(seen) != len(objects) {
				t.Errorf("pages of %d: %d records, %d different ones", limit, len(objects), len(seen))
			}
			if !slices.IsSortedFunc(objects, func(a, b backend.Object) int {
				if oldest {
					a, b = b, a
				}
				return b.CreatedAt.Compare(a.CreatedAt)
			}) {
				t.Errorf("pages of %d: the records are not sorted", limit)
			}
		}
	}
}

// The records of a time are found without reading those before and after it.
func TestATimeIsFoundWithoutReadingTheOthers(t *testing.T) {
	r := newRecorded(t, 2, 5000)
	for name, c := range map[string]struct {
		q    backend.Query
		want int
	}{
		"the newest":        {backend.Query{Since: begin.Add(4990 * time.Minute)}, 40},
		"the oldest":        {backend.Query{Until: begin.Add(10 * time.Minute)}, 40},
		"in the middle":     {backend.Query{Since: begin.Add(2500 * time.Minute), Until: begin.Add(2510 * time.Minute)}, 40},
		"after the newest":  {backend.Query{Since: begin.Add(6000 * time.Minute)}, 0},
		"before the oldest": {backend.Query{Until: begin.Add(-time.Minute)}, 0},
	} {
		for _, oldest := range []bool{false, true} {
			r.changes.read, r.reads.read, c.q.OldestFirst = 0, 0, oldest
			if objects, _ := r.listAll(t, c.q); len(objects) != c.want {
				t.Errorf("%s: %d records, want %d", name, len(objects), c.want)
			}
			if read := r.changes.read + r.reads.read; read > 400 {
				t.Errorf("%s: %d records were read", name, read)
			}
		}
	}
}

// Clocks of servers differ, and a clock can be set back by some minutes.
func TestRecordsOutOfTheOrderOfTheirTimesAreFound(t *testing.T) {
	r := newRecorded(t, 1, 100)
	late := store.Record{Log: "p0", Code: "ok", Principal: "late", Detail: []byte("{}"), Verb: "v",
		At: begin.Add(92 * time.Minute)}
	if err := r.changes.AppendRecords(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	for _, oldest := range []bool{false, true} {
		q := backend.Query{Since: begin.Add(91 * time.Minute), Until: begin.Add(93 * time.Minute), OldestFirst: oldest}
		if objects, _ := r.listAll(t, q); len(objects) != 2*2+1 {
			t.Errorf("%d records, want 5", len(objects))
		}
	}
}

func TestAPageReadsABoundedNumberOfRecords(t *testing.T) {
	r := newRecorded(t, 1, 6000)
	for _, oldest := range []bool{false, true} {
		r.changes.read, r.reads.read = 0, 0
		page, err := r.Query(t.Context(), backend.Query{By: "bob", OldestFirst: oldest})
		if read := r.changes.read + r.reads.read; err != nil || len(page.Objects) > 0 || page.Next == "" || read > 6000 {
			t.Errorf("%d records, next %q, %d read, %v", len(page.Objects), page.Next, read, err)
		}
		if objects, pages := r.listAll(t, backend.Query{By: "bob", OldestFirst: oldest}); len(objects) > 0 || pages > 4 {
			t.Errorf("%d records in %d pages", len(objects), pages)
		}
	}
	// A page that takes too long ends early, and the next one goes on.
	clock := begin
	r.now = func() time.Time { clock = clock.Add(3 * time.Second); return clock }
	if _, pages := r.listAll(t, backend.Query{By: "bob"}); pages < 50 {
		t.Errorf("%d pages of a slow database", pages)
	}
}

func TestTooManyLogsAreRefused(t *testing.T) {
	r := newRecorded(t, 1001, 1)
	_, err := r.Query(t.Context(), backend.Query{})
	if backend.AsError(err).Code != backend.CodeTooLarge || !strings.Contains(err.Error(), "name a project") {
		t.Errorf("1001 logs: %v", err)
	}
	delete(r.from.Projects, "p7")
	if objects, _ := r.listAll(t, backend.Query{Limit: 100}); len(objects) != 2000 {
		t.Errorf("%d records of 1000 logs", len(objects))
	}
}

func TestOutcomesOfItemsSelectARecord(t *testing.T) {
	r := newRecorded(t, 1, 0)
	for i, detail := range []string{`{}`, `{"groups":[{"items":[{"kind":"secret","name":"a"},` +
		`{"kind":"secret","name":"b","code":"denied"}]}]}`, `{"omitted":{"not_found":3}}`, `broken`} {
		if err := r.reads.AppendRecords(t.Context(), store.Record{Log: "p0", At: begin.Add(time.Duration(i) * time.Second),
			Principal: "ann", Code: "ok", Verb: "resolve", Detail: []byte(detail)}); err != nil {
			t.Fatal(err)
		}
	}
	for code, want := range map[string]int{"ok": 2, "denied": 1, "not_found": 1, "invalid": 0} {
		if objects, _ := r.listAll(t, backend.Query{Code: code}); len(objects) != want {
			t.Errorf("%s: %d records, want %d", code, len(objects), want)
		}
	}
}

// BenchmarkRecords lists one page of a log with a million records.
func BenchmarkRecords(b *testing.B) {
	r := newRecorded(b, 10, 50_000) // in two logs: 1,000,000 records
	for name, q := range map[string]backend.Query{
		"newest":  {Limit: 100},
		"project": {Limit: 100, Since: begin.Add(25_000 * time.Minute), OldestFirst: true},
		"nobody":  {Limit: 100, By: "bob"},
		"verb":    {Limit: 100, Verb: "v3", Until: begin.Add(25_000 * time.Minute)},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := r.Query(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
