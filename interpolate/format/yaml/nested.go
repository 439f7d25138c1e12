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

// A scalar can hold a file. The lines of a literal block are the lines of that file, so its edits become edits of the
// block, indented as the block is. Every other scalar is written again as a whole.

var _ format.Nester = (*file)(nil)

// noteEncoded notes the values of a Kubernetes Secret that are base64.
func (w *walker) noteEncoded(mapping *yaml.Node) {
	if !w.file.src.Encoded {
		return
	}
	kind, data := entryOf(mapping, "kind"), entryOf(mapping, "data")
	if kind == nil || kind.Value != "Secret" || data == nil || data.Kind != yaml.MappingNode {
		return
	}
	for i := 1; i < len(data.Content); i += 2 {
		if v := data.Content[i]; v.Kind == yaml.ScalarNode && v.Value != "" {
			if w.encoded == nil {
				w.encoded = map[*yaml.Node]bool{}
			}
			w.encoded[v] = true
		}
	}
}

// entryOf returns the value of a key in a mapping, or nil.
func entryOf(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// key returns the key of a row, or "".
func (o *outline) key(r *row) string {
	prefix, ok := bytes.CutSuffix(bytes.TrimRight(o.prefix(r), " "), []byte(":"))
	if !ok {
		return ""
	}
	return string(prefix[bytes.LastIndexByte(prefix, ' ')+1:])
}

// Nested implements format.Nester.
func (f *file) Nested(scalar int) format.Nested {
	if n, ok := f.literalLines(scalar); ok {
		return n
	}
	s, p := &f.scalars[scalar], &f.scalarPositions[scalar]
	n := format.Nested{Start: p.start, Block: p.block}
	outer := p.start
	for i := range s.Parts {
		part := &s.Parts[i]
		if part.Region == nil {
			n.Lines = append(n.Lines, format.Line{Inner: len(n.Data), Outer: outer, Approximate: true})
			n.Data = append(n.Data, part.Text...)
			continue
		}
		if part.Trimmed != nil {
			n.Lines = append(n.Lines, format.Line{Inner: len(n.Data), Outer: outer, Approximate: true})
			n.Data = append(n.Data, part.Trimmed.Before...)
		}
		n.Lines = append(n.Lines, format.Line{
			Inner: len(n.Data), Outer: part.Region.Start, Approximate: part.Text != f.source(part.Region),
		})
		n.Data = append(n.Data, part.Text...)
		outer = part.Region.End
		if part.Trimmed != nil {
			n.Lines = append(n.Lines, format.Line{Inner: len(n.Data), Outer: outer, Approximate: true})
			n.Data = append(n.Data, part.Trimmed.After...)
		}
	}
	return n
}

// source returns a region as it is written.
func (f *file) source(r *format.Region) string { return string(f.src.Data[r.Start:r.End]) }

// literalLines returns the lines of a literal block without their indentation, or false for any other scalar.
func (f *file) literalLines(scalar int) (format.Nested, bool) {
	p := &f.scalarPositions[scalar]
	n := format.Nested{Start: p.start, Block: p.block}
	if !p.block || p.indent == 0 || p.node.Style&yaml.LiteralStyle == 0 || f.input[p.start] != '|' {
		return n, false
	}
	hidden := make([]byte, 0, p.end-p.contentStart) // the same text with placeholders
	for at := p.contentStart; at < p.end; {
		end := min(endOfLine(f.input, at), p.end)
		at += min(p.indent, countSpaces(f.input[at:end]))
		n.Lines = append(n.Lines, format.Line{Inner: len(n.Data), Outer: at})
		n.Data, hidden = append(n.Data, f.src.Data[at:end]...), append(hidden, f.input[at:end]...)
		if at = end; at < p.end {
			at += breakLen(f.input[at:])
			n.Data, hidden = append(n.Data, '\n'), append(hidden, '\n')
		}
	}
	breaks, ok := strings.CutPrefix(p.node.Value, string(hidden))
	n.Data = append(n.Data, breaks...)
	return n, ok && strings.Trim(breaks, "\n") == ""
}

// WriteNested implements format.Nester.
func (f *file) WriteNested(edits []format.Edit, scalar int, inner []format.Edit, text string) (
	[]format.Edit, *backend.Error,
) {
	p := &f.scalarPositions[scalar]
	if n, ok := f.literalLines(scalar); ok && inner != nil && breaksAtEnd(string(n.Data)) == breaksAtEnd(text) &&
		fitsLines(texts(inner), string(n.Data), text) {
		// The copy has placeholders of the same length, so the inner edits are valid in it too.
		p.node.Value = string(format.Splice([]byte(p.node.Value), inner))
		for _, e := range inner {
			start, end := n.Offset(e.Start), n.Offset(e.End)
			edits = append(edits, format.Edit{Start: start, End: end, Text: f.indentLines(e.Text, p.extent, end)})
		}
		return edits, nil
	}
	isForeign := func(p format.Part) bool { return p.Region != nil && !f.src.IsReference(p.Region, p.Text) }
	if p.block && slices.ContainsFunc(f.scalars[scalar].Parts, isForeign) {
		return edits, errUnfitBlock()
	}
	p.node.Value = text
	if w := (writer{scalarPosition: p}); !w.tagged() {
		p.node.Tag = "!!str"
	}
	if !p.block {
		return append(edits, format.Edit{Start: p.start, End: p.end, Text: doubleQuote(text)}), nil
	}
	return append(edits, format.Edit{Start: p.start, End: p.headerEnd, Text: doubleQuote(text)},
		format.Edit{Start: p.headerLineEnd, End: p.end}), nil
}

// texts returns what edits insert.
func texts(edits []format.Edit) []string {
	out := make([]string, len(edits))
	for i, e := range edits {
		out[i] = e.Text
	}
	return out
}

// fitsLines reports whether values can stand in the lines of a literal block, whose text they change. All characters
// must be printable. What a parser derives the indentation from must stay as it is.
func fitsLines(values []string, before, after string) bool {
	for _, v := range values {
		if !format.IsPlainText(strings.NewReplacer("\n", "", "\t", "").Replace(v)) {
			return false
		}
	}
	start := len(before) - len(strings.TrimLeft(before, " \t\n"))
	if !strings.HasPrefix(after, before[:start]) || len(strings.TrimLeft(after[start:], " \t\n")) != len(after)-start {
		return false
	}
	content := strings.TrimRight(after, "\n")
	lastLine := content[strings.LastIndexByte(content, '\n')+1:]
	return strings.Trim(lastLine, " \t") != ""
}

// indentLines returns a text as it is written in a literal block, up to the offset end: each line but the first is
// indented. Blank lines have no indentation, unless text follows.
func (f *file) indentLines(text string, block extent, end int) string {
	if !strings.Contains(text, "\n") {
		return text
	}
	data, lineBreak := f.src.Data, "\n"
	if data[block.headerLineEnd] == '\r' {
		lineBreak = string(data[block.headerLineEnd:block.contentStart])
	}
	atLineEnd := end == len(data) || breakLen(data[end:]) > 0
	lines := strings.Split(text, "\n")
	for i := 1; i < len(lines); i++ {
		if lines[i] != "" || i == len(lines)-1 && !atLineEnd {
			lines[i] = strings.Repeat(" ", block.indent) + lines[i]
		}
	}
	return strings.Join(lines, lineBreak)
}

// IsCollection reports whether a text is a mapping whose keys are words, as a configuration file is, or a sequence of
// such mappings or of words.
func IsCollection(text []byte) bool {
	roots, err := parse(text)
	if err != nil || len(roots) != 1 || len(roots[0].Content) != 1 {
		return false
	}
	root := roots[0].Content[0]
	return root.Kind != yaml.ScalarNode && isStructure(root)
}

// isStructure reports whether a node is a word, a mapping whose keys are words, or a sequence of these.
func isStructure(n *yaml.Node) bool {
	step := 1
	switch n.Kind {
	case yaml.ScalarNode:
		return !strings.ContainsAny(n.Value, " \t\n")
	case yaml.MappingNode:
		step = 2
	case yaml.SequenceNode:
	default:
		return false
	}
	for i := 0; i < len(n.Content); i += step {
		if !isStructure(n.Content[i]) {
			return false
		}
	}
	return true
}
