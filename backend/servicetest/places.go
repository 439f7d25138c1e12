// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"encoding/json"
	"fmt"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// renamed returns a change that renames an object. It names the object by its id.
func renamed(o backend.Object, name string) backend.Change {
	return backend.Change{Op: backend.OpUpdate, Kind: o.Kind, ID: o.ID, Rename: ptr(name)}
}

// placeCases test that a place is unique at the end of a change set.
var placeCases = []testCase{
	{"two secrets can swap their names in one set, and their links follow", func(f *fixture) {
		f.environments("dev")
		out := f.must(secret("dev", "a", "value of a"), secret("dev", "b", "value of b"), link("dev", "to-a", "a", ""),
			link("dev", "to-b", "b", ""))
		a, b := out[0].Object, out[1].Object
		swap := []backend.Change{renamed(a, "b"), renamed(b, "a")}
		for i, o := range f.dry(swap...) {
			if o.Err != nil || o.Action != backend.ActionUpdate {
				f.Errorf("dry run, change %d: %s %v", i, o.Action, o.Err)
			}
		}
		f.must(swap...)
		equal(f, "a", f.value(secretRef("dev", "a")), "value of b")
		equal(f, "b", f.value(secretRef("dev", "b")), "value of a")
		equal(f, "id of a", f.resolve(secretRef("dev", "a"))[0].ID, b.ID)
		equal(f, "link to the first", f.value(valueRef("dev", "to-a")), "value of a")
		equal(f, "link to the second", f.value(valueRef("dev", "to-b")), "value of b")
	}},
	{"a chain of renames works in any order, even by name", func(f *fixture) {
		f.environments("dev")
		byName := func(from, to string) backend.Change {
			return backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: project, Environment: "dev",
				Name: from, Rename: ptr(to)}
		}
		f.must(secret("dev", "a", "1"), secret("dev", "b", "2"), secret("dev", "c", "3"))
		f.must(byName("a", "b"), byName("b", "c"), byName("c", "d")) // the last change frees the last place
		for name, want := range map[string]string{"b": "1", "c": "2", "d": "3"} {
			equal(f, name, f.value(secretRef("dev", name)), want)
		}
		f.must(byName("d", "e"), byName("c", "d"), byName("b", "c"))
		for name, want := range map[string]string{"c": "1", "d": "2", "e": "3"} {
			equal(f, name, f.value(secretRef("dev", name)), want)
		}
		f.unresolved(backend.ErrNotFound, secretRef("dev", "b"))
	}},
	{"names can shift in a set that deletes the last object", func(f *fixture) {
		f.environments("dev")
		out := f.must(secret("dev", "a", "1"), secret("dev", "b", "2"), secret("dev", "c", "3"))
		f.must(
			renamed(out[0].Object, "b"), renamed(out[1].Object, "c"),
			backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: out[2].Object.ID},
		)
		equal(f, "b", f.value(secretRef("dev", "b")), "1")
		equal(f, "c", f.value(secretRef("dev", "c")), "2")
		equal(f, "objects", len(f.list(backend.Query{Kind: backend.KindSecret, Project: project})), 2)
	}},
	{"an object can be created before the deletion of the object with the same name", func(f *fixture) {
		f.environments("dev")
		old := f.must(secret("dev", "s", "old"))[0].Object
		next := secret("dev", "s", "new")
		next.Op = backend.OpCreate
		out := f.must(next, backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: old.ID})
		equal(f, "action", out[0].Action, backend.ActionCreate)
		equal(f, "value", f.value(secretRef("dev", "s")), "new")
		if id := f.resolve(secretRef("dev", "s"))[0].ID; id != out[0].Object.ID || id == old.ID {
			f.Errorf("the id is %s, want the new object's %s", id, out[0].Object.ID)
		}
		// A deletion by name deletes the object that had the name before the set.
		out = f.must(next, remove(backend.KindSecret, "dev", "s"))
		equal(f, "id", f.resolve(secretRef("dev", "s"))[0].ID, out[0].Object.ID)
	}},
	{"links mean the object that a set creates in the place of one that it deletes", func(f *fixture) {
		f.environments("dev")
		old := f.must(secret("dev", "s", "old"))[0].Object
		f.must(link("dev", "l", "s", ""))
		deletion := backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: old.ID}
		f.refused(backend.ErrInUse, deletion)
		next := secret("dev", "s", "new")
		next.Op = backend.OpCreate
		for i, o := range f.dry(next, deletion) {
			if o.Err != nil {
				f.Errorf("dry run of change %d: %v", i, o.Err)
			}
		}
		f.must(next, deletion)
		equal(f, "linked value", f.value(valueRef("dev", "l")), "new")
		other := f.must(secret("dev", "other", "third"))[0].Object
		current := f.list(backend.Query{Kind: backend.KindSecret, Project: project, Environment: "dev", Name: "s"})[0]
		f.must(renamed(other, "s"), backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: current.ID})
		equal(f, "linked value after a rename", f.value(valueRef("dev", "l")), "third")
	}},
	{"a place that is not free at the end is refused, and nothing changes", func(f *fixture) {
		f.environments("dev")
		out := f.must(secret("dev", "a", "1"), secret("dev", "b", "2"), secret("dev", "c", "3"))
		a, b, c := out[0].Object, out[1].Object, out[2].Object
		set := []backend.Change{renamed(a, "b"), renamed(c, "d")}
		f.mentions(f.refused(backend.ErrExists, set...), `"b"`, b.ID)
		dry := f.dry(set...)
		if dry[0].Err == nil || dry[0].Err.Code != backend.CodeExists || dry[1].Err != nil {
			f.Errorf("dry run: %v and %v", dry[0].Err, dry[1].Err)
		}
		f.refused(backend.ErrExists, renamed(a, "b"))
		f.refused(backend.ErrExists, renamed(a, "x"), renamed(b, "x"))
		create := secret("dev", "c", "4")
		create.Op = backend.OpCreate
		f.refused(backend.ErrExists, create, renamed(a, "d"))
		for name, want := range map[string]string{"a": "1", "b": "2", "c": "3"} {
			equal(f, name, f.value(secretRef("dev", name)), want)
		}
	}},
	{"environments, secret types and projects can swap their names", func(f *fixture) {
		f.environments("dev", "prod")
		schema := func(key, shortest string) backend.Change {
			return backend.Change{
				Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: key,
				Schema: json.RawMessage(`{"type":"string","minLength":` + shortest + `}`),
			}
		}
		types := f.must(schema("short", "1"), schema("long", "8"))
		f.must(typed("short", secret("dev", "s", "in dev")), secret("prod", "s", "in prod"))
		environments := f.list(backend.Query{Kind: backend.KindEnvironment, Project: project})
		f.must(renamed(environments[0], environments[1].Name), renamed(environments[1], environments[0].Name))
		equal(f, "dev", f.value(secretRef("dev", "s")), "in prod")
		equal(f, "prod", f.value(secretRef("prod", "s")), "in dev")
		f.must(renamed(types[0].Object, "long"), renamed(types[1].Object, "short"))
		equal(f, "type", f.list(backend.Query{Kind: backend.KindSecret, Project: project, Environment: "prod"})[0].Type,
			"long")

		other := f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "other"})[0].Object
		this := f.list(backend.Query{Kind: backend.KindProject, Name: project})[0]
		f.must(renamed(this, "other"), renamed(other, project))
		ref := secretRef("dev", "s")
		ref.Project = "other"
		equal(f, "in the renamed project", f.value(ref), "in prod")
	}},
	{"forty names can rotate in one set", func(f *fixture) {
		f.environments("dev")
		const n = 40
		var create []backend.Change
		for i := range n {
			create = append(create, secret("dev", fmt.Sprintf("s%d", i), fmt.Sprint(i)))
		}
		var shift []backend.Change
		for i, o := range f.must(create...) {
			shift = append(shift, renamed(o.Object, fmt.Sprintf("s%d", (i+1)%n)))
		}
		f.must(shift...)
		for i := range n {
			equal(f, "value", f.value(secretRef("dev", fmt.Sprintf("s%d", (i+1)%n))), fmt.Sprint(i))
		}
	}},
	{"an entry can be restored to a place that a later change frees", func(f *fixture) {
		f.environments("dev")
		old := f.must(secret("dev", "s", "old"))[0].Object
		f.must(remove(backend.KindSecret, "dev", "s"))
		next := f.must(secret("dev", "s", "new"))[0].Object
		f.must(backend.Change{Op: backend.OpRestore, Kind: backend.KindSecret, ID: old.ID}, renamed(next, "t"))
		equal(f, "s", f.value(secretRef("dev", "s")), "old")
		equal(f, "t", f.value(secretRef("dev", "t")), "new")
	}},
}
