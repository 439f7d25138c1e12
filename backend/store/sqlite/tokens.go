// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

const selectTokens = `SELECT id, name, description, role, principal, hash, attributes, revision, created_at, expires_at,
	deployment_mac FROM token`

func scanToken(row scanner, k *store.Token) error {
	return row.Scan(&k.ID, &k.Name, &k.Description, &k.Role, &k.Principal, &k.Hash, &k.Attributes, &k.Revision,
		micros{&k.CreatedAt}, micros{&k.ExpiresAt}, &k.DeploymentMAC)
}

// Tokens implements store.Tx.
func (t *tx) Tokens(ctx context.Context) ([]store.Token, error) {
	var out []store.Token
	err := t.query(ctx, selectTokens+" ORDER BY name, id", nil, func(row scanner) error {
		var k store.Token
		if err := scanToken(row, &k); err != nil {
			return err
		}
		out = append(out, k)
		return nil
	})
	return out, err
}

// TokenByHash implements store.Tx.
func (t *tx) TokenByHash(ctx context.Context, hash []byte) (store.Token, error) {
	var k store.Token
	found, err := t.queryFirst(ctx, selectTokens+" WHERE hash = ?", []any{blob(hash)}, func(row scanner) error {
		return scanToken(row, &k)
	})
	if err == nil && !found {
		err = backend.Errorf(backend.CodeNotFound, "the token does not exist")
	}
	return k, err
}

// InsertToken implements store.Tx.
func (t *tx) InsertToken(ctx context.Context, k store.Token) error {
	_, err := t.exec(ctx, `INSERT INTO token (name, description, role, principal, hash, attributes, revision, created_at,
			expires_at, deployment_mac, id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, tokenValues(k)...)
	if errors.Is(err, backend.ErrExists) {
		return backend.Errorf(backend.CodeExists, "another token has the id or the hash of token %s", backend.Quote(k.Name))
	}
	return err
}

// tokenValues returns the columns of a token, the id last.
func tokenValues(k store.Token) []any {
	return []any{
		k.Name, k.Description, string(k.Role), string(k.Principal), blob(k.Hash), blob(k.Attributes), k.Revision,
		k.CreatedAt.UnixMicro(), k.ExpiresAt.UnixMicro(), blob(k.DeploymentMAC), k.ID,
	}
}

// UpdateToken implements store.Tx.
func (t *tx) UpdateToken(ctx context.Context, k store.Token) error {
	n, err := t.exec(ctx, `UPDATE token SET name = ?, description = ?, role = ?, principal = ?, hash = ?, attributes = ?,
			revision = ?, created_at = ?, expires_at = ?, deployment_mac = ?
		WHERE id = ?`, tokenValues(k)...)
	if err == nil && n == 0 {
		return backend.Errorf(backend.CodeNotFound, "token %s does not exist", backend.Quote(k.Name))
	}
	return err
}

// DeleteToken implements store.Tx.
func (t *tx) DeleteToken(ctx context.Context, id string) error {
	_, err := t.exec(ctx, "DELETE FROM token WHERE id = ?", id)
	return err
}

// SaveIdempotencyRecord implements store.Tx.
func (t *tx) SaveIdempotencyRecord(ctx context.Context, r store.IdempotencyRecord, olderThan time.Time) error {
	if _, err := t.exec(ctx, "DELETE FROM idempotency_record WHERE at < ?", olderThan.UnixMicro()); err != nil {
		return err
	}
	_, err := t.exec(ctx, `INSERT OR REPLACE INTO idempotency_record (key, request, outcome, at, deployment_mac)
		VALUES (?, ?, ?, ?, ?)`, r.Key, blob(r.Request), blob(r.Outcome), r.At.UnixMicro(), blob(r.DeploymentMAC))
	return err
}

// IdempotencyRecords implements store.Tx.
func (t *tx) IdempotencyRecords(
	ctx context.Context, prefix string, limit, maxBytes int,
) ([]store.IdempotencyRecord, error) {
	return t.idempotencyRecords(ctx, `key >= ? AND key < ? AND length(outcome) <= ? ORDER BY at DESC, key LIMIT ?`,
		prefix, store.AfterPrefix(prefix), maxBytes, limit)
}

// ScanIdempotencyRecords implements store.Tx.
func (t *tx) ScanIdempotencyRecords(
	ctx context.Context, after string, limit int,
) ([]store.IdempotencyRecord, error) {
	if after == "" { // the first page has a record with an empty key, which only a forger can write
		return t.idempotencyRecords(ctx, `key >= ? ORDER BY key LIMIT ?`, after, limit)
	}
	return t.idempotencyRecords(ctx, `key > ? ORDER BY key LIMIT ?`, after, limit)
}

// DeleteIdempotencyRecord implements store.Tx.
func (t *tx) DeleteIdempotencyRecord(ctx context.Context, key string) error {
	_, err := t.exec(ctx, "DELETE FROM idempotency_record WHERE key = ?", key)
	return err
}

func (t *tx) idempotencyRecords(
	ctx context.Context, which string, args ...any,
) (out []store.IdempotencyRecord, err error) {
	err = t.query(ctx, `SELECT key, request, outcome, at, deployment_mac FROM idempotency_record WHERE `+which, args,
		func(row scanner) error {
			var r store.IdempotencyRecord
			err := row.Scan(&r.Key, &r.Request, &r.Outcome, micros{&r.At}, &r.DeploymentMAC)
			out = append(out, r)
			return err
		})
	return out, err
}

// IdempotencyRecord implements store.Tx.
func (t *tx) IdempotencyRecord(ctx context.Context, key string) (store.IdempotencyRecord, error) {
	r := store.IdempotencyRecord{Key: key}
	const text = "SELECT request, outcome, at, deployment_mac FROM idempotency_record WHERE key = ?"
	found, err := t.queryFirst(ctx, text, []any{key}, func(row scanner) error {
		return row.Scan(&r.Request, &r.Outcome, micros{&r.At}, &r.DeploymentMAC)
	})
	if err == nil && !found {
		return store.IdempotencyRecord{}, backend.Errorf(backend.CodeNotFound,
			"a record with this idempotency key does not exist")
	}
	return r, err
}
