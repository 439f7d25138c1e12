// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/queue"
)

// The advisory locks of a database. PostgreSQL keeps the locks of different databases apart.
const (
	changeLock = "pg_advisory_xact_lock(5792588)" // one change at a time
	createLock = "pg_advisory_xact_lock(5792589)" // one server creates or migrates the schema
)

const (
	beginView   = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	beginChange = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
	// beginRecords fails in a database that is set to be read-only.
	beginRecords = "BEGIN ISOLATION LEVEL READ COMMITTED"

	selectStates = "SELECT id, works_with, coalesce(name, ''), sealed FROM deployment LEFT JOIN sealed_state ON name "
)

// statesOf names the states that nearly every transaction of a call reads.
func statesOf(ctx context.Context) []string {
	names := []string{store.GenerationState, store.ContentsState}
	for _, id := range store.ProjectsOf(ctx) {
		names = append(names, store.ProjectPrefix+id)
	}
	return names
}

// queueStates adds the statement that reads states. A transaction does not begin in a database that another one has
// replaced, or that only newer programs can use.
func (s *Store) queueStates(b *pgx.Batch, names []string, into map[string][]byte) {
	condition, args := oneOf(names, nil)
	b.Queue(selectStates+condition, args...).Query(func(rows pgx.Rows) error {
		for _, name := range names {
			into[name] = nil
		}
		var deployment, name string
		var oldest int
		err := scanAll(rows, func(rows pgx.Rows) error {
			var sealed []byte
			err := rows.Scan(&deployment, &oldest, &name, &sealed)
			into[name] = sealed
			return err
		})
		switch {
		case err != nil:
			return err
		case deployment != s.deployment:
			return s.replacedError()
		}
		return s.checkOldest(0, oldest)
	})
}

// oneOf returns the condition that a text is one of these, and adds its arguments. PostgreSQL makes a plan for = ANY
// each time, because it depends on the length of the array, and it makes one for IN only once. The number of arguments
// is a power of two, for few different statements.
func oneOf(texts []string, args []any) (condition string, all []any) {
	texts = slices.Compact(slices.Sorted(slices.Values(texts)))
	const most = 32
	if len(texts) == 0 || len(texts) > most {
		return fmt.Sprintf("= ANY($%d::text[])", len(args)+1), append(args, list(texts))
	}
	var placeholders []string
	for n := 1; len(placeholders) < len(texts); n *= 2 {
		for len(placeholders) < n {
			args = append(args, texts[min(len(placeholders), len(texts)-1)])
			placeholders = append(placeholders, "$"+strconv.Itoa(len(args)))
		}
	}
	return "IN (" + strings.Join(placeholders, ", ") + ")", args
}

// begin begins a transaction with the first statements that make returns. PostgreSQL or the network may have closed
// connections that were idle, often all of them. So if one turns out to be broken, begin takes another one.
func begin(ctx context.Context, pool *pgxpool.Pool, first func() *pgx.Batch) (*pgxpool.Conn, error) {
	for broken := int32(1); ; broken++ {
		c, err := pool.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		if err = c.SendBatch(ctx, first()).Close(); err == nil {
			return c, nil
		}
		again := c.Conn().IsClosed() && broken <= pool.Stat().MaxConns()
		_ = c.Conn().Close(context.WithoutCancel(ctx)) // ends the transaction, if it has begun
		c.Release()
		if !again || ctx.Err() != nil {
			return nil, err
		}
	}
}

// beginError translates an error of begin. If the context of the call has not ended, a timeout belongs to the
// connection: the database cannot be reached.
func (s *Store) beginError(ctx context.Context, err error) error {
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		e := s.unreachable()
		e.Err = err
		return e
	}
	return s.translate(err)
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, f func(store.Tx) error) error {
	return s.queue.Update(ctx, f)
}

// changes is a transaction that several calls of Update share.
//
// The entries that calls probably look up are read for all of them before they run. The statements that a call writes
// are sent with the first statement that a later call reads, or at the end. If they fail then, no result of the
// transaction is used, and each call runs in its own transaction, which shows which call has failed, and why. So a
// call needs a savepoint only if it reads after it has written.
type changes struct {
	store   *Store
	conn    *pgxpool.Conn
	changed bool    // a function has succeeded
	waiting []later // statements of calls that have ended
	records []store.Record
	logs    map[string]store.Log // the rows of logs that were read
	states  *batchStates
	broken  error                   // after which PostgreSQL refuses further statements
	placed  map[string]store.Object // of the only call: see tx.placed
	ahead   *ahead
}

var _ queue.Transaction = (*changes)(nil)

// beginChanges takes the lock of the changes. The statement after it has its own snapshot, which shows the last
// commit. It reads the states that every change of a signed store reads, and
// the rows of the logs to which a change probably adds records, and the entries that this call probably looks up.
func (s *Store) beginChanges(ctx context.Context) (queue.Transaction, error) {
	states, logs, ahead := newBatchStates(), map[string]store.Log{}, newAhead()
	c, err := begin(ctx, s.changes, func() *pgx.Batch {
		b := &pgx.Batch{}
		b.Queue(beginChange)
		b.Queue("SELECT " + changeLock)
		s.queueStates(b, statesOf(ctx), states.known)
		queueLogs(b, slices.Concat(store.ProjectsOf(ctx), []string{""}), logs)
		ahead.queue(b, store.PlacesOf(ctx))
		return b
	})
	if err != nil {
		return nil, s.beginError(ctx, err)
	}
	return &changes{store: s, conn: c, states: states, logs: logs, ahead: ahead}, nil
}

// Broken implements queue.Transaction.
func (b *changes) Broken() bool { return b.broken != nil }

// Run implements queue.Transaction.
func (b *changes) Run(ctx context.Context, f func(store.Tx) error, alone bool) (err error) {
	if err := ctx.Err(); err != nil {
		return b.store.translate(err)
	}
	t := &tx{store: b.store, conn: b.conn.Conn(), writable: true, states: b.states, shared: !alone,
		queued: b.waiting, earlier: len(b.waiting), ahead: b.ahead}
	b.waiting = nil
	b.ahead.begin()
	done := false
	defer func() { // also when the function panics
		t.ended = true
		if !done {
			b.ahead.undo()
		}
		switch {
		case alone, t.broken != nil && (!t.saved || runsAgain(t.broken)):
			b.broken = t.broken
		case done:
			b.waiting = t.queued
		case t.saved:
			_ = b.exec("ROLLBACK TO member; RELEASE member")
		default: // its own statements were not sent
			b.waiting = t.queued[:t.earlier:t.earlier]
		}
		if done {
			b.changed = true
			b.records = append(b.records, t.records...)
			b.states.keep(t.written)
		}
	}()
	if err := f(t); err != nil {
		return err
	}
	if t.broken != nil {
		return t.broken
	}
	if err := ctx.Err(); err != nil {
		return b.store.translate(err)
	}
	switch {
	case alone:
		b.placed = t.placed // the commit checks the places
		if err := t.flush(ctx); err != nil {
			return err
		}
	case t.saved:
		t.queued = append(t.queued, later{text: "RELEASE member"})
	}
	done = true
	return nil
}

// queueLogs adds the statement that reads the rows of logs of changes.
func queueLogs(b *pgx.Batch, names []string, into map[string]store.Log) {
	b.Queue(changeTables.selection(), names).Query(func(rows pgx.Rows) error {
		if err := scanLogs(rows, into); err != nil {
			return err
		}
		withNew(names, into)
		return nil
	})
}

// flush sends the statements that wait, and reads the rows of logs that the commit needs and that are not known.
func (b *changes) flush() error {
	t := &tx{store: b.store, conn: b.conn.Conn(), writable: true, queued: merged(b.waiting)}
	b.waiting = nil
	names := missing(store.NamesOfLogs(b.records), b.logs)
	if len(names) == 0 {
		return t.flush(context.Background())
	}
	if b.logs == nil {
		b.logs = map[string]store.Log{}
	}
	err := t.query(context.Background(), changeTables.selection(), []any{names}, func(rows pgx.Rows) error {
		var l store.Log
		err := rows.Scan(&l.Log, &l.Next, &l.First, &l.Head)
		b.logs[l.Log] = l
		return err
	})
	withNew(names, b.logs)
	return err
}

// exec runs a statement of the transaction itself.
func (b *changes) exec(text string) error {
	ctx, cancel := b.store.uninterrupted(context.Background())
	defer cancel()
	if _, err := b.conn.Exec(ctx, text); err != nil {
		b.broken = b.store.translate(err)
	}
	return b.broken
}

// End implements queue.Transaction.
func (b *changes) End(calls int) (queue.Result, error) {
	healthy := false
	defer func() { // also when the driver panics
		if !healthy {
			b.closeConn()
		}
		b.conn.Release()
	}()
	if b.broken == nil {
		b.broken = b.flush()
	}
	switch {
	case b.broken != nil && (calls > 1 || runsAgain(b.broken)):
		return queue.Again, nil
	case b.broken != nil || !b.changed:
		healthy = b.rollBack()
		return queue.Done, nil
	}
	if b.store.onCommit != nil {
		b.store.onCommit(calls)
	}
	switch err := b.commit(); {
	case err == nil:
		healthy = true
		b.store.commits.Count(calls)
		return queue.Done, nil
	case isUnknown(err):
		return queue.Failed, b.store.brokenCommit(err)
	case calls > 1 || runsAgain(err): // it was rolled back
		return queue.Again, nil
	case errors.As(err, new(*backend.Error)):
		return queue.Failed, b.store.translate(err)
	case sqlState(err) == uniqueViolation:
		return queue.Failed, b.store.placeError(b.placed)
	default:
		return queue.Failed, b.store.translate(err)
	}
}

// isUnknown reports whether nobody knows if a commit that ended with this error took effect: no answer came, or
// PostgreSQL was shutting down.
func isUnknown(err error) bool {
	var known *backend.Error
	if errors.As(err, &known) {
		return false
	}
	state := sqlState(err)
	return state == "" || isUnknownState(state)
}

func isUnknownState(state string) bool {
	return strings.HasPrefix(state, "08") || strings.HasPrefix(state, "57")
}

func (b *changes) closeConn() {
	ctx, cancel := b.store.uninterrupted(context.Background())
	defer cancel()
	_ = b.conn.Conn().Close(ctx) // rolls back; the pool drops a closed connection
}

func (b *changes) rollBack() bool {
	ctx, cancel := b.store.uninterrupted(context.Background())
	defer cancel()
	_, err := b.conn.Exec(ctx, "ROLLBACK")
	return err == nil
}

// commit writes the records and the states, and commits, in one round trip.
func (b *changes) commit() error {
	ctx, cancel := b.store.uninterrupted(context.Background())
	defer cancel()
	batch := &pgx.Batch{}
	statements, _, err := changeTables.adding(b.store.Prover(), b.logs, b.records)
	if err != nil {
		return err
	}
	for _, l := range statements {
		batch.Queue(l.text, l.args...)
	}
	records := batch.Len()
	b.states.queue(batch)
	// PostgreSQL answers COMMIT with success and the tag ROLLBACK if the transaction had failed.
	rolledBack := false
	batch.Queue("COMMIT")
	results := b.conn.SendBatch(ctx, batch)
	for i := range batch.Len() {
		tag, e := results.Exec()
		if i < records {
			e = b.store.recordError(e)
		}
		err = errors.Join(err, e)
		rolledBack = e == nil && tag.String() == "ROLLBACK"
	}
	if err = errors.Join(err, results.Close()); err == nil && rolledBack {
		err = backend.Errorf(backend.CodeInternal, "database %s rolled back a change instead of committing it", b.store.name)
	}
	return err
}
