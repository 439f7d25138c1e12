// SPDX-License-Identifier: MPL-2.0

package expr

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// tokenType is the type of a token of the expression language.
type tokenType int

const (
	tokenEnd    tokenType = iota
	tokenName             // an identifier
	tokenString           // the text is the string without quotes and escapes
	tokenNumber           // not checked yet
	tokenURI              // pouncet://…
	tokenPunct            // one of ( ) [ ] . , | =
	tokenBad              // a character that is not part of the language
)

// token is a token, and its offset in the text of the expression.
type token struct {
	typ  tokenType
	text string
	at   int
}

// is reports whether t is this punctuation.
func (t token) is(punct string) bool { return t.typ == tokenPunct && t.text == punct }

// describe names t in an error. It does not repeat the text of a string, which may be a default value.
func (t token) describe() string {
	switch t.typ {
	case tokenEnd:
		return endOfExpression
	case tokenString:
		return "a string"
	case tokenURI:
		return "a URI"
	}
	return backend.Quote(t.text)
}

const endOfExpression = "the end of the expression"

// Scheme is the beginning of every reference URI.
const Scheme = "pouncet://"

// lexer splits an expression into tokens. An unknown character becomes a tokenBad and not an error, because the lexer
// also reads foreign expressions, in order to recognise them.
type lexer struct {
	text string
	pos  int
}

// next returns the next token. At the end of the text, it returns tokenEnd on every call.
func (l *lexer) next() (token, *SyntaxError) {
	l.pos += len(l.text[l.pos:]) - len(strings.TrimLeftFunc(l.text[l.pos:], unicode.IsSpace))
	at, rest := l.pos, l.text[l.pos:]
	if rest == "" {
		return token{typ: tokenEnd, at: at}, nil
	}
	take := func(typ tokenType, n int) (token, *SyntaxError) {
		l.pos += n
		return token{typ, rest[:n], at}, nil
	}
	switch c := rest[0]; {
	case strings.HasPrefix(rest, Scheme):
		return take(tokenURI, uriLength(rest))
	case isNameStart(c):
		n := 1
		for n < len(rest) && isNamePart(rest[n]) {
			n++
		}
		return take(tokenName, n)
	case c >= '0' && c <= '9', c == '-' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
		n := 1
		for n < len(rest) && (isNamePart(rest[n]) || rest[n] == '.') {
			n++
		}
		return take(tokenNumber, n)
	case c == '\'' || c == '"':
		text, n, err := unquote(rest, at)
		l.pos += n
		return token{tokenString, text, at}, err
	case strings.IndexByte("()[].,|=", c) >= 0:
		return take(tokenPunct, 1)
	}
	_, n := utf8.DecodeRuneInString(rest)
	return take(tokenBad, n)
}

// uriLength returns the length of the URI at the beginning of s. It ends at white space, or at punctuation that can
// follow an expression. Quotes in brackets belong to its field.
func uriLength(s string) int {
	for i := len(Scheme); i < len(s); i++ {
		switch s[i] {
		case ' ', '\t', '\r', '\n', '|', ')', ',':
			return i
		}
	}
	return len(s)
}

func isNameStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func isNamePart(c byte) bool { return isNameStart(c) || c >= '0' && c <= '9' }

// simpleEscapes are the escapes of one letter, as in Python.
var simpleEscapes = map[byte]byte{
	'\\': '\\', '\'': '\'', '"': '"',
	'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
}

// hexEscapes are the escapes that hold a code point, with their number of hexadecimal digits.
var hexEscapes = map[byte]int{'x': 2, 'u': 4, 'U': 8}

// unquote reads the string at the beginning of s. It returns the text of the string and the length of its source.
func unquote(s string, at int) (string, int, *SyntaxError) {
	quote := s[0]
	var text strings.Builder
	for i := 1; i < len(s); {
		c := s[i]
		switch {
		case c == quote:
			return text.String(), i + 1, nil
		case c != '\\':
			text.WriteByte(c)
			i++
		case i+1 == len(s):
			i++
		default:
			r, n, ok := unescape(s[i+1:])
			if !ok {
				return "", len(s), syntaxErrorf(at+i, "the string has an unknown escape").
					hint(`write a backslash as \\`)
			}
			text.WriteRune(r)
			i += 1 + n
		}
	}
	return "", len(s), syntaxErrorf(at, "the closing quote of the string is missing").
		hint(`add the closing quote; to write "}}" in a string, use "}\x7d"`)
}

// unescape reads the escape at the beginning of s, without its backslash.
func unescape(s string) (r rune, length int, ok bool) {
	if c, ok := simpleEscapes[s[0]]; ok {
		return rune(c), 1, true
	}
	digits := hexEscapes[s[0]]
	if digits == 0 || len(s) < 1+digits {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(s[1:1+digits], 16, 32)
	if err != nil || !utf8.ValidRune(rune(n)) || n > utf8.MaxRune {
		return 0, 0, false
	}
	return rune(n), 1 + digits, true
}

// quote writes s as a string of the expression language. The result holds no line break and no "{{" or "}}".
func quote(s string) string {
	var out strings.Builder
	out.WriteByte('\'')
	last := rune(0)
	for _, r := range s {
		switch {
		case r == '\'' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r < 0x20 || r >= 0x7f && r < 0xa0 || r == last && (r == '{' || r == '}'):
			fmt.Fprintf(&out, `\x%02x`, r)
		case r == 0x2028 || r == 0x2029:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
		last = r
	}
	out.WriteByte('\'')
	return out.String()
}
