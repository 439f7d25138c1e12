// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

const selectTokens = "SELECT id, name, description, role, hash, created_at, expires_at FROM tokens"

func scanToken(row scanner, k *store.Token) error {
	return row.Scan(&k.ID, &k.Name, &k.Description, &k.Role, &k.Hash, micros{&k.CreatedAt}, micros{&k.ExpiresAt})
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
	_, err := t.exec(ctx, `INSERT INTO tokens (id, name, description, role, hash, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`,
		k.ID, k.Name, k.Description, string(k.Role), blob(k.Hash), k.CreatedAt.UnixMicro(), k.ExpiresAt.UnixMicro())
	if errors.Is(err, backend.ErrExists) {
		return backend.Errorf(backend.CodeExists, "another token has the id or the hash of token %s", backend.Quote(k.Name))
	}
	return err
}

// DeleteToken implements store.Tx.
func (t *tx) DeleteToken(ctx context.Context, id string) error {
	_, err := t.exec(ctx, "DELETE FROM tokens WHERE id = ?", id)
	return err
}

// SaveIdempotencyRecord implements store.Tx.
func (t *tx) SaveIdempotencyRecord(ctx context.Context, r store.IdempotencyRecord, olderThan time.Time) error {
	if _, err := t.exec(ctx, "DELETE FROM remembered WHERE at < ?", olderThan.UnixMicro()); err != nil {
		return err
	}
	_, err := t.exec(ctx, "INSERT OR REPLACE INTO remembered (key, request, outcome, at) VALUES (?, ?, ?, ?)",
		r.Key, blob(r.Request), blob(r.Outcome), r.At.UnixMicro())
	return err
}

// IdempotencyRecord implements store.Tx.
func (t *tx) IdempotencyRecord(ctx context.Context, key string) (store.IdempotencyRecord, error) {
	r := store.IdempotencyRecord{Key: key}
	const text = "SELECT request, outcome, at FROM remembered WHERE key = ?"
	found, err := t.queryFirst(ctx, text, []any{key}, func(row scanner) error {
		return row.Scan(&r.Request, &r.Outcome, micros{&r.At})
	})
	if err == nil && !found {
		return store.IdempotencyRecord{}, backend.Errorf(backend.CodeNotFound,
			"a record with this idempotency key does not exist")
	}
	return r, err
}
