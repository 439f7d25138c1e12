// SPDX-License-Identifier: MPL-2.0

package text

import (
	"bytes"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

var (
	inertValue = pattern.Once(`^[A-Za-z0-9_/](?:[A-Za-z0-9_/.+=@~^:-]*[A-Za-z0-9_/.+=@~^-])?$`)
	// wordStart matches what every version of YAML reads as a string, unless it is a keyword.
	wordStart   = pattern.Once(`^[A-Za-z_/]`)
	yamlKeyword = pattern.Once(`^(?i:y|n|yes|no|on|off|true|false|null|none|nan|inf)$`)
	// neverNumber matches a letter or sign that no number and no date has.
	neverNumber = pattern.Once(`[G-NP-SU-WYg-np-su-wy/@]`)
)

// longestKeyword is the length of the longest match of yamlKeyword, "false".
const longestKeyword = 5

// IsInert reports whether a value ends no string, adds no structure, and begins no comment, template or escape, in any
// quoting style or without quotes.
func IsInert(value string) bool { return inertValue().MatchString(value) }

// Inert returns the text of a value in a template, or an error for a value that could mean something else in one of
// the positions in which a part of a template can be. A number, boolean or null keeps its type if it is the whole
// value. The notice says why only such values are safe.
func Inert(src *format.Source, notice string, p *format.Part, v *format.Value) (string, *backend.Error) {
	if v.Text == "" {
		return "", templateError(notice, "is empty")
	}
	beside, quoted := surrounding(src, p)
	if v.Type != format.String && beside == "" && !quoted {
		if v.Type == format.Null {
			return "null", nil
		}
		return v.Text, nil
	}
	switch {
	case !IsInert(v.Text):
		return "", templateError(notice, "has characters that mean something else in some of them")
	case quoted:
		return v.Text, nil
	case src.QuotesStrings:
	case isAlwaysText(beside), isAlwaysText(v.Text):
		return v.Text, nil
	case beside == "" && wordStart().MatchString(v.Text) && !yamlKeyword().MatchString(v.Text):
		return v.Text, nil
	}
	return "", backend.Errorf(backend.CodeInvalid,
		"%s, and without quotes the value can be read as a number, a date or a keyword", notice).
		WithHint(`write the expression in quotes: "{{ … }}"`)
}

// isAlwaysText reports whether a text stays a string whatever is added to it.
func isAlwaysText(text string) bool {
	return len(text) > longestKeyword && neverNumber().MatchString(text)
}

// templateError returns the error of a value that a template cannot hold.
func templateError(notice, reason string) *backend.Error {
	return backend.Errorf(backend.CodeInvalid,
		"%s, so a value must mean the same in every quoting style, and this value %s", notice, reason).
		WithHint("render the file after the other tool fills it in, or move the reference to its own file")
}

// surrounding returns the text next to an expression in the same value, as far as its line shows it, or whether the
// expression is in quotes. Other expressions count as digits, because they could become digits.
func surrounding(src *format.Source, p *format.Part) (beside string, quoted bool) {
	data := src.Data
	start, end := p.Extent()
	from := max(0, start-format.LineContext)
	from += bytes.LastIndexByte(data[from:start], '\n') + 1
	to := end + format.LineContext
	if i := bytes.IndexByte(data[end:min(len(data), to)], '\n'); i >= 0 {
		to = end + i
	}
	line := bytes.Clone(data[from:min(len(data), to)])
	for _, other := range src.FindRegions(line) {
		for i := other.Start; i < other.End; i++ {
			line[i] = '0'
		}
	}
	before, after := line[:start-from], line[end-from:]
	before = before[afterLast(before, ": ", "- ", "= ", "=", "[", "{", ",", "\t"):]
	after = after[:beforeFirst(after, " #", ",", "]", "}", "\r")]
	for _, quote := range []string{`"`, `'`} {
		if bytes.Count(before, []byte(quote))%2 == 1 && bytes.Count(after, []byte(quote))%2 == 1 {
			return "", true
		}
	}
	return strings.TrimSpace(string(before)) + strings.TrimSpace(string(after)), false
}

// afterLast returns the position after the last of the signs in b, or 0.
func afterLast(b []byte, signs ...string) int {
	end := 0
	for _, s := range signs {
		if i := bytes.LastIndex(b, []byte(s)); i >= 0 {
			end = max(end, i+len(s))
		}
	}
	return end
}

// beforeFirst returns the position of the first of the signs in b, or the length of b.
func beforeFirst(b []byte, signs ...string) int {
	start := len(b)
	for _, s := range signs {
		if i := bytes.Index(b, []byte(s)); i >= 0 {
			start = min(start, i)
		}
	}
	return start
}
