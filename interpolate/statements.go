// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"regexp"
	"strings"
)

// statement is where a variable of a file and its value stand.
type statement struct {
	name         span
	value, inner span // with quotes and without
	quotes       string
	assigned     bool // otherwise it is a name alone
}

// mostVariables is the size of a file of variables. An environment holds no more,
// and the library goes a level deeper with every line of comments.
const maxVariablesBytes = 1 << 20

const (
	statementBlanks = " \t\v\f\r"
	notAssignment   = "a line is not of the form NAME=value"
	ambiguousEnd    = "readers disagree on where this value ends; write it in quotes that it does not hold, without a backslash before the last one"
)

var (
	// statementStart matches up to the value, and statementName the name.
	statementStart = regexp.MustCompile(`^(?:export[ \t]+)?((?:[A-Za-z0-9_.\[\]-]|[^\x00-\x7f])+)[ \t]*(=[ \t]*)?`)
	// manyLines matches bare text that to a shell goes on in the next line.
	continuesOnNextLine = regexp.MustCompile(`<<|\\$|\([^)]*$|\{[^}]*$`)
	// nested matches what a shell reads to its own end, past quotes.
	openExpansion = regexp.MustCompile(`\$\([^)]*$|\$\{[^}]*$`)
)

// readStatements finds the variables of a text, as Docker Compose has it. It
// refuses a text in which others see a value end in another place, since what is
// written behind that could mean anything to them; unless they are not asked.
func readStatements(text []byte, own bool) ([]statement, error) {
	var out []statement
	at := 0
	if len(text) > maxVariablesBytes {
		return nil, &offsetError{0, "it is larger than 1 MiB"}
	}
	if bytes.HasPrefix(text, []byte(byteOrderMark)) {
		at = len(byteOrderMark)
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
		s, end, err := readStatement(text, at, own)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
		at = end
	}
	return out, nil
}

// lineFeed is the end of a line, from at.
func nextLineFeed(text []byte, at int) int {
	if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(text)
}

// readStatement reads what begins at offset at, and tells where it ends.
func readStatement(text []byte, at int, own bool) (s statement, end int, _ error) {
	m := statementStart.FindSubmatchIndex(text[at:nextLineFeed(text, at)])
	if m == nil {
		return s, 0, &offsetError{at, notAssignment}
	}
	s.name = span{at + m[2], at + m[3]}
	start := at + m[1]
	s.value, s.inner = span{start, start}, span{start, start}
	if s.assigned = m[4] >= 0; !s.assigned {
		return s, start, checkRestOfLine(text, start)
	}
	if !own && bytes.HasSuffix(text[:start], []byte("\t")) {
		return s, 0, &offsetError{start, "there is a tab before this value, which is a part of it to some readers; write none"}
	}
	if start < len(text) && (text[start] == '\'' || text[start] == '"') {
		return quotedStatement(text, s, own)
	}
	end = nextLineFeed(text, start)
	line := bytes.TrimRight(text[start:end], statementBlanks)
	if bytes.IndexByte(line, '\r') >= 0 {
		return s, 0, &offsetError{start, "a carriage return ends no line"}
	}
	line, _, _ = bytes.Cut(line, []byte(" #")) // and nothing else, to Docker Compose
	line = bytes.TrimRight(line, statementBlanks)
	if !own && (continuesOnNextLine.Match(line) || oddQuotes(line)) {
		return s, 0, &offsetError{start, ambiguousEnd}
	}
	s.value = span{start, start + len(line)}
	s.inner = s.value
	return s, end, nil
}

// oddQuotes reports whether bare text holds quotes that a shell, or Node.js,
// would see end in another line.
func oddQuotes(line []byte) bool {
	for _, quote := range []string{`"`, `'`, "`"} {
		if bytes.Count(line, []byte(quote))%2 == 1 {
			return true
		}
	}
	return false
}

func quotedStatement(text []byte, s statement, own bool) (_ statement, end int, _ error) {
	start := s.value.start
	quote := text[start]
	i, escaped := start+1, false
	for ; i < len(text) && (text[i] != quote || escaped); i++ {
		escaped = text[i] == '\\' && !escaped
	}
	if i >= len(text) {
		return s, 0, &offsetError{start, "the quotes do not end"}
	}
	s.quotes = string(quote)
	s.value, s.inner = span{start, i + 1}, span{start + 1, i}
	if !own && hasAmbiguousEnd(text[start+1:i], quote) {
		return s, 0, &offsetError{start, ambiguousEnd}
	}
	return s, i + 1, checkRestOfLine(text, i+1)
}

// disputed reports whether readers disagree on where a quoted string ends. With
// \" in a line by itself, all agree again in the next one.
func hasAmbiguousEnd(inner []byte, quote byte) bool {
	escapes := bytes.Contains(inner, []byte{'\\', quote})
	return bytes.HasSuffix(inner, []byte(`\`)) ||
		escapes && (quote == '\'' || bytes.IndexByte(inner, '\n') >= 0) ||
		quote == '"' && (openExpansion.Match(inner) || bytes.Count(inner, []byte("`"))%2 == 1)
}

// restOfLine is an error if there is more on a line than blanks and a comment.
func checkRestOfLine(text []byte, at int) error {
	rest := text[at:nextLineFeed(text, at)]
	after := bytes.TrimLeft(rest, statementBlanks)
	if len(after) > 0 && (after[0] != '#' || len(after) == len(rest)) {
		return &offsetError{at, notAssignment}
	}
	return nil
}
