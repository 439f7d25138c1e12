// SPDX-License-Identifier: MPL-2.0

package yaml

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// hideDirectives turns directives that the parser rejects into comments: a version that it does not know, although the
// differences do not matter for a splice, and directives that YAML reserves. A "%" begins a directive only before a
// document.
func hideDirectives(text []byte) {
	before := true // no document has begun
	for at := 0; at < len(text); {
		if at == 0 && bytes.HasPrefix(text, []byte(format.ByteOrderMark)) {
			at = len(format.ByteOrderMark)
		}
		end := endOfLine(text, at)
		switch line := text[at:end]; {
		case !before:
			before = isMarker(line, "...")
		case len(bytes.Trim(line, format.Blanks)) == 0 || line[0] == '#':
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
	return ok && (len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t')
}

// insertPlaceholders returns the copy of a file that the YAML parser reads.
func insertPlaceholders(data []byte, regions []format.Region, d format.Delimiters) []byte {
	out := bytes.Clone(data)
	for _, r := range regions {
		writePlaceholder(out, r, d)
	}
	if bytes.HasPrefix(bytes.TrimPrefix(out, []byte(format.ByteOrderMark)), []byte("%")) ||
		bytes.Contains(out, []byte("\n%")) {
		hideDirectives(out)
	}
	return out
}

// writePlaceholder replaces a region with a placeholder. Line breaks and the indentation after them stay, because
// they are part of the structure.
func writePlaceholder(out []byte, r format.Region, d format.Delimiters) {
	if r.Unclosed {
		copy(out[r.Start:], d.Unclosed)
		return
	}
	start := r.Start
	if r.AsComment {
		if r.Multiline {
			writeComment(out[r.Start:r.End], d)
			return
		}
		out[start] = '#'
		start++
	}
	copy(out[start:], d.Open)
	indent := false
	for i := start + 2; i < r.End-2; {
		c, n := utf8.DecodeRune(out[i:])
		switch {
		case format.IsLineBreak(c):
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
	copy(out[r.End-2:], d.Close)
}

// writeComment replaces a region with a comment on each of its lines. The delimiter of unclosed regions in it is never
// read, unless the region is in a value after all. There it has no closing delimiter, so the view is wrong. A region
// without room for the delimiter stays as it is.
func writeComment(out []byte, d format.Delimiters) {
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
		if !marked && end-start > len(d.Unclosed) {
			copy(comment[start+1:], d.Unclosed)
			marked = true
		}
		i = end + 1
	}
	if marked {
		copy(out, comment)
	}
}

// lineFold matches a line break with the indentation around it.
var lineFold = pattern.Once(`[ \t]*(?:\r\n|[\r\n\x{85}\x{2028}\x{2029}])[ \t\r\n]*`)

// decodeRegion removes the escapes and line folds from a region of a YAML scalar. The parser decodes the region as if
// it were a scalar. A region that is not a valid scalar was not written for YAML, and is taken as it is.
func decodeRegion(raw string, style yaml.Style, multiline bool) string {
	var scalar string
	switch {
	case style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		if multiline {
			return lineFold().ReplaceAllString(raw, " ")
		}
		return raw
	case style&yaml.DoubleQuotedStyle != 0:
		if !multiline && !strings.Contains(raw, `\`) {
			return raw
		}
		scalar = `"` + raw + `"`
	case style&yaml.SingleQuotedStyle != 0:
		if !multiline && !strings.Contains(raw, `'`) {
			return raw
		}
		scalar = `'` + raw + `'`
	default:
		if !multiline {
			return raw
		}
		scalar = `'` + strings.ReplaceAll(raw, `'`, `''`) + `'`
	}
	if n := parseScalar([]byte(scalar)); n != nil {
		// If the braces are at both ends, nothing between them ended the scalar.
		if len(n.Value) >= 4 && n.Value[:2] == raw[:2] && strings.HasSuffix(n.Value, raw[len(raw)-2:]) {
			return n.Value
		}
	}
	return lineFold().ReplaceAllString(raw, " ")
}
