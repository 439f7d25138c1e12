// SPDX-License-Identifier: MPL-2.0

package access

import (
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Grant is what one binding gives a principal: the rights of its role, at some places.
type Grant struct {
	Rights []backend.Right
	Where  backend.Where // with ids
	// Everywhere includes all protected environments. Where is then empty. The role of a token is such a grant.
	Everywhere bool
}

// includesSee lists the rights that include the right to see. What a principal may change or use is no secret to it.
var includesSee = []backend.Right{backend.RightResolve, backend.RightReveal, backend.RightCompare, backend.RightWrite,
	backend.RightDelete, backend.RightManage, backend.RightDeploy}

// has reports whether the grant includes a right, wherever that is.
func (g Grant) has(right backend.Right) bool {
	if slices.Contains(g.Rights, right) {
		return true
	}
	return right == backend.RightSee && slices.ContainsFunc(g.Rights, func(r backend.Right) bool {
		return slices.Contains(includesSee, r)
	})
}

// Decide reports whether one of the grants gives a right at a place. Without a grant, nothing is allowed. A place with
// an empty field stands for all places that have any value there, and one grant must cover all of them.
func Decide(grants []Grant, right backend.Right, at backend.Place) bool {
	return slices.ContainsFunc(grants, func(g Grant) bool { return g.has(right) && g.covers(at) })
}

// DecideSome reports whether a grant gives a right at some of the places that a place with empty fields stands for.
// Whether an environment is protected matters only if the place says so: what a principal can do there is decided for
// each object.
func DecideSome(grants []Grant, right backend.Right, in backend.Place) bool {
	return slices.ContainsFunc(grants, func(g Grant) bool { return g.has(right) && g.meets(in) })
}

// covers reports whether the grant applies to a place, or to all places that it stands for.
func (g Grant) covers(p backend.Place) bool {
	w := g.Where
	switch {
	case g.Everywhere:
		return true
	case w.Project != "" && w.Project != p.Project, w.Scope != "" && w.Scope != p.Scope:
		return false
	case w.Environment == "" && p.Protected, w.Environment != "" && w.Environment != p.Environment:
		return false
	case p.Name == "":
		return w.Names == "" || w.Names == "*"
	}
	return w.Names == "" || Matches(w.Names, p.Name)
}

// meets reports whether the grant applies to some of the places that p stands for.
func (g Grant) meets(p backend.Place) bool {
	either := func(a, b string) bool { return a == "" || b == "" || a == b }
	w := g.Where
	if p.Protected && w.Environment == "" && !g.Everywhere {
		return false
	}
	return g.Everywhere || either(w.Project, p.Project) && either(w.Environment, p.Environment) &&
		either(w.Scope, p.Scope) && (p.Name == "" || w.Names == "" || Matches(w.Names, p.Name))
}

// contains reports whether the pattern outer certainly matches all names that the pattern inner matches.
func contains(outer, inner string) bool {
	switch {
	case outer == "" || outer == "*" || outer == inner:
		return true
	case inner == "":
		return false
	case !strings.Contains(inner, "*"):
		return Matches(outer, inner)
	}
	prefix, rest, isPattern := strings.Cut(outer, "*")
	return isPattern && rest == "" && strings.HasPrefix(inner, prefix) // "db_*" contains "db_main_*"
}

// Matches reports whether a text matches a pattern, in which * stands for any characters. It takes at most
// len(pattern)·len(name) steps.
func Matches(pattern, name string) bool {
	p, n, star, resume := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p, n = p+1, n+1
		case star >= 0:
			resume++
			p, n = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// MayGive reports whether a principal with grants may give a right at all places of a Where: it has the right at all of
// them. protected says that the environment of the Where is protected.
func MayGive(grants []Grant, right backend.Right, where backend.Where, protected bool) bool {
	return slices.ContainsFunc(grants, func(g Grant) bool {
		at := backend.Place{Project: where.Project, Environment: where.Environment, Scope: where.Scope, Protected: protected}
		if g.Everywhere {
			return g.has(right)
		}
		names := g.Where.Names
		g.Where.Names = ""
		return g.has(right) && g.covers(at) && contains(names, where.Names)
	})
}
