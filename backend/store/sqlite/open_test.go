// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// wantError checks that an error is a *backend.Error with the code of want, that it names the path, and that it has a
// hint.
func wantError(t *testing.T, err, want error, path string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want code %s", err, backend.AsError(want).Code)
	}
	e, ok := err.(*backend.Error)
	if !ok {
		t.Fatalf("the error is a %T, want a *backend.Error", err)
	}
	if !strings.Contains(e.Message, path) || e.Hint == "" {
		t.Errorf("error %q (hint %q) does not name the path, or has no hint", e.Message, e.Hint)
	}
}

// newDatabase creates a database, and returns its path.
func newDatabase(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pouncet.db")
	s, err := sqlite.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// raw opens a database with database/sql.
func raw(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func mustExec(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func add(ctx context.Context, s store.Store, names ...string) error {
	return s.Update(ctx, func(tx store.Tx) error {
		for _, n := range names {
			if err := insert(ctx, tx, secret("prod", n)); err != nil {
				return err
			}
		}
		return nil
	})
}

func count(t testing.TB, s store.Store) (n int) {
	t.Helper()
	err := s.View(t.Context(), func(tx store.Tx) (err error) {
		n, err = tx.Count(t.Context(), store.Filter{Kind: backend.KindSecret})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(t *testing.T, path string)
		want  error
	}{
		{"a missing file", func(*testing.T, string) {}, backend.ErrNotFound},
		{"a folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, backend.ErrInvalid},
		{"an empty file", func(t *testing.T, path string) { write(t, path, nil) }, backend.ErrInvalid},
		{"a text file", func(t *testing.T, path string) {
			write(t, path, []byte(strings.Repeat("hello ", 1000)))
		}, backend.ErrCorrupt},
		{"a database of another program", func(t *testing.T, path string) {
			db := raw(t, path)
			mustExec(t, db, "CREATE TABLE t (x)", "PRAGMA user_version = 1")
			_ = db.Close()
		}, backend.ErrInvalid},
		{"a database with a newer schema", func(t *testing.T, path string) {
			s, err := sqlite.Create(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			_ = s.Close()
			db := raw(t, path)
			mustExec(t, db, "PRAGMA user_version = 9999")
			_ = db.Close()
		}, backend.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "pouncet.db")
			c.setup(t, path)
			before := read(t, path)
			s, err := sqlite.Open(t.Context(), path)
			if err == nil {
				_ = s.Close()
			}
			wantError(t, err, c.want, path)
			if !bytes.Equal(before, read(t, path)) {
				t.Error("the file was changed")
			}
		})
	}
}

// If a database names an earlier schema than it has, it was changed outside Pouncet, or its migration was interrupted.
func TestOpenRefusesAnotherSchemaThanTheDatabaseSays(t *testing.T) {
	for _, version := range []int{-1, 0, 1, 2, 3, 4, 5, 6} {
		for _, file := range []string{"database", "records of reads"} {
			if file != "database" && version > 2 {
				continue // they have fewer schemas
			}
			t.Run(fmt.Sprint(file, " ", version), func(t *testing.T) {
				path, deployment := newReadLog(t, newDatabase(t))
				open := func() error {
					l, err := sqlite.OpenReadLog(t.Context(), path, deployment)
					if err == nil {
						_ = l.Close()
					}
					return err
				}
				if file == "database" {
					path = strings.TrimSuffix(path, "-reads.db") + ".db"
					open = func() error {
						s, err := sqlite.Open(t.Context(), path)
						if err == nil {
							_ = s.Close()
						}
						return err
					}
				}
				db := raw(t, path)
				mustExec(t, db, fmt.Sprintf("PRAGMA user_version = %d", version))
				_ = db.Close()
				err := open()
				code := backend.AsError(err).Code
				if err == nil || code != backend.CodeCorrupt && code != backend.CodeInvalid {
					t.Fatalf("the error is %v", err)
				}
				if hint := backend.AsError(err).Hint; hint == "" || !strings.Contains(err.Error(), path) {
					t.Errorf("the error is %v, the hint %q", err, hint)
				}
			})
		}
	}
}

func TestNewerDatabaseAsksForAnUpgrade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pouncet.db")
	newer := fstest.MapFS{"migrations/9001_more.sql": {Data: []byte("CREATE TABLE more (x TEXT) STRICT")}}
	copyMigrations(t, newer)
	s, err := sqlite.Create(t.Context(), path, sqlite.WithMigrations(newer))
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	_, err = sqlite.Open(t.Context(), path)
	wantError(t, err, backend.ErrInvalid, path)
	if hint := backend.AsError(err).Hint; hint != "upgrade pouncet" {
		t.Errorf("the hint is %q", hint)
	}
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pouncet.db")
	write(t, path, []byte("mine"))
	_, err := sqlite.Create(t.Context(), path)
	wantError(t, err, backend.ErrExists, path)
	if got := read(t, path); string(got) != "mine" {
		t.Errorf("the file was changed to %q", got)
	}

	// SQLite would replay the log of a removed database into the new one.
	orphaned := filepath.Join(dir, "orphaned.db")
	write(t, orphaned+"-wal", []byte("old"))
	_, err = sqlite.Create(t.Context(), orphaned)
	wantError(t, err, backend.ErrExists, orphaned)

	missing := filepath.Join(dir, "absent", "pouncet.db")
	_, err = sqlite.Create(t.Context(), missing)
	wantError(t, err, backend.ErrUnavailable, missing)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlite.Create(cancelled, filepath.Join(dir, "cancelled.db")); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Create returns %v", err)
	}
	wantFiles(t, dir, "orphaned.db-wal", "pouncet.db")
}

func TestOneOfConcurrentCreatesSucceeds(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pouncet.db")
	var created atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := sqlite.Create(t.Context(), path)
			if errors.Is(err, backend.ErrExists) {
				// ErrExists means that the database is complete.
				if s, err = sqlite.Open(t.Context(), path); err != nil {
					t.Errorf("opening the database of another call: %v", err)
					return
				}
			} else if err != nil {
				t.Error(err)
				return
			} else {
				created.Add(1)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if created.Load() != 1 {
		t.Errorf("%d of 8 calls created the database, want 1", created.Load())
	}
	// If two connections close at the same time, neither is the last, and SQLite keeps its log. The next close removes
	// it.
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wantFiles(t, dir, "pouncet.db", "pouncet.db-shm", "pouncet.db-wal") // no draft of the others
}

func TestOnlyTheOwnerCanReadTheFiles(t *testing.T) {
	s := create(t)
	if err := add(t.Context(), s, "a"); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(s.Path() + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("the mode of the database%s is %v, want 0600", suffix, info.Mode())
		}
	}
}

func TestPathsCanHaveSpecialCharacters(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{
		"a b.db", "q?mode=memory", "h#x", "p%41", "ü🗝", "a&b=c;d", "plus+", ":memory:", "file:x",
	} {
		s, err := sqlite.Create(t.Context(), name)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%q is not in the folder: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestSettings(t *testing.T) {
	s := create(t, sqlite.WithBusyTimeout(7*time.Second))
	for _, c := range []struct{ pragma, writer, reader string }{
		{"journal_mode", "wal", "wal"},
		{"synchronous", "2", "2"}, // FULL: every commit syncs the log
		{"foreign_keys", "1", "1"},
		{"trusted_schema", "0", "0"},
		{"secure_delete", "1", "1"},
		{"query_only", "0", "1"},
		{"busy_timeout", "100", "7000"}, // the writer waits in steps
		{"application_id", fmt.Sprint(0x506f756e), fmt.Sprint(0x506f756e)},
	} {
		writer, reader, err := sqlite.Pragma(t.Context(), s, c.pragma)
		if err != nil || writer != c.writer || reader != c.reader {
			t.Errorf("%s is %s for the writer and %s for readers (%v), want %s and %s",
				c.pragma, writer, reader, err, c.writer, c.reader)
		}
	}
}

// A copy made by VACUUM INTO is not in WAL mode.
func TestOpenRestoresTheWALModeOfABackup(t *testing.T) {
	s := create(t)
	if err := add(t.Context(), s, "a"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "backup.db")
	mustExec(t, raw(t, s.Path()), "VACUUM INTO '"+path+"'")
	backup, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer backup.Close()
	if backup.Deployment() != s.Deployment() || count(t, backup) != 1 {
		t.Errorf("the backup has deployment %s and %d secrets", backup.Deployment(), count(t, backup))
	}
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Errorf("the backup is not in WAL mode: %v", err)
	}
}

func TestOpenRunsPendingMigrations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pouncet.db")
	s, err := sqlite.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := add(t.Context(), s, "a"); err != nil {
		t.Fatal(err)
	}
	deployment := s.Deployment()
	_ = s.Close()

	steps := fstest.MapFS{
		"migrations/9001_note.sql": {Data: []byte(
			"CREATE TABLE note (x TEXT NOT NULL) STRICT; INSERT INTO note VALUES ('kept');")},
		"migrations/9002_bad.sql": {Data: []byte(
			"INSERT INTO note VALUES ('rolled back'); INSERT INTO absent VALUES (1);")},
	}
	released := copyMigrations(t, steps)
	if _, err = sqlite.Open(t.Context(), path, sqlite.WithMigrations(steps)); err == nil {
		t.Fatal("a failing migration returns no error")
	}
	db := raw(t, path)
	var version int
	var notes string
	const state = "SELECT (SELECT user_version FROM pragma_user_version), group_concat(x) FROM note"
	if err := db.QueryRowContext(t.Context(), state).Scan(&version, &notes); err != nil {
		t.Fatal(err)
	}
	if version != released+1 || notes != "kept" {
		t.Errorf("after a failed migration the schema is %d with the notes %q, want %d with only the first",
			version, notes, released+1)
	}

	steps["migrations/9002_bad.sql"] = &fstest.MapFile{Data: []byte("INSERT INTO note VALUES ('corrected');")}
	var wg sync.WaitGroup
	for range 4 { // concurrent processes run each step once
		wg.Go(func() {
			s, err := sqlite.Open(t.Context(), path, sqlite.WithMigrations(steps))
			if err != nil {
				t.Error(err)
				return
			}
			if s.Deployment() != deployment || count(t, s) != 1 {
				t.Errorf("the database has changed")
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	err = db.QueryRowContext(t.Context(), "SELECT group_concat(x) FROM note").Scan(&notes)
	if err != nil || notes != "kept,corrected" {
		t.Errorf("the notes are %q (%v)", notes, err)
	}
}

// copyMigrations copies the real migrations and returns their number.
func copyMigrations(t *testing.T, to fstest.MapFS) int {
	t.Helper()
	names, err := fs.Glob(sqlite.Migrations, "migrations/*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("migrations: %v %v", names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(sqlite.Migrations, name)
		if err != nil {
			t.Fatal(err)
		}
		to[name] = &fstest.MapFile{Data: text}
	}
	return len(names)
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// read returns the content of a file, or nil if it does not exist.
func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if info, statErr := os.Stat(path); statErr != nil || info.IsDir() {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// wantFiles checks that a folder holds exactly these files.
func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}

// A new connection cannot be opened then. The file, and not its mode, is the reason.
func TestARemovedDatabaseIsReportedAsRemoved(t *testing.T) {
	s := create(t)
	var view func(depth int) error
	view = func(depth int) error { // each uses another connection
		return s.View(t.Context(), func(store.Tx) error {
			if depth == 1 {
				return nil
			}
			return view(depth - 1)
		})
	}
	if err := os.Remove(s.Path()); err != nil {
		t.Fatal(err)
	}
	err := view(4)
	if !errors.Is(err, backend.ErrUnavailable) || !strings.Contains(err.Error(), "was removed or replaced") {
		t.Errorf("a read: %v", err)
	}
}
