// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"regexp"
	"strings"
)

// statement is where a variable of a file and its value stand.
type statement struct {
	name         stretch
	value, inner stretch // with quotes and without
	quotes       string
	assigned     bool // otherwise it is a name alone
}

// mostVariables is the size of a file of variables. An environment holds no more,
// and the library goes a level deeper with every line of comments.
const mostVariables = 1 << 20

const (
	statementBlanks = " \t\v\f\r"
	notAStatement   = "a line is not of the form NAME=value"
	notOneEnd       = "readers disagree on where this value ends; write it in quotes that it does not hold, without a backslash before the last one"
)

var (
	// statementStart matches up to the value, and statementName the name.
	statementStart = regexp.MustCompile(`^(?:export[ \t]+)?((?:[A-Za-z0-9_.\[\]-]|[^\x00-\x7f])+)[ \t]*(=[ \t]*)?`)
	// manyLines matches bare text that to a shell goes on in the next line.
	manyLines = regexp.MustCompile(`<<|\\$|\([^)]*$|\{[^}]*$`)
	// nested matches what a shell reads to its own end, past quotes.
	nested = regexp.MustCompile(`\$\([^)]*$|\$\{[^}]*$`)
)

// readStatements finds the variables of a text, as Docker Compose has it. It
// refuses a text in which others see a value end in another place, since what is
// written behind that could mean anything to them; unless they are not asked.
func readStatements(text []byte, own bool) ([]statement, error) {
	var out []statement
	at := 0
	if len(text) > mostVariables {
		return nil, &atOffset{0, "it is larger than 1 MiB"}
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
			at = lineFeed(text, at)
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
func lineFeed(text []byte, at int) int {
	if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(text)
}

// readStatement reads what begins at offset at, and tells where it ends.
func readStatement(text []byte, at int, own bool) (s statement, end int, _ error) {
	m := statementStart.FindSubmatchIndex(text[at:lineFeed(text, at)])
	if m == nil {
		return s, 0, &atOffset{at, notAStatement}
	}
	s.name = stretch{at + m[2], at + m[3]}
	start := at + m[1]
	s.value, s.inner = stretch{start, start}, stretch{start, start}
	if s.assigned = m[4] >= 0; !s.assigned {
		return s, start, restOfLine(text, start)
	}
	if !own && bytes.HasSuffix(text[:start], []byte("\t")) {
		return s, 0, &atOffset{start, "there is a tab before this value, which is a part of it to some readers; write none"}
	}
	if start < len(text) && (text[start] == '\'' || text[start] == '"') {
		return quotedStatement(text, s, own)
	}
	end = lineFeed(text, start)
	line := bytes.TrimRight(text[start:end], statementBlanks)
	if bytes.IndexByte(line, '\r') >= 0 {
		return s, 0, &atOffset{start, "a carriage return ends no line"}
	}
	line, _, _ = bytes.Cut(line, []byte(" #")) // and nothing else, to Docker Compose
	line = bytes.TrimRight(line, statementBlanks)
	if !own && (manyLines.Match(line) || oddQuotes(line)) {
		return s, 0, &atOffset{start, notOneEnd}
	}
	s.value = stretch{start, start + len(line)}
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
		return s, 0, &atOffset{start, "the quotes do not end"}
	}
	s.quotes = string(quote)
	s.value, s.inner = stretch{start, i + 1}, stretch{start + 1, i}
	if !own && disputed(text[start+1:i], quote) {
		return s, 0, &atOffset{start, notOneEnd}
	}
	return s, i + 1, restOfLine(text, i+1)
}

// disputed reports whether readers disagree on where a quoted string ends. With
// \" in a line by itself, all agree again in the next one.
func disputed(inner []byte, quote byte) bool {
	escapes := bytes.Contains(inner, []byte{'\\', quote})
	return bytes.HasSuffix(inner, []byte(`\`)) ||
		escapes && (quote == '\'' || bytes.IndexByte(inner, '\n') >= 0) ||
		quote == '"' && (nested.Match(inner) || bytes.Count(inner, []byte("`"))%2 == 1)
}

// restOfLine is an error if there is more on a line than blanks and a comment.
func restOfLine(text []byte, at int) error {
	rest := text[at:lineFeed(text, at)]
	after := bytes.TrimLeft(rest, statementBlanks)
	if len(after) > 0 && (after[0] != '#' || len(after) == len(rest)) {
		return &atOffset{at, notAStatement}
	}
	return nil
}
