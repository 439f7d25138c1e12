// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
)

// tokenOf creates a token without rights. The hash belongs to no token that somebody has.
func tokenOf(name string) backend.Change {
	role := backend.RoleNone
	return backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: name, Role: &role,
		TokenHash: fmt.Appendf(nil, "%-32s", name)}
}

// accessGiveCases are about bindings and tokens that are made by callers who may not bind everywhere.
var accessGiveCases = []accessCase{
	{"bindings and tokens of one team leave places for others", func(f *accessFixture) {
		f.filled()
		lead := f.bound("lead", grant("admin", "dev", ""))
		give := func(names string) backend.Grant {
			g := grant("viewer", "dev", names)
			g.To = "token:lead"
			return g
		}
		var changes []backend.Change
		for i := range backend.MaxProjectBindings - 1 { // it has one
			changes = append(changes, binding(fmt.Sprint("b", i), give(fmt.Sprint("n", i))))
		}
		lead.mustInParts(changes)
		err := lead.refused(backend.ErrQuota, binding("more", give("more")))
		lead.mentions(err, "200", "may not bind everywhere")
		f.must(binding("more", give("more")))

		changes = nil
		for i := range backend.MaxMadeTokens {
			changes = append(changes, tokenOf(fmt.Sprint("t", i)))
		}
		lead.mustInParts(changes)
		lead.mentions(lead.refused(backend.ErrQuota, tokenOf("next")), "200", "that you made")
		f.must(tokenOf("next"))
	}},
	{"a token makes none that is valid for longer, or from more networks", func(f *accessFixture) {
		f.filled()
		limited := func(name string, expires *time.Time, networks ...string) (backend.Change, string) {
			token, hash := access.NewToken()
			c := tokenOf(name)
			c.TokenHash, c.ExpiresAt, c.SourceRanges = hash, expires, networks
			return c, token
		}
		end := time.Now().UTC().Add(48 * time.Hour).Truncate(time.Second)
		for _, kind := range backend.PrincipalKinds {
			name := string(kind)
			c, token := limited(name, &end, "127.0.0.0/8", "::1")
			c.Principal = &kind
			g := grant("admin", "dev", "")
			g.To = "token:" + name
			f.must(c, binding(name, g))
			maker := &fixture{T: f.T, Service: f.as(token)}

			later, never, sooner := end.Add(time.Second), time.Time{}, end.Add(-time.Hour)
			for _, wrong := range []*time.Time{&later, &never} {
				c, _ := limited(name+"-child", wrong, "127.0.0.0/8")
				maker.mentions(maker.refused(backend.ErrDenied, c), "valid for longer than yours")
			}
			for _, wrong := range [][]string{nil, {"10.0.0.0/8"}, {"126.0.0.0/7"}, {"127.0.0.1", "10.0.0.1"}, {"::/0"},
				{"0.0.0.0/0"}} {
				c, _ := limited(name+"-child", &sooner, wrong...)
				maker.refused(backend.ErrDenied, c)
			}
			c, token = limited(name+"-child", nil, "127.0.0.1", "::1")
			g.To = "token:" + c.Name
			out := maker.must(c, binding(c.Name, g))
			equal(maker, "expiry", out[0].Object.ExpiresAt.Equal(end), true)
			child := &fixture{T: f.T, Service: f.as(token)}
			c, _ = limited(name+"-grandchild", &sooner, "127.0.0.0/8")
			child.refused(backend.ErrDenied, c)
			c.SourceRanges = []string{"127.0.0.1"}
			child.must(c)
		}
		c, _ := limited("free", &time.Time{})
		f.must(c) // an admin makes tokens for others
	}},
	{"a person of a team makes no token for a workload", func(f *accessFixture) {
		f.filled()
		workload := tokenOf("program")
		workload.Principal = ptr(backend.Workload)
		lead := f.bound("lead", grant("admin", "dev", ""))
		lead.mentions(lead.refused(backend.ErrDenied, workload), `token "lead" is for a person`, "restricted")
		equal(lead, "trial", errors.Is(lead.dry(workload)[0].Err, backend.ErrDenied), true)
		lead.must(tokenOf("colleague"))

		token, hash := access.NewToken()
		pipeline := tokenOf("pipeline")
		pipeline.TokenHash, pipeline.Principal = hash, ptr(backend.Workload)
		g := grant("admin", "dev", "")
		g.To = "token:pipeline"
		f.must(pipeline, binding("pipeline", g))
		(&fixture{T: f.T, Service: f.as(token)}).must(workload)
		other := tokenOf("other")
		other.Principal = ptr(backend.Workload)
		f.must(other)
	}},
	{"a refusal says whether a right is needed at one place or everywhere", func(f *accessFixture) {
		f.filled()
		none, lead := f.bound("none"), f.bound("lead", grant("admin", "dev", ""))
		role := backend.RoleViewer
		viewer := tokenOf("viewer")
		viewer.Role = &role
		for _, c := range []backend.Change{tokenOf("x"), ownRole("x", backend.RightSee), binding("x", grant("viewer", "dev",
			""))} {
			err := none.refused(backend.ErrDenied, c)
			none.mentions(err, `token "none" has no binding with the right "bind"`)
			hinted := strings.Contains(err.Hint, "for a project: pouncet binding create NAME --role admin --to token:")
			equal(none, "hint", hinted, true)
		}
		for _, c := range []backend.Change{viewer, {Op: backend.OpDelete, Kind: backend.KindTrust, Name: "x"}} {
			err := lead.refused(backend.ErrDenied, c)
			lead.mentions(err, `token "lead" has the right "bind" at some places only, and needs it everywhere`)
		}
		query := func(who *fixture, kind backend.Kind, texts ...string) {
			who.Helper()
			_, err := who.Query(context.Background(), backend.Query{Kind: kind})
			e := backend.AsError(err)
			for _, text := range texts {
				if !strings.Contains(e.Message+"\n"+e.Hint, text) {
					who.Errorf("listing %s is refused with %q, %q; expected %q", kind.Plural(), e.Message, e.Hint, text)
				}
			}
		}
		for _, kind := range []backend.Kind{backend.KindToken, backend.KindRole, backend.KindGroup, backend.KindBinding} {
			query(none, kind, "has no binding with the right", "for a project: pouncet binding create NAME --role admin")
		}
		query(none, backend.KindTrust, "has no binding with the right", `use a token with role "admin"`)
		query(lead, backend.KindTrust, "at some places only, and needs it everywhere", `use a token with role "admin"`)
		query(none, backend.KindRecord, "has no binding with the right", "for a project: pouncet binding create NAME")
		query(lead, backend.KindRecord, "in parts of a project only, and needs it in all of a project to list records",
			"for a project: pouncet binding create NAME --role auditor --to token:")
	}},
	{"no binding gives the same as another one", func(f *accessFixture) {
		f.filled()
		lead := f.bound("lead", grant("admin", "dev", ""))
		g := grant("viewer", "dev", "db_*")
		g.To = "token:lead"
		lead.must(binding("one", g))
		for _, who := range []*fixture{lead, f.fixture} {
			who.mentions(who.refused(backend.ErrExists, binding("two", g)), `binding "one" gives the same`)
			who.must(backend.Change{Op: backend.OpSet, Kind: backend.KindBinding, Name: "one", Grant: &g})
		}
		g.Role = "runtime"
		lead.must(binding("two", g))
		g.Where.Scope = "app/x"
		lead.must(binding("three", g))
		equal(f.fixture, "bindings", namesOf(f.fixture, backend.Query{Kind: backend.KindBinding}), "lead-0 one three two")
	}},
	{"an answer that a name is taken tells no id of what the caller may not see", func(f *accessFixture) {
		f.filled()
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "hr"})
		f.bound("hidden", grant("runtime", "prod", ""))
		lead := f.bound("lead", grant("admin", "dev", ""))
		whole := f.bound("whole", backend.Grant{Role: "admin", Where: backend.Where{Project: project}})
		planner := f.bound("plan", backend.Grant{Role: "planner", Where: backend.Where{Project: project}})
		update := func(kind backend.Kind, name string) backend.Change {
			return backend.Change{Op: backend.OpUpdate, Kind: kind, Name: name}
		}
		env := update(backend.KindEnvironment, "dev")
		env.Project = project
		for _, name := range []string{"prod", "next"} { // taken or not
			err := lead.refused(backend.ErrDenied, renamedTo(env, name))
			lead.mentions(err, "rename", "manage")
			equal(lead, "trial", errors.Is(lead.dry(renamedTo(env, name))[0].Err, backend.ErrDenied), true)
		}
		for _, name := range []string{"hr", "next"} {
			c := renamedTo(update(backend.KindProject, project), name)
			whole.refused(backend.ErrDenied, c)
			equal(planner, "trial", errors.Is(planner.dry(c)[0].Err, backend.ErrDenied), true)
		}
		whole.must(renamedTo(env, "next"), renamedTo(backend.Change{Op: backend.OpUpdate, Kind: backend.KindEnvironment,
			Project: project, Name: "next"}, "dev"))
		f.must(renamedTo(update(backend.KindProject, project), "other"), renamedTo(update(backend.KindProject, "other"),
			project))

		g := grant("viewer", "dev", "")
		g.To = "token:lead"
		expected := tokenOf("hidden")
		expected.Expect = ptr(int64(0))
		for _, c := range []backend.Change{tokenOf("hidden"), expected, binding("hidden-0", g)} {
			err := lead.refused(backend.ErrExists, c)
			if err.Hint != "choose another name" {
				f.Errorf("the hint is %q", err.Hint)
			}
		}
		id := f.list(backend.Query{Kind: backend.KindToken, Name: "hidden"})[0].ID
		f.mentions(f.refused(backend.ErrExists, tokenOf("hidden")), "hidden")
		if err := f.refused(backend.ErrExists, tokenOf("hidden")); !strings.Contains(err.Hint, id) {
			f.Errorf("the hint for an admin is %q", err.Hint)
		}
		role := backend.RoleRuntime
		boss := tokenOf("boss")
		boss.Role = &role
		bossID := f.must(boss)[0].Object.ID
		g.To = "token:" + bossID
		lead.mentions(lead.refused(backend.ErrNotFound, binding("b", g)), "does not exist")
		g.To = "token:hidden"
		lead.refused(backend.ErrNotFound, binding("b", g))
		g.To = "token:" + id // somebody has given it to the lead
		lead.must(binding("b", g))
	}},
	{"a team lists and deletes the tokens that it made, and no others", func(f *accessFixture) {
		f.filled()
		lead := f.bound("lead", grant("admin", "dev", ""))
		f.bound("hidden", grant("runtime", "prod", ""))
		f.bound("bound", grant("viewer", "dev", ""), grant("viewer", "prod", ""))
		give := func(name string, to backend.Grant, who string) backend.Change {
			to.To = "token:" + who
			return binding(name, to)
		}
		lead.must(tokenOf("ci"), give("ci", grant("runtime", "dev", ""), "ci"), tokenOf("unbound"))
		tokens := func(who *fixture) string { f.Helper(); return namesOf(who, backend.Query{Kind: backend.KindToken}) }
		equal(lead, "tokens", tokens(lead), "bound ci lead unbound")
		revoke := func(name string) backend.Change {
			return backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: name}
		}
		missing := lead.refused(backend.ErrNotFound, revoke("missing"))
		equal(lead, "answer", strings.Replace(show(lead.refused(backend.ErrNotFound, revoke("hidden"))), "hidden", "missing",
			1), show(missing))
		lead.mentions(lead.refused(backend.ErrDenied, revoke("bound")), "you must have made it")
		lead.refused(backend.ErrDenied, revoke("lead"))
		f.must(give("more", grant("runtime", "prod", ""), "ci"))
		lead.refused(backend.ErrDenied, revoke("ci"))
		f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, Name: "more"})
		f.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindGroup, Name: "all", Members: []string{"token:ci"}},
			binding("all", backend.Grant{Role: "viewer", To: "group:all", Where: backend.Where{Project: project}}))
		lead.refused(backend.ErrDenied, revoke("ci"))
		f.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindGroup, Name: "all", Members: []string{}})
		lead.must(revoke("ci"), revoke("unbound"))
		equal(lead, "tokens", tokens(lead), "bound lead")
		equal(lead, "bindings", namesOf(lead, backend.Query{Kind: backend.KindBinding}), "bound-0 lead-0")
		workload := backend.Workload
		lead.must(tokenOf("again"))
		lead.refused(backend.ErrDenied, backend.Change{Op: backend.OpUpdate, Kind: backend.KindToken, Name: "again",
			Principal: &workload})
		other := f.bound("other", grant("admin", "dev", ""))
		other.refused(backend.ErrNotFound, revoke("again")) // not its own, and not bound
	}},
	{"the deletion of a token names the tokens that it made, which stay valid", func(f *accessFixture) {
		f.filled()
		lead := f.bound("lead", grant("admin", "dev", ""))
		lead.must(tokenOf("first"), tokenOf("second"))
		f.boundBy(lead, "third", grant("admin", "dev", "")).must(tokenOf("fourth"))
		f.must(tokenOf("other"))
		made := func(name string) (labels string) {
			for _, d := range f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, Name: name})[0].Dependents {
				labels += d.Label + ", "
			}
			return labels
		}
		equal(f.fixture, "made by other", made("other"), "")
		equal(f.fixture, "made by second", made("second"), "")
		equal(f.fixture, "made by lead", made("lead"), "token first, token fourth, token third, ")
		left := namesOf(f.fixture, backend.Query{Kind: backend.KindToken})
		equal(f.fixture, "tokens", strings.Contains(left, "third"), true)
	}},
	{"groups and roles are shown to who may bind them", func(f *accessFixture) {
		f.filled()
		f.must(ownRole("binder", backend.RightSee, backend.RightBind),
			described("why", ownRole("writer", backend.RightWrite)))
		binder := f.bound("binder", grant("binder", "dev", ""))
		f.bound("hidden", grant("runtime", "prod", ""))
		team := func(name string) backend.Change {
			return described("why", backend.Change{Op: backend.OpCreate, Kind: backend.KindGroup, Name: name,
				Members: []string{"token:hidden", "token:binder"}})
		}
		f.must(team("secret_team"), team("db_team"))
		group := f.list(backend.Query{Kind: backend.KindGroup, Name: "db_team"})[0]
		equal(binder, "groups", namesOf(binder, backend.Query{Kind: backend.KindGroup}), "")
		g := grant("viewer", "dev", "")
		g.To = "group:db_team"
		missing := g
		missing.To = "group:missing"
		equal(binder, "answer", strings.Replace(show(binder.refused(backend.ErrNotFound, binding("b", g))), "db_team",
			"missing", 1), show(binder.refused(backend.ErrNotFound, binding("b", missing))))
		g.To = "group:" + group.ID
		binder.must(binding("b", g))
		listed := binder.list(backend.Query{Kind: backend.KindGroup})
		equal(binder, "groups", len(listed), 1)
		equal(binder, "members", show(listed[0].Members), `["token:binder"]`)
		equal(binder, "description", listed[0].Name+listed[0].Description, "db_team")
		equal(binder, "roles", strings.Contains(namesOf(binder, backend.Query{Kind: backend.KindRole}), "writer"), false)
		for _, c := range []backend.Change{team("secret_team"), described("d", ownRole("writer", backend.RightSee))} {
			c.Op, c.Members = backend.OpSet, nil
			binder.refused(backend.ErrDenied, c)
			c.Op = backend.OpUpdate
			binder.refused(backend.ErrNotFound, c)
		}
		lead := f.bound("lead", grant("admin", "dev", ""))
		role := lead.list(backend.Query{Kind: backend.KindRole, Name: "writer"})[0]
		equal(lead, "role", show(role.Rights)+role.Description, `["write"]`)
		g = grant("writer", "dev", "")
		g.To = "token:lead"
		lead.must(binding("w", g))
		binder.list(backend.Query{Kind: backend.KindRole, Name: "writer"}) // a binding that it manages gives it
	}},
	{"a set that replaces the only binding for a group can name the group", func(f *accessFixture) {
		f.filled()
		f.must(ownRole("binder", backend.RightSee, backend.RightBind))
		binder := f.bound("binder", grant("binder", "dev", ""))
		f.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindGroup, Name: "team", Members: []string{"token:binder"}})
		id := f.list(backend.Query{Kind: backend.KindGroup, Name: "team"})[0].ID
		g := grant("viewer", "dev", "")
		g.To = "group:team"
		binder.mentions(binder.refused(backend.ErrNotFound, binding("b", g)), "ask an admin for the id")

		g.To = "group:" + id // somebody has given it to the binder
		binder.must(binding("b", g))
		remove := backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, Name: "b"}
		g.To, g.Where.Names = "group:team", "db_*"
		binder.must(remove, binding("b", g))
		binder.must(remove)
		binder.refused(backend.ErrNotFound, binding("b", g)) // it has no binding for the group any more
	}},
	{"guesses of tokens that made one another are counted together", func(f *accessFixture) {
		f.filled()
		f.must(ownRole("guesser", backend.RightCompare, backend.RightBind))
		guesser := f.bound("guesser", grant("guesser", "dev", ""))
		made := f.boundBy(guesser, "made", grant("guesser", "dev", ""))
		child := f.boundBy(made, "child", grant("guesser", "dev", ""))
		other := f.bound("other", grant("guesser", "dev", ""))
		guess := func(who *fixture, n int) (compared int) {
			f.Helper()
			for i := range n {
				if who.dry(secret("dev", "db_main", fmt.Sprint("guess", i)))[0].Unchecked == "" {
					compared++
				}
			}
			return compared
		}
		equal(guesser, "compared", guess(guesser, 60), 60)
		equal(made, "compared", guess(made, 45), 40)
		equal(child, "compared", guess(child, 3), 0)
		equal(other, "compared", guess(other, 3), 3)
	}},
	{"a repeated set tells nothing after the rights are gone", func(f *accessFixture) {
		f.filled()
		lead := f.bound("lead", grant("admin", "dev", ""), grant("viewer", "dev", "other"))
		token := binding("more", grant("viewer", "dev", ""))
		token.Grant.To = "token:lead"
		sets := map[string]backend.ChangeSet{
			"set":    {Changes: []backend.Change{secret("dev", "db_new", "v")}},
			"delete": {Changes: []backend.Change{remove(backend.KindSecret, "dev", "db_other")}},
			"stage":  {Changes: []backend.Change{secret("dev", "db_main", "v")}, Draft: "d"},
			"bind":   {Changes: []backend.Change{token}},
		}
		for name, set := range sets {
			set.IdempotencyKey = name
			lead.apply(set)
			lead.apply(set) // it is repeated while the rights are there
		}
		set := backend.ChangeSet{Changes: []backend.Change{draft(backend.OpDeploy)}, IdempotencyKey: "deploy"}
		lead.apply(set)
		lead.apply(set)
		sets["deploy"] = set
		for _, b := range []string{"lead-0", "more"} {
			f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindBinding, Name: b})
		}
		for name, set := range sets {
			set.IdempotencyKey = name
			out, err := lead.Apply(context.Background(), set)
			if !errors.Is(err, backend.ErrDenied) || len(out) > 0 {
				f.Errorf("the repeated set %q gives %s (%v)", name, show(out), err)
			}
		}
	}},
}
