// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// explainMissing gives every missing reference an error with the environments
// that have the name, or with a suggestion. It reads the names of a project
// once, and only if a reference is missing.
func (r *resolver) explainMissing(ctx context.Context, tx store.Tx) error {
	type source struct {
		project string
		kind    backend.Kind
	}
	listed := map[source][]store.Object{}
	for i, ref := range r.refs {
		f := &r.matches[i]
		if f.err != nil {
			continue
		}
		kind, name := ref.Kind, ref.Name
		switch {
		case f.entry.Object.ID == "":
		case f.entry.Object.Link != "" && f.link.Object.ID == "":
			kind, name = backend.KindSecret, f.entry.Object.Link
		default:
			continue
		}
		s := source{f.project.row.ID, kind}
		if listed[s] == nil {
			rows, err := tx.Objects(ctx, store.Filter{Kind: kind, Project: s.project})
			if err != nil {
				return err
			}
			listed[s] = append([]store.Object{}, rows...)
		}
		f.err = missing(f, ref, kind, name, listed[s])
	}
	return nil
}

func missing(f *match, ref backend.Ref, kind backend.Kind, name string, all []store.Object) error {
	e := backend.Errorf(backend.CodeNotFound, "%s %q does not exist in environment %q", kind, name, f.environment.Name)
	if kind != ref.Kind {
		e = backend.Errorf(backend.CodeNotFound, "scoped value %q links to secret %q, which does not exist in environment %q",
			ref.Name, name, f.environment.Name)
	}
	var visible []string
	for _, o := range all {
		fits := o.Scope == backend.ProjectScope || o.Scope == scopeOf(ref)
		if !fits {
			continue
		}
		if o.Name == name {
			e.Environments = append(e.Environments, f.project.environmentName(o.Environment))
		} else if o.Environment == f.environment.ID || o.Environment == backend.AnyEnvironment {
			visible = append(visible, o.Name)
		}
	}
	slices.Sort(e.Environments)
	e.Environments = slices.Compact(e.Environments)
	if len(e.Environments) == 0 { // a name that exists elsewhere was not mistyped
		e.Suggestion = suggest.Name(name, visible)
	}
	if len(e.Environments) > 0 {
		return e.WithHint("it exists in %s", backend.Enumerate(e.Environments))
	}
	return e.WithHint("%s", suggest.Hint(e.Suggestion, "no environment has it: check the name, or create it"))
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
