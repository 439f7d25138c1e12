// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"fmt"
	"sync"
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

// appendTogether appends a record in some calls that share a commit. Before many calls, another record is written
// to another log.
func appendTogether(t *testing.T, s *postgres.Store, record store.Record, calls int) {
	t.Helper()
	var running sync.WaitGroup
	call := func(r store.Record) {
		running.Go(func() {
			if err := s.Reads().AppendRecords(t.Context(), r); err != nil {
				t.Error(err)
			}
		})
	}
	if calls > 1 {
		started, shared := make(chan struct{}), make(chan struct{})
		var once sync.Once
		postgres.OnWrite(s, func(int) { once.Do(func() { close(started); <-shared }) })
		call(store.Record{Log: "first"})
		<-started
		defer func() {
			for postgres.WaitingRecords(s) != calls {
			}
			close(shared)
			running.Wait()
		}()
	}
	for range calls {
		call(record)
	}
	if calls == 1 {
		running.Wait()
	}
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
