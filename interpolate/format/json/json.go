// SPDX-License-Identifier: MPL-2.0

// Package json is the format of JSON files (RFC 8259), with one document per file or several.
//
// A value is written between double quotes. It escapes every character that a reader could take for something else,
// so that the result is valid JavaScript as well.
package json

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/syntax"
)

type fileSyntax struct{}

// New returns the format for one file.
func New() format.Format { return syntax.New(fileSyntax{}) }

// Syntax returns the rules of JSON, for formats that are JSON with additions.
func Syntax() syntax.Nester { return fileSyntax{} }

// Strings implements syntax.Syntax.
func (fileSyntax) Strings(text []byte, s syntax.Search) ([]syntax.String, error) {
	var (
		out    []syntax.String
		owners []int // by string: the object whose "data" it is in, or 0
		places = newPlaces()
	)
	err := walkTokens(text, func(t json.Token, key bool, start, end int) {
		name, owner := places.visit(t, key)
		value, ok := t.(string)
		if !ok || !s.Matches(value) && (key || !s.MayBeFile(name, value) && (!s.Encoded || owner == 0)) {
			return
		}
		start += bytes.IndexByte(text[start:end], '"')
		out = append(out, syntax.String{
			Span: syntax.Span{Start: start, End: end}, Inner: syntax.Span{Start: start + 1, End: end - 1},
			Value: value, Name: name, IsKey: key,
		})
		owners = append(owners, owner)
	})
	if !s.Encoded {
		return out, err
	}
	kept := out[:0]
	for i, str := range out {
		str.Encoded = owners[i] > 0 && places.secrets[owners[i]] && !str.IsKey && str.Value != ""
		if str.Encoded || s.Matches(str.Value) || s.MayBeFile(str.Name, str.Value) {
			kept = append(kept, str)
		}
	}
	return kept, err
}

// places follows the tokens of a file, and knows where in the objects each of them is.
type places struct {
	open    []openBracket // the first one is around the file
	objects int
	secrets map[int]bool // the objects that are Kubernetes Secrets
}

// openBracket is an object or array that has not ended.
type openBracket struct {
	object int    // its number, or 0 for an array
	key    string // the latest key
	owner  int    // the object whose "data" it is, or 0
}

func newPlaces() *places { return &places{open: make([]openBracket, 1), secrets: map[int]bool{}} }

// visit returns the key that a token is the value of, and the object whose "data" it is in. Both are for values only.
func (p *places) visit(t json.Token, key bool) (name string, owner int) {
	in := &p.open[len(p.open)-1]
	switch v := t.(type) {
	case json.Delim:
		next := openBracket{}
		switch v {
		case '{':
			p.objects++
			next.object = p.objects
			if in.object > 0 && in.key == "data" {
				next.owner = in.object
			}
			fallthrough
		case '[':
			p.open = append(p.open, next)
		default:
			p.open = p.open[:len(p.open)-1]
		}
	case string:
		switch {
		case key:
			in.key = v
			return "", 0
		case in.object > 0 && in.key == "kind" && v == "Secret":
			p.secrets[in.object] = true
		}
	}
	if in.object == 0 {
		return "", 0
	}
	return in.key, in.owner
}

// SplitEscapes implements syntax.Nester.
func (fileSyntax) SplitEscapes(raw string) []string {
	var out []string
	for raw != "" {
		n := strings.IndexByte(raw, '\\')
		switch {
		case n < 0:
			n = len(raw)
		case n == 0:
			n = escapeLen(raw)
		}
		out, raw = append(out, raw[:n]), raw[n:]
	}
	return out
}

// escapeLen returns the length of the escape at the beginning of a text. A pair of surrogates is one escape.
func escapeLen(raw string) int {
	const short, long = len(`\n`), len(`\u0000`)
	switch {
	case !strings.HasPrefix(raw, `\u`) || len(raw) < long:
		return min(short, len(raw))
	case len(raw) < 2*long || !strings.HasPrefix(raw[long:], `\u`):
		return long
	}
	unit := func(at int) rune {
		n, _ := strconv.ParseUint(raw[at+2:at+long], 16, 16)
		return rune(n)
	}
	if utf16.DecodeRune(unit(0), unit(long)) == unicode.ReplacementChar {
		return long
	}
	return 2 * long
}

// walkTokens calls visit with every token of a text, whether it is a key, the end of the previous token, and its own
// end.
func walkTokens(text []byte, visit func(t json.Token, key bool, start, end int)) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var open []bool // per open bracket: whether it is an object
	atKey := false
	for at := 0; ; {
		t, err := dec.Token()
		end := int(dec.InputOffset())
		if errors.Is(err, io.EOF) && len(open) == 0 {
			return nil
		}
		if err != nil {
			return &format.ParseError{Offset: end, Reason: "the syntax is not valid here"}
		}
		key := false
		switch t {
		case json.Delim('{'), json.Delim('['):
			open = append(open, t == json.Delim('{'))
			atKey = t == json.Delim('{')
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
			atKey = len(open) > 0 && open[len(open)-1]
		default:
			key = atKey
			atKey = !atKey && len(open) > 0 && open[len(open)-1]
		}
		visit(t, key, at, end)
		at = end
	}
}

func (fileSyntax) Decode(raw string, _ *syntax.String) string {
	var text string
	if err := json.Unmarshal([]byte(`"`+raw+`"`), &text); err != nil {
		return raw
	}
	return text
}

func (fileSyntax) Escape(_ *syntax.String, value string) (string, bool) { return escape(value), true }

func (fileSyntax) Rewrite(_ *syntax.String, value string) (string, *backend.Error) {
	return `"` + escape(value) + `"`, nil
}

func (fileSyntax) TypedLiteral(typ format.Type, text string) (string, any, *backend.Error) {
	switch {
	case typ == format.Null:
		return "null", nil, nil
	case !json.Valid([]byte(text)):
		return "", nil, backend.Errorf(backend.CodeInvalid, "the value is not a valid JSON number").
			WithHint("remove the filter to write the value as a string")
	case typ == format.Bool:
		return text, text == "true", nil
	}
	return text, json.Number(text), nil
}

// Parse returns the tokens, so that the check also compares the order of keys and duplicate keys.
func (fileSyntax) Parse(text []byte) (any, error) {
	var out []any
	err := walkTokens(text, func(t json.Token, _ bool, _, _ int) { out = append(out, t) })
	return out, err
}

// escape escapes a string for double quotes in JSON.
func escape(s string) string { return format.EscapeWith(s, writeEscape) }

func writeEscape(out *strings.Builder, r rune) {
	short := strings.IndexRune("\"\\\n\r\t\b\f", r)
	switch {
	case short >= 0:
		out.WriteByte('\\')
		out.WriteByte(`"\nrtbf`[short])
	case r > 0xffff:
		high, low := utf16.EncodeRune(r)
		fmt.Fprintf(out, `\u%04x\u%04x`, high, low)
	default:
		fmt.Fprintf(out, `\u%04x`, r)
	}
}
