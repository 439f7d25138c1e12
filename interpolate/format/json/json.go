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
	"strings"
	"unicode/utf16"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/syntax"
)

type fileSyntax struct{}

// New returns the format for one file.
func New() format.Format { return syntax.New(fileSyntax{}) }

// Syntax returns the rules of JSON, for formats that are JSON with additions.
func Syntax() syntax.Syntax { return fileSyntax{} }

func (fileSyntax) Strings(text []byte, s syntax.Search) ([]syntax.String, error) {
	var out []syntax.String
	err := walkTokens(text, func(t json.Token, key bool, start, end int) {
		value, ok := t.(string)
		if !ok || !s.Matches(value) {
			return
		}
		start += bytes.IndexByte(text[start:end], '"')
		out = append(out, syntax.String{
			Span: syntax.Span{Start: start, End: end}, Inner: syntax.Span{Start: start + 1, End: end - 1},
			Value: value, IsKey: key,
		})
	})
	return out, err
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
