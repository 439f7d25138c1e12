// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// WithMigrations replaces the migrations.
func WithMigrations(steps fs.FS) Option { return func(s *Store) { s.migrations, s.schema = steps, "" } }

// ReleasedSchemaHash returns the hash of the schema that the migrations make.
func ReleasedSchemaHash(ctx context.Context) (string, error) {
	objects, err := mainLayout.releasedSchema(ctx)
	return hashSchema(objects), err
}

// SchemaHash is the hash that Open expects.
const SchemaHash = schemaHash

// OnBusy returns an option and a channel that receives while a transaction waits for another process.
func OnBusy() (Option, <-chan struct{}) {
	busy := make(chan struct{}, 1)
	return func(s *Store) {
		s.onBusy = func() {
			select {
			case busy <- struct{}{}:
			default:
			}
		}
	}, busy
}

// Migrations holds the real migrations.
var Migrations fs.FS = migrations

// LimitPages limits the database to more pages than it has now, until the connection is opened again.
func LimitPages(ctx context.Context, s *Store, more int) error {
	c, err := s.writer.acquire(ctx)
	if err != nil {
		return err
	}
	defer s.writer.release(c, true)
	var pages int
	if err := c.queryRow(ctx, "PRAGMA page_count", &pages); err != nil {
		return err
	}
	return c.exec(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages+more))
}

// Pragma returns a setting of the writing connection and of a reading one.
func Pragma(ctx context.Context, s *Store, name string) (writer, reader string, err error) {
	for _, from := range []struct {
		pool *connPool
		to   *string
	}{{s.writer, &writer}, {s.readers, &reader}} {
		c, err := from.pool.acquire(ctx)
		if err != nil {
			return "", "", err
		}
		err = c.queryRow(ctx, "PRAGMA "+name, from.to)
		from.pool.release(c, true)
		if err != nil {
			return "", "", err
		}
	}
	return writer, reader, nil
}

// Classify returns the error for a result code of SQLite.
func (s *Store) Classify(code int, cause error) error { return s.classify(code, cause) }

// OnCommit sets what is called at each commit with the number of calls of Update that share the transaction.
func OnCommit(s *Store, f func(calls int)) { s.onCommit = f }

// Waiting returns how many calls of Update wait for another one.
func Waiting(s *Store) int { return s.queue.Waiting() }

// Break makes a transaction behave as after an error with which SQLite has rolled it back.
func Break(ctx context.Context, t store.Tx, err error) error {
	in := t.(*tx)
	in.broken = err
	return in.conn.exec(ctx, "ROLLBACK")
}

// PlanOfObjects returns how SQLite runs the query of a filter.
func PlanOfObjects(ctx context.Context, t store.Tx, f store.Filter) (string, error) {
	text, args := t.(*tx).objectsQuery(f)
	return t.(*tx).plan(ctx, text, args)
}

// PlanOfScopes returns how SQLite runs the query of Scopes.
func PlanOfScopes(ctx context.Context, t store.Tx, f store.Filter) (string, error) {
	text, args := t.(*tx).scopesQuery(f, "app/")
	return t.(*tx).plan(ctx, text, args)
}

// PlanOfLookup returns how SQLite runs the query of a lookup.
func PlanOfLookup(ctx context.Context, t store.Tx, l store.Lookup) (string, error) {
	text, args := t.(*tx).lookupQuery(l)
	return t.(*tx).plan(ctx, text, args)
}

func (t *tx) plan(ctx context.Context, text string, args []any) (string, error) {
	plan := ""
	err := t.query(ctx, "EXPLAIN QUERY PLAN "+text, args, func(row scanner) error {
		var id, parent, unused int64
		var detail string
		err := row.Scan(&id, &parent, &unused, &detail)
		plan += detail + "\n"
		return err
	})
	return plan, err
}

// ReadSchemaHash is the hash that OpenReadLog expects.
const ReadSchemaHash = readSchemaHash

// ReleasedReadSchemaHash returns the hash of the schema that the migrations of a ReadLog make.
func ReleasedReadSchemaHash(ctx context.Context) (string, error) {
	objects, err := readLayout.releasedSchema(ctx)
	return hashSchema(objects), err
}

// OnWrite sets what runs in each transaction of a ReadLog.
func OnWrite(l *ReadLog, f func(records int)) { l.onWrite = f }

// WaitingRecords returns how many calls of a ReadLog wait for the next batch.
func WaitingRecords(l *ReadLog) int { return l.Waiting() }

// OnStateRead sets what runs before each statement that Views share.
func OnStateRead(s *Store, f func()) { s.states.onRead = f }

// WaitingForStates returns how many Views wait for the next such statement.
func WaitingForStates(s *Store) int { return s.states.waiting() }

// StoreOf returns the connections of a ReadLog.
func StoreOf(l *ReadLog) *Store { return l.store }
