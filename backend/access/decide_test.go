// SPDX-License-Identifier: MPL-2.0

package access

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// prod is a protected environment of the project "p".
func prod(name string) backend.Place {
	return backend.Place{Project: "p", Environment: "prod", Scope: "project", Name: name, Protected: true}
}

func dev(name string) backend.Place {
	return backend.Place{Project: "p", Environment: "dev", Scope: "project", Name: name}
}

func TestDecide(t *testing.T) {
	in := func(w backend.Where, rights ...backend.Right) []Grant { return []Grant{{Rights: rights, Where: w}} }
	other := dev("a")
	other.Project = "q"
	app := dev("a")
	app.Scope = "app/x"
	for i, c := range []struct {
		grants []Grant
		right  backend.Right
		at     backend.Place
		want   bool
	}{
		{nil, backend.RightSee, dev("a"), false},
		{in(backend.Where{}, backend.RightSee), backend.RightSee, dev("a"), true},
		{in(backend.Where{}, backend.RightSee), backend.RightWrite, dev("a"), false},
		{in(backend.Where{}, backend.RightWrite), backend.RightSee, dev("a"), true},
		{in(backend.Where{}, backend.RightBind, backend.RightAudit, backend.RightRegister), backend.RightSee, dev("a"),
			false},
		{in(backend.Where{}, backend.RightSee), backend.RightSee, prod("a"), false},
		{in(backend.Where{Project: "p"}, backend.RightSee), backend.RightSee, prod("a"), false},
		{in(backend.Where{Project: "p", Environment: "prod"}, backend.RightSee), backend.RightSee, prod("a"), true},
		{in(backend.Where{Project: "p", Environment: "prod"}, backend.RightSee), backend.RightSee, dev("a"), false},
		{in(backend.Where{Project: "p"}, backend.RightSee), backend.RightSee, other, false},
		{in(backend.Where{Scope: "project"}, backend.RightSee), backend.RightSee, app, false},
		{in(backend.Where{Scope: "app/x"}, backend.RightSee), backend.RightSee, app, true},
		{in(backend.Where{Names: "db_*"}, backend.RightSee), backend.RightSee, dev("db_main"), true},
		{in(backend.Where{Names: "db_*"}, backend.RightSee), backend.RightSee, dev("db"), false},
		{in(backend.Where{Names: "*_key*"}, backend.RightSee), backend.RightSee, dev("api_key_2"), true},
		{in(backend.Where{Names: "a"}, backend.RightSee), backend.RightSee, dev("ab"), false},
		// A place with empty fields stands for all: one grant must cover them.
		{in(backend.Where{Project: "p"}, backend.RightManage), backend.RightManage, backend.Place{Project: "p"}, true},
		{in(backend.Where{Project: "p", Environment: "dev"}, backend.RightManage), backend.RightManage,
			backend.Place{Project: "p"}, false},
		{in(backend.Where{Project: "p", Names: "a*"}, backend.RightManage), backend.RightManage,
			backend.Place{Project: "p"}, false},
		{in(backend.Where{Project: "p"}, backend.RightManage), backend.RightManage, backend.Place{}, false},
		{[]Grant{{Rights: []backend.Right{backend.RightSee}, Everywhere: true}}, backend.RightSee, prod("a"), true},
	} {
		if got := Decide(c.grants, c.right, c.at); got != c.want {
			t.Errorf("case %d: %v, %s at %+v: %v", i, c.grants, c.right, c.at, got)
		}
		if got := NewPermissions(c.grants).May(c.right, c.at); got != c.want {
			t.Errorf("case %d: the permissions say %v", i, got)
		}
	}
}

// Nobody gives more than they have.
func TestMayGive(t *testing.T) {
	has := []Grant{{Rights: []backend.Right{backend.RightWrite},
		Where: backend.Where{Project: "p", Environment: "dev", Names: "db_*"}}}
	for _, c := range []struct {
		right     backend.Right
		where     backend.Where
		protected bool
		want      bool
	}{
		{backend.RightWrite, backend.Where{Project: "p", Environment: "dev", Names: "db_*"}, false, true},
		{backend.RightWrite, backend.Where{Project: "p", Environment: "dev", Names: "db_main"}, false, true},
		{backend.RightWrite, backend.Where{Project: "p", Environment: "dev", Names: "db_main_*"}, false, true},
		{backend.RightWrite, backend.Where{Project: "p", Environment: "dev", Scope: "app/x", Names: "db_*"}, false, true},
		{backend.RightSee, backend.Where{Project: "p", Environment: "dev", Names: "db_*"}, false, true},
		{backend.RightDelete, backend.Where{Project: "p", Environment: "dev", Names: "db_*"}, false, false},
		{backend.RightWrite, backend.Where{Project: "p", Environment: "dev"}, false, false},
		{backend.RightWrite, backend.Where{Project: "p", Environment: "dev", Names: "d*"}, false, false},
		{backend.RightWrite, backend.Where{Project: "p", Environment: "dev", Names: "*db_*"}, false, false},
		{backend.RightWrite, backend.Where{Project: "p", Environment: "prod", Names: "db_*"}, true, false},
		{backend.RightWrite, backend.Where{Project: "p", Names: "db_*"}, false, false},
		{backend.RightWrite, backend.Where{}, false, false},
	} {
		if got := MayGive(has, c.right, c.where, c.protected); got != c.want {
			t.Errorf("%s, %+v: %v", c.right, c.where, got)
		}
	}
	everything := []Grant{{Rights: backend.Rights, Where: backend.Where{}}}
	if MayGive(everything, backend.RightSee, backend.Where{Project: "p", Environment: "prod"}, true) {
		t.Error("a binding of all unprotected environments gives a protected one")
	}
}

// What may be given never allows more than the giver has: each place of the new binding is one of the giver.
func TestGivenRightsAreThoseOfTheGiver(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	given := 0
	for range 20_000 {
		grants := randomGrants(random, 1+random.IntN(3))
		right := backend.Rights[random.IntN(len(backend.Rights))]
		where := randomWhere(random)
		if !MayGive(grants, right, where, where.Environment == "prod" || where.Environment == "*") {
			continue
		}
		given++
		next := []Grant{{Rights: []backend.Right{right}, Where: where}}
		for range 20 {
			at := randomPlace(random)
			if Decide(next, right, at) && !Decide(grants, right, at) {
				t.Fatalf("%+v may give %s at %+v, and has it not at %+v", grants, right, where, at)
			}
		}
	}
	if given < 100 {
		t.Errorf("only %d bindings may be given", given)
	}
}

// Permissions answers as Decide does, with many grants.
func TestPermissionsAnswersAsDecide(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	allowed := 0
	for range 500 {
		grants := randomGrants(random, random.IntN(12))
		p := NewPermissions(grants)
		for range 100 {
			right, at := backend.Rights[random.IntN(len(backend.Rights))], randomPlace(random)
			want := Decide(grants, right, at)
			if p.May(right, at) != want {
				t.Fatalf("%+v, %s at %+v: want %v", grants, right, at, want)
			}
			if want {
				allowed++
			}
		}
	}
	if allowed < 1000 {
		t.Errorf("only %d decisions allow something", allowed)
	}
}

func pick(random *rand.Rand, from ...string) string { return from[random.IntN(len(from))] }

func randomWhere(random *rand.Rand) backend.Where {
	w := backend.Where{Project: pick(random, "", "p", "q"), Scope: pick(random, "", "", "project", "app/x"),
		Names: pick(random, "", "", "a", "a*", "aa*", "ab*", "xa*b", "*b", "a*b", "*", "*a*b*", "ab")}
	if w.Project != "" {
		w.Environment = pick(random, "", "dev", "prod", "*")
	}
	return w
}

func randomGrants(random *rand.Rand, n int) []Grant {
	grants := make([]Grant, n)
	for i := range grants {
		for range 1 + random.IntN(3) {
			grants[i].Rights = append(grants[i].Rights, backend.Rights[random.IntN(len(backend.Rights))])
		}
		if grants[i].Everywhere = random.IntN(20) == 0; !grants[i].Everywhere {
			grants[i].Where = randomWhere(random)
		}
	}
	return grants
}

func randomPlace(random *rand.Rand) backend.Place {
	p := backend.Place{Project: pick(random, "p", "q"), Environment: pick(random, "dev", "prod", "*"),
		Scope: pick(random, "project", "app/x"), Name: pick(random, "a", "b", "ab", "aab", "ba", "abc", "xabyb")}
	p.Protected = p.Environment != "dev"
	return p
}

// BenchmarkMay decides with grants for one name each, and with grants for a pattern each.
func BenchmarkMay(b *testing.B) {
	run := func(n int, names string) {
		var grants []Grant
		for i := range n {
			grants = append(grants, Grant{Rights: []backend.Right{backend.RightResolve},
				Where: backend.Where{Project: "p", Environment: "dev", Names: fmt.Sprintf(names, i)}})
		}
		p := NewPermissions(grants)
		b.Run(fmt.Sprint(n, " for ", fmt.Sprintf(names, 0)), func(b *testing.B) {
			for b.Loop() {
				if !p.May(backend.RightResolve, dev("secret_0")) {
					b.Fatal("refused")
				}
			}
		})
	}
	for _, n := range []int{1, 1000} {
		run(n, "secret_%d")
		run(n, "secret_%d*")
	}
}

// A place that is protected is met by the grants that name it.
func TestDecideSomeOfAProtectedEnvironment(t *testing.T) {
	project := []Grant{{Rights: []backend.Right{backend.RightWrite}, Where: backend.Where{Project: "p", Names: "db_*"}}}
	named := []Grant{{Rights: []backend.Right{backend.RightWrite},
		Where: backend.Where{Project: "p", Environment: "prod", Names: "db_*"}}}
	everywhere := []Grant{{Rights: []backend.Right{backend.RightWrite}, Everywhere: true}}
	protected := backend.Place{Project: "p", Environment: "prod", Protected: true}
	open := backend.Place{Project: "p", Environment: "dev"}
	for i, c := range []struct {
		grants []Grant
		in     backend.Place
		want   bool
	}{
		{project, protected, false}, {project, open, true}, {named, protected, true}, {named, open, false},
		{everywhere, protected, true}, {project, backend.Place{Project: "p"}, true},
	} {
		if DecideSome(c.grants, backend.RightWrite, c.in) != c.want {
			t.Errorf("case %d is not %v", i, c.want)
		}
	}
}
