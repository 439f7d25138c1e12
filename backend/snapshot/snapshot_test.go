// SPDX-License-Identifier: MPL-2.0

package snapshot_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/backend/servicetest"
	"github.com/pouncet/terraform-provider-pouncet/backend/snapshot"
)

func engine(t *testing.T) backend.Service {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data")
	opentest.Init(t, open.Config{Path: path})
	parts, err := open.Embedded(context.Background(), open.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	return parts.Engine
}

// TestConformance checks that a Snapshot does what every Service must do.
func TestConformance(t *testing.T) {
	servicetest.RunAgain(t, func(t *testing.T) backend.Service { return snapshot.New(engine(t)) })
}

// counter is a Service that counts calls and can refuse them.
type counter struct {
	backend.Service
	mu     sync.Mutex
	calls  int
	refuse func(set *backend.ChangeSet, q *backend.Query) error
}

func (c *counter) count(set *backend.ChangeSet, q *backend.Query) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.refuse != nil {
		return c.refuse(set, q)
	}
	return nil
}

func (c *counter) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	if err := c.count(nil, &q); err != nil {
		return backend.Page{}, err
	}
	return c.Service.Query(ctx, q)
}

func (c *counter) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	if err := c.count(&set, nil); err != nil {
		return nil, err
	}
	return c.Service.Apply(ctx, set)
}

// spent returns the number of calls since the previous use of spent.
func (c *counter) spent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.calls
	c.calls = 0
	return n
}

const project = backend.DefaultProject

func must(t *testing.T, s backend.Service, changes ...backend.Change) []backend.Object {
	t.Helper()
	out, err := s.Apply(context.Background(), backend.ChangeSet{Changes: changes})
	if err != nil {
		t.Fatal(err)
	}
	objects := make([]backend.Object, len(out))
	for i, o := range out {
		objects[i] = o.Object
	}
	return objects
}

func secret(project, name, value string) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: project, Environment: "dev", Name: name,
		Value: backend.PlaintextString(value)}
}

func environment(project string) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: project, Name: "dev"}
}

// prepare creates n secrets, each with its name as its value.
func prepare(t *testing.T, n int) (*counter, *snapshot.Snapshot, []backend.Object) {
	t.Helper()
	e := engine(t)
	most := n + 10
	changes := []backend.Change{{Op: backend.OpUpdate, Kind: backend.KindProject, Name: project,
		Policy: &backend.PolicyChange{MaxSecrets: &most}}, environment(project)}
	for i := range n {
		name := fmt.Sprintf("s%04d", i)
		changes = append(changes, secret(project, name, name))
	}
	objects := must(t, e, changes...)
	c := &counter{Service: e}
	return c, snapshot.New(c), objects[2:]
}

func read(t *testing.T, s backend.Service, o backend.Object) (backend.Object, bool) {
	t.Helper()
	page, err := s.Query(context.Background(), backend.Query{Kind: o.Kind, Project: o.Project, ID: o.ID})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Objects) == 0 {
		return backend.Object{}, false
	}
	return page.Objects[0], true
}

func compare(t *testing.T, s backend.Service, o backend.Object, value string) backend.Outcome {
	t.Helper()
	out, err := s.Apply(context.Background(), backend.ChangeSet{DryRun: true, Changes: []backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: o.ID, Project: o.Project, Environment: o.Environment,
			Scope: o.Scope, Value: backend.PlaintextString(value)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// plan reads and compares all objects, ten at the same time as Terraform does.
func plan(t *testing.T, s backend.Service, objects []backend.Object) {
	t.Helper()
	var wg sync.WaitGroup
	for w := range 10 {
		wg.Go(func() {
			for i := w; i < len(objects); i += 10 {
				o, ok := read(t, s, objects[i])
				if !ok || o.Name != objects[i].Name {
					t.Errorf("reading %s gave %q, %v", objects[i].Name, o.Name, ok)
				}
				if out := compare(t, s, o, objects[i].Name); out.Action != backend.ActionUnchanged {
					t.Errorf("%s is not unchanged: %v %v", o.Name, out.Action, out.Err)
				}
			}
		})
	}
	wg.Wait()
}

func TestPlanOfAThousandSecretsTakesAtMostFiveCalls(t *testing.T) {
	c, s, objects := prepare(t, 1_000)
	plan(t, s, objects)
	if n := c.spent(); n > 5 {
		t.Errorf("%d calls, want 5 at most", n)
	}
	if out := compare(t, s, objects[7], "another value"); out.Action != backend.ActionUpdate {
		t.Errorf("another value gives %v", out.Action)
	}
	if n := c.spent(); n != 1 {
		t.Errorf("%d calls for a value that differs, want 1", n)
	}
}

// An import names each object by its place, and then reads it by its id.
func TestImportOfAThousandSecretsTakesAFewCalls(t *testing.T) {
	c, s, objects := prepare(t, 1_000)
	place := func(o backend.Object) []backend.Object {
		page, err := s.Query(context.Background(), backend.Query{
			Kind: o.Kind, Project: o.Project, Environment: o.Environment, Scope: o.Scope, Name: o.Name,
		})
		if err != nil {
			t.Fatal(err)
		}
		return page.Objects
	}
	for _, o := range objects {
		found := place(o)
		if len(found) != 1 || found[0].ID != o.ID {
			t.Fatalf("the place of %s has %d objects", o.Name, len(found))
		}
		unnamed := o
		unnamed.Project = "" // Terraform knows only the id
		if _, ok := read(t, s, unnamed); !ok {
			t.Fatalf("%s is missing", o.Name)
		}
	}
	if n := c.spent(); n > 4 {
		t.Errorf("%d calls, want 4 at most", n)
	}
	later := must(t, c.Service, secret(project, "later", "v"))[0]
	if found := place(later); len(found) != 1 {
		t.Error("an object that was created after the fetch is missing")
	}
	must(t, s, secret(project, "later", "w"))
	must(t, c.Service, backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: later.ID})
	if found := place(later); len(found) != 0 {
		t.Error("after an apply, the snapshot still answers")
	}
}

// An import by id does not know the project: it asks without one, or with that of the provider.
func TestImportByIDTakesAFewCalls(t *testing.T) {
	for _, asked := range []string{"", "absent", project} {
		c, s, objects := prepare(t, 1_000)
		for _, o := range objects {
			page, err := s.Query(t.Context(), backend.Query{Kind: o.Kind, Project: asked, ID: o.ID})
			if err != nil || len(page.Objects) != 1 || page.Objects[0].Name != o.Name {
				t.Fatalf("project %q: the id of %s has %d objects (%v)", asked, o.Name, len(page.Objects), err)
			}
		}
		if n := c.spent(); n > 6 {
			t.Errorf("project %q: %d calls, want 6 at most", asked, n)
		}
	}
}

func TestPlanOfOneSecretFetchesNoOthers(t *testing.T) {
	c, s, objects := prepare(t, 50)
	o, _ := read(t, s, objects[3])
	compare(t, s, o, o.Name)
	if n := c.spent(); n != 2 {
		t.Errorf("%d calls for one secret, want 2", n)
	}
}

func TestUnknownObjectsAreQueriedDirectly(t *testing.T) {
	c, s, objects := prepare(t, 5)
	for _, o := range objects {
		read(t, s, o)
	}
	later := must(t, c.Service, secret(project, "later", "v"))[0]
	if o, ok := read(t, s, later); !ok || o.Name != "later" {
		t.Error("an object that was created after the fetch is missing")
	}
	must(t, c.Service, backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: later.ID})
	gone := objects[0]
	gone.ID = "01890a5d-ac96-774b-bcce-b302099a8057"
	if _, ok := read(t, s, gone); ok {
		t.Error("an id that does not exist has an object")
	}
}

func TestProjectsAreFetchedSeparately(t *testing.T) {
	c, s, objects := prepare(t, 20)
	changes := []backend.Change{{Op: backend.OpSet, Kind: backend.KindProject, Name: "other"}, environment("other")}
	for _, o := range objects {
		changes = append(changes, secret("other", o.Name, o.Name))
	}
	others := must(t, c.Service, changes...)[2:]
	plan(t, s, append(others, objects...))
	if n := c.spent(); n > 10 {
		t.Errorf("%d calls for two projects, want 10 at most", n)
	}
	// The query still names the old project, which has another name now.
	name := "renamed"
	must(t, c.Service, backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: "other", Rename: &name})
	fresh := snapshot.New(c)
	for _, o := range others[:3] {
		if got, ok := read(t, fresh, o); !ok || got.Project != name {
			t.Errorf("after the rename of the project: project %q, exists: %v", got.Project, ok)
		}
	}
}

func TestAnApplyEndsTheSnapshot(t *testing.T) {
	c, s, objects := prepare(t, 10)
	plan(t, s, objects)
	must(t, s, secret(project, objects[0].Name, "new"))
	c.spent()
	if o, _ := read(t, s, objects[0]); o.Version != 2 {
		t.Errorf("version %d after a write, want 2", o.Version)
	}
	if out := compare(t, s, objects[0], objects[0].Name); out.Action != backend.ActionUpdate {
		t.Errorf("the old value gives %v, want an update", out.Action)
	}
	if n := c.spent(); n != 2 {
		t.Errorf("%d calls, want 2: the snapshot must answer none", n)
	}
}

// TestFingerprintsComeWithCurrentMetadata changes a secret behind the snapshot, between the read and the comparison.
func TestFingerprintsComeWithCurrentMetadata(t *testing.T) {
	c, s, objects := prepare(t, 10)
	for _, o := range objects {
		read(t, s, o)
	}
	must(t, c.Service, secret(project, objects[4].Name, "theirs"))
	for _, o := range objects {
		want := backend.ActionUnchanged
		if o.ID == objects[4].ID {
			want = backend.ActionUpdate
		}
		if out := compare(t, s, o, o.Name); out.Action != want {
			t.Errorf("%s: %v, want %v", o.Name, out.Action, want)
		}
	}
	if out := compare(t, s, objects[4], "theirs"); out.Object.Version != 2 {
		t.Errorf("version %d, want 2", out.Object.Version)
	}
}

func TestForbiddenFingerprintsAreComparedByTheBackend(t *testing.T) {
	c, s, objects := prepare(t, 30)
	yes := true
	must(t, c.Service, backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: project,
		Policy: &backend.PolicyChange{ForbidFingerprints: &yes}})
	plan(t, s, objects)
	if n := c.spent(); n < 30 {
		t.Errorf("%d calls for 30 comparisons, want at least 30", n)
	}
}

// TestObjectsCanBeReadWithoutPermissionToList refuses lists and comparisons, and permits reads by id.
func TestObjectsCanBeReadWithoutPermissionToList(t *testing.T) {
	c, s, objects := prepare(t, 10)
	denied := backend.Errorf(backend.CodeDenied, "no")
	c.refuse = func(set *backend.ChangeSet, q *backend.Query) error {
		if set != nil || q.ID == "" {
			return denied
		}
		return nil
	}
	for _, o := range objects {
		if got, ok := read(t, s, o); !ok || got.ID != o.ID {
			t.Errorf("reading %s by id: exists: %v", o.Name, ok)
		}
	}
	_, err := s.Apply(context.Background(), backend.ChangeSet{DryRun: true, Changes: []backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: objects[0].ID, Value: backend.PlaintextString("s0000")},
	}})
	if !errors.Is(err, backend.ErrDenied) {
		t.Errorf("comparing without permission: %v", err)
	}
}

// TestEveryFieldOfAChangeIsCompared changes one field of a change at a time. The snapshot must then pass the change on.
// A new field that the comparison ignores fails here.
func TestEveryFieldOfAChangeIsCompared(t *testing.T) {
	c, s, objects := prepare(t, 3)
	typed := must(t, c.Service,
		backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "t",
			Schema: json.RawMessage(`{"type":"string"}`)},
		backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: project, Environment: "dev", Name: "v",
			JSON: json.RawMessage(`1`)})
	for _, o := range append(objects, typed...) {
		read(t, s, o)
	}
	other, now, yes, no, role, restricted := "other", time.Now(), true, int64(9), backend.RoleAdmin, backend.Restricted
	kind := backend.Workload
	days, schema := 3, json.RawMessage(`{"type":"integer"}`)
	fields := map[string]any{
		"Project": other, "Environment": other, "Scope": other, "Name": other, "Expect": &no, "Force": true, "Purge": true,
		"ValueFollows": true,
		"Rename":       &other,
		"Description":  &other, "ManagedBy": &other, "Labels": map[string]string{"a": "b"},
		"Policy": &backend.PolicyChange{MaxSecrets: &days}, "KMSKey": &other,
		"Protected": &yes, "DisplayName": &other, "Schema": schema, "Type": &other, "Visibility": &restricted,
		"Value":    backend.PlaintextString("other"),
		"Generate": &backend.Generate{}, "RotationDays": &days, "JSON": schema, "Link": &backend.Link{Secret: other},
		"Role": &role, "Principal": &kind,
		"Usages": []backend.Usage{{}}, "TokenHash": []byte("x"), "ExpiresAt": &now, "Op": backend.OpSet, "Note": &other,
		"Edition": &no, "Incarnation": &no, "StagedChange": &other, "FromVersion": &other, "With": &backend.VersionOf{},
		"Tags": map[string]int64{"stable": 1}, "Rights": []backend.Right{backend.RightSee}, "Members": []string{"token:t"},
		"Grant": &backend.Grant{Role: "viewer"}, "SourceRanges": []string{"10.0.0.0/8"}, "Trust": &backend.Trust{},
	}
	for _, o := range []backend.Object{objects[0], typed[0], typed[1]} {
		base := backend.Change{Op: backend.OpUpdate, Kind: o.Kind, ID: o.ID}
		ask := func(change backend.Change) int {
			c.spent()
			_, _ = s.Apply(context.Background(), backend.ChangeSet{DryRun: true, Changes: []backend.Change{change}})
			return c.spent()
		}
		if n := ask(base); n != 0 {
			t.Errorf("a change of a %s without fields makes %d calls, want 0", o.Kind, n)
		}
		for f := range reflect.TypeFor[backend.Change]().Fields() {
			switch f.Name {
			case "Kind", "ID":
				continue
			case "SameOwner", "CreationFollows": // they matter for a rename, a creation and a deletion alone
				continue
			}
			value, ok := fields[f.Name]
			if !ok {
				t.Errorf("field %s of a change is not tested", f.Name)
				continue
			}
			change := base
			reflect.ValueOf(&change).Elem().FieldByName(f.Name).Set(reflect.ValueOf(value))
			if ask(change) == 0 {
				t.Errorf("a change of %s in a %s is reported as unchanged", f.Name, o.Kind)
			}
		}
	}
}

func TestObjectsOfMissingPagesAreQueriedDirectly(t *testing.T) {
	c, s, objects := prepare(t, 3)
	c.refuse = func(set *backend.ChangeSet, q *backend.Query) error {
		if q != nil && q.Cursor != "" {
			return backend.Errorf(backend.CodeUnavailable, "later pages are not available")
		}
		return nil
	}
	c.Service = paged{c.Service}
	for _, o := range objects {
		if got, ok := read(t, s, o); !ok || got.ID != o.ID {
			t.Errorf("%s of a list without its later pages: exists: %v", o.Name, ok)
		}
	}
}

// paged is a Service that returns pages of one object.
type paged struct{ backend.Service }

func (p paged) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	q.Limit = 1
	return p.Service.Query(ctx, q)
}
