// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"reflect"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// fillSyntax returns the file with its references replaced, or the problems.
func (d *Document) fillSyntax(v *evaluator) ([]byte, Problems) {
	var edits []edit
	var problems Problems
	leaves := map[string]any{} // by placeholder: what replaces a string that is only this placeholder
	var values []string        // placeholders and their values, in turn
	for i := range d.scalars {
		s := &d.scalars[i]
		replacements, wrong := d.evaluate(s, v)
		problems = append(problems, wrong...)
		if len(wrong) > 0 || s.allKept(replacements) {
			continue
		}
		stringEdits, rewritten, err := d.editString(s, replacements, leaves)
		if err != nil {
			p := s.firstExpression()
			problems = append(problems, Problem{p.pos, p.text, err})
			continue
		}
		edits = append(edits, stringEdits...)
		for i, p := range s.parts {
			switch {
			case s.unbraced: // the copy holds the URI itself, which takes the role of a placeholder
				if _, typed := leaves[p.parserText]; !typed {
					leaves[p.parserText] = replacements[i].text
				}
			case p.expr != nil && !replacements[i].kept:
				values = append(values, p.parserText, replacements[i].text)
			case rewritten: // a rewritten string holds foreign expressions instead of their placeholders
				values = append(values, p.parserText, p.text)
			}
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if !d.isExpected(splice(d.parserInput, edits), leaves, values) {
		p := d.scalars[0].firstExpression()
		return nil, Problems{{p.pos, p.text, errChangesMore()}}
	}
	return splice(d.file.Data, edits), nil
}

// editString returns the edits for one string, and whether they rewrite the whole string. It adds a typed value to
// leaves.
func (d *Document) editString(s *scalar, replacements []replacement, leaves map[string]any) (
	edits []edit, rewritten bool, _ *backend.Error,
) {
	str := s.fileString
	if p := s.wholeExpression(); p != nil && hasOwnType(replacements[0].typ) {
		text, leaf, err := d.syntax.typedLiteral(replacements[0].typ, replacements[0].text)
		leaves[p.parserText] = leaf
		return []edit{{str.start, str.end, text}}, false, err
	}
	for i, p := range s.parts {
		o := replacements[i]
		if p.expr == nil || o.kept {
			continue
		}
		text, ok := d.syntax.escape(str, o.text)
		if !ok || s.unbraced || str.unquoted {
			edits = nil
			break
		}
		edits = append(edits, edit{p.start, p.end, text})
	}
	if edits != nil {
		return edits, false, nil
	}
	text, err := d.syntax.rewrite(str, s.newValue(replacements))
	return []edit{{str.start, str.end, text}}, true, err
}

// isExpected reports whether a library reads the result as the copy with each placeholder replaced by its value.
func (d *Document) isExpected(result []byte, leaves map[string]any, values []string) bool {
	want, err := d.syntax.parse(d.parserInput)
	if err != nil {
		return false
	}
	got, err := d.syntax.parse(result)
	return err == nil && reflect.DeepEqual(fillTree(want, leaves, strings.NewReplacer(values...)), got)
}

// fillTree replaces the placeholders in the strings of a tree.
func fillTree(tree any, leaves map[string]any, r *strings.Replacer) any {
	switch t := tree.(type) {
	case string:
		if leaf, ok := leaves[t]; ok {
			return leaf
		}
		return r.Replace(t)
	case []any:
		out := slices.Clone(t)
		for i := range out {
			out[i] = fillTree(out[i], leaves, r)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(t))
		for k, v := range t {
			out[k] = fillTree(v, leaves, r)
		}
		return out
	}
	return tree
}

// firstExpression returns the first reference of the scalar.
func (s *scalar) firstExpression() part {
	return s.parts[slices.IndexFunc(s.parts, func(p part) bool { return p.expr != nil })]
}
