// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// endSession makes PostgreSQL end a session while it commits records, as pg_terminate_backend of another session does.
// A deferred trigger runs for each record in the commit, and counts the records. At the one with this number it ends
// the session, which notices that when it can be interrupted next: at the next record, or after the commit. In both
// cases the answer is SQLSTATE 57P01.
func endSession(t *testing.T, address string, number int) {
	t.Helper()
	postgrestest.Exec(t, address, fmt.Sprintf(`CREATE SEQUENCE public.tries;
		CREATE FUNCTION public.end_session() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN
			CASE WHEN nextval('public.tries') = %d AND pg_terminate_backend(pg_backend_pid()) THEN new ELSE old END;
		END $$;
		CREATE CONSTRAINT TRIGGER end_session AFTER INSERT ON pouncet.read_record DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION public.end_session()`, number))
	t.Cleanup(func() {
		postgrestest.Exec(t, address, "DROP FUNCTION public.end_session() CASCADE; DROP SEQUENCE public.tries")
	})
}

// A record stands once in its log if PostgreSQL shuts down the connection (SQLSTATE 57P01) during or after its commit.
func TestRecordsAreWrittenOnceIfTheirSessionEnds(t *testing.T) {
	for name, c := range map[string]struct {
		before, calls, end int
		notes              bool
	}{
		"one call":                             {calls: 1, end: 1},
		"one call with a note":                 {calls: 1, end: 1, notes: true},
		"one call of a log of one server":      {calls: 1, end: 1, before: 3},
		"many calls":                           {calls: 7, end: 8},
		"many calls with notes":                {calls: 7, end: 8, notes: true},
		"many calls of a log of one server":    {calls: 7, end: 8, before: 3},
		"many calls that are not committed":    {calls: 7, end: 5, notes: true},
		"many calls of a log, not committed":   {calls: 7, end: 5, before: 3},
		"the call before many calls with note": {calls: 7, end: 1, notes: true},
	} {
		t.Run(name, func(t *testing.T) {
			address := created(t)
			s := opened(t, address)
			reads(t, s, c.before)
			endSession(t, address, c.end)
			record := store.Record{Log: "p"}
			if c.notes {
				record = resolving("one", "a", time.Now())
			}
			appendTogether(t, s, record, c.calls)
			wantReads(t, address, 1, c.before+c.calls)
			tried := query(t, address, "SELECT last_value::text FROM public.tries WHERE last_value >= "+fmt.Sprint(c.end))
			if len(tried) == 0 {
				t.Error("no session has ended")
			}
			if !c.notes {
				return
			}
			if notes, _, err := s.Reads().LastResolved(t.Context(), "p", []string{"a"}); err != nil || len(notes) != 1 {
				t.Errorf("the notes are %v, %v", notes, err)
			}
		})
	}
}

// The same holds if PostgreSQL then refuses the transactions that look whether the commit took effect.
func TestRecordsAreWrittenOnceIfNobodyCanLook(t *testing.T) {
	for name, c := range map[string]struct {
		refused int // this many transactions
		fails   bool
	}{
		"one is refused":  {1, false},
		"two are refused": {2, true},
	} {
		t.Run(name, func(t *testing.T) {
			servingRole(t, "serving")
			address := created(t)
			served(t, address, "serving")
			s := opened(t, as(address, "serving"))
			endSession(t, address, 8)
			refuseLooks(t, address, c.refused)
			failed := appendAll(t, s, store.Record{Log: "p"}, 7)
			if want := map[bool]int{true: 7}[c.fails]; failed != want {
				t.Errorf("%d calls failed, want %d", failed, want)
			}
			wantReads(t, address, 1, 7) // the commit took effect
		})
	}
}

// refuseLooks makes PostgreSQL refuse to read the rows of logs so many times after endSession has ended a session.
func refuseLooks(t *testing.T, address string, times int) {
	t.Helper()
	postgrestest.Exec(t, address, fmt.Sprintf(`CREATE SEQUENCE public.looks;
		GRANT ALL ON SEQUENCE public.tries, public.looks TO serving; GRANT USAGE ON SCHEMA public TO serving;
		CREATE FUNCTION public.may_look() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
			IF (SELECT last_value FROM public.tries) >= 8 AND nextval('public.looks') <= %d THEN
				RAISE EXCEPTION 'sorry, too many clients already' USING ERRCODE = '53300';
			END IF;
			RETURN true;
		END $$;
		ALTER TABLE pouncet.read_log ENABLE ROW LEVEL SECURITY;
		CREATE POLICY looks ON pouncet.read_log USING (public.may_look())`, times))
	t.Cleanup(func() {
		postgrestest.Exec(t, address, "DROP FUNCTION public.may_look() CASCADE; DROP SEQUENCE public.looks")
	})
}

// appendTogether is appendAll for calls that all succeed.
func appendTogether(t *testing.T, s *postgres.Store, record store.Record, calls int) {
	t.Helper()
	if failed := appendAll(t, s, record, calls); failed > 0 {
		t.Errorf("%d of %d calls failed", failed, calls)
	}
}

// appendAll appends a record in some calls that share a commit, and returns how many failed. Before many calls, another
// record is written to another log.
func appendAll(t *testing.T, s *postgres.Store, record store.Record, calls int) int {
	t.Helper()
	var running sync.WaitGroup
	var failed atomic.Int64
	call := func(r store.Record) {
		running.Go(func() {
			if err := s.Reads().AppendRecords(t.Context(), r); err != nil {
				failed.Add(1)
				t.Log(err)
			}
		})
	}
	if calls > 1 {
		started, shared := make(chan struct{}), make(chan struct{})
		var once sync.Once
		postgres.OnWrite(s, func(int) { once.Do(func() { close(started); <-shared }) })
		call(store.Record{Log: "first"})
		<-started
		for range calls {
			call(record)
		}
		for postgres.WaitingRecords(s) != calls {
		}
		close(shared)
	} else {
		call(record)
	}
	running.Wait()
	return int(failed.Load())
}

// A call succeeds after PostgreSQL has ended all idle sessions, however many there were.
func TestACallReplacesAllBrokenConnections(t *testing.T) {
	address := created(t)
	s := opened(t, address)
	// look begins so many transactions, each in another one.
	var look func(n int) error
	look = func(n int) error {
		return s.View(t.Context(), func(tx store.Tx) error {
			if _, err := tx.Tokens(t.Context()); err != nil || n == 1 {
				return err
			}
			return look(n - 1)
		})
	}
	if err := look(5); err != nil {
		t.Fatal(err)
	}
	const others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
	postgrestest.Exec(t, address, "SELECT pg_terminate_backend(pid) "+others)
	waitFor(t, address, "SELECT count(*) = 0 "+others)
	if err := look(1); err != nil {
		t.Error(err)
	}
}
