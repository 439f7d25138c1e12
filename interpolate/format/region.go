// SPDX-License-Identifier: MPL-2.0

package format

import (
	"bytes"
	"unicode/utf8"
)

// Region is a part of a file between {{ and }}, {% and %} or {# and #}: a reference, or an expression of another tool.
type Region struct {
	Start, End   int  // offsets, including the braces; only the opening braces if the region is unclosed
	MentionsCall bool // the region may be a reference
	Unclosed     bool // the line mentions a call, and closing braces are missing
	AfterDollar  bool // the region is written ${{ … }}
	Multiline    bool // the region spans lines
	Literal      bool // another tool writes or removes the region as it is: a comment, or text in {% raw %}
	Control      bool // a foreign control statement on its own line: {{- if … }}, {% endfor %}, {# … #}
	AsComment    bool // the placeholder is a comment
}

// ByteOrderMark can begin a UTF-8 file. It takes no column.
const ByteOrderMark = "\ufeff"

// LineContext is the number of bytes around a region in which the ends of its line are searched. The limit keeps a
// file with one long line as fast as any other.
const LineContext = 1024

// HasLineBreak reports whether b holds a line break of YAML.
func HasLineBreak(b []byte) bool {
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

// IsLineBreak reports whether r is a line break of YAML.
func IsLineBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
}
