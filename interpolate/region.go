// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// region is a part of a file between {{ and }} or between {% and %}: an expression of this package, or a foreign one.
type region struct {
	start, end   int  // offsets, including the braces; only the opening braces if the region is unclosed
	mentionsCall bool // the region may be a reference
	unclosed     bool // the line mentions a call, and closing braces are missing
	afterDollar  bool // the region is written ${{ … }}
	multiline    bool // the region spans lines
	control      bool // a foreign control statement on its own line: {{- if … }}, {% endfor %}
	asComment    bool // the placeholder is a comment
}

// findRegions returns the regions of a file, in order. A region ends at the first closing braces, even inside quotes:
// what quotes mean depends on the scalar, and the scalars are not known yet. Only a region that may be a reference
// can span lines.
func findRegions(data []byte) []region {
	var out []region
	for i := 0; ; {
		next := bytes.IndexByte(data[i:], '{')
		if next < 0 || i+next+2 > len(data) {
			return out
		}
		i += next
		if r, ok := regionAt(data, i); ok {
			out = append(out, r)
			i = r.end
		} else {
			i++
		}
	}
}

// regionAt returns the region that begins at i, where data has an opening brace.
func regionAt(data []byte, i int) (region, bool) {
	r := region{start: i, afterDollar: i > 0 && data[i-1] == '$'}
	window := data[i+2 : min(len(data), i+2+expr.MaxBytes+2)]
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
			return r, false // of three or more braces, the last two begin the region
		}
		if again := bytes.Index(window, []byte("{{")); again >= 0 {
			window = window[:again]
		}
		end := bytes.Index(window, []byte("}}"))
		if end < 0 {
			line, _, _ := bytes.Cut(window, []byte("\n"))
			r.end, r.mentionsCall, r.unclosed = i+2, true, true
			return r, expr.MentionsCall(string(line))
		}
		body := window[:end]
		r.end, r.mentionsCall, r.multiline = i+2+end+2, expr.MentionsCall(string(body)), hasLineBreak(body)
		if r.multiline && !r.mentionsCall {
			return r, false
		}
		r.control = !r.mentionsCall && isAloneOnLine(data, r.start, r.end) && controlStatement().Match(body)
	default:
		return r, false
	}
	r.control = r.control && r.end-r.start >= len("#{{}}")
	return r, true
}

// controlStatement matches the beginning of a control statement of Go templates.
var controlStatement = pattern.Once(`^(-|/\*|\s*(if|else|end|range|with|define|block|template|include)\b)`)

// hasLineBreak reports whether b holds a line break of YAML.
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

// lineContext is the number of bytes around a region in which the ends of its line are searched. The limit keeps a
// file with one long line as fast as any other.
const lineContext = 1024

// isAloneOnLine reports whether the lines of a part of data hold nothing else but white space.
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
