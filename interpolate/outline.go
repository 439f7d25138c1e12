// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Most files are of a kind for which YAML's rules are few: one entry a line,
// keys without quotes, values that end where their line does. The outline of
// such a file is found by looking at every line once, at a fraction of what
// parsing it costs, and says as much: where each value stands, and what makes
// up the structure around it. A file with a single line of any other form has
// no outline, and is parsed.
//
// Why an outline is as good as a parse. The lines that it takes are
//
//	{ "- " } [ key ":" ] [ value ] [ " #" comment ]      "---"      blank      comment
//
// in characters that every version of YAML prints as they are. A key is a word.
// A value is a plain scalar without ": " and " #", a quoted scalar that ends on
// its line, a flow sequence of words, or a block scalar with all its lines. A
// line stands at the column of a block that is open, or further right directly
// below an entry without a value. So no value reaches into another line, since a
// plain scalar is continued only by a line further right; no line belongs to
// anything but the block at its column; and which blocks there are depends on
// what stands before the values alone, the rows' heads. Two files with outlines
// whose rows have equal heads are therefore the same tree but for their values,
// each of which is compared in its turn.
//
// That the parser sees it in the same way is what FuzzOutline is about.

// An outline counts once the quoted scalars with a backslash are decoded: which
// escapes there are is left to the parser.

// outline is a text that has one, row by row.
type outline struct {
	text []byte
	rows []row
}

// row is an entry of an outline: a line, with the block scalar that begins on
// it. Offsets are of 32 bits, since a file has at most MaxFileBytes.
type row struct {
	lineStart, start, end int32 // where the line begins, where the value, and where that ends, comments excluded
	style                 yaml.Style
	node                  *yaml.Node // of a value that holds marks or a URI: what it is, or is to be
}

// head is what stands before a row's value.
func (o *outline) prefix(r *row) []byte { return o.text[r.lineStart:r.start] }

// value is a row's value as it is written; empty where there is none.
func (o *outline) value(r *row) []byte { return o.text[r.start:r.end] }

// maxNesting and maxKeyBytes keep far away from the limits that the parser has.
const maxOutlineDepth, maxOutlineKeyBytes = 64, 128

// outliner makes an outline.
type outliner struct {
	outline
	at          int         // the beginning of the next line
	blocks      []openBlock // outermost first
	awaitsValue bool        // the last entry has no value, so that a block may stand below it
}

type openBlock struct {
	column   int
	sequence bool
}

// outlineOf is the outline of a text; nil if it has none.
func newOutline(text []byte) *outline {
	if len(text) > MaxFileBytes || !isPlainFile(text) {
		return nil
	}
	// A guess: lines of less than eight bytes on average are none, or a file
	// that is made to need much memory.
	rows := min(bytes.Count(text, []byte("\n")), len(text)/8) + 1
	o := outliner{outline: outline{text, make([]row, 0, rows)}}
	for o.at < len(text) {
		if !o.line(o.nextLine()) {
			return nil
		}
	}
	return &o.outline
}

// add adds a row that has no value.
func (o *outliner) add(line, end int) {
	o.rows = append(o.rows, row{lineStart: int32(line), start: int32(end), end: int32(end)})
}

// isTameFile reports whether a text holds nothing but lines that end with LF,
// and characters that are written as they are in every style.
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
		if r == utf8.RuneError || !isPlainRune(r) {
			return false
		}
		i += n
	}
	return true
}

// nextLine is the offset and the end of the next line, its break excluded.
func (o *outliner) nextLine() (start, end int) {
	start, end = o.at, len(o.text)
	if n := bytes.IndexByte(o.text[start:], '\n'); n >= 0 {
		end = start + n
	}
	o.at = end + 1
	return start, end
}

// line takes one line; false if an outline has no place for it.
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

// enter makes the block at this column the innermost, and opens it if it is
// not. The first element of a line decides which blocks are over; those behind
// it are within it.
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
			// A sequence below its key may stand at the key's own column …
		case !sequence && n > 1 && o.blocks[n-2].column == column:
			o.blocks = o.blocks[:n-1] // … and then ends at the next key.
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

// valueAt takes the value that begins at i of the line that begins at start;
// column is that of its entry.
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

// content takes the lines of a block scalar that belongs to an entry at this
// column, empty lines behind it included.
func (o *outliner) skipBlockContent(column int) bool {
	for indent := -1; o.at < len(o.text); {
		before := o.at
		start, end := o.nextLine()
		line := o.text[start:end]
		n := countSpaces(line)
		switch {
		case len(line) == 0 && indent > 0:
		case n == len(line): // spaces alone, or nothing where the indentation is not known yet
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

// isRest reports whether nothing but a comment follows on the line.
func endsLine(b []byte) bool {
	n := countSpaces(b)
	return n == len(b) || n > 0 && b[n] == '#'
}

func isDash(b []byte) bool {
	return len(b) > 0 && b[0] == '-' && (len(b) == 1 || b[1] == ' ')
}

// keyLen is the length of the key that b begins with; 0 if there is none.
func keyLen(b []byte) int {
	n := 0
	for n < len(b) && n < maxOutlineKeyBytes && (isNamePart(b[n]) || n > 0 && (b[n] == '.' || b[n] == '-' || b[n] == '/')) {
		n++
	}
	if n == len(b) || b[n] != ':' || n+1 < len(b) && b[n+1] != ' ' {
		return 0
	}
	return n
}

// plainValueEnd is the end of the plain scalar that begins at i.
func plainValueEnd(line []byte, i int) (int, bool) {
	c := line[i]
	if c == '-' && i+1 < len(line) {
		c = line[i+1]
	}
	if c < utf8.RuneSelf && !isNamePart(c) && strings.IndexByte("/$+~(", c) < 0 {
		return 0, false
	}
	end := len(line)
	if n := bytes.Index(line[i:], []byte(" #")); n >= 0 {
		end = i + n
	}
	value := bytes.TrimRight(line[i:end], " ")
	return i + len(value), !bytes.Contains(value, []byte(": ")) && value[len(value)-1] != ':'
}

// wordsEnd is the end of the flow sequence of words, quoted or not, that begins
// at i. What is quoted holds no escape and nothing of ours.
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
		case isNamePart(c):
			for i < len(line) && (isNamePart(line[i]) || line[i] == '.' || line[i] == '-' || line[i] == '/') {
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
