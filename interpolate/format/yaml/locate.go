// SPDX-License-Identifier: MPL-2.0

package yaml

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// The parser reports the line and column at which a node begins, but not where the node ends. This file computes both
// ends as offsets. It counts lines and columns as the parser does. The end follows from the style of the scalar. Only
// the end of a plain scalar needs its value, which is matched against the text.

// locator turns the lines and columns of the parser into offsets. It reads the text once, because nodes come in the
// order of the text.
type locator struct {
	text      []byte
	at        int
	line, col int
}

func newLocator(text []byte) *locator {
	f := &locator{text: text, line: 1, col: 1}
	if bytes.HasPrefix(text, []byte(format.ByteOrderMark)) {
		f.at = len(format.ByteOrderMark)
	}
	return f
}

// offset returns the offset of a line and column, or false if the text has no such position.
func (f *locator) offset(line, col int) (int, bool) {
	if line < f.line || line == f.line && col < f.col {
		*f = *newLocator(f.text)
	}
	for f.line < line || f.col < col {
		if f.at >= len(f.text) {
			return 0, false
		}
		if n := breakLen(f.text[f.at:]); n > 0 {
			if f.line == line {
				return 0, false
			}
			f.at += n
			f.line++
			f.col = 1
			continue
		}
		n := 1
		if f.text[f.at] >= utf8.RuneSelf {
			_, n = utf8.DecodeRune(f.text[f.at:])
		}
		f.at += n
		f.col++
	}
	return f.at, true
}

// breakLen returns the length of the line break at the beginning of b, or 0. Like the parser, it uses the line breaks
// of YAML 1.1.
func breakLen(b []byte) int {
	switch {
	case b[0] == '\r' && len(b) > 1 && b[1] == '\n':
		return 2
	case b[0] == '\n' || b[0] == '\r':
		return 1
	case b[0] < utf8.RuneSelf:
		return 0
	}
	if r, n := utf8.DecodeRune(b); format.IsLineBreak(r) {
		return n
	}
	return 0
}

// extent is the part of the text that a scalar takes up, without its anchor and tag.
type extent struct {
	start, end int  // the part that a replacement replaces
	multiline  bool // the scalar spans lines

	// The following fields are only for block scalars: the ends of the indicator with its header, and of the line of
	// the header; the beginning of the content, and its indentation.
	block                   bool
	headerEnd, contentStart int
	headerLineEnd, indent   int
}

// extent returns the extent of the scalar n, or false if it cannot be located.
func (f *locator) extent(n *yaml.Node) (extent, bool) {
	at, ok := f.offset(n.Line, n.Column)
	if !ok {
		return extent{}, false
	}
	if at = skipProperties(f.text, at); at >= len(f.text) {
		return extent{}, false
	}
	e := extent{start: at}
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		e.end, ok = doubleQuotedEnd(f.text, at)
	case n.Style&yaml.SingleQuotedStyle != 0:
		e.end, ok = singleQuotedEnd(f.text, at)
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		ok = e.locateBlock(f.text, n.Value)
	default:
		e.end, ok = plainEnd(f.text, at, n.Value)
	}
	e.multiline = ok && format.HasLineBreak(f.text[e.start:e.end])
	return e, ok
}

// skipProperties skips anchors and tags, and the white space and comments after them.
func skipProperties(text []byte, at int) int {
	for at < len(text) && (text[at] == '&' || text[at] == '!') {
		if bytes.HasPrefix(text[at:], []byte("!<")) {
			at += bytes.IndexByte(text[at:], '>') + 1
		}
		for at < len(text) && blankLen(text[at:]) == 0 {
			at++
		}
		for at < len(text) {
			n := blankLen(text[at:])
			if n == 0 && text[at] == '#' {
				for at+n < len(text) && breakLen(text[at+n:]) == 0 {
					n++
				}
			}
			if n == 0 {
				break
			}
			at += n
		}
	}
	return at
}

// blankLen returns the length of the space, tab or line break at the beginning of b, or 0.
func blankLen(b []byte) int {
	if b[0] == ' ' || b[0] == '\t' {
		return 1
	}
	return breakLen(b)
}

func doubleQuotedEnd(text []byte, at int) (int, bool) {
	if text[at] != '"' {
		return 0, false
	}
	for i := at + 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1, true
		case '\\':
			i++
		}
	}
	return 0, false
}

func singleQuotedEnd(text []byte, at int) (int, bool) {
	if text[at] != '\'' {
		return 0, false
	}
	for i := at + 1; i < len(text); i++ {
		if text[i] != '\'' {
			continue
		}
		if i+1 == len(text) || text[i+1] != '\'' {
			return i + 1, true
		}
		i++
	}
	return 0, false
}

// plainEnd returns the end of a plain scalar with this value. A plain scalar has no escapes. Its value and its text
// differ only in the white space around line breaks, and the value neither begins nor ends with white space.
func plainEnd(text []byte, at int, value string) (int, bool) {
	rest := []byte(value)
	for len(rest) > 0 {
		if at >= len(text) {
			return 0, false
		}
		if blankLen(rest) == 0 {
			if rest[0] != text[at] {
				return 0, false
			}
			rest, at = rest[1:], at+1
			continue
		}
		start := at
		for at < len(text) && blankLen(text[at:]) > 0 {
			at += blankLen(text[at:])
		}
		if at == start {
			return 0, false
		}
		for len(rest) > 0 && blankLen(rest) > 0 {
			rest = rest[blankLen(rest):]
		}
	}
	return at, true
}

// locateBlock sets the fields of a block scalar. Its content ends at the end of the last line that is not blank. The
// indentation is the number of spaces that the first such line has in the text and not in the value.
func (e *extent) locateBlock(text []byte, value string) bool {
	if c := text[e.start]; c != '|' && c != '>' {
		return false
	}
	e.block = true
	e.headerEnd = e.start + 1
	for e.headerEnd < len(text) && strings.IndexByte("+-0123456789", text[e.headerEnd]) >= 0 {
		e.headerEnd++
	}
	e.headerLineEnd = endOfLine(text, e.headerEnd)
	if e.headerLineEnd == len(text) {
		return false
	}
	e.contentStart = e.headerLineEnd + breakLen(text[e.headerLineEnd:])
	inText, _ := leadingSpaces(text[e.contentStart:])
	inValue, ok := leadingSpaces([]byte(value))
	if e.indent = inText - inValue; !ok || e.indent < 0 {
		return false
	}
	for at := e.contentStart; at < len(text); {
		end := endOfLine(text, at)
		line := text[at:end]
		if spaces, content := leadingSpaces(line); content {
			if spaces < e.indent {
				break
			}
			if e.indent == 0 && isDocumentMarker(line) {
				return false // this parser continues the scalar here; other parsers end it
			}
			e.end = end
		}
		if at = end; at < len(text) {
			at += breakLen(text[at:])
		}
	}
	return e.end > 0
}

// leadingSpaces returns the number of spaces at the beginning of the first line of b that is not blank, or false if
// all lines are blank.
func leadingSpaces(b []byte) (int, bool) {
	spaces := 0
	for i := 0; i < len(b); {
		n := breakLen(b[i:])
		switch {
		case n > 0:
			spaces = 0
		case b[i] == ' ':
			spaces, n = spaces+1, 1
		default:
			return spaces, true
		}
		i += n
	}
	return 0, false
}

func endOfLine(text []byte, at int) int {
	for at < len(text) && breakLen(text[at:]) == 0 {
		at++
	}
	return at
}

func isDocumentMarker(line []byte) bool {
	return bytes.HasPrefix(line, []byte("---")) || bytes.HasPrefix(line, []byte("..."))
}
