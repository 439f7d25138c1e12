// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// TestChangedRowsNeverGiveAnotherValue changes the database as an attacker can who has the file but not the KMS key.
// After that, a reference must give its own value or an error, and never another value.
func TestChangedRowsNeverGiveAnotherValue(t *testing.T) {
	const dev, prod = "CANARY value of dev", "CANARY value of prod"
	for name, c := range map[string]struct {
		statements string
		// broken holds the references that must fail. The others must give the right value.
		broken []backend.Ref
	}{
		"the names of two secrets swapped": {
			`UPDATE object SET name='swap' WHERE kind='secret' AND name='a'
			   AND environment IN (SELECT id FROM object WHERE name='dev');
			 UPDATE object SET name='a' WHERE kind='secret' AND name='b'
			   AND environment IN (SELECT id FROM object WHERE name='dev');
			 UPDATE object SET name='b' WHERE name='swap';`,
			[]backend.Ref{ref("dev", "a"), ref("dev", "b")},
		},
		"the names of two environments swapped": {
			`UPDATE object SET name='swap' WHERE kind='environment' AND name='dev';
			 UPDATE object SET name='dev' WHERE kind='environment' AND name='prod';
			 UPDATE object SET name='prod' WHERE name='swap';`,
			[]backend.Ref{ref("dev", "a"), ref("dev", "b"), ref("prod", "a"), ref("prod", "b")},
		},
		"an old version made current": {
			`UPDATE object SET version=1 WHERE kind='secret' AND name='a';`,
			[]backend.Ref{ref("dev", "a"), ref("prod", "a")},
		},
		"a ciphertext moved to another row": {
			`UPDATE version SET sealed=(
			   SELECT v.sealed FROM version v JOIN object o ON o.id=v.object JOIN object e ON e.id=o.environment
			   WHERE o.name='b' AND e.name='dev')
			 WHERE object=(SELECT o.id FROM object o JOIN object e ON e.id=o.environment WHERE o.name='a' AND e.name='dev');`,
			[]backend.Ref{ref("dev", "a")},
		},
		"a secret moved to another environment": {
			`UPDATE object SET environment=(SELECT id FROM object WHERE kind='environment' AND name='prod'), name='c'
			 WHERE kind='secret' AND name='a' AND environment=(SELECT id FROM object WHERE name='dev');`,
			[]backend.Ref{ref("prod", "c"), ref("dev", "a")},
		},
		"a restricted secret made masked": {
			`UPDATE object SET attributes=CAST(replace(CAST(attributes AS TEXT), 'restricted', 'masked') AS BLOB)
			 WHERE kind='secret' AND name='b';`,
			[]backend.Ref{ref("dev", "b"), ref("prod", "b")},
		},
		"signatures removed": {
			`UPDATE object SET mac=x'';`,
			[]backend.Ref{ref("dev", "a"), ref("dev", "b"), ref("prod", "a"), ref("prod", "b")},
		},
		"an environment key given to another environment": {
			`UPDATE environment_key SET environment=(SELECT id FROM object WHERE kind='environment' AND name='prod')
			 WHERE environment=(SELECT id FROM object WHERE kind='environment' AND name='dev');`,
			[]backend.Ref{ref("dev", "a"), ref("dev", "b")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data")
			parts := embedded(t, open.Config{Path: path})
			restricted := backend.Restricted
			changes := []backend.Change{environment("dev"), environment("prod")}
			for env, value := range map[string]string{"dev": dev, "prod": prod} {
				for _, secretName := range []string{"a", "b"} {
					c := secret(env, secretName, "first")
					if secretName == "b" {
						c.Visibility = &restricted
					}
					changes = append(changes, c, secret(env, secretName, value+" "+secretName))
				}
			}
			if _, err := parts.Engine.Apply(context.Background(), backend.ChangeSet{Changes: changes}); err != nil {
				t.Fatal(err)
			}
			if err := parts.Close(); err != nil {
				t.Fatal(err)
			}
			alter(t, path, c.statements)

			reopened, err := open.Embedded(context.Background(), open.Config{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			defer reopened.Close()
			asked := []backend.Ref{ref("dev", "a"), ref("dev", "b"), ref("prod", "a"), ref("prod", "b"), ref("prod", "c")}
			out, err := reopened.Engine.Resolve(context.Background(), asked)
			if err != nil {
				if !errors.Is(err, backend.ErrCorrupt) && !errors.Is(err, backend.ErrKeyUnusable) {
					t.Fatalf("resolving: %v", err)
				}
				return // the whole call is refused
			}
			for i, r := range asked {
				got := string(out[i].Value.Expose())
				want := map[string]string{"dev": dev, "prod": prod}[r.Environment] + " " + r.Name
				expectBroken := false
				for _, b := range c.broken {
					expectBroken = expectBroken || b == r
				}
				switch {
				case expectBroken && out[i].Err == nil:
					t.Errorf("%s in %s opened", r.Name, r.Environment)
				case expectBroken && strings.Contains(out[i].Err.Error(), "CANARY"):
					t.Errorf("the error shows a value: %v", out[i].Err)
				case !expectBroken && r.Name != "c" && got != want:
					t.Errorf("%s in %s: %q, %v", r.Name, r.Environment, got, out[i].Err)
				}
			}
			// A legitimate change must not sign a row that was tampered with.
			if name == "a restricted secret made masked" {
				description := "innocent"
				_, err := reopened.Engine.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
					{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: "b",
						Description: &description},
				}})
				if !errors.Is(err, backend.ErrCorrupt) {
					t.Errorf("changing a tampered row: %v", err)
				}
			}
		})
	}
}

func alter(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(path, "pouncet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	result, err := db.Exec(statements)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%d rows changed, %v: the statement of the test has no effect", n, err)
	}
}

func ref(env, name string) backend.Ref {
	return backend.Ref{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: env, Name: name}
}

func environment(name string) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: name}
}

func secret(env, name, value string) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: env,
		Name: name, Value: backend.PlaintextString(value)}
}
