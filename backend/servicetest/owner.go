// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

const (
	shop  = "terraform:shop"
	other = "terraform:other"
)

// of makes a change one of an owner whose objects do not block each other.
func of(owner string, c backend.Change) backend.Change {
	c.ManagedBy, c.SameOwner = ptr(owner), true
	return c
}

func created(c backend.Change) backend.Change {
	c.Op = backend.OpCreate
	return c
}

// mine returns a creation by the owner "shop".
func mine(c backend.Change) backend.Change { return created(of(shop, c)) }

// gone returns a deletion by id, and moved a rename by id, as the owner of the object sends them.
func gone(o backend.Object) backend.Change {
	return backend.Change{Op: backend.OpDelete, Kind: o.Kind, ID: o.ID, SameOwner: true, Edition: ptr(o.Edition),
		Incarnation: ptr(o.Incarnation)}
}

func moved(o backend.Object, name string) backend.Change {
	c := renamed(o, name)
	c.SameOwner, c.Edition, c.Incarnation = true, ptr(o.Edition), ptr(o.Incarnation)
	return c
}

// replaced returns a deletion that a creation follows.
func replaced(o backend.Object) backend.Change {
	c := of(shop, gone(o))
	c.CreationFollows = true
	return c
}

func word(name string) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: name,
		Schema: json.RawMessage(`{"type":"string"}`)}
}

// one applies a change alone, as Terraform does, and returns its outcome.
func (f *fixture) one(c backend.Change) backend.Outcome {
	f.Helper()
	return f.must(c)[0]
}

// object reads an object by its id.
func (f *fixture) object(o backend.Object) backend.Object {
	f.Helper()
	rows := f.list(backend.Query{Kind: o.Kind, ID: o.ID})
	if len(rows) != 1 {
		f.Fatalf("%d objects have the id of %s %q", len(rows), o.Kind, o.Name)
	}
	return rows[0]
}

// held returns the held objects of a kind, as "name (why)".
func (f *fixture) held(kind backend.Kind) string {
	f.Helper()
	q := backend.Query{Kind: kind, Project: project, Held: true}
	switch kind {
	case backend.KindProject, backend.KindRole, backend.KindGroup, backend.KindBinding:
		q.Project = ""
	}
	var out []string
	for _, o := range f.list(q) {
		if !strings.HasPrefix(o.Name, "~") {
			f.Errorf("the name of a held object is %q", o.Name)
		}
		out = append(out, fmt.Sprintf("%s (%s)", o.Was, o.Held))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// orders calls try with every order of the changes, each with a new prefix for names.
func orders(n int, try func(order []int)) {
	var permute func(rest, done []int)
	permute = func(rest, done []int) {
		if len(rest) == 0 {
			try(done)
			return
		}
		for i := range rest {
			permute(slices.Delete(slices.Clone(rest), i, i+1), append(slices.Clone(done), rest[i]))
		}
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	permute(all, nil)
}

// ownerCases test that objects of one owner do not block each other, whatever the order of their changes.
var ownerCases = []testCase{
	{"a creation displaces an entry of the same owner, which keeps its id and value", func(f *fixture) {
		f.environments("dev")
		for _, c := range []backend.Change{secret("dev", "s", "old"), plain("dev", "s", `"old"`)} {
			old := f.one(mine(c)).Object
			c.Value, c.JSON = backend.PlaintextString("new"), json.RawMessage(`"new"`)
			if c.Kind == backend.KindSecret {
				c.JSON = nil
			} else {
				c.Value = backend.Plaintext{}
			}
			for _, o := range f.dry(mine(c)) {
				equal(f, "action of the dry run", o.Action, backend.ActionCreate)
				equal(f, "displaced in the dry run", o.Displaced.ID, old.ID)
			}
			out := f.one(mine(c))
			equal(f, "action", out.Action, backend.ActionCreate)
			equal(f, "displaced", out.Displaced.ID+out.Displaced.Name+out.Displaced.Held, old.ID+"s")
			ref := secretRef("dev", "s")
			ref.Kind = c.Kind
			equal(f, "value", f.value(ref), "new")
			o := f.object(old)
			equal(f, "held", o.Held, backend.HeldDisplaced)
			equal(f, "name", o.Name, "~"+old.ID)
			equal(f, "former name", o.Was, "s")
			equal(f, "edition", o.Edition, old.Edition)
			equal(f, "held objects", f.held(c.Kind), "s (displaced)")
			equal(f, "listed", len(f.list(backend.Query{Kind: c.Kind, Project: project})), 1)
			f.one(gone(old)) // with the edition from before
			equal(f, "held objects", f.held(c.Kind), "")
			deleted := f.list(backend.Query{Kind: c.Kind, Project: project, Deleted: true})
			equal(f, "deleted", deleted[0].Name+deleted[0].Held, "s")
		}
	}},
	{"a place that a later change of the set does not free is taken at the end of the set", func(f *fixture) {
		f.environments("dev")
		out := f.must(mine(secret("dev", "a", "1")), mine(secret("dev", "b", "2")))
		a, b := out[0].Object, out[1].Object
		out = f.must(mine(secret("dev", "a", "new")), moved(b, "c"))
		equal(f, "displaced", out[0].Displaced.ID, a.ID)
		equal(f, "held objects", f.held(backend.KindSecret), "a (displaced)")
		equal(f, "a", f.value(secretRef("dev", "a")), "new")
		out = f.must(moved(a, "c"), moved(f.object(b), "a"), moved(out[0].Object, "b"))
		equal(f, "held objects", f.held(backend.KindSecret), "")
		equal(f, "displaced", out[0].Displaced == nil && out[1].Displaced == nil, true)
		for name, want := range map[string]string{"a": "2", "b": "new", "c": "1"} {
			equal(f, name, f.value(secretRef("dev", name)), want)
		}
	}},
	{"only objects of the same owner are displaced", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "unowned", "1"), of(other, secret("dev", "theirs", "2")), mine(secret("dev", "ours", "3")))
		f.refused(backend.ErrExists, mine(secret("dev", "unowned", "x")))
		f.refused(backend.ErrExists, mine(secret("dev", "theirs", "x")))
		f.refused(backend.ErrExists, created(of("", secret("dev", "unowned", "x"))))
		c := mine(secret("dev", "ours", "x"))
		c.SameOwner = false
		f.refused(backend.ErrExists, c)
		a := f.one(mine(secret("dev", "a", "4"))).Object
		f.refused(backend.ErrExists, moved(a, "theirs"))
		f.refused(backend.ErrExists, renamed(a, "ours"))
		f.refused(backend.ErrExists, mine(secret("dev", "twice", "x")), mine(secret("dev", "twice", "y")))
		for name, want := range map[string]string{"unowned": "1", "theirs": "2", "ours": "3", "a": "4"} {
			equal(f, name, f.value(secretRef("dev", name)), want)
		}
	}},
	{"names can swap, rotate and shift one by one, in any order", func(f *fixture) {
		f.environments("dev")
		n := 0
		orders(4, func(order []int) {
			n++
			name := func(s string) string { return fmt.Sprintf("%s%d", s, n) }
			out := f.must(mine(secret("dev", name("a"), "a")), mine(secret("dev", name("b"), "b")),
				mine(secret("dev", name("c"), "c")))
			a, b, c := out[0].Object, out[1].Object, out[2].Object
			changes := []backend.Change{moved(a, name("b")), moved(b, name("c")), moved(c, name("d")),
				mine(secret("dev", name("a"), "new"))}
			if n%2 == 0 { // a cycle
				changes[2], changes[3] = moved(c, name("a")), gone(f.one(mine(secret("dev", name("e"), "e"))).Object)
			}
			for _, i := range order {
				f.one(changes[i])
			}
			want := map[string]string{"b": "a", "c": "b", "d": "c", "a": "new"}
			if n%2 == 0 {
				want = map[string]string{"b": "a", "c": "b", "a": "c"}
			}
			for s, v := range want {
				equal(f, fmt.Sprintf("%s after the order %v", s, order), f.value(secretRef("dev", name(s))), v)
			}
			for _, o := range []backend.Object{a, b, c} {
				equal(f, "edition", f.object(o).Edition, o.Edition+1)
			}
			equal(f, "held objects", f.held(backend.KindSecret), "")
		})
	}},
	{"environments, secret types and projects are displaced by a rename, and keep their contents", func(f *fixture) {
		out := f.must(mine(environment("dev")), mine(environment("prod")), mine(word("short")), mine(word("long")))
		dev, prod, short, long := out[0].Object, out[1].Object, out[2].Object, out[3].Object
		f.must(typed("short", secret("dev", "s", "in dev")), secret("prod", "s", "in prod"))
		got := f.one(moved(dev, "prod"))
		equal(f, "displaced", got.Displaced.ID, prod.ID)
		equal(f, "held objects", f.held(backend.KindEnvironment), "prod (displaced)")
		equal(f, "prod", f.value(secretRef("prod", "s")), "in dev")
		byID := secretRef(prod.ID, "s")
		equal(f, "by id", f.value(byID), "in prod")
		equal(f, "the name that the contents show", f.resolve(byID)[0].Environment, "prod")
		f.unresolved(backend.ErrNotFound, secretRef("~"+prod.ID, "s"))
		f.one(moved(prod, "dev"))
		equal(f, "dev", f.value(secretRef("dev", "s")), "in prod")
		f.one(moved(short, "long"))
		f.one(moved(long, "short"))
		equal(f, "type", f.list(backend.Query{Kind: backend.KindSecret, Project: project, Environment: "prod"})[0].Type,
			"long")
		a := f.one(mine(backend.Change{Kind: backend.KindProject, Name: "a"})).Object
		b := f.one(mine(backend.Change{Kind: backend.KindProject, Name: "b"})).Object
		in := func(name string, c backend.Change) backend.Change { c.Project = name; return c }
		f.must(in("b", environment("dev")), in("b", secret("dev", "s", "in b")))
		f.one(moved(a, "b"))
		equal(f, "held objects", f.held(backend.KindProject), "b (displaced)")
		f.one(moved(b, "a"))
		ref := secretRef("dev", "s")
		ref.Project = "a"
		equal(f, "in the renamed project", f.value(ref), "in b")
	}},
	{"a replaced environment, type or project keeps its id, contents and keys", func(f *fixture) {
		dev := f.one(mine(environment("dev"))).Object
		pin := f.one(mine(word("pin"))).Object
		s := f.one(mine(typed("pin", secret("dev", "s", "kept")))).Object
		f.must(mine(link("dev", "l", "s", "")))
		f.one(replaced(dev))
		f.one(replaced(pin))
		equal(f, "held environments", f.held(backend.KindEnvironment), "dev (replaced)")
		equal(f, "held types", f.held(backend.KindSecretType), "pin (replaced)")
		f.unresolved(backend.ErrNotFound, secretRef("dev", "s"))
		equal(f, "by id", f.value(secretRef(dev.ID, "s")), "kept")
		o := f.object(s)
		equal(f, "environment of the contents", o.Environment, "dev")
		equal(f, "type of the contents", o.Type, "pin")
		for _, c := range []backend.Change{environment("dev"), created(environment("dev")),
			created(of(other, environment("dev"))), word("pin")} {
			f.mentions(f.refused(backend.ErrExists, c), "waits for its replacement", shop, "pouncet doctor")
		}
		stage := f.one(environment("stage")).Object
		f.mentions(f.refused(backend.ErrExists, renamed(stage, "dev")), "waits for its replacement", dev.ID)
		again := mine(environment("dev"))
		again.Description, again.SameOwner = ptr("again"), false
		out := f.one(again)
		equal(f, "action", out.Action, backend.ActionCreate)
		equal(f, "id", out.Object.ID, dev.ID)
		equal(f, "description", out.Object.Description, "again")
		equal(f, "incarnation", out.Object.Incarnation, 1)
		equal(f, "held", out.Object.Held+out.Object.Was, "")
		equal(f, "displaced", out.Displaced == nil, true)
		out = f.one(mine(word("pin")))
		equal(f, "id of the type", out.Object.ID, pin.ID)
		equal(f, "edition of a type that is taken back as it was", out.Object.Edition, pin.Edition)
		equal(f, "value", f.value(secretRef("dev", "s")), "kept")
		equal(f, "value through the link", f.value(valueRef("dev", "l")), "kept")
		equal(f, "type", f.object(s).Type, "pin")

		p := f.one(mine(backend.Change{Kind: backend.KindProject, Name: "p"})).Object
		in := func(c backend.Change) backend.Change { c.Project = "p"; return c }
		f.must(in(environment("dev")), in(secret("dev", "s", "in p")), in(secret("*", "t", "shared")))
		f.one(replaced(p))
		f.refused(backend.ErrExists, backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "p"})
		ref := in(secret("dev", "s", ""))
		f.refused(backend.ErrNotFound, ref)
		byID := secretRef("dev", "s")
		byID.Project = p.ID
		equal(f, "by id of the project", f.value(byID), "in p")
		equal(f, "id of the project", f.one(mine(backend.Change{Kind: backend.KindProject, Name: "p"})).Object.ID, p.ID)
		byID.Project = "p"
		equal(f, "value in the project", f.value(byID), "in p")
	}},
	{"a deletion without a creation never gives its contents to a later object", func(f *fixture) {
		dev := f.one(mine(environment("dev"))).Object
		f.one(mine(secret("dev", "s", "v")))
		f.one(gone(dev))
		out := f.one(mine(environment("dev")))
		if out.Object.ID == dev.ID {
			f.Error("the new environment has the id of the deleted one")
		}
		f.unresolved(backend.ErrNotFound, secretRef("dev", "s"))
	}},
	{"the mark of a replacing deletion becomes that of the object", func(f *fixture) {
		dev := f.one(environment("dev")).Object
		f.one(secret("dev", "s", "kept"))
		f.one(replaced(dev))
		equal(f, "id", f.one(mine(environment("dev"))).Object.ID, dev.ID)
		equal(f, "value", f.value(secretRef("dev", "s")), "kept")
	}},
	{"a creation takes over the object with its name, and the later deletion changes nothing", func(f *fixture) {
		c := mine(environment("dev"))
		c.Description, c.Labels = ptr("first"), map[string]string{"a": "b"}
		dev := f.one(c).Object
		pin := f.one(mine(word("pin"))).Object
		f.one(mine(typed("pin", secret("dev", "s", "kept"))))
		c.Description, c.Labels = ptr("second"), nil
		equal(f, "action of the dry run", f.dry(c)[0].Action, backend.ActionCreate)
		out := f.one(c)
		equal(f, "action", out.Action, backend.ActionCreate)
		equal(f, "id", out.Object.ID, dev.ID)
		equal(f, "incarnation", out.Object.Incarnation, 1)
		equal(f, "attributes that the creation does not give", len(out.Object.Labels), 0)
		equal(f, "taken over", out.Displaced.ID+out.Displaced.Description, dev.ID+"first")
		f.one(mine(word("pin")))
		for _, o := range []backend.Object{dev, pin} {
			refreshed := f.object(o)
			late := gone(refreshed) // Terraform reads a deposed object again
			late.Incarnation = ptr(o.Incarnation)
			equal(f, "action of the deletion", f.one(late).Action, backend.ActionUnchanged)
			late.Op, late.Description = backend.OpUpdate, ptr("stale")
			f.mentions(f.refused(backend.ErrConflict, late), "taken over")
		}
		equal(f, "value", f.value(secretRef("dev", "s")), "kept")
		f.refused(backend.ErrExists, created(of(other, environment("dev"))))
		p := f.one(mine(backend.Change{Kind: backend.KindProject, Name: "p"})).Object
		equal(f, "id of the project", f.one(mine(backend.Change{Kind: backend.KindProject, Name: "p"})).Object.ID, p.ID)
	}},
	{"in one set, a creation does not take over what a later change renames", func(f *fixture) {
		a := f.one(mine(environment("a"))).Object
		f.one(secret("a", "s", "v"))
		out := f.must(mine(environment("a")), moved(a, "b"))
		if out[0].Object.ID == a.ID {
			f.Error("the new environment has the id of the renamed one")
		}
		equal(f, "value", f.value(secretRef("b", "s")), "v")
	}},
	{"an edition counts what an owner decides, and nothing else", func(f *fixture) {
		f.environments("dev")
		f.must(word("t"))
		s := f.one(mine(secret("dev", "s", "v"))).Object
		equal(f, "edition of a new object", s.Edition, 1)
		l := f.one(mine(link("dev", "l", "s", ""))).Object
		at := int64(1)
		for _, c := range []backend.Change{
			{Value: backend.PlaintextString("w")}, {Description: ptr("d")}, {Rename: ptr("s2")}, {Type: ptr("t")},
			{Labels: map[string]string{"a": "b"}}, {RotationDays: ptr(3)},
		} {
			c.Op, c.Kind, c.ID, c.Edition = backend.OpUpdate, s.Kind, s.ID, ptr(at)
			at++
			equal(f, "edition", f.one(c).Object.Edition, at)
			c.Edition, c.Description = ptr(at-1), ptr(fmt.Sprint("stale ", at))
			f.mentions(f.refused(backend.ErrConflict, c), `secret "s`, fmt.Sprintf("since edition %d", at-1))
		}
		stale := gone(s)
		f.refused(backend.ErrConflict, stale)
		equal(f, "unchanged", f.one(typed("t", secret("dev", "s2", "w"))).Object.Edition, at)
		followed := f.object(l)
		equal(f, "the link that followed", followed.Link.Secret, "s2")
		equal(f, "edition of the value whose link followed", followed.Edition, l.Edition)
		dev := f.list(backend.Query{Kind: backend.KindEnvironment, Project: project})[0]
		f.one(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: project, Rename: ptr("renamed")})
		equal(f, "edition of an environment of a renamed project", f.object(dev).Edition, dev.Edition)
	}},
	{"a write between a displacement and the own change of an object is not overwritten", func(f *fixture) {
		f.environments("dev")
		a := f.one(mine(secret("dev", "a", "1"))).Object
		f.one(mine(secret("dev", "a", "2")))
		f.one(backend.Change{Op: backend.OpUpdate, Kind: a.Kind, ID: a.ID, Value: backend.PlaintextString("theirs")})
		f.refused(backend.ErrConflict, moved(a, "b"))
		f.refused(backend.ErrConflict, gone(a))
		f.one(moved(f.object(a), "b"))
		equal(f, "b", f.value(secretRef("dev", "b")), "theirs")
	}},
	{"an owner may exceed the quota until the own deletions come, and held objects do not count", func(f *fixture) {
		f.environments("dev")
		f.must(policy(backend.PolicyChange{MaxSecrets: ptr(3)}))
		out := f.must(secret("dev", "theirs", "v"), mine(secret("dev", "a", "v")), mine(secret("dev", "b", "v")))
		count := func() int { return *f.list(backend.Query{Kind: backend.KindProject, Name: project})[0].Secrets }
		f.refused(backend.ErrQuota, secret("dev", "c", "v"))
		f.one(mine(secret("dev", "c", "v")))
		equal(f, "secrets", count(), 4)
		f.one(gone(out[1].Object))
		f.one(mine(secret("dev", "b", "w"))) // displaces
		equal(f, "secrets", count(), 3)
		f.one(gone(out[2].Object))
		equal(f, "secrets", count(), 3)
		f.must(remove(backend.KindSecret, "dev", "b"), secret("dev", "d", "v"))
		f.must(remove(backend.KindSecret, "dev", "c"), secret("dev", "e", "v"))
		f.refused(backend.ErrQuota, mine(secret("dev", "f", "v")))
	}},
}
