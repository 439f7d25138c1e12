// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// heldCases test how displaced objects and those that are set aside are used, listed and changed.
var heldCases = []testCase{
	{"the links of a displaced secret mean the secret that took its name", func(f *fixture) {
		f.environments("dev")
		a := f.one(mine(secret("dev", "a", "old"))).Object
		f.one(mine(link("dev", "l", "a", "")))
		f.one(mine(secret("dev", "a", "new")))
		equal(f, "link", f.value(valueRef("dev", "l")), "new")
		f.one(moved(a, "b"))
		equal(f, "link", f.value(valueRef("dev", "l")), "new")
	}},
	{"a link that does not change keeps its name, in whichever order secrets leave it and come to it", func(f *fixture) {
		f.environments("dev")
		orders(2, func(order []int) {
			name := fmt.Sprint("a", order[0])
			a := f.one(mine(secret("dev", name, "old"))).Object
			kept := f.one(mine(link("dev", name, name, ""))).Object
			theirs := f.one(of(other, link("dev", name+"-theirs", name, ""))).Object
			follows := f.one(mine(link("dev", name+"-follows", name, ""))).Object
			changes := []backend.Change{moved(a, name+"-b"), mine(secret("dev", name, "new"))}
			for i, at := range order {
				f.one(changes[at])
				if i == 0 {
					equal(f, "value before the second change", f.value(valueRef("dev", name)),
						[]string{"old", "new"}[order[0]])
				}
			}
			equal(f, "link that keeps its name", f.value(valueRef("dev", name)), "new")
			equal(f, "its edition", f.object(kept).Edition, kept.Edition)
			if order[0] == 0 {
				equal(f, "link of another owner", f.object(theirs).Link.Secret, name+"-b")
			}
			f.one(backend.Change{Op: backend.OpUpdate, Kind: follows.Kind, ID: follows.ID, Edition: ptr(follows.Edition),
				Link: &backend.Link{Secret: name + "-b"}})
			equal(f, "link that changes", f.value(valueRef("dev", name+"-follows")), "old")
			f.one(mine(secret("dev", name, "newer")))
			equal(f, "link that changed", f.value(valueRef("dev", name+"-follows")), "old")
		})
	}},
	{"a displaced object can be changed and used by id alone", func(f *fixture) {
		f.environments("dev")
		f.must(policy(backend.PolicyChange{ImmutableNames: ptr(true), NamePattern: ptr("[a-z]+")}))
		a := f.one(mine(secret("dev", "a", "old"))).Object
		next := f.one(mine(secret("dev", "a", "new"))).Object
		f.one(backend.Change{Op: backend.OpUpdate, Kind: a.Kind, ID: a.ID, Description: ptr("still ours")})
		for _, name := range []string{"~" + a.ID, "~a", "~"} {
			f.refused(backend.ErrInvalid, secret("dev", name, "v"))
			f.refused(backend.ErrInvalid, environment(name))
			f.refused(backend.ErrInvalid, link("dev", "l", name, ""))
			f.unresolved(backend.ErrInvalid, secretRef("dev", name))
			f.unresolved(backend.ErrNotFound, secretRef(name, "a"))
			f.refused(backend.ErrInvalid, renamed(next, name))
		}
		f.one(gone(next))
		f.one(moved(f.object(a), "a")) // the name that it had
		equal(f, "value", f.value(secretRef("dev", "a")), "old")
	}},
	{"an interrupted change heals: what is held waits for its own change", func(f *fixture) {
		f.environments("dev")
		out := f.must(mine(secret("dev", "a", "1")), mine(secret("dev", "b", "2")))
		f.one(moved(out[0].Object, "b")) // and then the apply is interrupted
		b := f.object(out[1].Object)
		equal(f, "held", b.Held, backend.HeldDisplaced)
		f.one(moved(b, "a"))
		equal(f, "a", f.value(secretRef("dev", "a")), "2")
		equal(f, "b", f.value(secretRef("dev", "b")), "1")
		equal(f, "held", f.held(backend.KindSecret), "")
	}},
	{"held objects are listed page by page, only if they are selected", func(f *fixture) {
		f.environments("dev")
		for range 5 {
			f.one(mine(secret("dev", "a", "v")))
		}
		listed := 0
		q := backend.Query{Kind: backend.KindSecret, Project: project, Held: true, Limit: 2}
		for {
			page, err := f.Query(context.Background(), q)
			if err != nil {
				f.Fatal(err)
			}
			listed += len(page.Objects)
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		equal(f, "held", listed, 4)
		page, err := f.Query(context.Background(), backend.Query{Kind: backend.KindSecret, Project: project, Limit: 1})
		equal(f, "listed", len(page.Objects), 1)
		equal(f, "next", page.Next, "")
		if err != nil {
			f.Fatal(err)
		}
		_, err = f.Query(context.Background(), backend.Query{Kind: backend.KindUsage, Project: project, Held: true})
		equal(f, "held usages are refused", errors.Is(err, backend.ErrInvalid), true)
	}},
	{"a new object uses what its owner replaces, before the creation and after it", func(f *fixture) {
		f.environments("dev")
		uses := map[backend.Kind]func(name string) backend.Change{
			backend.KindEnvironment: func(name string) backend.Change { return secret(name, "new", "v") },
			backend.KindSecretType:  func(name string) backend.Change { return typed(name, secret("dev", name, "v")) },
			backend.KindSecret:      func(name string) backend.Change { return link("dev", name, name, "") },
			backend.KindProject: func(name string) backend.Change {
				c := environment("new")
				c.Project = name
				return c
			},
		}
		for kind, use := range uses {
			orders(3, func(order []int) {
				if slices.Index(order, 1) < slices.Index(order, 0) {
					return // the creation is the last step of the replacement
				}
				name := fmt.Sprintf("%s-%d%d", string(kind), slices.Index(order, 2), slices.Index(order, 1))
				create := backend.Change{Kind: kind, Project: project, Name: name}
				switch kind {
				case backend.KindProject:
					create.Project = ""
				case backend.KindSecretType:
					create = word(name)
				case backend.KindSecret:
					create = secret("dev", name, "v")
				}
				old := f.one(mine(create)).Object
				for _, i := range order {
					switch i {
					case 0:
						c := replaced(old)
						c.Force = kind == backend.KindSecret
						f.one(c)
					case 1:
						f.one(mine(create))
					case 2:
						c := use(name)
						if slices.Index(order, 2) == 1 { // nobody else can
							f.refused(backend.ErrNotFound, of(other, created(c)))
							c.ManagedBy = ptr(shop)
							f.refused(backend.ErrNotFound, created(c))
						}
						f.one(mine(c))
					}
				}
				equal(f, "held "+kind.String(), f.held(kind), "")
			})
		}
		equal(f, "a secret of a replaced environment", f.value(secretRef("environment-12", "new")), "v")
		equal(f, "a link to a replaced secret", f.value(valueRef("dev", "secret-12")), "v")
	}},
	{"a link to a secret that its owner has replaced and then deleted is refused", func(f *fixture) {
		f.environments("dev")
		c := replaced(f.one(mine(secret("dev", "s", "v"))).Object)
		c.Force = true
		f.one(c)
		f.one(gone(f.one(mine(secret("dev", "s", "v"))).Object))
		f.refused(backend.ErrNotFound, mine(link("dev", "l", "s", "")))
	}},
}
