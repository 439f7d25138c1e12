// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// The audit records of reads are in a separate file beside the database. A backend of an earlier version has none,
// and neither has one whose file was removed. Both get a new one, and the log of changes says so: the numbers of its
// records begin at 1 again.

func createReads(ctx context.Context, folder, deployment string) error {
	return sqlite.CreateReadLog(ctx, filepath.Join(folder, readsFile), deployment)
}

// openReads opens the file with the records of reads, and creates it if it is missing.
func openReads(ctx context.Context, folder string, database *signed.Store) (*sqlite.ReadLog, error) {
	reads, err := openReadsFile(ctx, folder, database)
	if err == nil {
		reads.UseProver(database.Prover())
	}
	return reads, err
}

func openReadsFile(ctx context.Context, folder string, database *signed.Store) (*sqlite.ReadLog, error) {
	path := filepath.Join(folder, readsFile)
	reads, err := sqlite.OpenReadLog(ctx, path, database.Deployment())
	if !errors.Is(err, backend.ErrNotFound) {
		return reads, err
	}
	// First the record, so that no file is replaced without one.
	if err := audit.ReadsCreated(ctx, database, nil); err != nil {
		return nil, err
	}
	err = createReads(ctx, folder, database.Deployment())
	if err != nil && !errors.Is(err, backend.ErrExists) { // another process was faster
		return nil, err
	}
	reads, err = sqlite.OpenReadLog(ctx, path, database.Deployment())
	if errors.Is(err, backend.ErrNotFound) {
		return nil, backend.Errorf(backend.CodeInvalid,
			"database %s was removed, and its files %[1]s-wal or %[1]s-shm were not", path).
			WithHint("remove them too while no process uses the backend; the next command makes a new file")
	}
	return reads, err
}
