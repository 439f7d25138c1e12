// SPDX-License-Identifier: MPL-2.0

// Package ini is the format of INI files: sections in brackets, "key = value" or "key: value", and comments after "#"
// or ";" on their own lines.
//
// There is no standard, and readers do not agree on quotes, on escapes, on "%", and on comments after a value. So a
// value is written as it is, and only if all common readers take it as it is: Python's configparser, go-ini and git.
// The error for other values says why. For Python, a line with more indentation than the key before it continues the
// value; go-ini takes it for a key. So such a line cannot stand next to a reference.
package ini

import (
	"bytes"
	"strings"
	"unicode"

	library "gopkg.in/ini.v1"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/syntax"
)

type fileSyntax struct{}

// New returns the format for one file.
func New() format.Format { return syntax.New(fileSyntax{}) }

// styleWhole is the style of a value that is one placeholder, which can become empty.
const styleWhole = "whole"

// entry is a section, or a key with its value.
type entry struct {
	key, value syntax.Span
	section    bool
	indent     int
	continues  bool // some readers take the line as a part of the value before it
}

// readEntries returns the entries of a text. Every text is valid.
func readEntries(text []byte) []entry {
	var out []entry
	for at := 0; at < len(text); {
		end := at
		for end < len(text) && text[end] != '\n' && text[end] != '\r' {
			end++
		}
		if e, ok := readLine(text, at, end); ok {
			if n := len(out); n > 0 && !out[n-1].section && e.indent > out[n-1].indent {
				e.continues, e.section = true, false
				e.indent = out[n-1].indent // more lines can follow
			}
			out = append(out, e)
		}
		at = end + 1
	}
	return out
}

// readLine returns the entry of a line. It returns false for an empty line and for a comment.
func readLine(text []byte, at, end int) (e entry, ok bool) {
	start := at + len(text[at:end]) - len(bytes.TrimLeft(text[at:end], " \t"))
	end = at + len(bytes.TrimRightFunc(text[at:end], unicode.IsSpace))
	if start >= end || text[start] == '#' || text[start] == ';' {
		return e, false
	}
	e.indent = start - at
	e.key = syntax.Span{Start: start, End: end}
	e.value = syntax.Span{Start: end, End: end}
	if text[start] == '[' {
		e.section = true
		return e, true
	}
	if i := bytes.IndexAny(text[start:end], "=:"); i >= 0 {
		e.key.End = start + i
		value := bytes.TrimLeftFunc(text[start+i+1:end], unicode.IsSpace)
		e.value.Start = end - len(value)
	}
	return e, true
}

func (fileSyntax) Strings(text []byte, s syntax.Search) ([]syntax.String, error) {
	var out []syntax.String
	entries := readEntries(text)
	for i, e := range entries {
		for _, at := range []syntax.Span{e.key, e.value} {
			value, key := string(text[at.Start:at.End]), at == e.key
			if !s.ContainedIn(value) && (key || !s.IsUnbraced(value)) {
				continue
			}
			if e.continues || i+1 < len(entries) && entries[i+1].continues {
				return nil, &format.ParseError{Offset: at.Start,
					Reason: "for some readers, a line with more indentation continues the value before it"}
			}
			str := syntax.String{Span: at, Inner: at, Value: value, IsKey: key}
			if isPlaceholder(value, s.Delimiters) {
				str.Style = styleWhole
			}
			out = append(out, str)
		}
	}
	return out, nil
}

// isPlaceholder reports whether a value is only a placeholder.
func isPlaceholder(value string, d format.Delimiters) bool {
	return strings.HasPrefix(value, d.Open) && strings.Index(value, d.Close) == len(value)-len(d.Close)
}

func (fileSyntax) Decode(raw string, _ *syntax.String) string { return raw }

func (fileSyntax) Escape(str *syntax.String, value string) (string, bool) {
	return value, value == "" && str.Style == styleWhole || value != "" && refusal(value) == ""
}

// Rewrite returns a value that is not a part of a text.
func (fileSyntax) Rewrite(_ *syntax.String, value string) (string, *backend.Error) {
	if reason := refusal(value); reason != "" {
		return "", backend.Errorf(backend.CodeInvalid, "the value %s, which readers of INI files do not agree on", reason).
			WithHint("encode the value with | b64encode, or use another format")
	}
	return value, nil
}

// refusal says why readers can disagree on a value, or returns "".
func refusal(value string) string {
	switch {
	case strings.TrimSpace(value) != value:
		return "begins or ends with white space"
	case !format.IsPlainText(value):
		return "has line breaks or control characters"
	case strings.ContainsAny(value, "%\"'`\\#;"):
		return "has a quote or one of % \\ # ;"
	}
	return ""
}

func (fileSyntax) TypedLiteral(typ format.Type, text string) (string, any, *backend.Error) {
	if typ == format.Null {
		return "", nil, syntax.NoNull("INI files")
	}
	return text, text, nil
}

// iniKey is the leaf for a key or a section. Its type differs from string, so that a key is never filled in.
type iniKey string

// Parse returns the entries in their order, and what the library reads. The order shows duplicate keys, which the
// library drops.
func (fileSyntax) Parse(text []byte) (any, error) {
	var order []any
	for _, e := range readEntries(text) {
		order = append(order, iniKey(text[e.key.Start:e.key.End]), string(text[e.value.Start:e.value.End]))
	}
	read, err := library.LoadSources(library.LoadOptions{
		IgnoreContinuation: true, IgnoreInlineComment: true, PreserveSurroundedQuote: true, AllowBooleanKeys: true,
		AllowNonUniqueSections: true,
	}, bytes.ReplaceAll(text, []byte("\r"), []byte("\n")))
	if err != nil {
		return nil, &format.ParseError{Reason: "a section or a key is not valid"}
	}
	sections := []any{}
	for _, s := range read.Sections() {
		values := map[string]any{}
		for _, k := range s.Keys() {
			values[k.Name()] = k.Value()
		}
		sections = append(sections, iniKey(s.Name()), values)
	}
	return []any{order, sections}, nil
}
