// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// ExpectedSchema is the content of schema.txt.
var ExpectedSchema = expectedSchema

// SchemaOf returns the content that schema.txt should have.
func SchemaOf(ctx context.Context, address string) (string, error) {
	s, err := connect(ctx, address)
	if err != nil {
		return "", err
	}
	defer s.Close() //nolint:errcheck // it always returns nil
	var lines []string
	err = s.view(ctx, func(*tx, *pgx.Batch) {}, func(t store.Tx) error {
		present, err := t.(*tx).schemaObjects(ctx)
		for line := range present {
			lines = append(lines, line+"\n")
		}
		return err
	})
	slices.Sort(lines)
	return strings.Join(lines, ""), err
}

// OnCommit sets what is called at each commit with the number of calls of Update that share the transaction.
func OnCommit(s *Store, f func(calls int)) { s.onCommit = f }

// Waiting returns how many calls of Update wait for another one.
func Waiting(s *Store) int { return s.queue.Waiting() }
