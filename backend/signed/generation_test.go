// SPDX-License-Identifier: MPL-2.0

package signed_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

func generation(t *testing.T, s store.Store) (g []byte, err error) {
	t.Helper()
	err = s.View(t.Context(), func(tx store.Tx) error {
		var err error
		g, err = tx.Generation(t.Context())
		return err
	})
	return g, err
}

func newToken(name string) store.Token {
	hash := sha256.Sum256([]byte(name))
	return store.Token{ID: name, Name: name, Role: backend.RoleRuntime, Hash: hash[:], CreatedAt: time.Now()}
}

func TestGenerationChangesWithWhatProcessesKeepInMemory(t *testing.T) {
	dir := t.TempDir()
	s, other := open(t, dir), open(t, dir)
	defer s.Close()
	defer other.Close()
	kinds := []backend.Kind{backend.KindEnvironment, backend.KindSecretType, backend.KindProject, backend.KindSecret,
		backend.KindScopedValue, backend.KindUsage}
	row := func(k backend.Kind, revision int64) store.Object {
		o := store.Object{Kind: k, ID: "id of " + string(k), Project: "p", Environment: "e", Scope: backend.ProjectScope,
			Name: "x", Revision: revision, Attributes: []byte("{}")}
		if k == backend.KindProject {
			o.Project = ""
		}
		return o
	}
	key := store.EnvironmentKey{ID: "k", Project: "p", Environment: "e"}
	type step struct {
		name   string
		raises bool
		write  func(ctx context.Context, tx store.Tx) error
	}
	steps := []step{
		{"insert key", true, func(ctx context.Context, tx store.Tx) error { return tx.InsertEnvironmentKey(ctx, key) }},
		{"update key", true, func(ctx context.Context, tx store.Tx) error { return tx.UpdateEnvironmentKey(ctx, key) }},
		{"delete keys", true, func(ctx context.Context, tx store.Tx) error {
			return tx.DeleteEnvironmentKeys(ctx, key.Project, key.Environment)
		}},
		{"insert token", true, func(ctx context.Context, tx store.Tx) error { return tx.InsertToken(ctx, newToken("a")) }},
		{"update token", true, func(ctx context.Context, tx store.Tx) error { return tx.UpdateToken(ctx, newToken("a")) }},
		{"delete token", true, func(ctx context.Context, tx store.Tx) error { return tx.DeleteToken(ctx, "a") }},
		{"nothing", false, func(context.Context, store.Tx) error { return nil }},
	}
	for _, k := range kinds {
		raises := k == backend.KindEnvironment || k == backend.KindSecretType || k == backend.KindProject
		steps = append(steps,
			step{"insert " + string(k), raises, func(ctx context.Context, tx store.Tx) error {
				return tx.InsertObject(ctx, row(k, 1))
			}},
			step{"update " + string(k), raises, func(ctx context.Context, tx store.Tx) error {
				return tx.UpdateObject(ctx, row(k, 2))
			}},
			step{"set aside " + string(k), raises, func(ctx context.Context, tx store.Tx) error {
				o := row(k, 3)
				o.Kind = "deleted_" + o.Kind
				return tx.UpdateObject(ctx, o)
			}},
			step{"restore " + string(k), raises, func(ctx context.Context, tx store.Tx) error {
				return tx.UpdateObject(ctx, row(k, 4))
			}},
			step{"delete " + string(k), raises, func(ctx context.Context, tx store.Tx) error {
				return tx.DeleteObject(ctx, row(k, 4).ID)
			}})
	}
	seen := map[string]bool{}
	before, err := generation(t, s)
	if err != nil || before == nil {
		t.Fatalf("the first generation: %x, %v", before, err)
	}
	for _, st := range steps {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			if err := st.write(t.Context(), tx); err != nil {
				return err
			}
			if g, err := tx.Generation(t.Context()); err != nil || (g == nil) != st.raises {
				t.Errorf("%s: the transaction itself has the generation %x, %v", st.name, g, err)
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", st.name, err)
		}
		after, err := generation(t, s)
		if err != nil || bytes.Equal(before, after) == st.raises || st.raises && seen[string(after)] {
			t.Errorf("%s: the generation was %x and is %x, %v", st.name, before, after, err)
		}
		if elsewhere, err := generation(t, other); err != nil || !bytes.Equal(after, elsewhere) {
			t.Errorf("%s: another process has the generation %x, %v", st.name, elsewhere, err)
		}
		before, seen[string(after)] = after, true
	}
}

// A generation that was put back would keep a revoked token valid in the memory of a process. A process that has seen a
// newer one refuses it, and every check compares it with the state of the projects.
func TestAGenerationThatWasChangedIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ forge string }{
		"put back": {`UPDATE sealed_state SET sealed = (SELECT sealed FROM old) WHERE name = 'generation'`},
		"removed":  {`DELETE FROM sealed_state WHERE name = 'generation'`},
		"changed":  {`UPDATE sealed_state SET sealed = x'0102' WHERE name = 'generation'`},
		"the bytes of another state": {`UPDATE sealed_state SET sealed =
			(SELECT sealed FROM sealed_state WHERE name = 'access') WHERE name = 'generation'`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			defer s.Close()
			db, err := sql.Open("sqlite", filepath.Join(dir, "pouncet.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			forge := func(text string) {
				if _, err := db.ExecContext(t.Context(), text); err != nil {
					t.Fatal(err)
				}
			}
			forge(`CREATE TABLE old AS SELECT sealed FROM sealed_state WHERE name = 'generation'`)
			insert := func(tx store.Tx) error { return tx.InsertToken(t.Context(), newToken("a")) }
			if err := s.Update(t.Context(), insert); err != nil {
				t.Fatal(err)
			}
			if _, err := generation(t, s); err != nil {
				t.Fatal(err)
			}
			forge(c.forge)
			forge(`DROP TABLE old`)
			if _, err := generation(t, s); !errors.Is(err, backend.ErrCorrupt) {
				t.Errorf("the process that has seen a newer generation: %v", err)
			}
			err = s.View(t.Context(), func(tx store.Tx) error {
				_, err := tx.TokenByHash(t.Context(), newToken("a").Hash)
				return err
			})
			if !errors.Is(err, backend.ErrCorrupt) {
				t.Errorf("a token: %v", err)
			}
			fresh := open(t, dir)
			defer fresh.Close()
			if found, err := fresh.(*signed.Store).Verify(t.Context()); err != nil || len(found) == 0 {
				t.Errorf("a check finds %v, %v", found, err)
			}
		})
	}
}

// onTimeline is a database whose primary can be replaced by a standby.
type onTimeline struct {
	store.Store
	timeline int64
}

func (d *onTimeline) Timeline() int64 { return d.timeline }

// A standby that takes the place of a primary need not have what the primary only showed. It must have what this
// process has committed.
func TestANewTimelineMustHaveWhatWasCommitted(t *testing.T) {
	dir := t.TempDir()
	other := open(t, dir)
	defer other.Close()
	database := &onTimeline{timeline: 1}
	s := openOver(t, dir, func(inner store.Store) store.Store {
		database.Store = inner
		return database
	})
	defer s.Close()
	db, err := sql.Open("sqlite", filepath.Join(dir, "pouncet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	run := func(text string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	insert := func(s store.Store, name string) {
		t.Helper()
		err := s.Update(t.Context(), func(tx store.Tx) error { return tx.InsertToken(t.Context(), newToken(name)) })
		if err != nil {
			t.Fatal(err)
		}
	}
	keep := func(table string) {
		run("CREATE TABLE " + table + " AS SELECT name, sealed FROM sealed_state")
	}
	putBack := func(table string) {
		run("UPDATE sealed_state SET sealed = (SELECT sealed FROM " + table + " o WHERE o.name = sealed_state.name) " +
			"WHERE name IN (SELECT name FROM " + table + ")")
	}
	keep("first")
	insert(s, "a")
	keep("second")
	insert(other, "b") // s has only seen it
	if _, err := generation(t, s); err != nil {
		t.Fatal(err)
	}
	putBack("second")
	if _, err := generation(t, s); !errors.Is(err, backend.ErrCorrupt) {
		t.Errorf("an older state on the same timeline: %v, want ErrCorrupt", err)
	}
	database.timeline = 2
	if _, err := generation(t, s); err != nil {
		t.Errorf("a state that the standby had: %v", err)
	}
	putBack("first")
	if _, err := generation(t, s); !errors.Is(err, backend.ErrCorrupt) {
		t.Errorf("a standby without a commit: %v, want ErrCorrupt", err)
	}
}
