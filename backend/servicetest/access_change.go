// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"errors"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func ownedRole(op backend.Op, name string) backend.Change {
	return backend.Change{Op: op, Kind: backend.KindRole, Name: name}
}

// accessChangeCases are about changes, and about who may change rights.
var accessChangeCases = []accessCase{
	{"an editor changes what it is bound to, and nothing else", func(f *accessFixture) {
		f.filled()
		editor := f.bound("ci", grant("editor", "dev", "db_*"))
		editor.must(secret("dev", "db_new", "v"), secret("dev", "db_main", "x"))
		editor.refused(backend.ErrDenied, secret("dev", "new", "v"))
		editor.refused(backend.ErrDenied, renamedTo(update("dev", "db_main"), "main"))
		editor.must(renamedTo(update("dev", "db_new"), "db_newer"))
		editor.refused(backend.ErrDenied, environment("new"))
		editor.refused(backend.ErrDenied, policy(backend.PolicyChange{MaxSecrets: ptr(5)}))
		editor.refused(backend.ErrDenied, backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project,
			Name: "new", Schema: []byte(`{"type":"string"}`)})
		editor.must(remove(backend.KindSecret, "dev", "db_newer"))
		editor.must(backend.Change{Op: backend.OpRestore, Kind: backend.KindSecret, Project: project, Environment: "dev",
			Name: "db_newer"})
		editor.unresolved(backend.ErrDenied, secretRef("dev", "db_main")) // it does not have the right to resolve
		equal(f.fixture, "value", f.value(secretRef("dev", "db_main")), "x")
	}},
	{"an entry comes to no name where the caller may read it, unless it may read it now", func(f *accessFixture) {
		f.filled()
		f.must(ownRole("writer", backend.RightWrite, backend.RightDelete, backend.RightDeploy))
		w := f.bound("ci", grant("writer", "dev", ""), grant("runtime", "dev", "app_*"), grant("planner", "dev", "plan_*"),
			grant("revealer", "dev", "shown_*"))
		w.must(renamedTo(update("dev", "db_main"), "db_next"), renamedTo(update("dev", "db_next"), "db_main"))
		restored := backend.Change{Op: backend.OpRestore, Kind: backend.KindSecret, Project: project, Environment: "dev",
			Name: "db_other"}
		f.must(remove(backend.KindSecret, "dev", "db_other"))
		host := update("dev", "db_host")
		host.Kind = backend.KindScopedValue
		for _, name := range []string{"app_x", "plan_x", "shown_x"} {
			for _, c := range []backend.Change{update("dev", "db_main"), update("dev", "missing"), restored, host} {
				err := w.refused(backend.ErrDenied, renamedTo(c, name))
				w.mentions(err, "would give you the right", name)
			}
			w.unstaged(backend.ErrDenied, renamedTo(update("dev", "db_main"), name))
		}
		w.must(restored)
		f.stage(renamedTo(update("dev", "db_main"), "app_x")) // nor does it deploy what somebody else has staged
		w.mentions(w.refused(backend.ErrDenied, draft(backend.OpDeploy)), "would give you the right")
		f.must(draft(backend.OpDeploy))
		w.stage(renamedTo(update("dev", "app_x"), "app_y"))
		f.must(renamedTo(update("dev", "app_x"), "db_main"))
		w.mentions(w.refused(backend.ErrDenied, draft(backend.OpRefresh)), "would give you the right")
		f.must(renamedTo(update("dev", "db_main"), "app_x"))
		w.must(renamedTo(update("dev", "app_x"), "app_y"), renamedTo(update("dev", "app_y"), "db_main"))
		equal(f.fixture, "value", f.value(secretRef("dev", "db_main")), "1")
	}},
	{"protection is changed by who may bind, and taken off by who has all rights", func(f *accessFixture) {
		f.environments("dev", "prod")
		f.must(secret("prod", "db_main", "4"), secret("*", "db_shared", "5"))
		f.must(ownRole("manager", backend.RightManage), ownRole("lead", backend.RightManage, backend.RightBind))
		protection := func(env string, on bool) backend.Change {
			return backend.Change{Op: backend.OpUpdate, Kind: backend.KindEnvironment, Project: project, Name: env,
				Protected: &on}
		}
		reader := f.bound("reader", grant("runtime", "", ""))
		manager := f.bound("manager", grant("manager", "dev", ""), grant("manager", "prod", ""), grant("manager", "*", ""))
		one := f.bound("one", grant("lead", "dev", ""))
		boss := f.bound("boss", grant("lead", "", ""))
		c := protection("dev", true)
		manager.mentions(manager.refused(backend.ErrDenied, c), "bind")
		one.mentions(one.refused(backend.ErrDenied, c), `environment "dev"`) // it would take what all share
		for _, who := range []*fixture{manager, one} {
			who.unstaged(backend.ErrDenied, c)
		}
		equal(reader, "shared", reader.value(secretRef("prod", "db_shared")), "5")
		created := environment("test")
		created.Protected = ptr(true)
		f.bound("project", grant("manager", "", "")).refused(backend.ErrDenied, created)
		boss.must(protection("prod", true))
		one.must(protection("dev", true)) // the second one
		reader.unresolved(backend.ErrNotFound, secretRef("prod", "db_main"))

		prod := f.bound("prod", grant("lead", "", ""), grant("lead", "prod", ""), grant("lead", "dev", ""),
			grant("lead", "*", ""), grant("runtime", "", ""))
		admin := f.bound("admin", grant("admin", "", ""), grant("admin", "prod", ""), grant("admin", "*", ""))
		off := protection("prod", false)
		for _, who := range []*fixture{manager, prod, admin} {
			who.mentions(who.refused(backend.ErrDenied, off), "take the protection off", "protected environments included")
			who.unstaged(backend.ErrDenied, off)
			equal(who, "trial", errors.Is(who.dry(off)[0].Err, backend.ErrDenied), true)
		}
		admin.must(described("d", backend.Change{Op: backend.OpUpdate, Kind: backend.KindEnvironment, Project: project,
			Name: "prod"}))
		reader.unresolved(backend.ErrNotFound, secretRef("prod", "db_main"))
		f.must(binding("more", backend.Grant{Role: "admin", To: "token:admin",
			Where: backend.Where{Project: project, Environment: "dev"}}))
		admin.must(off)
		equal(reader, "opened", reader.value(secretRef("prod", "db_main")), "4")
		f.must(protection("dev", false), protection("dev", true)) // a token with a role
	}},
	{"a refused change leaves the whole set undone", func(f *accessFixture) {
		f.filled()
		editor := f.bound("ci", grant("editor", "dev", "db_*"))
		editor.refused(backend.ErrDenied, secret("dev", "db_main", "x"), secret("dev", "api_key", "x"))
		equal(f.fixture, "value", f.value(secretRef("dev", "db_main")), "1")
	}},
	{"a deletion tells nothing of dependents that the caller may not see", func(f *accessFixture) {
		f.filled()
		f.must(link("dev", "secret_alias", "db_other", ""))
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: project, Name: "repo",
			Usages: []backend.Usage{{Kind: backend.KindSecret, Name: "db_shared", Environment: "prod", File: "hidden.yaml"}}})
		editor := f.bound("ci", grant("editor", "dev", "db_*"), grant("editor", "*", ""))
		for _, c := range []backend.Change{remove(backend.KindSecret, "dev", "db_other"),
			remove(backend.KindSecret, "*", "db_shared")} {
			for _, force := range []bool{false, true} {
				c.Force = force
				err := editor.refused(backend.ErrInUse, c)
				editor.mentions(err, "entries that you may not see")
				editor.conceals(err, "secret_alias")
				editor.conceals(err, "hidden.yaml")
			}
		}
		f.must(binding("more", backend.Grant{Role: "editor", To: "token:ci",
			Where: backend.Where{Project: project, Environment: "dev", Names: "secret_alias"}}))
		c := remove(backend.KindSecret, "dev", "db_other")
		editor.mentions(editor.refused(backend.ErrInUse, c), "secret_alias")
		c.Force = true
		editor.must(c)
	}},
	{"a change of a draft names the staged change that its caller has seen", func(f *accessFixture) {
		f.filled()
		f.must(word("t"))
		ada, bea, cid := f.bound("ada", grant("editor", "", "")), f.bound("bea", grant("editor", "", "")),
			f.bound("cid", grant("editor", "", ""))
		objects := f.list(backend.Query{Kind: backend.KindSecret, Project: project, Environment: "dev", Name: "db_other"})
		main := backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: objects[0].ID}
		seen := func(id string, c backend.Change) backend.Change {
			c.StagedChange = &id
			return c
		}
		last := func() string { return f.staged()[0].ID }

		ada.stage(seen("", described("by ada", main)))
		ada.stage(seen("", described("by ada again", main)))
		bea.mentions(bea.unstaged(backend.ErrConflict, seen("", described("by bea", main))), "does not have the change",
			"read the draft again")
		before := last()
		cid.stage(seen(before, described("by cid", main)))
		err := bea.unstaged(backend.ErrConflict, seen(before, described("by bea", main)))
		equal(bea, "attribute", err.Attribute, backend.StagedChangeAttribute)
		gone := main
		gone.Op = backend.OpDelete
		bea.unstaged(backend.ErrConflict, seen(before, gone))
		bea.unstaged(backend.ErrConflict, seen("", secret("dev", "db_main", "new")), seen("", update("dev", "db_other")))
		equal(f.fixture, "changes", f.stagedAs(), "update db_other (description)")
		bea.stage(seen(last(), gone), seen("", secret("dev", "db_main", "new")))
		cid.mentions(cid.unstaged(backend.ErrConflict, seen("", described("by cid", main))), "does not have the change")
		cid.stage(described("by cid", plain("dev", "db_host", `"h"`))) // names no change
		equal(f.fixture, "changes", f.stagedAs(), "delete db_other; update db_main (value); update db_host (description)")

		stranger := f.bound("dan", grant("editor", "dev", "api_*")) // the staged change is as hidden as the secret
		stranger.unstaged(backend.ErrNotFound, seen("", described("by dan", main)))
		bea.unstaged(backend.ErrConflict, seen("no such change", described("by bea", word("t"))))
		bea.refused(backend.ErrInvalid, seen("", described("by bea", main)))
	}},
	{"a draft is deployed by who may deploy all its changes", func(f *accessFixture) {
		f.filled()
		editor := f.bound("ci", grant("editor", "dev", "db_*"))
		equal(editor, "staged", editor.stage(secret("dev", "db_main", "x"))[0].Action, backend.ActionUpdate)
		editor.unstaged(backend.ErrDenied, secret("dev", "api_key", "x"))
		f.stage(secret("dev", "api_key", "y"))
		equal(editor, "changes", len(editor.staged()), 1)
		listed := func() backend.Object {
			return editor.list(backend.Query{Kind: backend.KindDraft, Project: project})[0]
		}
		equal(editor, "counted", *listed().Changes, 1)
		if all := f.list(backend.Query{Kind: backend.KindDraft, Project: project})[0]; listed().Revision == all.Revision ||
			listed().Edition == all.Edition {
			editor.Errorf("the revision of a draft counts the hidden changes: %d", all.Revision)
		}
		editor.stage(secret("dev", "db_other", "z")) // beside a change that it may not see
		for _, op := range []backend.Op{backend.OpDeploy, backend.OpDelete} {
			editor.mentions(editor.refused(backend.ErrDenied, draft(op)), "changes that you may not see")
		}
		viewer := f.bound("viewer", grant("viewer", "dev", ""))
		viewer.refused(backend.ErrDenied, draft(backend.OpDeploy))
		viewer.refused(backend.ErrDenied, draft(backend.OpDelete))
		viewer.refused(backend.ErrDenied, draft(backend.OpSet))
		f.must(ownRole("release", backend.RightDeploy))
		deployer := f.bound("release", grant("release", "dev", ""))
		deployer.refused(backend.ErrDenied, secret("dev", "api_key", "x"))
		expecting := draft(backend.OpDeploy)
		expecting.Expect = new(listed().Revision)
		f.stage(secret("dev", "api_key", "y2"))
		deployer.refused(backend.ErrConflict, expecting)
		expecting.Expect = new(listed().Revision)
		deployer.must(expecting)
		equal(f.fixture, "deployed", f.value(secretRef("dev", "api_key")), "y2")
	}},
	{"a staged change becomes none of an object that the caller may not see or change", func(f *accessFixture) {
		f.filled()
		f.must(secret("dev", "db_move", "old"), ownRole("writer", backend.RightSee, backend.RightWrite))
		writer := f.bound("ci", grant("writer", "dev", "db_*"), grant("viewer", "dev", "seen_*"))
		writer.stage(secret("dev", "db_move", "attack"))
		refresh := func() *backend.Error {
			f.Helper()
			return writer.refused(backend.ErrConflict, draft(backend.OpRefresh))
		}
		f.must(renamedTo(update("dev", "db_move"), "app_moved"))
		hidden := refresh()
		f.must(remove(backend.KindSecret, "dev", "app_moved"))
		equal(writer, "of a deleted object", show(refresh()), show(hidden))
		f.must(backend.Change{Op: backend.OpRestore, Kind: backend.KindSecret, Project: project, Environment: "dev",
			Name: "app_moved"}, renamedTo(update("dev", "app_moved"), "seen_moved"))
		writer.mentions(writer.refused(backend.ErrDenied, draft(backend.OpRefresh)), "write")
		f.must(renamedTo(update("dev", "seen_moved"), "db_moved"))
		writer.must(draft(backend.OpRefresh))
		f.must(draft(backend.OpDeploy))
		equal(f.fixture, "deployed", f.value(secretRef("dev", "db_moved")), "attack")
	}},
	{"a deployment, and a look at it, name only what the caller may see", func(f *accessFixture) {
		f.filled()
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: project, Name: "used",
			Schema: []byte(`{"type":"string"}`)})
		f.must(ownRole("release", backend.RightSee, backend.RightDeploy), ownRole("look", backend.RightSee,
			backend.RightCompare))
		all := backend.Where{Project: project}
		deployer := f.bound("release", backend.Grant{Role: "release", Where: all})
		planner := f.bound("look", backend.Grant{Role: "look", Where: all})
		dev := f.bound("dev", grant("release", "dev", "db_*"))
		conceals := func(who *fixture, names ...string) {
			f.Helper()
			trial := who.dry(draft(backend.OpDeploy))
			text := show(trial) + show(backend.AsError(trial[0].Err))
			for _, p := range trial[0].Parts {
				text += show(p.Err)
			}
			if who != planner {
				text += show(who.refused(backend.ErrInUse, draft(backend.OpDeploy)))
			}
			if !strings.Contains(text, "entries that you may not see") {
				f.Errorf("the answer does not say that the caller lacks the right to see what uses the object: %s", text)
			}
			for _, n := range names {
				if strings.Contains(text, n) {
					f.Errorf("the answer names %s: %s", n, text)
				}
			}
		}
		f.stage(backend.Change{Op: backend.OpDelete, Kind: backend.KindSecretType, Project: project, Name: "used"})
		hidden := f.must(typed("used", secret("prod", "merger", "v")))[0].Object.ID
		conceals(deployer, "merger", "prod", hidden)
		conceals(planner, "merger", "prod", hidden)

		f.must(draft(backend.OpDelete))
		f.stage(remove(backend.KindSecret, "dev", "db_other"))
		hidden = f.must(link("dev", "hidden_alias", "db_other", ""))[0].Object.ID
		conceals(dev, "hidden_alias", hidden)

		f.must(draft(backend.OpDelete))
		force := remove(backend.KindSecret, "dev", "db_other")
		force.Force = true
		f.must(remove(backend.KindScopedValue, "dev", "hidden_alias"))
		f.stage(force)
		f.must(link("dev", "hidden_alias", "db_other", ""))
		conceals(dev, "hidden_alias")
		deployer.must(draft(backend.OpDeploy)) // it may deploy changes of the link too
	}},
	{"usages are registered where the caller may register them", func(f *accessFixture) {
		f.filled()
		usages := func(env string, names ...string) backend.Change {
			c := backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: project, Name: "repo",
				Usages: []backend.Usage{}}
			for _, n := range names {
				c.Usages = append(c.Usages, backend.Usage{Kind: backend.KindSecret, Name: n, Environment: env, File: "a.yaml"})
			}
			return c
		}
		f.must(usages("prod", "db_main"))
		ci := f.bound("ci", grant("runtime", "dev", "db_*"))
		equal(ci, "usages", namesOf(ci, backend.Query{Kind: backend.KindUsage, Project: project}), "")
		ci.must(usages("dev", "db_main"))
		ci.refused(backend.ErrDenied, usages("dev", "api_key"))
		ci.refused(backend.ErrNotFound, usages("prod", "db_main"))
		ci.must(usages("dev"))
		equal(f.fixture, "usages", namesOf(f.fixture, backend.Query{Kind: backend.KindUsage, Project: project}), "db_main")
		f.bound("viewer", grant("viewer", "dev", "")).refused(backend.ErrDenied, usages("dev"))
	}},
	{"nobody gives more than they have", func(f *accessFixture) {
		f.filled()
		f.must(environment("test"))
		lead := f.bound("lead", grant("admin", "dev", ""))
		give := func(g backend.Grant, to string) backend.Change { g.To = to; return binding("b", g) }
		f.bound("ci")
		id := f.list(backend.Query{Kind: backend.KindToken, Name: "ci"})[0].ID
		for _, g := range []backend.Grant{grant("viewer", "test", ""), grant("viewer", "prod", ""), grant("viewer", "", ""),
			{Role: "viewer"}} {
			if _, err := lead.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
				give(g, "token:"+id)}}); !errors.Is(err, backend.ErrDenied) && !errors.Is(err, backend.ErrNotFound) {
				lead.Errorf("giving %+v: %v", g, err)
			}
		}
		lead.must(give(grant("editor", "dev", "db_*"), "token:"+id))
		lead.refused(backend.ErrNotFound, backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, Name: "none"})
		lead.refused(backend.ErrDenied, ownRole("own", backend.RightSee))
		lead.refused(backend.ErrDenied, backend.Change{Op: backend.OpSet, Kind: backend.KindGroup, Name: "g"})
		role, none := backend.RoleViewer, backend.RoleNone
		token := backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: "t", Role: &role,
			TokenHash: []byte(strings.Repeat("h", 32))}
		lead.refused(backend.ErrDenied, token)
		token.Role = &none
		lead.must(token, backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: "t",
			Grant: &backend.Grant{Role: "viewer", To: "token:t", Where: backend.Where{Project: project, Environment: "dev"}}})
		equal(lead, "bindings", namesOf(lead, backend.Query{Kind: backend.KindBinding}), "b lead-0 t")
		f.must(binding("elsewhere", backend.Grant{Role: "viewer", To: "token:lead", Where: backend.Where{Project: project,
			Environment: "test"}}))
		equal(lead, "bindings", namesOf(lead, backend.Query{Kind: backend.KindBinding}), "b lead-0 t")
		lead.refused(backend.ErrNotFound, backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, Name: "elsewhere"})
		// A caller who may bind in all unprotected environments neither revokes nor changes a token, which can have more
		// rights.
		f.must(ownRole("binder", backend.RightSee, backend.RightBind))
		binder := f.bound("binder", backend.Grant{Role: "binder"})
		f.bound("prod", grant("runtime", "prod", ""))
		workload := backend.Workload
		for _, name := range []string{"prod", "binder", "ci"} {
			binder.refused(backend.ErrDenied, backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: name})
			binder.refused(backend.ErrDenied, backend.Change{Op: backend.OpUpdate, Kind: backend.KindToken, Name: name,
				Principal: &workload})
		}
		none2 := f.bound("other", grant("editor", "dev", ""))
		none2.refused(backend.ErrDenied, give(grant("viewer", "dev", ""), "token:"+id))
	}},
	{"own roles and groups give rights", func(f *accessFixture) {
		f.filled()
		f.must(ownRole("rotate", backend.RightWrite, backend.RightSee))
		ci := f.bound("ci")
		f.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindGroup, Name: "pipelines",
			Members: []string{"token:ci"}},
			binding("p", backend.Grant{Role: "rotate", To: "group:pipelines", Where: backend.Where{Project: project,
				Environment: "dev"}}))
		ci.must(secret("dev", "db_main", "x"))
		ci.refused(backend.ErrDenied, remove(backend.KindSecret, "dev", "db_main"))
		got := f.list(backend.Query{Kind: backend.KindBinding, Name: "p"})[0]
		equal(f.fixture, "grant", show(got.Grant),
			`{"role":"rotate","to":"group:pipelines","where":{"project":"default","environment":"dev"}}`)
		members := f.list(backend.Query{Kind: backend.KindGroup, Name: "pipelines"})[0].Members
		equal(f.fixture, "members", show(members), `["token:ci"]`)
		equal(f.fixture, "roles", namesOf(f.fixture, backend.Query{Kind: backend.KindRole}),
			"admin auditor editor planner revealer rotate runtime viewer")
		f.must(renamedTo(ownedRole(backend.OpUpdate, "rotate"), "turn"))
		ci.must(secret("dev", "db_main", "y"))
		f.refused(backend.ErrInUse, ownedRole(backend.OpDelete, "turn"))
		f.refused(backend.ErrInUse, backend.Change{Op: backend.OpDelete, Kind: backend.KindGroup, Name: "pipelines"})
		c := ownedRole(backend.OpUpdate, "turn")
		c.Rights = []backend.Right{backend.RightSee}
		f.must(c)
		ci.refused(backend.ErrDenied, secret("dev", "db_main", "z"))
		f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindGroup, Name: "pipelines", Members: []string{}})
		ci.refused(backend.ErrNotFound, secret("dev", "db_main", "z"))
	}},
	{"a change of bindings has its effect at once", func(f *accessFixture) {
		f.filled()
		ci := f.bound("ci", grant("runtime", "dev", ""))
		equal(ci, "value", ci.value(secretRef("dev", "db_main")), "1")
		f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, Name: "ci-0"})
		ci.unresolved(backend.ErrNotFound, secretRef("dev", "db_main"))
		f.must(binding("again", backend.Grant{Role: "runtime", To: "token:ci", Where: backend.Where{Project: project}}))
		equal(ci, "value", ci.value(secretRef("dev", "db_main")), "1")
		c := environment("dev")
		c.Protected = ptr(true)
		f.must(c)
		ci.unresolved(backend.ErrNotFound, secretRef("dev", "db_main"))
	}},
	{"a binding follows a rename, and not a new object of the name", func(f *accessFixture) {
		f.filled()
		ci := f.bound("ci", grant("runtime", "dev", ""))
		c := environment("dev")
		c.Op = backend.OpUpdate
		f.must(renamedTo(c, "next"))
		equal(ci, "value", ci.value(secretRef("next", "db_main")), "1")
		f.must(environment("dev"), secret("dev", "db_main", "other"))
		ci.unresolved(backend.ErrNotFound, secretRef("dev", "db_main"))
	}},
	{"wrong roles, groups and bindings are refused", func(f *accessFixture) {
		f.filled()
		f.bound("ci")
		ok := backend.Grant{Role: "viewer", To: "token:ci"}
		with := func(change func(g *backend.Grant)) backend.Change { g := ok; change(&g); return binding("b", g) }
		f.refused(backend.ErrInvalid, backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: "b"})
		f.refused(backend.ErrNotFound, with(func(g *backend.Grant) { g.Role = "none" }))
		f.refused(backend.ErrNotFound, with(func(g *backend.Grant) { g.Role = "" }))
		f.refused(backend.ErrNotFound, with(func(g *backend.Grant) { g.To = "token:nobody" }))
		f.refused(backend.ErrNotFound, with(func(g *backend.Grant) { g.To = "group:nobody" }))
		f.refused(backend.ErrInvalid, with(func(g *backend.Grant) { g.To = "ci" }))
		f.refused(backend.ErrInvalid, with(func(g *backend.Grant) { g.Where.Environment = "dev" }))
		f.refused(backend.ErrInvalid, with(func(g *backend.Grant) { g.Where.Names = "a.b" }))
		f.refused(backend.ErrInvalid, with(func(g *backend.Grant) { g.Where.Scope = "other" }))
		f.refused(backend.ErrNotFound, with(func(g *backend.Grant) { g.Where.Project = "nothing" }))
		f.refused(backend.ErrInvalid, ownRole("r", "fly"))
		f.refused(backend.ErrInvalid, ownRole("r", backend.RightSee, backend.RightSee))
		f.refused(backend.ErrDenied, ownRole("viewer", backend.RightSee))
		f.refused(backend.ErrDenied, ownedRole(backend.OpDelete, "admin"))
		f.must(binding("b", ok))
		f.refused(backend.ErrExists, binding("b", ok))
		c := with(func(g *backend.Grant) { g.Role = "admin" })
		c.Op = backend.OpUpdate
		f.refused(backend.ErrImmutable, c)
		f.must(described("why", backend.Change{Op: backend.OpUpdate, Kind: backend.KindBinding, Name: "b"}))
		f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: "ci"})
		equal(f.fixture, "bindings", len(f.list(backend.Query{Kind: backend.KindBinding})), 0)
	}},
}
