// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// findRegions returns the regions of a file, in order. A region ends at the first closing braces, even inside quotes:
// what quotes mean depends on the scalar, and the scalars are not known yet. Only a comment, and a region that may be
// a reference, can span lines.
//
// These forms of other tools are literal, so that a file can show an expression without being filled in there:
// comments of Jinja ({# … #}) and of Go ({{/* … */}}), a string of Go ({{`…`}}), and what is between {% raw %} and
// {% endraw %}.
func findRegions(data []byte) []format.Region {
	f := regionFinder{data: data}
	var out []format.Region
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
		i = max(i+1, r.End)
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
func (f *regionFinder) at(i int) (r format.Region, ok bool) {
	r = format.Region{Start: i, AfterDollar: i > 0 && f.data[i-1] == '$', Literal: i < f.rawEnd}
	switch f.data[i+1] {
	case '%':
		ok = f.statement(&r)
	case '#':
		end := f.next(closingComment, i+2)
		if end < 0 || r.AfterDollar || r.Literal {
			return r, false
		}
		if ok = f.comment(&r, end+2); !ok {
			r.End = 0 // what is next to other text and spans lines is hardly a comment
		}
	case '{':
		ok = f.expression(&r)
	}
	return r, ok
}

// statement completes a region that begins with {%.
func (f *regionFinder) statement(r *format.Region) bool {
	window := f.data[r.Start+2 : min(len(f.data), r.Start+2+expr.MaxBytes+2)]
	end := bytes.Index(window, []byte("%}"))
	if end < 0 || format.HasLineBreak(window[:end]) {
		return false
	}
	r.End = r.Start + 2 + end + 2
	if !r.Literal && strings.Trim(string(window[:end]), "-+ \t") == "raw" {
		f.rawEnd = f.next(closingRaw, r.End)
	}
	r.Control = r.End-r.Start >= len("#{{}}") && isAloneOnLine(f.data, r.Start, r.End)
	return true
}

// comment completes a region that is a comment up to end. A comment that spans lines is a region only if it is alone
// on them.
func (f *regionFinder) comment(r *format.Region, end int) bool {
	r.End, r.Literal = end, true
	r.Multiline = format.HasLineBreak(f.data[r.Start:r.End])
	r.Control = r.End-r.Start >= len("#{{}}") && isAloneOnLine(f.data, r.Start, r.End)
	return r.Control || !r.Multiline
}

// goLiteral matches the beginning of a comment or of a string in a template of Go.
var goLiteral = pattern.Once("^-?[ \t]*(/\\*|`)")

// expression completes a region that begins with {{.
func (f *regionFinder) expression(r *format.Region) bool {
	window := f.data[r.Start+2 : min(len(f.data), r.Start+2+expr.MaxBytes+2)]
	if len(window) > 0 && window[0] == '{' {
		return false // of three or more braces, the last two begin the region
	}
	if m := goLiteral().FindSubmatchIndex(window[:min(len(window), 16)]); m != nil && !r.Literal {
		sign := closingGoComment
		if window[m[2]] == '`' {
			sign = closingGoString
		}
		if closing := f.next(sign, r.Start+2+m[3]); closing >= 0 {
			closing += len(closingSigns[sign])
			if n := closingBraces().FindIndex(f.data[closing:min(len(f.data), closing+format.LineContext)]); n != nil {
				return f.comment(r, closing+n[1])
			}
		}
	}
	if again := bytes.Index(window, []byte("{{")); again >= 0 {
		window = window[:again]
	}
	end := bytes.Index(window, []byte("}}"))
	if end < 0 {
		if r.Literal {
			return false
		}
		line, _, _ := bytes.Cut(window, []byte("\n"))
		if !expr.MentionsCall(string(line)) {
			return false
		}
		r.End, r.MentionsCall, r.Unclosed = r.Start+2, true, true
		return true
	}
	body := window[:end]
	r.Multiline = format.HasLineBreak(body)
	r.MentionsCall = !r.Literal && expr.MentionsCall(string(body))
	if r.Multiline && !r.MentionsCall {
		return false
	}
	r.End = r.Start + 2 + end + 2
	r.Control = !r.MentionsCall && r.End-r.Start >= len("#{{}}") && isAloneOnLine(f.data, r.Start, r.End) &&
		controlStatement().Match(body)
	return true
}

// closingBraces matches what closes a template of Go after a comment or a string: for example " | quote }}".
var closingBraces = pattern.Once(`^[^{}\r\n]*\}\}`)

// controlStatement matches the beginning of a control statement of Go templates.
var controlStatement = pattern.Once(`^(-|/\*|\s*(if|else|end|range|with|define|block|template|include)\b)`)

// isAloneOnLine reports whether the lines of a part of data hold nothing else but white space.
func isAloneOnLine(data []byte, start, end int) bool {
	before, after := data[max(0, start-format.LineContext):start], data[end:min(len(data), end+format.LineContext)]
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
