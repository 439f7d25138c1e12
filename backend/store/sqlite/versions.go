// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// InsertVersion implements store.Tx. A version of a missing object violates a foreign key and gives ErrInternal,
// because it is a defect of the caller.
func (t *tx) InsertVersion(ctx context.Context, v store.Version) error {
	_, err := t.exec(ctx, `INSERT INTO version (project, object, version, environment_key, type, schema_hash, form,
			sealed, created_at, created_by, attributes, deployment_mac)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		v.Project, v.Object, v.Version, v.EnvironmentKey, v.Type, v.SchemaHash, v.Form, blob(v.Sealed),
		v.CreatedAt.UnixMicro(), v.CreatedBy, blob(v.Attributes), blob(v.DeploymentMAC))
	if errors.Is(err, backend.ErrExists) {
		return backend.Errorf(backend.CodeExists, "version %d of object %s already exists",
			v.Version, backend.Quote(v.Object))
	}
	return err
}

// versionColumns fetches most texts as one column, as lookup does: a list of versions may read thousands of rows.
const versionColumns = `concat_ws(char(31), project, environment_key, type, schema_hash, form, created_by), object,
	version, created_at, attributes, deployment_mac, `

// versions runs a query for versionColumns and the sealed bytes.
func (t *tx) versions(ctx context.Context, text string, args ...any) ([]store.Version, error) {
	out := []store.Version{}
	c := newRowReader(7)
	err := t.query(ctx, text, args, func(row scanner) error {
		if err := c.read(row); err != nil {
			return err
		}
		v, err := versionFrom(c)
		out = append(out, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// versionFrom reads versionColumns and the sealed bytes. created_by may contain the separator, so it is the last text.
func versionFrom(c *rowReader) (store.Version, error) {
	const count = 6
	texts := strings.SplitN(c.text(), "\x1f", count)
	if len(texts) != count {
		return store.Version{}, errSeparator()
	}
	v := store.Version{
		Project: texts[0], EnvironmentKey: texts[1], Type: texts[2], SchemaHash: texts[3], Form: texts[4],
		CreatedBy: texts[5], Object: c.text(), Version: c.number(), CreatedAt: c.time(), Attributes: c.bytes(),
		DeploymentMAC: c.bytes(), Sealed: c.bytes(),
	}
	return v, c.err()
}

// Versions implements store.Tx.
func (t *tx) Versions(ctx context.Context, keys []store.VersionKey) ([]store.Version, error) {
	requested := make([][2]any, len(keys))
	for i, k := range keys {
		requested[i] = [2]any{k.Object, k.Version}
	}
	list, err := json.Marshal(requested)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInternal, "encoding the requested versions: %w", err)
	}
	return t.versions(ctx, "SELECT "+versionColumns+`sealed FROM version
		WHERE (object, version) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))`, string(list))
}

// VersionsOf implements store.Tx.
func (t *tx) VersionsOf(ctx context.Context, _, object string, withSealed bool) ([]store.Version, error) {
	sealed := "x''"
	if withSealed {
		sealed = "sealed"
	}
	return t.versions(ctx, "SELECT "+versionColumns+sealed+" FROM version WHERE object = ? ORDER BY version", object)
}

// VersionsBefore implements store.Tx.
func (t *tx) VersionsBefore(
	ctx context.Context, _, object string, before int64, limit int,
) ([]store.Version, error) {
	return t.versions(ctx, "SELECT "+versionColumns+`sealed FROM version WHERE object = ? AND version < ?
		ORDER BY version DESC LIMIT ?`, object, before, limit)
}

// DeleteVersion implements store.Tx.
func (t *tx) DeleteVersion(ctx context.Context, key store.VersionKey) error {
	n, err := t.exec(ctx, "DELETE FROM version WHERE object = ? AND version = ?", key.Object, key.Version)
	if err == nil && n == 0 {
		return store.NoVersion(key)
	}
	return err
}

// EnvironmentKeys implements store.Tx.
func (t *tx) EnvironmentKeys(ctx context.Context, project string) ([]store.EnvironmentKey, error) {
	var out []store.EnvironmentKey
	err := t.query(ctx, `SELECT id, project, environment, kms_key, wrapped, created_at, deployment_mac
		FROM environment_key WHERE project = ? ORDER BY created_at, id`, []any{project},
		func(row scanner) error {
			var k store.EnvironmentKey
			err := row.Scan(&k.ID, &k.Project, &k.Environment, &k.KMSKey, &k.Wrapped, micros{&k.CreatedAt}, &k.DeploymentMAC)
			if err != nil {
				return err
			}
			out = append(out, k)
			return nil
		})
	return out, err
}

// InsertEnvironmentKey implements store.Tx.
func (t *tx) InsertEnvironmentKey(ctx context.Context, k store.EnvironmentKey) error {
	_, err := t.exec(ctx, `INSERT INTO environment_key
			(id, project, environment, kms_key, wrapped, created_at, deployment_mac)
		VALUES (?, ?, ?, ?, ?, ?, ?)`,
		k.ID, k.Project, k.Environment, k.KMSKey, blob(k.Wrapped), k.CreatedAt.UnixMicro(), blob(k.DeploymentMAC))
	if errors.Is(err, backend.ErrExists) {
		return backend.Errorf(backend.CodeExists, "environment key %s already exists", backend.Quote(k.ID))
	}
	return err
}

// UpdateEnvironmentKey implements store.Tx.
func (t *tx) UpdateEnvironmentKey(ctx context.Context, k store.EnvironmentKey) error {
	n, err := t.exec(ctx, "UPDATE environment_key SET kms_key = ?, wrapped = ?, deployment_mac = ? WHERE id = ?",
		k.KMSKey, blob(k.Wrapped), blob(k.DeploymentMAC), k.ID)
	if err == nil && n == 0 {
		return backend.Errorf(backend.CodeNotFound, "environment key %s does not exist", backend.Quote(k.ID))
	}
	return err
}

// DeleteEnvironmentKeys implements store.Tx.
func (t *tx) DeleteEnvironmentKeys(ctx context.Context, project, environment string) error {
	_, err := t.exec(ctx, "DELETE FROM environment_key WHERE project = ? AND environment = ?", project, environment)
	return err
}
