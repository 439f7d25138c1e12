// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/storetest"
)

func TestNotesOfResolvedSecrets(t *testing.T) {
	addresses := map[string]string{}
	var mu sync.Mutex
	storetest.RunNotes(t, func(t testing.TB, dir string) storetest.ReadLog {
		mu.Lock()
		defer mu.Unlock()
		if addresses[dir] == "" {
			addresses[dir] = created(t)
		}
		return opened(t, addresses[dir]).Reads()
	})
}

func resolving(by, secret string, at time.Time) store.Record {
	return store.Record{Log: "p", At: at, Principal: by, Resolved: []string{secret}}
}

// A read does not fail because its note cannot be written.
func TestARecordIsWrittenWithoutItsNote(t *testing.T) {
	address := created(t)
	s := opened(t, address)
	postgrestest.Exec(t, address, "DROP TABLE pouncet.last_resolved")
	for range 2 {
		if err := s.Reads().AppendRecords(t.Context(), resolving("one", "a", time.Now())); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, address, "SELECT count(*) = 2 FROM pouncet.read_record")
}

// What a replica has answered in vain is not noted, and what it has answered is.
func TestOnlyConfirmedReadsAreNoted(t *testing.T) {
	s := opened(t, created(t))
	generation := []byte("present")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return tx.SaveState(t.Context(), store.State{Name: store.GenerationState, Sealed: generation})
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for generation, want := range map[string]error{"earlier": store.ErrChanged, "present": nil} {
		r := resolving(generation, generation, now)
		r.Confirm = &store.Confirmation{Generation: []byte(generation)}
		if err := s.Reads().AppendRecords(t.Context(), r); !errors.Is(err, want) {
			t.Errorf("%s: %v", generation, err)
		}
	}
	if err := s.Reads().AppendRecords(t.Context(), resolving("again", "earlier", now)); err != nil {
		t.Fatal(err)
	}
	notes, _, err := s.Reads().LastResolved(t.Context(), "p", []string{"earlier", "present"})
	if err != nil || len(notes) != 2 || notes["earlier"].By != "again" || notes["present"].By != "present" {
		t.Errorf("%v, %v", notes, err)
	}
}

// Servers of the version before serve during and after the migration, and those of this version note what they serve.
func TestTheVersionBeforeGetsTheNotes(t *testing.T) {
	address := withoutNotes(t)
	old, err := postgres.OfVersion(notesVersion-1).Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close() //nolint:errcheck // it always returns nil
	record := func() {
		t.Helper()
		r := store.Record{Log: "p", At: time.Now(), Principal: "old"}
		if err := old.Reads().AppendRecords(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	record()
	m, err := postgres.Migrate(t.Context(), address, "")
	if err != nil || m.Stop || !slices.Equal(m.Steps, []string{"0003_last_resolved"}) {
		t.Fatalf("%+v, %v", m, err)
	}
	record()
	s := opened(t, address)
	if err := s.Reads().AppendRecords(t.Context(), resolving("new", "a", time.Now())); err != nil {
		t.Fatal(err)
	}
	record()
	notes, since, err := s.Reads().LastResolved(t.Context(), "p", []string{"a"})
	if err != nil || notes["a"].By != "new" || since.IsZero() {
		t.Errorf("%v, %v, %v", notes, since, err)
	}
	waitFor(t, address, "SELECT count(*) = 4 FROM pouncet.read_record")
}

// A database of the version before has no table of the notes, so it is not moved.
func TestADatabaseOfTheVersionBeforeIsNotMoved(t *testing.T) {
	address := withoutNotes(t)
	if _, _, err := postgres.OpenForTransfer(t.Context(), address); err == nil {
		t.Error("it is opened")
	} else if text := everyText(err); !strings.Contains(text, "pouncet server migrate --apply") {
		t.Error(text)
	}
}

// notesVersion is the version of the schema that has the notes.
const notesVersion = 3

// withoutNotes creates a database of the version before.
func withoutNotes(t *testing.T) (address string) {
	t.Helper()
	address = postgrestest.Database(t)
	nothing := func(context.Context, store.Store) error { return nil }
	if err := postgres.OfVersion(notesVersion-1).Create(t.Context(), address, nothing); err != nil {
		t.Fatal(err)
	}
	return address
}
