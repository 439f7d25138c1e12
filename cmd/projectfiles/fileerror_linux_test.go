// SPDX-License-Identifier: MPL-2.0

package projectfiles_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/cmd/projectfiles"
)

// A file or folder that the user may not read or write is named with its whole path and a hint. Root may access all
// files, so the thread of the test accesses them as another user.
func TestErrorsOfPermissionsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	environments := filepath.Join(dir, "environments")
	project, lock := filepath.Join(dir, projectfiles.ProjectFile), filepath.Join(dir, projectfiles.LockFile)
	dev := filepath.Join(environments, "dev.yaml")
	if err := os.Mkdir(environments, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{project: "project: p\n", dev: "{}\n", lock: "{}\n"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	read := func() error { _, err := projectfiles.Read(root); return err }
	readLock := func() error { _, err := projectfiles.ReadLock(root); return err }
	write := func() error {
		return projectfiles.Output{Files: map[string][]byte{"environments/dev.yaml": []byte("a: b\n")}}.Write(root)
	}
	remove := func() error { return projectfiles.Output{Removed: []string{"environments/dev.yaml"}}.Write(root) }
	create := func() error {
		empty, err := root.OpenRoot("environments")
		if err != nil {
			return err
		}
		defer empty.Close()
		return projectfiles.Output{}.Write(empty)
	}
	check := func() error { return projectfiles.CheckWritable(root) }
	for _, test := range []struct {
		closed, doing, named string
		mode                 os.FileMode
		do                   func() error
	}{
		{project, "reading", project, 0, read},
		{dev, "reading", dev, 0, read},
		{environments, "reading", environments, 0, read},
		{lock, "reading", lock, 0, readLock},
		{environments, "writing", dev, 0o555, write},
		{dir, "writing", lock, 0o555, check},
		{environments, "removing", dev, 0o555, remove},
		{environments, "creating the folder", filepath.Join(environments, "environments"), 0o555, create},
	} {
		before, err := os.Stat(test.closed)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(test.closed, test.mode); err != nil {
			t.Fatal(err)
		}
		e := backend.AsError(asOther(t, test.do))
		if err := os.Chmod(test.closed, before.Mode()); err != nil {
			t.Fatal(err)
		}
		want := test.doing + " " + test.named + ": permission denied"
		if e == nil || e.Message != want || !strings.Contains(e.Hint, "ls -ld ") {
			t.Errorf("mode %o of %s: error %v, want %q with a hint", test.mode, test.closed, e, want)
		}
	}
}

// asOther runs a function on a thread that accesses files as nobody, if this process is root.
func asOther(t *testing.T, f func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if os.Geteuid() == 0 {
			runtime.LockOSThread() // the thread ends with the goroutine
			if err := syscall.Setfsuid(65534); err != nil {
				t.Error(err)
				return
			}
		}
		err = f()
	}()
	<-done
	return err
}
