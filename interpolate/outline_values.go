// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// outlined finds the scalars that hold references by the outline of the file.
// False means that it has none, or holds something that only the parser can
// tell; the walker is then as it was before.
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

// mayHold reports whether a value can hold a mark or begin like a URI: in its
// own letters, or in an escape's.
func (w *walker) mayHoldReference(style yaml.Style, value []byte) bool {
	m := w.doc.delimiters
	// Marks are letters that the file does not hold, of which few files hold any
	// neighbour: it is enough to look for the first of their two bytes.
	if bytes.IndexByte(value, m.open[0]) >= 0 || bytes.IndexByte(value, m.close[0]) >= 0 || bytes.IndexByte(value, m.unclosed[0]) >= 0 {
		return true
	}
	return bytes.Contains(value, []byte(uriScheme)) || bytes.Contains(value, []byte(atlasSign)) || style == yaml.DoubleQuotedStyle && bytes.IndexByte(value, '\\') >= 0
}

// decode is what a row's value stands for, and its tag. What is written as it
// is, is itself; the rest is told by the parser, to which a value is a file of
// its own.
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
	default: // of plain scalars, only those in ASCII can be something else than text
		if !isASCII(text) || bytes.HasPrefix(text, []byte(uriScheme)) {
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

// literalValue is the value of a literal block scalar in an outline: its lines
// without their indentation, and of the breaks at its end as many as the header says.
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

// sameOutline reports whether a result has the outline of the file, but for the
// values that were filled in, and these are what they should be.
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
