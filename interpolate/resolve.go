// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

// resolveAll resolves the distinct references of all documents in one call. A reference without a project or an
// environment becomes a problem of its document.
func resolveAll(ctx context.Context, r Resolver, docs []*Document, o Options) (*evaluator, error) {
	most := 0
	for _, d := range docs {
		most += len(d.references)
	}
	v := newEvaluator(o, most)
	refs := make([]backend.Ref, 0, most)
	var doc *Document
	var current *reference
	add := func(t expr.Target) {
		ref, err := o.ref(t)
		if err != nil {
			if !doc.problems.full() {
				doc.problems = append(doc.problems, doc.problem(current, err))
			}
			doc.broken = true
			return
		}
		if _, known := v.index[ref]; !known {
			v.index[ref] = len(refs)
			refs = append(refs, ref)
		}
	}
	for _, doc = range docs {
		for i := range doc.references {
			current = &doc.references[i]
			current.expr.Targets(add)
		}
	}
	switch {
	case len(refs) > backend.MaxRefs:
		return nil, backend.Errorf(backend.CodeTooLarge, "the files have %d distinct references; the limit is %d",
			len(refs), backend.MaxRefs).WithHint("render the files in several runs")
	case len(refs) == 0:
		return v, nil
	}
	resolutions, err := r.Resolve(ctx, refs)
	if err != nil {
		return nil, err
	}
	if len(resolutions) != len(refs) {
		return nil, backend.Errorf(backend.CodeInternal, "the resolver returned %d results for %d references",
			len(resolutions), len(refs))
	}
	v.resolutions = resolutions
	return v, nil
}

// ref completes a target with the project, environment and scope of the options.
func (o Options) ref(t expr.Target) (backend.Ref, *backend.Error) {
	ref := backend.Ref{
		Kind: t.Kind, Project: t.Project, Environment: t.Environment, Scope: t.Scope,
		Name: t.Name, Field: t.Field, Version: t.Version,
	}
	if ref.Project == "" {
		ref.Project = o.Project
	}
	if ref.Environment == "" {
		ref.Environment = o.Environment
	}
	if ref.Scope == "" {
		ref.Scope = o.Scope
	}
	switch {
	case ref.Project == "":
		return ref, backend.Errorf(backend.CodeInvalid, "a project is required").
			WithHint("choose a project, or write project= in the reference").At("project")
	case ref.Environment == "":
		return ref, backend.Errorf(backend.CodeInvalid, "an environment is required").
			WithHint("choose an environment, or write env= in the reference").At("environment")
	}
	return ref, nil
}
