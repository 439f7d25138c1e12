// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// recordTables are the tables of the records of changes, or of reads.
type recordTables struct{ logs, records string }

var (
	changeTables = recordTables{"change_log", "change_record"}
	readTables   = recordTables{"read_log", "read_record"}
)

// append adds records in a transaction. It gives them the next numbers of their logs.
func (r recordTables) append(ctx context.Context, t *tx, records []store.Record) error {
	counts := map[string]int64{}
	for _, record := range records {
		counts[record.Log]++
	}
	next := make(map[string]int64, len(counts))
	for log, n := range counts {
		found, err := t.queryFirst(ctx, `INSERT INTO `+r.logs+` (log, next) VALUES (?1, 1 + ?2)
			ON CONFLICT (log) DO UPDATE SET next = next + ?2 RETURNING next - ?2`, []any{log, n},
			func(row scanner) error {
				var first int64
				err := row.Scan(&first)
				next[log] = first
				return err
			})
		if err == nil && !found {
			err = t.failed(backend.Errorf(backend.CodeInternal, "log %s got no number", backend.Quote(log)))
		}
		if err != nil {
			return err
		}
	}
	for _, record := range records {
		if err := r.insert(ctx, t, record, next[record.Log]); err != nil {
			return err
		}
		next[record.Log]++
	}
	return nil
}

func (r recordTables) insert(ctx context.Context, t *tx, record store.Record, number int64) error {
	_, err := t.exec(ctx, `INSERT INTO `+r.records+` (log, number, at, principal, role, verb, phase, code, detail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, record.Log, number, record.At.UnixMicro(), record.Principal,
		string(record.Role), record.Verb, record.Phase, record.Code, blob(record.Detail))
	if errors.Is(err, backend.ErrExists) {
		return t.store.corruptError("the audit log in %s was changed outside Pouncet: record %d exists before it is written",
			t.store.path, number)
	}
	return err
}

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

// deleteOldest deletes the oldest records of a log that are older than before, at most limit. It stops at the first
// record that is younger, so that the numbers stay dense also if a clock was set back.
func (r recordTables) deleteOldest(
	ctx context.Context, t *tx, log string, before time.Time, limit int,
) (deleted int, err error) {
	last, young := int64(0), false
	err = t.query(ctx, `SELECT number, at FROM `+r.records+` WHERE log = ? ORDER BY number LIMIT ?`, []any{log, limit},
		func(row scanner) error {
			var number, at int64
			err := row.Scan(&number, &at)
			if young = young || at >= before.UnixMicro(); !young {
				last = number
			}
			return err
		})
	if err != nil || last == 0 {
		return 0, err
	}
	n, err := t.exec(ctx, `DELETE FROM `+r.records+` WHERE log = ? AND number <= ?`, log, last)
	return int(n), err
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
		return r.append(ctx, t.(*tx), added)
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
}

// AppendRecord implements store.Tx.
func (t *tx) AppendRecord(ctx context.Context, r store.Record) error {
	return changeTables.append(ctx, t, []store.Record{r})
}

// AppendRecords implements store.RecordLog.
func (s *Store) AppendRecords(ctx context.Context, records ...store.Record) error {
	return s.Update(ctx, func(t store.Tx) error {
		if err := s.checkFile(); err != nil {
			return err
		}
		return changeTables.append(ctx, t.(*tx), records)
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
