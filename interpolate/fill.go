// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"errors"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// finish returns the file with its references replaced, or all problems of the scan and of the filling.
func (d *Document) finish(v *evaluator) ([]byte, Problems) {
	if len(d.problems) == 0 {
		return d.fill(v)
	}
	var found Problems
	if d.broken {
		found = d.unresolved(v)
	} else {
		_, found = d.fill(v)
	}
	return nil, slices.Concat(d.problems, found).sorted().limited()
}

// unresolved returns the problems of the references of a file that cannot be filled in.
func (d *Document) unresolved(v *evaluator) Problems {
	var out Problems
	for i := range d.references {
		r := &d.references[i]
		if _, err := v.replacement(r.expr, false); err != nil && !out.full() {
			out = append(out, d.problem(r, err))
		}
	}
	return out
}

// fill returns the file with its references replaced, or the problems. It can be called only once.
func (d *Document) fill(v *evaluator) ([]byte, Problems) {
	edits, problems := d.edits(v)
	switch {
	case len(problems) > 0:
		return nil, problems
	case len(edits) == 0:
		return d.file.Data, nil
	}
	return format.Splice(d.file.Data, edits), nil
}

// edits returns the edits that replace the references of the file, or the problems. It can be called only once.
func (d *Document) edits(v *evaluator) ([]format.Edit, Problems) {
	if len(d.references) == 0 {
		return nil, nil
	}
	var (
		edits    = make([]format.Edit, 0, len(d.references))
		problems Problems
		buffer   []format.Value
		edited   []*reference // by edit: the first reference of the scalar
	)
	for rest := d.references; len(rest) > 0 && !problems.full(); {
		n := 1
		for n < len(rest) && rest[n].scalar == rest[0].scalar {
			n++
		}
		refs := rest[:n]
		rest = rest[n:]
		scalar := refs[0].scalar
		if n := d.nested[scalar]; n != nil {
			var wrong Problems
			if edits, wrong = d.writeNested(edits, &refs[0], n, v); len(wrong) > 0 {
				problems = append(problems, wrong...)
			}
			for d.templates != 0 && len(edited) < len(edits) {
				edited = append(edited, &refs[0])
			}
			continue
		}
		values := append(buffer[:0], make([]format.Value, len(d.scalars[scalar].Parts))...)
		buffer = values
		if wrong := d.evaluate(v, refs, values); len(wrong) > 0 {
			problems = append(problems, wrong...)
			continue
		}
		if !replacesAny(values) {
			continue
		}
		before := len(edits)
		var err *backend.Error
		if edits, err = d.format.Write(edits, scalar, values); err == nil {
			err = d.checkRewritten(scalar, values, edits[before:])
		}
		if err != nil {
			problems = append(problems, d.problem(&refs[0], err))
		}
		for d.templates != 0 && len(edited) < len(edits) {
			edited = append(edited, &refs[0])
		}
	}
	if len(problems) > 0 {
		return nil, problems.limited()
	}
	err := d.format.Compare(edits)
	if errors.Is(err, format.ErrUndecided) {
		again := &Document{file: d.file, nestedIn: d.nestedIn}
		if problems := again.scan(true); len(problems) > 0 {
			return nil, problems
		}
		again.adoptTemplates(d)
		return again.edits(v)
	}
	if err != nil {
		return nil, d.differenceProblem(err)
	}
	if d.templates != 0 {
		result := format.Splice(d.file.Data, edits)
		if problems := d.checkResult(result, edits, edited); problems != nil {
			return nil, problems
		}
	}
	return edits, nil
}

// replacesAny reports whether any value replaces a part.
func replacesAny(values []format.Value) bool {
	for i := range values {
		if values[i].Replaces {
			return true
		}
	}
	return false
}

// differenceProblem returns the problem of a result that the check refuses. It means that this package has a bug.
func (d *Document) differenceProblem(err error) Problems {
	p := d.problem(&d.references[0], backend.Errorf(backend.CodeInternal,
		"the values would change other parts of the file, so nothing is written").
		WithHint("write the reference as a whole value in double quotes, and report this bug"))
	var at *format.Difference
	if errors.As(err, &at) && at.Line > 0 {
		p.Pos, p.Expression = d.position(at.Line, at.Column), ""
	}
	return Problems{p}
}

// evaluate evaluates the references of one scalar, and stores what replaces them in values.
func (d *Document) evaluate(v *evaluator, refs []reference, values []format.Value) Problems {
	var problems Problems
	whole := len(values) == 1
	for i := range refs {
		r := &refs[i]
		o, err := v.replacement(r.expr, !whole || d.row.oneText)
		if err != nil {
			problems = append(problems, d.problem(r, err))
			continue
		}
		if d.file.Dialect == DialectMage {
			o = pythonText(o, d.text(r))
		}
		if whole {
			o = d.withDialectType(&d.scalars[r.scalar], o)
		}
		values[r.part] = format.Value{Type: formatType(o.typ), Text: o.text, Replaces: !o.kept}
	}
	if len(problems) == 0 {
		problems = d.checkTemplates(refs, values)
	}
	if v.options.Filled != nil && len(problems) == 0 {
		d.reportSecrets(v, refs, values)
	}
	return problems
}

// reportSecrets passes a scalar to Options.Filled if secrets are in it.
func (d *Document) reportSecrets(v *evaluator, refs []reference, values []format.Value) {
	var f Filled
	for i := range refs {
		r := &refs[i]
		if !values[r.part].Replaces || !v.usesSecret(r.expr) {
			continue
		}
		if len(f.Secrets) == 0 {
			f.Pos, f.Expression = r.pos, d.text(r)
		}
		f.Secrets = append(f.Secrets, values[r.part].Text)
	}
	if len(f.Secrets) > 0 {
		f.Value = format.NewText(d.scalars[refs[0].scalar].Parts, values)
		v.options.Filled(f)
	}
}

// formatType returns the type of a value that is a whole scalar.
func formatType(t expr.Type) format.Type {
	switch t {
	case expr.Int:
		return format.Int
	case expr.Float:
		return format.Float
	case expr.Bool:
		return format.Bool
	case expr.Null:
		return format.Null
	}
	return format.String
}
