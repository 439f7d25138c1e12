// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// reads appends records of reads to the log p.
func reads(t *testing.T, s *postgres.Store, n int) {
	t.Helper()
	for range n {
		if err := s.Reads().AppendRecords(t.Context(), store.Record{Log: "p"}); err != nil {
			t.Fatal(err)
		}
	}
}

// wantReads fails unless the log p has the records with these numbers and no others.
func wantReads(t *testing.T, address string, first, last int) {
	t.Helper()
	got := query(t, address, `SELECT format('%s to %s: %s, then %s', min(number), max(number), count(*),
		(SELECT next_number FROM pouncet.read_log WHERE log = 'p')) FROM pouncet.read_record WHERE log = 'p'`)[0]
	if want := fmt.Sprintf("%d to %d: %d, then %d", first, last, last-first+1, last+1); got != want {
		t.Errorf("the log has the records %s, want %s", got, want)
	}
}

// A server that is the only one to write a log of reads needs one round trip for records that are written together. It
// notices if somebody else has written the log.
func TestReadsOfOneServerNeedOneRoundTrip(t *testing.T) {
	address := created(t)
	s, other := opened(t, address), opened(t, address)
	requests := postgres.CountRequests(t, s)
	reads(t, s, 3) // to find out that nobody else writes the log
	before := requests.RoundTrips
	reads(t, s, 5)
	if used := requests.RoundTrips - before; used != 5 {
		t.Errorf("5 records need %d round trips", used)
	}
	wantReads(t, address, 1, 8)
	reads(t, other, 1)
	reads(t, s, 3)
	wantReads(t, address, 1, 12)
	reads(t, other, 1)
	reads(t, s, 1) // finds out that another server writes the log
	for range 3 {
		reads(t, other, 1)
		before = requests.RoundTrips
		reads(t, s, 1)
		if used := requests.RoundTrips - before; used != 2 {
			t.Errorf("servers that take turns need %d round trips for a record, want 2", used)
		}
	}
	reads(t, s, 3)
	wantReads(t, address, 1, 23)

	if err := other.Reads().RestartLogs(t.Context(), []string{"p"}); err != nil {
		t.Fatal(err)
	}
	reads(t, s, 3)
	wantReads(t, address, 1, 26)
	if _, err := other.Reads().DeleteRecords(t.Context(), time.Now(), 4, func(string, int) store.Record {
		return store.Record{Log: "p", At: time.Now().Add(time.Hour)}
	}); err != nil {
		t.Fatal(err)
	}
	reads(t, s, 3)
	wantReads(t, address, 5, 30)
	first := query(t, address, `SELECT first::text FROM pouncet.read_log WHERE log = 'p'`)[0]
	if first != "24" {
		t.Errorf("the log begins with record %s after its restart, want 24", first)
	}
}

// A connection that breaks loses no record of a read, and adds none twice.
func TestAReadWhoseConnectionBreaksIsRecordedOnce(t *testing.T) {
	address := created(t)
	s := opened(t, address)
	reads(t, s, 4)
	postgrestest.Exec(t, address, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	reads(t, s, 1)
	wantReads(t, address, 1, 5)

	reads(t, s, 2)
	lost := errors.New("the connection broke")
	if err := postgres.AppendWithoutAnswer(s, store.Record{Log: "p"}, lost, nil); err != nil {
		t.Errorf("a record that was added: %v", err)
	}
	wantReads(t, address, 1, 8)
	other := opened(t, address)
	err := postgres.AppendWithoutAnswer(s, store.Record{Log: "p"}, lost, func() { reads(t, other, 1) })
	if !errors.Is(err, lost) {
		t.Errorf("nobody can know whether the record was added, but the error is %v", err)
	}
	wantReads(t, address, 1, 10)
	reads(t, s, 3)
	wantReads(t, address, 1, 13)
}

// Records that arrive while another server has the lock of their log share the next commit, and do not wait for the
// lock again. Others wait for the batch after it.
func TestRecordsThatArriveBeforeTheLockShareItsCommit(t *testing.T) {
	address := created(t)
	s := opened(t, address)
	reads(t, s, 1)
	var begun []int
	postgres.OnWrite(s, func(records int) { begun = append(begun, records) })
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it has only read
	if _, err := conn.Exec(t.Context(), "BEGIN; SELECT FROM pouncet.read_log FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	errs := make([]error, 12)
	var calls sync.WaitGroup
	add := func(i int, records ...store.Record) {
		calls.Go(func() { errs[i] = s.Reads().AppendRecords(t.Context(), records...) })
		for i > 0 && postgres.WaitingRecords(s) != i {
			time.Sleep(time.Millisecond)
		}
	}
	one := store.Record{Log: "p"}
	add(0, one)
	waitFor(t, address, "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() AND "+
		"wait_event_type = 'Lock'")
	add(1, store.Record{Log: "other"})
	add(2, store.Record{Log: "p", Confirm: &store.Confirmation{Generation: []byte("of a replica")}})
	for i := 3; i < len(errs); i++ {
		add(i, one, one)
	}
	if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	calls.Wait()
	for i, err := range errs {
		if (i == 2) != errors.Is(err, store.ErrChanged) || i != 2 && err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	wantReads(t, address, 1, 2+2*(len(errs)-3))
	if !slices.Equal(begun, []int{1, 2}) {
		t.Errorf("the batches begin with %v records, so those that arrived did not share the first commit", begun)
	}
}

// A record whose connection breaks while it waits for a standby waits again, on the next connection.
func TestAReadWhoseConnectionBreaksWaitsForTheStandby(t *testing.T) {
	server := postgrestest.Start(t)
	address := server.URL("postgres")
	if err := postgres.Create(t.Context(), address, noContent); err != nil {
		t.Fatal(err)
	}
	s := opened(t, address)
	reads(t, s, 4)
	const reload = "SELECT pg_reload_conf()"
	server.Exec(t, "postgres", "ALTER SYSTEM SET synchronous_standby_names = 'absent'")
	server.Exec(t, "postgres", reload)
	for query(t, address, "SHOW synchronous_standby_names")[0] == "" {
		time.Sleep(time.Millisecond)
	}
	done := make(chan error, 1)
	go func() { done <- s.Reads().AppendRecords(t.Context(), store.Record{Log: "p"}) }()
	waiting := func() string {
		t.Helper()
		for range 400 {
			if ids := query(t, address, "SELECT pid::text FROM pg_stat_activity WHERE wait_event = 'SyncRep'"); len(ids) > 0 {
				return ids[0]
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Fatal("nothing waits for the standby")
		return ""
	}
	first := waiting()
	query(t, address, "SELECT pg_terminate_backend("+first+")::text")
	for waiting() == first {
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-done:
		t.Errorf("the record counts as written without the standby: %v", err)
	default:
	}
	server.Exec(t, "postgres", "ALTER SYSTEM RESET synchronous_standby_names")
	server.Exec(t, "postgres", reload)
	if err := <-done; err != nil {
		t.Error(err)
	}
	wantReads(t, address, 1, 5)
}
