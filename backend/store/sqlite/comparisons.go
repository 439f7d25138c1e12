// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Comparisons implements store.Tx.
func (t *tx) Comparisons(ctx context.Context, k store.ComparisonKey) (int, error) {
	var n int
	_, err := t.queryFirst(ctx, "SELECT count FROM comparison WHERE day = ? AND principal = ? AND object = ?",
		[]any{k.Day, k.Principal, k.Object}, func(row scanner) error { return row.Scan(&n) })
	return n, err
}

// AddComparison implements store.Tx.
func (t *tx) AddComparison(ctx context.Context, k store.ComparisonKey) (int, error) {
	if _, err := t.exec(ctx, "DELETE FROM comparison WHERE day < ?", k.Day); err != nil {
		return 0, err
	}
	if _, err := t.exec(ctx, `INSERT INTO comparison (day, principal, object, count) VALUES (?, ?, ?, 1)
		ON CONFLICT DO UPDATE SET count = count + 1`, k.Day, k.Principal, k.Object); err != nil {
		return 0, err
	}
	return t.Comparisons(ctx, k)
}
