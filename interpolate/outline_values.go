// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

// useOutline collects the scalars with references from the outline of the file. It returns false, and leaves the
// walker as it was, if the file has no outline or if only the parser can read one of its values.
func (w *walker) useOutline() bool {
	d := w.doc
	if d.alwaysParse {
		return false
	}
	for _, r := range w.regions {
		if r.multiline {
			return false
		}
	}
	d.outline = newOutline(d.parserInput)
	if d.outline != nil && w.addRows(d.outline) && !w.unpaired {
		return true
	}
	w.problems, w.unpaired, d.scalars, d.outline = nil, false, nil, nil
	return false
}

func (w *walker) addRows(o *outline) bool {
	w.foreign = map[int]bool{}
	w.doc.scalars = make([]scalar, 0, len(w.regions))
	for i := range o.rows {
		r := &o.rows[i]
		if !w.mayHoldReference(r.style, o.value(r)) {
			continue
		}
		value, tag, ok := o.decode(r)
		if !ok {
			return false
		}
		if !w.doc.delimiters.containedIn(value) && !w.doc.file.isUnbraced(value) {
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
		w.addScalar(r.node, e, false)
	}
	return true
}

// mayHoldReference reports whether a value can hold a delimiter or begin like a URI, written as it is or as an
// escape.
func (w *walker) mayHoldReference(style yaml.Style, value []byte) bool {
	m := w.doc.delimiters
	// The file holds no delimiter, and rarely another letter with the same first byte. So it is enough to search for
	// that byte.
	if bytes.IndexByte(value, m.open[0]) >= 0 || bytes.IndexByte(value, m.close[0]) >= 0 ||
		bytes.IndexByte(value, m.unclosed[0]) >= 0 {
		return true
	}
	return bytes.Contains(value, []byte(expr.Scheme)) || bytes.Contains(value, []byte(atlasSign)) ||
		style == yaml.DoubleQuotedStyle && bytes.IndexByte(value, '\\') >= 0
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
		if !isASCII(text) || bytes.HasPrefix(text, []byte(expr.Scheme)) {
			return string(text), "!!str", true
		}
	}
	roots, err := parseYAML(text)
	if err != nil || len(roots) != 1 || len(roots[0].Content) != 1 {
		return "", "", false
	}
	n := roots[0].Content[0]
	return n.Value, n.Tag, n.Kind == yaml.ScalarNode
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

// matchesOutline reports whether a result has the outline of the file, and every value is what it must be.
func (d *Document) matchesOutline(result []byte) bool {
	want, got := d.outline, newOutline(result)
	if got == nil || len(got.rows) != len(want.rows) {
		return false
	}
	for i := range got.rows {
		w, g := &want.rows[i], &got.rows[i]
		if !bytes.Equal(want.prefix(w), got.prefix(g)) {
			return false
		}
		if w.node == nil {
			if !bytes.Equal(want.value(w), got.value(g)) {
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
