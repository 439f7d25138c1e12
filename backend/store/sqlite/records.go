// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
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

// append adds records in a transaction. It gives them the next numbers of their logs.
func (r recordTables) append(ctx context.Context, t *tx, records []store.Record) error {
	known := map[string]store.Log{}
	for _, name := range store.NamesOfLogs(records) {
		row, err := r.log(ctx, t, name)
		if err != nil {
			return err
		}
		known[name] = row
	}
	rows, numbered, err := store.Extend(t.store.Prover(), r.kind, known, records)
	if err != nil {
		return err
	}
	for len(numbered) > 0 {
		n := 1
		if len(numbered) >= rowsAtOnce {
			n = rowsAtOnce
		}
		if err := r.insert(ctx, t, numbered[:n]); err != nil {
			return err
		}
		numbered = numbered[n:]
	}
	for _, row := range rows {
		if _, err := t.exec(ctx, `INSERT INTO `+r.logs+` (log, next_number, first, head) VALUES (?, ?, ?, ?)
			ON CONFLICT (log) DO UPDATE SET next_number = excluded.next_number, head = excluded.head`,
			row.Log, row.Next, row.First, blob(row.Head)); err != nil {
			return err
		}
	}
	return nil
}

// log returns the row of a log. If there is none, it returns a new row.
func (r recordTables) log(ctx context.Context, t *tx, name string) (store.Log, error) {
	row := store.NewLog(name)
	_, err := t.queryFirst(ctx, `SELECT next_number, first, head FROM `+r.logs+` WHERE log = ?`, []any{name},
		func(found scanner) error { return found.Scan(&row.Next, &row.First, &row.Head) })
	return row, err
}

// rowsAtOnce is how many records one statement inserts, if there are as many. There are two statements, so that both
// stay prepared.
const rowsAtOnce = 8

// insert inserts one record, or rowsAtOnce.
func (r recordTables) insert(ctx context.Context, t *tx, records []store.Numbered) error {
	text := `INSERT INTO ` + r.records + ` (log, number, at, principal, role, verb, phase, code, detail, hash) VALUES ` +
		strings.Repeat(recordValues+", ", len(records)-1) + recordValues
	args := make([]any, 0, len(records)*strings.Count(recordValues, "?"))
	for _, record := range records {
		args = append(args, record.Log, record.Number, record.At.UnixMicro(), record.Principal, string(record.Role),
			record.Verb, record.Phase, record.Code, blob(record.Detail), blob(record.Hash))
	}
	_, err := t.exec(ctx, text, args...)
	if errors.Is(err, backend.ErrExists) {
		existing := fmt.Sprintf("record %d", records[0].Number)
		if n := len(records); n > 1 {
			existing = fmt.Sprintf("one of the records %d to %d", records[0].Number, records[n-1].Number)
		}
		return t.store.corruptError("the audit log in %s was changed outside Pouncet: %s already exists",
			t.store.path, existing)
	}
	return err
}

const recordValues = `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// due returns the logs whose oldest record is older than before.
func (r recordTables) due(ctx context.Context, t *tx, before time.Time) (logs []string, err error) {
	err = t.query(ctx, `SELECT log FROM `+r.logs+` AS l WHERE ? >
		(SELECT at FROM `+r.records+` AS r WHERE r.log = l.log ORDER BY number LIMIT 1) ORDER BY log`,
		[]any{before.UnixMicro()}, func(row scanner) error {
			var log string
			err := row.Scan(&log)
			logs = append(logs, log)
			return err
		})
	return logs, err
}

// deleteOldest deletes the oldest records of a log that are older than before, at most limit, and keeps their hashes.
// It stops at the first record that is younger, so that the numbers stay dense even if a clock was set back.
func (r recordTables) deleteOldest(
	ctx context.Context, t *tx, log string, before time.Time, limit int,
) (deleted int, err error) {
	var old []store.Numbered
	young := false
	err = t.query(ctx, `SELECT number, at, hash FROM `+r.records+` WHERE log = ? ORDER BY number LIMIT ?`,
		[]any{log, limit}, func(row scanner) error {
			var record store.Numbered
			var at int64
			err := row.Scan(&record.Number, &at, &record.Hash)
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
	n, err := t.exec(ctx, `DELETE FROM `+r.records+` WHERE log = ? AND number <= ?`, log, old[len(old)-1].Number)
	return int(n), err
}

// keepHashes keeps the hashes of records that are deleted.
func (r recordTables) keepHashes(ctx context.Context, t *tx, log string, old []store.Numbered) error {
	row, err := r.log(ctx, t, log)
	if err != nil {
		return err
	}
	last := store.Tile{Number: row.TileOf(old[0].Number)}
	if _, err := t.queryFirst(ctx, `SELECT hashes FROM `+r.tiles+` WHERE log = ? AND tile = ?`, []any{log, last.Number},
		func(found scanner) error { return found.Scan(&last.Hashes) }); err != nil {
		return err
	}
	for _, tile := range store.TilesWith(row, last, old) {
		if len(tile.Hashes) == 0 {
			continue
		}
		if _, err := t.exec(ctx, `INSERT OR REPLACE INTO `+r.tiles+` (log, tile, hashes) VALUES (?, ?, ?)`, log,
			tile.Number, tile.Hashes); err != nil {
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

// AppendRecord implements store.Tx. The records of all calls of a transaction are added together, at its end.
func (t *tx) AppendRecord(ctx context.Context, r store.Record) error { return t.addRecords(ctx, r) }

func (t *tx) addRecords(ctx context.Context, records ...store.Record) error {
	if err := t.usable(ctx, true); err != nil {
		return err
	}
	t.records = append(t.records, records...)
	return nil
}

// writeRecords adds the records of this transaction to their logs.
func (t *tx) writeRecords(ctx context.Context) error {
	records := t.records
	t.records = nil
	if len(records) == 0 {
		return nil
	}
	return changeTables.append(ctx, t, records)
}

// AppendRecords implements store.RecordLog.
func (s *Store) AppendRecords(ctx context.Context, records ...store.Record) error {
	return s.Proved(ctx, store.ChangeLog, records, func() error {
		return s.Update(ctx, func(t store.Tx) error {
			if err := s.checkFile(); err != nil {
				return err
			}
			return t.(*tx).addRecords(ctx, records...)
		})
	})
}

// DeleteRecords implements store.RecordLog. It deletes the records of earlier versions first.
func (s *Store) DeleteRecords(
	ctx context.Context, before time.Time, limit int, add func(log string, deleted int) store.Record,
) (deleted int, err error) {
	deleted, err = s.deleteUnnumbered(ctx, before, limit, add)
	if err != nil || deleted == limit {
		return deleted, err
	}
	n, err := changeTables.delete(ctx, s, before, limit-deleted, add)
	return deleted + n, err
}

// deleteUnnumbered deletes records of earlier versions. They were added in the order of their time, so it needs no
// index of the times: it looks at the first ones only.
func (s *Store) deleteUnnumbered(
	ctx context.Context, before time.Time, limit int, add func(log string, deleted int) store.Record,
) (deleted int, err error) {
	due := false
	err = s.View(ctx, func(t store.Tx) error {
		_, err := t.(*tx).queryFirst(ctx, `SELECT at < ? FROM record ORDER BY seq LIMIT 1`, []any{before.UnixMicro()},
			func(row scanner) error { return row.Scan(&due) })
		return err
	})
	if err != nil || !due {
		return 0, err
	}
	if err := s.ProverReady(ctx, store.ChangeLog, []string{""}); err != nil {
		return 0, err
	}
	err = s.Update(ctx, func(t store.Tx) error {
		n, err := t.(*tx).exec(ctx, `DELETE FROM record
			WHERE at < ? AND seq IN (SELECT seq FROM record ORDER BY seq LIMIT ?)`, before.UnixMicro(), limit)
		if deleted = int(n); err != nil || n == 0 {
			return err
		}
		return t.AppendRecord(ctx, add("", deleted))
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
}
