// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/sqlite"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/transfer"
)

// movable is an embedded backend with a row in each table.
func movable(t testing.TB) (folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "backend")
	b, err := open.Open(t.Context(), open.Config{Path: folder, CreateIfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	text, typed, schema := backend.PlaintextString, "login", []byte(`{"type":"object"}`)
	link := backend.Link{Secret: "db"}
	role := backend.RoleRuntime
	changes := []backend.Change{
		{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: "default", Name: "dev"},
		{Op: backend.OpSet, Kind: backend.KindSecretType, Project: "default", Name: typed, Schema: schema},
		{Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: "db", Value: text("one")},
		{Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: "login",
			Type: &typed, Value: text(`{"user":"é\u0000"}`)},
		{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "*", Name: "host", Link: &link},
		{Op: backend.OpSet, Kind: backend.KindToken, Name: "reader", Role: &role, TokenHash: access.HashToken("reader")},
		{Op: backend.OpSet, Kind: backend.KindProject, Name: "other"},
	}
	for _, name := range []string{"A", "a", "Z", "_", "0"} { // a locale would sort them differently
		changes = append(changes, backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: "default",
			Environment: "dev", Name: name, Value: text(strings.Repeat(name, 100))})
	}
	for i, set := range []backend.ChangeSet{
		{Changes: changes, IdempotencyKey: "first"},
		{Changes: []backend.Change{{Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "dev",
			Name: "db", Value: text("two")}}},
		{Changes: []backend.Change{{Op: backend.OpDelete, Kind: backend.KindSecret, Project: "default", Environment: "dev",
			Name: "Z"}}},
		{Draft: "d", Changes: []backend.Change{valued("dev", "db", "staged"),
			inDefault(backend.OpCreate, backend.KindEnvironment, "", "later"), valued("later", "s", "of later")}},
	} {
		if _, err := b.Apply(t.Context(), set); err != nil {
			t.Fatal(i, err)
		}
	}
	resolved(t, b)
	return folder
}

// resolved resolves what a movable backend has.
func resolved(t testing.TB, s backend.Service) (out []string) {
	t.Helper()
	var refs []backend.Ref
	for _, name := range []string{"db", "login", "A", "a", "Z", "_", "0"} {
		refs = append(refs, backend.Ref{Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: name})
	}
	refs = append(refs, backend.Ref{Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: "db",
		Version: "1"}, backend.Ref{Kind: backend.KindScopedValue, Project: "default", Environment: "dev", Name: "host"})
	ctx := backend.WithPrincipal(t.Context(), backend.Principal{Name: "test", Role: backend.RoleAdmin,
		Kind: backend.Workload})
	got, err := s.Resolve(ctx, refs)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range got {
		out = append(out, fmt.Sprint(string(r.Value.Expose()), r.ID, r.Version, r.Err != nil))
	}
	return out
}

// allRows returns all rows of a database as text, without the keys and states, which a new KMS key changes, and without
// the record of the move.
func allRows(t testing.TB, d transfer.Database) string {
	t.Helper()
	var out strings.Builder
	for _, table := range transfer.Tables {
		for r, err := range d.Rows(t.Context(), table) {
			if err != nil {
				t.Fatal(err)
			}
			if table.Name == "environment_key" || table.Name == transfer.StatesTable || table.Name == "change_log" ||
				table.Name == "change_record" && r[5] == "move" {
				continue
			}
			line, _ := json.Marshal(r)
			fmt.Fprintln(&out, table.Name, string(line))
		}
	}
	return out.String()
}

// filesOf opens the files of a folder, also of one that was left.
func filesOf(t testing.TB, folder string) sqlite.Files {
	t.Helper()
	f, _, err := sqlite.OpenForTransfer(t.Context(), filepath.Join(folder, "pouncet.db"),
		filepath.Join(folder, "pouncet-reads.db"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func tableRows(t testing.TB, folder string) string {
	t.Helper()
	f := filesOf(t, folder)
	defer f.Close()
	return allRows(t, f)
}

// wantRows compares two results of allRows.
func wantRows(t testing.TB, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Errorf("row %d is\n%.300s\nwant\n%.300s", i, g[i], w[i])
			return
		}
	}
	if len(g) != len(w) {
		t.Errorf("there are %d rows, want %d", len(g), len(w))
	}
}

// newKey returns the URI of a key file that does not exist yet.
func newKey(t testing.TB) string {
	return "file://" + filepath.ToSlash(filepath.Join(t.TempDir(), "servers.key"))
}

func toPostgres(address string) open.OpenTarget {
	return func(ctx context.Context, deployment string, create bool) (transfer.Target, error) {
		s, _, err := postgres.OpenForTransfer(ctx, address)
		if create && errors.Is(err, backend.ErrNotFound) {
			return postgres.CreateForTransfer(ctx, address, deployment)
		}
		return s, err
	}
}

func TestABackendMovesToPostgreSQLAndBack(t *testing.T) {
	address := postgrestest.Database(t)
	folder, key := movable(t), newKey(t)
	b, err := open.Open(t.Context(), open.Config{Path: folder})
	if err != nil {
		t.Fatal(err)
	}
	resolved(t, b)
	expireIn(t, folder)
	want := resolved(t, b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	heads, _ := verifyLogs(t, folder, nil)
	before := tableRows(t, folder) // with the record of these values
	tables := map[string]int{}
	moved, err := open.MoveFolder(t.Context(), open.Config{Path: folder}, toPostgres(address),
		open.MoveOptions{KMSKey: key, Report: func(table string, n int) { tables[table] = n }})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range transfer.Tables {
		if tables[table.Name] == 0 && table.Name != "comparison" {
			t.Errorf("no row of table %s was moved", table.Name)
		}
	}
	database, err := postgres.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, allRows(t, database), before)
	if database.Deployment() != moved.Deployment {
		t.Errorf("the deployment is %s, want %s", database.Deployment(), moved.Deployment)
	}
	keys := envelope.New(envelope.Options{Deployment: database.Deployment(), OpenKey: kms.Open})
	found, err := signed.DeploymentKeys(t.Context(), database)
	if err != nil || len(found) != 1 || found[0].KMSKey != key {
		t.Fatalf("the deployment keys are %+v, %v", found, err)
	}
	if err := os.Remove(filepath.Join(folder, "kms.key")); err != nil { // the servers do not have it
		t.Fatal(err)
	}
	served := engine.New(signed.New(database, keys, found[0]), keys, engine.Options{KMSKey: key,
		Authorizer: access.NewDirectory()})
	if got := resolved(t, served); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the values are %v, want %v", got, want)
	}
	deploy := backend.ChangeSet{Changes: []backend.Change{inDefault(backend.OpDeploy, backend.KindDraft, "", "d")},
		DryRun: true}
	if out, err := served.Apply(admin(), deploy); err != nil || out[0].Err != nil {
		t.Errorf("the draft in the database: %v, %v", out, err)
	}
	if err := database.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = open.Open(t.Context(), open.Config{Path: folder})
	if !errors.Is(err, backend.ErrUnavailable) || !strings.Contains(err.Error(), "was moved to another database") {
		t.Errorf("opening the folder that was left: %v", err)
	}

	source, left, err := postgres.OpenForTransfer(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	back := filepath.Join(t.TempDir(), "back")
	if _, err := open.MoveToFolder(t.Context(), source, left, back, open.MoveOptions{KMSKey: key}); err != nil {
		t.Fatal(err)
	}
	b, err = open.Open(t.Context(), open.Config{Path: back})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if got := resolved(t, b); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("after the way back the values are %v, want %v", got, want)
	}
	deploy.DryRun = false
	if _, err := b.Apply(admin(), deploy); err != nil || valueOf(t, b, "later") != "of later" {
		t.Errorf("after the way back, the draft: %v", err)
	}
	if _, found := verifyLogs(t, back, heads.Heads); found != "" {
		t.Errorf("after the way back, the check of the audit log with its heads before finds %s", found)
	}
	if _, err := postgres.Open(t.Context(), address); !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("opening the database that was left: %v", err)
	}
}

// stopping fails at one of the calls that a move makes.
type stopping struct {
	transfer.Target
	calls *int // until the failure
}

var errStopped = errors.New("stopped")

func (s stopping) next() error {
	if *s.calls--; *s.calls < 0 {
		return errStopped
	}
	return nil
}

func (s stopping) Insert(ctx context.Context, t transfer.Table, rows []transfer.Row) error {
	if err := s.next(); err != nil {
		return err
	}
	if err := s.Target.Insert(ctx, t, rows); err != nil {
		return err
	}
	return s.next() // written, and the caller does not know it
}

func (s stopping) SetProgress(ctx context.Context, p transfer.Progress) error {
	if err := s.next(); err != nil {
		return err
	}
	if err := s.Target.SetProgress(ctx, p); err != nil {
		return err
	}
	return s.next()
}

func (s stopping) Update(ctx context.Context, f func(store.Tx) error) error {
	if err := s.next(); err != nil {
		return err
	}
	if err := s.Target.Update(ctx, f); err != nil {
		return err
	}
	return s.next()
}

// A move that was interrupted at any step continues, and nobody can use either database meanwhile.
func TestAnInterruptedMoveContinues(t *testing.T) {
	original := movable(t)
	step := 1
	if testing.Short() {
		step = 8
	}
	for calls := 0; ; calls += step {
		folder, target := filepath.Join(t.TempDir(), "from"), filepath.Join(t.TempDir(), "to")
		if err := os.CopyFS(folder, os.DirFS(original)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(folder, "kms.key"), 0o600); err != nil {
			t.Fatal(err)
		}
		before, left := tableRows(t, folder), calls
		o := open.MoveOptions{KMSKey: newKey(t)}
		move := func(failing bool) error {
			_, err := open.MoveFolder(t.Context(), open.Config{Path: folder},
				func(ctx context.Context, deployment string, create bool) (transfer.Target, error) {
					f, err := open.TargetFolder(ctx, target, deployment, create)
					if failing && err == nil {
						return stopping{f, &left}, nil
					}
					return f, err
				}, o)
			return err
		}
		err := move(true)
		if err == nil {
			if calls < 20 {
				t.Errorf("the move has %d steps", calls)
			}
			return
		}
		if !errors.Is(err, errStopped) {
			t.Fatalf("call %d: %v", calls, err)
		}
		if _, err := open.Open(t.Context(), open.Config{Path: folder}); !errors.Is(err, backend.ErrUnavailable) {
			t.Errorf("call %d: the source can be used: %v", calls, err)
		}
		if err := move(false); err != nil {
			t.Fatalf("call %d, again: %v", calls, err)
		}
		wantRows(t, tableRows(t, target), before)
	}
}

// A move that began is not continued to another location: the backend could be in use in both.
func TestAnInterruptedMoveKeepsItsTarget(t *testing.T) {
	folder, target, other := movable(t), filepath.Join(t.TempDir(), "to"), filepath.Join(t.TempDir(), "other")
	o := open.MoveOptions{KMSKey: newKey(t)}
	calls := 5
	move := func(to open.OpenTarget) error {
		_, err := open.MoveFolder(t.Context(), open.Config{Path: folder}, to, o)
		return err
	}
	into := func(folder string, stops bool) open.OpenTarget {
		return func(ctx context.Context, deployment string, create bool) (transfer.Target, error) {
			f, err := open.TargetFolder(ctx, folder, deployment, create)
			if stops && err == nil {
				return stopping{f, &calls}, nil
			}
			return f, err
		}
	}
	if err := move(into(target, true)); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	for name, to := range map[string]open.OpenTarget{"folder": into(other, false),
		"database": toPostgres(postgrestest.Database(t))} {
		if err := move(to); !errors.Is(err, backend.ErrConflict) || !strings.Contains(err.Error(), "to another location") {
			t.Errorf("moving to another %s: %v", name, err)
		}
	}
	if open.Exists(other) {
		t.Error("the other folder has a backend")
	}
	if err := move(into(target, false)); err != nil {
		t.Error(err)
	}

	// The same holds for the way back, from a database.
	address := postgrestest.Database(t)
	folder, o = movable(t), open.MoveOptions{KMSKey: newKey(t)}
	if err := move(toPostgres(address)); err != nil {
		t.Fatal(err)
	}
	from, _, err := postgres.OpenForTransfer(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close() //nolint:errcheck // it always returns nil
	if err := from.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := open.MoveToFolder(t.Context(), from, true, other, o); !errors.Is(err, backend.ErrConflict) {
		t.Errorf("moving a database to another folder: %v", err)
	}
	if open.Exists(other) {
		t.Error("the other folder has a backend")
	}
}

func TestAMoveIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, folder string)
		o      open.MoveOptions
		want   string
	}{
		"without a key for servers": {func(*testing.T, string) {}, open.MoveOptions{}, "--kms-key"},
		"a row that was changed": {func(t *testing.T, folder string) {
			change(t, folder, "UPDATE object SET name = 'x' WHERE name = 'A'")
		}, open.MoveOptions{KMSKey: newKey(t)}, "cannot be trusted"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := movable(t)
			c.change(t, folder)
			_, err := open.MoveFolder(t.Context(), open.Config{Path: folder},
				func(context.Context, string, bool) (transfer.Target, error) {
					t.Error("the target was opened")
					return nil, errStopped
				}, c.o)
			if err == nil || !strings.Contains(backend.AsError(err).Error()+backend.AsError(err).Hint, c.want) {
				t.Errorf("the error is %v", err)
			}
			b, err := open.Open(t.Context(), open.Config{Path: folder})
			if err != nil {
				t.Fatalf("the source cannot be used: %v", err)
			}
			_ = b.Close()
		})
	}
}

// A target with another backend, or with the same one in use, is not touched.
func TestAMoveNeedsAnEmptyTarget(t *testing.T) {
	folder, other := movable(t), movable(t)
	before := tableRows(t, other)
	_, err := open.MoveFolder(t.Context(), open.Config{Path: folder},
		func(ctx context.Context, deployment string, create bool) (transfer.Target, error) {
			return open.TargetFolder(ctx, other, deployment, create)
		}, open.MoveOptions{KMSKey: newKey(t)})
	if !errors.Is(err, backend.ErrExists) {
		t.Errorf("moving over another backend: %v", err)
	}
	wantRows(t, tableRows(t, other), before)
	b, err := open.Open(t.Context(), open.Config{Path: folder})
	if err != nil {
		t.Fatalf("the source cannot be used: %v", err)
	}
	_ = b.Close()
}

// undiscarded is a target that is not emptied.
type undiscarded struct{ transfer.Target }

func (undiscarded) Discard(context.Context) error { return errStopped }

func TestAMoveCanBeUndone(t *testing.T) {
	folder, target := movable(t), filepath.Join(t.TempDir(), "to")
	calls := 5
	_, err := open.MoveFolder(t.Context(), open.Config{Path: folder},
		func(ctx context.Context, deployment string, create bool) (transfer.Target, error) {
			f, err := open.TargetFolder(ctx, target, deployment, create)
			return stopping{f, &calls}, err
		}, open.MoveOptions{KMSKey: newKey(t)})
	if !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	source, left, err := open.MoveSource(t.Context(), open.Config{Path: folder})
	if err != nil || !left {
		t.Fatalf("left is %t, %v", left, err)
	}
	another := movable(t)
	rows := tableRows(t, another)
	for name, wrong := range map[string]transfer.Target{"another backend": filesOf(t, another), "nothing": nil} {
		err := open.UndoMove(t.Context(), open.Undo{From: source, Left: left, To: wrong})
		if !errors.Is(err, backend.ErrConflict) {
			t.Errorf("undoing a move to a place with %s: %v", name, err)
		}
		if _, err := open.Open(t.Context(), open.Config{Path: folder}); !errors.Is(err, backend.ErrUnavailable) {
			t.Errorf("the source can be used: %v", err)
		}
	}
	wantRows(t, tableRows(t, another), rows)
	undo := open.Undo{From: source, Left: left, To: undiscarded{filesOf(t, target)}}
	if err := open.UndoMove(t.Context(), undo); !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	undo = open.Undo{From: source, To: filesOf(t, target)} // the command again
	if err := open.UndoMove(t.Context(), undo); err != nil {
		t.Fatal(err)
	}
	if err := source.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := open.UndoMove(t.Context(), open.Undo{From: source, Left: true, Gone: true}); err != nil {
		t.Errorf("undoing a move whose target was deleted: %v", err)
	}
	if err := source.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := open.Open(t.Context(), open.Config{Path: folder})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	resolved(t, b)
	if open.Exists(target) {
		t.Error("the target still has a database")
	}
}

// A process that has the database open can neither read nor change it once it is left.
func TestARunningProcessStopsWhenItsDatabaseIsLeft(t *testing.T) {
	folder := movable(t)
	running, err := open.Open(t.Context(), open.Config{Path: folder})
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	resolved(t, running)
	f := filesOf(t, folder)
	if err := f.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = running.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{{Op: backend.OpSet,
		Kind: backend.KindEnvironment, Project: "default", Name: "late"}}})
	if !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("a change: %v", err)
	}
	_, err = running.Query(t.Context(), backend.Query{Kind: backend.KindSecret, Project: "default"})
	if !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("a query: %v", err)
	}
	if err := f.Return(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	resolved(t, running)
}
