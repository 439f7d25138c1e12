// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// A YAML parser reads an expression without quotes as a mapping in a mapping, and an expression with quotes can end
// the string around it. So the parser reads a copy of the file, in which a placeholder of the same length replaces
// every expression: an opening delimiter, letters, and a closing delimiter. A delimiter is a letter that does not
// occur in the file. It has two bytes, like the braces that it replaces. So the offsets in the copy are the offsets
// in the file, and the delimiters in the value of a scalar show where its expressions are.

// delimiters are the letters that replace braces in the copy.
type delimiters struct {
	open, close string
	unclosed    string // replaces opening braces without closing ones
}

// containedIn reports whether s holds a delimiter.
func (m delimiters) containedIn(s string) bool {
	return strings.Contains(s, m.open) || strings.Contains(s, m.close) || strings.Contains(s, m.unclosed)
}

// index returns the offset of the first delimiter in s, or -1.
func (m delimiters) index(s string) int { return strings.IndexAny(s, m.open+m.close+m.unclosed) }

// Delimiters are chosen from these letters, Latin to Nko. All have two bytes in UTF-8. None of them is white space, a
// line break or a special character of YAML.
const firstDelimiter, lastDelimiter = 0x100, 0x7ff

// chooseDelimiters chooses letters that the file does not hold, neither as they are nor as an escape in a
// double-quoted scalar. It returns false if the file holds too many of them.
func chooseDelimiters(data []byte) (delimiters, bool) {
	var used [lastDelimiter + 1]bool
	for i := 0; i < len(data); {
		switch c := data[i]; {
		case c == '\\' && i+1 < len(data):
			if n := escapedRune(data[i+1:]); n <= lastDelimiter {
				used[n] = true
			}
			i++
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(data[i:])
			if r <= lastDelimiter {
				used[r] = true
			}
			i += n
		}
	}
	var free []string
	for r := rune(firstDelimiter); r <= lastDelimiter; r++ {
		if !used[r] {
			free = append(free, string(r))
			if len(free) == 3 {
				return delimiters{free[0], free[1], free[2]}, true
			}
		}
	}
	return delimiters{}, false
}

// escapedRune returns the code point of the hexadecimal escape at the beginning of b, without its backslash. It
// returns 0 for other text.
func escapedRune(b []byte) uint64 {
	digits := 0
	switch b[0] {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	}
	if digits == 0 || len(b) < 1+digits {
		return 0
	}
	n, err := strconv.ParseUint(string(b[1:1+digits]), 16, 32)
	if err != nil {
		return 0
	}
	return n
}

// hideDirectives turns directives that the parser rejects into comments: a version that it does not know, although the
// differences do not matter for a splice, and directives that YAML reserves. A "%" begins a directive only before a
// document.
func hideDirectives(text []byte) {
	before := true // no document has begun
	for at := 0; at < len(text); {
		if at == 0 && bytes.HasPrefix(text, []byte(byteOrderMark)) {
			at = len(byteOrderMark)
		}
		end := endOfLine(text, at)
		switch line := text[at:end]; {
		case !before:
			before = isMarker(line, "...")
		case len(bytes.Trim(line, blanks)) == 0 || line[0] == '#':
		case line[0] != '%':
			before = false
		case yamlVersion().Match(line), !bytes.HasPrefix(line, []byte("%YAML")) && !bytes.HasPrefix(line, []byte("%TAG")):
			text[at] = '#'
		}
		if at = end; at < len(text) {
			at += breakLen(text[at:])
		}
	}
}

// yamlVersion matches the version directive of YAML 1.
var yamlVersion = pattern.Once(`^%YAML[ \t]+1\.[0-9]+[ \t]*(?:[ \t]#.*)?$`)

// isMarker reports whether a line is a marker of a document: "---" or "...".
func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || isSpaceOrTab(rest[0]))
}

// insertPlaceholders returns the copy of a file that the YAML parser reads.
func insertPlaceholders(data []byte, regions []region, m delimiters) []byte {
	out := bytes.Clone(data)
	for _, r := range regions {
		m.writePlaceholder(out, r)
	}
	if bytes.HasPrefix(bytes.TrimPrefix(out, []byte(byteOrderMark)), []byte("%")) || bytes.Contains(out, []byte("\n%")) {
		hideDirectives(out)
	}
	return out
}

// writePlaceholder replaces a region with a placeholder. Line breaks and the indentation after them stay, because
// they are part of the structure.
func (m delimiters) writePlaceholder(out []byte, r region) {
	if r.unclosed {
		copy(out[r.start:], m.unclosed)
		return
	}
	start := r.start
	if r.asComment {
		if r.multiline {
			m.writeComment(out[r.start:r.end])
			return
		}
		out[start] = '#'
		start++
	}
	copy(out[start:], m.open)
	indent := false
	for i := start + 2; i < r.end-2; {
		c, n := utf8.DecodeRune(out[i:])
		switch {
		case isLineBreak(c):
			indent = true
		case indent && (c == ' ' || c == '\t'):
		default:
			indent = false
			for j := range n {
				out[i+j] = 'x'
			}
		}
		i += n
	}
	copy(out[r.end-2:], m.close)
}

// writeComment replaces a region with a comment on each of its lines. The delimiter of unclosed regions in it is never
// read, unless the region is in a value after all. There it has no closing delimiter, so the view is wrong. A region
// without room for the delimiter stays as it is.
func (m delimiters) writeComment(out []byte) {
	comment, marked := bytes.Clone(out), false
	for i := 0; i < len(out); {
		start := i + len(out[i:]) - len(bytes.TrimLeft(out[i:], " \t\r\n"))
		end := min(len(out), endOfLine(out, start))
		for j := start; j < end; j++ {
			comment[j] = 'x'
		}
		if start < end {
			comment[start] = '#'
		}
		if !marked && end-start > len(m.unclosed) {
			copy(comment[start+1:], m.unclosed)
			marked = true
		}
		i = end + 1
	}
	if marked {
		copy(out, comment)
	}
}

func isLineBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
}

// looksUTF16 reports whether data is UTF-16 and holds double braces. The search for references reads UTF-8 only, and
// would silently miss them.
func looksUTF16(data []byte) bool {
	if len(data) < 2 {
		return false
	}
	switch string(data[:2]) {
	case "\xff\xfe":
		return bytes.Contains(data, []byte("{\x00{\x00"))
	case "\xfe\xff":
		return bytes.Contains(data, []byte("\x00{\x00{"))
	}
	return false
}
