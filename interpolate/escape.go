// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// doubleQuote writes s, which must be UTF-8, as a YAML scalar in double quotes on one line. It escapes every
// character that a reader of any version of YAML can take for a line break or refuse. The rules of JSON are not
// enough: YAML also excludes other control characters, and the last two code points of every plane. Where JSON has an
// escape, that one is used, so that readers of JSON can read the scalar too.
func doubleQuote(s string) string { return `"` + escapeYAML(s) + `"` }

func escapeYAML(s string) string { return escapeWith(s, writeYAMLEscape) }

// escapeWith returns s, with write called for every character that cannot stand between double quotes as it is.
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

// needsEscape reports whether r must be escaped between double quotes.
func needsEscape(r rune) bool {
	return r == '"' || r == '\\' || !isPlainRune(r)
}

// isPlainRune reports whether r can stand as it is in every style of scalar, apart from quotes.
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

// isPlainText reports whether s can stand as it is in every style of scalar, apart from quotes.
func isPlainText(s string) bool {
	for _, r := range s {
		if !isPlainRune(r) {
			return false
		}
	}
	return true
}

// fitsBlock reports whether a value can replace an expression in a block scalar. It must fit on the line of the
// expression, so that the indentation and the folding of lines stay the same.
func fitsBlock(s string) bool {
	return s != "" && s[0] != ' ' && s[len(s)-1] != ' ' && isPlainText(s)
}
