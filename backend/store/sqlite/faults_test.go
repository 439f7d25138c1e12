// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/storetest"
)

// insertUntilError inserts secrets until an error occurs.
func insertUntilError(ctx context.Context, tx store.Tx) error {
	for i := range 100_000 {
		if err := insert(ctx, tx, secret("prod", fmt.Sprintf("name_%d", i))); err != nil {
			return err
		}
	}
	return nil
}

func TestFullDatabaseLosesNoCommit(t *testing.T) {
	s := create(t)
	if err := add(t.Context(), s, "before"); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.LimitPages(t.Context(), s, 5); err != nil {
		t.Fatal(err)
	}
	err := s.Update(t.Context(), func(tx store.Tx) error { return insertUntilError(t.Context(), tx) })
	wantError(t, err, backend.ErrStorageFull, s.Path())
	wantIntact(t, s, 1)
	if err := add(t.Context(), s, "after"); err != nil {
		t.Errorf("with free space again: %v", err)
	}
	wantIntact(t, s, 2)
}

// SQLite rolls back when the database is full. Later statements must not commit on their own.
func TestTransactionRefusesStatementsAfterARollback(t *testing.T) {
	s := create(t)
	if err := sqlite.LimitPages(t.Context(), s, 5); err != nil {
		t.Fatal(err)
	}
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if err := insertUntilError(t.Context(), tx); err == nil {
			t.Error("the database did not become full")
		}
		if err := tx.InsertToken(t.Context(), store.Token{ID: "late"}); !errors.Is(err, backend.ErrStorageFull) {
			t.Errorf("a later statement returns %v, want ErrStorageFull", err)
		}
		return nil
	})
	wantError(t, err, backend.ErrStorageFull, s.Path())
	wantIntact(t, s, 0)
	_ = s.View(t.Context(), func(tx store.Tx) error {
		if tokens, err := tx.Tokens(t.Context()); err != nil || len(tokens) != 0 {
			t.Errorf("the database has the tokens %v (%v), want none", tokens, err)
		}
		return nil
	})
}

// A violated constraint undoes only its own statement.
func TestTransactionContinuesAfterAViolatedConstraint(t *testing.T) {
	s := create(t)
	err := s.Update(t.Context(), func(tx store.Tx) error {
		o := secret("prod", "a")
		if err := insert(t.Context(), tx, o); err != nil {
			return err
		}
		if err := tx.InsertObject(t.Context(), o); !errors.Is(err, backend.ErrExists) {
			t.Errorf("inserting the object again returns %v, want ErrExists", err)
		}
		if err := tx.DeleteObject(t.Context(), "absent"); !errors.Is(err, backend.ErrNotFound) {
			t.Errorf("deleting a missing object returns %v, want ErrNotFound", err)
		}
		return insert(t.Context(), tx, secret("prod", "b"))
	})
	if err != nil {
		t.Fatal(err)
	}
	wantIntact(t, s, 2)
}

// On a full file system the log cannot grow.
func TestFullDiskLosesNoCommit(t *testing.T) {
	dir, remount := storetest.MountTmpfs(t, "size=1m")
	s, err := sqlite.Create(t.Context(), filepath.Join(dir, "pouncet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := add(t.Context(), s, "before"); err != nil {
		t.Fatal(err)
	}
	acknowledged := 1
	for i := 0; ; i++ {
		if err = add(t.Context(), s, fmt.Sprintf("small_%d", i)); err != nil {
			break
		}
		acknowledged++
	}
	wantError(t, err, backend.ErrStorageFull, s.Path())
	err = s.AppendRecords(t.Context(), store.Record{Detail: make([]byte, 1<<20)})
	wantError(t, err, backend.ErrStorageFull, s.Path())
	wantIntact(t, s, acknowledged)

	remount("size=8m")
	if err := add(t.Context(), s, "after"); err != nil {
		t.Errorf("with free space again: %v", err)
	}
	wantIntact(t, s, acknowledged+1)

	// Create on a full disk leaves no file.
	small, _ := storetest.MountTmpfs(t, "size=16k")
	path := filepath.Join(small, "pouncet.db")
	_, err = sqlite.Create(t.Context(), path)
	wantError(t, err, backend.ErrStorageFull, path)
	wantFiles(t, small)
}

func TestCheckReportsAFullDisk(t *testing.T) {
	dir, remount := storetest.MountTmpfs(t, "size=1m")
	s, err := sqlite.Create(t.Context(), filepath.Join(dir, "pouncet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("with free space: %v", err)
	}
	remount("size=256k")
	wantError(t, s.Check(t.Context()), backend.ErrStorageFull, s.Path())
	remount("size=1m")
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("with free space again: %v", err)
	}
	if after, err := os.ReadDir(dir); err != nil || len(after) > len(before)+2 { // the log and its index
		t.Errorf("the check left files: %v, %v", after, err)
	}
}

func TestOpenOnAReadOnlyDiskIsAnError(t *testing.T) {
	dir, remount := storetest.MountTmpfs(t, "size=8m")
	path := filepath.Join(dir, "pouncet.db")
	s, err := sqlite.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	remount("ro")
	s, err = sqlite.Open(t.Context(), path)
	if err == nil {
		_ = s.Close()
	}
	if !errors.Is(err, backend.ErrDenied) && !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("opening on a read-only disk returns %v", err)
	}
	if e := backend.AsError(err); !strings.Contains(e.Message, path) || !strings.Contains(e.Hint, "write") {
		t.Errorf("error %q (hint %q) does not name the path and the missing permission", e.Message, e.Hint)
	}
}

func TestLockedDatabaseCanBeReadButNotWritten(t *testing.T) {
	const wait = 150 * time.Millisecond
	s := create(t, sqlite.WithBusyTimeout(wait))
	if err := add(t.Context(), s, "a"); err != nil {
		t.Fatal(err)
	}
	other := raw(t, s.Path())
	mustExec(t, other, "BEGIN IMMEDIATE")

	err := add(t.Context(), s, "b")
	wantError(t, err, backend.ErrUnavailable, s.Path())
	if !strings.Contains(err.Error(), "locked by another process (waited 150ms)") {
		t.Errorf("the error is %q", err)
	}
	wantError(t, s.AppendRecords(t.Context(), store.Record{}), backend.ErrUnavailable, s.Path())
	wantError(t, s.Check(t.Context()), backend.ErrUnavailable, s.Path())
	if got := count(t, s); got != 1 {
		t.Errorf("a reader of the locked database counts %d, want 1", got)
	}
	again, err := sqlite.Open(t.Context(), s.Path(), sqlite.WithBusyTimeout(wait))
	if err != nil {
		t.Fatalf("opening the locked database: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}

	mustExec(t, other, "COMMIT")
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("after the lock: %v", err)
	}
	if err := add(t.Context(), s, "b"); err != nil {
		t.Errorf("after the lock was released: %v", err)
	}
	wantIntact(t, s, 2)
}

func TestOpenWaitsForExclusiveLock(t *testing.T) {
	path := newDatabase(t)
	other := raw(t, path)
	mustExec(t, other, "PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "DELETE FROM token")

	_, err := sqlite.Open(t.Context(), path, sqlite.WithBusyTimeout(150*time.Millisecond))
	wantError(t, err, backend.ErrUnavailable, path)

	opened := make(chan error)
	onBusy, busy := sqlite.OnBusy()
	go func() {
		s, err := sqlite.Open(t.Context(), path, onBusy)
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	<-busy
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Errorf("after the lock was released: %v", err)
	}
}

func TestWaitForALockEndsWithTheContextOrTheLock(t *testing.T) {
	onBusy, busy := sqlite.OnBusy()
	s := create(t, sqlite.WithBusyTimeout(time.Hour), onBusy)
	other := raw(t, s.Path())
	mustExec(t, other, "BEGIN IMMEDIATE")

	done := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- add(ctx, s, "a") }()
	<-busy
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("waiting with a cancelled context returns %v", err)
	}

	go func() { done <- add(t.Context(), s, "a") }()
	<-busy
	mustExec(t, other, "ROLLBACK")
	if err := <-done; err != nil {
		t.Errorf("after the lock was released: %v", err)
	}
	wantIntact(t, s, 1)
}

func TestDamagedDatabaseIsAnError(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(content []byte) []byte
		opens  bool // the header is intact, so that only Check is sure to notice
	}{
		{"overwritten header", func(b []byte) []byte { copy(b, "garbage garbage garbage garbage"); return b }, false},
		{"invalid page size", func(b []byte) []byte { b[16], b[17] = 0x12, 0x34; return b }, false},
		{"overwritten schema", func(b []byte) []byte { overwrite(b[100:4096]); return b }, false},
		{"overwritten middle", func(b []byte) []byte { overwrite(b[len(b)/2:]); return b }, true},
		{"missing deployment id", nil, false},
		{"truncated file", func(b []byte) []byte { return b[:len(b)/2] }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "pouncet.db")
			s, err := sqlite.Create(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			names := make([]string, 500)
			for i := range names {
				names[i] = fmt.Sprintf("name_%d", i)
			}
			if err := add(t.Context(), s, names...); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if c.damage != nil {
				write(t, path, c.damage(read(t, path)))
			} else {
				db := raw(t, path)
				mustExec(t, db, "DELETE FROM deployment")
				_ = db.Close()
			}

			s, err = sqlite.Open(t.Context(), path)
			if err != nil {
				wantError(t, err, backend.ErrCorrupt, path)
				return
			}
			defer s.Close()
			if !c.opens {
				t.Error("Open returned no error")
			}
			wantError(t, s.CheckIntegrity(t.Context()), backend.ErrCorrupt, path)
		})
	}
}

func overwrite(b []byte) {
	for i := range b {
		b[i] = byte(i*7 + 13)
	}
}

func TestRemovedDatabaseIsAnError(t *testing.T) {
	for name, remove := range map[string]func(path string) error{
		"removed":  os.Remove,
		"replaced": func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := create(t)
			if err := add(t.Context(), s, "a"); err != nil {
				t.Fatal(err)
			}
			if err := remove(s.Path()); err != nil {
				t.Fatal(err)
			}
			wantError(t, add(t.Context(), s, "b"), backend.ErrUnavailable, s.Path())
			wantError(t, s.AppendRecords(t.Context(), store.Record{}), backend.ErrUnavailable, s.Path())
			wantError(t, s.Check(t.Context()), backend.ErrUnavailable, s.Path())
		})
	}
}

func TestResultCodesBecomeErrors(t *testing.T) {
	s := create(t)
	for code, want := range map[int]error{
		lib.SQLITE_BUSY:                  backend.ErrUnavailable,
		lib.SQLITE_BUSY_SNAPSHOT:         backend.ErrUnavailable,
		lib.SQLITE_LOCKED:                backend.ErrUnavailable,
		lib.SQLITE_FULL:                  backend.ErrStorageFull,
		lib.SQLITE_IOERR_SHMSIZE:         backend.ErrStorageFull,
		lib.SQLITE_IOERR_WRITE:           backend.ErrUnavailable,
		lib.SQLITE_IOERR_FSYNC:           backend.ErrUnavailable,
		lib.SQLITE_IOERR_CORRUPTFS:       backend.ErrCorrupt,
		lib.SQLITE_CORRUPT:               backend.ErrCorrupt,
		lib.SQLITE_CORRUPT_INDEX:         backend.ErrCorrupt,
		lib.SQLITE_NOTADB:                backend.ErrCorrupt,
		lib.SQLITE_CONSTRAINT_UNIQUE:     backend.ErrExists,
		lib.SQLITE_CONSTRAINT_PRIMARYKEY: backend.ErrExists,
		lib.SQLITE_CONSTRAINT_FOREIGNKEY: backend.ErrInternal,
		lib.SQLITE_CONSTRAINT_NOTNULL:    backend.ErrInternal,
		lib.SQLITE_READONLY:              backend.ErrDenied,
		lib.SQLITE_READONLY_DBMOVED:      backend.ErrUnavailable,
		lib.SQLITE_PERM:                  backend.ErrDenied,
		lib.SQLITE_CANTOPEN:              backend.ErrUnavailable,
		lib.SQLITE_NOMEM:                 backend.ErrUnavailable,
		lib.SQLITE_TOOBIG:                backend.ErrTooLarge,
		lib.SQLITE_ERROR:                 backend.ErrInternal,
		0:                                backend.ErrInternal,
	} {
		err := s.Classify(code, errors.New("cause"))
		if !errors.Is(err, want) || !strings.Contains(err.Error(), s.Path()) {
			t.Errorf("code %d gives %v, want code %s", code, err, backend.AsError(want).Code)
		}
	}
}

// wantIntact checks that a database is undamaged and holds this number of secrets, each with its version.
func wantIntact(t *testing.T, s *sqlite.Store, secrets int) {
	t.Helper()
	if err := s.CheckIntegrity(t.Context()); err != nil {
		t.Errorf("CheckIntegrity: %v", err)
	}
	err := s.View(t.Context(), func(tx store.Tx) error {
		objects, err := tx.Objects(t.Context(), store.Filter{Kind: backend.KindSecret})
		if err != nil {
			return err
		}
		var keys []store.VersionKey
		for _, o := range objects {
			keys = append(keys, store.VersionKey{Object: o.ID, Version: 1})
		}
		versions, err := tx.Versions(t.Context(), keys)
		if len(objects) != secrets || len(versions) != secrets {
			t.Errorf("the database has %d secrets and %d versions, want %d", len(objects), len(versions), secrets)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
