// SPDX-License-Identifier: MPL-2.0

package yaml

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// Write implements format.Format.
func (f *file) Write(edits []format.Edit, scalar int, values []format.Value) ([]format.Edit, *backend.Error) {
	w := writer{file: f, scalar: &f.scalars[scalar], scalarPosition: &f.scalarPositions[scalar], values: values}
	if whole := format.Whole(values); whole != nil && whole.Type == format.Null && w.tagged() && w.node.Tag != "!!null" {
		return edits, backend.Errorf(backend.CodeInvalid, "a value with the tag %s cannot be null",
			backend.Quote(w.node.Tag)).WithHint("remove the tag, or add a default")
	}
	if w.isInTemplate() {
		return w.editInert(edits)
	}
	if out, ok := w.editParts(edits); ok {
		return out, nil
	}
	text, tag, err := w.rewritten()
	if err != nil {
		return edits, err
	}
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
	file   *file
	scalar *format.Scalar
	*scalarPosition
	values []format.Value
}

// tagged reports whether the scalar has an explicit tag.
func (w *writer) tagged() bool { return isTagged(w.node) }

func isTagged(n *yaml.Node) bool { return n.Style&yaml.TaggedStyle != 0 || n.Tag == "!" }

// editParts replaces only the references of the scalar, and leaves foreign text and the lines of a block as they are.
// It returns false if the style of the scalar cannot hold every value that way.
func (w *writer) editParts(edits []format.Edit) ([]format.Edit, bool) {
	if whole := format.Whole(w.values); whole != nil && whole.Type != format.String {
		return nil, false
	}
	header, ok := w.newHeader()
	if !ok || w.block && !w.keepsBlanks(header) {
		return nil, false
	}
	if header != "" {
		edits = append(edits, format.Edit{Start: w.start, End: w.headerEnd, Text: header})
	}
	var value strings.Builder
	for i := range w.values {
		p, v := &w.scalar.Parts[i], &w.values[i]
		if !v.Replaces {
			value.WriteString(p.Placeholder)
			continue
		}
		text, ok := w.escapedPart(i, v.Text)
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
func (w *writer) escapedPart(part int, value string) (string, bool) {
	switch {
	case w.scalar.Unbraced:
		return "", false
	case w.block && w.node.Style&yaml.LiteralStyle != 0 && strings.Contains(value, "\n"):
		_, end := w.scalar.Parts[part].Extent()
		return w.file.indentLines(value, w.extent, end), w.indent > 0 && w.fitsLines(value)
	case w.block && w.node.Style&yaml.LiteralStyle != 0 && value == "" && w.foreignText() != "":
		return "", w.indent > 0 && w.fitsLines("")
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

// fitsLines reports whether a value of several lines can replace an expression in a literal block scalar.
func (w *writer) fitsLines(value string) bool {
	before, after := w.texts()
	return fitsLines([]string{value}, before, after)
}

// texts returns the text of the scalar as it is, and with its values.
func (w *writer) texts() (before, after string) {
	kept := make([]format.Value, len(w.values))
	return format.NewText(w.scalar.Parts, kept), format.NewText(w.scalar.Parts, w.values)
}

// newHeader returns the header with which a literal block holds the line breaks at the end of its new text. It is empty
// if the header can stay. newHeader returns false if no header fits.
func (w *writer) newHeader() (string, bool) {
	if !w.block || w.node.Style&yaml.LiteralStyle == 0 {
		return "", true
	}
	before, after := w.texts()
	was, is := breaksAtEnd(before), breaksAtEnd(after)
	header := string(w.file.src.Data[w.start:w.headerEnd])
	plain := strings.ReplaceAll(strings.ReplaceAll(header, "+", ""), "-", "")
	switch {
	case was == is:
		return "", true
	case w.foreignText() == "":
		return "", false // without one, the scalar is easier to read in quotes
	case strings.Contains(header, "+"):
		return "", true
	case is == 1:
		return plain, true
	case is > 1 && w.breaksAfter() == was:
		return plain + "+", true
	}
	return "", false
}

// keepsBlanks reports whether the block holds the blanks of the values even after another tool has removed its
// statements: {% if x %} and {% endif %} leave nothing. A line that is blank then changes where the text of a block
// begins and ends. An empty header means that the header stays.
func (w *writer) keepsBlanks(newHeader string) bool {
	if w.foreignText() == "" {
		return true
	}
	if newHeader == "" {
		newHeader = string(w.file.src.Data[w.start:w.headerEnd])
	}
	const some = "x"
	before, after := w.withoutStatements(func(string) string { return some }), w.withoutStatements(strings.Clone)
	isIndented := func(text string) bool { return strings.HasPrefix(strings.TrimLeft(text, "\n"), " ") }
	if isIndented(after) && !strings.ContainsAny(newHeader, "123456789") &&
		(!isIndented(before) || strings.Count(after, "\n") != strings.Count(before, "\n")) {
		return false
	}
	if strings.HasPrefix(newHeader, ">") && slices.ContainsFunc(w.values, func(v format.Value) bool {
		return v.Replaces && (v.Text == "" || strings.TrimLeft(v.Text, format.Blanks) != v.Text)
	}) {
		return false // a line that is empty or begins with a blank is not folded
	}
	added := breaksAtEnd(after) - breaksAtEnd(before)
	return breaksRead(after, newHeader) >= added
}

// breaksRead returns the number of line breaks at the end of a text that a parser reads from a block with a header.
func breaksRead(text, header string) int {
	breaks := breaksAtEnd(text)
	switch {
	case strings.Contains(header, "+"):
		return breaks
	case strings.Contains(header, "-"), breaks == len(text):
		return 0
	}
	return min(breaks, 1)
}

// withoutStatements returns the text of the scalar without the statements of other tools, with a text for each value,
// and with some text for each expression of another tool.
func (w *writer) withoutStatements(text func(value string) string) string {
	var out strings.Builder
	for i := range w.values {
		switch p, v := &w.scalar.Parts[i], w.values[i]; {
		case v.Replaces:
			out.WriteString(text(v.Text))
		case p.Region == nil:
			out.WriteString(p.Text)
		case !format.IsStatement(p.Text):
			out.WriteByte('x')
		}
	}
	return out.String()
}

// breaksAfter returns the number of line breaks between the last line of a block that is not blank, and the next line
// of the file that is not.
func (w *writer) breaksAfter() int {
	data := w.file.src.Data
	end := w.contentStart + len(bytes.TrimRight(data[w.contentStart:w.end], " \t\r\n"))
	breaks := 0
	for end < len(data) && strings.IndexByte(format.Blanks, data[end]) >= 0 {
		if n := breakLen(data[end:]); n > 0 {
			breaks++
			end += n
		} else {
			end++
		}
	}
	return breaks
}

func breaksAtEnd(text string) int { return len(text) - len(strings.TrimRight(text, "\n")) }

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

// rewritten returns the text and the tag of the scalar that replaces this one. Expressions of other tools keep their
// bytes: they have no quotes that would have to be escaped.
func (w *writer) rewritten() (text, tag string, _ *backend.Error) {
	if v := format.Whole(w.values); v != nil {
		w.node.Value = v.Text
		text, tag = typed(v.Type, v.Text)
		if v.Type == format.Null {
			w.node.Value = text
		}
		return text, tag, nil
	}
	value := format.NewText(w.scalar.Parts, w.values)
	w.node.Value = value
	foreign := w.foreignText()
	switch {
	case w.block && foreign != "":
		return "", "", errUnfitBlock()
	case w.scalar.Plain && !w.scalar.Text && w.file.src.TypeOf != nil && foreign == "":
		typ, value := w.file.src.TypeOf(value)
		text, tag = typed(typ, value)
		if w.node.Value = value; typ == format.Null {
			w.node.Value = text
		}
		return text, tag, nil
	case !strings.ContainsAny(foreign, `"\`):
		return doubleQuote(value), "!!str", nil
	case format.IsPlainText(value) && !strings.Contains(foreign, "'"):
		return "'" + strings.ReplaceAll(value, "'", "''") + "'", "!!str", nil
	}
	return "", "", backend.Errorf(backend.CodeInvalid,
		"the value must be written in quotes, and the quotes of the expression beside it would have to change").
		WithHint("give the reference its own value, or encode it with | b64encode")
}

func errUnfitBlock() *backend.Error {
	return backend.Errorf(backend.CodeInvalid,
		"the value does not fit into the block, and the expression of another tool in it cannot move into quotes").
		WithHint("give the reference its own value, or encode it with | b64encode")
}

// typed returns a value as it is written, and its tag.
func typed(t format.Type, value string) (text, tag string) {
	switch t {
	case format.Int:
		return value, "!!int"
	case format.Float:
		return value, "!!float"
	case format.Bool:
		return value, "!!bool"
	case format.Null:
		return "null", "!!null"
	}
	return doubleQuote(value), "!!str"
}

// doubleQuote writes s as a scalar in double quotes on one line.
func doubleQuote(s string) string { return `"` + format.Escape(s) + `"` }
