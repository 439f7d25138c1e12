// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"fmt"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// What can be staged can be deployed, and means the same when it is.
var draftBoundCases = []testCase{
	{"a draft that renames its project takes more changes of it", func(f *fixture) {
		f.environments("dev")
		f.stage(renamedTo(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: project}, "renamed"))
		f.stage(secret("dev", "s", "v"))
		f.stage(described("text", backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: project}))
		f.stage(described("of dev", environment("dev")))
		equal(f, "changes", f.stagedAs(), "update "+project+" (name description); create s (value); update dev (description)")
		f.must(draft(backend.OpDeploy))
		p := f.list(backend.Query{Kind: backend.KindProject, Name: "renamed"})
		equal(f, "projects", len(p), 1)
		equal(f, "description", p[0].Description, "text")
		equal(f, "projects with the old name", len(f.list(backend.Query{Kind: backend.KindProject, Name: project})), 0)
		f.must(renamedTo(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: "renamed"}, project))
	}},
	{"the version before a staged value is the one that the draft was staged against", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "one"))
		f.must(secret("dev", "s", "two"))
		back := update("dev", "s")
		back.FromVersion = ptr(backend.PreviousVersion)
		f.stage(secret("dev", "s", "three"))
		f.stage(back)
		f.must(draft(backend.OpDeploy))
		equal(f, "value after a staged value", f.value(secretRef("dev", "s")), "two")
		f.stage(back)
		f.must(draft(backend.OpDeploy))
		equal(f, "value", f.value(secretRef("dev", "s")), "one")
	}},
	{"a draft takes as many key pairs as its deployment makes", func(f *fixture) {
		f.environments("dev")
		pair := func(i int) backend.Change {
			return backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: project, Environment: "dev",
				Name: fmt.Sprint("k", i), Type: ptr("ed25519_key_pair"), Generate: &backend.Generate{}}
		}
		for i := range 8 {
			f.stage(pair(i))
		}
		f.mentions(f.unstaged(backend.ErrTooLarge, pair(8)), "more than 8 key pairs", "use another draft")
		equal(f, "parts", len(f.must(draft(backend.OpDeploy))[0].Parts), 8)
	}},
	{"a staged value is compared again after a refresh", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "one"), secret("dev", "t", "one"))
		f.stage(secret("dev", "s", "two"), secret("dev", "t", "two"))
		f.must(secret("dev", "s", "two"))
		refresh := draft(backend.OpRefresh)
		f.must(refresh)
		parts := f.must(draft(backend.OpDeploy))[0].Parts
		equal(f, "the value that the secret has already", parts[0].Action, backend.ActionUnchanged)
		equal(f, "another value", parts[1].Action, backend.ActionUpdate)
		equal(f, "changed", fmt.Sprint(parts[1].Changed), "[value]")
		f.stage(secret("dev", "s", "three"))
		f.stage(secret("dev", "s", "two"))
		equal(f, "a value that was staged back", f.must(draft(backend.OpDeploy))[0].Parts[0].Action,
			backend.ActionUnchanged)
		equal(f, "version", f.list(backend.Query{Kind: backend.KindSecret, Project: project, Name: "s"})[0].Version, 2)
	}},
	{"a change of a draft names the edition of the stored object", func(f *fixture) {
		f.environments("dev")
		f.must(secret("dev", "s", "v"), plain("dev", "p", "1"), word("t"))
		seen := func(c backend.Change, kind backend.Kind, name string) backend.Change {
			for _, o := range f.list(backend.Query{Kind: kind, Project: project, Name: name}) {
				c.Edition = &o.Edition
			}
			return c
		}
		again := described("by the second", seen(update("dev", "s"), backend.KindSecret, "s"))
		value := described("by the second", seen(plain("dev", "p", "2"), backend.KindScopedValue, "p"))
		kind := described("by the second", seen(word("t"), backend.KindSecretType, "t"))
		f.stage(described("by the first", update("dev", "s")), plain("dev", "p", "3"), described("first", word("t")))
		f.stage(again, value, kind)
		equal(f, "changes", f.stagedAs(), "update s (description); update p (description json); update t (description)")
		gone := seen(remove(backend.KindSecret, "dev", "s"), backend.KindSecret, "s")
		f.must(described("elsewhere", update("dev", "s")))
		f.mentions(f.unstaged(backend.ErrConflict, again), "was changed since edition")
		f.unstaged(backend.ErrConflict, gone)
		f.stage(seen(remove(backend.KindSecret, "dev", "s"), backend.KindSecret, "s"))
	}},
	{"many callers can add to a draft at the same time", func(f *fixture) {
		f.environments("dev")
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				_, err := f.Apply(context.Background(), backend.ChangeSet{Draft: "d",
					Changes: []backend.Change{secret("dev", fmt.Sprint("s", i), "v")}})
				if err != nil {
					f.Errorf("change %d: %v", i, err)
				}
			})
		}
		all.Wait()
		equal(f, "changes", len(f.staged()), 40)
	}},
}
