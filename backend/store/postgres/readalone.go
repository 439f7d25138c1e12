// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"bytes"
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A server that is the only one to add records of reads to a log knows the row of the log, because it has written it
// last. So it adds records with one statement, which does nothing if the row has changed. Otherwise it locks and
// reads the row first, which is one more round trip while other servers wait for the lock.

// ownLogs holds the rows of logs that this process has written last, by name. Only the goroutine that writes the
// records uses it.
type ownLogs map[string]ownLog

type ownLog struct {
	row store.Log
	// alone says that no other server has added a record between the last two times. Servers that take turns would mostly
	// find another row.
	alone bool
}

// maxOwnLogs limits what is remembered.
const maxOwnLogs = 1000

// wrote remembers a row that was found and then written with the lock.
func (o ownLogs) wrote(found, row store.Log) {
	last, known := o[row.Log]
	if !known && len(o) >= maxOwnLogs {
		clear(o)
	}
	o[row.Log] = ownLog{row, known && sameLog(last.row, found)}
}

func sameLog(a, b store.Log) bool {
	return a.Log == b.Log && a.Next == b.Next && a.First == b.First && bytes.Equal(a.Head, b.Head)
}

// unknownAppend is the error of an append whose connection broke before the answer of its commit: a log has one row or
// the other.
type unknownAppend struct {
	before, after store.Log
	err           error
	looked        bool // a later transaction has read the row
}

// isOpen reports whether the append may have taken effect, and no transaction has looked yet.
func (u *unknownAppend) isOpen() bool { return u != nil && !u.looked }

func (u *unknownAppend) Error() string { return "adding records: " + u.err.Error() }
func (u *unknownAppend) Unwrap() error { return u.err }

// unknownAfter describes an append that writes these rows of logs. One log is enough: a transaction writes all.
func unknownAfter(known map[string]store.Log, rows []store.Log) *unknownAppend {
	if len(rows) == 0 {
		return nil
	}
	return &unknownAppend{before: known[rows[0].Log], after: rows[0]}
}

// again returns the append as an error if nobody knows whether this error of its commit means that it took effect.
// Otherwise it returns the error.
func (u *unknownAppend) again(err error) error {
	if u == nil || err == nil || !isUnknown(err) {
		return err
	}
	return &unknownAppend{before: u.before, after: u.after, err: err}
}

const extendRead = `WITH l AS (UPDATE read_log SET next_number = $11, head = $12
		WHERE log = $13 AND next_number = $14 AND first = $15 AND head = $16 RETURNING 1)
	INSERT INTO read_record (log, number, at, principal, role, verb, phase, code, detail, hash)
	SELECT r.* FROM l, unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
		$8::text[], $9::bytea[], $10::bytea[]) AS r`

// appendAlone adds records to a log of this server alone. It reports whether it could. It returns an error only
// if the connection broke. For all other errors, the caller takes the lock and finds the cause.
func (l *ReadLog) appendAlone(ctx context.Context, records []store.Record) (done bool, unknown *unknownAppend) {
	own := l.own[records[0].Log]
	if !own.alone || !l.mayBeAlone(records) {
		return false, nil
	}
	before := own.row
	l.own[before.Log] = ownLog{row: before}
	rows, numbered, err := store.Extend(l.store.Prover(), store.ReadLog, map[string]store.Log{before.Log: before}, records)
	if err != nil {
		return false, nil
	}
	args := append(recordValues(numbered), rows[0].Next, bytea(rows[0].Head), before.Log, before.Next, before.First,
		bytea(before.Head))
	tag, err := l.store.changes.Exec(ctx, extendRead, args...)
	switch {
	case err != nil && isUnknown(err):
		return false, &unknownAppend{before: before, after: rows[0], err: err}
	case err != nil || tag.RowsAffected() != int64(len(numbered)):
		return false, nil
	}
	l.own[before.Log] = ownLog{rows[0], true}
	return true, nil
}

// mayBeAlone reports whether records need nothing but their rows: they are of one log, no replica has answered their
// calls, and no secret is to be noted with them.
func (l *ReadLog) mayBeAlone(records []store.Record) bool {
	for _, r := range records {
		if r.Log != records[0].Log || r.Confirm != nil {
			return false
		}
	}
	return len(l.notes.Due(records).Soon) == 0
}

// tookEffect reports whether the rows of logs show that the append took effect. If they do not say, it returns the
// error of the append.
func (u *unknownAppend) tookEffect(known map[string]store.Log) (added bool, err error) {
	if u == nil {
		return false, nil
	}
	u.looked = true
	if sameLog(known[u.before.Log], u.before) {
		return false, nil
	}
	if sameLog(known[u.after.Log], u.after) {
		return true, nil
	}
	return false, u.err
}
