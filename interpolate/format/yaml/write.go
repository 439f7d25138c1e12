// SPDX-License-Identifier: MPL-2.0

package yaml

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// Write implements format.Format.
func (f *file) Write(edits []format.Edit, scalar int, values []format.Value) ([]format.Edit, *backend.Error) {
	w := writer{scalar: &f.scalars[scalar], place: &f.places[scalar], values: values}
	if whole := format.Whole(values); whole != nil && whole.Type == format.Null && w.tagged() {
		return edits, backend.Errorf(backend.CodeInvalid, "a value with the tag %s cannot be null",
			backend.Quote(w.node.Tag)).WithHint("remove the tag, or add a default")
	}
	if out, ok := w.editParts(edits); ok {
		return out, nil
	}
	text, tag := w.rewritten()
	if !w.tagged() {
		w.node.Tag = tag
	}
	if !w.block {
		return append(edits, format.Edit{Start: w.start, End: w.end, Text: text}), nil
	}
	// The rest of the header line stays, because it can be a comment.
	return append(edits, format.Edit{Start: w.start, End: w.headerEnd, Text: text},
		format.Edit{Start: w.headerLineEnd, End: w.end}), nil
}

// writer writes the values of one scalar. It turns the node of the scalar into the node that the result must have.
type writer struct {
	scalar *format.Scalar
	*place
	values []format.Value
}

// tagged reports whether the scalar has an explicit tag.
func (w *writer) tagged() bool { return w.node.Style&yaml.TaggedStyle != 0 || w.node.Tag == "!" }

// editParts replaces only the references of the scalar, and leaves foreign text and the lines of a block as they are.
// It returns false if the style of the scalar cannot hold every value that way.
func (w *writer) editParts(edits []format.Edit) ([]format.Edit, bool) {
	if whole := format.Whole(w.values); whole != nil && whole.Type != format.String {
		return nil, false
	}
	var value strings.Builder
	for i := range w.values {
		p, v := &w.scalar.Parts[i], &w.values[i]
		if !v.Replaces {
			value.WriteString(p.Placeholder)
			continue
		}
		text, ok := w.escapedPart(v.Text)
		if !ok {
			return nil, false
		}
		value.WriteString(v.Text)
		edits = append(edits, p.Edit(text))
	}
	w.node.Value = value.String()
	return edits, true
}

// escapedPart returns a value as it is written inside the scalar, or false if the whole scalar must be rewritten. A
// plain scalar and a reference without braces are always rewritten. So is a quoted scalar that spans lines, because
// the parser would fold white space at the ends of a value. A single-quoted scalar is kept only if it holds foreign
// expressions, which use double quotes more often than single quotes.
func (w *writer) escapedPart(value string) (string, bool) {
	switch {
	case w.scalar.Bare:
		return "", false
	case w.block:
		return value, w.indent > 0 && fitsBlock(value)
	case w.multiline:
		return "", false
	case w.node.Style&yaml.DoubleQuotedStyle != 0:
		return format.Escape(value), true
	case w.node.Style&yaml.SingleQuotedStyle != 0 && w.foreignText() != "":
		return strings.ReplaceAll(value, "'", "''"), format.IsPlainText(value)
	}
	return "", false
}

// fitsBlock reports whether a value can replace an expression in a block scalar. It must fit on the line of the
// expression, so that the indentation and the folding of lines stay the same.
func fitsBlock(s string) bool {
	return s != "" && s[0] != ' ' && s[len(s)-1] != ' ' && format.IsPlainText(s)
}

// foreignText returns the foreign expressions in the scalar.
func (w *writer) foreignText() string {
	var out strings.Builder
	for _, p := range w.scalar.Parts {
		if p.Region != nil && !p.Reference {
			out.WriteString(p.Text)
		}
	}
	return out.String()
}

// rewritten returns the text and the tag of the scalar that replaces this one.
func (w *writer) rewritten() (text, tag string) {
	if v := format.Whole(w.values); v != nil {
		w.node.Value = v.Text
		switch v.Type {
		case format.Int:
			return v.Text, "!!int"
		case format.Float:
			return v.Text, "!!float"
		case format.Bool:
			return v.Text, "!!bool"
		case format.Null:
			w.node.Value = "null"
			return "null", "!!null"
		}
		return doubleQuote(v.Text), "!!str"
	}
	w.node.Value = format.NewText(w.scalar.Parts, w.values)
	if strings.ContainsAny(w.foreignText(), `"\`) && format.IsPlainText(w.node.Value) {
		return "'" + strings.ReplaceAll(w.node.Value, "'", "''") + "'", "!!str"
	}
	return doubleQuote(w.node.Value), "!!str"
}

// doubleQuote writes s as a scalar in double quotes on one line.
func doubleQuote(s string) string { return `"` + format.Escape(s) + `"` }
