// SPDX-License-Identifier: MPL-2.0

//go:build unix

package open_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// inSubfolder creates a backend in a folder, makes a folder below that the working folder, and returns the path of the
// backend.
func inSubfolder(t *testing.T) string {
	t.Helper()
	t.Setenv("SUDO_UID", "")
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, open.Folder)
	initialise(t, open.Config{Path: path})
	below := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	return path
}

// searches holds every way to open a backend that a search finds.
var searches = map[string]func() error{
	"Open": func() error { return closed(open.Open(context.Background(), open.Config{})) },
	"Open, and create if absent": func() error {
		return closed(open.Open(context.Background(), open.Config{CreateIfAbsent: true}))
	},
	"Embedded": func() error { return closed(open.Embedded(context.Background(), open.Config{})) },
	"Locate":   func() error { _, err := open.Locate(open.Config{}); return err },
	"Uncreated": func() error {
		_, err := open.NewUncreated(open.Config{})
		return err
	},
}

func closed[T interface{ Close() error }](opened T, err error) error {
	if err == nil {
		err = opened.Close()
	}
	return err
}

// refused checks that every search refuses a folder, with one error that has all parts. A named path is trusted.
func refused(t *testing.T, folder string, parts ...string) {
	t.Helper()
	refusedAlways(t, append(parts, "POUNCET_HOME="+folder)...)
	trusted(t, folder)
}

// refusedAlways is for what is also refused in a folder that is named.
func refusedAlways(t *testing.T, parts ...string) {
	t.Helper()
	for name, search := range searches {
		err := search()
		if !errors.Is(err, backend.ErrDenied) {
			t.Errorf("%s: error %v", name, err)
			continue
		}
		text := err.Error() + "\n" + backend.AsError(err).Hint
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%s: the error does not name %q: %s", name, part, text)
			}
		}
	}
}

func trusted(t *testing.T, folder string) {
	t.Helper()
	if err := closed(open.Open(context.Background(), open.Config{Path: folder})); err != nil {
		t.Errorf("the named folder is not trusted: %v", err)
	}
}

func foundFile(t *testing.T) {
	t.Helper()
	if err := searches["Open"](); err != nil {
		t.Error(err)
	}
}

// chown changes the owner of a file, which only root may.
func chown(t *testing.T, path string, user int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root may change the owner of a file")
	}
	if err := os.Lchown(path, user, -1); err != nil {
		t.Fatal(err)
	}
}

const somebody = 12345

func TestFoundFolderOfAnotherUserIsRefused(t *testing.T) {
	folder := inSubfolder(t)
	foundFile(t)
	open.RunAs(t, somebody)
	refused(t, folder, folder+" belongs to user "+strconv.Itoa(os.Geteuid()), "runs as user 12345",
		"sudo chown -R 12345 "+folder)
}

// As for git, a folder of root is one of another user, and root itself trusts the user who ran sudo.
func TestFoundFolderAndRoot(t *testing.T) {
	const root = 0
	for _, c := range []struct {
		name        string
		owner, user int
		sudo        string
		trusted     bool
	}{
		{"a folder of root, for a user", root, somebody, "", false},
		{"a folder of root, for a user with a variable of sudo", root, somebody, "0", false},
		{"a folder of a user, for root", somebody, root, "", false},
		{"a folder of a user, for root after sudo", somebody, root, "12345", true},
		{"a folder of a user, for root after another user's sudo", somebody, root, "12346", false},
		{"a folder of a user, for root with a broken variable", somebody, root, "x", false},
		{"a folder of root, for root after sudo", root, root, "12345", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := inSubfolder(t)
			if err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, _ error) error {
				chown(t, path, c.owner)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			t.Setenv("SUDO_UID", c.sudo)
			open.RunAs(t, c.user)
			if c.trusted {
				foundFile(t)
			} else {
				refused(t, folder, fmt.Sprint("belongs to user ", c.owner))
			}
		})
	}
}

// parts are the files whose owner and mode matter, with the modes of a file that is refused and of one that is not.
var parts = map[string]struct{ refused, accepted os.FileMode }{
	".":              {0o770, 0o755},
	"config.json":    {0o660, 0o644},
	"pouncet.db":     {0o644, 0o640},
	"pouncet.db-wal": {0o662, 0o600},
	"pouncet.db-shm": {0o606, 0o600},
	"first-token":    {0o604, 0o640},
	"kms.key":        {0o620, 0o640},
	"../elsewhere":   {0o604, 0o600}, // a key file that config.json names
}

// withAllParts returns the path of a backend in which all parts exist.
func withAllParts(t *testing.T) string {
	t.Helper()
	folder := inSubfolder(t)
	b := opened(t, open.Config{Path: folder}) // while it is open, the log exists
	if err := createEnvironment(b, "own", keyURI(filepath.Join(filepath.Dir(folder), "elsewhere")), false); err != nil {
		t.Fatal(err)
	}
	for name := range parts {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	foundFile(t)
	return folder
}

func TestFoundFolderWithAFileOfAnotherUserIsRefused(t *testing.T) {
	for name := range parts {
		t.Run(name, func(t *testing.T) {
			folder := withAllParts(t)
			path := filepath.Join(folder, name)
			chown(t, path, somebody)
			refused(t, folder, path+" belongs to user 12345")
		})
	}
}

func TestFoundFolderThatOtherUsersCanChangeIsRefused(t *testing.T) {
	for name, mode := range parts {
		t.Run(name, func(t *testing.T) {
			folder := withAllParts(t)
			path := filepath.Join(folder, name)
			if err := os.Chmod(path, mode.accepted); err != nil {
				t.Fatal(err)
			}
			foundFile(t)
			if err := os.Chmod(path, mode.refused); err != nil {
				t.Fatal(err)
			}
			remedy := fmt.Sprintf("chmod %o %s", map[bool]int{true: 0o700, false: 0o600}[name == "."], path)
			if name == "kms.key" || name == "../elsewhere" {
				refusedAlways(t, path, fmt.Sprintf("its mode is %04o", mode.refused), remedy)
				return
			}
			refused(t, folder, path, fmt.Sprintf("its mode is %04o", mode.refused), remedy)
		})
	}
}

// A link in a folder of several users leads to a backend of this user, which they did not choose.
func TestFoundLinkOfAnotherUserIsRefused(t *testing.T) {
	folder := inSubfolder(t)
	shared := t.TempDir()
	link := filepath.Join(shared, open.Folder)
	if err := os.Symlink(folder, link); err != nil {
		t.Fatal(err)
	}
	t.Chdir(shared)
	foundFile(t)
	chown(t, link, somebody)
	refused(t, link, link+" belongs to user 12345", fmt.Sprintf("sudo chown -h %d %s", os.Geteuid(), link))
}

// A plan found no backend. Until the apply, another user can make one.
func TestUncreatedIsNotTakenOverByAnotherUser(t *testing.T) {
	root := t.TempDir()
	t.Setenv("SUDO_UID", "")
	t.Chdir(root)
	u, err := open.NewUncreated(open.Config{})
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, open.Folder)
	initialise(t, open.Config{Path: folder})
	open.RunAs(t, somebody)
	if err := u.Create(t.Context()); !errors.Is(err, backend.ErrDenied) {
		t.Errorf("error %v", err)
	}
	if _, err := u.Query(t.Context(), backend.Query{Kind: backend.KindProject}); !errors.Is(err, backend.ErrDenied) {
		t.Errorf("error %v", err)
	}
}
