// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// UseProver implements store.RecordLog.
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
			if _, err := t.exec(ctx, `INSERT INTO `+r.logs+` (log, next_number, first, head) SELECT ?1, n, n, x'' FROM (
					SELECT max(coalesce((SELECT max(number) + 1 FROM `+r.records+` WHERE log = ?1), 1),
						coalesce((SELECT max(next_number, 1) FROM `+r.logs+` WHERE log = ?1), 1)) AS n) WHERE true
				ON CONFLICT (log) DO UPDATE SET next_number = excluded.next_number, first = excluded.first, head = x''`,
				log); err != nil {
				return err
			}
			if _, err := t.exec(ctx, `DELETE FROM `+r.tiles+` WHERE log = ?`, log); err != nil {
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
		func(row scanner) error {
			var l store.Log
			err := row.Scan(&l.Log, &l.Next, &l.First, &l.Head)
			logs = append(logs, l)
			return err
		})
	return logs, err
}

// RecordsFrom implements store.RecordTx.
func (t recordTx) RecordsFrom(ctx context.Context, log string, first int64, limit int) ([]store.Numbered, error) {
	return t.records(ctx, `number >= ? ORDER BY number LIMIT ?`, log, first, limit)
}

// RecordsBefore implements store.RecordTx.
func (t recordTx) RecordsBefore(ctx context.Context, log string, before int64, limit int) ([]store.Numbered, error) {
	return t.records(ctx, `number < ? ORDER BY number DESC LIMIT ?`, log, before, limit)
}

// RecordsOfEach implements store.RecordTx.
func (t recordTx) RecordsOfEach(
	ctx context.Context, at []store.Position, forward bool, limit int,
) (records []store.Numbered, err error) {
	read := t.RecordsBefore
	if forward {
		read = t.RecordsFrom
	}
	for _, p := range at {
		of, err := read(ctx, p.Log, p.Number, limit)
		if err != nil {
			return nil, err
		}
		records = append(records, of...)
	}
	return records, nil
}

func (t recordTx) records(
	ctx context.Context, which, log string, number int64, limit int,
) (records []store.Numbered, err error) {
	err = t.tx.query(ctx, `SELECT number, at, principal, role, verb, phase, code, detail, hash FROM `+t.tables.records+`
		WHERE log = ? AND `+which, []any{log, number, limit}, func(row scanner) error {
		r := store.Numbered{Record: store.Record{Log: log}}
		var role string
		err := row.Scan(&r.Number, micros{&r.At}, &r.Principal, &role, &r.Verb, &r.Phase, &r.Code, &r.Detail, &r.Hash)
		r.Role = backend.Role(role)
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
	err = t.tx.query(ctx, `SELECT tile, hashes FROM `+t.tables.tiles+` WHERE log = ? AND tile >= ? ORDER BY tile LIMIT ?`,
		[]any{log, first, limit}, func(row scanner) error {
			var tile store.Tile
			err := row.Scan(&tile.Number, &tile.Hashes)
			tiles = append(tiles, tile)
			return err
		})
	return tiles, err
}
