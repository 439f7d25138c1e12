// SPDX-License-Identifier: MPL-2.0

package backend

// Visible is one of the places that a reference can see, without project and name.
type Visible struct {
	Scope       string
	Environment string // a name or an id, as the caller uses them; or AnyEnvironment
}

// LookupOrder lists the places that a reference with this scope and environment
// looks at, first match wins: the nearest scope first and, within a scope, the
// exact environment before AnyEnvironment. Nothing else is ever looked at.
func LookupOrder(scope, environment string) []Visible {
	var order []Visible
	for _, s := range []string{scope, ProjectScope} {
		order = append(order, Visible{s, environment}, Visible{s, AnyEnvironment})
		if scope == ProjectScope {
			break
		}
	}
	return order
}

// LookupRank says how near an entry is to a reference with this scope and
// environment: 0 if the reference cannot see it, otherwise higher is nearer. It
// is LookupOrder for a caller that has many candidates, and allocates nothing.
func LookupRank(entryScope, entryEnvironment, scope, environment string) int {
	rank := 1
	switch entryScope {
	case scope:
		rank += 2
	case ProjectScope:
	default:
		return 0
	}
	switch entryEnvironment {
	case environment:
		rank++
	case AnyEnvironment:
	default:
		return 0
	}
	return rank
}
