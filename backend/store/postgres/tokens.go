// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

const selectTokens = `SELECT id, name, description, role, principal, hash, attributes, revision, created_at, expires_at,
	deployment_mac FROM token`

// tokens runs a query for tokens.
func (t *tx) tokens(ctx context.Context, text string, args ...any) ([]store.Token, error) {
	var out []store.Token
	err := t.query(ctx, text, args, func(rows pgx.Rows) error {
		var k store.Token
		var created, expires int64
		err := rows.Scan(&k.ID, &k.Name, &k.Description, &k.Role, &k.Principal, &k.Hash, &k.Attributes, &k.Revision,
			&created, &expires, &k.DeploymentMAC)
		k.CreatedAt, k.ExpiresAt = timeOf(created), timeOf(expires)
		out = append(out, k)
		return err
	})
	return out, err
}

// Tokens implements store.Tx.
func (t *tx) Tokens(ctx context.Context) ([]store.Token, error) {
	return t.tokens(ctx, selectTokens+" ORDER BY name, id")
}

// TokenByHash implements store.Tx.
func (t *tx) TokenByHash(ctx context.Context, hash []byte) (store.Token, error) {
	found, err := t.tokens(ctx, selectTokens+" WHERE hash = $1", bytea(hash))
	if err != nil {
		return store.Token{}, err
	}
	if len(found) == 0 {
		return store.Token{}, backend.Errorf(backend.CodeNotFound, "the token does not exist")
	}
	return found[0], nil
}

// InsertToken implements store.Tx.
func (t *tx) InsertToken(ctx context.Context, k store.Token) error {
	_, err := t.exec(ctx, `INSERT INTO token (name, description, role, principal, hash, attributes, revision, created_at,
			expires_at, deployment_mac, id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, tokenValues(k)...)
	if errors.Is(err, backend.ErrExists) {
		return backend.Errorf(backend.CodeExists, "another token has the id or the hash of token %s", backend.Quote(k.Name))
	}
	return err
}

// tokenValues returns the columns of a token, the id last.
func tokenValues(k store.Token) []any {
	return []any{
		k.Name, k.Description, string(k.Role), string(k.Principal), bytea(k.Hash), bytea(k.Attributes), k.Revision,
		k.CreatedAt.UnixMicro(), k.ExpiresAt.UnixMicro(), bytea(k.DeploymentMAC), k.ID,
	}
}

// UpdateToken implements store.Tx.
func (t *tx) UpdateToken(ctx context.Context, k store.Token) error {
	n, err := t.exec(ctx, `UPDATE token SET name = $1, description = $2, role = $3, principal = $4, hash = $5,
			attributes = $6, revision = $7, created_at = $8, expires_at = $9, deployment_mac = $10
		WHERE id = $11`, tokenValues(k)...)
	if err == nil && n == 0 {
		return backend.Errorf(backend.CodeNotFound, "token %s does not exist", backend.Quote(k.Name))
	}
	return err
}

// DeleteToken implements store.Tx.
func (t *tx) DeleteToken(ctx context.Context, id string) error {
	_, err := t.exec(ctx, "DELETE FROM token WHERE id = $1", id)
	return err
}

// SaveIdempotencyRecord implements store.Tx.
func (t *tx) SaveIdempotencyRecord(ctx context.Context, r store.IdempotencyRecord, olderThan time.Time) error {
	// A record with the same key stays for the second part of the statement, even if it is too old.
	return t.keepAhead(ctx, later{text: `WITH old AS (DELETE FROM idempotency_record WHERE at < $6 AND key <> $1)
		INSERT INTO idempotency_record (key, request, outcome, at, deployment_mac) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (key) DO UPDATE SET request = excluded.request, outcome = excluded.outcome, at = excluded.at,
			deployment_mac = excluded.deployment_mac`, args: []any{r.Key, bytea(r.Request), bytea(r.Outcome),
		r.At.UnixMicro(), bytea(r.DeploymentMAC), olderThan.UnixMicro()},
		done: func(_ int64, err error) error { return err }, row: independent{}})
}

// IdempotencyRecords implements store.Tx.
func (t *tx) IdempotencyRecords(
	ctx context.Context, prefix string, limit, maxBytes int,
) ([]store.IdempotencyRecord, error) {
	return t.idempotencyRecords(ctx, `key >= $1 AND key < $2 AND length(outcome) <= $4 ORDER BY at DESC, key LIMIT $3`,
		prefix, store.AfterPrefix(prefix), limit, maxBytes)
}

// ScanIdempotencyRecords implements store.Tx.
func (t *tx) ScanIdempotencyRecords(
	ctx context.Context, after string, limit int,
) ([]store.IdempotencyRecord, error) {
	if after == "" { // the first page has a record with an empty key, which only a forger can write
		return t.idempotencyRecords(ctx, `key >= $1 ORDER BY key LIMIT $2`, after, limit)
	}
	return t.idempotencyRecords(ctx, `key > $1 ORDER BY key LIMIT $2`, after, limit)
}

// DeleteIdempotencyRecord implements store.Tx.
func (t *tx) DeleteIdempotencyRecord(ctx context.Context, key string) error {
	_, err := t.exec(ctx, "DELETE FROM idempotency_record WHERE key = $1", key)
	return err
}

func (t *tx) idempotencyRecords(
	ctx context.Context, which string, args ...any,
) (out []store.IdempotencyRecord, err error) {
	err = t.query(ctx, `SELECT key, request, outcome, at, deployment_mac FROM idempotency_record WHERE `+which, args,
		func(row pgx.Rows) error {
			var r store.IdempotencyRecord
			var at int64
			err := row.Scan(&r.Key, &r.Request, &r.Outcome, &at, &r.DeploymentMAC)
			r.At = timeOf(at)
			out = append(out, r)
			return err
		})
	return out, err
}

// IdempotencyRecord implements store.Tx.
func (t *tx) IdempotencyRecord(ctx context.Context, key string) (store.IdempotencyRecord, error) {
	r := store.IdempotencyRecord{Key: key}
	var at int64
	found, err := t.first(ctx, "SELECT request, outcome, at, deployment_mac FROM idempotency_record WHERE key = $1",
		[]any{key}, &r.Request, &r.Outcome, &at, &r.DeploymentMAC)
	r.At = timeOf(at)
	if err == nil && !found {
		return store.IdempotencyRecord{}, backend.Errorf(backend.CodeNotFound,
			"a record with this idempotency key does not exist")
	}
	return r, err
}

// Comparisons implements store.Tx.
func (t *tx) Comparisons(ctx context.Context, k store.ComparisonKey) (int, error) {
	var n int
	_, err := t.first(ctx, "SELECT count FROM comparison WHERE day = $1 AND principal = $2 AND object = $3",
		[]any{k.Day, k.Principal, k.Object}, &n)
	return n, err
}

// AddComparison implements store.Tx.
func (t *tx) AddComparison(ctx context.Context, k store.ComparisonKey) (int, error) {
	var n int
	err := t.queryWritten(ctx, `WITH old AS (DELETE FROM comparison WHERE day < $1)
		INSERT INTO comparison AS c (day, principal, object, count) VALUES ($1, $2, $3, 1)
		ON CONFLICT (day, principal, object) DO UPDATE SET count = c.count + 1 RETURNING c.count`,
		[]any{k.Day, k.Principal, k.Object}, func(rows pgx.Rows) error { return rows.Scan(&n) })
	return n, err
}
