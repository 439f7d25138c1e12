// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
)

// Create creates a database at path, with mode 0600, and opens it. The folder must exist. ErrExists means that the file
// exists; of several concurrent calls, one succeeds.
func Create(ctx context.Context, path string, options ...Option) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, absolutePathError(path, err)
	}
	if err := checkAbsent(path); err != nil {
		return nil, err
	}
	id, err := newDeployment()
	if err != nil {
		return nil, err
	}
	if err := build(ctx, path, func(path string) (*Store, error) { return newStore(path, options) }, id); err != nil {
		return nil, err
	}
	return Open(ctx, path, options...)
}

func newDeployment() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", backend.Errorf(backend.CodeInternal, "making a deployment id: %w", err)
	}
	return id.String(), nil
}

// checkAbsent returns an error if the file or its log exists. SQLite would replay the log of a removed database into
// the new one.
func checkAbsent(path string) error {
	for _, suffix := range []string{"", "-wal", "-journal"} {
		_, err := os.Lstat(path + suffix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fileError("creating", path, err)
		case suffix == "":
			return existsError(path)
		default:
			return backend.Errorf(backend.CodeExists, "%s exists, but its database %s does not", path+suffix, path).
				WithHint("restore the database, or remove the file")
		}
	}
	return nil
}

func existsError(path string) error {
	return backend.Errorf(backend.CodeExists, "file %s already exists", path).
		WithHint("open it, or choose another path")
}

// build creates the database under another name, syncs it, and then gives it its final name. So no process ever opens
// an incomplete database, even if this one is killed.
func build(
	ctx context.Context, path string, open func(path string) (*Store, error), deployment string, last ...statement,
) error {
	dir := filepath.Dir(path)
	draft, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.new") // mode 0600
	if err != nil {
		return fileError("creating", path, err)
	}
	name := draft.Name()
	defer removeDraft(name)
	if err := draft.Close(); err != nil {
		return fileError("creating", path, err)
	}
	if err := writeDraft(ctx, name, path, open, deployment, last); err != nil {
		return err
	}
	if err := durable.SyncFile(name); err != nil {
		return fileError("creating", path, err)
	}
	// A hard link, unlike a rename, does not replace an existing file.
	if err := os.Link(name, path); errors.Is(err, fs.ErrExist) {
		return existsError(path)
	} else if err != nil {
		return fileError("creating", path, err)
	}
	removeDraft(name)
	if err := durable.SyncDir(dir); err != nil {
		return fileError("creating", path, err)
	}
	return nil
}

// writeDraft writes the schema, the application id and the deployment id into the draft. It leaves the draft closed and
// in WAL mode.
func writeDraft(
	ctx context.Context, draft, path string, open func(path string) (*Store, error), deployment string,
	last []statement,
) error {
	s, err := open(draft)
	if err != nil {
		return err
	}
	s.path = path // for error messages
	if err := s.writeInitial(ctx, deployment, last...); err != nil {
		_ = s.Close() // the caller removes the draft
		return err
	}
	return s.Close() // moves the log into the file
}

// writeInitial writes the first content of a new database, and runs the last statements.
func (s *Store) writeInitial(ctx context.Context, deployment string, last ...statement) error {
	c, err := s.writer.acquire(ctx)
	if err != nil {
		return s.translate(err)
	}
	healthy := false
	defer func() { s.writer.release(c, healthy) }()
	if err := s.migrate(ctx, c, statement{fmt.Sprintf("PRAGMA application_id = %d", s.applicationID), nil},
		statement{"INSERT INTO deployment (only, id) VALUES (1, ?)", []any{deployment}}); err != nil {
		return err
	}
	for _, st := range last {
		if err := c.exec(ctx, st.text, st.args...); err != nil {
			return s.translate(err)
		}
	}
	if err := c.exec(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return s.translate(err)
	}
	healthy = true
	return nil
}

// removeDraft removes a draft and the files that SQLite created beside it. It ignores errors, because a draft that is
// left does no harm.
func removeDraft(name string) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		_ = os.Remove(name + suffix)
	}
}
