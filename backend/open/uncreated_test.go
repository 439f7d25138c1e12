// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

func uncreated(t *testing.T, c open.Config) *open.Uncreated {
	t.Helper()
	u, err := open.NewUncreated(c)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

var ids = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// inProject returns a change in the project "default".
func inProject(op backend.Op, kind backend.Kind, environment, name string) backend.Change {
	return backend.Change{Op: op, Kind: kind, Project: backend.DefaultProject, Environment: environment, Name: name}
}

// answers returns what a backend answers to queries, references and dry runs, without what differs between two new
// backends.
func answers(t *testing.T, s backend.Service) []string {
	t.Helper()
	var out []string
	note := func(what string, err error, names ...string) {
		out = append(out, ids.ReplaceAllString(fmt.Sprintf("%s: %v %v", what, names, err), "ID"))
	}
	for _, kind := range []backend.Kind{
		backend.KindProject, backend.KindEnvironment, backend.KindSecretType, backend.KindSecret, backend.KindScopedValue,
	} {
		q := backend.Query{Kind: kind}
		if kind != backend.KindProject {
			q.Project = backend.DefaultProject
		}
		page, err := s.Query(t.Context(), q)
		var names []string
		for _, o := range page.Objects {
			names = append(names, o.Name)
		}
		note("query of "+kind.String(), err, names...)
	}
	resolutions, err := s.Resolve(t.Context(), []backend.Ref{
		{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: "s"},
		{Kind: backend.KindSecret, Project: "other", Environment: "dev", Name: "s"},
	})
	note("resolve", err)
	for _, r := range resolutions {
		note("resolution", r.Err)
	}
	typed := inProject(backend.OpCreate, backend.KindSecret, "dev", "typed")
	typed.Type, typed.Value = new(string), backend.PlaintextString(`{"host":"db"}`)
	*typed.Type = "database_connection"
	plain := inProject(backend.OpCreate, backend.KindSecret, "dev", "s")
	plain.Value = backend.PlaintextString("CANARY")
	key := "file:keys/own"
	own := inProject(backend.OpCreate, backend.KindEnvironment, "", "own")
	own.KMSKey = &key
	dev := inProject(backend.OpCreate, backend.KindEnvironment, "", "dev")
	for _, changes := range [][]backend.Change{
		{dev}, {dev, plain}, {plain}, {dev, typed}, {own},
		{{Op: backend.OpCreate, Kind: backend.KindProject, Name: backend.DefaultProject}},
		{{Op: backend.OpCreate, Kind: backend.KindProject, Name: "shop"}},
		{inProject(backend.OpDelete, backend.KindSecret, "dev", "s")},
	} {
		outcomes, err := s.Apply(t.Context(), backend.ChangeSet{Changes: changes, DryRun: true})
		note("dry run", err)
		for _, o := range outcomes {
			note("outcome "+string(o.Action), o.Err, o.Object.Name, fmt.Sprint(o.Object.Version))
		}
	}
	return out
}

// files returns the names of all files below a folder.
func files(t *testing.T, folder string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestUncreatedAnswersAsANewBackendAndWritesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	real := open.Config{Path: filepath.Join(dir, "real")}
	initialise(t, real)
	want := answers(t, opened(t, real))
	before := files(t, dir)

	u := uncreated(t, open.Config{Path: filepath.Join(dir, "a", "data")})
	if got := answers(t, u); !slices.Equal(got, want) {
		t.Errorf("the answers are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	page, err := u.Query(t.Context(), backend.Query{Kind: backend.KindProject})
	if err != nil || page.Deployment != "" || u.Exists() {
		t.Errorf("the deployment is %q (%v), exists %t", page.Deployment, err, u.Exists())
	}
	if err := createEnvironment(u, "dev", "", false); !errors.Is(err, backend.ErrNotFound) {
		t.Errorf("a change of a backend that does not exist: %v", err)
	}
	if after := files(t, dir); !slices.Equal(before, after) {
		t.Errorf("the files were %q and are %q", before, after)
	}
}

func TestUncreatedIsCreatedOnce(t *testing.T) {
	dir := t.TempDir()
	c := open.Config{Path: filepath.Join(dir, "a", "data"), KMSKey: keyURI(filepath.Join(dir, "key"))}
	processes := []*open.Uncreated{uncreated(t, c), uncreated(t, c)} // each as one process has it
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			u := processes[i%2]
			if err := u.Create(t.Context()); err != nil {
				t.Error(err)
			}
			if err := createEnvironment(u, fmt.Sprint("env", i), "", false); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	checkKeyFile(t, filepath.Join(dir, "key"))
	deployments := map[string]bool{}
	for _, s := range []backend.Service{processes[0], processes[1], opened(t, open.Config{Path: c.Path})} {
		page, err := s.Query(t.Context(), backend.Query{Kind: backend.KindEnvironment, Project: backend.DefaultProject})
		if err != nil || len(page.Objects) != 10 {
			t.Errorf("%d environments (%v)", len(page.Objects), err)
		}
		deployments[page.Deployment] = true
	}
	if len(deployments) != 1 || deployments[""] {
		t.Errorf("the deployments are %v", deployments)
	}
	if left, err := os.ReadDir(filepath.Dir(c.Path)); err != nil || len(left) != 1 {
		t.Errorf("beside the backend are %v (%v)", left, err)
	}
}

func TestUncreatedUsesABackendThatAppears(t *testing.T) {
	c := open.Config{Path: filepath.Join(t.TempDir(), "data")}
	u := uncreated(t, c)
	if err := createEnvironment(u, "dev", "", true); err != nil {
		t.Fatal(err)
	}
	initialise(t, c)
	if !u.Exists() {
		t.Error("the backend does not exist")
	}
	if err := createEnvironment(u, "dev", "", false); err != nil {
		t.Error(err)
	}
	if err := createEnvironment(opened(t, c), "dev", "", true); !errors.Is(err, backend.ErrExists) {
		t.Errorf("the environment is not in the folder: %v", err)
	}
}

func TestUncreatedRefusesAFolderThatCannotBeOne(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, file, filepath.Join(file, "data")} {
		if _, err := open.NewUncreated(open.Config{Path: path}); !errors.Is(err, backend.ErrConflict) {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := open.Init(context.Background(), open.Config{Path: path}); !errors.Is(err, backend.ErrConflict) {
			t.Errorf("pouncet init in %s: %v", path, err)
		}
	}
	u := uncreated(t, open.Config{Path: filepath.Join(dir, "data"), KMSKey: "gcp:///key"})
	if _, err := u.Query(t.Context(), backend.Query{Kind: backend.KindProject}); !errors.Is(err, backend.ErrInvalid) {
		t.Errorf("a KMS key that is not supported: %v", err)
	}
}

// What the creation would refuse because of the place of the key file is reported before.
func TestUncreatedChecksTheFolderOfTheKeyFile(t *testing.T) {
	for name, c := range map[string]struct {
		key, folder string
		missing     bool
	}{
		"an existing folder":                       {"key", "backend", false},
		"a folder that is created":                 {"keys/key", "backend", false},
		"beside the backend, in a new folder":      {"new/keys/key", "new/backend", false},
		"a folder in a folder that does not exist": {"missing/keys/key", "backend", true},
		"a folder in that of the backend":          {"backend/keys/key", "backend", true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			u, err := open.NewUncreated(open.Config{
				Path: filepath.Join(dir, c.folder), KMSKey: "file://" + filepath.ToSlash(filepath.Join(dir, c.key)),
			})
			if c.missing {
				if !errors.Is(err, backend.ErrNotFound) || !strings.Contains(err.Error(), "does not exist") {
					t.Errorf("the error is %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := u.Create(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
