// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"fmt"

	"github.com/pouncet/terraform-provider-pouncet/backend"
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
		lead.must(changes...)
		err := lead.refused(backend.ErrQuota, binding("more", give("more")))
		lead.mentions(err, "200", "may not bind everywhere")
		f.must(binding("more", give("more")))

		changes = nil
		for i := range backend.MaxMadeTokens {
			changes = append(changes, tokenOf(fmt.Sprint("t", i)))
		}
		lead.must(changes...)
		lead.mentions(lead.refused(backend.ErrQuota, tokenOf("next")), "200", "that you made")
		f.must(tokenOf("next"))
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
}
