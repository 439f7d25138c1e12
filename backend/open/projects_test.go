// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// setIn sets the secret "s" in environment "dev" of a project.
func setIn(t *testing.T, s backend.Service, project, value string) {
	t.Helper()
	if _, err := s.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{{Op: backend.OpSet,
		Kind: backend.KindSecret, Project: project, Environment: "dev", Name: "s", Value: backend.PlaintextString(value),
	}}}); err != nil {
		t.Error(err)
	}
}

// wantIn resolves what setIn has set.
func wantIn(t *testing.T, s backend.Service, project, want string) {
	t.Helper()
	out, err := s.Resolve(t.Context(), []backend.Ref{{Kind: backend.KindSecret, Project: project, Environment: "dev",
		Name: "s"}})
	if err != nil || out[0].Err != nil || string(out[0].Value.Expose()) != want {
		t.Errorf("project %s: got %v, %v; want %q", project, out, err, want)
	}
}

// createProject makes a project with the secret that setIn changes.
func createProject(t *testing.T, s backend.Service, name string) {
	t.Helper()
	if _, err := s.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpSet, Kind: backend.KindProject, Name: name},
		{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: name, Name: "dev"},
	}}); err != nil {
		t.Fatal(err)
	}
	setIn(t, s, name, "first")
}

// Two servers change many projects at the same time, and read each other's changes with the next call.
func TestServersChangeManyProjects(t *testing.T) {
	c := serverConfig(t)
	servers := make([]*open.Parts, 2)
	for i := range servers {
		servers[i], _ = server(t, c)
	}
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		createProject(t, servers[0].Engine, name)
	}
	var writers sync.WaitGroup
	for i, name := range names {
		writers.Go(func() {
			for n := range 10 {
				writer, reader := servers[(i+n)%2], servers[(i+n+1)%2]
				value := name + string(rune('0'+n))
				setIn(t, writer.Engine, name, value)
				for range 2 { // the second time, the rows are in memory
					wantIn(t, reader.Engine, name, value)
				}
				if n%5 != 4 {
					continue
				}
				rename := name + "x"
				for _, to := range []string{rename, name} {
					if _, err := reader.Engine.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{{
						Op: backend.OpUpdate, Kind: backend.KindProject, Name: map[string]string{rename: name, name: rename}[to],
						Rename: &to}}}); err != nil {
						t.Error(err)
					}
					wantIn(t, writer.Engine, to, value)
				}
			}
		})
	}
	writers.Wait()
	for _, s := range servers {
		if found, err := s.Verify(t.Context()); len(found) > 0 || err != nil {
			t.Errorf("the check finds %v, %v", found, err)
		}
	}
}

// Two projects exchange their names. What is in memory by a name is not used for the other project.
func TestProjectsExchangeTheirNames(t *testing.T) {
	c := serverConfig(t)
	a, _ := server(t, c)
	b, _ := server(t, c)
	for _, name := range []string{"one", "two"} {
		createProject(t, a.Engine, name)
		setIn(t, a.Engine, name, name)
		for _, s := range []*open.Parts{a, b, a, b} {
			wantIn(t, s.Engine, name, name)
		}
	}
	rename := func(name, to string) backend.Change {
		return backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: name, Rename: &to}
	}
	for _, change := range []backend.Change{rename("one", "other"), rename("two", "one"), rename("other", "two")} {
		if _, err := a.Engine.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{change}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*open.Parts{a, b, a, b} {
		wantIn(t, s.Engine, "one", "two")
		wantIn(t, s.Engine, "two", "one")
	}
	setIn(t, b.Engine, "one", "new")
	wantIn(t, a.Engine, "one", "new")
	wantIn(t, a.Engine, "two", "one")
}

// A change of one project leaves the rows of another one in memory.
func TestAChangeKeepsTheRowsOfOtherProjects(t *testing.T) {
	parts, _ := server(t, serverConfig(t))
	createProject(t, parts.Engine, "a")
	createProject(t, parts.Engine, "b")
	for range 2 {
		wantIn(t, parts.Engine, "a", "first")
	}
	before := hits(parts)
	setIn(t, parts.Engine, "b", "second")
	wantIn(t, parts.Engine, "a", "first")
	if found := hits(parts) - before; found != 1 {
		t.Errorf("%d of 1 lookups found the rows in memory", found)
	}
	setIn(t, parts.Engine, "a", "second")
	wantIn(t, parts.Engine, "a", "second")
	if found := hits(parts) - before; found != 1 {
		t.Errorf("%d lookups found rows in memory after a change of their project", found-1)
	}
}

// hits counts the references whose rows were in memory.
func hits(parts *open.Parts) int64 {
	n, _ := parts.Counters().Caches["row"].Counts()
	return n
}
