// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

func TestAnUnknownIDIsNotFound(t *testing.T) {
	s := limited(t)
	const unknown = "00000000-0000-7000-8000-000000000000"
	role := backend.RoleViewer
	for _, kind := range []backend.Kind{backend.KindProject, backend.KindEnvironment, backend.KindSecretType,
		backend.KindSecret, backend.KindScopedValue, backend.KindToken} {
		for _, op := range []backend.Op{backend.OpSet, backend.OpCreate, backend.OpUpdate, backend.OpDelete,
			backend.OpRestore} {
			for _, c := range []backend.Change{{}, {Project: project, Environment: "dev", Name: "n"}, {Name: "n", Role: &role,
				TokenHash: make([]byte, 32)}} {
				if op == backend.OpRestore && (kind == backend.KindSecretType || kind == backend.KindToken) {
					continue // neither can be restored
				}
				c.Kind, c.Op, c.ID = kind, op, unknown
				if kind == backend.KindProject || kind == backend.KindToken {
					c.Project, c.Environment = "", ""
				}
				if kind == backend.KindEnvironment || kind == backend.KindSecretType {
					c.Environment = ""
				}
				if kind != backend.KindToken {
					c.Role, c.TokenHash = nil, nil
				}
				for _, dryRun := range []bool{true, false} {
					out, err := s.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{c}, DryRun: dryRun})
					if len(out) == 1 {
						err = out[0].Err
					}
					if !errors.Is(err, backend.ErrNotFound) {
						t.Errorf("%s %s with an unknown id: %v", op, kind, err)
					}
				}
			}
		}
	}
}

// TestAnIdempotencyKeyBelongsToItsValues repeats a set with the same and with another value.
func TestAnIdempotencyKeyBelongsToItsValues(t *testing.T) {
	s := limited(t)
	set := func(values ...string) error {
		changes := []backend.Change{secret("dev", "a", values[0]), secret("dev", "b", values[1])}
		_, err := s.Apply(context.Background(), backend.ChangeSet{Changes: changes, IdempotencyKey: "k"})
		return err
	}
	if err := set("one", "two"); err != nil {
		t.Fatal(err)
	}
	if err := set("one", "two"); err != nil {
		t.Errorf("the same set: %v", err)
	}
	for _, other := range [][]string{{"three", "two"}, {"one", "three"}} {
		if err := set(other...); !errors.Is(err, backend.ErrConflict) {
			t.Errorf("with another value: %v", err)
		}
	}
	apply(t, s, secret("dev", "a", "later"))
	if err := set("one", "two"); err != nil {
		t.Errorf("the same set, after the value changed: %v", err)
	}
	if err := set("later", "two"); !errors.Is(err, backend.ErrConflict) {
		t.Errorf("with the later value: %v", err)
	}
	apply(t, s, backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, Project: project, Environment: "dev",
		Name: "a", Purge: true})
	if err := set("one", "two"); err != nil {
		t.Errorf("the same set, after the secret was deleted: %v", err)
	}
}

// TestARepeatedVersionNumberHasAWayOut puts the row of a secret back to an older state.
func TestARepeatedVersionNumberHasAWayOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	s := embedded(t, open.Config{Path: path}).Engine
	apply(t, s, environment("dev"), secret("dev", "a", "one"))
	alter(t, path, "CREATE TABLE was AS SELECT * FROM object WHERE name = 'a'; UPDATE was SET name = name")
	apply(t, s, secret("dev", "a", "two"))
	alter(t, path, "DELETE FROM object WHERE name = 'never'; INSERT OR REPLACE INTO object SELECT * FROM was")
	_, err := s.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{secret("dev", "a", "three")}})
	if !errors.Is(err, backend.ErrCorrupt) || !strings.Contains(err.Error(), "delete --purge") {
		t.Fatalf("a repeated version number: %v", err)
	}
	apply(t, s, backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, Project: project, Environment: "dev",
		Name: "a", Purge: true}, secret("dev", "a", "three"))
}
