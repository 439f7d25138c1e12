// SPDX-License-Identifier: MPL-2.0

package yaml

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// useOutline collects the scalars with regions from the outline of the file. It returns false, and leaves the walker as
// it was, if the file has no outline or if only the parser can read one of its values.
func (w *walker) useOutline() bool {
	f := w.file
	if f.src.Thorough || f.src.Encoded {
		return false
	}
	for i := range w.Regions {
		if w.Regions[i].Multiline {
			return false
		}
	}
	f.outline = newOutline(f.input)
	if f.outline != nil && w.addRows(f.outline) && !w.unpaired {
		return true
	}
	w.unpaired, f.scalars, f.scalarPositions, f.outline = false, nil, nil, nil
	return false
}

func (w *walker) addRows(o *outline) bool {
	f := w.file
	f.scalars = make([]format.Scalar, 0, len(w.Regions))
	f.scalarPositions = make([]scalarPosition, 0, len(w.Regions))
	for i := range o.rows {
		r := &o.rows[i]
		if !w.mayHoldReference(r.style, o.value(r)) {
			continue
		}
		value, tag, ok := o.decode(r)
		if !ok {
			return false
		}
		name := o.key(r)
		if !w.ContainedIn(value) && !f.src.IsUnbraced(value) && !w.file.src.MayBeFile(name, value) {
			continue
		}
		e := extent{start: int(r.start), end: int(r.end)}
		if r.style == yaml.LiteralStyle {
			if !e.locateBlock(o.text, value) {
				return false
			}
			e.multiline = true
		}
		r.node = &yaml.Node{Kind: yaml.ScalarNode, Style: r.style, Tag: tag, Value: value}
		w.addScalar(r.node, e, false, name)
	}
	return true
}

// mayHoldReference reports whether a value can hold a delimiter or begin like a reference without braces, written as
// it is or as an escape.
func (w *walker) mayHoldReference(style yaml.Style, value []byte) bool {
	// The file holds no delimiter, and rarely another letter with the same first byte. So it is enough to search for
	// that byte.
	if bytes.IndexByte(value, w.Open[0]) >= 0 || bytes.IndexByte(value, w.Close[0]) >= 0 ||
		bytes.IndexByte(value, w.Unclosed[0]) >= 0 {
		return true
	}
	for _, prefix := range w.file.src.Prefixes {
		if bytes.Contains(value, []byte(prefix)) {
			return true
		}
	}
	return style == yaml.DoubleQuotedStyle && bytes.IndexByte(value, '\\') >= 0
}

// decode returns the value of a row without quotes and escapes, and its tag. It leaves every value that is not simple
// to the parser, which reads it as if it were a file.
func (o *outline) decode(r *row) (value, tag string, ok bool) {
	text := o.value(r)
	switch r.style {
	case yaml.FlowStyle:
		return "", "", false
	case yaml.DoubleQuotedStyle:
		if inner := text[1 : len(text)-1]; bytes.IndexByte(inner, '\\') < 0 {
			return string(inner), "!!str", true
		}
	case yaml.SingleQuotedStyle:
		if inner := text[1 : len(text)-1]; bytes.IndexByte(inner, '\'') < 0 {
			return string(inner), "!!str", true
		}
	case yaml.LiteralStyle:
		if text[0] == '|' {
			return literalValue(text), "!!str", true
		}
	default: // a plain scalar outside ASCII is always text
		if !isASCII(text) || bytes.Contains(text, []byte("://")) {
			return string(text), "!!str", true
		}
	}
	n := parseScalar(text)
	if n == nil {
		return "", "", false
	}
	return n.Value, n.Tag, true
}

// literalValue returns the value of a literal block scalar: its lines without indentation, and as many line breaks at
// the end as the header asks for.
func literalValue(text []byte) string {
	header, content, _ := bytes.Cut(text, []byte("\n"))
	indent := countSpaces(content)
	var out strings.Builder
	out.Grow(len(content))
	for line := range bytes.Lines(content) {
		out.Write(line[min(indent, countSpaces(line)):])
	}
	value := out.String()
	last := strings.TrimRight(value, "\n")
	switch {
	case len(header) > 1 && header[1] == '+', last == value:
		return value
	case len(header) > 1 && header[1] == '-':
		return last
	}
	return value[:len(last)+1]
}

// equals reports whether a result has this outline, and every value is what it must be.
func (o *outline) equals(result []byte) bool {
	got := newOutline(result)
	if got == nil || len(got.rows) != len(o.rows) {
		return false
	}
	for i := range got.rows {
		w, g := &o.rows[i], &got.rows[i]
		if !bytes.Equal(o.prefix(w), got.prefix(g)) {
			return false
		}
		if w.node == nil {
			if !bytes.Equal(o.value(w), got.value(g)) {
				return false
			}
			continue
		}
		value, tag, ok := got.decode(g)
		if !ok || tag != w.node.Tag || value != w.node.Value {
			return false
		}
	}
	return true
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
