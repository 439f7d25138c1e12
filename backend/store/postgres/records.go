// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// recordTables are the tables of the records of changes, or of reads.
type recordTables struct {
	kind                 store.LogKind
	logs, records, tiles string
}

var (
	changeTables = recordTables{store.ChangeLog, "change_log", "change_record", "change_tile"}
	readTables   = recordTables{store.ReadLog, "read_log", "read_record", "read_tile"}
)

// selection returns the statement that reads the rows of logs, whose names are its argument. A transaction that adds
// records reads them before, because the head of a log depends on the one before.
func (r recordTables) selection() string {
	return `SELECT log, next_number, first, head FROM ` + r.logs + ` WHERE log = ANY($1::text[]) ORDER BY log`
}

// locking returns the same statement for logs that other transactions may write at the same time. They are locked in
// the order of their names, so that two of these statements do not wait for each other.
func (r recordTables) locking() string { return r.selection() + ` FOR UPDATE` }

// scanLogs reads the rows of logs.
func scanLogs(rows pgx.Rows, into map[string]store.Log) error {
	return scanAll(rows, func(rows pgx.Rows) error {
		var l store.Log
		err := rows.Scan(&l.Log, &l.Next, &l.First, &l.Head)
		into[l.Log] = l
		return err
	})
}

// missing returns the names of logs that are not known.
func missing(names []string, known map[string]store.Log) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, ok := known[name]
		return ok
	})
}

// adding returns the statements that add records to logs whose rows are known, and the new rows.
func (r recordTables) adding(
	p store.Prover, known map[string]store.Log, records []store.Record,
) (statements []later, rows []store.Log, err error) {
	rows, numbered, err := store.Extend(p, r.kind, known, records)
	if err != nil || len(numbered) == 0 {
		return nil, nil, err
	}
	return []later{{text: r.insertion(), args: recordValues(numbered)}, {text: r.logging(), args: logValues(rows)}}, rows,
		nil
}

// insertion returns the statement that adds any number of records.
func (r recordTables) insertion() string {
	return `INSERT INTO ` + r.records + ` (log, number, at, principal, role, verb, phase, code, detail, hash)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
			$8::text[], $9::bytea[], $10::bytea[])`
}

// recordValues returns the columns of records.
func recordValues(records []store.Numbered) []any {
	n := len(records)
	logs, numbers, at := make([]string, n), make([]int64, n), make([]int64, n)
	principals, roles, verbs, phases := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	codes, details, hashes := make([]string, n), make([][]byte, n), make([][]byte, n)
	for i, r := range records {
		logs[i], numbers[i], at[i] = r.Log, r.Number, r.At.UnixMicro()
		principals[i], roles[i], verbs[i], phases[i] = r.Principal, string(r.Role), r.Verb, r.Phase
		codes[i], details[i], hashes[i] = r.Code, bytea(r.Detail), bytea(r.Hash)
	}
	return []any{logs, numbers, at, principals, roles, verbs, phases, codes, details, hashes}
}

// logging returns the statement that writes the rows of any number of logs.
func (r recordTables) logging() string {
	return `INSERT INTO ` + r.logs + ` (log, next_number, first, head)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[])
		ON CONFLICT (log) DO UPDATE SET next_number = excluded.next_number, head = excluded.head`
}

// logValues returns the columns of logs.
func logValues(rows []store.Log) []any {
	n := len(rows)
	names, next, first, heads := make([]string, n), make([]int64, n), make([]int64, n), make([][]byte, n)
	for i, l := range rows {
		names[i], next[i], first[i], heads[i] = l.Log, l.Next, l.First, bytea(l.Head)
	}
	return []any{names, next, first, heads}
}

// withNew adds the rows of logs that have none yet.
func withNew(names []string, known map[string]store.Log) {
	for _, name := range missing(names, known) {
		known[name] = store.NewLog(name)
	}
}

// append adds records in a transaction of changes. No other transaction of changes runs, but one that adds records of
// reads may.
func (r recordTables) append(ctx context.Context, t *tx, records []store.Record) error {
	if len(records) == 0 {
		return nil
	}
	names, known := store.NamesOfLogs(records), map[string]store.Log{}
	err := t.query(ctx, r.locking(), []any{names}, func(rows pgx.Rows) error {
		var l store.Log
		err := rows.Scan(&l.Log, &l.Next, &l.First, &l.Head)
		known[l.Log] = l
		return err
	})
	if err != nil {
		return err
	}
	withNew(names, known)
	statements, _, err := r.adding(t.store.Prover(), known, records)
	if err != nil {
		return err
	}
	for _, l := range statements {
		l.done = func(_ int64, err error) error { return t.store.recordError(err) }
		if err := t.execLater(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// recordError is the error of a number that already exists.
func (s *Store) recordError(err error) error {
	if sqlState(err) != uniqueViolation {
		return err
	}
	e := s.changedError("a record of the audit log already exists")
	e.Err = err
	return e
}

// due returns the logs whose oldest record is older than before.
func (r recordTables) due(ctx context.Context, t *tx, before time.Time) ([]string, error) {
	return t.texts(ctx, `SELECT log FROM `+r.logs+` AS l WHERE $1 >
		(SELECT at FROM `+r.records+` AS r WHERE r.log = l.log ORDER BY number LIMIT 1) ORDER BY log`, before.UnixMicro())
}

// deleteOldest deletes the oldest records of a log that are older than before, at most limit, and keeps their hashes.
// It stops at the first record that is younger, so that the numbers stay dense even if a clock was set back.
func (r recordTables) deleteOldest(
	ctx context.Context, t *tx, log string, before time.Time, limit int,
) (deleted int, err error) {
	var old []store.Numbered
	young := false
	err = t.query(ctx, `SELECT number, at, hash FROM `+r.records+` WHERE log = $1 ORDER BY number LIMIT $2`,
		[]any{log, limit}, func(rows pgx.Rows) error {
			var record store.Numbered
			var at int64
			err := rows.Scan(&record.Number, &at, &record.Hash)
			if young = young || at >= before.UnixMicro(); !young {
				old = append(old, record)
			}
			return err
		})
	if err != nil || len(old) == 0 {
		return 0, err
	}
	if err := r.keepHashes(ctx, t, log, old); err != nil {
		return 0, err
	}
	n, err := t.exec(ctx, `DELETE FROM `+r.records+` WHERE log = $1 AND number <= $2`, log, old[len(old)-1].Number)
	return int(n), err
}

// keepHashes keeps the hashes of records that are deleted.
func (r recordTables) keepHashes(ctx context.Context, t *tx, log string, old []store.Numbered) error {
	row := store.NewLog(log)
	if _, err := t.first(ctx, `SELECT next_number, first FROM `+r.logs+` WHERE log = $1`, []any{log}, &row.Next,
		&row.First); err != nil {
		return err
	}
	last := store.Tile{Number: row.TileOf(old[0].Number)}
	if _, err := t.first(ctx, `SELECT hashes FROM `+r.tiles+` WHERE log = $1 AND tile = $2`, []any{log, last.Number},
		&last.Hashes); err != nil {
		return err
	}
	for _, tile := range store.TilesWith(row, last, old) {
		if len(tile.Hashes) == 0 {
			continue
		}
		if _, err := t.exec(ctx, `INSERT INTO `+r.tiles+` (log, tile, hashes) VALUES ($1, $2, $3)
			ON CONFLICT (log, tile) DO UPDATE SET hashes = excluded.hashes`, log, tile.Number, tile.Hashes); err != nil {
			return err
		}
	}
	return nil
}

// delete deletes the oldest records of each log, at most limit, and adds a record of it to each. Few calls have records
// to delete, so it finds that out in a read transaction, which blocks no writer.
func (r recordTables) delete(
	ctx context.Context, s *Store, before time.Time, limit int, add func(log string, deleted int) store.Record,
) (deleted int, err error) {
	var logs []string
	err = s.View(ctx, func(t store.Tx) (err error) {
		logs, err = r.due(ctx, t.(*tx), before)
		return err
	})
	if err != nil || len(logs) == 0 {
		return 0, err
	}
	if err := s.ProverReady(ctx, r.kind, logs); err != nil {
		return 0, err
	}
	err = s.Update(ctx, func(t store.Tx) error {
		deleted = 0
		var added []store.Record
		for _, log := range logs {
			if deleted == limit {
				break
			}
			n, err := r.deleteOldest(ctx, t.(*tx), log, before, limit-deleted)
			if err != nil {
				return err
			}
			if deleted += n; n > 0 {
				added = append(added, add(log, n))
			}
		}
		if r.kind == store.ChangeLog {
			return t.(*tx).addRecords(ctx, added...) // with the records of other calls of the transaction
		}
		return r.append(ctx, t.(*tx), added)
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
}

// AppendRecord implements store.Tx. The records of all calls of a transaction are added together, with the commit.
func (t *tx) AppendRecord(ctx context.Context, r store.Record) error { return t.addRecords(ctx, r) }

func (t *tx) addRecords(ctx context.Context, records ...store.Record) error {
	if err := t.usable(ctx, true); err != nil {
		return err
	}
	t.records = append(t.records, records...)
	return nil
}

// AppendRecords implements store.RecordLog.
func (s *Store) AppendRecords(ctx context.Context, records ...store.Record) error {
	return s.Proved(ctx, store.ChangeLog, records, func() error {
		return s.Update(ctx, func(t store.Tx) error { return t.(*tx).addRecords(ctx, records...) })
	})
}

// DeleteRecords implements store.RecordLog.
func (s *Store) DeleteRecords(
	ctx context.Context, before time.Time, limit int, add func(log string, deleted int) store.Record,
) (deleted int, err error) {
	return changeTables.delete(ctx, s, before, limit, add)
}
