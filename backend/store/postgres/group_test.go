// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

func secret(name string) store.Object {
	return store.Object{Kind: backend.KindSecret, ID: uuid.NewString(), Project: "p", Environment: "e", Scope: "project",
		Name: name, Revision: 1}
}

// together runs functions of which the first queues up while another call runs, and the others after it. It returns how
// many calls each commit had.
func together(
	t *testing.T, s *postgres.Store, functions ...func(store.Tx) error,
) (errs []error, commits []int) {
	t.Helper()
	return togetherIn(t, s, nil, functions...)
}

// togetherIn does the same for functions of which each looks up the entry in one of these places.
func togetherIn(
	t *testing.T, s *postgres.Store, places []store.Place, functions ...func(store.Tx) error,
) (errs []error, commits []int) {
	t.Helper()
	errs = make([]error, len(functions))
	postgres.OnCommit(s, func(n int) { commits = append(commits, n) })
	var others sync.WaitGroup
	blocked, started := make(chan struct{}), make(chan struct{})
	others.Go(func() { // takes the lead, so that all functions queue up and make the next transaction
		_ = s.Update(t.Context(), func(store.Tx) error {
			close(started)
			<-blocked
			return errors.New("no commit of its own")
		})
	})
	<-started
	for i, f := range functions {
		ctx := t.Context()
		if places != nil {
			ctx = store.WithPlaces(ctx, places[i])
		}
		others.Go(func() { errs[i] = s.Update(ctx, f) })
		for postgres.Waiting(s) != i+1 {
		}
	}
	close(blocked)
	others.Wait()
	return errs, commits
}

func names(t *testing.T, s *postgres.Store) string {
	t.Helper()
	var out []string
	err := s.View(t.Context(), func(tx store.Tx) error {
		objects, err := tx.Objects(t.Context(), store.Filter{Kind: backend.KindSecret})
		for _, o := range objects {
			out = append(out, o.Name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

// Calls share a transaction, and each keeps its own result, even if one of them fails after it has written.
func TestChangesShareACommit(t *testing.T) {
	address := created(t)
	s := opened(t, address)
	refused := errors.New("refused")
	sees := func(tx store.Tx, want string) error {
		found, err := tx.Objects(t.Context(), store.Filter{Kind: backend.KindSecret})
		var names []string
		for _, o := range found {
			names = append(names, o.Name)
		}
		if got := strings.Join(names, " "); err == nil && got != want {
			t.Errorf("a call sees %q, want %q", got, want)
		}
		return err
	}
	changed := secret("c")
	errs, commits := together(t, s,
		inserting(t, secret("a")),
		func(tx store.Tx) error { return errors.Join(tx.InsertObject(t.Context(), secret("gone")), refused) },
		func(tx store.Tx) error { return errors.Join(sees(tx, "a"), tx.InsertObject(t.Context(), secret("b"))) },
		func(tx store.Tx) error {
			return errors.Join(tx.InsertObject(t.Context(), secret("gone")), sees(tx, "a b gone"), refused)
		},
		func(tx store.Tx) error {
			return errors.Join(tx.InsertObject(t.Context(), changed), sees(tx, "a b c"),
				tx.AppendRecord(t.Context(), store.Record{Log: "p"}))
		},
		func(tx store.Tx) error {
			return errors.Join(tx.DeleteVersion(t.Context(), store.VersionKey{}), refused)
		},
		func(tx store.Tx) error {
			changed.Name, changed.Revision = "d", 2
			return errors.Join(tx.UpdateObject(t.Context(), changed), tx.AppendRecord(t.Context(), store.Record{Log: "p"}))
		},
		func(tx store.Tx) error {
			return errors.Join(tx.AppendRecord(t.Context(), store.Record{Log: "p", Verb: "gone"}), refused)
		},
		func(tx store.Tx) error { return sees(tx, "a b d") },
	)
	if !slices.Equal(commits, []int{len(errs)}) {
		t.Errorf("the commits have %v calls, want one with all", commits)
	}
	for i, err := range errs {
		if fails := i == 1 || i == 3 || i == 5 || i == 7; errors.Is(err, refused) != fails || !fails && err != nil {
			t.Errorf("call %d ends with %v", i, err)
		}
	}
	if got := names(t, s); got != "a b d" {
		t.Errorf("the secrets are %q", got)
	}
	if n, verbs := changeRecords(t, address); n != 2 || verbs != "" {
		t.Errorf("the log has %d records with the verbs %q, want 2 without", n, verbs)
	}
}

func inserting(t *testing.T, o store.Object) func(store.Tx) error {
	return func(tx store.Tx) error { return tx.InsertObject(t.Context(), o) }
}

// changeRecords returns the number of records of the log p, and their verbs.
func changeRecords(t *testing.T, address string) (n int, verbs string) {
	t.Helper()
	for _, r := range query(t, address, "SELECT verb FROM pouncet.change_record WHERE log = 'p'") {
		n, verbs = n+1, verbs+r
	}
	return n, verbs
}

// If a call breaks a rule of the database, the calls that shared its transaction run again, each in its own. Only that
// call fails.
func TestABrokenRuleFailsItsCallOnly(t *testing.T) {
	absent := secret("absent")
	absent.Revision = 7
	for name, c := range map[string]struct {
		breaks func(*testing.T, store.Tx) error
		want   error
		says   string
	}{
		"a place that is taken": {
			func(t *testing.T, tx store.Tx) error { return tx.InsertObject(t.Context(), secret("taken")) },
			backend.ErrExists, `secret "taken"`,
		},
		"a row that does not exist": {
			func(t *testing.T, tx store.Tx) error { return tx.UpdateObject(t.Context(), absent) },
			backend.ErrNotFound, "at revision 6",
		},
		"a version without its object": {
			func(t *testing.T, tx store.Tx) error { return tx.InsertVersion(t.Context(), store.Version{}) },
			backend.ErrInternal, "",
		},
		"a version without its object, and a read": {
			func(t *testing.T, tx store.Tx) error {
				if err := tx.InsertVersion(t.Context(), store.Version{}); err != nil {
					return err
				}
				_, err := tx.Objects(t.Context(), store.Filter{Kind: backend.KindSecret})
				return err
			},
			backend.ErrInternal, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := opened(t, created(t))
			if err := s.Update(t.Context(), inserting(t, secret("taken"))); err != nil {
				t.Fatal(err)
			}
			errs, _ := together(t, s, inserting(t, secret("a")),
				func(tx store.Tx) error { return c.breaks(t, tx) }, inserting(t, secret("b")))
			if errs[0] != nil || errs[2] != nil {
				t.Errorf("the other calls end with %v and %v", errs[0], errs[2])
			}
			wantError(t, errs[1], c.want)
			if errs[1] != nil && !strings.Contains(errs[1].Error(), c.says) {
				t.Errorf("%v does not say %s", errs[1], c.says)
			}
			if got := names(t, s); got != "a b taken" {
				t.Errorf("the secrets are %q", got)
			}
		})
	}
}

// A place that another object has is named, even if a call has written many objects.
func TestATakenPlaceIsNamed(t *testing.T) {
	s := opened(t, created(t))
	for _, want := range []error{nil, backend.ErrExists} {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			for i := range 3 {
				name := fmt.Sprint("new", uuid.NewString())
				if i == 1 {
					name = "taken"
				}
				if err := tx.InsertObject(t.Context(), secret(name)); err != nil {
					return err
				}
			}
			return nil
		})
		if !errors.Is(err, want) || want != nil && !strings.Contains(err.Error(), `secret "taken"`) {
			t.Errorf("got %v, want %v with the name", err, want)
		}
	}
}

// A transaction that PostgreSQL ends for another one runs again.
func TestADeadlockRunsTheFunctionAgain(t *testing.T) {
	address := created(t)
	s := opened(t, address)
	other := opened(t, address)
	o := secret("a")
	runs := 0
	fail := `CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$;
		CREATE TRIGGER fail BEFORE INSERT ON pouncet.object FOR EACH ROW EXECUTE FUNCTION public.fail()`
	postgrestest.Exec(t, address, fail)
	stop := sync.OnceFunc(func() { postgrestest.Exec(t, address, "DROP FUNCTION public.fail() CASCADE") })
	t.Cleanup(stop)
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if runs++; runs == 3 {
			return nil
		}
		return tx.InsertObject(t.Context(), o)
	})
	if err != nil || runs != 3 {
		t.Errorf("the function ran %d times: %v", runs, err)
	}
	// It ends with the context of the call.
	ctx, cancel := context.WithCancel(t.Context())
	runs = 0
	err = other.Update(ctx, func(tx store.Tx) error {
		if runs++; runs == 3 {
			cancel()
		}
		return tx.InsertObject(ctx, o)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	stop()
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.InsertObject(t.Context(), o) }); err != nil {
		t.Error(err)
	}
}

// The records of a log get dense numbers, even if several servers write them at the same time.
func TestRecordsHaveDenseNumbers(t *testing.T) {
	address := created(t)
	stores := []*postgres.Store{opened(t, address), opened(t, address)}
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for j := range 20 {
				logs := []store.Record{{Log: "b", Verb: "resolve"}, {Log: fmt.Sprint(j % 3)}, {Log: "a"}, {Log: "b"}}
				if err := stores[i%2].Reads().AppendRecords(t.Context(), logs...); err != nil {
					t.Error(err)
				}
				if err := stores[i%2].AppendRecords(t.Context(), logs[1:]...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	for _, table := range []string{"read", "change"} {
		rows := query(t, address, `SELECT format('%s: %s of %s, then %s', log, count(*), max(number),
			(SELECT next_number FROM pouncet.`+table+`_log l WHERE l.log = r.log))
			FROM pouncet.`+table+`_record r GROUP BY log ORDER BY log`)
		want := "0: 56 of 56, then 57|1: 56 of 56, then 57|2: 48 of 48, then 49|a: 160 of 160, then 161|" +
			"b: 320 of 320, then 321"
		if table == "change" {
			want = strings.ReplaceAll(want, "b: 320 of 320, then 321", "b: 160 of 160, then 161")
		}
		if got := strings.Join(rows, "|"); got != want {
			t.Errorf("the logs of %ss are %s, want %s", table, got, want)
		}
	}
}

// Servers do not fail while another one begins a log: one of them can wait for it, and hold a log that the other one
// waits for.
func TestServersWriteWhileALogBegins(t *testing.T) {
	address := created(t)
	var stores []*postgres.Store
	for range 4 {
		stores = append(stores, opened(t, address))
	}
	const rounds = 150
	for round := range rounds {
		begins := store.Record{Log: fmt.Sprint(round)}
		var writers sync.WaitGroup
		for i, s := range stores {
			records := []store.Record{begins, {Log: "z"}}[:1+min(i, 1)]
			writers.Go(func() {
				if err := s.Reads().AppendRecords(t.Context(), records...); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		writers.Wait()
	}
	if n := len(query(t, address, "SELECT log FROM pouncet.read_record")); n != rounds*(2*len(stores)-1) {
		t.Errorf("%d records, want %d", n, rounds*(2*len(stores)-1))
	}
}

// A write of a record that already exists is an error, and the numbers stay.
func TestARecordThatExistsIsReported(t *testing.T) {
	address := created(t)
	s := opened(t, address)
	postgrestest.Exec(t, address, `INSERT INTO pouncet.read_record VALUES ('a', 1, 0, '', '', '', '', '', '')`)
	wantError(t, s.Reads().AppendRecords(t.Context(), store.Record{Log: "a"}), backend.ErrCorrupt)
	postgrestest.Exec(t, address, `INSERT INTO pouncet.change_record VALUES ('a', 1, 0, '', '', '', '', '', '')`)
	record := func(log string) func(store.Tx) error {
		return func(tx store.Tx) error { return tx.AppendRecord(t.Context(), store.Record{Log: log}) }
	}
	wantError(t, s.Update(t.Context(), record("a")), backend.ErrCorrupt)
	errs, _ := together(t, s, record("b"), record("a"), record("c"))
	wantError(t, errs[1], backend.ErrCorrupt)
	if errs[0] != nil || errs[2] != nil {
		t.Errorf("the other calls end with %v and %v", errs[0], errs[2])
	}
	if err := s.Reads().AppendRecords(t.Context(), store.Record{Log: "b"}); err != nil {
		t.Error(err)
	}
}

// query returns a column of text.
func query(t *testing.T, address, statement string) []string {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context()) //nolint:errcheck // it has read
	rows, err := c.Query(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return out
}
