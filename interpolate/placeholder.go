// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// To YAML, an expression without quotes is a mapping within a mapping, and one
// with quotes may end the string that it stands in. So the parser is shown a
// copy of the file in which every expression is replaced by an inert word of
// the same length: an opening mark, letters, a closing mark. Each mark is a
// letter of two bytes, as long as the braces that it replaces, that the file
// does not hold. Offsets in the copy are offsets in the file, and a scalar's
// value shows where in it the expressions are.

// region is a stretch of a file that begins with two braces.
type region struct {
	start, end   int  // offsets, braces included; an unclosed one has its opening braces alone
	mentionsCall bool // it spells one of our calls, so that it may be ours
	unclosed     bool // it spells one of our calls, and no braces close it
	afterDollar  bool // it is written ${{ … }}
	multiline    bool // it reaches across lines
	control      bool // somebody's control statement on a line of its own: {{- if … }}, {% endfor %}
	asComment    bool // the copy shows it as a comment
}

// findRegions finds the expressions of a file, ours and those of others. An
// expression ends at the first closing braces, whatever quotes they stand in:
// what quotes mean depends on the scalar, and the scalars are not known yet.
// Only what may be ours can reach across lines.
func findRegions(data []byte) []region {
	var out []region
	for i := 0; ; {
		next := bytes.IndexByte(data[i:], '{')
		if next < 0 || i+next+2 > len(data) {
			return out
		}
		i += next
		r, ok := regionAt(data, i)
		switch {
		case ok:
			out = append(out, r)
			i = r.end
		default:
			i++
		}
	}
}

// regionAt recognises the region that begins at i, where there is a brace.
func regionAt(data []byte, i int) (region, bool) {
	r := region{start: i, afterDollar: i > 0 && data[i-1] == '$'}
	window := data[i+2 : min(len(data), i+2+MaxExpressionBytes+2)]
	switch data[i+1] {
	case '%':
		end := bytes.Index(window, []byte("%}"))
		if end < 0 || hasLineBreak(window[:end]) {
			return r, false
		}
		r.end = i + 2 + end + 2
		r.control = isAloneOnLine(data, r.start, r.end)
	case '{':
		if len(window) > 0 && window[0] == '{' {
			return r, false // of more than two, the last two count
		}
		if again := bytes.Index(window, []byte("{{")); again >= 0 {
			window = window[:again]
		}
		end := bytes.Index(window, []byte("}}"))
		if end < 0 {
			line, _, _ := bytes.Cut(window, []byte("\n"))
			r.end, r.mentionsCall, r.unclosed = i+2, true, true
			return r, mentionsCall(string(line))
		}
		body := window[:end]
		r.end, r.mentionsCall, r.multiline = i+2+end+2, mentionsCall(string(body)), hasLineBreak(body)
		if r.multiline && !r.mentionsCall {
			return r, false
		}
		r.control = !r.mentionsCall && isAloneOnLine(data, r.start, r.end) && controlStatement.Match(body)
	default:
		return r, false
	}
	r.control = r.control && r.end-r.start >= len("#{{}}")
	return r, true
}

// controlWords match how a control statement of Go's templates begins.
var controlStatement = regexp.MustCompile(`^(-|/\*|\s*(if|else|end|range|with|define|block|template|include)\b)`)

// hasBreak reports whether b holds what YAML takes for a line break.
func hasLineBreak(b []byte) bool {
	for _, c := range b {
		switch {
		case c == '\r' || c == '\n':
			return true
		case c >= utf8.RuneSelf:
			return bytes.ContainsAny(b, "\r\n\u0085\u2028\u2029")
		}
	}
	return false
}

// lineReach is how far away the ends of a line are looked for, so that a file
// of one long line costs no more than any other.
const lineContext = 1024

// isAlone reports whether nothing but white space stands beside a stretch of
// data on its lines.
func isAloneOnLine(data []byte, start, end int) bool {
	before, after := data[max(0, start-lineContext):start], data[end:min(len(data), end+lineContext)]
	for len(before) > 0 && isSpaceOrTab(before[len(before)-1]) {
		before = before[:len(before)-1]
	}
	for len(after) > 0 && isSpaceOrTab(after[0]) {
		after = after[1:]
	}
	return (len(before) == 0 || isCRorLF(before[len(before)-1])) && (len(after) == 0 || isCRorLF(after[0]))
}

func isSpaceOrTab(c byte) bool { return c == ' ' || c == '\t' }

func isCRorLF(c byte) bool { return c == '\n' || c == '\r' }

// marks are the letters that stand in for braces.
type delimiters struct {
	open, close, unclosed string
}

// in reports whether s holds a mark.
func (m delimiters) containedIn(s string) bool {
	return strings.Contains(s, m.open) || strings.Contains(s, m.close) || strings.Contains(s, m.unclosed)
}

// next is the offset of the first mark in s, or -1.
func (m delimiters) index(s string) int { return strings.IndexAny(s, m.open+m.close+m.unclosed) }

// The letters to choose from: Latin to Nko, all of two bytes in UTF-8, none of
// them white space, a line break or anything else with a meaning to YAML.
const firstDelimiter, lastDelimiter = 0x100, 0x7ff

// chooseMarks chooses letters that the file holds neither as they are nor as
// an escape in a double-quoted scalar.
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

// escapedRune is the code point that a hexadecimal escape gives, without its
// backslash; 0 if it is something else.
func escapedRune(b []byte) uint64 {
	digits := hexEscapes[b[0]]
	if digits == 0 || len(b) < 1+digits {
		return 0
	}
	n, err := strconv.ParseUint(string(b[1:1+digits]), 16, 32)
	if err != nil {
		return 0
	}
	return n
}

// yamlDirective matches a version directive that the parser does not know. YAML
// 1.2 differs from 1.1, which it does know, in nothing that concerns a splice.
var yamlDirective = regexp.MustCompile(`(?m)^%YAML[ \t]+1\.([02-9])[ \t]*\r?$`)

// mask makes the copy that the parser is shown.
func insertPlaceholders(data []byte, regions []region, m delimiters) []byte {
	out := bytes.Clone(data)
	for _, r := range regions {
		m.writePlaceholder(out, r)
	}
	if bytes.Contains(out, []byte("%YAML")) {
		for _, at := range yamlDirective.FindAllSubmatchIndex(out, -1) {
			out[at[2]] = '1'
		}
	}
	return out
}

// hide replaces a region by marks and letters. Line breaks stay, and so does
// the indentation behind them, since both are part of the structure.
func (m delimiters) writePlaceholder(out []byte, r region) {
	if r.unclosed {
		copy(out[r.start:], m.unclosed)
		return
	}
	start := r.start
	if r.asComment {
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

func isLineBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
}

// looksUTF16 reports whether data is UTF-16 and holds double braces: a file
// whose references a search for ASCII would never find.
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
