// SPDX-License-Identifier: MPL-2.0

package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

const versionColumns = `v.project, v.object, v.version, v.environment_key, v.type, v.schema_hash, v.form, v.created_at,
	v.created_by, v.attributes, v.deployment_mac, `

// versionRow receives versionColumns and the sealed bytes.
type versionRow struct {
	store.Version
	created int64
}

func (r *versionRow) columns() []any {
	v := &r.Version
	return []any{&v.Project, &v.Object, &v.Version, &v.EnvironmentKey, &v.Type, &v.SchemaHash, &v.Form, &r.created,
		&v.CreatedBy, &v.Attributes, &v.DeploymentMAC, &v.Sealed}
}

func (r *versionRow) version() store.Version {
	r.CreatedAt = timeOf(r.created)
	return r.Version
}

// InsertVersion implements store.Tx. A version of a missing object violates a foreign key and gives ErrInternal,
// because it is a defect of the caller.
func (t *tx) InsertVersion(ctx context.Context, v store.Version) error {
	t.ahead.insert(v)
	return t.keepAhead(ctx, insertOf(v))
}

// insertOf returns the statement that inserts a version.
func insertOf(v store.Version) later {
	return later{text: "INSERT INTO version (" + versionNames + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`, args: versionValues(v), row: insertedVersion{v},
		done: func(_ int64, err error) error {
			if errors.Is(err, backend.ErrExists) {
				return backend.Errorf(backend.CodeExists, "version %d of object %s already exists", v.Version,
					backend.Quote(v.Object))
			}
			return err
		}}
}

// versionValues returns the columns of versionNames.
func versionValues(v store.Version) []any {
	return []any{v.Project, v.Object, v.Version, v.EnvironmentKey, v.Type, v.SchemaHash, v.Form, bytea(v.Sealed),
		v.CreatedAt.UnixMicro(), v.CreatedBy, bytea(v.Attributes), bytea(v.DeploymentMAC)}
}

// versions runs a query for versionColumns and the sealed bytes.
func (t *tx) versions(ctx context.Context, text string, args ...any) ([]store.Version, error) {
	out := []store.Version{}
	err := t.query(ctx, text, args, func(rows pgx.Rows) error {
		var r versionRow
		err := rows.Scan(r.columns()...)
		out = append(out, r.version())
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Versions implements store.Tx.
func (t *tx) Versions(ctx context.Context, keys []store.VersionKey) ([]store.Version, error) {
	projects, objects, numbers := make([]string, len(keys)), make([]string, len(keys)), make([]int64, len(keys))
	for i, k := range keys {
		projects[i], objects[i], numbers[i] = k.Project, k.Object, k.Version
	}
	return t.versions(ctx, "SELECT "+versionColumns+`v.sealed FROM version v WHERE (v.project, v.object, v.version) IN
		(SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]))`, projects, objects, numbers)
}

// VersionsOf implements store.Tx.
func (t *tx) VersionsOf(ctx context.Context, project, object string, withSealed bool) ([]store.Version, error) {
	sealed := "''::bytea"
	if withSealed {
		sealed = "v.sealed"
	}
	return t.versions(ctx, "SELECT "+versionColumns+sealed+` FROM version v WHERE v.project = $1 AND v.object = $2
		ORDER BY v.version`, project, object)
}

// VersionsBefore implements store.Tx.
func (t *tx) VersionsBefore(
	ctx context.Context, project, object string, before int64, limit int,
) ([]store.Version, error) {
	return t.versions(ctx, "SELECT "+versionColumns+`v.sealed FROM version v
		WHERE v.project = $1 AND v.object = $2 AND v.version < $3 ORDER BY v.version DESC LIMIT $4`,
		project, object, before, limit)
}

// DeleteVersion implements store.Tx.
func (t *tx) DeleteVersion(ctx context.Context, key store.VersionKey) error {
	n, err := t.exec(ctx, "DELETE FROM version WHERE project = $1 AND object = $2 AND version = $3", key.Project,
		key.Object, key.Version)
	if err == nil && n == 0 {
		return store.NoVersion(key)
	}
	return err
}

// EnvironmentKeys implements store.Tx.
func (t *tx) EnvironmentKeys(ctx context.Context, project string) ([]store.EnvironmentKey, error) {
	var out []store.EnvironmentKey
	err := t.query(ctx, `SELECT id, project, environment, kms_key, wrapped, created_at, deployment_mac
		FROM environment_key WHERE project = $1 ORDER BY created_at, id`, []any{project}, func(rows pgx.Rows) error {
		var k store.EnvironmentKey
		var created int64
		err := rows.Scan(&k.ID, &k.Project, &k.Environment, &k.KMSKey, &k.Wrapped, &created, &k.DeploymentMAC)
		k.CreatedAt = timeOf(created)
		out = append(out, k)
		return err
	})
	return out, err
}

// InsertEnvironmentKey implements store.Tx.
func (t *tx) InsertEnvironmentKey(ctx context.Context, k store.EnvironmentKey) error {
	_, err := t.exec(ctx, `INSERT INTO environment_key
			(id, project, environment, kms_key, wrapped, created_at, deployment_mac)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		k.ID, k.Project, k.Environment, k.KMSKey, bytea(k.Wrapped), k.CreatedAt.UnixMicro(), bytea(k.DeploymentMAC))
	if errors.Is(err, backend.ErrExists) {
		return backend.Errorf(backend.CodeExists, "environment key %s already exists", backend.Quote(k.ID))
	}
	return err
}

// UpdateEnvironmentKey implements store.Tx.
func (t *tx) UpdateEnvironmentKey(ctx context.Context, k store.EnvironmentKey) error {
	n, err := t.exec(ctx, `UPDATE environment_key SET kms_key = $1, wrapped = $2, deployment_mac = $3
		WHERE project = $4 AND environment = $5 AND id = $6`,
		k.KMSKey, bytea(k.Wrapped), bytea(k.DeploymentMAC), k.Project, k.Environment, k.ID)
	if err == nil && n == 0 {
		return backend.Errorf(backend.CodeNotFound, "environment key %s does not exist", backend.Quote(k.ID))
	}
	return err
}

// DeleteEnvironmentKeys implements store.Tx.
func (t *tx) DeleteEnvironmentKeys(ctx context.Context, project, environment string) error {
	_, err := t.exec(ctx, "DELETE FROM environment_key WHERE project = $1 AND environment = $2", project, environment)
	return err
}
