// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// tx is a transaction on one connection. One goroutine uses it at a time.
type tx struct {
	store    *Store
	conn     *pgx.Conn // nil before begin
	writable bool
	ended    bool
	// read holds the states that a View has read at its start.
	read   map[string][]byte
	pooled *pgxpool.Conn // conn, of a View
	// begin begins the transaction of a View that has read only states so far.
	begin func(context.Context) error
	// states holds the states of the transaction, and written the states that this function has written.
	states  *batchStates
	written map[string][]byte
	// placed holds the objects that were written, by id. Another object may have the place of one of them.
	placed map[string]store.Object
	// broken is an error after which PostgreSQL refuses further statements, or the function must not succeed.
	broken error
	queued []later // see execLater
	// earlier is how many of them are of calls that ran before in the same transaction. If one of those fails, there is no
	// savepoint before it.
	earlier int
	shared  bool // other calls share the transaction, so the first statement of this one that is sent has a savepoint
	saved   bool // the savepoint "member" was set
	records []store.Record
	ahead   *ahead // nil if nothing was read before the function
}

var _ store.Tx = (*tx)(nil)

// usable returns an error if a statement would not run in this transaction.
func (t *tx) usable(ctx context.Context, write bool) error {
	switch {
	case t.ended:
		return backend.Errorf(backend.CodeInternal, "a transaction was used after its end")
	case t.broken != nil:
		return t.broken
	case write && !t.writable:
		return backend.Errorf(backend.CodeInternal, "a read transaction cannot write")
	case ctx.Err() != nil:
		return t.store.translate(ctx.Err())
	}
	return nil
}

// statement returns the context of a statement. The end of the call does not interrupt a transaction that writes: other
// calls share it. The time is limited, so that a network that has lost the connection does not keep the others waiting
// for ever.
func (t *tx) statement(ctx context.Context) (context.Context, context.CancelFunc) {
	if !t.writable {
		return ctx, func() {}
	}
	return t.store.uninterrupted(ctx)
}

// uninterrupted limits the time of a statement that does not end with its call.
func (s *Store) uninterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), time.Duration(s.timeout.Load()))
}

// later is a statement that writes and that is sent with the next one, so that it needs no round trip. So its error is
// the error of the next statement, or of the end of the function.
type later struct {
	text string
	args []any
	// done turns the result into an error; nil accepts everything.
	done func(rows int64, err error) error
	// row is what the statement writes, if it can be merged with others: see merged.
	row any
}

// execLater adds a statement that is sent with the next one.
func (t *tx) execLater(ctx context.Context, l later) error {
	t.ahead.clear()
	return t.keepAhead(ctx, l)
}

// keepAhead does the same for a statement that changes nothing in ahead but what was forgotten before.
func (t *tx) keepAhead(ctx context.Context, l later) error {
	if err := t.usable(ctx, true); err != nil {
		return err
	}
	t.queued = append(t.queued, l)
	return nil
}

// exec runs a statement that writes and returns the number of changed rows.
func (t *tx) exec(ctx context.Context, text string, args ...any) (changed int64, err error) {
	if err := t.usable(ctx, true); err != nil {
		return 0, err
	}
	t.ahead.clear()
	t.save()
	if len(t.queued) > 0 {
		err = t.execLater(ctx, later{text: text, args: args, done: func(n int64, err error) error {
			changed = n
			return err
		}})
		if err == nil {
			err = t.flush(ctx)
		}
		return changed, err
	}
	limited, cancel := t.statement(ctx)
	defer cancel()
	tag, err := t.conn.Exec(limited, text, args...)
	if err != nil {
		return 0, t.failed(err)
	}
	return tag.RowsAffected(), nil
}

// flush sends the statements that wait. If one of them fails, the whole function does.
func (t *tx) flush(ctx context.Context) error {
	if len(t.queued) == 0 || t.broken != nil {
		return t.broken
	}
	limited, cancel := t.statement(ctx)
	defer cancel()
	batch, results := t.batch(limited, "", nil)
	return t.finish(batch, results, nil)
}

// batch sends the statements that wait, and one more if text is not empty.
func (t *tx) batch(ctx context.Context, text string, args []any) ([]later, pgx.BatchResults) {
	if len(t.queued) > t.earlier {
		t.save()
	}
	sent := t.queued
	for i := range sent[:t.earlier] {
		sent[i].done = t.ofEarlier(sent[i].done)
	}
	t.queued, t.earlier = nil, 0
	b := &pgx.Batch{}
	for _, l := range sent {
		b.Queue(l.text, l.args...)
	}
	if text != "" {
		b.Queue(text, args...)
	}
	return sent, t.conn.SendBatch(ctx, b)
}

// save adds a savepoint before the first statement of this call, if other calls share the transaction. It is sent with
// the next statement.
func (t *tx) save() {
	if t.shared && !t.saved {
		t.queued = slices.Insert(slices.Clone(t.queued), t.earlier, later{text: "SAVEPOINT member"})
		t.saved = true
	}
}

// ofEarlier returns what checks the result of a statement of a call that ran before. If it fails, the savepoint of this
// call does not help.
func (t *tx) ofEarlier(done func(int64, error) error) func(int64, error) error {
	return func(rows int64, err error) error {
		if done != nil {
			err = done(rows, err)
		}
		if err != nil {
			t.saved = false
		}
		return err
	}
}

// finish reads the results of statements that waited, and then those that last reads.
func (t *tx) finish(sent []later, results pgx.BatchResults, last func() error) error {
	var first error
	for _, l := range sent {
		tag, err := results.Exec()
		failed := err != nil
		if failed {
			err = t.store.translate(err)
		}
		if l.done != nil {
			err = l.done(tag.RowsAffected(), err)
		}
		if err != nil && first == nil {
			first = err
		}
		if failed { // the others were not run
			break
		}
	}
	if first == nil && last != nil {
		if err := last(); err != nil {
			first = t.store.translate(err)
		}
	}
	if err := results.Close(); err != nil && first == nil {
		first = t.store.translate(err)
	}
	if first != nil {
		t.broken = first
	}
	return first
}

// query runs a statement that reads and calls scan for each row.
func (t *tx) query(ctx context.Context, text string, args []any, scan func(pgx.Rows) error) error {
	if err := t.usable(ctx, false); err != nil {
		return err
	}
	return t.run(ctx, text, args, scan)
}

// queryWritten does the same for a statement that writes.
func (t *tx) queryWritten(ctx context.Context, text string, args []any, scan func(pgx.Rows) error) error {
	if err := t.usable(ctx, true); err != nil {
		return err
	}
	t.ahead.clear()
	t.save()
	return t.run(ctx, text, args, scan)
}

func (t *tx) run(ctx context.Context, text string, args []any, scan func(pgx.Rows) error) error {
	if t.conn == nil {
		if t.broken = t.begin(ctx); t.broken != nil {
			return t.broken
		}
	}
	limited, cancel := t.statement(ctx)
	defer cancel()
	if len(t.queued) > 0 {
		sent, results := t.batch(limited, text, args)
		return t.finish(sent, results, func() error {
			rows, err := results.Query()
			if err != nil {
				return err
			}
			return scanAll(rows, scan)
		})
	}
	rows, err := t.conn.Query(limited, text, args...)
	if err == nil {
		err = scanAll(rows, scan)
	}
	if err != nil {
		return t.failed(err)
	}
	return nil
}

func scanAll(rows pgx.Rows, scan func(pgx.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// first runs a statement that reads, scans its first row, and reports whether there is one.
func (t *tx) first(ctx context.Context, text string, args []any, dest ...any) (bool, error) {
	found := false
	err := t.query(ctx, text, args, func(rows pgx.Rows) error {
		found = true
		return rows.Scan(dest...)
	})
	return found, err
}

// failed translates an error. After one, PostgreSQL refuses everything but a rollback.
func (t *tx) failed(err error) error {
	out := t.store.translate(err)
	t.broken = out
	return out
}

// bytea turns nil into empty bytes, for a column without NULL.
func bytea(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// timeOf returns a time in UTC from a column of microseconds since 1970. The zero time is the number for the year 1.
func timeOf(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// texts runs a query for one column of text.
func (t *tx) texts(ctx context.Context, text string, args ...any) ([]string, error) {
	var out []string
	err := t.query(ctx, text, args, func(rows pgx.Rows) error {
		var s string
		err := rows.Scan(&s)
		out = append(out, s)
		return err
	})
	return out, err
}
