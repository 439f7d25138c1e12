// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// trust returns a change of a trust.
func trust(op backend.Op, name string, change func(*backend.Trust)) backend.Change {
	t := backend.Trust{Issuer: "https://issuer.example.com", Audience: "pouncet", Principal: backend.Workload,
		Claims: map[string]string{"sub": "repo:acme/*"}}
	if change != nil {
		change(&t)
	}
	return backend.Change{Op: op, Kind: backend.KindTrust, Name: name, Trust: &t}
}

func boundTo(name, to string) backend.Change {
	g := grant("viewer", "dev", "")
	g.To = to
	return binding(name, g)
}

var trustCases = []accessCase{
	{"a trust is created, changed, listed and deleted", func(f *accessFixture) {
		f.must(trust(backend.OpCreate, "ci", nil))
		equal(f.fixture, "action", f.must(trust(backend.OpSet, "ci", nil))[0].Action, backend.ActionUnchanged)
		same := trust(backend.OpSet, "ci", func(t *backend.Trust) {
			t.Subject, t.SessionMinutes = "sub", backend.DefaultSessionMinutes
		})
		equal(f.fixture, "action with the defaults", f.must(same)[0].Action, backend.ActionUnchanged)
		narrower := trust(backend.OpSet, "ci", func(t *backend.Trust) { t.Claims["ref"] = "refs/heads/main" })
		out := f.must(narrower)[0]
		equal(f.fixture, "outcome", fmt.Sprint(out.Action, out.Changed), "update[trust]")
		got := f.list(backend.Query{Kind: backend.KindTrust})
		equal(f.fixture, "trust", show(got[0].Trust), show(narrower.Trust))
		f.must(renamedTo(backend.Change{Op: backend.OpUpdate, Kind: backend.KindTrust, Name: "ci"}, "github"))
		equal(f.fixture, "trusts", namesOf(f.fixture, backend.Query{Kind: backend.KindTrust}), "github")
		f.refused(backend.ErrExists, trust(backend.OpCreate, "github", nil))
		f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindTrust, Name: "github"})
		equal(f.fixture, "trusts", namesOf(f.fixture, backend.Query{Kind: backend.KindTrust}), "")
		f.refused(backend.ErrNotFound, backend.Change{Op: backend.OpDelete, Kind: backend.KindTrust, Name: "github"})
	}},
	{"bindings and groups name a trust or one of its subjects", func(f *accessFixture) {
		f.filled()
		f.must(trust(backend.OpCreate, "ci", nil), boundTo("all", "trust:ci"), boundTo("one", "trust:ci/repo:acme/x"),
			backend.Change{Op: backend.OpCreate, Kind: backend.KindGroup, Name: "g",
				Members: []string{"trust:ci/b", "trust:ci"}})
		to := func(name string) string {
			return f.list(backend.Query{Kind: backend.KindBinding, Name: name})[0].Grant.To
		}
		members := func() string { return show(f.list(backend.Query{Kind: backend.KindGroup, Name: "g"})[0].Members) }
		equal(f.fixture, "bindings", to("all")+" "+to("one"), "trust:ci trust:ci/repo:acme/x")
		equal(f.fixture, "members", members(), `["trust:ci","trust:ci/b"]`)
		f.must(renamedTo(backend.Change{Op: backend.OpUpdate, Kind: backend.KindTrust, Name: "ci"}, "github"))
		equal(f.fixture, "after the rename", to("one"), "trust:github/repo:acme/x")
		f.refused(backend.ErrNotFound, boundTo("b", "trust:ci"))
		f.refused(backend.ErrNotFound, boundTo("b", "trust:/x"))
		f.refused(backend.ErrInvalid, boundTo("b", "trust:github/"))
		f.refused(backend.ErrInvalid, boundTo("b", "trust:github/a\nb"))
		for _, pattern := range []string{"trust:github/*", "trust:github/repo:acme/*"} {
			f.mentions(f.refused(backend.ErrInvalid, boundTo("b", pattern)), "names one subject and takes no pattern")
			f.refused(backend.ErrInvalid, backend.Change{Op: backend.OpSet, Kind: backend.KindGroup, Name: "g",
				Members: []string{pattern}})
		}
		f.refused(backend.ErrTooLarge, boundTo("b", "trust:github/"+strings.Repeat("x", backend.MaxSubjectBytes+1)))
		f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindTrust, Name: "github"})
		equal(f.fixture, "bindings of the deleted trust", namesOf(f.fixture, backend.Query{Kind: backend.KindBinding}), "")
		equal(f.fixture, "members of the deleted trust", members(), "null")
	}},
	{"only who has all rights everywhere sees and changes trusts", func(f *accessFixture) {
		f.filled()
		f.must(trust(backend.OpCreate, "ci", nil))
		id := f.list(backend.Query{Kind: backend.KindTrust})[0].ID
		lead := f.bound("lead", grant("admin", "dev", ""))
		for _, c := range []backend.Change{trust(backend.OpCreate, "new", nil), trust(backend.OpSet, "ci", nil),
			{Op: backend.OpDelete, Kind: backend.KindTrust, Name: "ci"}, {Op: backend.OpDelete, Kind: backend.KindTrust, ID: id},
			{Op: backend.OpDelete, Kind: backend.KindTrust, Name: "none"}} {
			lead.refused(backend.ErrDenied, c)
		}
		if _, err := lead.Query(context.Background(), backend.Query{Kind: backend.KindTrust}); !errors.Is(err,
			backend.ErrDenied) {
			lead.Errorf("listing trusts gives %v", err)
		}
		lead.refused(backend.ErrNotFound, boundTo("b", "trust:ci")) // it may not know the name
		lead.must(boundTo("b", "trust:"+id))                        // what it gives is its own
	}},
	{"a trust in certificates has conditions on their names", func(f *accessFixture) {
		mesh := func(op backend.Op, change func(*backend.Trust)) backend.Change {
			return trust(op, "mesh", func(t *backend.Trust) {
				*t = backend.Trust{Certificate: true, Principal: backend.Workload,
					Claims: map[string]string{backend.ClaimURI: "spiffe://acme.example/*"}}
				if change != nil {
					change(t)
				}
			})
		}
		f.filled()
		f.must(mesh(backend.OpCreate, nil), boundTo("pay", "trust:mesh/spiffe://acme.example/pay"))
		byDefault := mesh(backend.OpSet, func(t *backend.Trust) { t.Subject = backend.ClaimURI })
		equal(f.fixture, "action with the default", f.must(byDefault)[0].Action, backend.ActionUnchanged)
		names := mesh(backend.OpSet, func(t *backend.Trust) { t.Subject = backend.ClaimDNS })
		equal(f.fixture, "action", f.must(names)[0].Action, backend.ActionUpdate)
		equal(f.fixture, "trust", show(f.list(backend.Query{Kind: backend.KindTrust})[0].Trust), show(names.Trust))
		for problem, change := range map[string]func(*backend.Trust){
			"cannot have issuer":                   func(t *backend.Trust) { t.Issuer = "https://issuer.example.com" },
			"cannot have audience":                 func(t *backend.Trust) { t.Audience = "a" },
			"cannot have reuse":                    func(t *backend.Trust) { t.Reuse = true },
			"cannot have any_subject":              func(t *backend.Trust) { t.AnySubject = true },
			"cannot have keys":                     func(t *backend.Trust) { t.Keys = []byte(`{"keys": [{"kty": "OKP"}]}`) },
			"a certificate has no claim \"sub\"":   func(t *backend.Trust) { t.Subject = "sub" },
			"a certificate has no claim \"cn\"":    func(t *backend.Trust) { t.Claims["cn"] = "pay" },
			"a certificate has no claim \"SAN_URI": func(t *backend.Trust) { t.Claims["SAN_URI"] = "pay" },
			"the trust has no condition":           func(t *backend.Trust) { t.Claims[backend.ClaimURI] = "**" },
			"a condition of the trust is empty":    func(t *backend.Trust) { t.Claims[backend.ClaimDNS] = "" },
		} {
			f.mentions(f.refused(backend.ErrInvalid, mesh(backend.OpSet, change)), problem)
		}
		f.refused(backend.ErrInvalid, trust(backend.OpCreate, "ci", func(t *backend.Trust) { t.Issuer = "" }))
		equal(f.fixture, "trust after all", show(f.list(backend.Query{Kind: backend.KindTrust})[0].Trust), show(names.Trust))
	}},
	{"wrong trusts are refused", func(f *accessFixture) {
		wrong := func(is *backend.Error, change func(*backend.Trust)) {
			f.Helper()
			f.refused(is, trust(backend.OpCreate, "ci", change))
		}
		for _, issuer := range []string{"", "issuer.example.com", "http://issuer.example.com", "https://", "ftp://x",
			"https://a@issuer.example.com", "https://issuer.example.com?x=y", "https://issuer.example.com#x",
			"http://127.0.0.1.example.com", "https://issuer\u202e.example.com"} {
			wrong(backend.ErrInvalid, func(t *backend.Trust) { t.Issuer = issuer })
		}
		wrong(backend.ErrTooLarge, func(t *backend.Trust) { t.Issuer += "/" + strings.Repeat("x", 1024) })
		wrong(backend.ErrInvalid, func(t *backend.Trust) { t.Audience = "" })
		wrong(backend.ErrInvalid, func(t *backend.Trust) { t.Principal = "robot" })
		wrong(backend.ErrInvalid, func(t *backend.Trust) { t.Claims = nil })
		wrong(backend.ErrInvalid, func(t *backend.Trust) { t.Claims = map[string]string{"sub": "**"} })
		for _, name := range []string{"", "iss", "aud", "exp", "iat", "nbf", "jti"} {
			wrong(backend.ErrInvalid, func(t *backend.Trust) { t.Claims[name] = "x" })
		}
		wrong(backend.ErrInvalid, func(t *backend.Trust) { t.Claims["ref"] = "" })
		wrong(backend.ErrInvalid, func(t *backend.Trust) { t.Claims["ref"] = "a\x00" })
		wrong(backend.ErrTooLarge, func(t *backend.Trust) { t.Claims["ref"] = strings.Repeat("x", 1025) })
		wrong(backend.ErrTooLarge, func(t *backend.Trust) {
			for n := range backend.MaxTrustClaims {
				t.Claims[fmt.Sprint("c", n)] = "x"
			}
		})
		wrong(backend.ErrInvalid, func(t *backend.Trust) { t.SessionMinutes = -1 })
		wrong(backend.ErrInvalid, func(t *backend.Trust) { t.SessionMinutes = backend.MaxSessionMinutes + 1 })
		wrong(backend.ErrInvalid, func(t *backend.Trust) { t.Keys = []byte(`{"keys": []}`) })
		wrong(backend.ErrTooLarge, func(t *backend.Trust) {
			t.Keys = []byte(`{"keys": ["` + strings.Repeat("x", backend.MaxTrustKeysBytes) + `"]}`)
		})
		f.refused(backend.ErrInvalid, backend.Change{Op: backend.OpCreate, Kind: backend.KindTrust, Name: "ci"})
		f.refused(backend.ErrInvalid, trust(backend.OpCreate, "a/b", nil))
		equal(f.fixture, "trusts", namesOf(f.fixture, backend.Query{Kind: backend.KindTrust}), "")
		f.must(trust(backend.OpCreate, "any", func(t *backend.Trust) { t.Claims, t.AnySubject = nil, true }),
			trust(backend.OpCreate, "local", func(t *backend.Trust) { t.Issuer = "http://127.0.0.1:8080/realm" }))
	}},
}
