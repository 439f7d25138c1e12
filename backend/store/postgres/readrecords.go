// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// UseProver implements store.RecordLog. Both logs of a database have the same.
func (l *ReadLog) UseProver(p store.Prover) { l.store.UseProver(p) }

// ViewRecords implements store.RecordLog.
func (s *Store) ViewRecords(ctx context.Context, f func(store.RecordTx) error) error {
	return s.viewRecords(ctx, changeTables, f)
}

// ViewRecords implements store.RecordLog.
func (l *ReadLog) ViewRecords(ctx context.Context, f func(store.RecordTx) error) error {
	return l.store.viewRecords(ctx, readTables, f)
}

func (s *Store) viewRecords(ctx context.Context, tables recordTables, f func(store.RecordTx) error) error {
	return s.View(ctx, func(t store.Tx) error { return f(recordTx{t.(*tx), tables}) })
}

// RestartLogs implements store.RecordLog.
func (s *Store) RestartLogs(ctx context.Context, logs []string) error {
	return changeTables.restart(ctx, s, logs)
}

// RestartLogs implements store.RecordLog.
func (l *ReadLog) RestartLogs(ctx context.Context, logs []string) error {
	return readTables.restart(ctx, l.store, logs)
}

// restart also raises the number of the next record if it was set back.
func (r recordTables) restart(ctx context.Context, s *Store, logs []string) error {
	return s.Update(ctx, func(inner store.Tx) error {
		t := inner.(*tx)
		for _, log := range logs {
			if _, err := t.exec(ctx, `INSERT INTO `+r.logs+` (log, next_number, first, head) SELECT $1::text, n, n, '' FROM (
					SELECT greatest((SELECT max(number) + 1 FROM `+r.records+` WHERE log = $1),
						(SELECT next_number FROM `+r.logs+` WHERE log = $1), 1) AS n) AS u
				ON CONFLICT (log) DO UPDATE SET next_number = excluded.next_number, first = excluded.first, head = ''`,
				log); err != nil {
				return err
			}
			if _, err := t.exec(ctx, `DELETE FROM `+r.tiles+` WHERE log = $1`, log); err != nil {
				return err
			}
		}
		return nil
	})
}

// recordTx implements store.RecordTx.
type recordTx struct {
	tx     *tx
	tables recordTables
}

// Logs implements store.RecordTx.
func (t recordTx) Logs(ctx context.Context) (logs []store.Log, err error) {
	err = t.tx.query(ctx, `SELECT log, next_number, first, head FROM `+t.tables.logs+` ORDER BY log`, nil,
		func(row pgx.Rows) error {
			var l store.Log
			err := row.Scan(&l.Log, &l.Next, &l.First, &l.Head)
			logs = append(logs, l)
			return err
		})
	return logs, err
}

// RecordsFrom implements store.RecordTx.
func (t recordTx) RecordsFrom(ctx context.Context, log string, first int64, limit int) ([]store.Numbered, error) {
	return t.records(ctx, `number >= $2 ORDER BY number LIMIT $3`, log, first, limit)
}

// RecordsBefore implements store.RecordTx.
func (t recordTx) RecordsBefore(ctx context.Context, log string, before int64, limit int) ([]store.Numbered, error) {
	return t.records(ctx, `number < $2 ORDER BY number DESC LIMIT $3`, log, before, limit)
}

// RecordsOfEach implements store.RecordTx. It is one statement, because the logs of many projects would be as many
// round trips.
func (t recordTx) RecordsOfEach(
	ctx context.Context, at []store.Position, forward bool, limit int,
) ([]store.Numbered, error) {
	which := `number < p.number ORDER BY r.number DESC LIMIT $3`
	if forward {
		which = `number >= p.number ORDER BY r.number LIMIT $3`
	}
	logs, numbers := make([]string, len(at)), make([]int64, len(at))
	for i, p := range at {
		logs[i], numbers[i] = p.Log, p.Number
	}
	return t.scan(ctx, `SELECT r.* FROM unnest($1::text[], $2::bigint[]) AS p (log, number) CROSS JOIN LATERAL (
			SELECT `+recordColumns+` FROM `+t.tables.records+` AS r WHERE r.log = p.log COLLATE "C" AND r.`+which+`) AS r`,
		logs, numbers, limit)
}

const recordColumns = `log, number, at, principal, role, verb, phase, code, detail, hash`

func (t recordTx) records(
	ctx context.Context, which, log string, number int64, limit int,
) ([]store.Numbered, error) {
	return t.scan(ctx, `SELECT `+recordColumns+` FROM `+t.tables.records+` WHERE log = $1 AND `+which, log, number, limit)
}

func (t recordTx) scan(ctx context.Context, query string, args ...any) (records []store.Numbered, err error) {
	err = t.tx.query(ctx, query, args, func(row pgx.Rows) error {
		var r store.Numbered
		var role string
		var at int64
		err := row.Scan(&r.Log, &r.Number, &at, &r.Principal, &role, &r.Verb, &r.Phase, &r.Code, &r.Detail, &r.Hash)
		r.At, r.Role = timeOf(at), backend.Role(role)
		records = append(records, r)
		return err
	})
	return records, err
}

// LogsWithoutRow implements store.RecordTx.
func (t recordTx) LogsWithoutRow(ctx context.Context) ([]string, error) {
	return t.tx.texts(ctx, `SELECT log FROM `+t.tables.records+` UNION SELECT log FROM `+t.tables.tiles+`
		EXCEPT SELECT log FROM `+t.tables.logs+` ORDER BY log`)
}

// Tiles implements store.RecordTx.
func (t recordTx) Tiles(ctx context.Context, log string, first int64, limit int) (tiles []store.Tile, err error) {
	err = t.tx.query(ctx, `SELECT tile, hashes FROM `+t.tables.tiles+`
		WHERE log = $1 AND tile >= $2 ORDER BY tile LIMIT $3`, []any{log, first, limit}, func(row pgx.Rows) error {
		var tile store.Tile
		err := row.Scan(&tile.Number, &tile.Hashes)
		tiles = append(tiles, tile)
		return err
	})
	return tiles, err
}
