// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// readOnlyFolder is an embedded backend that the user of withoutPrivileges may read and not write.
func readOnlyFolder(t *testing.T) (folder string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pouncet") // below it, another user may not read the folders of a test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = os.Chmod(filepath.Join(dir, "data"), 0o700)
		_ = os.RemoveAll(dir)
	})
	c := open.Config{Path: filepath.Join(dir, "data")}
	initialise(t, c)
	b := opened(t, c)
	apply(t, b, admin(), "", inDefault(backend.OpCreate, backend.KindEnvironment, "", "dev"), valued("dev", "s", "v"))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && os.Getuid() == 0 {
			err = os.Chown(path, nobody, nobody)
		}
		mode := fs.FileMode(0o400)
		if d.IsDir() {
			mode = 0o500
		}
		if path == dir {
			mode = 0o700
		}
		return errors.Join(err, os.Chmod(path, mode))
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.Path
}

// A folder that the user may only read is listed. A value is not read, because that cannot be recorded.
func TestReadOnlyFolderIsListedAndNotResolved(t *testing.T) {
	folder := readOnlyFolder(t)
	err := withoutPrivileges(t, func() error {
		b, err := open.Open(t.Context(), open.Config{Path: folder})
		if err != nil {
			return err
		}
		defer b.Close()
		page, err := b.Query(t.Context(), backend.Query{Kind: backend.KindSecret, Project: backend.DefaultProject})
		if err != nil || len(page.Objects) != 1 {
			t.Errorf("the list is %v, %v", page.Objects, err)
		}
		out, err := b.Resolve(t.Context(), one)
		if !errors.Is(err, backend.ErrDenied) || !strings.Contains(err.Error(), "pouncet-reads.db") || len(out) > 0 {
			t.Errorf("resolving gives %v, %v", out, err)
		}
		_, err = b.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{valued("dev", "s", "w")}})
		if !errors.Is(err, backend.ErrDenied) {
			t.Errorf("a change gives %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = withoutPrivileges(t, func() error {
		parts, err := open.Embedded(t.Context(), open.Config{Path: folder, MayRead: true})
		if err != nil {
			return err
		}
		defer parts.Close()
		found, err := parts.Verify(t.Context())
		if len(found) > 0 {
			t.Errorf("the check of the storage finds %v", found)
		}
		return errors.Join(err, parts.CheckIntegrity(t.Context()))
	})
	if err != nil {
		t.Errorf("the check of the storage: %v", err)
	}
	err = withoutPrivileges(t, func() error {
		_, err := open.Embedded(t.Context(), open.Config{Path: folder}) // for a server
		return err
	})
	if !errors.Is(err, backend.ErrDenied) {
		t.Errorf("a server opens the folder: %v", err)
	}
}
