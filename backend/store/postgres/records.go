// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// recordTables are the tables of the records of changes, or of reads.
type recordTables struct{ logs, records string }

var (
	changeTables = recordTables{"change_log", "change_record"}
	readTables   = recordTables{"read_log", "read_record"}
)

// insertion returns the statement that adds any number of records. It raises the number of each log, in the order of
// their names, so that two of these statements do not wait for each other, and gives the records the numbers before.
func (r recordTables) insertion() string { return r.numbering("", "", "") + r.inserting() }

// confirmation returns the same statement for records that are added only if the database has their generation, or if
// it is empty. It returns the present generation, in the snapshot that decides.
func (r recordTables) confirmation() string {
	const present = "(SELECT sealed FROM sealed_state WHERE name = '" + store.GenerationState + "')"
	return r.numbering(", $9::bytea[]", ", generation", "WHERE generation = '' OR generation = "+present) +
		", inserted AS (" + r.inserting() + ") SELECT " + present
}

// numbering begins these statements. The records can have one more column, and a condition.
func (r recordTables) numbering(values, column, condition string) string {
	return `WITH record AS (
			SELECT r.*, row_number() OVER (PARTITION BY log ORDER BY position) AS nth
			FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[]` +
		values + `)
				WITH ORDINALITY AS r (log, at, principal, role, verb, phase, code, detail` + column + `, position) ` + condition + `
		), added AS (
			SELECT log, count(*) AS n FROM record GROUP BY log ORDER BY log
		), numbered AS (
			INSERT INTO ` + r.logs + ` AS l (log, next) SELECT log, 1 + n FROM added ORDER BY log
			ON CONFLICT (log) DO UPDATE SET next = l.next + excluded.next - 1 RETURNING log, next
		)`
}

func (r recordTables) inserting() string {
	return ` INSERT INTO ` + r.records + ` (log, number, at, principal, role, verb, phase, code, detail)
		SELECT log, numbered.next - added.n - 1 + record.nth, at, principal, role, verb, phase, code, detail
		FROM record JOIN added USING (log) JOIN numbered USING (log)`
}

// recordValues returns the columns of records.
func recordValues(records []store.Record) []any {
	n := len(records)
	logs, at, principals, roles := make([]string, n), make([]int64, n), make([]string, n), make([]string, n)
	verbs, phases, codes, details := make([]string, n), make([]string, n), make([]string, n), make([][]byte, n)
	for i, r := range records {
		logs[i], at[i], principals[i], roles[i] = r.Log, r.At.UnixMicro(), r.Principal, string(r.Role)
		verbs[i], phases[i], codes[i], details[i] = r.Verb, r.Phase, r.Code, bytea(r.Detail)
	}
	return []any{logs, at, principals, roles, verbs, phases, codes, details}
}

// append adds records in a transaction.
func (r recordTables) append(ctx context.Context, t *tx, records []store.Record) error {
	if len(records) == 0 {
		return nil
	}
	text, values := r.adding(records)
	return t.execLater(ctx, later{text, values, func(_ int64, err error) error { return t.store.recordError(err) }})
}

// adding returns the statement that adds records, or "" for none.
func (r recordTables) adding(records []store.Record) (text string, values []any) {
	switch len(records) {
	case 0:
		return "", nil
	case 1:
		return r.insertionOfOne(), oneRecordValues(records[0])
	}
	return r.insertion(), recordValues(records)
}

// insertionOfOne is insertion for one record, as most changes have it. It takes half of the time.
func (r recordTables) insertionOfOne() string {
	return `WITH numbered AS (
			INSERT INTO ` + r.logs + ` AS l (log, next) VALUES ($1, 2)
			ON CONFLICT (log) DO UPDATE SET next = l.next + 1 RETURNING next
		)
		INSERT INTO ` + r.records + ` (log, number, at, principal, role, verb, phase, code, detail)
		SELECT $1, next - 1, $2, $3, $4, $5, $6, $7, $8 FROM numbered`
}

// oneRecordValues returns the columns of a record.
func oneRecordValues(r store.Record) []any {
	return []any{r.Log, r.At.UnixMicro(), r.Principal, string(r.Role), r.Verb, r.Phase, r.Code, bytea(r.Detail)}
}

// recordError is the error of a number that already exists.
func (s *Store) recordError(err error) error {
	if sqlState(err) != uniqueViolation {
		return err
	}
	e := s.changedError("a record of the audit log exists before it is written")
	e.Err = err
	return e
}

// due returns the logs whose oldest record is older than before.
func (r recordTables) due(ctx context.Context, t *tx, before time.Time) ([]string, error) {
	return t.texts(ctx, `SELECT log FROM `+r.logs+` AS l WHERE $1 >
		(SELECT at FROM `+r.records+` AS r WHERE r.log = l.log ORDER BY number LIMIT 1) ORDER BY log`, before.UnixMicro())
}

// deleteOldest deletes the oldest records of a log that are older than before, at most limit. It stops at the first
// record that is younger, so that the numbers stay dense also if a clock was set back.
func (r recordTables) deleteOldest(
	ctx context.Context, t *tx, log string, before time.Time, limit int,
) (deleted int, err error) {
	last, young := int64(0), false
	err = t.query(ctx, `SELECT number, at FROM `+r.records+` WHERE log = $1 ORDER BY number LIMIT $2`,
		[]any{log, limit}, func(rows pgx.Rows) error {
			var number, at int64
			err := rows.Scan(&number, &at)
			if young = young || at >= before.UnixMicro(); !young {
				last = number
			}
			return err
		})
	if err != nil || last == 0 {
		return 0, err
	}
	n, err := t.exec(ctx, `DELETE FROM `+r.records+` WHERE log = $1 AND number <= $2`, log, last)
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
	return s.Update(ctx, func(t store.Tx) error { return t.(*tx).addRecords(ctx, records...) })
}

// DeleteRecords implements store.RecordLog.
func (s *Store) DeleteRecords(
	ctx context.Context, before time.Time, limit int, add func(log string, deleted int) store.Record,
) (deleted int, err error) {
	return changeTables.delete(ctx, s, before, limit, add)
}
