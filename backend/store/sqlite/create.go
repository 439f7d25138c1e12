// SPDX-License-Identifier: MPL-2.0

package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/uuid"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Create makes a new database at path, readable by its owner alone, and opens
// it. ErrExists when there is a file already; of several that create at once,
// one wins. The folder must be there.
func Create(ctx context.Context, path string, options ...Option) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the path of the database: %w", err)
	}
	if err := vacant(path); err != nil {
		return nil, err
	}
	if err := build(ctx, path, options); err != nil {
		return nil, err
	}
	return Open(ctx, path, options...)
}

// vacant makes sure that nothing is at path. The log of a database that was
// removed without it would be replayed into the new one.
func vacant(path string) error {
	for _, suffix := range []string{"", "-wal", "-journal"} {
		_, err := os.Lstat(path + suffix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return refused("creating", path, err)
		case suffix == "":
			return taken(path)
		default:
			return backend.Errorf(backend.CodeExists, "%s is left over from a database that is gone", path+suffix).
				WithHint("put the database back beside it, or remove it")
		}
	}
	return nil
}

func taken(path string) error {
	return backend.Errorf(backend.CodeExists, "there is a file already at %s", path).
		WithHint("open it, or choose another path")
}

// build makes the database under another name and gives it its own when it is
// complete and on the disk: a process that dies in between leaves
// nothing at path, and nobody ever opens half a database.
func build(ctx context.Context, path string, options []Option) error {
	dir := filepath.Dir(path)
	draft, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.new") // mode 0600
	if err != nil {
		return refused("creating", path, err)
	}
	name := draft.Name()
	defer removeDraft(name)
	if err := draft.Close(); err != nil {
		return refused("creating", path, err)
	}
	if err := fill(ctx, name, path, options); err != nil {
		return err
	}
	if err := syncFile(name); err != nil {
		return refused("creating", path, err)
	}
	// A hard link, unlike a rename, does not replace what is there.
	if err := os.Link(name, path); errors.Is(err, fs.ErrExist) {
		return taken(path)
	} else if err != nil {
		return refused("creating", path, err)
	}
	removeDraft(name)
	if err := syncDir(dir); err != nil {
		return refused("creating", path, err)
	}
	return nil
}

// fill writes the schema, the application id and the deployment id into the
// draft, and leaves it closed and in WAL mode.
func fill(ctx context.Context, draft, path string, options []Option) error {
	s, err := newStore(draft, options)
	if err != nil {
		return err
	}
	s.path = path // errors speak of what is being made
	if err := s.found(ctx); err != nil {
		_ = s.Close() // it is removed in any case
		return err
	}
	return s.Close() // which moves the log into the file
}

// found writes the first content of a new database.
func (s *Store) found(ctx context.Context) error {
	c, err := s.writer.take(ctx)
	if err != nil {
		return s.fail(err)
	}
	sound := false
	defer func() { s.writer.give(c, sound) }()
	id, err := uuid.NewV7()
	if err != nil {
		return backend.Errorf(backend.CodeInternal, "making a deployment id: %w", err)
	}
	if err := s.migrate(ctx, c, statement{setApplicationID, nil},
		statement{"INSERT INTO deployment (only, id) VALUES (1, ?)", []any{id.String()}}); err != nil {
		return err
	}
	if err := c.exec(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return s.fail(err)
	}
	sound = true
	return nil
}

// removeDraft removes a draft and whatever SQLite put beside it. One that stays
// behind does no harm, and so is no reason to fail.
func removeDraft(name string) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		_ = os.Remove(name + suffix)
	}
}

// syncFile makes sure that a file's content is on the disk.
func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncDir makes sure that a folder's entries are on the disk. Windows has no
// such call and needs none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
