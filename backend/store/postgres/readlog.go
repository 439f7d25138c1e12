// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/queue"
)

// ReadLog holds the records of reads, dry runs and refusals, in tables of the same database. They do not wait for
// changes.
//
// Records that are appended at the same time share one statement and its commit: see queue.Records.
type ReadLog struct {
	store *Store

	queue queue.Records

	onWrite func(records int) // tests set it: it runs before each batch
}

var _ store.RecordLog = (*ReadLog)(nil)

const (
	// maxBatch and maxBatchBytes limit the records of one commit: a batch has at least one call.
	maxBatch      = 512
	maxBatchBytes = 1 << 20
)

func newReadLog(s *Store) *ReadLog {
	l := &ReadLog{store: s}
	l.queue = queue.Records{MaxRecords: maxBatch, MaxBytes: maxBatchBytes, Write: l.write, Ended: s.translate,
		Apart: func(err error) bool { return sqlState(err) != "" }, Place: "database " + s.name}
	return l
}

// AppendRecords implements store.RecordLog. A primary that another one has replaced cannot commit a record if it waits
// for a standby. So if the values of a call are from such a primary, its record is on another one, and the call fails.
func (l *ReadLog) AppendRecords(ctx context.Context, records ...store.Record) error {
	if err := l.queue.Append(ctx, records); err != nil {
		return err
	}
	for _, r := range records {
		if r.Confirm != nil && r.Confirm.Changed {
			return store.ErrChanged
		}
	}
	if timeline, ok := store.CallOf(ctx).ReliesOn(); ok {
		return l.store.checkTimeline(timeline)
	}
	return nil
}

// write commits the records of calls with one statement, which is its own transaction.
func (l *ReadLog) write(records []store.Record, _, _ int) error {
	if len(records) == 0 {
		return nil
	}
	if l.onWrite != nil {
		l.onWrite(len(records))
	}
	ctx, cancel := l.store.uninterrupted(context.Background())
	defer cancel()
	var err error
	if slices.ContainsFunc(records, func(r store.Record) bool { return r.Confirm != nil }) {
		err = l.writeConfirmed(ctx, records)
	} else {
		_, err = l.store.changes.Exec(ctx, readTables.insertion(), recordValues(records)...)
	}
	return l.store.recordError(l.store.translate(err))
}

// writeConfirmed commits records, apart from those of calls that a replica has answered under another generation.
func (l *ReadLog) writeConfirmed(ctx context.Context, records []store.Record) error {
	wanted := make([][]byte, len(records))
	for i, r := range records {
		wanted[i] = []byte{}
		if r.Confirm != nil {
			wanted[i] = bytea(r.Confirm.Generation)
		}
	}
	var present []byte
	err := l.store.changes.QueryRow(ctx, readTables.confirmation(), append(recordValues(records), wanted)...).
		Scan(&present)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.Confirm != nil {
			r.Confirm.Changed = !bytes.Equal(r.Confirm.Generation, present)
		}
	}
	return nil
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
func (l *ReadLog) Close() error { return nil }
