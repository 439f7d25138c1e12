// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/storetest"
)

// asAdmin returns a context of an admin with a token.
func asAdmin(ctx context.Context) context.Context {
	return backend.WithPrincipal(ctx, backend.Principal{ID: "a", Name: "a", Role: backend.RoleAdmin,
		Kind: backend.Workload})
}

// A read is recorded and ends while a change holds the write transaction of the database.
func TestReadsDoNotWaitForAChange(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	if err := set(t, opened(t, c), "value"); err != nil {
		t.Fatal(err)
	}
	parts := embeddedIn(t, c.Path)
	service := parts.Audited(access.Guard)
	ctx, cancel := context.WithTimeout(asAdmin(t.Context()), time.Minute)
	defer cancel()
	ref := backend.Ref{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: "s"}
	err := parts.Store.Update(ctx, func(store.Tx) error {
		out, err := service.Resolve(ctx, []backend.Ref{ref})
		if err != nil || out[0].Err != nil || string(out[0].Value.Expose()) != "value" {
			t.Errorf("a read while a change is made: %v, %v", out, err)
		}
		ref.Reveal = true
		if out, err = service.Resolve(asRole(ctx, backend.RoleViewer), []backend.Ref{ref}); err == nil {
			t.Errorf("a refused read while a change is made: %v", out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := readsOf(t, c.Path); strings.Count(got, " resolve/ ok ") != 1 ||
		strings.Count(got, " reveal/ denied ") != 1 {
		t.Errorf("the records of reads are\n%s", got)
	}
}

func asRole(ctx context.Context, role backend.Role) context.Context {
	return backend.WithPrincipal(ctx, backend.Principal{ID: "b", Name: "b", Role: role, Kind: backend.Workload})
}

// The record of a change is in its transaction: neither exists without the other.
func TestChangeAndItsRecordExistTogether(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	parts := embeddedIn(t, c.Path)
	service := parts.Audited(access.Guard)
	before := changesOf(t, c.Path)
	create := func(name string) error {
		_, err := service.Apply(asAdmin(t.Context()), backend.ChangeSet{Changes: []backend.Change{
			{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: name},
		}})
		return err
	}
	if err := create("dev"); err != nil {
		t.Fatal(err)
	}
	if got := changesOf(t, c.Path); strings.Count(got, "\n") != strings.Count(before, "\n")+1 {
		t.Errorf("the records of changes are\n%s", got)
	}
	// The next number of the log is taken, so that the record cannot be written. Then the change is not made either.
	change(t, c.Path, `UPDATE change_log SET next_number = next_number - 1`)
	if err := create("prod"); !errors.Is(err, backend.ErrCorrupt) {
		t.Errorf("a change whose record cannot be written: %v", err)
	}
	page, err := service.Query(asAdmin(t.Context()), backend.Query{Kind: backend.KindEnvironment,
		Project: backend.DefaultProject})
	if err != nil || len(page.Objects) != 1 {
		t.Errorf("the environments are %v, %v", page.Objects, err)
	}
	if got := readsOf(t, c.Path); strings.Count(got, " apply/ corrupt ") != 1 {
		t.Errorf("the records of reads are\n%s", got)
	}
}

// Each project has its own log of changes and of reads, by its id. A rename continues it.
func TestProjectsHaveTheirOwnLogs(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	parts := embeddedIn(t, c.Path)
	service, name := parts.Audited(access.Guard), "renamed"
	in := func(project string, op backend.Op, kind backend.Kind, env, name string) backend.Change {
		return backend.Change{Op: op, Kind: kind, Project: project, Environment: env, Name: name}
	}
	value := in("two", backend.OpSet, backend.KindSecret, "dev", "s")
	value.Value = backend.PlaintextString("value")
	apply := func(dry bool, changes ...backend.Change) []backend.Outcome {
		t.Helper()
		out, err := service.Apply(asAdmin(t.Context()), backend.ChangeSet{Changes: changes, DryRun: dry})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	create := []backend.Change{
		in("", backend.OpCreate, backend.KindProject, "", "two"),
		in("two", backend.OpCreate, backend.KindEnvironment, "", "dev"), value,
		in(backend.DefaultProject, backend.OpCreate, backend.KindEnvironment, "", "dev"),
	}
	apply(true, create...) // a project that does not exist has no log
	id := apply(false, create...)[0].Object.ID
	apply(false, backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: "two", Rename: &name})
	byID := value
	byID.Project, byID.Op = id, backend.OpUpdate
	apply(true, byID)
	ref := backend.Ref{Kind: backend.KindSecret, Environment: "dev", Name: "s"}
	resolve := func(ctx context.Context, projects ...string) {
		var refs []backend.Ref
		for _, p := range projects {
			ref.Project = p
			refs = append(refs, ref)
		}
		_, _ = service.Resolve(ctx, refs)
	}
	resolve(asAdmin(t.Context()), name, backend.DefaultProject, "absent")
	resolve(asRole(t.Context(), backend.RoleViewer), name)
	apply(false, in(name, backend.OpDelete, backend.KindSecret, "dev", "s"))

	perLog := func(file, table string) string {
		t.Helper()
		return recordsWith(t, c.Path, file, "SELECT verb || ' ' || code || ' ' || number FROM "+table+" WHERE log = '"+id+
			"' ORDER BY number")
	}
	if got := perLog("pouncet.db", "change_record"); got != "apply ok 1\napply ok 2\napply ok 3" {
		t.Errorf("the changes of the project are\n%s", got)
	}
	if got := perLog("pouncet-reads.db", "read_record"); got != "compare ok 1\nresolve ok 2\nresolve denied 3" {
		t.Errorf("the reads of the project are\n%s", got)
	}
	if got := recordsWith(t, c.Path, "pouncet-reads.db", "SELECT count(*) FROM read_log"); got != "3" {
		t.Errorf("%s logs of reads, want those of two projects and of the deployment", got)
	}
}

// A backend of an earlier version gets a file. The log of changes says so.
func TestMissingReadsAreCreatedAndRecorded(t *testing.T) {
	folder := unsigned(t, 1)
	if _, err := os.Stat(filepath.Join(folder, "pouncet-reads.db")); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var opening sync.WaitGroup
	_ = embeddedIn(t, folder).Close()
	for range 3 {
		opening.Go(func() { _ = embeddedIn(t, folder).Close() })
	}
	opening.Wait()
	if got := changesOf(t, folder); strings.Count(got, `pouncet create/ ok {"file":"reads"}`) != 1 {
		t.Errorf("the records of changes are\n%s", got)
	}
	info, err := os.Stat(filepath.Join(folder, "pouncet-reads.db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has the mode %v, %v", info.Mode(), err)
	}
}

// A backend whose file was removed gets a new one, but nobody removes the records of reads with their file without
// notice: their logs get no more records until an owner accepts it.
func TestTheFileOfTheReadsIsNotRemovedWithoutNotice(t *testing.T) {
	f := newForgery(t)
	f.work(t, 1)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(filepath.Join(f.folder, readsName+suffix))
	}
	parts := embeddedIn(t, f.folder)
	text := "another"
	admin := backend.WithPrincipal(t.Context(), backend.Principal{Name: "test", Role: backend.RoleAdmin})
	read := func() error { // a dry run has a record of a read
		change := backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject,
			Name: "dev", Description: &text}
		_, err := parts.Audited(nil).Apply(admin, backend.ChangeSet{DryRun: true, Changes: []backend.Change{change}})
		return err
	}
	if err := read(); !errors.Is(err, backend.ErrCorrupt) {
		t.Errorf("a read after the file was removed: %v", err)
	}
	_, found, err := parts.VerifyLogs(t.Context(), nil)
	if err != nil || len(found) != 1 || found[0].Problem != "all its records were removed outside Pouncet" {
		t.Errorf("the check finds %v, %v", found, err)
	}
	if got := changesOf(t, f.folder); strings.Count(got, `pouncet create/ ok {"file":"reads"}`) != 1 {
		t.Errorf("the records of changes are\n%s", got)
	}
	if _, err := parts.Accept(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if err := read(); err != nil {
		t.Errorf("after it was accepted: %v", err)
	}
	if _, found, err := parts.VerifyLogs(t.Context(), nil); err != nil || len(found) > 0 {
		t.Errorf("after it was accepted, the check finds %v, %v", found, err)
	}
}

// A file of another backend is refused: its records are of other projects.
func TestReadsOfAnotherBackendAreRefused(t *testing.T) {
	a, b := open.Config{Path: filepath.Join(t.TempDir(), "a")}, open.Config{Path: filepath.Join(t.TempDir(), "b")}
	initialise(t, a)
	initialise(t, b)
	content, err := os.ReadFile(filepath.Join(b.Path, "pouncet-reads.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.Path, "pouncet-reads.db"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = open.Open(t.Context(), a)
	if !errors.Is(err, backend.ErrCorrupt) || !strings.Contains(err.Error(), "belongs to another database") {
		t.Errorf("error %v", err)
	}
}

// On a full disk nothing can be changed, and reads go on until the reserve is used up. Then they fail, and no value
// leaves without a record.
func TestReadsContinueOnAFullDisk(t *testing.T) {
	dir, _ := storetest.MountTmpfs(t, "size=16m")
	c := open.Config{Path: filepath.Join(dir, "data")}
	initialise(t, c)
	b := opened(t, c)
	if err := set(t, b, "value"); err != nil {
		t.Fatal(err)
	}
	parts := embeddedIn(t, c.Path)
	healthy(t, parts, 0, nil)
	filled := fill(t, dir)
	if err := set(t, b, "other"); !errors.Is(err, backend.ErrStorageFull) {
		t.Errorf("a change on a full disk: %v", err)
	}
	problems, err := parts.Problems(t.Context())
	if err != nil || len(problems) == 0 || !errors.Is(problems[0], backend.ErrStorageFull) {
		t.Errorf("on a full disk, the problems are %v, %v", problems, err)
	}
	reads := 0
	for err = nil; err == nil && reads < 20_000; reads++ {
		_, err = get(t, b)
	}
	if !errors.Is(err, backend.ErrStorageFull) || !strings.Contains(err.Error(), "audit log") || reads < 500 {
		t.Errorf("after %d reads: %v", reads, err)
	}
	t.Logf("%d reads on a full disk", reads)
	problems, err = parts.Problems(t.Context())
	if !errors.Is(err, backend.ErrStorageFull) || !strings.Contains(fmt.Sprint(problems), "pouncet-reads.db") {
		t.Errorf("without a reserve, the problems are %v, %v", problems, err)
	}
	if err := os.Remove(filled); err != nil {
		t.Fatal(err)
	}
	healthy(t, parts, 0, nil)
	if _, err := get(t, b); err != nil {
		t.Errorf("with free space again: %v", err)
	}
	if got := readsOf(t, c.Path); strings.Count(got, " resolve/ ok ") != reads {
		t.Errorf("%d records of %d reads", strings.Count(got, " resolve/ ok "), reads)
	}
}

// Also a command that starts on a full disk can read.
func TestCommandsReadOnAFullDisk(t *testing.T) {
	dir, _ := storetest.MountTmpfs(t, "size=16m")
	c := open.Config{Path: filepath.Join(dir, "data")}
	initialise(t, c)
	b := opened(t, c)
	if err := set(t, b, "value"); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	fill(t, dir)
	for range 10 {
		b, err := open.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := get(t, b); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// fill writes a file until the disk is full.
func fill(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "filled")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 64 << 10; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	_ = f.Close()
	return path
}

// TestLeftoverOfTheReadsFile checks that the error names the files that a removed reads file left.
func TestLeftoverOfTheReadsFile(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	initialise(t, c)
	path := filepath.Join(c.Path, "pouncet-reads.db")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"-wal", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := open.Open(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), path+"-wal") {
		t.Errorf("the error is %v", err)
	}
	_ = os.Remove(path + "-wal")
	_ = os.Remove(path + "-shm")
	if err := set(t, opened(t, c), "value"); err != nil {
		t.Errorf("without the leftover: %v", err)
	}
}
