// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// InsertVersion implements store.Tx. A version of a missing object violates a foreign key and gives ErrInternal,
// because it is a defect of the caller.
func (t *tx) InsertVersion(ctx context.Context, v store.Version) error {
	_, err := t.exec(ctx, `INSERT INTO versions
			(object, version, scope_key, type, schema_hash, json, sealed, created_at, created_by, attributes)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		v.Object, v.Version, v.EnvironmentKey, v.Type, v.SchemaHash, v.JSON, blob(v.Sealed), v.CreatedAt.UnixMicro(),
		v.CreatedBy, blob(v.Attributes))
	if errors.Is(err, backend.ErrExists) {
		return backend.Errorf(backend.CodeExists, "version %d of object %s already exists",
			v.Version, backend.Quote(v.Object))
	}
	return err
}

// Versions implements store.Tx.
func (t *tx) Versions(ctx context.Context, keys []store.VersionKey) ([]store.Version, error) {
	pairs := make([][2]any, len(keys))
	for i, k := range keys {
		pairs[i] = [2]any{k.Object, k.Version}
	}
	requested, err := json.Marshal(pairs)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInternal, "encoding the requested versions: %w", err)
	}
	out := make([]store.Version, 0, len(keys))
	c := newRowReader(10)
	err = t.query(ctx, `SELECT object, version, scope_key, type, schema_hash, json, sealed, created_at, created_by,
			attributes
		FROM versions WHERE (object, version) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))`,
		[]any{string(requested)},
		func(row scanner) error {
			if err := c.read(row); err != nil {
				return err
			}
			out = append(out, store.Version{
				Object: c.text(), Version: c.number(), EnvironmentKey: c.text(), Type: c.text(), SchemaHash: c.text(),
				JSON: c.flag(), Sealed: c.bytes(), CreatedAt: c.time(), CreatedBy: c.text(),
				Attributes: c.bytes(),
			})
			return c.err()
		})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// EnvironmentKeys implements store.Tx.
func (t *tx) EnvironmentKeys(ctx context.Context, project string) ([]store.EnvironmentKey, error) {
	var out []store.EnvironmentKey
	err := t.query(ctx, `SELECT id, project, environment, kms_key, wrapped, created_at FROM scope_keys
		WHERE project = ? ORDER BY created_at, id`, []any{project},
		func(row scanner) error {
			var k store.EnvironmentKey
			if err := row.Scan(&k.ID, &k.Project, &k.Environment, &k.KMSKey, &k.Wrapped, micros{&k.CreatedAt}); err != nil {
				return err
			}
			out = append(out, k)
			return nil
		})
	return out, err
}

// InsertEnvironmentKey implements store.Tx.
func (t *tx) InsertEnvironmentKey(ctx context.Context, k store.EnvironmentKey) error {
	_, err := t.exec(ctx, `INSERT INTO scope_keys (id, project, environment, kms_key, wrapped, created_at)
		VALUES (?, ?, ?, ?, ?, ?)`,
		k.ID, k.Project, k.Environment, k.KMSKey, blob(k.Wrapped), k.CreatedAt.UnixMicro())
	if errors.Is(err, backend.ErrExists) {
		return backend.Errorf(backend.CodeExists, "environment key %s already exists", backend.Quote(k.ID))
	}
	return err
}

// UpdateEnvironmentKey implements store.Tx.
func (t *tx) UpdateEnvironmentKey(ctx context.Context, k store.EnvironmentKey) error {
	n, err := t.exec(ctx, "UPDATE scope_keys SET kms_key = ?, wrapped = ? WHERE id = ?", k.KMSKey, blob(k.Wrapped), k.ID)
	if err == nil && n == 0 {
		return backend.Errorf(backend.CodeNotFound, "environment key %s does not exist", backend.Quote(k.ID))
	}
	return err
}

// DeleteEnvironmentKeys implements store.Tx.
func (t *tx) DeleteEnvironmentKeys(ctx context.Context, project, environment string) error {
	_, err := t.exec(ctx, "DELETE FROM scope_keys WHERE project = ? AND environment = ?", project, environment)
	return err
}
