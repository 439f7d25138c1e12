// SPDX-License-Identifier: MPL-2.0

package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// counter counts how often each log is extended. The log "changed" has a head that is not genuine.
type counter map[string]int

func (counter) Ready(context.Context, store.LogKind, []string) error { return nil }

func (counter) Added(store.LogKind, []string) {}

func (c counter) Extend(_ store.LogKind, before store.Log, records []store.Numbered) ([]byte, error) {
	c[before.Log]++
	for i := range records {
		records[i].Hash = make([]byte, store.HashSize)
	}
	if before.Log == "changed" {
		return nil, backend.Errorf(backend.CodeCorrupt, "the log was changed")
	}
	return []byte("head"), nil
}

// recordIn returns a step of a call that adds a record to a log.
func recordIn(ctx context.Context, log string) func(store.Tx) error {
	return func(tx store.Tx) error {
		return tx.AppendRecord(ctx, store.Record{Log: log, At: time.Unix(1, 0), Verb: "apply", Detail: []byte("{}")})
	}
}

// numbers returns the numbers of the records of a log.
func numbers(t *testing.T, s store.RecordLog, log string) (found []int64) {
	t.Helper()
	err := s.ViewRecords(t.Context(), func(tx store.RecordTx) error {
		records, err := tx.RecordsFrom(t.Context(), log, 1, 1000)
		for _, r := range records {
			found = append(found, r.Number)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return found
}

func TestCallsOfACommitExtendALogOnce(t *testing.T) {
	s := create(t)
	count := counter{}
	s.UseProver(count)
	var calls []func() error
	for i := range 20 {
		calls = append(calls, adding(t.Context(), s, fmt.Sprintf("s%02d", i), recordIn(t.Context(), "project")))
	}
	failing := errors.New("own error")
	calls = append(calls, adding(t.Context(), s, "failed", func(tx store.Tx) error {
		return errors.Join(recordIn(t.Context(), "project")(tx), failing)
	}))
	for i, err := range callTogether(t, s, calls) {
		if i < 20 && err != nil || i == 20 && !errors.Is(err, failing) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if got := numbers(t, s, "project"); len(got) != 20 || got[0] != 1 || got[19] != 20 {
		t.Errorf("the log has the records %d, want 1 to 20: each call that succeeded, and no other", got)
	}
	if count["project"] != 1 {
		t.Errorf("20 calls extended the log %d times, want once", count["project"])
	}
}

func TestAChangedLogFailsOnlyTheCallsThatWriteIt(t *testing.T) {
	s := create(t)
	s.UseProver(counter{})
	results := callTogether(t, s, []func() error{
		adding(t.Context(), s, "a", recordIn(t.Context(), "project")),
		adding(t.Context(), s, "b", recordIn(t.Context(), "changed")),
		adding(t.Context(), s, "c", recordIn(t.Context(), "project")),
	})
	if results[0] != nil || !errors.Is(results[1], backend.ErrCorrupt) || results[2] != nil {
		t.Errorf("the calls end with %v", results)
	}
	if got := numbers(t, s, "project"); len(got) != 2 || len(numbers(t, s, "changed")) != 0 {
		t.Errorf("the log of the project has the records %d, want two", got)
	}
	wantNames(t, s, "a", "c")
}
