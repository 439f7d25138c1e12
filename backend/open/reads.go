// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
)

// The audit records of reads are in a separate file beside the database. A backend of an earlier version has none,
// and neither has one whose file was removed. Both get a new one, and the log of changes says so. The states of the
// logs that were in a removed file are left: the check of the audit log reports them, and no record is added to these
// logs before an owner accepts that.

func createReads(ctx context.Context, folder, deployment string) error {
	return sqlite.CreateReadLog(ctx, filepath.Join(folder, readsFile), deployment)
}

// openReads opens the file with the records of reads, and creates it if it is missing. If it opens the
// file for reading, it returns unrecorded.
func openReads(ctx context.Context, folder string, database *signed.Store, access fileAccess) (Reads, error) {
	if access.reads(mayRecord(folder)) {
		file, err := sqlite.OpenReadLogReadOnly(ctx, filepath.Join(folder, readsFile), database.Deployment())
		if err != nil {
			return nil, err
		}
		return unrecorded{file, folder}, nil
	}
	reads, err := openReadsFile(ctx, folder, database)
	if err != nil {
		return nil, err
	}
	reads.UseProver(database.Prover())
	return reads, nil
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
			WithHint("remove them too while no process uses the backend; the next command makes a new file, which you accept: " +
				"pouncet doctor --storage --accept")
	}
	return reads, err
}

// mayRecord reports whether this user may write the records of reads in a folder, or create their file.
func mayRecord(folder string) bool {
	path := filepath.Join(folder, readsFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		path = folder
		if durable.Writable(filepath.Join(folder, databaseFile)) != nil {
			return false // the database has to record that the file is new
		}
	}
	return durable.Writable(path) == nil
}

// unrecorded are the records of reads in a folder that this user may not write. Who cannot be recorded gets no value.
type unrecorded struct {
	*sqlite.ReadLog
	folder string
}

var _ Reads = unrecorded{}

func (u unrecorded) AppendRecords(context.Context, ...store.Record) error {
	return backend.Errorf(backend.CodeDenied, "this user may not write to %s", u.Path()).
		WithHint("let this user write to folder %s and its files; lists and checks of files need no record", u.folder)
}

func (unrecorded) DeleteRecords(
	context.Context, time.Time, int, func(log string, deleted int) store.Record,
) (int, error) {
	return 0, nil // none expires here
}

func (unrecorded) ForgetResolved(context.Context, string, []string) error { return nil } // nothing was deleted

func (unrecorded) NoteUsed(context.Context, string, store.Resolved) error { return nil } // no server serves the folder

func (u unrecorded) Check(ctx context.Context) (low, err error) { return nil, u.AppendRecords(ctx) }
