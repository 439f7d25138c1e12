// SPDX-License-Identifier: MPL-2.0

// Package grants reads who has which rights, for the pages about tokens and access. It is no page.
package grants

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// Read returns why tokens and trusts have rights, as far as the person may see it, and the tokens that the person may
// list.
func Read(q *site.Request) (assignments []access.Assignment, tokens []backend.Object, err error) {
	var all access.Listed
	hidden := map[backend.Kind]bool{} // who may bind at some places sees the bindings there, and lists neither of these
	for kind, list := range all.Lists() {
		*list, err = q.List(backend.Query{Kind: kind})
		hidden[kind] = errors.Is(err, backend.ErrDenied)
		if err != nil && (!hidden[kind] || kind != backend.KindToken && kind != backend.KindTrust) {
			return nil, nil, err
		}
	}
	tokens = all.Tokens
	if hidden[backend.KindToken] {
		all.Tokens = named(all.Groups, all.Bindings)
	}
	return access.Assignments(all), tokens, nil
}

// named returns the tokens that groups and bindings name.
func named(groups, bindings []backend.Object) []backend.Object {
	names := map[string]bool{}
	add := func(principal string) {
		if name, ok := strings.CutPrefix(principal, backend.ToToken); ok {
			names[name] = true
		}
	}
	for _, g := range groups {
		for _, m := range g.Members {
			add(m)
		}
	}
	for _, b := range bindings {
		if b.Grant != nil {
			add(b.Grant.To)
		}
	}
	var out []backend.Object
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out = append(out, backend.Object{Kind: backend.KindToken, ID: name, Name: name, Role: backend.RoleNone})
	}
	return out
}

// Principals returns whom a binding can be for, as far as the person may list them: the tokens without a role, and the
// groups.
func Principals(q *site.Request) ([]string, error) {
	groups, err := q.List(backend.Query{Kind: backend.KindGroup})
	if err != nil {
		return nil, err
	}
	tokens, err := q.List(backend.Query{Kind: backend.KindToken})
	if errors.Is(err, backend.ErrDenied) {
		err = nil
	}
	var out []string
	for _, t := range tokens {
		if t.Role == backend.RoleNone {
			out = append(out, backend.ToToken+t.Name)
		}
	}
	for _, g := range groups {
		out = append(out, backend.ToGroup+g.Name)
	}
	return out, err
}

// Of returns the rights of a token in short: ROLE for a role that holds everywhere, or ROLE@PLACE.
func Of(assignments []access.Assignment, token string) []string {
	var out []string
	for _, a := range assignments {
		if a.Token.ID != token {
			continue
		}
		text := a.Role
		if !a.Grant.Everywhere {
			text += "@" + Where(a.Grant.Where)
		}
		out = append(out, text)
	}
	return out
}

// Where describes places in short.
func Where(w backend.Where) string { return site.Where(w) }

// Places lists the places at which a form can give a role: each project, and each of its environments.
func Places(q *site.Request) ([]string, error) {
	projects, err := q.List(backend.Query{Kind: backend.KindProject})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range projects {
		environments, err := q.List(backend.Query{Kind: backend.KindEnvironment, Project: p.Name})
		if err != nil {
			return nil, err
		}
		out = append(out, p.Name)
		for _, e := range environments {
			out = append(out, p.Name+"/"+e.Name)
		}
	}
	return out, nil
}
