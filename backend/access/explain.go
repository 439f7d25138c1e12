// SPDX-License-Identifier: MPL-2.0

package access

import (
	"iter"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Assignment is one reason why a token or trust has rights.
type Assignment struct {
	Token backend.Object
	// Binding is the name of the binding, "" if Role is the role of the token itself. Group is the name of the group
	// that the binding is for, "" if it is for the token.
	Binding string
	Group   string
	Role    string
	Grant   Grant // with names instead of ids
}

// Listed are all objects that decide about rights, as Query lists them.
type Listed struct{ Tokens, Roles, Groups, Bindings, Trusts []backend.Object }

// Lists returns the lists by the kinds of their objects, always in the same order: the first refusal is then the same
// each time. Fewer callers may list trusts than the others.
func (l *Listed) Lists() iter.Seq2[backend.Kind, *[]backend.Object] {
	return func(yield func(backend.Kind, *[]backend.Object) bool) {
		_ = yield(backend.KindBinding, &l.Bindings) && yield(backend.KindToken, &l.Tokens) &&
			yield(backend.KindRole, &l.Roles) && yield(backend.KindGroup, &l.Groups) && yield(backend.KindTrust, &l.Trusts)
	}
}

// Assignments lists why tokens have rights, and the subjects of trusts. It is for explanations: the names can be
// outdated. Token.Name of a trust begins with ToTrust, and ends with "/" and a subject if a binding names one.
func Assignments(l Listed) []Assignment {
	rights := map[string][]backend.Right{}
	for _, r := range l.Roles {
		rights[r.Name] = r.Rights
	}
	var out []Assignment
	for _, t := range l.Tokens {
		if t.Role != backend.RoleNone {
			given, _ := backend.RightsOf(t.Role)
			out = append(out, Assignment{Token: t, Role: string(t.Role), Grant: Grant{Rights: given, Everywhere: true}})
			continue
		}
		out = append(out, l.bound(t, rights, backend.ToToken+t.Name)...)
	}
	for _, t := range l.Trusts {
		if t.Trust != nil {
			t.Principal = t.Trust.Principal
		}
		who := backend.ToTrust + t.Name
		for _, named := range l.subjects(who) {
			of := t
			of.Name = named
			out = append(out, l.bound(of, rights, named)...)
		}
	}
	return out
}

// subjects returns a trust, and its subjects that bindings and groups name.
func (l Listed) subjects(trust string) []string {
	all := []string{trust}
	add := func(to string) {
		if strings.HasPrefix(to, trust+"/") {
			all = append(all, to)
		}
	}
	for _, b := range l.Bindings {
		if b.Grant != nil {
			add(b.Grant.To)
		}
	}
	for _, g := range l.Groups {
		for _, m := range g.Members {
			add(m)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// bound lists the bindings of a principal and of its groups.
func (l Listed) bound(t backend.Object, rights map[string][]backend.Right, who string) (out []Assignment) {
	mine := map[string]string{who: ""}
	for _, g := range l.Groups {
		if slices.Contains(g.Members, who) {
			mine[backend.ToGroup+g.Name] = g.Name
		}
	}
	for _, b := range l.Bindings {
		if b.Grant == nil {
			continue
		}
		if group, ok := mine[b.Grant.To]; ok {
			out = append(out, Assignment{Token: t, Binding: b.Name, Group: group, Role: b.Grant.Role,
				Grant: Grant{Rights: rights[b.Grant.Role], Where: b.Grant.Where}})
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
