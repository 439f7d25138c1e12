// SPDX-License-Identifier: MPL-2.0

package postgres_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// addedLogs is a Prover that only notes to which logs records were added.
type addedLogs []string

func (*addedLogs) Ready(context.Context, store.LogKind, []string) error { return nil }

func (a *addedLogs) Added(_ store.LogKind, logs []string) { *a = append(*a, logs...) }

func (*addedLogs) Extend(store.LogKind, store.Log, []store.Numbered) ([]byte, error) {
	return make([]byte, store.HashSize), nil
}

// A record that is not added, because a replica has answered under another generation, does not begin a log.
func TestOnlyAddedRecordsBeginALog(t *testing.T) {
	s := opened(t, created(t))
	var added addedLogs
	s.UseProver(&added)
	other := &store.Confirmation{Generation: []byte("another generation")}
	err := s.Reads().AppendRecords(t.Context(), store.Record{Log: "p", Confirm: other})
	if !errors.Is(err, store.ErrChanged) || len(added) != 0 {
		t.Errorf("a record that is not confirmed: %v, added to %q", err, added)
	}
	err = s.Reads().AppendRecords(t.Context(), store.Record{Log: "p"})
	if err != nil || !slices.Equal(added, addedLogs{"p"}) {
		t.Errorf("a record: %v, added to %q", err, added)
	}
}
