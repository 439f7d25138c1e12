// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/queue"
)

// Create creates the schema in an empty database, and calls fill with a Store that writes the first content. All of it
// is one transaction: if fill or Create returns an error, the database stays empty. Of several concurrent calls, one
// creates it, and the others wait and return ErrExists.
//
// fill may call the Store more than once. Its transactions end with the transaction of Create.
func Create(ctx context.Context, address string, fill func(context.Context, store.Store) error) error {
	return createWith(ctx, address, current(), fill)
}

func createWith(
	ctx context.Context, address string, known schema, fill func(context.Context, store.Store) error,
) error {
	s, err := connect(ctx, address, known)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // it always returns nil
	if s.deployment, err = newDeployment(); err != nil {
		return err
	}
	return s.create(ctx, known.worksWith(), fill)
}

// create creates the schema and what fill adds, for programs that know the schema worksWith.
func (s *Store) create(
	ctx context.Context, worksWith int, fill func(context.Context, store.Store) error,
) (err error) {
	c, err := begin(ctx, s.changes, func() *pgx.Batch {
		b := &pgx.Batch{}
		b.Queue(beginChange)
		b.Queue("SELECT " + createLock)
		return b
	})
	if err != nil {
		return s.beginError(ctx, err)
	}
	all := &changes{store: s, conn: c, states: newBatchStates()}
	filled := &tx{store: s, conn: c.Conn(), writable: true}
	defer func() { // also when fill panics
		filled.ended = true
		all.states.keep(filled.written)
		all.records = filled.records
		result, ending := all.End(1)
		if err == nil && result == queue.Failed {
			err = ending
		}
	}()
	if err := s.createSchema(ctx, filled, worksWith); err != nil {
		return err
	}
	if err := fill(ctx, creating{s, filled}); err != nil {
		return err
	}
	if err := filled.flush(ctx); err != nil {
		return err
	}
	all.changed = true
	return nil
}

func newDeployment() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", backend.Errorf(backend.CodeInternal, "making a deployment id: %w", err)
	}
	return id.String(), nil
}

// createSchema makes the tables, unless another server was faster.
func (s *Store) createSchema(ctx context.Context, t *tx, worksWith int) error {
	present, err := t.schemaObjects(ctx)
	if err != nil {
		return err
	}
	if len(present) > 0 {
		return backend.Errorf(backend.CodeExists, "database %s already holds data of Pouncet", s.name)
	}
	var exists bool
	const schemaExists = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'pouncet')"
	if _, err := t.first(ctx, schemaExists, nil, &exists); err != nil {
		return err
	}
	if !exists {
		if _, err := t.exec(ctx, "CREATE SCHEMA pouncet"); err != nil {
			return err
		}
	}
	for _, step := range s.schema {
		if _, err := t.exec(ctx, step.text); err != nil {
			return err
		}
	}
	_, err = t.exec(ctx, "INSERT INTO deployment (one, id, schema_version, works_with) VALUES (1, $1, $2, $3)",
		s.deployment, s.schema.version(), worksWith)
	return err
}

// creating is a Store whose transactions are parts of one.
type creating struct {
	*Store
	tx *tx
}

var _ store.Store = creating{}

// View implements store.Store.
func (s creating) View(_ context.Context, f func(store.Tx) error) error { return f(s.tx) }

// Update implements store.Store, with a savepoint.
func (s creating) Update(ctx context.Context, f func(store.Tx) error) error {
	if _, err := s.tx.exec(ctx, "SAVEPOINT filling"); err != nil {
		return err
	}
	part := *s.tx
	part.written, part.records = maps.Clone(s.tx.written), slices.Clip(s.tx.records)
	err := f(&part)
	if err == nil {
		err = part.flush(ctx)
	}
	part.ended = true
	if err != nil {
		if _, failed := s.tx.exec(ctx, "ROLLBACK TO filling; RELEASE filling"); failed != nil {
			return failed
		}
		return err
	}
	s.tx.written, s.tx.records = part.written, part.records
	_, err = s.tx.exec(ctx, "RELEASE filling")
	return err
}

// AppendRecords implements store.RecordLog.
func (s creating) AppendRecords(ctx context.Context, records ...store.Record) error {
	return s.tx.addRecords(ctx, records...)
}

// DeleteRecords implements store.RecordLog. A new database has none.
func (s creating) DeleteRecords(
	context.Context, time.Time, int, func(string, int) store.Record,
) (deleted int, err error) {
	return 0, nil
}
