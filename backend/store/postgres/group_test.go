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

// together runs functions that share a transaction. The first one waits in it until the others have queued up.
func together(t *testing.T, s *postgres.Store, functions ...func(store.Tx) error) []error {
	t.Helper()
	errs := make([]error, len(functions))
	var calls []int
	postgres.OnCommit(s, func(n int) { calls = append(calls, n) })
	var others sync.WaitGroup
	blocked, started := make(chan struct{}), make(chan struct{})
	others.Go(func() { // takes the lead, so that all functions queue up and make the next transaction
		_ = s.Update(t.Context(), func(store.Tx) error {
			close(started)
			<-blocked
			return nil
		})
	})
	<-started
	for i, f := range functions {
		others.Go(func() { errs[i] = s.Update(t.Context(), f) })
		for postgres.Waiting(s) != i+1 {
		}
	}
	close(blocked)
	others.Wait()
	if !slices.Contains(calls, len(functions)) {
		t.Errorf("the transactions have %v calls, and none has %d", calls, len(functions))
	}
	return errs
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

// Calls share a transaction, and each keeps its own result.
func TestChangesShareACommit(t *testing.T) {
	s := opened(t, created(t))
	insert := func(o store.Object) func(store.Tx) error {
		return func(tx store.Tx) error { return tx.InsertObject(t.Context(), o) }
	}
	refused := errors.New("refused")
	taken := secret("a")
	errs := together(t, s,
		insert(secret("a")),
		func(tx store.Tx) error { return errors.Join(tx.InsertObject(t.Context(), secret("gone")), refused) },
		insert(taken), // its place is taken by the first call
		func(tx store.Tx) error {
			_ = insert(secret("panic"))(tx)
			return tx.InsertVersion(t.Context(), store.Version{})
		},
		insert(secret("b")),
	)
	if errs[0] != nil || !errors.Is(errs[1], refused) || errs[4] != nil {
		t.Errorf("the calls end with %v", errs)
	}
	if !errors.Is(errs[2], backend.ErrExists) || !strings.Contains(errs[2].Error(), `secret "a"`) {
		t.Errorf("a taken place gives %v, want ErrExists with the name", errs[2])
	}
	wantError(t, errs[3], backend.ErrInternal)
	if got := names(t, s); got != "a b" {
		t.Errorf("the secrets are %q", got)
	}
}

// A place that another object has is named, also if a call has written many objects.
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

// The records of a log get dense numbers, also if several servers write them at the same time.
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
			(SELECT next FROM pouncet.`+table+`_log l WHERE l.log = r.log))
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

// A record that exists before it is written is an error, and the numbers stay.
func TestARecordThatExistsIsReported(t *testing.T) {
	address := created(t)
	s := opened(t, address)
	postgrestest.Exec(t, address, `INSERT INTO pouncet.read_record VALUES ('a', 1, 0, '', '', '', '', '', '')`)
	wantError(t, s.Reads().AppendRecords(t.Context(), store.Record{Log: "a"}), backend.ErrCorrupt)
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
