// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/storetest"
)

// readsBeside returns the path of the records of reads of a database.
func readsBeside(path string) string { return strings.TrimSuffix(path, ".db") + "-reads.db" }

// newReadLog creates the records of reads of a database, and returns the path and the deployment.
func newReadLog(t testing.TB, database string) (path, deployment string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := sqlite.CreateReadLog(t.Context(), readsBeside(database), s.Deployment()); err != nil {
		t.Fatal(err)
	}
	return readsBeside(database), s.Deployment()
}

// openReadLog opens the records of reads of a deployment.
func openReadLog(t testing.TB, path, deployment string, options ...sqlite.Option) *sqlite.ReadLog {
	t.Helper()
	l, err := sqlite.OpenReadLog(t.Context(), path, deployment, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// readLog opens new records of reads.
func readLog(t testing.TB, options ...sqlite.Option) *sqlite.ReadLog {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pouncet-reads.db")
	if err := sqlite.CreateReadLog(t.Context(), path, "deployment"); err != nil {
		t.Fatal(err)
	}
	return openReadLog(t, path, "deployment", options...)
}

// numbered returns the principals of the records of each log, in the order of their numbers, which must be dense.
func numbered(t testing.TB, path, table string) map[string][]string {
	t.Helper()
	rows, err := raw(t, path).QueryContext(t.Context(),
		"SELECT r.log, number, principal, next_number FROM "+table+" r JOIN "+strings.TrimSuffix(table, "_record")+
			"_log l ON l.log = r.log ORDER BY r.log, number")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out, last, following := map[string][]string{}, map[string]int64{}, map[string]int64{}
	for rows.Next() {
		var log, principal string
		var number, next int64
		if err := rows.Scan(&log, &number, &principal, &next); err != nil {
			t.Fatal(err)
		}
		if last[log] != 0 && number != last[log]+1 {
			t.Errorf("in log %q, record %d follows record %d", log, number, last[log])
		}
		last[log], following[log] = number, next
		out[log] = append(out[log], principal)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for log, n := range last {
		if following[log] != n+1 {
			t.Errorf("the last record of log %q has the number %d, and the next one %d", log, n, following[log])
		}
	}
	return out
}

func readRecord(principal string) store.Record {
	return store.Record{At: time.Now(), Principal: principal, Verb: "resolve", Code: "ok", Detail: []byte("{}")}
}

func TestRecordsHaveDenseNumbersInEachLog(t *testing.T) {
	path, deployment := newReadLog(t, newDatabase(t))
	logs := []*sqlite.ReadLog{openReadLog(t, path, deployment), openReadLog(t, path, deployment)} // as two processes
	runConcurrently(16, func(i int) {
		for j := range 20 {
			a, b := readRecord(fmt.Sprint(i, j)), readRecord(fmt.Sprint(i, j))
			a.Log, b.Log = fmt.Sprint("p", j%3), ""
			if err := logs[i%2].AppendRecords(t.Context(), a, b); err != nil {
				t.Error(err)
			}
		}
	})
	got := numbered(t, path, "read_record")
	if len(got) != 4 || len(got[""]) != 320 || len(got["p0"])+len(got["p1"])+len(got["p2"]) != 320 {
		t.Errorf("%d logs, %d records in that of the deployment", len(got), len(got[""]))
	}
}

func runConcurrently(n int, f func(i int)) {
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() { f(i) })
	}
	running.Wait()
}

// While one batch is written, the next one forms. A caller alone does not wait for others.
func TestRecordsShareCommits(t *testing.T) {
	l := readLog(t)
	var sizes []int
	entered, proceed := make(chan struct{}), make(chan struct{})
	sqlite.OnWrite(l, func(records int) {
		sizes = append(sizes, records)
		entered <- struct{}{}
		<-proceed
	})
	var running sync.WaitGroup
	appendOne := func(name string) {
		running.Go(func() {
			if err := l.AppendRecords(t.Context(), readRecord(name)); err != nil {
				t.Error(err)
			}
		})
	}
	appendOne("alone")
	<-entered
	for i := range 200 {
		appendOne(fmt.Sprint(i))
	}
	for sqlite.WaitingRecords(l) < 200 {
		time.Sleep(time.Millisecond)
	}
	proceed <- struct{}{}
	for range 2 {
		<-entered
		proceed <- struct{}{}
	}
	running.Wait()
	if !slices.Equal(sizes, []int{1, 128, 72}) {
		t.Errorf("the commits have %v records", sizes)
	}
	if got := numbered(t, l.Path(), "read_record"); len(got[""]) != 201 {
		t.Errorf("%d records", len(got[""]))
	}
}

// A caller that leaves does not make the others of its batch fail.
func TestCancelledRecordsDoNotStopABatch(t *testing.T) {
	l := readLog(t)
	ctx, cancel := context.WithCancel(t.Context())
	var once sync.Once
	sqlite.OnWrite(l, func(int) { once.Do(cancel) }) // while the first is written, which has this context
	failed := l.AppendRecords(ctx, readRecord("leaves"))
	if failed != nil && !errors.Is(failed, context.Canceled) {
		t.Errorf("the cancelled call returns %v", failed)
	}
	runConcurrently(20, func(i int) {
		if err := l.AppendRecords(t.Context(), readRecord(fmt.Sprint(i))); err != nil {
			t.Error(err)
		}
	})
	if err := l.AppendRecords(ctx, readRecord("left")); !errors.Is(err, context.Canceled) {
		t.Errorf("a call with a cancelled context returns %v", err)
	}
	if got := numbered(t, l.Path(), "read_record"); slices.Contains(got[""], "left") || len(got[""]) < 20 {
		t.Errorf("the records are of %v", got[""])
	}
}

// A panic while a batch is written ends its calls, and no other.
func TestPanicEndsOnlyItsBatch(t *testing.T) {
	l := readLog(t)
	panics := true
	sqlite.OnWrite(l, func(int) {
		if panics {
			panics = false
			panic("on purpose")
		}
	})
	err := l.AppendRecords(t.Context(), readRecord("a"))
	if !errors.Is(err, backend.ErrInternal) || !strings.Contains(err.Error(), "on purpose") {
		t.Errorf("the call returns %v", err)
	}
	if err := l.AppendRecords(t.Context(), readRecord("b")); err != nil {
		t.Errorf("the next call returns %v", err)
	}
	if got := numbered(t, l.Path(), "read_record"); !slices.Equal(got[""], []string{"b"}) {
		t.Errorf("the records are of %v", got[""])
	}
}

// A record that cannot be written makes only its own call fail.
func TestOneRefusedRecordDoesNotFailItsBatch(t *testing.T) {
	l := readLog(t)
	if err := l.AppendRecords(t.Context(), readRecord("first")); err != nil {
		t.Fatal(err)
	}
	mustExec(t, raw(t, l.Path()), "INSERT INTO read_log (log, next_number) VALUES ('forged', 1)",
		`INSERT INTO read_record SELECT 99, 'forged', 1, at, principal, role, verb, phase, code, detail, hash
			FROM read_record`)
	entered, proceed := make(chan struct{}, 100), make(chan struct{})
	sqlite.OnWrite(l, func(int) {
		entered <- struct{}{}
		<-proceed
	})
	var running sync.WaitGroup
	errs := make([]error, 10)
	running.Go(func() { errs[0] = l.AppendRecords(t.Context(), readRecord("0")) })
	<-entered
	for i := 1; i < 10; i++ {
		running.Go(func() {
			r := readRecord(fmt.Sprint(i))
			if i == 5 {
				r.Log = "forged"
			}
			errs[i] = l.AppendRecords(t.Context(), r)
		})
	}
	for sqlite.WaitingRecords(l) < 9 {
		time.Sleep(time.Millisecond)
	}
	close(proceed)
	running.Wait()
	for i, err := range errs {
		if i == 5 {
			wantError(t, err, backend.ErrCorrupt, l.Path())
		} else if err != nil {
			t.Errorf("call %d returns %v", i, err)
		}
	}
	mustExec(t, raw(t, l.Path()), "DELETE FROM read_record WHERE log = 'forged'")
	if got := numbered(t, l.Path(), "read_record"); len(got[""]) != 10 {
		t.Errorf("the records are of %v", got[""])
	}
}

func TestOldRecordsOfEachLogAreDeleted(t *testing.T) {
	path := newDatabase(t)
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for table, l := range map[string]store.RecordLog{"change_record": s, "read_record": readLog(t)} {
		path := path
		if reads, ok := l.(*sqlite.ReadLog); ok {
			path = reads.Path()
		}
		now := time.Now()
		for _, r := range []struct {
			log, name string
			age       time.Duration
		}{
			{"a", "1", 9}, {"a", "2", 8}, {"b", "1", 9}, {"b", "2", 1},
			{"a", "3", 1}, {"a", "clock set back", 9}, {"b", "3", 1}, {"", "1", 1},
		} {
			record := store.Record{Log: r.log, Principal: r.name, At: now.Add(-r.age * time.Hour)}
			if err := l.AppendRecords(t.Context(), record); err != nil {
				t.Fatal(err)
			}
		}
		expired := func(log string, n int) store.Record {
			return store.Record{Log: log, Principal: fmt.Sprint("deleted ", n), At: now}
		}
		total := 0
		for range 5 {
			n, err := l.DeleteRecords(t.Context(), now.Add(-5*time.Hour), 2, expired)
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
		got := numbered(t, path, table)
		if total != 3 || fmt.Sprint(got) != "map[:[1] a:[3 clock set back deleted 2] b:[2 3 deleted 1]]" {
			t.Errorf("%s: %d records were deleted, and these are left: %v", table, total, got)
		}
	}
}

// The numbers of a log go on after all its records were deleted.
func TestNumbersAreNotUsedAgain(t *testing.T) {
	l := readLog(t)
	for range 3 {
		if err := l.AppendRecords(t.Context(), readRecord("a")); err != nil {
			t.Fatal(err)
		}
	}
	mustExec(t, raw(t, l.Path()), "DELETE FROM read_record")
	if err := l.AppendRecords(t.Context(), readRecord("b")); err != nil {
		t.Fatal(err)
	}
	var number int
	if err := raw(t, l.Path()).QueryRowContext(t.Context(), "SELECT number FROM read_record").Scan(&number); err != nil ||
		number != 4 {
		t.Errorf("the record has the number %d, %v", number, err)
	}
}

func TestReadLogRefusesOtherFiles(t *testing.T) {
	database := newDatabase(t)
	path, deployment := newReadLog(t, database)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has the mode %v, %v", info.Mode(), err)
	}
	wantError(t, sqlite.CreateReadLog(t.Context(), path, deployment), backend.ErrExists, path)
	for name, c := range map[string]struct {
		path, deployment string
		want             error
	}{
		"a missing file":                {path + "x", deployment, backend.ErrNotFound},
		"the database":                  {database, deployment, backend.ErrInvalid},
		"the file of another database":  {path, "other", backend.ErrCorrupt},
		"a file with a changed schema":  {path, deployment, backend.ErrCorrupt},
		"a file of a newer version":     {path, deployment, backend.ErrInvalid},
		"a file that is not a database": {path, deployment, backend.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			content := read(t, path)
			defer write(t, path, content)
			switch name {
			case "a file with a changed schema":
				db := raw(t, path)
				mustExec(t, db, "CREATE TRIGGER undo AFTER INSERT ON read_record BEGIN DELETE FROM read_record; END")
				_ = db.Close()
			case "a file of a newer version":
				db := raw(t, path)
				mustExec(t, db, "PRAGMA user_version = 99")
				_ = db.Close()
			case "a file that is not a database":
				write(t, path, []byte(strings.Repeat("garbage ", 1000)))
			}
			l, err := sqlite.OpenReadLog(t.Context(), c.path, c.deployment)
			if err == nil {
				_ = l.Close()
			}
			wantError(t, err, c.want, c.path)
		})
	}
	if _, err := sqlite.Open(t.Context(), path); !errors.Is(err, backend.ErrInvalid) {
		t.Errorf("the records of reads as a database: %v", err)
	}
}

// fill writes a file until the disk is full.
func fill(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "filled")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 64 << 10; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	_ = f.Close()
	return path
}

// record500 is like the record of a read of one secret from a server.
func record500() store.Record {
	r := readRecord("ci")
	r.Log, r.Detail = "01a218fb-323d-7ce7-8a23-3bb050d37a27", []byte(`{"padding":"`+strings.Repeat("x", 400)+`"}`)
	return r
}

// On a full disk, records go on until the reserve is used up. Then they fail, and none that was accepted is lost.
func TestRecordsContinueOnAFullDisk(t *testing.T) {
	for name, reserve := range map[string]int64{"a new file": sqlite.MinReserve, "a larger reserve": 3 << 19} {
		t.Run(name, func(t *testing.T) {
			dir, _ := storetest.MountTmpfs(t, "size=32m")
			path := filepath.Join(dir, "pouncet-reads.db")
			if err := sqlite.CreateReadLog(t.Context(), path, "d"); err != nil {
				t.Fatal(err)
			}
			l := openReadLog(t, path, "d")
			l.Reserve(t.Context(), reserve)
			for range 600 { // the reserve is used and refilled
				if err := l.AppendRecords(t.Context(), record500()); err != nil {
					t.Fatal(err)
				}
			}
			// Also a process that starts on the full disk can write.
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = openReadLog(t, path, "d")
			l.Reserve(t.Context(), reserve)
			if low, err := l.Check(t.Context()); low != nil || err != nil {
				t.Errorf("before the disk is full, Check reports %v, %v", low, err)
			}
			filled := fill(t, dir)
			accepted := 600
			var err error
			for ; ; accepted++ {
				if err = l.AppendRecords(t.Context(), record500()); err != nil {
					break
				}
				if accepted == 700 {
					// Half of the reserve is left at least, so that Check has nothing to do, or the disk is found to be full.
					if _, err := l.Check(t.Context()); err != nil {
						t.Errorf("with a reserve, Check reports %v", err)
					}
				}
				if accepted > 100_000 {
					t.Fatal("the disk does not become full")
				}
			}
			wantError(t, err, backend.ErrStorageFull, path)
			if n := int64(accepted - 600); n < reserve>>11 {
				t.Errorf("%d records were accepted on a full disk with a reserve of %d bytes", n, reserve)
			} else {
				t.Logf("%d records were accepted on a full disk with a reserve of %d bytes", n, reserve)
			}
			_, err = l.Check(t.Context())
			wantError(t, err, backend.ErrStorageFull, path)
			if got := numbered(t, path, "read_record"); len(got[record500().Log]) != accepted {
				t.Errorf("the file has %d records, and %d were accepted", len(got[record500().Log]), accepted)
			}
			info, err := os.Stat(filled)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(filled, info.Size()-reserve/4*3); err != nil { // there is no room for the whole reserve
				t.Fatal(err)
			}
			if low, err := l.Check(t.Context()); !errors.Is(low, backend.ErrStorageFull) || err != nil {
				t.Errorf("with some free space, Check reports %v, %v", low, err)
			}
			fill(t, dir)
			for range 100 {
				if err := l.AppendRecords(t.Context(), record500()); err != nil {
					t.Fatalf("with a smaller reserve: %v", err)
				}
			}
			if err := os.Remove(filled); err != nil {
				t.Fatal(err)
			}
			if err := l.AppendRecords(t.Context(), record500()); err != nil {
				t.Errorf("with free space again: %v", err)
			}
			if low, err := l.Check(t.Context()); low != nil || err != nil {
				t.Errorf("with free space again, Check reports %v, %v", low, err)
			}
			if err := l.CheckIntegrity(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A removed file, or one that another process has locked, is an error of Check and of each record.
func TestReadLogReportsALostFile(t *testing.T) {
	l := readLog(t, sqlite.WithBusyTimeout(100*time.Millisecond))
	other := raw(t, l.Path())
	mustExec(t, other, "BEGIN IMMEDIATE")
	wantError(t, l.AppendRecords(t.Context(), readRecord("a")), backend.ErrUnavailable, l.Path())
	_, err := l.Check(t.Context())
	wantError(t, err, backend.ErrUnavailable, l.Path())
	mustExec(t, other, "ROLLBACK")
	if err := l.AppendRecords(t.Context(), readRecord("a")); err != nil {
		t.Error(err)
	}
	if err := os.Remove(l.Path()); err != nil {
		t.Fatal(err)
	}
	wantError(t, l.AppendRecords(t.Context(), readRecord("a")), backend.ErrUnavailable, l.Path())
	_, err = l.Check(t.Context())
	wantError(t, err, backend.ErrUnavailable, l.Path())
	_ = l.Close()
	if err := l.AppendRecords(t.Context(), readRecord("a")); !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("a closed log returns %v", err)
	}
}

func BenchmarkReadLog(b *testing.B) {
	for _, callers := range []int{1, 32, 128} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			l := readLog(b)
			l.Reserve(b.Context(), 16<<20)
			b.ResetTimer()
			runConcurrently(callers, func(i int) {
				for range (b.N + callers - 1) / callers {
					if err := l.AppendRecords(b.Context(), record500()); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// The free pages that are left are used again before the file grows, so the reserve is only whole if all of it is
// written.
func TestReserveIsMadeWholeAgain(t *testing.T) {
	l := readLog(t)
	const want = 4 * sqlite.MinReserve
	l.Reserve(t.Context(), want)
	mustExec(t, raw(t, l.Path()), fmt.Sprintf(`INSERT INTO read_record (log, number, at, principal, role, verb, phase,
		code,
		detail) VALUES ('large', 1, 0, '', '', '', '', '', zeroblob(%d))`, want/4*3))
	if free, err := l.Reserved(t.Context()); err != nil || free > want/2 {
		t.Fatalf("%d bytes are free, %v", free, err)
	}
	if _, err := l.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if free, err := l.Reserved(t.Context()); err != nil || free < want {
		t.Errorf("%d bytes are free, want %d: %v", free, want, err)
	}
	if writer, reader, err := sqlite.Pragma(t.Context(), sqlite.StoreOf(l), "secure_delete"); err != nil ||
		writer != "1" || reader != "1" {
		t.Errorf("secure_delete is %s and %s: %v", writer, reader, err)
	}
}

// While the reserve is made, each call that gets the connection between two transactions overwrites what it deletes.
func TestOnlyTheReserveIsNotOverwritten(t *testing.T) {
	l := readLog(t)
	ended := make(chan struct{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				writer, _, err := sqlite.Pragma(t.Context(), sqlite.StoreOf(l), "secure_delete")
				if err != nil || writer != "1" {
					t.Errorf("secure_delete is %s: %v", writer, err)
					return
				}
			}
		})
	}
	for i := range int64(3) {
		l.Reserve(t.Context(), sqlite.MinReserve<<(2*i+1))
	}
	close(ended)
	all.Wait()
	if free, err := l.Reserved(t.Context()); err != nil || free < sqlite.MinReserve {
		t.Errorf("%d bytes are free: %v", free, err)
	}
}
