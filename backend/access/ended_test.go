// SPDX-License-Identifier: MPL-2.0

package access_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// TestAListOfSessionsIsLimited has more sessions than a list shows, and rows that are too large for one.
func TestAListOfSessionsIsLimited(t *testing.T) {
	config := open.Config{Path: filepath.Join(t.TempDir(), ".pouncet")}
	opentest.Init(t, config)
	parts, err := open.Embedded(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	now := time.Now()
	s := access.NewSessions(parts.Store, func() time.Time { return now })
	for id, size := range map[string]int{"largest": 4096, "too large": 4097} {
		if err := s.Note(t.Context(), id, bytes.Repeat([]byte(" "), size)); err != nil {
			t.Fatal(err)
		}
	}
	noted := func() map[string][]byte {
		t.Helper()
		all, err := s.Noted(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if all := noted(); len(all) != 1 || len(all["largest"]) != 4096 {
		t.Errorf("%d sessions are listed", len(all))
	}
	const more = 10_000
	err = parts.Store.Update(t.Context(), func(tx store.Tx) error {
		for i := range more {
			r := store.IdempotencyRecord{Key: fmt.Sprintf("began %d", i), Outcome: []byte("{}"), At: now.Add(time.Second)}
			if err := tx.SaveIdempotencyRecord(t.Context(), r, now.Add(-time.Hour)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if all := noted(); len(all) != more || all["largest"] != nil {
		t.Errorf("%d sessions are listed, want the %d that were noted last", len(all), more)
	}
	now = now.Add(time.Minute)
	if err := s.Note(t.Context(), "largest", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if all := noted(); len(all) != more || all["largest"] == nil {
		t.Error("a session that was seen again is not listed")
	}
}
