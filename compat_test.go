// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// fixtureV1 was made by an earlier version: see its README. The tests here open
// its data and its Terraform state; those in cmd/pouncet run its scripts.
const fixtureV1 = "testdata/v1"

// fixtureValue is a line of the fixture's values.json.
type fixtureValue struct {
	Ref     backend.Ref `json:"ref"`
	Value   []byte      `json:"value"`
	JSON    bool        `json:"json"`
	Deleted bool        `json:"deleted"` // it resolves once the entry is restored
}

// copyFixture returns the path of a copy of the fixture. Tests never change the fixture itself.
func copyFixture(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "v1")
	if err := os.CopyFS(dir, os.DirFS(fixtureV1)); err != nil {
		t.Fatal(err)
	}
	keys, err := filepath.Glob(filepath.Join(dir, "backend", "*.key"))
	if err != nil || len(keys) == 0 {
		t.Fatalf("the fixture has no key file: %v", err)
	}
	for _, k := range keys { // git does not keep the mode
		if err := os.Chmod(k, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func readFixture(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(fixtureV1, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func fixtureValues(t *testing.T) []fixtureValue {
	t.Helper()
	var values []fixtureValue
	readFixture(t, "values.json", &values)
	return values
}

// checkValues resolves values, and with that verifies the MAC of each row on the way.
func checkValues(t *testing.T, s backend.Service, values []fixtureValue) {
	t.Helper()
	refs := make([]backend.Ref, len(values))
	for i, v := range values {
		refs[i] = v.Ref
	}
	ctx := backend.WithPrincipal(t.Context(), backend.Principal{
		Name: "test", Role: backend.RoleAdmin, Kind: backend.Workload,
	})
	out, err := s.Resolve(ctx, refs)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range values {
		name := fmt.Sprintf("%+v", v.Ref)
		switch r := out[i]; {
		case r.Err != nil:
			t.Errorf("%s: %v", name, r.Err)
		case string(r.Value.Expose()) != string(v.Value):
			t.Errorf("%s resolves to %q, want %q", name, r.Value.Expose(), v.Value) // the fixture's values are not secret
		case r.JSON != v.JSON:
			t.Errorf("%s: JSON is %t, want %t", name, r.JSON, v.JSON)
		}
	}
}

// A backend folder of an earlier version opens, and all versions of all values
// are what was written.
func TestFixtureResolves(t *testing.T) {
	t.Setenv("POUNCET_KMS_KEY", "")
	b, err := open.Open(t.Context(), open.Config{Path: filepath.Join(copyFixture(t), "backend")})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var there []fixtureValue
	for _, v := range fixtureValues(t) {
		if !v.Deleted {
			there = append(there, v)
		}
	}
	if len(there) < 40 {
		t.Errorf("the fixture lists %d values only", len(there))
	}
	checkValues(t, b, there)
}

// What an earlier version deleted comes back with all its versions, as long as
// it can be restored. The clock shows the time of the fixture.
func TestFixtureRestores(t *testing.T) {
	t.Setenv("POUNCET_KMS_KEY", "")
	parts, err := open.Embedded(t.Context(), open.Config{Path: filepath.Join(copyFixture(t), "backend")})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	deleted := map[backend.Ref]bool{}
	var values []fixtureValue
	for _, v := range fixtureValues(t) {
		if v.Deleted {
			values = append(values, v)
			v.Ref.Version = ""
			deleted[v.Ref] = true
		}
	}
	if len(deleted) != 2 {
		t.Fatalf("the fixture lists %d deleted entries", len(deleted))
	}
	var made struct{ At time.Time }
	readFixture(t, "made.json", &made)
	s := engine.New(parts.Store, parts.Keys, engine.Options{
		Authorizer: access.NewDirectory(), Now: func() time.Time { return made.At.Add(time.Hour) },
	})
	ctx := backend.WithPrincipal(t.Context(), backend.Principal{
		Name: "test", Role: backend.RoleAdmin, Kind: backend.Workload,
	})
	for ref := range deleted {
		page, err := s.Query(ctx, backend.Query{Kind: ref.Kind, Project: ref.Project, Deleted: true})
		if err != nil || len(page.Objects) != 1 || page.Objects[0].Name != ref.Name {
			t.Fatalf("deleted in %s: %v, %v", ref.Project, page.Objects, err)
		}
		out, err := s.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{{
			Op: backend.OpRestore, Kind: ref.Kind,
			Project: ref.Project, Environment: ref.Environment, Scope: ref.Scope, Name: ref.Name,
		}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := out[0].Object.ID; got != page.Objects[0].ID {
			t.Errorf("%s came back with id %s, want %s", ref.Name, got, page.Objects[0].ID)
		}
	}
	checkValues(t, s, values)
}

// A Terraform state of an earlier version plans no change. Its lock file is
// accepted by an upgrade to the provider as it is now.
func TestFixturePlansEmpty(t *testing.T) {
	w := acctest.NewWorkspace(t)
	dir := copyFixture(t)
	mirror := filepath.Join(w.Dir, "mirror")
	platform := runtime.GOOS + "_" + runtime.GOARCH
	folder := filepath.Join(mirror, "registry.terraform.io", "pouncet", "pouncet", "9.9.9", platform)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	built := filepath.Join(programtest.Dir(t), "terraform-provider-pouncet")
	if err := os.Symlink(built, filepath.Join(folder, "terraform-provider-pouncet_v9.9.9")); err != nil {
		t.Fatal(err)
	}
	w.Write("rc", fmt.Sprintf("provider_installation {\n  filesystem_mirror { path = %q }\n}\n", mirror))
	w.Env = append(w.Env, "POUNCET_HOME="+filepath.Join(dir, "backend"))
	w.Dir = filepath.Join(dir, "terraform")
	w.Must("init", "-input=false", "-upgrade", "-no-color")
	w.Must("plan", "-input=false", "-detailed-exitcode", "-no-color") // fails if the plan has changes
}
