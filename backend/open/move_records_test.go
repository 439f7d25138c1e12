// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"path/filepath"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// No call trusts a changed idempotency record, so the move takes it along, in both directions. The check of the target
// finds it.
func TestAChangedIdempotencyRecordIsMoved(t *testing.T) {
	folder, key, address := movable(t), newKey(t), postgrestest.Database(t)
	change(t, folder, `UPDATE idempotency_record SET outcome = x'01', at = at + 31536000000000`)
	_, err := open.MoveFolder(t.Context(), open.Config{Path: folder}, toPostgres(address), open.MoveOptions{KMSKey: key})
	if err != nil {
		t.Fatal(err)
	}
	source, left, err := postgres.OpenForTransfer(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	back := filepath.Join(t.TempDir(), "back")
	if _, err := open.MoveToFolder(t.Context(), source, left, back, open.MoveOptions{KMSKey: key}); err != nil {
		t.Fatal(err)
	}
	parts, err := open.Embedded(t.Context(), open.Config{Path: back})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	found, err := parts.Verify(t.Context())
	if err != nil || len(found) != 1 || found[0].Kind != signed.RecordKind || found[0].Name != "first" {
		t.Errorf("after the way back, the check finds %+v, %v", found, err)
	}
}
