// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
)

// RunAccess runs the cases about the rights of tokens. For each case, open returns a new Service as for Run, and a
// function that returns a Service for the bearer of a token.
func RunAccess(t *testing.T, open func(t *testing.T) (admin backend.Service, as func(token string) backend.Service)) {
	for _, c := range slices.Concat(accessCases, scopeAccessCases, accessChangeCases, accessLinkCases, accessGiveCases,
		accessOwnerCases, accessRecordCases, trustCases) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			admin, as := open(t)
			c.run(&accessFixture{&fixture{T: t, Service: admin}, as})
		})
	}
}

// RunAccessAgain is RunAccess for a Service over one whose tests run the suite too. With -short, it is skipped.
func RunAccessAgain(
	t *testing.T, open func(t *testing.T) (admin backend.Service, as func(token string) backend.Service),
) {
	if testing.Short() {
		t.Skip("SKIPPED: runs again the suite that the engine runs: run without -short")
	}
	RunAccess(t, open)
}

type accessCase struct {
	name string
	run  func(f *accessFixture)
}

// accessFixture is a fixture whose Service is that of an admin.
type accessFixture struct {
	*fixture
	as func(token string) backend.Service
}

// bound creates a token with bindings, and returns a fixture for its bearer.
func (f *accessFixture) bound(name string, grants ...backend.Grant) *fixture {
	f.Helper()
	return f.boundBy(f.fixture, name, grants...)
}

// boundBy is bound for a token that somebody else makes.
func (f *accessFixture) boundBy(by *fixture, name string, grants ...backend.Grant) *fixture {
	f.Helper()
	token, hash := access.NewToken()
	role := backend.RoleNone
	changes := []backend.Change{{Op: backend.OpCreate, Kind: backend.KindToken, Name: name, Role: &role, TokenHash: hash}}
	for i, g := range grants {
		g.To = backend.ToToken + name
		changes = append(changes, binding(fmt.Sprint(name, "-", i), g))
	}
	by.must(changes...)
	return &fixture{T: f.T, Service: f.as(token)}
}

func binding(name string, g backend.Grant) backend.Change {
	return backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding, Name: name, Grant: &g}
}

// grant gives a role in an environment of the project, for names that match a pattern.
func grant(role, env, names string) backend.Grant {
	return backend.Grant{Role: role, Where: backend.Where{Project: project, Environment: env, Names: names}}
}

func ownRole(name string, rights ...backend.Right) backend.Change {
	return backend.Change{Op: backend.OpCreate, Kind: backend.KindRole, Name: name, Rights: rights}
}

// filled makes the entries that the cases use. The environment prod is protected.
func (f *accessFixture) filled() {
	f.Helper()
	protected := environment("prod")
	protected.Protected = ptr(true)
	f.must(environment("dev"), protected, secret("dev", "db_main", "1"), secret("dev", "db_other", "2"),
		secret("dev", "api_key", "3"), secret("prod", "db_main", "4"), secret("*", "db_shared", "5"),
		in("app/x", secret("dev", "db_main", "6")), plain("dev", "db_host", `"h"`), link("dev", "alias", "db_main", ""),
		link("dev", "db_alias", "api_key", ""))
}

// namesOf lists the names that a query returns.
func namesOf(f *fixture, q backend.Query) string {
	f.Helper()
	all, err := backend.ListAll(context.Background(), f.Service, q)
	if err != nil {
		f.Fatalf("querying: %v", err)
	}
	var names []string
	for _, o := range all {
		names = append(names, o.Name)
	}
	return strings.Join(names, " ")
}

var accessCases = []accessCase{
	{"a token without a role may do nothing before it is bound", func(f *accessFixture) {
		f.filled()
		none := f.bound("ci")
		equal(none, "projects", namesOf(none, backend.Query{Kind: backend.KindProject}), "")
		none.unresolved(backend.ErrNotFound, secretRef("dev", "db_main"))
		none.refused(backend.ErrNotFound, secret("dev", "db_main", "x"))
		none.refused(backend.ErrDenied, backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "new"})
		none.refused(backend.ErrNotFound, remove(backend.KindSecret, "dev", "db_main"))
		_, err := none.Query(context.Background(), backend.Query{Kind: backend.KindSecret, Project: project})
		if !errors.Is(err, backend.ErrNotFound) {
			none.Errorf("listing secrets gives %v", err)
		}
		for _, kind := range []backend.Kind{backend.KindToken, backend.KindRole, backend.KindGroup, backend.KindBinding,
			backend.KindTrust} {
			if _, err := none.Query(context.Background(), backend.Query{Kind: kind}); !errors.Is(err, backend.ErrDenied) {
				none.Errorf("listing %s gives %v", kind.Plural(), err)
			}
		}
	}},
	{"a binding gives the rights of its role at its places", func(f *accessFixture) {
		f.filled()
		ci := f.bound("ci", grant("runtime", "dev", "db_*"))
		equal(ci, "projects", namesOf(ci, backend.Query{Kind: backend.KindProject}), project)
		equal(ci, "environments", namesOf(ci, backend.Query{Kind: backend.KindEnvironment, Project: project}), "dev")
		equal(ci, "secrets", namesOf(ci, backend.Query{Kind: backend.KindSecret, Project: project}),
			"db_main db_main db_other")
		equal(ci, "values", namesOf(ci, backend.Query{Kind: backend.KindScopedValue, Project: project}), "db_alias db_host")
		equal(ci, "value", ci.value(secretRef("dev", "db_main")), "1")
		equal(ci, "scoped value", ci.value(valueRef("dev", "db_host")), "h")
		ci.refused(backend.ErrDenied, secret("dev", "db_main", "x"))
		ci.refused(backend.ErrDenied, remove(backend.KindSecret, "dev", "db_main"))
		ref := secretRef("dev", "db_main")
		ref.Reveal = true
		ci.unresolved(backend.ErrDenied, ref)
		equal(ci, "counted", *ci.list(backend.Query{Kind: backend.KindProject})[0].Secrets, 3)
	}},
	{"what one may not see is as what does not exist", func(f *accessFixture) {
		f.filled()
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: "hidden"})
		f.must(environment("test"), secret("test", "db_main", "7"))
		ids := map[string]string{}
		for _, o := range f.list(backend.Query{Kind: backend.KindSecret, Project: project, Environment: "dev"}) {
			ids[o.Name] = o.ID
		}
		editor := f.bound("ci", grant("editor", "dev", "db_*"), grant("runtime", "dev", "db_*"))
		const noID = "01890a5d-ac96-774b-bcce-b302099a8057"
		same := func(hidden, missing any) { // with the name or id of what is missing
			f.Helper()
			a := strings.NewReplacer("api_key", "N", "missing", "N", ids["api_key"], "I", noID, "I", "hidden", "P",
				"no_such", "P", "prod", "E", "none", "E").Replace(show(hidden))
			b := strings.NewReplacer("missing", "N", noID, "I", "no_such", "P", "none", "E").Replace(show(missing))
			if a != b {
				f.Errorf("hidden: %s\nmissing: %s", a, b)
			}
		}
		for _, ref := range []func(name string) backend.Ref{
			func(n string) backend.Ref { return secretRef("dev", n) },
			func(n string) backend.Ref { r := secretRef("dev", n); r.Version = "1"; return r },
			func(n string) backend.Ref { r := secretRef("dev", n); r.Field = "a"; return r },
		} {
			same(editor.resolve(ref("api_key"))[0], editor.resolve(ref("missing"))[0])
		}
		answer := func(set backend.ChangeSet) any {
			out, err := editor.Apply(context.Background(), set)
			return []any{out, backend.AsError(err)}
		}
		for _, dry := range []bool{false, true} {
			for _, op := range []backend.Op{backend.OpUpdate, backend.OpDelete, backend.OpRestore, backend.OpSet,
				backend.OpCreate} {
				for _, draft := range []string{"", "d"} {
					try := func(c backend.Change) any {
						c.Op = op
						return answer(backend.ChangeSet{Changes: []backend.Change{c}, DryRun: dry, Draft: draft})
					}
					at := func(name, env, project string) backend.Change {
						return backend.Change{Kind: backend.KindSecret, Project: project, Environment: env, Name: name}
					}
					same(try(at("api_key", "dev", project)), try(at("missing", "dev", project)))
					same(try(at("a", "prod", project)), try(at("a", "none", project)))
					same(try(at("a", "dev", "hidden")), try(at("a", "dev", "no_such")))
					same(try(backend.Change{Kind: backend.KindSecret, ID: ids["api_key"]}),
						try(backend.Change{Kind: backend.KindSecret, ID: noID}))
					same(try(backend.Change{Kind: backend.KindEnvironment, Project: project, Name: "prod"}),
						try(backend.Change{Kind: backend.KindEnvironment, Project: project, Name: "none"}))
					same(try(backend.Change{Kind: backend.KindProject, Name: "hidden"}),
						try(backend.Change{Kind: backend.KindProject, Name: "no_such"}))
				}
			}
		}
		for _, q := range []backend.Query{{Kind: backend.KindSecret, Project: project}, {Kind: backend.KindVersion,
			Project: project, Environment: "dev"}, {Kind: backend.KindUsage, Project: project}} {
			list := func(name, id string) any {
				q.Name, q.ID = name, id
				page, err := editor.Query(context.Background(), q)
				return []any{page, backend.AsError(err)}
			}
			same(list("api_key", ""), list("missing", ""))
			same(list("", ids["api_key"]), list("", noID))
		}
		q := func(q backend.Query) any {
			page, err := editor.Query(context.Background(), q)
			return []any{page, backend.AsError(err)}
		}
		same(q(backend.Query{Kind: backend.KindSecret, Project: "hidden"}), q(backend.Query{Kind: backend.KindSecret,
			Project: "no_such"}))
		same(q(backend.Query{Kind: backend.KindSecret, Project: project, Environment: "prod"}),
			q(backend.Query{Kind: backend.KindSecret, Project: project, Environment: "none"}))
		same(q(backend.Query{Kind: backend.KindSecret, ID: ids["api_key"]}),
			q(backend.Query{Kind: backend.KindSecret, ID: noID}))
		same(q(backend.Query{Kind: backend.KindProject, Name: "hidden"}), q(backend.Query{Kind: backend.KindProject,
			Name: "no_such"}))
	}},
	{"an error names only what the caller may see", func(f *accessFixture) {
		f.filled()
		f.must(secret("prod", "only_prod", "v"), secret("dev", "api_keys", "v"))
		ci := f.bound("ci", grant("runtime", "dev", "db_*"))
		err := ci.unresolved(backend.ErrNotFound, secretRef("dev", "only_prod"))
		if len(err.Environments) > 0 || err.Suggestion != "" {
			f.Errorf("the error is %s", show(err))
		}
		if err := ci.unresolved(backend.ErrNotFound, secretRef("dev", "api_kex")); err.Suggestion != "" {
			f.Errorf("the error is %s", show(err))
		}
		equal(ci, "suggestion", ci.unresolved(backend.ErrNotFound, secretRef("dev", "db_maim")).Suggestion, "db_main")
		if err := ci.unresolved(backend.ErrNotFound, secretRef("prd", "db_main")); strings.Contains(err.Error(), "prod") {
			f.Errorf("the error names a hidden environment: %v", err)
		}
	}},
	{"an entry that is hidden hides no other", func(f *accessFixture) {
		f.filled()
		f.must(secret("*", "api_key", "shared"))
		first := f.bound("first", grant("runtime", "dev", "api_key"))
		for range 2 { // the second time from memory
			equal(first, "all visible", first.value(secretRef("dev", "api_key")), "3")
		}
		shared := f.bound("shared", grant("runtime", "*", ""), grant("viewer", "dev", "nothing"))
		for range 2 {
			equal(shared, "shared", shared.value(secretRef("dev", "api_key")), "shared")
		}
	}},
	{"a link needs the right to its secret", func(f *accessFixture) {
		f.filled()
		ci := f.bound("ci", grant("runtime", "dev", "db_*"))
		err := ci.unresolved(backend.ErrNotFound, valueRef("dev", "db_alias"))
		ci.mentions(err, "links to secret", "does not exist")
		both := f.bound("both", grant("runtime", "dev", "db_*"), grant("viewer", "dev", "api_key"))
		both.mentions(both.unresolved(backend.ErrDenied, valueRef("dev", "db_alias")), "resolve", "pouncet binding create")
	}},
	{"a protected environment must be named, and so must what all environments share", func(f *accessFixture) {
		f.filled()
		all := f.bound("all", backend.Grant{Role: "runtime", Where: backend.Where{Project: project}})
		equal(all, "dev", all.value(secretRef("dev", "db_main")), "1")
		all.unresolved(backend.ErrNotFound, secretRef("prod", "db_main"))
		all.unresolved(backend.ErrNotFound, secretRef("dev", "db_shared"))
		named := f.bound("named", grant("runtime", "prod", ""), grant("runtime", "*", ""))
		equal(named, "prod", named.value(secretRef("prod", "db_main")), "4")
		equal(named, "shared", named.value(secretRef("prod", "db_shared")), "5")
		admin := f.bound("boss", backend.Grant{Role: "admin"})
		admin.refused(backend.ErrDenied, secret("prod", "new", "v"))
		admin.refused(backend.ErrDenied, backend.Change{Op: backend.OpUpdate, Kind: backend.KindEnvironment, Project: project,
			Name: "prod", Protected: ptr(false)})
		admin.must(secret("dev", "new", "v"))
	}},
	{"pages are full", func(f *accessFixture) {
		f.environments("dev", "test")
		var changes []backend.Change
		for i := range 20 {
			changes = append(changes, secret("dev", fmt.Sprintf("a%02d", i), "v"), secret("test", fmt.Sprintf("b%02d", i), "v"),
				secret("dev", fmt.Sprintf("c%02d", i), "v"))
		}
		f.must(changes...)
		ci := f.bound("ci", grant("viewer", "dev", "c*"))
		page, err := ci.Query(context.Background(), backend.Query{Kind: backend.KindSecret, Project: project, Limit: 15})
		if err != nil || len(page.Objects) != 15 || page.Next == "" {
			f.Fatalf("the first page has %d objects (%v)", len(page.Objects), err)
		}
		page, err = ci.Query(context.Background(), backend.Query{Kind: backend.KindSecret, Project: project, Limit: 15,
			Cursor: page.Next})
		if err != nil || len(page.Objects) != 5 || page.Next != "" {
			f.Fatalf("the second page has %d objects (%v)", len(page.Objects), err)
		}
	}},
	{"a list of entries has and counts only what the caller may see", func(f *accessFixture) {
		f.filled()
		f.must(link("*", "shared_alias", "db_main", ""))
		f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: project, Name: "repo",
			Usages: []backend.Usage{{Kind: backend.KindSecret, Name: "db_main", Environment: "prod", File: "a.yaml"},
				{Kind: backend.KindSecret, Name: "db_main", Environment: "dev", File: "a.yaml"}}})
		viewer := f.bound("ci", grant("viewer", "dev", "db_*"))
		q := backend.Query{Kind: backend.KindEntry, Project: project, Scope: backend.ProjectScope}
		page, err := viewer.Query(context.Background(), q)
		if err != nil {
			f.Fatal(err)
		}
		var got []string
		for _, o := range page.Objects {
			got = append(got, fmt.Sprint(o.Name, o.Environments, *o.UsedBy))
		}
		equal(viewer, "entries", strings.Join(got, " "), "db_alias[dev] 0 db_host[dev] 0 db_main[dev] 1 db_other[dev] 0")
		equal(viewer, "total", *page.Total, 4)
	}},
	{"a planner tries changes without making them", func(f *accessFixture) {
		f.filled()
		planner := f.bound("plan", grant("planner", "dev", "db_*"))
		equal(planner, "trial", planner.dry(secret("dev", "db_main", "1"))[0].Action, backend.ActionUnchanged)
		equal(planner, "trial", planner.dry(secret("dev", "db_main", "x"))[0].Action, backend.ActionUpdate)
		planner.refused(backend.ErrDenied, secret("dev", "db_main", "x"))
		staged := planner.apply(backend.ChangeSet{Draft: "d", DryRun: true,
			Changes: []backend.Change{secret("dev", "db_main", "x")}})
		if !errors.Is(staged[0].Err, backend.ErrDenied) {
			f.Errorf("a trial of staging gives %v", staged[0].Err)
		}
		if out := planner.dry(secret("dev", "api_key", "x")); !errors.Is(out[0].Err, backend.ErrDenied) {
			f.Errorf("a trial elsewhere gives %v", out[0].Err)
		}
		equal(f.fixture, "changed", f.value(secretRef("dev", "db_main")), "1")
	}},
}
