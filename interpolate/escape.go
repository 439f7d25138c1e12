// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// doubleQuote writes s, which is UTF-8, as a YAML scalar in double quotes, on
// one line. Everything is escaped that a reader of any version of YAML might
// take for a line break, not print, or refuse: JSON's rules are not enough,
// since YAML excludes more control characters and the ends of every plane. The
// escapes are JSON's as far as it has them, since YAML's readers include JSON's.
func doubleQuote(s string) string { return `"` + escapeYAML(s) + `"` }

func escapeYAML(s string) string { return escapeWith(s, writeYAMLEscape) }

// escaped is s with write for every letter that is not written as it is between
// double quotes.
func escapeWith(s string, write func(out *strings.Builder, r rune)) string {
	var out strings.Builder
	out.Grow(len(s))
	clean := 0
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		if needsEscape(r) {
			out.WriteString(s[clean:i])
			write(&out, r)
			clean = i + n
		}
		i += n
	}
	out.WriteString(s[clean:])
	return out.String()
}

// needsEscape reports whether r is not written as it is between double quotes.
func needsEscape(r rune) bool {
	return r == '"' || r == '\\' || !isPlainRune(r)
}

// isTame reports whether r is written as it is in every style, quotes aside.
func isPlainRune(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0xa0, r == 0x2028, r == 0x2029, r == 0xfeff, r&0xfffe == 0xfffe:
		return false
	}
	return true
}

func writeYAMLEscape(out *strings.Builder, r rune) {
	switch {
	case r == '"' || r == '\\':
		out.WriteByte('\\')
		out.WriteRune(r)
	case r == '\n':
		out.WriteString(`\n`)
	case r == '\r':
		out.WriteString(`\r`)
	case r == '\t':
		out.WriteString(`\t`)
	case r <= 0xffff:
		fmt.Fprintf(out, `\u%04X`, r)
	default:
		fmt.Fprintf(out, `\U%08X`, r)
	}
}

// isTameText reports whether s is written as it is in every style, quotes aside.
func isPlainText(s string) bool {
	for _, r := range s {
		if !isPlainRune(r) {
			return false
		}
	}
	return true
}

// fitsBlock reports whether a value can stand in a block scalar as it is, in
// the place of an expression: on the expression's line, so that neither the
// indentation nor the folding of lines changes.
func fitsBlock(s string) bool {
	return s != "" && s[0] != ' ' && s[len(s)-1] != ' ' && isPlainText(s)
}
