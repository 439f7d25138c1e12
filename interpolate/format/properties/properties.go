// SPDX-License-Identifier: MPL-2.0

// Package properties is the format of Java properties, as java.util.Properties.load in the Java SE API describes it:
// "key=value", "key: value" or "key value", comments after "#" and "!", a "\" at the end of a line that continues,
// and escapes.
//
// A value is written in ASCII. Other characters become \u escapes, two of them outside the basic plane. So the file
// means the same to readers of ISO-8859-1, which the API uses for streams, and of UTF-8. Every value can be written.
// No escape prevents what a program does with the value later: Spring, for example, replaces ${…} in it.
package properties

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/magiconair/properties"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/syntax"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

type fileSyntax struct{}

// New returns the format for one file.
func New() format.Format { return syntax.New(fileSyntax{}) }

// afterBackslash is the style of a string in which a backslash stands before an expression, and escapes it.
const afterBackslash = `\`

func (fileSyntax) Strings(text []byte, s syntax.Search) ([]syntax.String, error) {
	var out []syntax.String
	for _, p := range readProperties(text) {
		for _, at := range []syntax.Span{p.key, p.value} {
			raw := string(text[at.Start:at.End])
			value, err := unescapeProperty(raw)
			if err != nil {
				return nil, &format.ParseError{Offset: at.Start, Reason: err.Error()}
			}
			key := at == p.key
			if !s.ContainedIn(value) && (key || !s.IsUnbraced(value)) {
				continue
			}
			str := syntax.String{Span: at, Inner: at, Value: value, IsKey: key}
			if escapesPlaceholder(raw, s.Delimiters) {
				str.Style = afterBackslash
			}
			out = append(out, str)
		}
	}
	return out, nil
}

// property is the position of a key and of its value.
type property struct{ key, value syntax.Span }

const propertyBlanks = " \t\f"

// readProperties returns the properties of a text. Every text is valid.
func readProperties(text []byte) []property {
	var out []property
	for at := 0; at < len(text); {
		c := text[at]
		switch {
		case isLineEnd(c) || strings.IndexByte(propertyBlanks, c) >= 0:
			at++
		case c == '#' || c == '!':
			at = propertyLineEnd(text, at)
		default:
			var p property
			p.key.Start, p.key.End = at, propertyEnd(text, at, propertyBlanks+"=:")
			at = skipPropertyBlanks(text, p.key.End)
			if at < len(text) && (text[at] == '=' || text[at] == ':') {
				at = skipPropertyBlanks(text, at+1)
			}
			p.value.Start, p.value.End = at, propertyEnd(text, at, "")
			at = p.value.End
			out = append(out, p)
		}
	}
	return out
}

func propertyLineEnd(text []byte, at int) int {
	if i := bytes.IndexAny(text[at:], "\r\n"); i >= 0 {
		return at + i
	}
	return len(text)
}

// propertyEnd returns the offset of the next of the signs that is not escaped, or the end of the logical line.
func propertyEnd(text []byte, at int, signs string) int {
	for at < len(text) && !isLineEnd(text[at]) && strings.IndexByte(signs, text[at]) < 0 {
		switch next := continuationEnd(text, at); {
		case next > at:
			at = next
		case text[at] == '\\':
			at += 2
		default:
			at++
		}
	}
	return min(at, len(text))
}

// continuationEnd returns the offset at which the logical line continues, if a backslash at offset at ends the line.
// Otherwise it returns at.
func continuationEnd(text []byte, at int) int {
	match := continuation().Find(text[at:min(len(text), at+3)])
	if match == nil {
		return at
	}
	at += len(match)
	return at + len(text[at:]) - len(bytes.TrimLeft(text[at:], propertyBlanks))
}

var continuation = pattern.Once(`^\\(?:\r\n|\r|\n)`)

func skipPropertyBlanks(text []byte, at int) int {
	for at < len(text) {
		next := continuationEnd(text, at)
		if next == at {
			if strings.IndexByte(propertyBlanks, text[at]) < 0 {
				break
			}
			next++
		}
		at = next
	}
	return at
}

// propertyEscape matches an escape, or the two escapes of one character outside the basic plane.
var propertyEscape = pattern.Once(`(?s)\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|` +
	`u[0-9a-fA-F]{4}|\r?\n[ \t\f]*|\r[ \t\f]*|.)`)

func unescapeProperty(raw string) (string, error) {
	var err error
	return propertyEscape().ReplaceAllStringFunc(raw, func(escape string) string {
		switch c := escape[1]; {
		case isLineEnd(c):
			return ""
		case c == 'u' && len(escape) == 2:
			err = fmt.Errorf(`\u is not followed by four hexadecimal digits`)
		case c == 'u':
			var units []uint16
			for _, digits := range strings.Split(escape[2:], `\u`) {
				unit, _ := strconv.ParseUint(digits, 16, 16)
				units = append(units, uint16(unit))
			}
			return string(utf16.Decode(units))
		case strings.IndexByte("tnrf", c) >= 0:
			return string("\t\n\r\f"[strings.IndexByte("tnrf", c)])
		}
		return escape[1:]
	}), err
}

// escapesPlaceholder reports whether a backslash escapes the first letter of a placeholder.
func escapesPlaceholder(raw string, m format.Delimiters) bool {
	for _, at := range propertyEscape().FindAllStringIndex(raw, -1) {
		if escape := raw[at[0]:at[1]]; escape == `\`+m.Open {
			return true
		}
	}
	return false
}

func (fileSyntax) Decode(raw string, _ *syntax.String) string {
	text, err := unescapeProperty(raw)
	if err != nil {
		return raw
	}
	return text
}

func (fileSyntax) Escape(str *syntax.String, value string) (string, bool) {
	// If the value is empty, blanks after it could become the beginning of the string, which readers skip.
	return escapeProperty(value), value != "" && str.Style != afterBackslash
}

func (fileSyntax) Rewrite(_ *syntax.String, value string) (string, *backend.Error) {
	return escapeProperty(value), nil
}

func (fileSyntax) TypedLiteral(typ format.Type, text string) (string, any, *backend.Error) {
	if typ == format.Null {
		return "", nil, syntax.NoNull("properties files")
	}
	return text, text, nil
}

// propertyKey is the leaf for a key. Its type differs from string, so that a key is never filled in.
type propertyKey string

// Parse returns the properties in their order, and what the library reads. The order shows duplicate keys, which the
// library drops.
func (fileSyntax) Parse(text []byte) (any, error) {
	var order []any
	for _, p := range readProperties(text) {
		key, _ := unescapeProperty(string(text[p.key.Start:p.key.End]))
		value, _ := unescapeProperty(string(text[p.value.Start:p.value.End]))
		order = append(order, propertyKey(key), value)
	}
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	read, err := loader.LoadBytes(normalizeForLibrary(text))
	if err != nil {
		return nil, &format.ParseError{Offset: 0, Reason: "a line is not valid"}
	}
	values := map[string]any{}
	for key, value := range read.Map() {
		values[key] = value
	}
	return []any{order, values}, nil
}

// normalizeForLibrary removes what the library does not support: lines that continue after CR LF, and characters of
// two escapes.
func normalizeForLibrary(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	return propertyEscape().ReplaceAllFunc(text, func(escape []byte) []byte {
		if len(escape) != len(`\ud83d\ude00`) {
			return escape
		}
		text, _ := unescapeProperty(string(escape))
		return []byte(text)
	})
}

// escapeProperty escapes a value for any position in a property.
func escapeProperty(s string) string {
	var out strings.Builder
	out.Grow(len(s))
	for i, r := range s {
		short := strings.IndexRune("\\\t\n\r\f", r)
		switch {
		case short >= 0:
			out.WriteByte('\\')
			out.WriteByte(`\tnrf`[short])
		case i == 0 && strings.ContainsRune(" =:#!", r): // it could be read as the separator
			out.WriteByte('\\')
			out.WriteRune(r)
		case r >= 0x20 && r < 0x7f:
			out.WriteRune(r)
		default:
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(&out, `\u%04X`, unit)
			}
		}
	}
	return out.String()
}

func isLineEnd(c byte) bool { return c == '\n' || c == '\r' }
