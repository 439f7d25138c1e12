// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// region is a part of a file between {{ and }}, {% and %} or {# and #}: an expression of this package, or a foreign
// one.
type region struct {
	start, end   int  // offsets, including the braces; only the opening braces if the region is unclosed
	mentionsCall bool // the region may be a reference
	unclosed     bool // the line mentions a call, and closing braces are missing
	afterDollar  bool // the region is written ${{ … }}
	multiline    bool // the region spans lines
	literal      bool // another tool writes or removes the region as it is: a comment, or text in {% raw %}
	control      bool // a foreign control statement on its own line: {{- if … }}, {% endfor %}, {# … #}
	asComment    bool // the placeholder is a comment
}

// findRegions returns the regions of a file, in order. A region ends at the first closing braces, even inside quotes:
// what quotes mean depends on the scalar, and the scalars are not known yet. Only a comment, and a region that may be
// a reference, can span lines.
//
// These forms of other tools are literal, so that a file can show an expression without being filled in there:
// comments of Jinja ({# … #}) and of Go ({{/* … */}}), a string of Go ({{`…`}}), and what is between {% raw %} and
// {% endraw %}.
func findRegions(data []byte) []region {
	f := regionFinder{data: data}
	var out []region
	for i := 0; ; {
		next := bytes.IndexByte(data[i:], '{')
		if next < 0 || i+next+2 > len(data) {
			return out
		}
		i += next
		r, ok := f.at(i)
		if ok {
			out = append(out, r)
		}
		i = max(i+1, r.end)
	}
}

// regionFinder finds regions from the beginning of a file to its end.
type regionFinder struct {
	data     []byte
	closings [len(closingSigns)]int // by closing sign: the offset of the next one
	rawEnd   int                    // the end of {% raw %} … {% endraw %}
}

const (
	closingComment   = iota // #}
	closingGoComment        // */
	closingGoString         // `
	closingRaw              // endraw
)

var closingSigns = [...]string{"#}", "*/", "`", "endraw"}

// next returns the offset of the next closing sign from i, or -1. All calls together read the file once.
func (f *regionFinder) next(sign, i int) int {
	if at := f.closings[sign]; at < 0 || at >= i {
		return at
	}
	at := bytes.Index(f.data[i:], []byte(closingSigns[sign]))
	if at >= 0 {
		at += i
	}
	f.closings[sign] = at
	return at
}

// at returns the region that begins at i, where the file has an opening brace. If it returns false, the end of the
// region is where the next one can begin; 0 means after i.
func (f *regionFinder) at(i int) (r region, ok bool) {
	r = region{start: i, afterDollar: i > 0 && f.data[i-1] == '$', literal: i < f.rawEnd}
	switch f.data[i+1] {
	case '%':
		ok = f.statement(&r)
	case '#':
		end := f.next(closingComment, i+2)
		if end < 0 || r.afterDollar || r.literal {
			return r, false
		}
		if ok = f.comment(&r, end+2); !ok {
			r.end = 0 // what is next to other text and spans lines is hardly a comment
		}
	case '{':
		ok = f.expression(&r)
	}
	return r, ok
}

// statement completes a region that begins with {%.
func (f *regionFinder) statement(r *region) bool {
	window := f.data[r.start+2 : min(len(f.data), r.start+2+expr.MaxBytes+2)]
	end := bytes.Index(window, []byte("%}"))
	if end < 0 || hasLineBreak(window[:end]) {
		return false
	}
	r.end = r.start + 2 + end + 2
	if !r.literal && strings.Trim(string(window[:end]), "-+ \t") == "raw" {
		f.rawEnd = f.next(closingRaw, r.end)
	}
	r.control = r.end-r.start >= len("#{{}}") && isAloneOnLine(f.data, r.start, r.end)
	return true
}

// comment completes a region that is a comment up to end. A comment that spans lines is a region only if it is alone
// on them.
func (f *regionFinder) comment(r *region, end int) bool {
	r.end, r.literal = end, true
	r.multiline = hasLineBreak(f.data[r.start:r.end])
	r.control = r.end-r.start >= len("#{{}}") && isAloneOnLine(f.data, r.start, r.end)
	return r.control || !r.multiline
}

// goLiteral matches the beginning of a comment or of a string in a template of Go.
var goLiteral = pattern.Once("^-?[ \t]*(/\\*|`)")

// expression completes a region that begins with {{.
func (f *regionFinder) expression(r *region) bool {
	window := f.data[r.start+2 : min(len(f.data), r.start+2+expr.MaxBytes+2)]
	if len(window) > 0 && window[0] == '{' {
		return false // of three or more braces, the last two begin the region
	}
	if m := goLiteral().FindSubmatchIndex(window[:min(len(window), 16)]); m != nil && !r.literal {
		sign := closingGoComment
		if window[m[2]] == '`' {
			sign = closingGoString
		}
		if closing := f.next(sign, r.start+2+m[3]); closing >= 0 {
			closing += len(closingSigns[sign])
			if n := closingBraces().FindIndex(f.data[closing:min(len(f.data), closing+lineContext)]); n != nil {
				return f.comment(r, closing+n[1])
			}
		}
	}
	if again := bytes.Index(window, []byte("{{")); again >= 0 {
		window = window[:again]
	}
	end := bytes.Index(window, []byte("}}"))
	if end < 0 {
		if r.literal {
			return false
		}
		line, _, _ := bytes.Cut(window, []byte("\n"))
		if !expr.MentionsCall(string(line)) {
			return false
		}
		r.end, r.mentionsCall, r.unclosed = r.start+2, true, true
		return true
	}
	body := window[:end]
	r.multiline = hasLineBreak(body)
	r.mentionsCall = !r.literal && expr.MentionsCall(string(body))
	if r.multiline && !r.mentionsCall {
		return false
	}
	r.end = r.start + 2 + end + 2
	r.control = !r.mentionsCall && r.end-r.start >= len("#{{}}") && isAloneOnLine(f.data, r.start, r.end) &&
		controlStatement().Match(body)
	return true
}

// closingBraces matches what closes a template of Go after a comment or a string: for example " | quote }}".
var closingBraces = pattern.Once(`^[^{}\r\n]*\}\}`)

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
