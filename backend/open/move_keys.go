// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/transfer"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// The wrapped keys of a backend that is moved.

// eachKey calls f for each environment key, and for the deployment key.
func eachKey(ctx context.Context, tx store.Tx, f func(store.EnvironmentKey) error) error {
	projects, err := tx.ProjectIDs(ctx)
	if err != nil {
		return err
	}
	for _, p := range append(projects, stored.DeploymentKey) {
		if p == "" {
			continue
		}
		keys, err := tx.EnvironmentKeys(ctx, p)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := f(k); err != nil {
				return err
			}
		}
	}
	return nil
}

// pinnedKey returns the deployment key that the settings name.
func pinnedKey(ctx context.Context, from transfer.Database, s settings) (envelope.WrappedKey, error) {
	keys, err := deploymentKeys(ctx, from)
	if err != nil {
		return envelope.WrappedKey{}, err
	}
	for _, w := range keys {
		if s.Deployment != nil && w.ID == s.Deployment.Key && w.KMSKey == s.Deployment.KMSKey {
			return w, nil
		}
	}
	return envelope.WrappedKey{}, backend.Errorf(backend.CodeCorrupt,
		"the database does not have the deployment key that %s names", configFile).
		WithHint("restore %s and %s from the same backup", databaseFile, configFile)
}

// deploymentKeys reads the deployment keys of a database that may be left.
func deploymentKeys(ctx context.Context, from transfer.Database) ([]envelope.WrappedKey, error) {
	i := slices.IndexFunc(transfer.Tables, func(t transfer.Table) bool { return t.Name == "environment_key" })
	t := transfer.Tables[i]
	column := func(r transfer.Row, name string) any { return r[slices.Index(t.Columns, name)] }
	var out []envelope.WrappedKey
	for r, err := range from.Rows(ctx, t) {
		if err != nil {
			return nil, err
		}
		if column(r, "project") == stored.DeploymentKey && column(r, "environment") == stored.DeploymentKey {
			out = append(out, signed.DeploymentKey(column(r, "id").(string), column(r, "kms_key").(string),
				column(r, "wrapped").([]byte)))
		}
	}
	return out, nil
}

// otherKeys returns the other KMS keys that the backend uses, if they are allowed.
func otherKeys(ctx context.Context, m *move, o MoveOptions) (other []string, err error) {
	i := slices.IndexFunc(transfer.Tables, func(t transfer.Table) bool { return t.Name == "environment_key" })
	t := transfer.Tables[i]
	column := slices.Index(t.Columns, "kms_key")
	for r, err := range m.from.Rows(ctx, t) {
		if err != nil {
			return nil, err
		}
		uri := r[column].(string)
		switch {
		case uri == o.KMSKey || slices.Contains(other, uri):
		case !o.OtherKMSKeys.Match(uri):
			return nil, backend.Errorf(backend.CodeDenied, "the backend uses KMS key %s", backend.Quote(uri)).
				WithHint("allow it with --allow-kms-key and a pattern for this key")
		default:
			other = append(other, uri)
		}
	}
	return other, nil
}

// wrapAgain wraps the keys of the target under another KMS key. The deployment key is last, so that a repetition finds
// the others done.
func (m *move) wrapAgain(ctx context.Context) error {
	old := m.key
	current, err := signed.DeploymentKeys(ctx, m.to)
	if err != nil {
		return err
	}
	for _, w := range current {
		if w.ID == m.key.ID {
			old = w
		}
	}
	rows := signed.New(m.to, m.keys, old)
	var environments, deployments []store.EnvironmentKey
	if err := rows.View(ctx, func(tx store.Tx) error {
		environments, deployments = nil, nil
		return eachKey(ctx, tx, func(k store.EnvironmentKey) error {
			switch {
			case k.KMSKey != m.kmsKey:
			case k.Project == stored.DeploymentKey:
				deployments = append(deployments, k)
			default:
				environments = append(environments, k)
			}
			return nil
		})
	}); err != nil {
		return err
	}
	for _, keys := range [][]store.EnvironmentKey{environments, deployments} {
		for i, k := range keys {
			w, err := m.keys.Rewrap(ctx, envelope.WrappedKey{ID: k.ID, Project: k.Project, Environment: k.Environment,
				KMSKey: k.KMSKey, Blob: k.Wrapped}, m.KMSKey)
			if err != nil {
				return err
			}
			keys[i].KMSKey, keys[i].Wrapped = w.KMSKey, w.Blob
		}
	}
	replace := func(s store.Store, keys []store.EnvironmentKey) error {
		if len(keys) == 0 {
			return nil
		}
		return s.Update(ctx, func(tx store.Tx) error {
			for _, k := range keys {
				if err := tx.UpdateEnvironmentKey(ctx, k); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := replace(rows, environments); err != nil {
		return err
	}
	return replace(m.to, deployments) // the deployment key is not signed
}
