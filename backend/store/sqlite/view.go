// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// View runs f in a read transaction. All reads see the state of the database at the start.
//
// Most calls read one or two rows, and BEGIN and ROLLBACK would be half of their statements. So the transaction is that
// of the statement that reads the generation: it lasts until the statement is closed. Calls that probably find in
// memory what they need share that statement: see stateReads.
func (s *Store) View(ctx context.Context, f func(store.Tx) error) error {
	if store.StatesOnly(ctx) && !s.immutable {
		held := store.IsConditionHeld(ctx)
		if err := s.viewStates(ctx, f); !errors.Is(err, errMoved) {
			return err
		}
		if !held { // it was found in a state of the database than the function now reads
			store.ResetCondition(ctx)
		}
	}
	t := &tx{store: s}
	defer t.endView() // also when f panics
	if err := t.beginView(ctx); err != nil {
		return s.translate(err)
	}
	err := f(t)
	if changed := s.checkUnchanged(); changed != nil {
		return changed // and what f has read may be anything
	}
	return err
}

// errMoved ends the function of viewStates, which then runs again: the states that it has used belong to an
// earlier snapshot than the one from which it wants to read more.
var errMoved = errors.New("the database has changed since the states were read")

// viewStates runs f with states that calls have read together. Its transaction begins when f reads anything else.
func (s *Store) viewStates(ctx context.Context, f func(store.Tx) error) error {
	read, err := s.states.read(ctx)
	if err != nil {
		return s.translate(err)
	}
	t := &tx{store: s, generation: read.generation, contents: read.contents}
	defer t.endView() // also when f panics
	err = f(t)
	if errors.Is(t.broken, errMoved) { // whatever f made of it
		return errMoved
	}
	return err
}

// beginLate begins the transaction of viewStates.
func (t *tx) beginLate(ctx context.Context) error {
	generation, contents := t.generation, t.contents
	if err := t.beginView(ctx); err != nil {
		return t.store.translate(err)
	}
	if !bytes.Equal(generation, t.generation) || !bytes.Equal(contents, t.contents) {
		t.broken = errMoved
	}
	return t.broken
}

// beginView begins a read transaction, with a statement that stays open. For a database it reads the generation and the
// contents.
func (t *tx) beginView(ctx context.Context) error {
	c, err := t.store.readers.acquire(ctx)
	if err != nil {
		return err
	}
	if t.open, err = t.begin(ctx, c); err != nil {
		t.store.readers.release(c, false)
		return err
	}
	t.conn = c
	return nil
}

func (t *tx) begin(ctx context.Context, c *conn) (*sql.Rows, error) {
	st, err := c.prepare(ctx, t.store.beginRead)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	if rows.Next() {
		err = rows.Scan(&t.generation, &t.contents)
	}
	if err = errors.Join(err, rows.Err()); err != nil {
		_ = rows.Close() // the connection is closed
		return nil, err
	}
	return rows, nil
}

// endView ends the read transaction, if it has begun.
func (t *tx) endView() {
	t.ended = true
	if t.conn != nil {
		t.store.readers.release(t.conn, t.open.Close() == nil)
	}
}
