// SPDX-License-Identifier: MPL-2.0

package review

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/scan"
)

// canonical returns a reference in its canonical form, which can be parsed again. It leaves out the text of a default,
// because that may be a secret.
func canonical(r expr.Reference) string { return referenceText(r, quoteString, escapeField) }

// identityOf returns the text of a reference that fingerprints have. It is the canonical form of the first version of
// Pouncet, which did not escape a field, so that a baseline stays valid.
func identityOf(r expr.Reference) string {
	return referenceText(r, func(s string) string { return "'" + s + "'" }, func(field string) string { return field })
}

// referenceText writes a reference, with a function that writes a string and one that writes the field of a URI.
func referenceText(r expr.Reference, quote, escape func(string) string) string {
	if r.Call == expr.CallURI {
		return uriText(r, escape)
	}
	var b strings.Builder
	b.WriteString(r.Call + "(" + quote(r.Name))
	for _, keyword := range []struct{ key, value string }{
		{"project", r.Project}, {"env", r.Environment}, {"scope", r.Scope}, {"field", r.Field}, {"version", r.Version},
	} {
		if keyword.value != "" {
			b.WriteString(", " + keyword.key + "=" + quote(keyword.value))
		}
	}
	if r.HasDefault {
		b.WriteString(", default=…")
	}
	return b.String() + ")"
}

func uriText(r expr.Reference, escape func(string) string) string {
	current := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	text := "pouncet://" + current(r.Project) + "/" + current(r.Environment) + "/"
	if r.Scope != "" {
		text += r.Scope + "/"
	}
	text += r.Name
	if r.Field != "" {
		text += "#" + escape(r.Field)
	}
	if r.Version != "" {
		text += "?version=" + r.Version
	}
	if r.HasDefault {
		text += " | default(…)"
	}
	return text
}

// quoteString writes a text as a string of the expression language. It holds no line break and no "{{" or "}}".
func quoteString(s string) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	out := []byte{quote}
	for _, r := range s {
		last := out[len(out)-1]
		switch {
		case r == rune(quote) || r == '\\':
			out = append(out, '\\', byte(r))
		case r < 0x100 && !unicode.IsPrint(r), r < 0x100 && (r == '{' || r == '}') && last == byte(r):
			out = fmt.Appendf(out, `\x%02x`, r)
		case !unicode.IsPrint(r):
			out = fmt.Appendf(out, `\U%08x`, r)
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return string(append(out, quote))
}

// escapeField writes a field as a part of a URI.
func escapeField(field string) string {
	var b strings.Builder
	for i := range len(field) {
		c := field[i]
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("-_.~[]'", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// isEntry reports whether a reference names a secret or scoped value, and not an environment variable.
func isEntry(r expr.Reference) bool {
	return r.Kind == backend.KindSecret || r.Kind == backend.KindScopedValue
}

// newFinding returns a finding at a reference.
func newFinding(r scan.Reference, rule string) Finding {
	return Finding{Rule: rule, File: r.Pos.File, Line: r.Pos.Line, Column: r.Pos.Column,
		Reference: canonical(r.Reference), reference: identityOf(r.Reference)}
}
