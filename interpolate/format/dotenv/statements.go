// SPDX-License-Identifier: MPL-2.0

package dotenv

import (
	"bytes"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/syntax"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// statement is the position of a variable in a dotenv file: its name, and its value with quotes and without them.
type statement struct {
	name         syntax.Span
	value, inner syntax.Span
	quotes       string
	assigned     bool // false if the statement is only a name
}

// maxVariablesBytes is the largest dotenv file. An environment cannot hold more, and the library recurses once per
// comment line.
const maxVariablesBytes = 1 << 20

const (
	statementBlanks = " \t\v\f\r"
	notAssignment   = "the line does not have the form NAME=value"
	ambiguousEnd    = "readers disagree on where this value ends: use quotes that the value does not contain, " +
		"without a backslash before the closing quote"
)

var (
	// statementStart matches a statement up to its value. The first group is the name.
	statementStart = pattern.Once(`^(?:export[ \t]+)?((?:[A-Za-z0-9_.\[\]-]|[^\x00-\x7f])+)[ \t]*(=[ \t]*)?`)
	// continuesOnNextLine matches unquoted text that a shell continues on the next line.
	continuesOnNextLine = pattern.Once(`<<|\\$|\([^)]*$|\{[^}]*$`)
	// openExpansion matches an expansion that a shell reads to its end, past quotes.
	openExpansion = pattern.Once(`\$\([^)]*$|\$\{[^}]*$`)
)

// readStatements returns the statements of a text, as Docker Compose reads them. Unless composeOnly is set, it rejects
// a text if another reader ends a value at another position, because that reader could take the rest for other
// variables.
func readStatements(text []byte, composeOnly bool) ([]statement, error) {
	var out []statement
	at := 0
	if len(text) > maxVariablesBytes {
		return nil, &format.ParseError{Offset: 0, Reason: "the file is larger than 1 MiB"}
	}
	if bytes.HasPrefix(text, []byte(format.ByteOrderMark)) {
		at = len(format.ByteOrderMark)
	}
	for at < len(text) {
		c := text[at]
		switch {
		case c == '\n' || strings.IndexByte(statementBlanks, c) >= 0:
			at++
			continue
		case c == '#':
			at = nextLineFeed(text, at)
			continue
		}
		s, end, err := readStatement(text, at, composeOnly)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
		at = end
	}
	return out, nil
}

// nextLineFeed returns the offset of the next line feed, or the end of the text.
func nextLineFeed(text []byte, at int) int {
	if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(text)
}

// readStatement returns the statement at offset at, and its end.
func readStatement(text []byte, at int, composeOnly bool) (s statement, end int, _ error) {
	m := statementStart().FindSubmatchIndex(text[at:nextLineFeed(text, at)])
	if m == nil {
		return s, 0, &format.ParseError{Offset: at, Reason: notAssignment}
	}
	s.name = syntax.Span{Start: at + m[2], End: at + m[3]}
	start := at + m[1]
	s.value, s.inner = syntax.Span{Start: start, End: start}, syntax.Span{Start: start, End: start}
	if s.assigned = m[4] >= 0; !s.assigned {
		return s, start, checkRestOfLine(text, start)
	}
	if !composeOnly && bytes.HasSuffix(text[:start], []byte("\t")) {
		return s, 0, &format.ParseError{Offset: start,
			Reason: "some readers take the tab before this value as a part of it: remove the tab"}
	}
	if start < len(text) && (text[start] == '\'' || text[start] == '"') {
		return quotedStatement(text, s, composeOnly)
	}
	end = nextLineFeed(text, start)
	line := bytes.TrimRight(text[start:end], statementBlanks)
	if bytes.IndexByte(line, '\r') >= 0 {
		return s, 0, &format.ParseError{Offset: start,
			Reason: "a carriage return without a line feed does not end a line"}
	}
	line, _, _ = bytes.Cut(line, []byte(" #")) // Docker Compose knows no other comment
	line = bytes.TrimRight(line, statementBlanks)
	if !composeOnly && (continuesOnNextLine().Match(line) || oddQuotes(line)) {
		return s, 0, &format.ParseError{Offset: start, Reason: ambiguousEnd}
	}
	s.value = syntax.Span{Start: start, End: start + len(line)}
	s.inner = s.value
	return s, end, nil
}

// oddQuotes reports whether unquoted text holds a quote that ends on another line for a shell or for Node.js.
func oddQuotes(line []byte) bool {
	for _, quote := range []string{`"`, `'`, "`"} {
		if bytes.Count(line, []byte(quote))%2 == 1 {
			return true
		}
	}
	return false
}

func quotedStatement(text []byte, s statement, composeOnly bool) (_ statement, end int, _ error) {
	start := s.value.Start
	quote := text[start]
	i, escaped := start+1, false
	for ; i < len(text) && (text[i] != quote || escaped); i++ {
		escaped = text[i] == '\\' && !escaped
	}
	if i >= len(text) {
		return s, 0, &format.ParseError{Offset: start, Reason: "the closing quote is missing"}
	}
	s.quotes = string(quote)
	s.value, s.inner = syntax.Span{Start: start, End: i + 1}, syntax.Span{Start: start + 1, End: i}
	if !composeOnly && hasAmbiguousEnd(text[start+1:i], quote) {
		return s, 0, &format.ParseError{Offset: start, Reason: ambiguousEnd}
	}
	return s, i + 1, checkRestOfLine(text, i+1)
}

// hasAmbiguousEnd reports whether readers disagree on where a quoted string ends. A \" on a single line does not
// count, because all readers agree again on the next line.
func hasAmbiguousEnd(inner []byte, quote byte) bool {
	escapes := bytes.Contains(inner, []byte{'\\', quote})
	return bytes.HasSuffix(inner, []byte(`\`)) ||
		escapes && (quote == '\'' || bytes.IndexByte(inner, '\n') >= 0) ||
		quote == '"' && (openExpansion().Match(inner) || bytes.Count(inner, []byte("`"))%2 == 1)
}

// checkRestOfLine returns an error if the rest of a line holds more than blanks and a comment.
func checkRestOfLine(text []byte, at int) error {
	rest := text[at:nextLineFeed(text, at)]
	after := bytes.TrimLeft(rest, statementBlanks)
	if len(after) > 0 && (after[0] != '#' || len(after) == len(rest)) {
		return &format.ParseError{Offset: at, Reason: notAssignment}
	}
	return nil
}
