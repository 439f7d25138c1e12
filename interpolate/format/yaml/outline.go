// SPDX-License-Identifier: MPL-2.0

package yaml

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// Most YAML files use few of the rules of YAML: one entry per line, keys without quotes, and values that end on their
// line. For such a file, a scan of its lines yields an outline: the position of every value, and the structure around
// it. The scan costs a fraction of a parse. A file with one line of any other form has no outline, and is parsed.
//
// An outline is equivalent to a parse, for this reason. It accepts lines of the form
//
//	{ "- " } [ key ":" ] [ value ] [ " #" comment ]      "---"      blank      comment
//
// that hold only characters which every version of YAML prints as they are. A key is a word. A value is a plain
// scalar without ": " and " #", a quoted scalar that ends on its line, a flow sequence of words, or a block scalar
// with all its lines. A line starts at the column of an open block, or further right if it directly follows an entry
// without a value. It follows that no value reaches into another line, because only a line further right continues a
// plain scalar. It follows that every line belongs to the block at its column. And the blocks depend only on the text
// before the values, which is called the prefix of a row. So two files with outlines whose rows have equal prefixes
// are the same tree, except for the values, and each pair of values is compared.
//
// FuzzOutline checks that the parser agrees. An outline counts only after the quoted scalars with a backslash are
// decoded, because only the parser knows which escapes are valid.

// outline is a text as a list of rows.
type outline struct {
	text []byte
	rows []row
}

// row is one line with an entry, and the block scalar that begins on it. Its offsets have 32 bits, which is enough
// for maxOutlineBytes.
type row struct {
	lineStart, start, end int32 // offsets of the line, of its value, and of the end of the value without a comment
	style                 yaml.Style
	node                  *yaml.Node // the scalar, if the value has a reference; after fill, the one in the result
}

// prefix returns the text before the value of a row.
func (o *outline) prefix(r *row) []byte { return o.text[r.lineStart:r.start] }

// value returns the value of a row as it is written, or an empty slice.
func (o *outline) value(r *row) []byte { return o.text[r.start:r.end] }

// maxOutlineBytes is the size of the largest text that can have an outline.
const maxOutlineBytes = 128 << 20

// maxOutlineDepth and maxOutlineKeyBytes are far below the limits of the parser.
const maxOutlineDepth, maxOutlineKeyBytes = 64, 128

// outliner builds an outline.
type outliner struct {
	outline
	at          int         // the offset of the next line
	blocks      []openBlock // outermost first
	awaitsValue bool        // the last entry has no value, so a block can follow as its value
}

type openBlock struct {
	column   int
	sequence bool
}

// newOutline returns the outline of a text, or nil if it has none.
func newOutline(text []byte) *outline {
	if len(text) > maxOutlineBytes || !isPlainFile(text) {
		return nil
	}
	// An estimate. A file whose lines have less than eight bytes on average is mostly blank, or made to use much
	// memory.
	rows := min(bytes.Count(text, []byte("\n")), len(text)/8) + 1
	o := outliner{outline: outline{text, make([]row, 0, rows)}}
	for o.at < len(text) {
		if !o.line(o.nextLine()) {
			return nil
		}
	}
	return &o.outline
}

// add adds a row without a value.
func (o *outliner) add(line, end int) {
	o.rows = append(o.rows, row{lineStart: int32(line), start: int32(end), end: int32(end)})
}

// isPlainFile reports whether all lines of a text end with LF, and hold only characters that can stand in every style
// of scalar as they are.
func isPlainFile(text []byte) bool {
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if c < 0x20 && c != '\n' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError || !format.IsPlainRune(r) {
			return false
		}
		i += n
	}
	return true
}

// nextLine returns the beginning and the end of the next line, without its line break.
func (o *outliner) nextLine() (start, end int) {
	start, end = o.at, len(o.text)
	if n := bytes.IndexByte(o.text[start:], '\n'); n >= 0 {
		end = start + n
	}
	o.at = end + 1
	return start, end
}

// line adds one line, or returns false if the text has no outline.
func (o *outliner) line(start, end int) bool {
	line := o.text[start:end]
	i := countSpaces(line)
	switch {
	case i == len(line) || line[i] == '#':
		return true
	case i == 0 && bytes.HasPrefix(line, []byte("---")):
		o.blocks, o.awaitsValue = o.blocks[:0], false
		o.add(start, start+3)
		return endsLine(line[3:])
	}
	column, first := i, true
	for ; isDash(line[i:]); first = false {
		if !o.enterBlock(i, true, first) {
			return false
		}
		column = i
		i += 1 + countSpaces(line[i+1:])
		if endsLine(line[column+1:]) {
			o.awaitsValue = true
			o.add(start, start+column+1)
			return true
		}
	}
	if n := keyLen(line[i:]); n > 0 {
		if !o.enterBlock(i, false, first) {
			return false
		}
		column, first = i, false
		i += n + 1
		if endsLine(line[i:]) {
			o.awaitsValue = true
			o.add(start, start+i)
			return true
		}
		i += countSpaces(line[i:])
	}
	return !first && o.addValue(line, start, i, column)
}

// enterBlock makes the block at this column the innermost one. It opens the block if necessary. The first element of
// a line closes the blocks further right; the other elements are inside it.
func (o *outliner) enterBlock(column int, sequence, first bool) bool {
	below := o.awaitsValue
	o.awaitsValue = false
	for first && len(o.blocks) > 0 && o.blocks[len(o.blocks)-1].column > column {
		o.blocks, below = o.blocks[:len(o.blocks)-1], false
	}
	n := len(o.blocks)
	if first && n > 0 {
		switch top := o.blocks[n-1]; {
		case top.column < column && below:
		case top.column < column:
			return false
		case top.sequence == sequence:
			return true
		case sequence && below:
			// A sequence can start at the column of its key …
		case !sequence && n > 1 && o.blocks[n-2].column == column:
			o.blocks = o.blocks[:n-1] // … and ends at the next key.
			return true
		default:
			return false
		}
	}
	if n == maxOutlineDepth || n == 0 && column > 0 {
		return false
	}
	o.blocks = append(o.blocks, openBlock{column, sequence})
	return true
}

// addValue adds the value at index i of the line at offset start. The entry of the value is at this column.
func (o *outliner) addValue(line []byte, start, i, column int) bool {
	r := row{lineStart: int32(start), start: int32(start + i)}
	end, ok := i, true
	switch line[i] {
	case '"':
		r.style = yaml.DoubleQuotedStyle
		end, ok = doubleQuotedEnd(line, i)
	case '\'':
		r.style = yaml.SingleQuotedStyle
		end, ok = singleQuotedEnd(line, i)
	case '|', '>':
		r.style = yaml.LiteralStyle
		if end++; end < len(line) && (line[end] == '-' || line[end] == '+') {
			end++
		}
	case '[':
		r.style = yaml.FlowStyle
		end, ok = flowSequenceEnd(line, i)
	default:
		end, ok = plainValueEnd(line, i)
	}
	if !ok || !endsLine(line[end:]) {
		return false
	}
	r.end = int32(start + end)
	if r.style == yaml.LiteralStyle {
		if !o.skipBlockContent(column) {
			return false
		}
		r.end = int32(min(o.at, len(o.text)))
	}
	o.rows = append(o.rows, r)
	return true
}

// skipBlockContent skips the lines of a block scalar, including the empty lines after it. The entry of the block
// scalar is at this column.
func (o *outliner) skipBlockContent(column int) bool {
	for indent := -1; o.at < len(o.text); {
		before := o.at
		start, end := o.nextLine()
		line := o.text[start:end]
		n := countSpaces(line)
		switch {
		case len(line) == 0 && indent > 0:
		case n == len(line): // only spaces, or empty before the indentation is known
			return false
		case indent < 0 && n > column:
			indent = n
		case indent < 0:
			return false
		case n < indent:
			o.at = before
			return true
		}
		if o.at >= len(o.text) {
			return indent > 0
		}
	}
	return false
}

func countSpaces(b []byte) int {
	n := 0
	for n < len(b) && b[n] == ' ' {
		n++
	}
	return n
}

// endsLine reports whether b, the rest of a line, holds no more than a comment.
func endsLine(b []byte) bool {
	n := countSpaces(b)
	return n == len(b) || n > 0 && b[n] == '#'
}

func isDash(b []byte) bool {
	return len(b) > 0 && b[0] == '-' && (len(b) == 1 || b[1] == ' ')
}

// keyLen returns the length of the key at the beginning of b, or 0.
func keyLen(b []byte) int {
	n := 0
	for n < len(b) && n < maxOutlineKeyBytes &&
		(isWordByte(b[n]) || n > 0 && (b[n] == '.' || b[n] == '-' || b[n] == '/')) {
		n++
	}
	if n == len(b) || b[n] != ':' || n+1 < len(b) && b[n+1] != ' ' {
		return 0
	}
	return n
}

// plainValueEnd returns the end of the plain scalar at index i.
func plainValueEnd(line []byte, i int) (int, bool) {
	c := line[i]
	if c == '-' && i+1 < len(line) {
		c = line[i+1]
	}
	if c < utf8.RuneSelf && !isWordByte(c) && strings.IndexByte("/$+~(", c) < 0 {
		return 0, false
	}
	end := len(line)
	if n := bytes.Index(line[i:], []byte(" #")); n >= 0 {
		end = i + n
	}
	value := bytes.TrimRight(line[i:end], " ")
	return i + len(value), !bytes.Contains(value, []byte(": ")) && value[len(value)-1] != ':'
}

// flowSequenceEnd returns the end of the flow sequence at index i. Its elements are words, or quoted text without
// escapes and without references.
func flowSequenceEnd(line []byte, i int) (int, bool) {
	for i++; i < len(line); {
		switch c := line[i]; {
		case c == ']':
			return i + 1, true
		case c == '"' || c == '\'':
			n := bytes.IndexByte(line[i+1:], c)
			if n < 0 || bytes.ContainsAny(line[i+1:i+1+n], `\:`) {
				return 0, false
			}
			i += n + 2
		case isWordByte(c):
			for i < len(line) && (isWordByte(line[i]) || line[i] == '.' || line[i] == '-' || line[i] == '/') {
				i++
			}
		default:
			return 0, false
		}
		switch {
		case bytes.HasPrefix(line[i:], []byte(", ")):
			i += 2
		case !bytes.HasPrefix(line[i:], []byte("]")):
			return 0, false
		}
	}
	return 0, false
}

// isWordByte reports whether c is an ASCII letter, a digit or "_".
func isWordByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
