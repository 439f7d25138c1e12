// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/storetest"
)

func TestNotesOfResolvedSecrets(t *testing.T) {
	storetest.RunNotes(t, func(t testing.TB, dir string) storetest.ReadLog {
		path := filepath.Join(dir, "pouncet-reads.db")
		err := sqlite.CreateReadLog(t.Context(), path, "deployment")
		if err != nil && !errors.Is(err, backend.ErrExists) {
			t.Fatal(err)
		}
		return openReadLog(t, path, "deployment")
	})
}

// A read does not fail because its note cannot be written.
func TestARecordIsWrittenWithoutItsNote(t *testing.T) {
	l := readLog(t)
	mustExec(t, raw(t, l.Path()), "DROP TABLE last_resolved")
	r := readRecord("one")
	r.Log, r.Resolved = "p", []string{"a"}
	for range 2 {
		if err := l.AppendRecords(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if got := numbered(t, l.Path(), "read_record"); len(got["p"]) != 2 {
		t.Errorf("%d records", len(got["p"]))
	}
}

// A file of an earlier version gets the table of the notes, and keeps its records.
func TestAnEarlierFileGetsTheNotes(t *testing.T) {
	l := readLog(t)
	if err := l.AppendRecords(t.Context(), readRecord("one")); err != nil {
		t.Fatal(err)
	}
	path := l.Path()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	db := raw(t, path)
	mustExec(t, db, "DROP TABLE last_resolved; PRAGMA user_version = 2")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	l = openReadLog(t, path, "deployment")
	r := readRecord("two")
	r.Log, r.Resolved = "p", []string{"a"}
	if err := l.AppendRecords(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	notes, since, err := l.LastResolved(t.Context(), "p", []string{"a"})
	if err != nil || notes["a"].By != "two" || since.IsZero() {
		t.Errorf("%v, %v, %v", notes, since, err)
	}
	if got := numbered(t, path, "read_record"); len(got[""]) != 1 || len(got["p"]) != 1 {
		t.Errorf("the records are %v", got)
	}
}

// BenchmarkRecordsWithNotes measures what the notes add to the record of a read: nothing to be noted, a secret that was
// noted in the last minute, a secret that was not, and a thousand of those.
func BenchmarkRecordsWithNotes(b *testing.B) {
	for _, c := range []struct {
		name    string
		secrets int
		fresh   bool
	}{{"none", 0, false}, {"noted before", 1, false}, {"one", 1, true}, {"a thousand", 1000, true}} {
		b.Run(c.name, func(b *testing.B) {
			l := readLog(b)
			n := 0
			for b.Loop() {
				r := readRecord("one")
				for range c.secrets {
					r.Resolved = append(r.Resolved, fmt.Sprintf("019f0000-0000-7000-8000-%012d", n))
					if c.fresh {
						n++
					}
				}
				if err := l.AppendRecords(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
