// SPDX-License-Identifier: MPL-2.0

// Package jsonc is the format of JSON with comments and trailing commas, as tsconfig.json and the settings of editors
// have it. A value is written as in JSON. Of JSON5, only the comments and trailing commas are supported, and not
// names without quotes or strings in single quotes.
//
// Comments and trailing commas become spaces in a copy, so that offsets stay, and the rules of JSON apply to the copy.
// A library must read the file in the same way. A reference in a comment is not resolved.
package jsonc

import (
	"bytes"

	"github.com/tailscale/hujson"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/json"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/syntax"
)

type fileSyntax struct{ syntax.Nester }

// New returns the format for one file.
func New() format.Format { return syntax.New(fileSyntax{json.Syntax()}) }

// Strings implements syntax.Syntax.
func (s fileSyntax) Strings(text []byte, search syntax.Search) ([]syntax.String, error) {
	return s.Nester.Strings(asJSON(text), search)
}

// Parse implements syntax.Syntax.
func (s fileSyntax) Parse(text []byte) (any, error) {
	plain := asJSON(text)
	tree, err := s.Nester.Parse(plain)
	if err != nil {
		return nil, err
	}
	read, err := hujson.Standardize(bytes.Clone(text))
	if err != nil || !bytes.Equal(read, plain) {
		return nil, &format.ParseError{Reason: "it must be one document of JSON with comments"}
	}
	return tree, nil
}

// asJSON returns a copy in which comments and trailing commas are spaces. It keeps invalid syntax, which the parser
// reports.
func asJSON(text []byte) []byte {
	out := bytes.Clone(text)
	last, before := -1, byte(0) // the last character that is no space and in no comment, and the one before it
	for i := 0; i < len(out); {
		c, n := out[i], 1
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
			continue
		case c == '/':
			if n = commentLen(out[i:]); n > 0 {
				blank(out[i : i+n])
				i += n
				continue
			}
			n = 1
		case c == '"':
			n = stringLen(out[i:])
		case (c == '}' || c == ']') && last >= 0 && out[last] == ',' && bytes.IndexByte([]byte("[{,:\x00"), before) < 0:
			out[last] = ' '
		}
		before = 0
		if last >= 0 {
			before = out[last]
		}
		last = i
		i += n
	}
	return out
}

// commentLen returns the length of the comment at the beginning of a text, or 0.
func commentLen(text []byte) int {
	switch {
	case bytes.HasPrefix(text, []byte("//")):
		if end := bytes.IndexByte(text, '\n'); end >= 0 {
			return end
		}
		return len(text)
	case bytes.HasPrefix(text, []byte("/*")):
		if end := bytes.Index(text[2:], []byte("*/")); end >= 0 {
			return 2 + end + 2
		}
	}
	return 0
}

// stringLen returns the length of the string at the beginning of a text, with its quotes.
func stringLen(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// blank replaces all but white space by spaces.
func blank(text []byte) {
	for i, c := range text {
		if c != '\n' && c != '\r' && c != '\t' {
			text[i] = ' '
		}
	}
}
