// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// withoutPrivileges calls f as a user who is not root. The user ids of Linux belong to a thread, so only the thread of
// f changes, and it ends with its goroutine.
func withoutPrivileges(t *testing.T, f func() error) error {
	t.Helper()
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		const nobody = 65534
		if os.Getuid() == 0 {
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
				t.Error(errno)
			}
		}
		result <- f()
	}()
	return <-result
}

func TestUncreatedReportsAFolderThatItMayNotWrite(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "pouncet")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, open.Folder), filepath.Join(dir, "a", "b", open.Folder)} {
		err := withoutPrivileges(t, func() error {
			_, err := open.NewUncreated(open.Config{Path: path})
			return err
		})
		want := "a backend cannot be created in " + dir + ": permission denied"
		if !errors.Is(err, backend.ErrDenied) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("the check left %v, %v", entries, err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	err = withoutPrivileges(t, func() error {
		_, err := open.NewUncreated(open.Config{Path: filepath.Join(dir, open.Folder)})
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSettingsThatMayNotBeReadAreReported(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "pouncet")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, open.Folder)
	if _, err := open.Init(t.Context(), open.Config{Path: home}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(home, "config.json"), home} {
		if err := os.Chmod(home, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		err := withoutPrivileges(t, func() error {
			_, err := open.Open(t.Context(), open.Config{Path: home})
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "config.json: permission denied") ||
			!strings.Contains(backend.AsError(err).Hint, "the user that runs Pouncet") {
			t.Errorf("%s: %v, %q", path, err, backend.AsError(err).Hint)
		}
	}
}
