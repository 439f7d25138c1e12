// SPDX-License-Identifier: MPL-2.0

package format

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Escape escapes s, which must be UTF-8, for double quotes in YAML and in TOML. It escapes every character that a
// reader of any version of YAML can take for a line break or refuse. The rules of JSON are not enough: YAML also
// excludes other control characters, and the last two code points of every plane. Where JSON has an escape, that one is
// used, so that readers of JSON can read the string too.
func Escape(s string) string { return EscapeWith(s, writeEscape) }

// EscapeWith returns s, with write called for every character that cannot stand between double quotes as it is.
func EscapeWith(s string, write func(out *strings.Builder, r rune)) string {
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
	return r == '"' || r == '\\' || !IsPlainRune(r)
}

// IsPlainRune reports whether r can stand as it is in every style of scalar, apart from quotes.
func IsPlainRune(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0xa0, r == 0x2028, r == 0x2029, r == 0xfeff, r&0xfffe == 0xfffe:
		return false
	}
	return true
}

func writeEscape(out *strings.Builder, r rune) {
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

// IsPlainText reports whether s can stand as it is in every style of scalar, apart from quotes.
func IsPlainText(s string) bool {
	for _, r := range s {
		if !IsPlainRune(r) {
			return false
		}
	}
	return true
}
