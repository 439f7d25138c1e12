// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"errors"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// accessLinkCases are about changes that reach entries at other places.
var accessLinkCases = []accessCase{
	{"a rename changes no link at places that the caller may not write, unless the link keeps its meaning",
		func(f *accessFixture) {
			f.filled()
			f.must(secret("dev", "tok", "d"), secret("prod", "tok2", "p2"), secret("dev", "only", "o"))
			f.must(link("prod", "cfg", "tok", ""), link("*", "all", "tok", ""), link("*", "kept", "only", ""))
			f.must(ownRole("writer", backend.RightSee, backend.RightWrite))
			writer := f.bound("ci", grant("writer", "dev", ""))
			linked := func(env, name string) backend.Object {
				f.Helper()
				return f.list(backend.Query{Kind: backend.KindScopedValue, Project: project, Environment: env, Name: name})[0]
			}
			before := show(linked("*", "all"))
			c := renamedTo(update("dev", "tok"), "tok2")
			for _, err := range []*backend.Error{writer.refused(backend.ErrInUse, c), writer.unstaged(backend.ErrInUse, c),
				writer.dry(c)[0].Err} {
				writer.mentions(err, "entries that you may not see", `"write"`)
				writer.conceals(err, "all")
			}
			equal(f.fixture, "shared link", show(linked("*", "all")), before)

			before = show(linked("prod", "cfg"))
			writer.must(renamedTo(update("dev", "tok"), "tok3")) // prod never meant it
			equal(f.fixture, "link of prod", show(linked("prod", "cfg")), before)
			equal(f.fixture, "shared link", linked("*", "all").Link.Secret, "tok3")
			writer.must(renamedTo(update("dev", "only"), "next"))
			f.must(renamedTo(update("dev", "tok3"), "tok"))
			equal(f.fixture, "shared link", linked("*", "all").Link.Secret, "tok")
			f.must(renamedTo(update("dev", "tok"), "tok3")) // all links follow who may write them
			equal(f.fixture, "link of prod", linked("prod", "cfg").Link.Secret, "tok3")
			equal(f.fixture, "shared link", linked("*", "kept").Link.Secret, "next")

			seer := f.bound("seer", grant("writer", "dev", ""), grant("viewer", "*", ""))
			seer.mentions(seer.refused(backend.ErrInUse, renamedTo(update("dev", "tok3"), "tok2")), "all in *")
			f.stage(renamedTo(update("dev", "tok3"), "tok2")) // who deploys it changes the link
			f.must(ownRole("release", backend.RightSee, backend.RightDeploy))
			release := f.bound("release", grant("release", "dev", ""))
			release.mentions(release.refused(backend.ErrInUse, draft(backend.OpDeploy)), "entries that you may not see")
			both := f.bound("both", grant("release", "dev", ""), grant("release", "*", ""))
			both.must(draft(backend.OpDeploy))
			equal(f.fixture, "shared link", linked("*", "all").Link.Secret, "tok2")
		}},
	{"a link returns to its former name only by who may write it", func(f *accessFixture) {
		f.filled()
		f.must(of(shop, secret("dev", "first", "v")), of(shop, link("*", "alias", "first", "")))
		f.must(of(shop, renamedTo(update("dev", "first"), "second")))
		f.must(ownRole("writer", backend.RightSee, backend.RightWrite))
		writer := f.bound("ci", grant("writer", "dev", ""))
		linked := func() string {
			f.Helper()
			return f.list(backend.Query{Kind: backend.KindScopedValue, Project: project, Environment: "*",
				Name: "alias"})[0].Link.Secret
		}
		writer.must(of(shop, secret("dev", "first", "attack")))
		equal(f.fixture, "link", linked(), "second")
		f.must(remove(backend.KindSecret, "dev", "first"))
		f.must(of(shop, secret("dev", "first", "v")))
		equal(f.fixture, "link", linked(), "first")
	}},
	{"a draft shows and changes nothing beyond what the caller may see", func(f *accessFixture) {
		f.filled()
		f.must(ownRole("writer", backend.RightSee, backend.RightWrite))
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: project, Name: "repo",
			Usages: []backend.Usage{{Kind: backend.KindSecret, Name: "db_shared", Environment: "prod", File: "hidden.yaml"},
				{Kind: backend.KindSecret, Name: "db_shared", Environment: "dev", File: "seen.yaml"}}})
		f.stage(renamedTo(update("dev", "db_main"), "merger"))
		forced := remove(backend.KindSecret, "*", "db_shared")
		forced.Force = true
		f.stage(forced)
		viewer := f.bound("viewer", grant("viewer", "dev", "db_*"), grant("viewer", "*", ""))
		for _, o := range viewer.staged() {
			equal(viewer, "rename of "+o.Name, o.Staged.Rename, "")
			if o.Name == "db_shared" {
				equal(viewer, "files", o.Staged.Files, 1)
			}
		}
		equal(f.fixture, "rename", f.staged()[0].Staged.Rename, "merger")
		equal(f.fixture, "files", f.staged()[1].Staged.Files, 2)
		writer := f.bound("ci", grant("writer", "dev", ""))
		for _, c := range []backend.Change{renamedTo(draft(backend.OpUpdate), "e"), described("d", draft(backend.OpSet)),
			described("d", draft(backend.OpUpdate))} {
			writer.mentions(writer.refused(backend.ErrDenied, c), "changes that you may not see")
		}
		all := f.bound("all", grant("writer", "dev", ""), grant("viewer", "*", ""))
		all.must(described("d", draft(backend.OpUpdate)))
	}},
	{"a policy that keeps less needs the right to delete everywhere in the project", func(f *accessFixture) {
		f.filled()
		f.must(ownRole("manager", backend.RightManage), ownRole("remover", backend.RightManage, backend.RightDelete))
		whole := func(role string) backend.Grant {
			return backend.Grant{Role: role, Where: backend.Where{Project: project}}
		}
		manager, remover := f.bound("manager", whole("manager")), f.bound("remover", whole("remover"))
		both := f.bound("both", whole("remover"), grant("remover", "prod", ""), grant("remover", "*", ""))
		for _, p := range []backend.PolicyChange{{MaxVersions: ptr(5)}, {VersionDays: ptr(5)}, {RecoveryDays: ptr(0)}} {
			for _, who := range []*fixture{manager, remover} {
				who.mentions(who.refused(backend.ErrDenied, policy(p)), "delete", "keep less")
				equal(who, "trial", errors.Is(who.dry(policy(p))[0].Err, backend.ErrDenied), true)
				who.unstaged(backend.ErrDenied, policy(p))
			}
			both.must(policy(p))
		}
		manager.must(policy(backend.PolicyChange{MaxVersions: ptr(0), VersionDays: ptr(6), RecoveryDays: ptr(9)}))
		manager.must(policy(backend.PolicyChange{MaxSecrets: ptr(50)}))
	}},
}
