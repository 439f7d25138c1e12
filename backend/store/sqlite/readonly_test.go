// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// readable opens a database for reading.
func readable(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestReadOnlyDatabaseIsReadAndNotChanged(t *testing.T) {
	path := newDatabase(t)
	writer, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := add(t.Context(), writer, "a", "b"); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	for name, log := range map[string]func(){
		"with an empty log": func() {},
		"without a log": func() {
			_ = os.Remove(path + "-wal")
			_ = os.Remove(path + "-shm")
		},
	} {
		log()
		before, files := read(t, path), filesIn(t, filepath.Dir(path))
		s := readable(t, path)
		if n := count(t, s); n != 2 {
			t.Errorf("%s: %d secrets, want 2", name, n)
		}
		for what, err := range map[string]error{
			"a change":   add(t.Context(), s, "c"),
			"a record":   s.AppendRecords(t.Context(), store.Record{Principal: "p"}),
			"its health": s.Check(t.Context()),
		} {
			if !errors.Is(err, backend.ErrDenied) {
				t.Errorf("%s: %s gives %v", name, what, err)
			}
		}
		if err := s.CheckIntegrity(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(read(t, path), before) || filesIn(t, filepath.Dir(path)) != files {
			t.Errorf("%s: the files were changed", name)
		}
	}
}

// A process that only reads sees what another one writes.
func TestReadOnlyDatabaseBesideAWriter(t *testing.T) {
	path := newDatabase(t)
	beforeWrites := readable(t, path) // while the log is empty
	writer, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	for n, name := range []string{"a", "b"} {
		if err := add(t.Context(), writer, name); err != nil {
			t.Fatal(err)
		}
		s := readable(t, path)
		if got := count(t, s); got != n+1 {
			t.Errorf("%d secrets, want %d", got, n+1)
		}
	}
	err = beforeWrites.View(t.Context(), func(store.Tx) error { return nil })
	wantError(t, err, backend.ErrUnavailable, path)
}

func TestReadOnlyDatabaseThatIsMissingOrOld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.db")
	_, err := sqlite.OpenReadOnly(t.Context(), path)
	wantError(t, err, backend.ErrNotFound, path)
	path = newDatabase(t)
	db := raw(t, path)
	mustExec(t, db, "PRAGMA user_version = 3")
	_ = db.Close()
	_, err = sqlite.OpenReadOnly(t.Context(), path)
	wantError(t, err, backend.ErrInvalid, path)
}

func filesIn(t *testing.T, dir string) (names string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names += e.Name() + " "
	}
	return names
}
