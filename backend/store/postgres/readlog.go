// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/queue"
)

// ReadLog holds the records of reads, dry runs and refusals, in tables of the same database. They do not wait for
// changes.
//
// Records that are appended at the same time share one transaction: see queue.Records.
type ReadLog struct {
	store *Store

	queue queue.Records
	notes queue.Notes
	own   ownLogs

	onWrite func(records int) // tests set it: it runs before each batch
}

var _ store.RecordLog = (*ReadLog)(nil)

const (
	// maxBatch and maxBatchBytes limit the records of one commit: a batch has at least one call.
	maxBatch      = 512
	maxBatchBytes = 1 << 20
)

func newReadLog(s *Store) *ReadLog {
	l := &ReadLog{store: s, own: ownLogs{}}
	l.queue = queue.Records{MaxRecords: maxBatch, MaxBytes: maxBatchBytes, Write: l.write, Ended: s.translate,
		Apart:   isRefused,
		Place:   "database " + s.name,
		Written: l.noteLate}
	return l
}

// AppendRecords implements store.RecordLog. A primary that another one has replaced cannot commit a record if it waits
// for a standby. So if the values of a call are from such a primary, its record is on another one, and the call fails.
func (l *ReadLog) AppendRecords(ctx context.Context, records ...store.Record) error {
	err := l.store.Proved(ctx, store.ReadLog, records, func() error {
		if err := l.queue.Append(ctx, records); err != nil {
			return err
		}
		for _, r := range records {
			if r.Confirm != nil && r.Confirm.Changed { // none was added
				return store.ErrChanged
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if timeline, ok := store.CallOf(ctx).ReliesOn(); ok {
		return l.store.checkTimeline(timeline)
	}
	return nil
}

// write commits the records of calls. It leaves out calls that a replica has answered under another generation.
// It is one statement for a log that no other server uses. Otherwise the transaction has two round trips: it locks and
// reads the rows of the logs, and then adds the records.
//
// A transaction that has waited for the locks, because another server held them, takes the records that have arrived
// meanwhile: their readers would wait for the locks again otherwise.
func (l *ReadLog) write(b *queue.Batch) error {
	if len(b.Records) == 0 {
		return nil
	}
	if l.onWrite != nil {
		l.onWrite(len(b.Records))
	}
	ctx, cancel := l.store.uninterrupted(context.Background())
	defer cancel()
	return l.store.recordError(l.store.translate(l.commit(ctx, b)))
}

// isRefused reports whether PostgreSQL has refused records: then none of the batch was added. After an error that does
// not say so, records that were written again could be in the log twice.
func isRefused(err error) bool {
	state := sqlState(err)
	return state != "" && !isUnknownState(state) || errors.Is(err, backend.ErrCorrupt)
}

const selectGeneration = "SELECT sealed FROM sealed_state WHERE name = '" + store.GenerationState + "'"

// commit adds records, and notes which secrets they resolve. It begins logs first, for good: a transaction that kept
// the locks of others meanwhile could wait for one that waits for it. If the connection broke before the answer of a
// commit, the next transactions find out whether the commit took effect. Nothing else is written before that is known.
func (l *ReadLog) commit(ctx context.Context, batch *queue.Batch) error {
	done, unknown := l.appendAlone(ctx, batch.Records)
	if done {
		l.notes.Written(l.notes.Due(batch.Records))
		return nil
	}
	withNotes := true
	for broken := 0; ; {
		absent, err := l.commitTo(ctx, batch, withNotes, unknown)
		var again *unknownAppend
		switch {
		case err == nil && len(absent) == 0:
			return nil
		case err == nil:
			if err := l.beginLogs(ctx, absent); err != nil {
				return err
			}
		case errors.As(err, &again) && broken < maxBroken:
			unknown, broken = again, broken+1
		case unknown.isOpen() && broken < maxBroken:
			broken++
		case unknown.isOpen(): // not err: if that says refused, the calls would write their records again
			return unknown
		case withNotes && hasNotes(batch.Records) && isRefused(err): // the notes may have been in the way
			withNotes = false
		default:
			return err
		}
	}
}

func hasNotes(records []store.Record) bool {
	return slices.ContainsFunc(records, func(r store.Record) bool { return r.Resolved != nil })
}

// maxBroken is how often a transaction follows a commit without an answer.
const maxBroken = 2

func (l *ReadLog) beginLogs(ctx context.Context, logs []string) error {
	_, err := l.store.changes.Exec(ctx, `INSERT INTO read_log (log, next_number)
		SELECT log, 1 FROM unnest($1::text[]) AS u (log) ORDER BY log ON CONFLICT (log) DO NOTHING`, logs)
	return err
}

// commitTo does the same once, if all logs exist. Otherwise it returns those that do not. The error of a commit without
// an answer is an *unknownAppend.
func (l *ReadLog) commitTo(
	ctx context.Context, batch *queue.Batch, withNotes bool, unknown *unknownAppend,
) (absent []string, err error) {
	names, known := store.NamesOfLogs(batch.Records), map[string]store.Log{}
	confirms := slices.ContainsFunc(batch.Records, func(r store.Record) bool { return r.Confirm != nil })
	var present []byte
	c, err := begin(ctx, l.store.changes, func() *pgx.Batch {
		b := &pgx.Batch{}
		b.Queue(beginRecords)
		b.Queue(readTables.locking(), names).Query(func(rows pgx.Rows) error { return scanLogs(rows, known) })
		if confirms {
			b.Queue(selectGeneration).Query(func(rows pgx.Rows) error {
				return scanAll(rows, func(rows pgx.Rows) error { return rows.Scan(&present) })
			})
		}
		return b
	})
	if err != nil {
		return nil, err
	}
	healthy := false
	defer func() { // also when the driver panics
		if !healthy {
			_ = c.Conn().Close(context.WithoutCancel(ctx)) // rolls back; the pool drops a closed connection
		}
		c.Release()
	}()
	absent = missing(names, known)
	added, err := unknown.tookEffect(known)
	if added {
		// What was only seen need not be on a standby. The lock gave this transaction an id, so that its commit waits for
		// the standby, as the append did.
		err = unknown.again(commitWith(ctx, c, nil))
		healthy = err == nil
		return nil, err
	}
	if len(absent) > 0 || err != nil {
		_, ended := c.Exec(ctx, "ROLLBACK")
		healthy = ended == nil
		if err == nil && len(absent) > 0 {
			err = ended
		}
		return absent, err
	}
	growAfterLock(batch, known)
	records := batch.Records
	if confirms {
		records = confirmed(records, present)
	}
	statements, rows, err := readTables.adding(l.store.Prover(), known, records)
	if err != nil {
		return nil, err
	}
	var due queue.DueNotes
	if withNotes {
		due = l.notes.Due(records)
		statements = append(statements, noting(due.Soon)...)
	}
	if err := commitWith(ctx, c, statements); err != nil {
		return nil, unknownAfter(known, rows).again(err)
	}
	healthy = true
	for _, row := range rows {
		l.own.wrote(known[row.Log], row)
	}
	l.notes.Written(due)
	return nil, nil
}

// growAfterLock adds the records that wait for the locked logs. The generation was read with the locks, so it is too
// old for a call that a replica has answered since.
func growAfterLock(batch *queue.Batch, locked map[string]store.Log) {
	batch.Grow(func(r store.Record) bool {
		_, ok := locked[r.Log]
		return ok && r.Confirm == nil
	})
}

// noteLate notes what the readers did not wait for.
func (l *ReadLog) noteLate() {
	for _, n := range noting(l.notes.Late()) {
		ctx, cancel := l.store.uninterrupted(context.Background())
		_, _ = l.store.changes.Exec(ctx, n.text, n.args...) // another reader notes them, in a minute
		cancel()
	}
}

// confirmed returns the records of all calls, except calls that a replica has answered under another generation than
// the present one.
func confirmed(records []store.Record, present []byte) []store.Record {
	var out []store.Record
	for _, r := range records {
		if r.Confirm != nil {
			r.Confirm.Changed = !bytes.Equal(r.Confirm.Generation, present)
		}
		if r.Confirm == nil || !r.Confirm.Changed {
			out = append(out, r)
		}
	}
	return out
}

// commitWith runs statements and commits, in one round trip.
func commitWith(ctx context.Context, c *pgxpool.Conn, statements []later) error {
	b := &pgx.Batch{}
	for _, l := range statements {
		b.Queue(l.text, l.args...)
	}
	b.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() == "ROLLBACK" { // PostgreSQL answers so if the transaction had failed
			return errors.New("the transaction was rolled back")
		}
		return nil
	})
	return c.SendBatch(ctx, b).Close()
}

// DeleteRecords implements store.RecordLog.
func (l *ReadLog) DeleteRecords(
	ctx context.Context, before time.Time, limit int, add func(log string, deleted int) store.Record,
) (deleted int, err error) {
	return readTables.delete(ctx, l.store, before, limit, add)
}

// Check implements what a server asks of its log of reads: it has nothing to report beside the database.
func (l *ReadLog) Check(context.Context) (low error, err error) { return nil, nil }

// Close waits for the records that are being written. The Store closes the connections.
func (l *ReadLog) Close() error {
	l.queue.Wait()
	return nil
}
