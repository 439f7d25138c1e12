// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"bytes"
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// View implements store.Store. Most calls find in memory what they need, and ask the database only whether that is
// still right. They share the statement that reads the states: see stateReads.
func (s *Store) View(ctx context.Context, f func(store.Tx) error) error {
	if store.StatesOnly(ctx) {
		held := store.IsConditionHeld(ctx)
		if err := s.viewStates(ctx, f); !errors.Is(err, errMoved) {
			return err
		}
		if !held { // the condition was found in another state of the database than the function now reads
			store.ResetCondition(ctx)
		}
	}
	return s.view(ctx, func(t *tx, b *pgx.Batch) {
		t.read = map[string][]byte{}
		s.queueStates(b, statesOf(ctx), t.read)
	}, f)
}

// view runs f in a read transaction. more adds statements to BEGIN, which are sent together.
func (s *Store) view(ctx context.Context, more func(*tx, *pgx.Batch), f func(store.Tx) error) error {
	t := &tx{store: s}
	defer t.endView() // also when f panics
	err := t.beginView(ctx, func(b *pgx.Batch) { more(t, b) })
	if err != nil {
		return err
	}
	read := connTimeline(t.conn)
	relyOn(ctx, read)
	if err := f(t); err != nil {
		return err
	}
	return s.checkTimeline(read)
}

// errMoved ends the function of viewStates, which then runs again: the states that it has used belong to an
// earlier snapshot than the one from which it wants to read more.
var errMoved = errors.New("the database has changed since the states were read")

// viewStates runs f with states that calls have read together. Its transaction begins when f reads anything else.
func (s *Store) viewStates(ctx context.Context, f func(store.Tx) error) error {
	names := statesOf(ctx)
	read, err := s.states.read(ctx, names)
	if err != nil {
		return err
	}
	relyOn(ctx, read.timeline)
	t := &tx{store: s, read: read.states}
	t.begin = func(ctx context.Context) error {
		now := map[string][]byte{}
		if err := t.beginView(ctx, func(b *pgx.Batch) { s.queueStates(b, names, now) }); err != nil {
			return err
		}
		for _, name := range names {
			if !bytes.Equal(now[name], read.states[name]) || (now[name] == nil) != (read.states[name] == nil) {
				return errMoved
			}
		}
		if connTimeline(t.conn) != read.timeline {
			return errMoved
		}
		return nil
	}
	defer t.endView() // also when f panics
	err = f(t)
	switch {
	case errors.Is(t.broken, errMoved): // whatever f made of it
		return errMoved
	case err != nil:
		return err
	}
	return s.checkTimeline(read.timeline)
}

// beginView begins the read transaction of t.
func (t *tx) beginView(ctx context.Context, more func(*pgx.Batch)) error {
	c, err := begin(ctx, t.store.views, func() *pgx.Batch {
		b := &pgx.Batch{}
		b.Queue(beginView)
		more(b)
		return b
	})
	if err != nil {
		return t.store.beginError(ctx, err)
	}
	t.conn, t.pooled = c.Conn(), c
	return nil
}

// endView ends the read transaction of t, if it has begun. The caller need not wait for it.
func (t *tx) endView() {
	t.ended = true
	if t.pooled != nil {
		go t.store.endView(t.pooled)
	}
}

func (s *Store) endView(c *pgxpool.Conn) {
	ctx, cancel := s.uninterrupted(context.Background())
	defer cancel()
	if _, err := c.Exec(ctx, "ROLLBACK"); err != nil {
		_ = c.Conn().Close(ctx) // the pool drops a closed connection
	}
	c.Release()
}
