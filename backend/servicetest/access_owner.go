// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"fmt"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// groupOf returns a creation of a group by the owner "shop". roleOf and bindingOf do the same.
func groupOf(name string, members ...string) backend.Change {
	return mine(backend.Change{Kind: backend.KindGroup, Name: name, Members: append([]string{}, members...)})
}

func roleOf(name string, rights ...backend.Right) backend.Change {
	return mine(ownRole(name, rights...))
}

func bindingOf(name, role, to string) backend.Change {
	return mine(binding(name, backend.Grant{Role: role, To: to, Where: backend.Where{Project: project}}))
}

// gives says what a binding gives, and to whom.
func (f *accessFixture) gives(id string) string {
	f.Helper()
	all := f.list(backend.Query{Kind: backend.KindBinding, ID: id})
	if len(all) == 0 {
		return "nothing"
	}
	return all[0].Grant.Role + " to " + all[0].Grant.To
}

// accessOwnerCases are about roles, groups and bindings that one owner changes in any order.
var accessOwnerCases = []accessCase{
	{"roles and groups of one owner exchange their names, and bindings keep their meaning", func(f *accessFixture) {
		a, b := f.one(roleOf("a", backend.RightSee)).Object, f.one(roleOf("b", backend.RightWrite)).Object
		g, h := f.one(groupOf("g")).Object, f.one(groupOf("h")).Object
		one := f.one(bindingOf("one", "a", "group:g")).Object
		equal(f.fixture, "displaced", f.one(moved(a, "b")).Displaced.Name, "b")
		equal(f.fixture, "held", f.held(backend.KindRole), "b (displaced)")
		equal(f.fixture, "roles", strings.Contains(namesOf(f.fixture, backend.Query{Kind: backend.KindRole}), "~"), false)
		f.refused(backend.ErrNotFound, bindingOf("two", "~"+b.ID, "group:h"))
		f.must(moved(b, "a"))
		f.must(moved(g, "h"), moved(h, "g"))
		equal(f.fixture, "binding", f.gives(one.ID), "b to group:h")
		equal(f.fixture, "held roles", f.held(backend.KindRole), "")
		two := f.one(bindingOf("two", "b", "group:g")).Object
		f.must(moved(one, "two"))
		equal(f.fixture, "held bindings", f.held(backend.KindBinding), "two (displaced)")
		equal(f.fixture, "a displaced binding", f.gives(two.ID), "b to group:g")
		f.must(moved(two, "one"))
		equal(f.fixture, "bindings", namesOf(f.fixture, backend.Query{Kind: backend.KindBinding}), "one two")
	}},
	{"a replaced role or group keeps its bindings, whichever step comes first", func(f *accessFixture) {
		f.environments("dev")
		f.must(secret("dev", "a", "v"))
		who := f.bound("ci")
		role := f.one(roleOf("own", backend.RightSee, backend.RightResolve)).Object
		group := f.one(groupOf("g", "token:ci")).Object
		given := f.one(bindingOf("given", "own", "group:g")).Object
		// The deletion first.
		f.must(replaced(role), replaced(group))
		equal(f.fixture, "held", f.held(backend.KindRole)+", "+f.held(backend.KindGroup), "own (replaced), g (replaced)")
		equal(who, "value in between", who.value(secretRef("dev", "a")), "v")
		f.refused(backend.ErrExists, created(of(other, ownRole("own", backend.RightSee))))
		f.refused(backend.ErrNotFound, created(of(other, bindingOf("theirs", role.ID, "token:ci"))))
		f.refused(backend.ErrNotFound, created(of(other, bindingOf("theirs", "viewer", "group:"+group.ID))))
		later := bindingOf("later", "own", "group:g") // before the creations
		later.Grant.Where.Environment = "dev"
		f.must(later)
		role2 := f.one(roleOf("own", backend.RightSee, backend.RightResolve, backend.RightWrite)).Object
		group2 := f.one(groupOf("g", "token:ci")).Object
		equal(f.fixture, "ids", role2.ID == role.ID && group2.ID == group.ID, true)
		equal(f.fixture, "binding", f.gives(given.ID), "own to group:g")
		who.must(secret("dev", "a", "w"))
		// The creation first.
		out := f.one(roleOf("own", backend.RightSee))
		equal(f.fixture, "taken over", out.Object.ID == role.ID && out.Displaced != nil, true)
		equal(f.fixture, "late deletion", f.one(gone(role2)).Action, backend.ActionUnchanged)
		who.refused(backend.ErrDenied, secret("dev", "a", "x"))
		f.refused(backend.ErrConflict, of(shop, backend.Change{Op: backend.OpUpdate, Kind: backend.KindRole, ID: role.ID,
			Incarnation: ptr(role2.Incarnation), Rights: []backend.Right{backend.RightWrite}}))
		f.refused(backend.ErrConflict, of(shop, backend.Change{Op: backend.OpUpdate, Kind: backend.KindGroup, ID: group.ID,
			Edition: ptr(group2.Edition + 1), Members: []string{}}))
	}},
	{"a role and a group that bindings of the owner use go with the last of them", func(f *accessFixture) {
		f.bound("ci")
		role, group := f.one(roleOf("own", backend.RightSee)).Object, f.one(groupOf("g")).Object
		one, two := f.one(bindingOf("one", "own", "group:g")).Object, f.one(bindingOf("two", "viewer", "group:g")).Object
		out := f.one(gone(role))
		equal(f.fixture, "dependents", out.Dependents[0].Label, "binding one")
		f.must(gone(group))
		equal(f.fixture, "held", f.held(backend.KindRole)+", "+f.held(backend.KindGroup), "own (in use), g (in use)")
		equal(f.fixture, "binding", f.gives(one.ID), "own to group:g")
		f.refused(backend.ErrNotFound, bindingOf("three", "own", "group:g"))
		for _, by := range []string{shop, other} { // its id gives no more than its name
			f.refused(backend.ErrNotFound, of(by, created(bindingOf("three", role.ID, "token:ci"))))
			f.refused(backend.ErrNotFound, of(by, created(bindingOf("three", "viewer", "group:"+group.ID))))
		}
		f.must(gone(one))
		equal(f.fixture, "held", f.held(backend.KindRole)+", "+f.held(backend.KindGroup), ", g (in use)")
		f.must(gone(two))
		equal(f.fixture, "held", f.held(backend.KindGroup), "")
		equal(f.fixture, "groups", namesOf(f.fixture, backend.Query{Kind: backend.KindGroup}), "")
		// A binding of somebody else blocks the deletion.
		role = f.one(roleOf("own", backend.RightSee)).Object
		f.must(groupOf("g"), created(of(other, bindingOf("theirs", "own", "group:g"))))
		f.mentions(f.refused(backend.ErrInUse, gone(role)), "binding theirs")
	}},
	{"trusts of one owner exchange their names, and bindings keep their meaning", func(f *accessFixture) {
		a, b := f.one(mine(trust(backend.OpCreate, "a", nil))).Object, f.one(mine(trust(backend.OpCreate, "b", nil))).Object
		one := f.one(bindingOf("one", "viewer", "trust:a/x")).Object
		f.must(groupOf("g", "trust:a"))
		equal(f.fixture, "displaced", f.one(moved(a, "b")).Displaced.Name, "b")
		equal(f.fixture, "held", f.held(backend.KindTrust), "b (displaced)")
		f.refused(backend.ErrNotFound, bindingOf("two", "viewer", "trust:~"+b.ID))
		two := f.one(bindingOf("two", "editor", "trust:"+b.ID)).Object
		equal(f.fixture, "binding of the displaced trust", f.gives(two.ID), "editor to trust:b")
		f.must(moved(b, "a"))
		equal(f.fixture, "bindings", f.gives(one.ID)+", "+f.gives(two.ID), "viewer to trust:b/x, editor to trust:a")
		equal(f.fixture, "members", show(f.list(backend.Query{Kind: backend.KindGroup, Name: "g"})[0].Members), `["trust:b"]`)
		equal(f.fixture, "held", f.held(backend.KindTrust), "")
	}},
	{"a replaced trust keeps its bindings, whichever step comes first", func(f *accessFixture) {
		first := f.one(mine(trust(backend.OpCreate, "ci", nil))).Object
		given := f.one(bindingOf("given", "viewer", "trust:ci")).Object
		f.must(groupOf("g", "trust:ci/x"))
		f.must(replaced(first)) // the deletion first
		equal(f.fixture, "held", f.held(backend.KindTrust), "ci (replaced)")
		equal(f.fixture, "trusts", namesOf(f.fixture, backend.Query{Kind: backend.KindTrust}), "")
		f.refused(backend.ErrExists, created(of(other, trust(backend.OpCreate, "ci", nil))))
		f.must(bindingOf("later", "editor", "trust:ci/y")) // before the creation
		second := f.one(mine(trust(backend.OpCreate, "ci", nil))).Object
		equal(f.fixture, "id", second.ID, first.ID)
		equal(f.fixture, "binding", f.gives(given.ID), "viewer to trust:ci")
		out := f.one(mine(trust(backend.OpCreate, "ci", nil))) // the creation first
		equal(f.fixture, "taken over", out.Object.ID == first.ID && out.Displaced != nil, true)
		equal(f.fixture, "late deletion", f.one(gone(second)).Action, backend.ActionUnchanged)
		equal(f.fixture, "members", show(f.list(backend.Query{Kind: backend.KindGroup, Name: "g"})[0].Members),
			`["trust:ci/x"]`)
	}},
	{"a trust that an owner deletes goes with what the owner gave it, and with nothing of others", func(f *accessFixture) {
		row := f.one(mine(trust(backend.OpCreate, "ci", nil))).Object
		one := f.one(bindingOf("one", "viewer", "trust:ci/x")).Object
		group := f.one(groupOf("g", "trust:ci")).Object
		theirs := f.one(created(of(other, bindingOf("theirs", "viewer", "trust:ci")))).Object
		f.mentions(f.refused(backend.ErrInUse, gone(row)), "binding theirs")
		f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, ID: theirs.ID})
		out := f.one(gone(row))
		equal(f.fixture, "dependents", fmt.Sprint(out.Dependents[0].Label, ", ", out.Dependents[1].Label),
			"binding one, group g")
		equal(f.fixture, "binding", f.gives(one.ID), "nothing")
		// The update of the group that the owner has planned comes after it.
		f.must(of(shop, backend.Change{Op: backend.OpUpdate, Kind: backend.KindGroup, ID: group.ID,
			Edition: ptr(group.Edition), Members: []string{}}))
		equal(f.fixture, "held", f.held(backend.KindTrust)+f.held(backend.KindGroup), "")
		// A person takes access away at once.
		f.must(mine(trust(backend.OpCreate, "ci", nil)), created(of(other, bindingOf("theirs", "viewer", "trust:ci"))))
		f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindTrust, Name: "ci"})
		equal(f.fixture, "bindings", namesOf(f.fixture, backend.Query{Kind: backend.KindBinding}), "")
	}},
	{"a binding that is replaced under its name gives what the new one says", func(f *accessFixture) {
		f.must(groupOf("g"), groupOf("h"))
		role := f.one(roleOf("own", backend.RightSee)).Object
		before := f.one(bindingOf("x", "own", "group:g")).Object
		f.must(gone(role))
		after := f.one(bindingOf("x", "viewer", "group:h")).Object // before its deletion
		equal(f.fixture, "id", after.ID, before.ID)
		equal(f.fixture, "binding", f.gives(after.ID), "viewer to group:h")
		equal(f.fixture, "the role that it gave", f.held(backend.KindRole), "")
		equal(f.fixture, "late deletion", f.one(gone(before)).Action, backend.ActionUnchanged)
		f.must(replaced(after))
		equal(f.fixture, "a deleted binding", f.gives(after.ID), "nothing")
		f.must(bindingOf("x", "editor", "group:g"))
		f.must(bindingOf("y", "editor", "group:g")) // a second one of the owner gives the same
		f.refused(backend.ErrExists, created(of(other, bindingOf("z", "editor", "group:g"))))
	}},
	{"nobody takes over a binding at places where they may not bind", func(f *accessFixture) {
		f.filled()
		f.must(groupOf("g"), mine(binding("x", backend.Grant{Role: "viewer", To: "group:g",
			Where: backend.Where{Project: project, Environment: "prod"}})), mine(binding("known", backend.Grant{Role: "editor",
			To: "group:g", Where: backend.Where{Project: project, Environment: "dev"}})))
		lead := f.bound("lead", grant("admin", "dev", "")) // knows the group
		here := mine(binding("x", backend.Grant{Role: "viewer", To: "group:g",
			Where: backend.Where{Project: project, Environment: "dev"}}))
		lead.refused(backend.ErrExists, here)
		here.Name = "y"
		y := lead.one(here).Object
		lead.refused(backend.ErrExists, moved(y, "x"))
		equal(f.fixture, "held", f.held(backend.KindBinding), "")
	}},
	{"nobody renames a binding that gives more than they may give", func(f *accessFixture) {
		f.filled()
		at := func(name, role string) backend.Change {
			return mine(binding(name, backend.Grant{Role: role, To: "group:g",
				Where: backend.Where{Project: project, Environment: "dev"}}))
		}
		f.must(groupOf("g"), ownRole("binder", backend.RightSee, backend.RightBind), at("x", "editor"))
		binder := f.bound("binder", grant("binder", "dev", ""))
		y := binder.one(at("y", "viewer")).Object
		binder.refused(backend.ErrExists, moved(y, "x"))
		equal(f.fixture, "held", f.held(backend.KindBinding), "")
		z := binder.one(at("z", "viewer")).Object
		equal(f.fixture, "displaced", binder.one(moved(y, "z")).Displaced.Name, "z") // what it may give
		binder.must(moved(z, "y"))
	}},
	{"a binding that takes over another one keeps to the limits", func(f *accessFixture) {
		f.filled()
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "hr"}, groupOf("g"), groupOf("h"))
		lead := f.bound("lead", grant("admin", "dev", ""), backend.Grant{Role: "admin", Where: backend.Where{Project: "hr"}})
		give := func(name, role, in string) backend.Change {
			w := backend.Where{Project: in}
			if in == project {
				w.Environment = "dev"
			}
			return mine(binding(name, backend.Grant{Role: role, To: "token:lead", Where: w}))
		}
		f.must(give("viewer-hr", "viewer", "hr"), give("editor-dev", "editor", project))
		// What another one gives.
		f.must(created(of(other, give("theirs", "planner", project))))
		lead.mentions(lead.refused(backend.ErrExists, give("viewer-hr", "planner", project)), "gives the same")
		// The part of the limit.
		var full []backend.Change
		for i := range backend.MaxProjectBindings - 3 {
			g := grant("viewer", "dev", fmt.Sprint("n", i))
			g.To = "token:lead"
			full = append(full, binding(fmt.Sprint("b", i), g))
		}
		f.mustInParts(full)
		lead.mentions(lead.refused(backend.ErrQuota, give("viewer-hr", "revealer", project)), "may not bind everywhere")
		lead.must(give("editor-dev", "auditor", project)) // it has its place already
		lead.must(give("viewer-hr", "editor", "hr"))
	}},
}
