// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/magiconair/properties"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// propertiesSyntax is the format of Java's properties, as java.util.Properties.load
// has it in the Java SE API: "key=value", "key: value" or "key value", with
// comments behind "#" and "!", lines that go on behind a "\", and escapes.
//
// A value is written in ASCII, and everything else as \u escapes (two of them beyond
// the basic plane), so that it is the same to readers of ISO-8859-1, which the
// API has for streams, and of UTF-8. Every value can be written. What others
// make of values afterwards no escape can prevent: Spring replaces ${…} in
// them, so that a value which holds that is not for a file that Spring reads.
type propertiesSyntax struct{}

// behindBackslash is the style of a value in which an expression stands behind
// a backslash that escapes it.
const afterBackslash = `\`

func (propertiesSyntax) findStrings(text []byte, s search) ([]fileString, error) {
	var out []fileString
	for _, p := range readProperties(text) {
		for _, at := range []span{p.key, p.value} {
			raw := string(text[at.start:at.end])
			value, err := unescapeProperty(raw)
			if err != nil {
				return nil, &offsetError{at.start, err.Error()}
			}
			key := at == p.key
			if !s.containedIn(value) && (key || !s.isUnbraced(value)) {
				continue
			}
			q := fileString{start: at.start, end: at.end, innerStart: at.start, innerEnd: at.end, value: value, isKey: key}
			if escapesPlaceholder(raw, s.delimiters) {
				q.style = afterBackslash
			}
			out = append(out, q)
		}
	}
	return out, nil
}

// stretch is a part of a text.
type span struct{ start, end int }

// property is where a key and its value stand.
type property struct{ key, value span }

const propertyBlanks = " \t\f"

// readProperties finds the properties of a text. Every text is one of properties.
func readProperties(text []byte) []property {
	var out []property
	for at := 0; at < len(text); {
		c := text[at]
		switch {
		case isCRorLF(c) || strings.IndexByte(propertyBlanks, c) >= 0:
			at++
		case c == '#' || c == '!':
			at = propertyLineEnd(text, at)
		default:
			var p property
			p.key.start, p.key.end = at, propertyEnd(text, at, propertyBlanks+"=:")
			at = skipPropertyBlanks(text, p.key.end)
			if at < len(text) && (text[at] == '=' || text[at] == ':') {
				at = skipPropertyBlanks(text, at+1)
			}
			p.value.start, p.value.end = at, propertyEnd(text, at, "")
			at = p.value.end
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

// propertyEnd is where the next of some signs stands that is not escaped, or
// the logical line ends.
func propertyEnd(text []byte, at int, signs string) int {
	for at < len(text) && !isCRorLF(text[at]) && strings.IndexByte(signs, text[at]) < 0 {
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

// continued is where a logical line goes on that a backslash at offset at continues, or at.
func continuationEnd(text []byte, at int) int {
	match := continuation.Find(text[at:min(len(text), at+3)])
	if match == nil {
		return at
	}
	at += len(match)
	return at + len(text[at:]) - len(bytes.TrimLeft(text[at:], propertyBlanks))
}

var continuation = regexp.MustCompile(`^\\(?:\r\n|\r|\n)`)

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

// propertyEscape matches an escape, and a pair of them that is one character.
var propertyEscape = regexp.MustCompile(`(?s)\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|\r?\n[ \t\f]*|\r[ \t\f]*|.)`)

func unescapeProperty(raw string) (string, error) {
	var err error
	return propertyEscape.ReplaceAllStringFunc(raw, func(escape string) string {
		switch c := escape[1]; {
		case isCRorLF(c):
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

// escapesWord reports whether a backslash escapes the first letter of a word.
func escapesPlaceholder(raw string, m delimiters) bool {
	for _, at := range propertyEscape.FindAllStringIndex(raw, -1) {
		if escape := raw[at[0]:at[1]]; escape == `\`+m.open {
			return true
		}
	}
	return false
}

func (propertiesSyntax) decode(raw string, _ fileString) string {
	text, err := unescapeProperty(raw)
	if err != nil {
		return raw
	}
	return text
}

func (propertiesSyntax) escape(q fileString, value string) (string, bool) {
	// Where nothing is put in, blanks behind it may come to begin the value.
	return escapeProperty(value), value != "" && q.style != afterBackslash
}

func (propertiesSyntax) rewrite(_ fileString, value string) (string, *backend.Error) {
	return escapeProperty(value), nil
}

func (propertiesSyntax) typedLiteral(typ resultType, text string) (string, any, *backend.Error) {
	if typ == typeNull {
		return "", nil, backend.Errorf(backend.CodeInvalid, "a properties file has no null").
			WithHint(`give a default, as in | default("")`)
	}
	return text, text, nil
}

// propertyKey is a key in a tree.
type propertyKey string

// tree is what the library reads, and the properties in their order, so that a
// key that is there twice does not go unseen.
func (propertiesSyntax) parse(text []byte) (any, error) {
	var order []any
	for _, p := range readProperties(text) {
		key, _ := unescapeProperty(string(text[p.key.start:p.key.end]))
		value, _ := unescapeProperty(string(text[p.value.start:p.value.end]))
		order = append(order, propertyKey(key), value)
	}
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	read, err := loader.LoadBytes(normalizeForLibrary(text))
	if err != nil {
		return nil, &offsetError{0, "a line of it cannot be read"}
	}
	values := map[string]any{}
	for key, value := range read.Map() {
		values[key] = value
	}
	return []any{order, values}, nil
}

// forLibrary is a text without what the library does not know: lines that go on
// behind CR LF, and characters of two escapes.
func normalizeForLibrary(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	return propertyEscape.ReplaceAllFunc(text, func(escape []byte) []byte {
		if len(escape) != len(`\ud83d\ude00`) {
			return escape
		}
		text, _ := unescapeProperty(string(escape))
		return []byte(text)
	})
}

// escapeProperty is a value as it is written anywhere in one.
func escapeProperty(s string) string {
	var out strings.Builder
	out.Grow(len(s))
	for i, r := range s {
		short := strings.IndexRune("\\\t\n\r\f", r)
		switch {
		case short >= 0:
			out.WriteByte('\\')
			out.WriteByte(`\tnrf`[short])
		case i == 0 && strings.ContainsRune(" =:#!", r): // it could be taken for what separates
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
