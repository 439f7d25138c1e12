// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// Prepare makes a deployment key, with one KMS call. The returned function stores it and signs all rows of a database
// that has no signed rows yet, in a transaction of the caller.
func Prepare(ctx context.Context, deployment string, keys *envelope.Keyring, kmsKey string) (
	w envelope.WrappedKey, sign func(context.Context, store.Tx) error, err error,
) {
	id, err := uuid.NewV7()
	if err != nil {
		return w, nil, backend.Errorf(backend.CodeInternal, "making the id of the deployment key: %w", err)
	}
	w, key, err := keys.Generate(ctx, DeploymentKey(id.String(), kmsKey, nil))
	if err != nil {
		return w, nil, err
	}
	made, err := newSigners(deployment, key)
	if err != nil {
		return w, nil, err
	}
	return w, func(ctx context.Context, tx store.Tx) error {
		if err := tx.InsertEnvironmentKey(ctx, store.EnvironmentKey{
			ID: w.ID, Project: w.Project, Environment: w.Environment, KMSKey: w.KMSKey, Wrapped: w.Blob,
			CreatedAt: time.Now().UTC(),
		}); err != nil {
			return err
		}
		c, err := check(ctx, tx, made, nil)
		if err == nil {
			_, err = c.write(ctx, tx, &counters{})
		}
		return err
	}, nil
}

// Initialise makes the deployment key of a new database and stores it.
func Initialise(
	ctx context.Context, s store.Store, keys *envelope.Keyring, kmsKey string,
) (envelope.WrappedKey, error) {
	w, sign, err := Prepare(ctx, s.Deployment(), keys, kmsKey)
	if err != nil {
		return w, err
	}
	return w, s.Update(ctx, func(tx store.Tx) error { return sign(ctx, tx) })
}

// DeploymentKeys returns the deployment keys in a database. More than one means that someone has added one.
func DeploymentKeys(ctx context.Context, s store.Store) ([]envelope.WrappedKey, error) {
	var out []envelope.WrappedKey
	err := s.View(ctx, func(tx store.Tx) error {
		rows, err := tx.EnvironmentKeys(ctx, stored.DeploymentKey)
		for _, k := range rows {
			if k.Environment == stored.DeploymentKey {
				out = append(out, DeploymentKey(k.ID, k.KMSKey, k.Wrapped))
			}
		}
		return err
	})
	return out, err
}
