// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"bytes"
	"html"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A decoder decodes the first character of b. It returns the number of bytes of b that this character takes, and the
// decoded bytes. If b begins with no escape, it returns b[:1].
//
// It returns 0 if b is the beginning of an escape and the next bytes decide. With atEnd, there are no next bytes.
type decoder func(b []byte, atEnd bool) (n int, decoded []byte)

// decodeAll decodes a whole text.
func decodeAll(decode decoder, text string) string {
	var out []byte
	for b := []byte(text); len(b) > 0; {
		n, decoded := decode(b, true)
		out, b = append(out, decoded...), b[n:]
	}
	return string(out)
}

// backslash returns the decoder for escapes with a backslash. It knows the escapes of JSON, YAML, C, Python, JavaScript
// and Go, and of shells, as in 'printf %q'. An escape that they all lack, such as \q, is text. codePoints says what
// \xe9 is: the byte, as in C, Go and shells, or the character é, as in YAML and JavaScript.
func backslash(codePoints bool) decoder {
	return func(b []byte, atEnd bool) (int, []byte) {
		if b[0] != '\\' {
			return 1, b[:1]
		}
		if len(b) == 1 {
			return incomplete(b, atEnd)
		}
		if i := strings.IndexByte(controlEscapes, b[1]); i >= 0 {
			return 2, controls[i]
		}
		switch c := b[1]; {
		case c == 'u' || c == 'U':
			return unicodeEscape(b, atEnd)
		case c == 'x':
			r, ok := parseHex(b[2:], 2)
			switch {
			case !ok && len(b) < 4 && allHex(b[2:]):
				return incomplete(b, atEnd)
			case !ok:
				return 1, b[:1]
			case codePoints:
				return 4, utf8.AppendRune(nil, r)
			}
			return 4, []byte{byte(r)}
		case '0' <= c && c <= '7':
			n := 2
			for n < len(b) && n < 4 && '0' <= b[n] && b[n] <= '7' {
				n++
			}
			if n == len(b) && n < 4 && !atEnd {
				return 0, nil
			}
			r, _ := strconv.ParseUint(string(b[1:n]), 8, 16)
			return n, []byte{byte(r)}
		case c == '\n': // a line that continues, in YAML and in shells
			n := 2
			for n < len(b) && (b[n] == ' ' || b[n] == '\t') {
				n++
			}
			switch {
			case n > maxIndent:
				return 2, nil
			case n == len(b) && !atEnd:
				return 0, nil
			}
			return n, nil
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '8' || c == '9':
			return 1, b[:1]
		}
		return 2, b[1:2]
	}
}

// The escapes of one letter, and what they stand for.
const controlEscapes = "abtnvfreENLP_"

var controls = [][]byte{
	{'\a'}, {'\b'}, {'\t'}, {'\n'}, {'\v'}, {'\f'}, {'\r'}, {'\x1b'}, {'\x1b'},
	[]byte("\u0085"), []byte("\u2028"), []byte("\u2029"), []byte("\u00a0"),
}

// unicodeEscape decodes a character that is written as hexadecimal digits: four after \u, or four twice for a surrogate
// pair; eight after \U; any number in \u{ }. Python writes a byte that is not UTF-8 as a surrogate between U+DC80 and
// U+DCFF (PEP 383).
func unicodeEscape(b []byte, atEnd bool) (int, []byte) {
	digits, from := 4, 2
	switch {
	case b[1] == 'U':
		digits = 8
	case len(b) > 2 && b[2] == '{':
		end := bytes.IndexByte(b, '}')
		if end < 0 && len(b) < 9 && allHex(b[3:]) {
			return incomplete(b, atEnd)
		}
		from, digits = 3, end-3
	}
	if digits < 1 {
		return 1, b[:1]
	}
	r, ok := parseHex(b[from:], digits)
	n := from + digits
	switch {
	case !ok && len(b) < n && allHex(b[from:]):
		return incomplete(b, atEnd)
	case !ok:
		return 1, b[:1]
	case from == 3:
		n++
	case utf16.IsSurrogate(r) && r < 0xdc00:
		if !atEnd && len(b) < n+6 && (strings.HasPrefix(`\u`, string(b[n:])) ||
			bytes.HasPrefix(b[n:], []byte(`\u`)) && allHex(b[n+2:])) {
			return 0, nil
		}
		if bytes.HasPrefix(b[n:], []byte(`\u`)) {
			if low, ok := parseHex(b[n+2:], 4); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
				return n + 6, utf8.AppendRune(nil, utf16.DecodeRune(r, low))
			}
		}
	case 0xdc80 <= r && r <= 0xdcff:
		return n, []byte{byte(r)}
	}
	return n, utf8.AppendRune(nil, r)
}

// percent returns the decoder for percent-encoding (RFC 3986). plusIsSpace says that "+" is a space, as in forms.
func percent(plusIsSpace bool) decoder {
	return func(b []byte, atEnd bool) (int, []byte) {
		if plusIsSpace && b[0] == '+' {
			return 1, []byte(" ")
		}
		if b[0] != '%' {
			return 1, b[:1]
		}
		if r, ok := parseHex(b[1:], 2); ok {
			return 3, []byte{byte(r)}
		}
		if len(b) < 3 && allHex(b[1:]) {
			return incomplete(b, atEnd)
		}
		return 1, b[:1]
	}
}

const longestEntity = len("&CounterClockwiseContourIntegral;")

// entities decodes references to characters in HTML and XML.
func entities(b []byte, atEnd bool) (int, []byte) {
	if b[0] != '&' {
		return 1, b[:1]
	}
	name, _, complete := bytes.Cut(b[1:min(len(b), longestEntity)], []byte(";"))
	switch {
	case !complete && len(b) < longestEntity && !bytes.ContainsFunc(name, func(r rune) bool {
		return r != '#' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}):
		return incomplete(b, atEnd)
	case !complete:
		return 1, b[:1]
	}
	n := len(name) + 2
	if number, ok := bytes.CutPrefix(name, []byte("#")); ok {
		base := 10
		if len(number) > 0 && (number[0] == 'x' || number[0] == 'X') {
			number, base = number[1:], 16
		}
		if r, err := strconv.ParseUint(string(number), base, 32); err == nil {
			return n, utf8.AppendRune(nil, rune(r))
		}
		return 1, b[:1]
	}
	reference := string(b[:n])
	decoded := html.UnescapeString(reference)
	// Of an unknown name, UnescapeString decodes the beginning: &ampx; becomes &x;.
	if decoded == reference || strings.HasSuffix(decoded, ";") && reference != "&semi;" {
		return 1, b[:1]
	}
	return n, []byte(decoded)
}

// shellQuotes decodes a single quote in a single-quoted word of a shell. The word ends, the quote follows after a
// backslash or in double quotes (Python's shlex.quote; dash, with several quotes), and the word goes on:
//
//	'it'\''s'    'it'"'"'s'
func shellQuotes(b []byte, atEnd bool) (int, []byte) {
	const escaped, open, end = `'\''`, `'"`, `"'`
	switch {
	case b[0] != '\'':
		return 1, b[:1]
	case bytes.HasPrefix(b, []byte(escaped)):
		return len(escaped), b[:1]
	case strings.HasPrefix(escaped, string(b)), string(b) == open:
		return incomplete(b, atEnd)
	case !bytes.HasPrefix(b, []byte(open)):
		return 1, b[:1]
	}
	rest := bytes.TrimLeft(b[len(open):], "'")
	quotes := len(b) - len(open) - len(rest)
	switch {
	case quotes == 0 || quotes > maxQuotes:
		return 1, b[:1]
	case len(rest) < len(end) && strings.HasPrefix(end, string(rest)):
		return incomplete(b, atEnd)
	case bytes.HasPrefix(rest, []byte(end)):
		return len(open) + quotes + len(end), b[len(open) : len(open)+quotes]
	}
	return 1, b[:1]
}

// maxQuotes limits how many bytes an undecided escape can take.
const maxQuotes = 16

// doubled returns the decoder for a character that is written twice, such as a single quote in YAML and SQL, and a
// double one in CSV.
func doubled(quote byte) decoder {
	return func(b []byte, atEnd bool) (int, []byte) {
		switch {
		case b[0] != quote:
			return 1, b[:1]
		case len(b) == 1:
			return incomplete(b, atEnd)
		case b[1] == quote:
			return 2, b[:1]
		}
		return 1, b[:1]
	}
}

// lineBreak returns the decoder for a line break with the white space at the beginning of the next line: into is what
// both stand for.
func lineBreak(into string) decoder {
	return func(b []byte, atEnd bool) (int, []byte) {
		n := 1
		switch {
		case b[0] == '\r' && len(b) == 1:
			return incomplete(b, atEnd)
		case b[0] == '\r' && b[1] == '\n':
			n = 2
		case b[0] != '\n':
			return 1, b[:1]
		}
		for n < len(b) && (b[n] == ' ' || b[n] == '\t') {
			n++
		}
		switch {
		case n > maxIndent:
			return n, b[:n]
		case n == len(b) && !atEnd:
			return 0, nil
		}
		return n, []byte(into)
	}
}

// foldedLines decodes the line breaks of quoted strings in YAML: one is a space, and of several the first is nothing.
func foldedLines(b []byte, atEnd bool) (int, []byte) {
	rest := bytes.TrimLeft(b, " \t\r\n")
	n := len(b) - len(rest)
	switch breaks := bytes.Count(b[:n], []byte("\n")); {
	case n == 0 || b[0] == ' ' || b[0] == '\t':
		return 1, b[:1]
	case n > maxIndent:
		return n, b[:n]
	case len(rest) == 0 && !atEnd:
		return 0, nil
	case breaks == 0:
		return 1, b[:1]
	case breaks == 1:
		return n, []byte(" ")
	default:
		return n, bytes.Repeat([]byte("\n"), breaks-1)
	}
}

// maxIndent limits how many bytes an undecided line break can take. A decoder looks at all of them again for each.
const maxIndent = 64

// incomplete is the answer for the beginning of an escape. At the end of the text it is no escape.
func incomplete(b []byte, atEnd bool) (int, []byte) {
	if atEnd {
		return 1, b[:1]
	}
	return 0, nil
}

// parseHex returns the number in the first digits of b.
func parseHex(b []byte, digits int) (rune, bool) {
	if len(b) < digits || digits > 8 {
		return 0, false
	}
	r, err := strconv.ParseUint(string(b[:digits]), 16, 31)
	return rune(r), err == nil
}

// allHex reports whether b holds hexadecimal digits only.
func allHex(b []byte) bool {
	for _, c := range b {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return false
		}
	}
	return true
}
