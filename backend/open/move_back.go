// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/transfer"
)

// How a backend is moved into a folder.

// MoveToFolder moves a backend into a new folder, whose KMS key is o's. left says that the source was left
// before.
func MoveToFolder(
	ctx context.Context, from transfer.Source, left bool, folder string, o MoveOptions,
) (out Moved, err error) {
	folder, err = filepath.Abs(folder)
	if err != nil {
		return out, absolutePathError(folder, err)
	}
	found, err := deploymentKeys(ctx, from)
	switch {
	case err != nil:
		return out, err
	case len(found) != 1 || found[0].KMSKey != o.KMSKey:
		return out, backend.Errorf(backend.CodeInvalid, "the deployment key of %s is not wrapped by KMS key %s",
			from.Location(), o.KMSKey).WithHint("name the key of its servers with --kms-key")
	}
	s := settings{KMSKey: o.KMSKey, Deployment: &deployment{from.Deployment(), found[0].ID, o.KMSKey}}
	trusted := newTrustedKeys(folder, s)
	trusted.named = o.OtherKMSKeys
	m := &move{MoveOptions: MoveOptions{Report: o.Report}, from: from, kmsKey: o.KMSKey, key: found[0], resuming: left,
		keys: keyring(from.Deployment(), trusted)}
	if s.OtherKMSKeys, err = otherKeys(ctx, m, o); err != nil {
		return out, err
	}
	trusted.keys = append(trusted.keys, s.OtherKMSKeys...)
	if !left {
		if err := m.verifySource(ctx); err != nil {
			return out, err
		}
	}
	if err := m.openTarget(ctx, func(ctx context.Context, deployment string, create bool) (transfer.Target, error) {
		return targetFolder(ctx, folder, deployment, s, create)
	}); err != nil {
		return out, err
	}
	defer m.to.Close() //nolint:errcheck // everything was committed
	return m.run(ctx)
}

func (m *move) verifySource(ctx context.Context) error {
	found, err := signed.New(m.from, m.keys, m.key).Verify(ctx)
	if n := blocking(found); err == nil && n > 0 {
		err = errUntrustedRows(m.from.Location(), n)
	}
	return err
}

// targetFolder opens or creates the files of a backend that is moved into a folder. It changes nothing in a folder with
// another backend.
func targetFolder(
	ctx context.Context, folder, deployment string, s settings, create bool,
) (transfer.Target, error) {
	database, reads := filepath.Join(folder, databaseFile), filepath.Join(folder, readsFile)
	if !Exists(folder) {
		if !create {
			return nil, backend.Errorf(backend.CodeNotFound, "folder %s does not contain a backend", folder)
		}
		if err := newTargetFolder(ctx, folder, deployment); err != nil {
			return nil, err
		}
	}
	empty, err := sqlite.IsBeingFilled(ctx, database, deployment)
	if err != nil {
		return nil, err
	}
	if empty {
		err := sqlite.CreateReadLogForTransfer(ctx, reads, deployment)
		if err != nil && !errors.Is(err, backend.ErrExists) {
			return nil, err
		}
		if err := errors.Join(writeSettings(folder, s), writeFile(folder, gitignoreFile, "*\n")); err != nil {
			return nil, err
		}
	}
	f, _, err := sqlite.OpenForTransfer(ctx, database, reads)
	return f, err
}

func newTargetFolder(ctx context.Context, folder, deployment string) error {
	if err := checkFolder(folder); err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.Chmod(folder, 0o700)); err != nil {
		return backend.Errorf(backend.CodeUnavailable, "creating the backend's folder: %w", err).
			WithHint("choose a folder that you can write to")
	}
	return sqlite.CreateForTransfer(ctx, filepath.Join(folder, databaseFile), deployment)
}
