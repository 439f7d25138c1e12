// SPDX-License-Identifier: MPL-2.0

// Package grants reads who has which rights, for the pages about tokens and access. It is no page.
package grants

import (
	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// Read returns why tokens have rights, as far as the person may see it, and the tokens.
func Read(q *site.Request) (assignments []access.Assignment, tokens []backend.Object, err error) {
	var lists [4][]backend.Object
	for i, kind := range []backend.Kind{backend.KindToken, backend.KindRole, backend.KindGroup, backend.KindBinding} {
		if lists[i], err = q.List(backend.Query{Kind: kind}); err != nil {
			return nil, nil, err
		}
	}
	return access.Assignments(lists[0], lists[1], lists[2], lists[3]), lists[0], nil
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
