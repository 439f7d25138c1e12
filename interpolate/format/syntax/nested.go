// SPDX-License-Identifier: MPL-2.0

package syntax

import (
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// Nester is a Syntax in which a string can hold a file.
type Nester interface {
	Syntax

	// SplitEscapes returns the parts of a string without its quotes: each is one escape, or text without escapes.
	SplitEscapes(raw string) []string
}

// nestingFile is a file whose syntax is a Nester.
type nestingFile struct {
	*file
	nester Nester
}

var _ format.Nester = (*nestingFile)(nil)

// Nested implements format.Nester.
func (f *nestingFile) Nested(scalar int) format.Nested {
	str := &f.strings[scalar]
	at := str.Inner.Start
	n := format.Nested{Start: at}
	for _, part := range f.nester.SplitEscapes(string(f.src.Data[str.Inner.Start:str.Inner.End])) {
		n.Lines = append(n.Lines, format.Line{Inner: len(n.Data), Outer: at})
		n.Data = append(n.Data, f.syntax.Decode(part, str)...)
		at += len(part)
	}
	n.Lines = append(n.Lines, format.Line{Inner: len(n.Data), Outer: at})
	return n
}

// WriteNested implements format.Nester. What has no edit keeps its escapes. In the copy, a placeholder replaces the
// whole string.
func (f *nestingFile) WriteNested(edits []format.Edit, scalar int, inner []format.Edit, text string) (
	[]format.Edit, *backend.Error,
) {
	str := &f.strings[scalar]
	escape := func(text string) string {
		escaped, _ := f.syntax.Escape(str, text)
		return escaped
	}
	n := f.Nested(scalar)
	var expected, written strings.Builder
	at, before := str.Inner.Start, len(edits)
	for _, e := range inner {
		start, end := n.Offset(e.Start), n.Offset(e.End)
		expected.WriteString(f.syntax.Decode(string(f.input[at:start]), str) + e.Text)
		written.WriteString(f.syntax.Decode(string(f.src.Data[at:start]), str) + e.Text)
		edits, at = append(edits, format.Edit{Start: start, End: end, Text: escape(e.Text)}), end
	}
	expected.WriteString(f.syntax.Decode(string(f.input[at:str.Inner.End]), str))
	written.WriteString(f.syntax.Decode(string(f.src.Data[at:str.Inner.End]), str))
	w := whole{str.Inner, len(f.src.Regions) + scalar, expected.String()}
	if inner == nil || written.String() != text {
		w.text = text
		edits = append(edits[:before], format.Edit{Start: str.Inner.Start, End: str.Inner.End, Text: escape(text)})
	}
	f.wholes = append(f.wholes, w)
	return edits, nil
}

// whole is a string that holds a file.
type whole struct {
	Span
	number int    // of its placeholder
	text   string // the final text, with placeholders for the parts that are not edited
}

// expected returns the copy in which each string that holds a file is a placeholder, and adds its text to the leaves.
func (f *file) expected() []byte {
	if len(f.wholes) == 0 {
		return f.input
	}
	out := append([]byte(nil), f.input...)
	for _, w := range f.wholes {
		placeholder := out[w.Start:w.End]
		f.writePlaceholder(placeholder, w.number)
		f.leaves[string(placeholder)] = w.text
	}
	return out
}
