// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// explainMissing sets the error of every missing reference. The error names the environments that have the name, or a
// suggestion. explainMissing reads the names of a project once, and only if a reference is missing.
func (r *resolver) explainMissing(ctx context.Context, tx store.Tx) error {
	type source struct {
		project string
		kind    backend.Kind
	}
	listed := map[source]*entryNames{}
	for i, ref := range r.refs {
		f := &r.matches[i]
		if f.err != nil {
			continue
		}
		kind, name := ref.Kind, ref.Name
		switch {
		case f.entry.Object.ID == "":
		case f.entry.Object.Kind == backend.KindScopedValue && f.entry.Object.Link != "" && f.link.Object.ID == "":
			kind, name = backend.KindSecret, f.entry.Object.Link
		default:
			continue
		}
		s := source{f.project.row.ID, kind}
		if listed[s] == nil {
			rows, err := tx.Objects(ctx, store.Filter{Kind: kind, Project: s.project, BeforeName: reserved})
			if err != nil {
				return err
			}
			rows = slices.DeleteFunc(rows, func(o store.Object) bool { return !r.access.seesRow(f.project, o) })
			listed[s] = &entryNames{all: rows, byName: map[string][]store.Object{}, suggestions: mostSuggestions}
			for _, o := range rows {
				listed[s].byName[o.Name] = append(listed[s].byName[o.Name], o)
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		f.err = missing(f, ref, kind, name, listed[s])
	}
	return nil
}

// mostSuggestions is for how many missing names of a call a similar name is searched. A search compares all names.
const mostSuggestions = 100

// entryNames holds the entries of one kind in a project.
type entryNames struct {
	all         []store.Object
	byName      map[string][]store.Object
	suggestions int // how many more may be searched
}

func missing(f *match, ref backend.Ref, kind backend.Kind, name string, entries *entryNames) error {
	e := backend.Errorf(backend.CodeNotFound, "%s %q does not exist in environment %q", kind, name, f.environment.Name)
	if kind != ref.Kind {
		e = backend.Errorf(backend.CodeNotFound, "scoped value %q links to secret %q, which does not exist in environment %q",
			ref.Name, name, f.environment.Name)
	}
	var existsIn []string
	scope := scopeOf(ref)
	for _, o := range entries.byName[name] {
		// a reference in the environment of the entry would see it
		if backend.LookupRank(o.Scope, o.Environment, scope, o.Environment) > 0 {
			existsIn = append(existsIn, f.project.environmentName(o.Environment))
		}
	}
	e.Environments, e.Suggestion, e.Hint = suggest.Missing(existsIn, func() string {
		if entries.suggestions == 0 {
			return ""
		}
		entries.suggestions--
		var visible []string
		for _, o := range entries.all {
			if backend.LookupRank(o.Scope, o.Environment, scope, f.environment.ID) > 0 {
				visible = append(visible, o.Name)
			}
		}
		return suggest.Name(name, visible)
	})
	return e
}

// isRule reports whether an error concerns one item that breaks a rule, rather
// than the backend as a whole.
func isRule(err error) bool {
	switch backend.AsError(err).Code {
	case backend.CodeInvalid, backend.CodeTooLarge, backend.CodeQuota, backend.CodeNotFound, backend.CodeExists,
		backend.CodeConflict, backend.CodeInUse, backend.CodeImmutable, backend.CodeDenied, backend.CodeCorrupt:
		return true
	}
	return false
}
