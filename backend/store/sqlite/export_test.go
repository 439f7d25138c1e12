// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"fmt"
	"io/fs"
)

// WithMigrations replaces the steps of the schema.
func WithMigrations(steps fs.FS) Option { return func(s *Store) { s.migrations = steps } }

// Migrations are the real steps.
var Migrations fs.FS = migrations

// LimitPages makes the database full once it has this many pages more than
// now, until the connection is opened again.
func LimitPages(ctx context.Context, s *Store, more int) error {
	c, err := s.writer.take(ctx)
	if err != nil {
		return err
	}
	defer s.writer.give(c, true)
	var pages int
	if err := c.one(ctx, "PRAGMA page_count", &pages); err != nil {
		return err
	}
	return c.exec(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages+more))
}

// Pragma is a setting of the connection that writes, and of one that reads.
func Pragma(ctx context.Context, s *Store, name string) (writer, reader string, err error) {
	for _, from := range []struct {
		lane *lane
		to   *string
	}{{s.writer, &writer}, {s.readers, &reader}} {
		c, err := from.lane.take(ctx)
		if err != nil {
			return "", "", err
		}
		err = c.one(ctx, "PRAGMA "+name, from.to)
		from.lane.give(c, true)
		if err != nil {
			return "", "", err
		}
	}
	return writer, reader, nil
}

// Classify is what a result code of SQLite becomes.
func (s *Store) Classify(code int, cause error) error { return s.classify(code, cause) }
