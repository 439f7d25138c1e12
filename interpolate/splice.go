// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// edit replaces a stretch of a file. Edits come in the order of the file and
// do not overlap.
type edit struct {
	start, end int
	text       string
}

// fill returns the file with its references filled in, or what is wrong. It
// makes the document's trees those that the result must have, and so works once.
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
		replacements, wrong := s.evaluate(v)
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
	// The copy that the parser saw takes the same edits as the file, so that
	// what others wrote stays hidden when it is parsed again. What was filled
	// in is not hidden: that is what the second parsing is about.
	result := splice(d.parserInput, edits)
	switch {
	case d.outline == nil:
	case d.matchesOutline(result):
		return splice(d.file.Data, edits), nil
	default: // the parser has the last word
		parsed := &Document{file: d.file, alwaysParse: true}
		if problems := parsed.scan(); len(problems) > 0 {
			return nil, problems
		}
		return parsed.fill(v)
	}
	if at := d.firstDifference(result); at != nil {
		return nil, Problems{{
			Pos: Position{d.file.Name, max(1, at.Line), max(1, at.Column)},
			Err: backend.Errorf(backend.CodeInternal, "filling in the values would change more than the values, so nothing is written").
				WithHint("write the references of this place in double quotes, and report the file's form as a defect"),
		}}
	}
	return splice(d.file.Data, edits), nil
}

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

// outcomes evaluates the expressions of a scalar, by part.
func (s *scalar) evaluate(v *evaluator) ([]replacement, Problems) {
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
		if err == nil && o.typ == typeNull && s.wholeExpression() != nil && s.tagged() {
			err = backend.Errorf(backend.CodeInvalid, "a value with the tag %s cannot be null", backend.Quote(s.node.Tag)).
				WithHint("remove the tag, or give a default")
		}
		if err != nil {
			problems = append(problems, Problem{p.pos, p.text, err})
		}
		out[i] = o
	}
	return out, problems
}

// tagged reports whether the scalar says its tag itself.
func (s *scalar) tagged() bool {
	return s.node != nil && (s.node.Style&yaml.TaggedStyle != 0 || s.node.Tag == "!")
}

// edits are what has to be done to the file for these outcomes. The scalar's
// node becomes what the parser must see afterwards.
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
	// The rest of the header's line, which may be a comment, stays.
	return []edit{{s.start, s.headerEnd, text}, {s.headerLineEnd, s.end, ""}}
}

// untouched reports whether every expression stays as it is.
func (s *scalar) allKept(replacements []replacement) bool {
	for i, p := range s.parts {
		if p.expr != nil && !replacements[i].kept {
			return false
		}
	}
	return true
}

// inPlace replaces the expressions alone, where the scalar's style has a way to
// write every value so that nothing else of the scalar changes: not a word of
// what others wrote in it, nor the lines of a block.
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
		if !ok || s.wholeExpression() != nil && o.typ.hasOwnType() {
			return nil, false
		}
		value.WriteString(o.text)
		edits = append(edits, edit{p.start, p.end, text})
	}
	s.node.Value = value.String()
	return edits, true
}

// insertion is a value as it is written within the scalar; false if the whole
// scalar has to be written anew. That is so in a plain scalar and for a URI by
// itself, whatever the value, and in a quoted scalar across lines, where white
// space at the ends of a value would be folded. A single-quoted scalar is kept only for the sake of
// others: their templates hold double quotes more often than single ones.
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

// foreign is what others wrote in the scalar.
func (s *scalar) foreignText() string {
	var out strings.Builder
	for _, p := range s.parts {
		if p.expr == nil && p.text != p.parserText {
			out.WriteString(p.text)
		}
	}
	return out.String()
}

// typed reports whether a result of this kind is something else than a string
// where it is all of a scalar.
func (k resultType) hasOwnType() bool {
	return k == typeInt || k == typeFloat || k == typeBool || k == typeNull
}

// replacement is the scalar that takes the place of this one, and its tag.
func (s *scalar) rewritten(replacements []replacement) (text, tag string) {
	if s.wholeExpression() != nil {
		o := replacements[0]
		s.node.Value = o.text
		switch o.typ {
		case typeInt:
			return o.text, "!!int"
		case typeFloat:
			return o.text, "!!float"
		case typeBool:
			return o.text, "!!bool"
		case typeNull:
			s.node.Value = "null"
			return "null", "!!null"
		}
		return doubleQuote(o.text), "!!str"
	}
	var value strings.Builder
	for i, p := range s.parts {
		if p.expr == nil {
			value.WriteString(p.text)
		} else {
			value.WriteString(replacements[i].text)
		}
	}
	s.node.Value = value.String()
	if strings.ContainsAny(s.foreignText(), `"\`) && isPlainText(s.node.Value) {
		return "'" + strings.ReplaceAll(s.node.Value, "'", "''") + "'", "!!str"
	}
	return doubleQuote(s.node.Value), "!!str"
}

// changed parses a result and returns the first node in which it is not what
// it must be, or nil. The parser's own error is not passed on: it may hold text
// that was filled in.
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

// difference returns the first node of want that got does not have. Style and
// comments do not count: comments are outside every edit.
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
