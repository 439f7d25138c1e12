// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// tx is a transaction on one connection. One goroutine uses it at a time.
type tx struct {
	store    *Store
	conn     *conn     // nil in a View whose transaction has not begun: see viewStates
	open     *sql.Rows // closing them ends the View
	writable bool
	ended    bool
	// short is set for queries of a few rows. The end of the context does not interrupt them: that needs a goroutine for
	// each, which costs as much as the query.
	short bool
	// generation and contents are what a View has read at its start.
	generation, contents []byte
	// states holds the states of the transaction, and written the states that this function has written. A transaction
	// without states writes them at once.
	states  *batchStates
	written map[string][]byte
	// records are what this function adds to the log of changes.
	records []store.Record
	// broken is an error after which SQLite may have rolled back.
	broken error
	// deferred holds the objects with a temporary name, by id: see deferred.go.
	deferred map[string]store.Object
}

var _ store.Tx = (*tx)(nil)

// scanner is a row of a result.
type scanner interface{ Scan(dest ...any) error }

// usable returns an error if a statement would not run in this transaction.
func (t *tx) usable(ctx context.Context, write bool) error {
	switch {
	case t.ended:
		return backend.Errorf(backend.CodeInternal, "a transaction was used after its end")
	case t.broken != nil:
		return t.broken
	case write && !t.writable:
		return backend.Errorf(backend.CodeInternal, "a read transaction cannot write")
	case ctx.Err() != nil:
		return t.store.translate(ctx.Err())
	}
	return nil
}

// exec runs a statement that writes and returns the number of changed rows.
func (t *tx) exec(ctx context.Context, text string, args ...any) (int64, error) {
	if err := t.usable(ctx, true); err != nil {
		return 0, err
	}
	n, err := t.conn.execCount(ctx, text, args...)
	if err != nil {
		return 0, t.failed(err)
	}
	return n, nil
}

// query runs a statement that reads and calls scan for each row.
func (t *tx) query(ctx context.Context, text string, args []any, scan func(scanner) error) error {
	if err := t.usable(ctx, false); err != nil {
		return err
	}
	if t.conn == nil {
		if err := t.beginLate(ctx); err != nil {
			return err
		}
	}
	interrupt := ctx
	if t.writable || t.short { // see conn.exec
		interrupt = context.WithoutCancel(ctx)
	}
	st, err := t.conn.prepare(interrupt, text)
	if err != nil {
		return t.failed(err)
	}
	rows, err := st.QueryContext(interrupt, args...)
	if err != nil {
		return t.failed(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return t.failed(err)
		}
		if err := ctx.Err(); err != nil && !t.writable {
			return t.store.translate(err)
		}
	}
	if err := rows.Err(); err != nil {
		return t.failed(err)
	}
	return nil
}

// queryFirst reads the first row of a result and reports whether there is one.
func (t *tx) queryFirst(ctx context.Context, text string, args []any, scan func(scanner) error) (bool, error) {
	found := false
	err := t.query(ctx, text, args, func(row scanner) error {
		found = true
		return scan(row)
	})
	return found, err
}

// failed translates an error. A violated constraint undoes only its own statement. After any other error, the
// transaction refuses further statements.
func (t *tx) failed(err error) error {
	err = t.store.translate(err)
	if t.writable && backend.AsError(err).Code != backend.CodeExists {
		t.broken = err
	}
	return err
}

// blob turns nil into empty bytes, for a column without NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// micros scans a column of microseconds since 1970 into a time in UTC. The zero time is the number for the year 1.
type micros struct{ t *time.Time }

var _ sql.Scanner = micros{}

// Scan implements sql.Scanner.
func (m micros) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return backend.Errorf(backend.CodeCorrupt, "a time in the database is not a number")
	}
	*m.t = time.UnixMicro(n).UTC()
	return nil
}

// jsonArray returns a JSON array of texts, for json_each.
func jsonArray(texts []string) string {
	if len(texts) == 0 {
		return "[]"
	}
	b, err := json.Marshal(texts)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(b)
}
