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

// TestAUsageHasNoID gives an id, which would be ignored.
func TestAUsageHasNoID(t *testing.T) {
	s := limited(t)
	for _, op := range []backend.Op{backend.OpSet, backend.OpDelete} {
		_, err := s.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{{Op: op, Kind: backend.KindUsage,
			ID: "00000000-0000-7000-8000-000000000000", Project: project, Name: "a.yaml"}}})
		if !errors.Is(err, backend.ErrInvalid) || backend.AsError(err).Attribute != "id" {
			t.Errorf("%s: %v", op, err)
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
}

// TestAnIdempotencyKeyDoesNotOutliveItsValues repeats a set after its secret was deleted. The old outcome would say
// that a value was written, and it would be lost.
func TestAnIdempotencyKeyDoesNotOutliveItsValues(t *testing.T) {
	in := backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, Project: project, Environment: "dev", Name: "a"}
	purged := in
	purged.Purge = true
	environment := backend.Change{Op: backend.OpDelete, Kind: backend.KindEnvironment, Project: project, Name: "dev",
		Force: true}
	for name, c := range map[string]backend.Change{"deleted": in, "purged": purged, "environment": environment} {
		s := limited(t)
		set := func(value string) error {
			_, err := s.Apply(context.Background(), backend.ChangeSet{
				Changes: []backend.Change{secret("dev", "a", value)}, IdempotencyKey: "k"})
			return err
		}
		if err := set("one"); err != nil {
			t.Fatal(err)
		}
		apply(t, s, c)
		for _, value := range []string{"one", "two"} {
			if err := set(value); !errors.Is(err, backend.ErrConflict) {
				t.Errorf("%s, then set to %q with the same key: %v", name, value, err)
			}
		}
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
