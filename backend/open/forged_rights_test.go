// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
)

// rightsWorld is a backend in which the token "bound" has the role "own" through the group "group" and a binding.
type rightsWorld struct {
	*forgery
	parts *open.Parts
	ids   map[string]string // of the token and the rows, by name
}

func newRightsWorld(t *testing.T) *rightsWorld {
	t.Helper()
	w := &rightsWorld{forgery: newForgery(t), ids: map[string]string{}}
	w.start(t)
	for _, kind := range []backend.Kind{backend.KindToken, backend.KindRole, backend.KindGroup, backend.KindBinding} {
		page, err := w.parts.Engine.Query(ownAdmin(t), backend.Query{Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Objects {
			w.ids[o.Name] = o.ID
		}
	}
	return w
}

func ownAdmin(t *testing.T) context.Context {
	return backend.WithPrincipal(t.Context(), backend.Principal{Name: "test", Role: backend.RoleAdmin})
}

// start opens the database as a process does that starts.
func (w *rightsWorld) start(t *testing.T) {
	t.Helper()
	var err error
	if w.parts, err = open.Embedded(t.Context(), open.Config{Path: w.folder}); err != nil {
		t.Fatal(err)
	}
}

func (w *rightsWorld) stop(t *testing.T) {
	t.Helper()
	if err := w.parts.Close(); err != nil {
		t.Fatal(err)
	}
}

func (w *rightsWorld) change(t *testing.T, changes ...backend.Change) {
	t.Helper()
	w.apply(t, w.parts.Engine, "", changes...)
}

// sees asks for the secrets, as the token "bound".
func (w *rightsWorld) sees(t *testing.T) error {
	t.Helper()
	ctx := backend.WithPrincipal(t.Context(), backend.Principal{ID: w.ids["bound"], Name: "bound",
		Role: backend.RoleNone, Kind: backend.Workload})
	_, err := w.parts.Engine.Query(ctx, backend.Query{Kind: backend.KindSecret, Project: backend.DefaultProject})
	return err
}

func (w *rightsWorld) verify(t *testing.T) []signed.Finding {
	t.Helper()
	found, err := w.parts.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestRightsThatWerePutBackGiveNothing takes the right of a token away, and puts the row back that gave it. No caller
// gets rights from bindings then. Somebody with a role everywhere deletes the row again.
func TestRightsThatWerePutBackGiveNothing(t *testing.T) {
	remove := func(kind backend.Kind, name string) backend.Change {
		return backend.Change{Op: backend.OpDelete, Kind: kind, Name: name}
	}
	for name, c := range map[string]struct {
		changes   []backend.Change
		statement string
		deleted   bool // the row that was put back had been deleted
	}{
		"a binding": {[]backend.Change{remove(backend.KindBinding, "binding")},
			`INSERT INTO object SELECT * FROM old.object WHERE kind = 'binding'`, true},
		"a role": {[]backend.Change{{Op: backend.OpUpdate, Kind: backend.KindRole, Name: "own",
			Rights: []backend.Right{backend.RightRegister}}},
			`INSERT OR REPLACE INTO object SELECT * FROM old.object WHERE kind = 'role'`, false},
		"a group": {[]backend.Change{{Op: backend.OpUpdate, Kind: backend.KindGroup, Name: "group", Members: []string{}}},
			`INSERT OR REPLACE INTO object SELECT * FROM old.object WHERE kind = 'group'`, false},
		"a binding with the state": {[]backend.Change{remove(backend.KindBinding, "binding")},
			`INSERT INTO object SELECT * FROM old.object WHERE kind = 'binding';
			INSERT OR REPLACE INTO sealed_state SELECT * FROM old.sealed_state WHERE name = 'project/deployment'`, true},
	} {
		for _, restarted := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", restarted ", restarted), func(t *testing.T) {
				w := newRightsWorld(t)
				defer func() { w.stop(t) }()
				if err := w.sees(t); err != nil {
					t.Fatalf("before any change: %v", err)
				}
				w.change(t, c.changes...)
				if err := w.sees(t); err == nil {
					t.Fatal("the right was not taken away")
				}
				old := filepath.Join(t.TempDir(), "old.db")
				if err := os.WriteFile(old, w.original, 0o600); err != nil {
					t.Fatal(err)
				}
				if !w.forge(t, fmt.Sprintf("ATTACH '%s' AS old; %s", old, c.statement)) {
					t.Fatal("the forger changed nothing")
				}
				if restarted {
					w.stop(t)
					w.start(t)
				}
				// A change makes the process read the rows again.
				description := "later"
				w.change(t, backend.Change{Op: backend.OpUpdate, Kind: backend.KindEnvironment,
					Project: backend.DefaultProject, Name: "dev", Description: &description})
				if err := w.sees(t); err == nil {
					t.Error("the right is valid again")
				}
				if _, err := w.parts.Problems(t.Context()); !errors.Is(err, backend.ErrCorrupt) {
					t.Errorf("the health says %v", err)
				}
				found := w.verify(t)
				if len(found) == 0 || !slices.ContainsFunc(found, func(f signed.Finding) bool {
					return strings.Contains(f.Detail, `"to":"group:group"`)
				}) {
					t.Errorf("the check of the storage does not say what the rows give: %+v", found)
				}
				if !c.deleted || strings.Contains(name, "state") {
					return
				}
				w.change(t, backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, ID: w.ids["binding"]})
				if found := w.verify(t); len(found) > 0 {
					t.Errorf("after it was deleted again, the check of the storage reports %+v", found)
				}
				if err := w.sees(t); !errors.Is(err, backend.ErrDenied) && !errors.Is(err, backend.ErrNotFound) {
					t.Errorf("after it was deleted again: %v", err)
				}
			})
		}
	}
}

// Bindings were deleted and put back. Up to three are reported, and each can be deleted again by its id, although the
// others are still there. Then everything is right, without accepting anything. Other deletions do not disturb that.
func TestRightsThatWerePutBackCanBeDeletedOneByOne(t *testing.T) {
	for number := 1; number <= 4; number++ {
		t.Run(fmt.Sprint(number), func(t *testing.T) {
			w := newRightsWorld(t)
			defer func() { w.stop(t) }()
			returned, other := w.putBack(t, number)
			if found := w.verify(t); number <= 3 && len(found) != number || len(found) == 0 {
				t.Errorf("the check of the storage reports %+v", found)
			}
			w.change(t, other)
			for _, c := range returned {
				if err := w.sees(t); err == nil {
					t.Error("bindings give rights while there are rows that were put back")
				}
				w.change(t, c)
			}
			found, err := w.verify(t), w.sees(t)
			if number <= 3 && (len(found) > 0 || err != nil) {
				t.Errorf("after they were deleted again: %v, %+v", err, found)
			}
			if number > 3 && (len(found) == 0 || err == nil) {
				t.Errorf("with %d rows, nobody knows which were put back: %v, %+v", number, err, found)
			}
			for _, f := range found {
				if strings.Contains(f.Detail, `"editor"`) {
					t.Errorf("accepting gives the rights of a binding that was deleted again: %s", f.Detail)
				}
			}
		})
	}
}

// The same is true if one set deletes them, and with a row that a forger added.
func TestRightsThatWerePutBackCanBeDeletedTogether(t *testing.T) {
	for number := 1; number <= 3; number++ {
		t.Run(fmt.Sprint(number), func(t *testing.T) {
			w := newRightsWorld(t)
			defer func() { w.stop(t) }()
			returned, other := w.putBack(t, number)
			w.change(t, append([]backend.Change{other}, returned...)...)
			if found, err := w.verify(t), w.sees(t); len(found) > 0 || err != nil {
				t.Errorf("after they were deleted again: %v, %+v", err, found)
			}
		})
	}
	w := newRightsWorld(t)
	defer func() { w.stop(t) }()
	const forged = "01KC0000000000000000000000"
	if !w.forge(t, fmt.Sprintf(`CREATE TEMP TABLE forged AS SELECT * FROM object WHERE kind = 'binding' LIMIT 1;
		UPDATE forged SET id = '%s', name = 'forged'; INSERT INTO object SELECT * FROM forged`, forged)) {
		t.Fatal("the forger changed nothing")
	}
	w.change(t, backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, ID: w.ids["binding"]},
		backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, ID: forged})
	if found := w.verify(t); len(found) > 0 {
		t.Errorf("after a binding and a forged one were deleted: %+v", found)
	}
}

// putBack puts deleted bindings back, and returns their deletions, and the deletion of a binding which was never
// deleted.
func (w *rightsWorld) putBack(t *testing.T, number int) (returned []backend.Change, other backend.Change) {
	t.Helper()
	var ids []string
	for n := range number + 1 {
		out := w.created(t, backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: fmt.Sprint("b", n),
			Grant: &backend.Grant{Role: "editor", To: "group:group", Where: backend.Where{Project: backend.DefaultProject,
				Names: fmt.Sprint("n", n)}}})
		c := backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, ID: out}
		if n == number {
			other = c
			break
		}
		returned, ids = append(returned, c), append(ids, "'"+out+"'")
	}
	kept := filepath.Join(t.TempDir(), "kept.db")
	w.forge(t, fmt.Sprintf("ATTACH '%s' AS kept; CREATE TABLE kept.object AS SELECT * FROM object WHERE id IN (%s)", kept,
		strings.Join(ids, ",")))
	w.change(t, returned...)
	w.forge(t, fmt.Sprintf("ATTACH '%s' AS kept; INSERT INTO object SELECT * FROM kept.object", kept))
	return returned, other
}

// created returns the id of an object that a change creates.
func (w *rightsWorld) created(t *testing.T, c backend.Change) string {
	t.Helper()
	out, err := w.parts.Engine.Apply(ownAdmin(t), backend.ChangeSet{Changes: []backend.Change{c}})
	if err != nil {
		t.Fatal(err)
	}
	return out[0].Object.ID
}

// TestForgedRightsCanBeDeleted changes or adds rows that give rights. They give nothing, the other rows count, the
// health reports them, and they can be deleted by their id.
func TestForgedRightsCanBeDeleted(t *testing.T) {
	changed := `UPDATE object SET attributes = CAST(replace(CAST(attributes AS TEXT), '}', ' }') AS BLOB) WHERE kind = `
	added := `INSERT INTO object (kind, id, project, environment, scope, name, type, link, version, revision, attributes,
		mac, created_at, updated_at, deployment_mac) SELECT kind, '01KC0000000000000000000000', project, environment, scope,
		'forged', type, link, version, revision, attributes, mac, created_at, updated_at, deployment_mac FROM object
		WHERE kind = `
	for _, kind := range []backend.Kind{backend.KindRole, backend.KindGroup, backend.KindBinding} {
		for what, statement := range map[string]string{"changed": changed, "added": added} {
			t.Run(what+" "+string(kind), func(t *testing.T) {
				w := newRightsWorld(t)
				w.stop(t)
				if !w.forge(t, fmt.Sprintf("%s'%s'", statement, kind)) {
					t.Fatal("the forger changed nothing")
				}
				w.start(t)
				defer func() { w.stop(t) }()
				id := map[backend.Kind]string{backend.KindRole: w.ids["own"], backend.KindGroup: w.ids["group"],
					backend.KindBinding: w.ids["binding"]}[kind]
				if what == "added" {
					id = "01KC0000000000000000000000"
				}
				err := w.sees(t)
				if what == "changed" && !errors.Is(err, backend.ErrDenied) && !errors.Is(err, backend.ErrNotFound) {
					t.Errorf("the changed row: %v", err)
				}
				if what == "added" && err != nil {
					t.Errorf("the other rows do not count: %v", err)
				}
				healthy(t, w.parts, 1, nil)
				found := w.verify(t)
				if len(found) != 1 || found[0].ID != id || !strings.Contains(found[0].Detail, "{") {
					t.Errorf("the check of the storage reports %+v", found)
				}
				_, err = w.parts.Engine.Query(ownAdmin(t), backend.Query{Kind: kind})
				if !errors.Is(err, backend.ErrCorrupt) || !strings.Contains(backend.AsError(err).Hint, "delete "+id) {
					t.Errorf("the list says %v", err)
				}
				if what == "changed" && kind != backend.KindBinding {
					w.change(t, backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, ID: w.ids["binding"]})
				}
				w.change(t, backend.Change{Op: backend.OpDelete, Kind: kind, ID: id})
				if found := w.verify(t); len(found) > 0 {
					t.Errorf("after the deletion, the check of the storage reports %+v", found)
				}
				healthy(t, w.parts, 0, nil)
			})
		}
	}
}
