// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

// edit replaces a part of a file. Edits are in the order of the file and do not overlap.
type edit struct {
	start, end int
	text       string
}

// fill returns the file with its references replaced, or the problems. It turns the trees of the document into the
// trees that the result must have, so it can be called only once.
func (d *Document) fill(v *evaluator) ([]byte, Problems) {
	switch {
	case len(d.scalars) == 0:
		return d.file.Data, nil
	case d.isText:
		return d.fillText(v)
	case d.syntax != nil:
		return d.fillSyntax(v)
	}
	var edits []edit
	var problems Problems
	for i := range d.scalars {
		s := &d.scalars[i]
		replacements, wrong := d.evaluate(s, v)
		problems = append(problems, wrong...)
		if problems.full() {
			break
		}
		if len(wrong) == 0 {
			edits = append(edits, s.edits(replacements)...)
		}
	}
	if len(problems) > 0 {
		return nil, problems.limited()
	}
	// The copy with placeholders takes the same edits as the file. When it is parsed again, the parser sees the
	// values, but not the foreign expressions.
	result := splice(d.parserInput, edits)
	switch {
	case d.outline == nil:
	case d.matchesOutline(result):
		return splice(d.file.Data, edits), nil
	default: // the outlines differ, so the parser decides
		parsed := &Document{file: d.file, alwaysParse: true}
		if problems := parsed.scan(); len(problems) > 0 {
			return nil, problems
		}
		return parsed.fill(v)
	}
	if at := d.firstDifference(result); at != nil {
		return nil, Problems{{
			Pos: Position{d.file.Name, max(1, at.Line), max(1, at.Column)},
			Err: errChangesMore(),
		}}
	}
	return splice(d.file.Data, edits), nil
}

// errChangesMore returns the error of the check of a result. It means that this package has a bug.
func errChangesMore() *backend.Error {
	return backend.Errorf(backend.CodeInternal,
		"the values would change other parts of the file, so nothing is written").
		WithHint("write the reference as a whole value in double quotes, and report this bug")
}

// splice returns text with the edits applied.
func splice(text []byte, edits []edit) []byte {
	size := len(text)
	for _, e := range edits {
		size += len(e.text) - (e.end - e.start)
	}
	out := make([]byte, 0, size)
	at := 0
	for _, e := range edits {
		out = append(out, text[at:e.start]...)
		out = append(out, e.text...)
		at = e.end
	}
	return append(out, text[at:]...)
}

// evaluate returns one replacement per part of the scalar. Those of text parts are empty.
func (d *Document) evaluate(s *scalar, v *evaluator) ([]replacement, Problems) {
	out := make([]replacement, len(s.parts))
	var problems Problems
	for i, p := range s.parts {
		if p.expr == nil {
			continue
		}
		o, err := v.replacement(p)
		if err == nil && s.typedBy != DialectNone && s.wholeExpression() != nil {
			o = o.withTypeOf(s.typedBy)
		}
		if err == nil && o.typ == expr.Null && s.wholeExpression() != nil && s.tagged() {
			err = backend.Errorf(backend.CodeInvalid, "a value with the tag %s cannot be null",
				backend.Quote(s.node.Tag)).
				WithHint("remove the tag, or add a default")
		}
		if err != nil {
			problems = append(problems, Problem{p.pos, p.text, err})
		}
		out[i] = o
	}
	if len(problems) == 0 {
		problems = d.checkTemplates(s, out)
	}
	if v.options.Filled != nil && len(problems) == 0 {
		s.reportSecrets(v, out)
	}
	return out, problems
}

// reportSecrets passes the scalar to Options.Filled if secrets are in it.
func (s *scalar) reportSecrets(v *evaluator, replacements []replacement) {
	var f Filled
	for i, p := range s.parts {
		if p.expr == nil || replacements[i].kept || !v.usesSecret(p.expr) {
			continue
		}
		if len(f.Secrets) == 0 {
			f.Pos, f.Expression = p.pos, p.text
		}
		f.Secrets = append(f.Secrets, replacements[i].text)
	}
	if len(f.Secrets) > 0 {
		f.Value = s.newValue(replacements)
		v.options.Filled(f)
	}
}

// tagged reports whether the scalar has an explicit tag.
func (s *scalar) tagged() bool {
	return s.node != nil && (s.node.Style&yaml.TaggedStyle != 0 || s.node.Tag == "!")
}

// edits returns the edits for these replacements. It turns the node of the scalar into the node that the result must
// have.
func (s *scalar) edits(replacements []replacement) []edit {
	if s.allKept(replacements) {
		return nil
	}
	if edits, ok := s.editParts(replacements); ok {
		return edits
	}
	text, tag := s.rewritten(replacements)
	if !s.tagged() {
		s.node.Tag = tag
	}
	if !s.block {
		return []edit{{s.start, s.end, text}}
	}
	// The rest of the header line stays, because it can be a comment.
	return []edit{{s.start, s.headerEnd, text}, {s.headerLineEnd, s.end, ""}}
}

// allKept reports whether every expression stays as it is.
func (s *scalar) allKept(replacements []replacement) bool {
	for i, p := range s.parts {
		if p.expr != nil && !replacements[i].kept {
			return false
		}
	}
	return true
}

// editParts replaces only the expressions of the scalar, and leaves foreign text and the lines of a block as they
// are. It returns false if the style of the scalar cannot hold every value that way.
func (s *scalar) editParts(replacements []replacement) ([]edit, bool) {
	var edits []edit
	var value strings.Builder
	for i, p := range s.parts {
		o := replacements[i]
		if p.expr == nil || o.kept {
			value.WriteString(p.parserText)
			continue
		}
		text, ok := s.escapedPart(o.text)
		if !ok || s.wholeExpression() != nil && hasOwnType(o.typ) {
			return nil, false
		}
		value.WriteString(o.text)
		edits = append(edits, edit{p.start, p.end, text})
	}
	s.node.Value = value.String()
	return edits, true
}

// escapedPart returns a value as it is written inside the scalar, or false if the whole scalar must be rewritten. A
// plain scalar and a reference without braces are always rewritten. So is a quoted scalar that spans lines, because
// the parser would fold white space at the ends of a value. A single-quoted scalar is kept only if it holds foreign
// expressions, which use double quotes more often than single quotes.
func (s *scalar) escapedPart(value string) (string, bool) {
	switch {
	case s.unbraced:
		return "", false
	case s.block:
		return value, s.indent > 0 && fitsBlock(value)
	case s.multiline:
		return "", false
	case s.node.Style&yaml.DoubleQuotedStyle != 0:
		return escapeYAML(value), true
	case s.node.Style&yaml.SingleQuotedStyle != 0 && s.foreignText() != "":
		return strings.ReplaceAll(value, "'", "''"), isPlainText(value)
	}
	return "", false
}

// foreignText returns the foreign expressions in the scalar.
func (s *scalar) foreignText() string {
	var out strings.Builder
	for _, p := range s.parts {
		if p.expr == nil && p.text != p.parserText {
			out.WriteString(p.text)
		}
	}
	return out.String()
}

// rewritten returns the text and the tag of the scalar that replaces this one.
func (s *scalar) rewritten(replacements []replacement) (text, tag string) {
	if s.wholeExpression() != nil {
		o := replacements[0]
		s.node.Value = o.text
		switch o.typ {
		case expr.Int:
			return o.text, "!!int"
		case expr.Float:
			return o.text, "!!float"
		case expr.Bool:
			return o.text, "!!bool"
		case expr.Null:
			s.node.Value = "null"
			return "null", "!!null"
		}
		return doubleQuote(o.text), "!!str"
	}
	s.node.Value = s.newValue(replacements)
	if strings.ContainsAny(s.foreignText(), `"\`) && isPlainText(s.node.Value) {
		return "'" + strings.ReplaceAll(s.node.Value, "'", "''") + "'", "!!str"
	}
	return doubleQuote(s.node.Value), "!!str"
}

// newValue returns the value of the scalar with its references replaced. The text of a kept replacement is its
// expression.
func (s *scalar) newValue(replacements []replacement) string {
	var value strings.Builder
	for i, p := range s.parts {
		if p.expr == nil {
			value.WriteString(p.text)
		} else {
			value.WriteString(replacements[i].text)
		}
	}
	return value.String()
}

// firstDifference parses a result, and returns the first node in which it differs from what it must be, or nil. It
// drops the error of the parser, which can hold a part of a value.
func (d *Document) firstDifference(result []byte) *yaml.Node {
	roots, err := parseYAML(result)
	if err != nil || len(roots) != len(d.roots) {
		return d.roots[0]
	}
	for i, want := range d.roots {
		if at := nodeDifference(want, roots[i]); at != nil {
			return at
		}
	}
	return nil
}

// nodeDifference returns the first node of want that differs from got, or nil. It ignores styles, and it ignores
// comments because no edit touches one.
func nodeDifference(want, got *yaml.Node) *yaml.Node {
	if want.Kind != got.Kind || want.Tag != got.Tag || want.Anchor != got.Anchor || want.Value != got.Value ||
		len(want.Content) != len(got.Content) {
		return want
	}
	for i := range want.Content {
		if at := nodeDifference(want.Content[i], got.Content[i]); at != nil {
			return at
		}
	}
	return nil
}
