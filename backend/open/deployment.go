// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// Upgrade describes how a database got signed rows, or a place in the settings.
type Upgrade struct {
	Copy   string        // the path of the copy that was made before
	Tokens []store.Token // the tokens of the database

	made bool // by this process; otherwise it only wrote the settings
}

// openDatabase opens the database of a folder, with signed rows. It upgrades an older one, and then names its
// deployment in the settings. It upgrades no database that it opens for reading.
func openDatabase(
	ctx context.Context, folder string, s settings, trusted *trustedKeys, access fileAccess,
) (*signed.Store, *envelope.Keyring, *Upgrade, error) {
	path, made := filepath.Join(folder, databaseFile), false
	upgrade := func(ctx context.Context, id string) (func(context.Context, store.Tx) error, error) {
		if s.Deployment != nil {
			return nil, otherDatabase(folder, "its rows are not signed, and %s says that they are", configFile)
		}
		_, sign, err := signed.Prepare(ctx, id, keyring(id, trusted), s.KMSKey)
		return func(ctx context.Context, tx store.Tx) error {
			made = true // not called if another process has upgraded the database since
			return sign(ctx, tx)
		}, err
	}
	openFile := sqlite.Open
	if access.reads(durable.Writable(path) == nil) {
		openFile = sqlite.OpenReadOnly
	}
	database, err := openFile(ctx, path, sqlite.WithUpgrade(upgrade))
	if err != nil {
		return nil, nil, nil, err
	}
	keys := keyring(database.Deployment(), trusted)
	w, err := deploymentKey(ctx, folder, s, database, keys)
	if err != nil {
		return nil, nil, nil, errors.Join(err, database.Close())
	}
	out := signed.New(database, keys, w)
	if s.Deployment != nil {
		return out, keys, nil, nil
	}
	// The upgrade may have been made by a process that ended before it wrote the settings. Then this one reports it.
	report := &Upgrade{Copy: copyIn(folder).Path, made: made}
	err = out.View(ctx, func(tx store.Tx) (err error) {
		report.Tokens, err = tx.Tokens(ctx)
		return err
	})
	if err != nil {
		return nil, nil, nil, errors.Join(err, out.Close())
	}
	return out, keys, report, nil
}

// deploymentKey returns the deployment key that the settings name. If they name none, which is so after an upgrade, it
// returns the key in the database and writes the settings.
func deploymentKey(
	ctx context.Context, folder string, s settings, database *sqlite.Store, keys *envelope.Keyring,
) (envelope.WrappedKey, error) {
	stored, err := signed.DeploymentKeys(ctx, database)
	if err != nil {
		return envelope.WrappedKey{}, err
	}
	if s.Deployment != nil {
		if s.Deployment.ID != database.Deployment() {
			return envelope.WrappedKey{}, otherDatabase(folder, "it has the id %s, and %s says %s", database.Deployment(),
				configFile, s.Deployment.ID)
		}
		for _, w := range stored {
			if w.ID == s.Deployment.Key && w.KMSKey == s.Deployment.KMSKey {
				return w, nil
			}
		}
		return envelope.WrappedKey{}, otherDatabase(folder,
			"it does not have the deployment key %s under KMS key %s, which %s names",
			s.Deployment.Key, s.Deployment.KMSKey, configFile)
	}
	if len(stored) != 1 {
		return envelope.WrappedKey{}, otherDatabase(folder, "it has %s instead of one",
			backend.Plural(len(stored), "deployment key"))
	}
	if stored[0].KMSKey != s.KMSKey {
		return envelope.WrappedKey{}, otherDatabase(folder, "KMS key %s wraps its deployment key, and %s names %s",
			stored[0].KMSKey, configFile, s.KMSKey)
	}
	if _, err := keys.Key(ctx, stored[0]); err != nil {
		return envelope.WrappedKey{}, err
	}
	// Another process may have written the settings since.
	now, err := readSettings(folder)
	if err != nil {
		return envelope.WrappedKey{}, err
	}
	now.Deployment = pinned(database, stored[0])
	return stored[0], writeSettings(folder, now)
}

func pinned(database *sqlite.Store, w envelope.WrappedKey) *deployment {
	return &deployment{ID: database.Deployment(), Key: w.ID, KMSKey: w.KMSKey}
}

func otherDatabase(folder, format string, args ...any) error {
	return backend.Errorf(backend.CodeCorrupt, "%s is not the database that belongs to this folder: "+format,
		append([]any{filepath.Join(folder, databaseFile)}, args...)...).
		WithHint("restore %s and %s from the same backup", databaseFile, configFile)
}
