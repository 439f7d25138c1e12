// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// schemaHash is the SHA-256 of the schema that the migrations make. A trigger in the file could undo a change, and an
// index could hide a row, so Open refuses a file with any other schema.
const schemaHash = "692764b8e54156b6b07143a94ad67ebecc30d19715c8738833ecfee8d346cbec"

// readSchemaHash is the same for the records of reads.
const readSchemaHash = "735224e35757b898fb923321bc8869fc949f66d43aa0ff4ff82a57b1bda91165"

// schemaObjects returns the definition of each table, index, trigger and view, by type and name.
func (s *Store) schemaObjects(ctx context.Context, c *conn) (map[string]string, error) {
	rows, err := c.c.QueryContext(ctx,
		"SELECT type || ' ' || name, tbl_name || ': ' || coalesce(sql, '') FROM sqlite_schema")
	if err != nil {
		return nil, s.translate(err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name, definition string
		if err := rows.Scan(&name, &definition); err != nil {
			return nil, s.translate(err)
		}
		out[name] = definition
	}
	return out, s.translate(rows.Err())
}

func hashSchema(objects map[string]string) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		fmt.Fprintf(h, "%q %q\n", name, objects[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// checkSchema refuses a file whose schema was changed outside Pouncet.
func (s *Store) checkSchema(ctx context.Context, c *conn) error {
	if s.schema == "" || s.transfer { // the schema of a database that is moved was checked before
		return nil
	}
	present, err := s.schemaObjects(ctx, c)
	if err != nil || hashSchema(present) == s.schema {
		return err
	}
	if err := s.leavingError(present); err != nil {
		return err
	}
	expected, err := s.releasedSchema(ctx)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(present)) {
		if present[name] != expected[name] {
			return s.corruptError("the schema of database %s was changed outside Pouncet: %s", s.path, backend.Quote(name))
		}
	}
	return s.corruptError("the schema of database %s was changed outside Pouncet: a table or an index is missing", s.path)
}

// releasedSchema returns the schema that the migrations make, from a database in memory.
func (l layout) releasedSchema(ctx context.Context) (map[string]string, error) {
	s := &Store{path: "in memory", busyTimeout: DefaultBusyTimeout, layout: l}
	s.writer = newConnPool(memoryAddress(), 1)
	defer func() { _ = s.writer.close() }() // there is nothing to lose
	if err := s.writeInitial(ctx, ""); err != nil {
		return nil, err
	}
	c, err := s.writer.acquire(ctx)
	if err != nil {
		return nil, s.translate(err)
	}
	defer s.writer.release(c, true)
	return s.schemaObjects(ctx, c)
}
