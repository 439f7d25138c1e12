// SPDX-License-Identifier: MPL-2.0

package signed_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Accepting does not sign these records. It deletes them, because the time after which they go may be changed as well.
func TestAForgedIdempotencyRecordIsRefusedWithARemedy(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	record := store.IdempotencyRecord{Key: "k", Request: []byte("request"), Outcome: []byte("[]"), At: time.Now()}
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return tx.SaveIdempotencyRecord(t.Context(), record, time.Now().Add(-time.Hour))
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "pouncet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `UPDATE idempotency_record SET at = at + 1`); err != nil {
		t.Fatal(err)
	}
	want := []signed.Finding{{Kind: signed.RecordKind, Name: "k",
		Problem: "its row was changed outside Pouncet; --accept deletes it"}}
	if found, err := s.(*signed.Store).Verify(t.Context()); err != nil || !slices.Equal(found, want) {
		t.Errorf("the check finds %+v, %v", found, err)
	}
	for hint, read := range map[string]func(store.Tx) error{
		"use another idempotency key": func(tx store.Tx) error {
			_, err := tx.IdempotencyRecord(t.Context(), "k")
			return err
		},
		"doctor --storage --accept": func(tx store.Tx) error {
			_, err := tx.IdempotencyRecords(t.Context(), "k", 10, 1000)
			return err
		},
	} {
		err := s.Update(t.Context(), read)
		e := backend.AsError(err)
		if e.Code != backend.CodeCorrupt || !strings.Contains(e.Message, `idempotency key "k" cannot be trusted`) {
			t.Errorf("got %v", err)
		}
		if !strings.Contains(e.Hint, hint) {
			t.Errorf("hint %q, want one with %q", e.Hint, hint)
		}
	}
	if found, err := s.(*signed.Store).Accept(t.Context()); err != nil || !slices.Equal(found, want) {
		t.Errorf("accepting has handled %+v, %v", found, err)
	}
	if found, err := s.(*signed.Store).Verify(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("after accepting, the check finds %+v, %v", found, err)
	}
	err = s.View(t.Context(), func(tx store.Tx) error {
		_, err := tx.IdempotencyRecord(t.Context(), "k")
		return err
	})
	if !errors.Is(err, backend.ErrNotFound) {
		t.Errorf("after accepting, the record: %v", err)
	}
}
