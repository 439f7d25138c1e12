// SPDX-License-Identifier: MPL-2.0

package access

import (
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Assignment is one reason why a token has rights.
type Assignment struct {
	Token backend.Object
	// Binding is the name of the binding, "" if Role is that of the token itself. Group is the name of the group that the
	// binding is for, "" if it is for the token.
	Binding string
	Group   string
	Role    string
	Grant   Grant // with names instead of ids
}

// Assignments lists why tokens have rights, from what Query lists. It is for explanations: the names can be outdated.
func Assignments(tokens, roles, groups, bindings []backend.Object) []Assignment {
	rights := map[string][]backend.Right{}
	for _, r := range roles {
		rights[r.Name] = r.Rights
	}
	var out []Assignment
	for _, t := range tokens {
		if t.Role != backend.RoleNone {
			given, _ := backend.RightsOf(t.Role)
			out = append(out, Assignment{Token: t, Role: string(t.Role), Grant: Grant{Rights: given, Everywhere: true}})
			continue
		}
		mine := map[string]string{backend.ToToken + t.Name: ""}
		for _, g := range groups {
			if slices.Contains(g.Members, backend.ToToken+t.Name) {
				mine[backend.ToGroup+g.Name] = g.Name
			}
		}
		for _, b := range bindings {
			if b.Grant == nil {
				continue
			}
			if group, ok := mine[b.Grant.To]; ok {
				out = append(out, Assignment{Token: t, Binding: b.Name, Group: group, Role: b.Grant.Role,
					Grant: Grant{Rights: rights[b.Grant.Role], Where: b.Grant.Where}})
			}
		}
	}
	return out
}

// Has reports whether the assignment gives a right anywhere.
func (a Assignment) Has(right backend.Right) bool { return a.Grant.has(right) }

// Meets reports whether the assignment alone gives a right at some of the places that a place with names instead of ids
// stands for.
func (a Assignment) Meets(right backend.Right, at backend.Place) bool {
	return DecideSome([]Grant{a.Grant}, right, at)
}

// MayHave reports whether the assignment alone lets the token have the value of an entry, to use it or to show it.
func (a Assignment) MayHave(o backend.Object, at backend.Place) bool {
	if o.Kind == backend.KindSecret && o.Visibility != backend.Masked {
		return a.Token.Principal == backend.Workload && a.Gives(backend.RightResolve, at)
	}
	return a.Gives(backend.RightResolve, at) || a.Gives(backend.RightReveal, at)
}

// Gives reports whether the assignment alone gives a right at a place with names instead of ids.
func (a Assignment) Gives(right backend.Right, at backend.Place) bool {
	return Decide([]Grant{a.Grant}, right, at)
}
