// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// setAsideCases are deletions of objects that other objects of the same owner still use.
var setAsideCases = []testCase{
	{"a deleted secret still serves the links of its owner, until the last one lets go", func(f *fixture) {
		f.environments("dev", "prod")
		db := f.one(mine(secret("dev", "db", "dev's"))).Object
		f.must(secret("prod", "db", "prod's"), mine(link("*", "a", "db", "")), mine(link("dev", "b", "db", "")))
		dry := f.dry(gone(db))[0]
		equal(f, "action of the dry run", dry.Action, backend.ActionDelete)
		equal(f, "dependents in the dry run", len(dry.Dependents), 2)
		out := f.one(gone(db))
		equal(f, "action", out.Action, backend.ActionDelete)
		equal(f, "dependents", len(out.Dependents), 2)
		equal(f, "held objects", f.held(backend.KindSecret), "db (in use)")
		f.unresolved(backend.ErrNotFound, secretRef("dev", "db"))
		equal(f, "a in dev", f.value(valueRef("dev", "a")), "dev's")
		equal(f, "a in prod", f.value(valueRef("prod", "a")), "prod's")
		equal(f, "b in dev", f.value(valueRef("dev", "b")), "dev's")
		a := f.list(backend.Query{Kind: backend.KindScopedValue, Project: project, Name: "a"})[0]
		equal(f, "the link as shown", a.Link.Secret, "db")
		equal(f, "edition of the dependent", a.Edition, 1)
		f.must(mine(link("dev", "new", "db", "")))
		f.unresolved(backend.ErrNotFound, valueRef("dev", "new"))
		equal(f, "deleted again", f.one(gone(f.object(db))).Action, backend.ActionDelete)
		f.mentions(f.refused(backend.ErrConflict, renamed(db, "x")), "was deleted")
		again := gone(db)
		again.Op, again.Kind, again.ID, again.Edition = backend.OpUpdate, backend.KindScopedValue, a.ID, ptr(a.Edition)
		again.Link = &backend.Link{Secret: "db"}
		f.one(again) // the same name, which means the secret of prod from now on
		f.unresolved(backend.ErrNotFound, valueRef("dev", "a"))
		equal(f, "held objects", f.held(backend.KindSecret), "db (in use)")
		f.one(plain("dev", "b", "1"))
		equal(f, "held objects", f.held(backend.KindSecret), "")
		f.one(restore(backend.KindSecret, "dev", "db"))
		equal(f, "value of the restored secret", f.value(secretRef("dev", "db")), "dev's")
	}},
	{"an environment that goes before its entries keeps them in reach, and can be restored", func(f *fixture) {
		f.environments("dev")
		for _, name := range []string{"e", "f"} {
			e := f.must(mine(environment(name)), mine(secret(name, "s", "v")))[0].Object
			equal(f, "dependents", len(f.one(gone(e)).Dependents), 1)
			equal(f, "held", f.held(backend.KindEnvironment), name+" (in use)")
			equal(f, "its secret", f.value(secretRef(name, "s")), "v")
			equal(f, "listed", len(f.list(backend.Query{Kind: backend.KindSecret, Project: project, Environment: name})), 1)
			f.refused(backend.ErrNotFound, mine(secret(name, "new", "v")))
			deleted := f.list(backend.Query{Kind: backend.KindEnvironment, Project: project, Deleted: true})
			equal(f, "restorable", deleted[len(deleted)-1].ID, e.ID)
			if name == "f" { // its last entry goes
				f.one(remove(backend.KindSecret, name, "s"))
				equal(f, "held", f.held(backend.KindEnvironment), "")
				f.unresolved(backend.ErrNotFound, secretRef(name, "s"))
				continue
			}
			out := f.one(restore(backend.KindEnvironment, "", name))
			equal(f, "restored", out.Object.ID+out.Object.Name+out.Object.Held, e.ID+name)
			equal(f, "held", f.held(backend.KindEnvironment), "")
			f.one(mine(secret(name, "new", "v")))
		}
		e := f.must(mine(environment("g")), mine(secret("g", "s", "old")))[0].Object
		f.one(gone(e))
		f.must(mine(environment("g")), mine(secret("g", "s", "new")))
		equal(f, "the secret of another environment that has the name", f.value(secretRef("g", "s")), "new")
	}},
	{"a link and its secret can change in either order", func(f *fixture) {
		f.environments("dev")
		for i, last := range []func(o backend.Object, to string) backend.Change{
			func(o backend.Object, to string) backend.Change {
				c := backend.Change{Op: backend.OpUpdate, Kind: o.Kind, ID: o.ID, SameOwner: true, Edition: ptr(o.Edition)}
				c.Link = &backend.Link{Secret: to}
				return c
			},
			func(o backend.Object, _ string) backend.Change {
				return backend.Change{Op: backend.OpUpdate, Kind: o.Kind, ID: o.ID, SameOwner: true, JSON: json.RawMessage("1")}
			},
			func(o backend.Object, _ string) backend.Change { return gone(o) },
		} {
			orders(2, func(order []int) {
				name := fmt.Sprintf("n%d%d", i, order[0])
				out := f.must(mine(secret("dev", name, "old")), mine(secret("dev", name+"-2", "new")),
					mine(link("dev", name, name, "")))
				changes := []backend.Change{gone(out[0].Object), last(out[2].Object, name+"-2")}
				for _, i := range order {
					f.one(changes[i])
				}
				equal(f, "held objects", f.held(backend.KindSecret), "")
			})
		}
	}},
	{"a secret that comes to the name wins over the one that was set aside there", func(f *fixture) {
		f.environments("dev", "prod")
		take := map[string]func(name string){
			"created": func(name string) { f.one(mine(secret("dev", name, "new"))) },
			"set":     func(name string) { f.one(secret("dev", name, "new")) },
			"renamed": func(name string) { f.one(moved(f.one(mine(secret("dev", "x", "new"))).Object, name)) },
			"restored": func(name string) {
				o := f.one(secret("dev", "y", "new")).Object
				f.must(remove(backend.KindSecret, "dev", "y"),
					backend.Change{Op: backend.OpRestore, Kind: backend.KindSecret, ID: o.ID, Rename: &name})
			},
		}
		for name, comes := range take {
			old := f.one(mine(secret("dev", name, "old"))).Object
			f.one(mine(link("*", name, name, "")))
			f.one(gone(old))
			f.one(mine(secret("prod", name, "prod's"))) // another place
			equal(f, "before", f.value(valueRef("dev", name)), "old")
			comes(name)
			equal(f, name, f.value(valueRef("dev", name)), "new")
			equal(f, "held objects", f.held(backend.KindSecret), "")
			f.one(backend.Change{Op: backend.OpRestore, Kind: backend.KindSecret, ID: old.ID, Rename: ptr(name + "-old")})
		}
	}},
	{"a link that came to the name for another secret does not hold the one that is deleted", func(f *fixture) {
		f.environments("dev", "prod")
		n := 0
		orders(3, func(order []int) { // one secret goes, another one takes its name elsewhere, and a link follows that one
			if slices.Index(order, 2) < slices.Index(order, 1) {
				return // the link refers to the secret that takes the name
			}
			n++
			name := fmt.Sprintf("n%d", n)
			out := f.must(mine(secret("prod", name, "old")), mine(secret("dev", name+"-2", "new")),
				mine(link("*", name, name+"-2", "")))
			v := out[2].Object
			relinked := backend.Change{Op: backend.OpUpdate, Kind: v.Kind, ID: v.ID, SameOwner: true, Edition: ptr(v.Edition),
				Link: &backend.Link{Secret: name}}
			changes := []backend.Change{gone(out[0].Object), moved(out[1].Object, name), relinked}
			for _, i := range order {
				f.one(changes[i])
			}
			equal(f, "held objects", f.held(backend.KindSecret), "")
			equal(f, "value", f.value(valueRef("dev", name)), "new")
		})
	}},
	{"dependents of another owner and registered usages still refuse a deletion", func(f *fixture) {
		f.environments("dev")
		a := f.one(mine(secret("dev", "a", "v"))).Object
		f.must(mine(link("dev", "ours", "a", "")), of(other, link("dev", "theirs", "a", "")))
		err := f.refused(backend.ErrInUse, gone(a))
		equal(f, "dependents", len(err.Dependents), 2)
		b := f.one(mine(secret("dev", "b", "v"))).Object
		f.must(mine(link("dev", "l", "b", "")), backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: project,
			Name: "repo", Usages: []backend.Usage{{Kind: backend.KindSecret, Name: "b", Environment: "dev", File: "f"}}})
		f.refused(backend.ErrInUse, gone(b))
		c := f.one(mine(secret("dev", "c", "v"))).Object
		f.must(mine(link("dev", "lc", "c", "")))
		without := gone(c)
		without.SameOwner = false
		f.refused(backend.ErrInUse, without)
		dev := f.list(backend.Query{Kind: backend.KindEnvironment, Project: project})[0]
		f.refused(backend.ErrInUse, of(shop, gone(dev)))
		protected := mine(secret("dev", "p", "v"))
		protected.Protected = ptr(true)
		p := f.one(protected).Object
		f.must(mine(link("dev", "lp", "p", "")))
		f.refused(backend.ErrDenied, gone(p))
		t := f.one(mine(word("t"))).Object
		f.one(of(other, typed("t", secret("dev", "d", "v"))))
		f.refused(backend.ErrInUse, gone(t))
	}},
	{"a type and its secrets, an environment and its entries, a project and its contents go in any order",
		func(f *fixture) {
			n := 0
			orders(4, func(order []int) {
				n++
				name := fmt.Sprintf("p%d", n)
				in := func(c backend.Change) backend.Change { c.Project = name; return mine(c) }
				p := f.one(mine(backend.Change{Kind: backend.KindProject, Name: name})).Object
				dev := f.one(in(environment("dev"))).Object
				t := f.one(in(word("t"))).Object
				s := f.one(in(typed("t", secret("dev", "s", "v")))).Object
				for _, i := range order {
					f.one(gone([]backend.Object{p, dev, t, s}[i]))
				}
				for _, o := range []backend.Object{p, dev, t, s} {
					if rows := f.list(backend.Query{Kind: o.Kind, ID: o.ID}); len(rows) > 0 {
						f.Errorf("order %v: %s %s is left (%s)", order, o.Kind, rows[0].Name, rows[0].Held)
					}
				}
				f.one(mine(backend.Change{Kind: backend.KindProject, Name: name})) // its name is free
			})
			t := f.one(mine(word("t"))).Object
			f.environments("dev")
			s := f.one(mine(typed("t", secret("dev", "s", "v")))).Object
			f.one(gone(t))
			equal(f, "type of the secret", f.object(s).Type, "t")
			equal(f, "held types", f.held(backend.KindSecretType), "t (in use)")
			f.refused(backend.ErrNotFound, typed("t", secret("dev", "new", "v")))
			f.refused(backend.ErrNotFound, typed(t.ID, secret("dev", "new", "v")))
			f.one(typed("t", secret("dev", "s", "w"))) // it has it already
			f.one(typed("", secret("dev", "s", "")))
			equal(f, "held types", f.held(backend.KindSecretType), "")
		}},
	{"a project that was deleted before its contents is restored with them, even with another name", func(f *fixture) {
		for _, name := range []string{"p", "q"} {
			in := func(c backend.Change) backend.Change { c.Project = "p"; return mine(c) }
			p := f.one(mine(backend.Change{Kind: backend.KindProject, Name: "p"})).Object
			dev := f.one(in(environment("dev"))).Object
			s := f.one(in(secret("dev", "s", "v"))).Object
			for _, o := range []backend.Object{p, dev, s} {
				f.one(gone(f.object(o)))
			}
			back := backend.Change{Op: backend.OpRestore, Kind: backend.KindProject, ID: p.ID}
			if name != "p" {
				back.Rename = &name
			}
			f.one(back)
			f.one(backend.Change{Op: backend.OpRestore, Kind: backend.KindEnvironment, ID: dev.ID})
			f.one(backend.Change{Op: backend.OpRestore, Kind: backend.KindSecret, ID: s.ID})
			ref := secretRef("dev", "s")
			ref.Project = name
			equal(f, "value", f.value(ref), "v")
			f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindEnvironment, ID: dev.ID, Force: true},
				backend.Change{Op: backend.OpDelete, Kind: backend.KindProject, ID: p.ID})
		}
	}},
	{"nothing new can be in an environment that was deleted", func(f *fixture) {
		dev := f.one(mine(environment("dev"))).Object
		s := f.one(mine(secret("dev", "s", "v"))).Object
		f.one(gone(dev))
		equal(f, "held environments", f.held(backend.KindEnvironment), "dev (in use)")
		f.refused(backend.ErrNotFound, secret(dev.ID, "new", "v"))
		f.refused(backend.ErrConflict, renamed(dev, "x"))
		f.one(backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: s.ID, Environment: "dev",
			Value: backend.PlaintextString("w")})
		equal(f, "value", f.value(secretRef(dev.ID, "s")), "w")
		f.one(gone(f.object(s)))
		equal(f, "held environments", f.held(backend.KindEnvironment), "")
	}},
}
