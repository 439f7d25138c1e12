// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms/kmstest"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// undoFixture is a backend in a folder whose rows a test can look at.
type undoFixture struct {
	*testing.T
	*open.Parts
	path string
}

func newUndoFixture(t *testing.T) undoFixture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data")
	return undoFixture{t, embedded(t, open.Config{Path: path}), path}
}

func (f undoFixture) must(changes ...backend.Change) []backend.Outcome {
	f.Helper()
	out, err := f.Engine.Apply(context.Background(), backend.ChangeSet{Changes: changes})
	if err != nil {
		f.Fatal(err)
	}
	return out
}

// at returns the engine of another process, some days later.
func (f undoFixture) at(days int) *engine.Engine {
	return engine.New(f.Store, f.Keys, engine.Options{
		Authorizer: access.NewDirectory(), Now: func() time.Time { return time.Now().AddDate(0, 0, days) },
	})
}

func (f undoFixture) count(query string) int {
	f.Helper()
	db, err := sql.Open("sqlite", filepath.Join(f.path, "pouncet.db"))
	if err != nil {
		f.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRow(query).Scan(&n); err != nil {
		f.Fatal(err)
	}
	return n
}

func deletion(env string, purge bool) backend.Change {
	return backend.Change{Op: backend.OpDelete, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: env,
		Force: true, Purge: purge}
}

func restoration(env string) backend.Change {
	return backend.Change{Op: backend.OpRestore, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: env}
}

// After a purge, and after the sweep, the keys of an environment are gone from the database. Somebody who kept the rows
// with the ciphertext cannot use them.
func TestPurgeDestroysKeys(t *testing.T) {
	for name, end := range map[string]func(f undoFixture){
		"an environment is purged":        func(f undoFixture) { f.must(deletion("dev", true)) },
		"a deleted environment is purged": func(f undoFixture) { f.must(deletion("dev", false), deletion("dev", true)) },
		"a deletion without a window":     func(f undoFixture) { f.must(window(0), deletion("dev", false)) },
		"the window ends":                 func(f undoFixture) { f.must(deletion("dev", false)); f.sweep(8) },
		"the window ends by the next write": func(f undoFixture) {
			f.must(deletion("dev", false))
			set := backend.ChangeSet{Changes: []backend.Change{window(8)}}
			if _, err := f.at(8).Apply(as(backend.RoleAdmin, backend.Workload), set); err != nil {
				f.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newUndoFixture(t)
			f.must(environment("dev"), environment("prod"), secret("dev", "a", "CANARY"), secret("prod", "a", "stays"))
			alter(t, f.path, `CREATE TABLE copied_objects AS SELECT * FROM object WHERE kind IN ('secret', 'environment');
				CREATE TABLE copied_versions AS SELECT * FROM version;`+noEffect)
			if n := f.count(`SELECT count(*) FROM environment_key WHERE project <> 'deployment'`); n != 3 {
				t.Fatalf("%d environment keys are stored before", n)
			}
			end(f)
			if n := f.count(`SELECT count(*) FROM environment_key WHERE project <> 'deployment'`); n != 2 {
				t.Errorf("%d environment keys are left", n)
			}
			if n := f.count(`SELECT count(*) FROM version`); n != 1 {
				t.Errorf("%d versions are left", n)
			}
			alter(t, f.path, `INSERT OR IGNORE INTO object SELECT * FROM copied_objects;
				INSERT OR IGNORE INTO version SELECT * FROM copied_versions;`)
			out, err := f.Engine.Resolve(context.Background(), []backend.Ref{ref("dev", "a"), ref("prod", "a")})
			if err != nil || !errors.Is(out[0].Err, backend.ErrCorrupt) || string(out[1].Value.Expose()) != "stays" {
				t.Errorf("the copied rows resolve to %v (%v)", out, err)
			}
		})
	}
}

// noEffect changes a row without effect, because alter expects a change.
const noEffect = `UPDATE deployment SET id = id;`

func window(days int) backend.Change {
	return backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
		Policy: &backend.PolicyChange{RecoveryDays: &days}}
}

func (f undoFixture) sweep(days int) (calls int) {
	f.Helper()
	for {
		calls++
		more, err := f.at(days).Sweep(context.Background())
		if err != nil {
			f.Fatal(err)
		}
		if !more {
			return calls
		}
	}
}

// The sweep removes what is overdue, in batches, and nothing else.
func TestSweep(t *testing.T) {
	f := newUndoFixture(t)
	quota := 2_000
	f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
		Policy: &backend.PolicyChange{MaxSecrets: &quota}}, environment("dev"), environment("prod"), environment("kept"))
	var many []backend.Change
	for i := range 700 {
		many = append(many, secret("dev", fmt.Sprintf("s%d", i), "v"))
	}
	f.must(many...)
	f.must(secret("dev", "before", "v"), secret("prod", "s", "v"), secret("prod", "live", "v"), secret("kept", "s", "v"))
	remove := func(env, name string) backend.Change {
		return backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, Project: backend.DefaultProject,
			Environment: env, Name: name}
	}
	f.must(remove("dev", "before"), remove("prod", "s"), deletion("dev", false))
	rows := f.count(`SELECT count(*) FROM object`)
	if calls := f.sweep(6); calls != 1 || f.count(`SELECT count(*) FROM object`) != rows {
		t.Errorf("the sweep within the window took %d calls and left %d of %d rows", calls,
			f.count(`SELECT count(*) FROM object`), rows)
	}
	var removed []string
	late := engine.New(f.Store, f.Keys, engine.Options{Authorizer: access.NewDirectory(),
		Now: func() time.Time { return time.Now().AddDate(0, 0, 8) },
		Record: sweepRecorder(func(outcomes []backend.Outcome) {
			for _, o := range outcomes {
				removed = append(removed, fmt.Sprintf("%s %s of %s", o.Object.Kind, o.Object.Name, o.Object.Project))
			}
		}),
	})
	restored := backend.Change{Op: backend.OpRestore, Kind: backend.KindSecret, Project: backend.DefaultProject,
		Environment: "prod", Name: "s"}
	dry := backend.ChangeSet{Changes: []backend.Change{restoration("dev"), restored}, DryRun: true}
	out, err := late.Apply(as(backend.RoleAdmin, backend.Workload), dry)
	if err != nil || !errors.Is(out[0].Err, backend.ErrNotFound) || !errors.Is(out[1].Err, backend.ErrNotFound) {
		t.Errorf("before the sweep, a restoration gives %v (%v)", out, err)
	}
	more, err := late.Sweep(context.Background())
	if err != nil || !more {
		t.Errorf("the first sweep reports %v (%v), want more", more, err)
	}
	if n := f.count(`SELECT count(*) FROM object`); n != rows-500 {
		t.Errorf("the first sweep left %d of %d rows", n, rows)
	}
	if n := f.count(`SELECT count(*) FROM environment_key WHERE project <> 'deployment'`); n != 3 {
		t.Errorf("the first sweep left %d environment keys", n)
	}
	if _, err := late.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(removed, ", "); got != "environment dev of default, secret s of default" {
		t.Errorf("the sweeps report %q", got)
	}
	var processes sync.WaitGroup
	for range 4 {
		processes.Go(func() { f.sweep(8) })
	}
	processes.Wait()
	if n := f.count(`SELECT count(*) FROM object`); n != 5 { // the project, prod with a secret, kept with a secret
		t.Errorf("%d rows are left", n)
	}
	// Objects in a deleted project are due together with the project.
	shop := backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "shop"}
	dev, s := environment("dev"), secret("*", "s", "v")
	dev.Project, s.Project = "shop", "shop"
	f.must(shop, dev, s)
	dev.Op, s.Op, shop.Op = backend.OpDelete, backend.OpDelete, backend.OpDelete
	s.Value = backend.Plaintext{}
	f.must(dev, s, shop)
	f.sweep(6)
	if n := f.count(`SELECT count(*) FROM object`); n != 8 {
		t.Errorf("%d rows are left within the window of the project", n)
	}
	f.sweep(8)
	objects := f.count(`SELECT count(*) FROM object`)
	keys := f.count(`SELECT count(*) FROM environment_key WHERE project <> 'deployment'`)
	if objects != 5 || keys != 3 {
		t.Errorf("%d rows and %d keys are left after the window of the project", objects, keys)
	}
	value, err := f.Engine.Resolve(context.Background(), []backend.Ref{ref("prod", "live"), ref("kept", "s")})
	if err != nil || value[0].Err != nil || value[1].Err != nil {
		t.Errorf("what was not deleted gives %v (%v)", value, err)
	}
}

// A replaced object stays until somebody restores or deletes it, even if its new creation never comes. The exception is
// a type that no secret has: the sweep removes it after a week or, if that is longer, after the recovery window.
func TestSweepOfReplacedObjects(t *testing.T) {
	for _, days := range []int{0, 7, 30} {
		t.Run(fmt.Sprintf("recovery_days %d", days), func(t *testing.T) {
			f := newUndoFixture(t)
			mine := func(c backend.Change) backend.Change {
				c.ManagedBy = ptrTo("terraform:shop")
				return c
			}
			replaced := func(kind backend.Kind, project, name string) backend.Change {
				return mine(backend.Change{Op: backend.OpDelete, Kind: kind, Project: project, Name: name,
					CreationFollows: true})
			}
			typ := func(name string) backend.Change {
				return mine(backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: backend.DefaultProject,
					Name: name, Schema: []byte(`{"type":"string"}`)})
			}
			typed := secret("prod", "s", "v")
			typed.Type = ptrTo("used")
			empty := mine(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "empty",
				Policy: &backend.PolicyChange{RecoveryDays: &days}})
			full := mine(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "full"})
			inFull := environment("dev")
			inFull.Project = "full"
			f.must(window(days), mine(environment("dev")), mine(environment("bare")), environment("prod"), typ("used"),
				typ("unused"), secret("dev", "a", "v"), typed, empty, full, inFull)
			f.must(replaced(backend.KindEnvironment, backend.DefaultProject, "dev"),
				replaced(backend.KindEnvironment, backend.DefaultProject, "bare"),
				replaced(backend.KindSecretType, backend.DefaultProject, "used"),
				replaced(backend.KindSecretType, backend.DefaultProject, "unused"),
				replaced(backend.KindProject, "", "empty"), replaced(backend.KindProject, "", "full"))
			rows := f.count(`SELECT count(*) FROM object`)
			keys := f.count(`SELECT count(*) FROM environment_key WHERE project <> 'deployment'`)
			f.sweep(max(days, 7) - 1)
			if n := f.count(`SELECT count(*) FROM object`); n != rows {
				t.Errorf("%d of %d rows are left within the window", n, rows)
			}
			out, err := f.at(max(days, 7)-1).Apply(as(backend.RoleAdmin, backend.Workload),
				backend.ChangeSet{Changes: []backend.Change{restoration("dev")}, DryRun: true})
			if err != nil || out[0].Err != nil {
				t.Errorf("within the window, a restoration gives %v (%v)", out, err)
			}
			f.sweep(max(days, 7) + 1)
			if n := f.count(`SELECT count(*) FROM object`); n != rows-1 { // the type
				t.Errorf("%d of %d rows are left after the window", n, rows)
			}
			if n := f.count(`SELECT count(*) FROM environment_key WHERE project <> 'deployment'`); n != keys {
				t.Errorf("%d of %d environment keys are left after the window", n, keys)
			}
			f.must(restoration("dev"), restoration("bare"), backend.Change{Op: backend.OpRestore, Kind: backend.KindProject,
				Name: "empty"})
			value, err := f.Engine.Resolve(context.Background(), []backend.Ref{ref("dev", "a"), ref("prod", "s")})
			if err != nil || value[0].Err != nil || value[1].Err != nil {
				t.Errorf("what stays gives %v (%v)", value, err)
			}
			if calls := f.sweep(100); calls != 1 {
				t.Errorf("a sweep with nothing to do took %d calls", calls)
			}
		})
	}
}

func ptrTo[T any](v T) *T { return &v }

// A deleted environment that was changed in the database is refused, and stays as it is.
func TestChangedDeletedRowsAreRefused(t *testing.T) {
	for name, statements := range map[string]string{
		"another former name": `UPDATE object SET attributes = CAST(replace(CAST(attributes AS TEXT), '"dev"', '"prod"')
			AS BLOB) WHERE kind = 'deleted_environment';`,
		"a later time of deletion": `UPDATE object SET attributes = CAST(replace(CAST(attributes AS TEXT),
			'"deleted_at":"20', '"deleted_at":"21') AS BLOB), name = '21' || substr(name, 3)
			WHERE kind = 'deleted_environment';`,
		"the kind of the environment": `UPDATE object SET kind = 'environment', name = 'dev'
			WHERE kind = 'deleted_environment';`,
		"the names of two secrets swapped": `UPDATE object SET name = 'swap' WHERE kind = 'kept_secret' AND name = 'a';
			UPDATE object SET name = 'a' WHERE kind = 'kept_secret' AND name = 'b';
			UPDATE object SET name = 'b' WHERE name = 'swap';`,
		"a signature removed": `UPDATE object SET mac = x'' WHERE kind = 'kept_secret' AND name = 'a';`,
		"a secret from another environment": `UPDATE object SET kind = 'kept_secret', environment = (SELECT id FROM object
			WHERE kind = 'deleted_environment') WHERE kind = 'secret';`,
		"the kind of a secret": `UPDATE object SET kind = 'secret' WHERE kind = 'kept_secret' AND name = 'a';`,
		"the names of two projects swapped": `UPDATE object SET name = 'swap' WHERE kind = 'project' AND name = 'default';
			UPDATE object SET name = 'default' WHERE kind = 'project' AND name = 'other';
			UPDATE object SET name = 'other' WHERE name = 'swap';`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newUndoFixture(t)
			f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "other"},
				environment("dev"), environment("prod"), secret("dev", "a", "CANARY"), secret("dev", "b", "CANARY"),
				secret("prod", "c", "v"))
			id := f.must(deletion("dev", false))[0].Object.ID
			alter(t, f.path, statements)
			c := restoration("")
			c.Project, c.ID = "", id
			_, err := f.Engine.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{c}})
			if name == "the kind of the environment" || name == "the kind of a secret" {
				// Nothing is restored; the row is refused where it is used.
				out, resolveErr := f.Engine.Resolve(context.Background(), []backend.Ref{ref("dev", "a")})
				if resolveErr == nil && out[0].Err == nil {
					t.Errorf("the changed row resolves")
				}
				return
			}
			if !errors.Is(err, backend.ErrCorrupt) {
				t.Errorf("the restoration gives %v", err)
			}
			if n := f.count(`SELECT count(*) FROM object WHERE kind = 'deleted_environment'`); n != 1 {
				t.Errorf("%d deleted environments are left", n)
			}
		})
	}
}

// A secret that was tampered with does not prevent the restoration of the others.
func TestAnEnvironmentCanBeRestoredWithoutATamperedSecret(t *testing.T) {
	f := newUndoFixture(t)
	a := f.must(environment("dev"), secret("dev", "a", "v"), secret("dev", "b", "v"))[1].Object
	f.must(deletion("dev", false))
	alter(t, f.path, `UPDATE object SET version = 2 WHERE name = 'a';`)
	_, err := f.Engine.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{restoration("dev")}})
	want := "pouncet secret delete --purge " + a.ID
	if !errors.Is(err, backend.ErrCorrupt) || !strings.Contains(backend.AsError(err).Hint, want) {
		t.Fatalf("the restoration gives %v", err)
	}
	f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: a.ID, Purge: true}, restoration("dev"))
	out, err := f.Engine.Resolve(context.Background(), []backend.Ref{ref("dev", "a"), ref("dev", "b")})
	if err != nil || !errors.Is(out[0].Err, backend.ErrNotFound) || out[1].Err != nil {
		t.Errorf("after the restoration: %v (%v)", out, err)
	}
}

// A deletion signs the rows that it keeps, so it needs the KMS key. Without the key, an environment can only be purged,
// and the error says so.
func TestDeletionWithoutTheKMSKey(t *testing.T) {
	ctx, server := context.Background(), kmstest.New(t)
	uri, path := server.URI(t), filepath.Join(t.TempDir(), "data")
	parts := embedded(t, open.Config{Path: path})
	allow(t, parts, uri)
	dev := environment("dev")
	dev.KMSKey = &uri
	set := backend.ChangeSet{Changes: []backend.Change{dev, secret("dev", "a", "v")}}
	if _, err := parts.Engine.Apply(ctx, set); err != nil {
		t.Fatal(err)
	}
	_ = parts.Close()
	server.DropKey()
	parts, err := open.Embedded(ctx, open.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	set.Changes, set.DryRun = []backend.Change{deletion("dev", false)}, true
	if out, err := parts.Engine.Apply(ctx, set); err != nil || out[0].Err != nil {
		t.Errorf("the dry run gives %v (%v)", out, err)
	}
	set.DryRun = false
	_, err = parts.Engine.Apply(ctx, set)
	if !errors.Is(err, backend.ErrKeyUnusable) || !strings.Contains(backend.AsError(err).Hint, "--purge") {
		t.Errorf("the deletion gives %v", err)
	}
	set.Changes = []backend.Change{deletion("dev", true)}
	if _, err := parts.Engine.Apply(ctx, set); err != nil {
		t.Errorf("the purge gives %v", err)
	}
}

// A rename signs the environments of a project again, so it must not sign one that was changed.
func TestRenamingAProjectSignsNoChangedEnvironment(t *testing.T) {
	f := newUndoFixture(t)
	f.must(environment("dev"), environment("prod"))
	alter(t, f.path, `UPDATE object SET name = 'swap' WHERE kind = 'environment' AND name = 'dev';
		UPDATE object SET name = 'dev' WHERE kind = 'environment' AND name = 'prod';
		UPDATE object SET name = 'prod' WHERE name = 'swap';`)
	to := "shop"
	_, err := f.Engine.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject, Rename: &to}}})
	if !errors.Is(err, backend.ErrCorrupt) {
		t.Errorf("the rename gives %v", err)
	}
}

// sweepRecorder is called with the objects that a sweep removes.
type sweepRecorder func([]backend.Outcome)

func (sweepRecorder) Changed(context.Context, backend.ChangeSet, []backend.Outcome) []store.Record {
	return nil
}

func (f sweepRecorder) Swept(_ context.Context, removed []backend.Outcome) []store.Record {
	f(removed)
	return nil
}
