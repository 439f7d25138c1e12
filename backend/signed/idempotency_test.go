// SPDX-License-Identifier: MPL-2.0

package signed_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// doctor --storage does not check these records, so no hint may say that it shows what was changed.
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
	for hint, read := range map[string]func(store.Tx) error{
		"use another idempotency key": func(tx store.Tx) error {
			_, err := tx.IdempotencyRecord(t.Context(), "k")
			return err
		},
		"try again after a day": func(tx store.Tx) error {
			_, err := tx.IdempotencyRecords(t.Context(), "k", 10, 1000)
			return err
		},
	} {
		err := s.Update(t.Context(), read)
		e := backend.AsError(err)
		if e.Code != backend.CodeCorrupt || !strings.Contains(e.Message, `idempotency key "k" cannot be trusted`) {
			t.Errorf("got %v", err)
		}
		if !strings.Contains(e.Hint, hint) || strings.Contains(e.Hint, "doctor") {
			t.Errorf("hint %q, want one with %q", e.Hint, hint)
		}
	}
}
