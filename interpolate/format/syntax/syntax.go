// SPDX-License-Identifier: MPL-2.0

// Package syntax is what formats other than YAML and plain text have in common. A format tells where its strings are,
// how to write one, and what a library reads. This package does the rest.
//
// A copy of the file holds placeholders, the strings with placeholders are collected, and the values replace the
// expressions. A library then parses the copy and the result. The trees must be equal after each placeholder in the
// tree of the copy is replaced by its value. For that reason, every placeholder in a file is different.
package syntax

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// Syntax is one format.
type Syntax interface {
	// Strings returns the strings of a text that s matches, in order. Its error is a format.ParseError if the text is
	// not valid.
	Strings(text []byte, s Search) ([]String, error)
	// Decode removes the escapes from a part of a string.
	Decode(raw string, str *String) string
	// Escape returns a value as it is written inside a string, or false if the whole string must be rewritten.
	Escape(str *String, value string) (string, bool)
	// Rewrite returns the string that replaces str and has this value.
	Rewrite(str *String, value string) (string, *backend.Error)
	// TypedLiteral returns a number, a boolean or null as it is written without quotes, and its leaf in a tree.
	TypedLiteral(typ format.Type, text string) (written string, leaf any, err *backend.Error)
	// Parse returns the tree that a library reads: slices, maps with string keys, and leaves. Strings are leaves of
	// type string. Its error is a format.ParseError.
	Parse(text []byte) (any, error)
}

// Search matches strings that hold a placeholder or a reference without braces.
type Search struct {
	format.Delimiters
	IsUnbraced func(value string) bool

	// MayBeFile reports whether a string that has no expression can be a file with references without braces. Encoded
	// asks for the values under "data" of Kubernetes Secrets. Both are for a Nester only.
	MayBeFile func(name, value string) bool
	Encoded   bool
}

// Matches reports whether the search matches a value.
func (s Search) Matches(value string) bool { return s.ContainedIn(value) || s.IsUnbraced(value) }

// Span is a part of a text.
type Span struct{ Start, End int }

// String is a string of a file, in any quoting style or without quotes.
type String struct {
	Span           // with the quotes
	Inner   Span   // without the quotes
	Value   string // without escapes
	Style   string // the quoting style; each format has its own styles
	Name    string // the key that the string is the value of; only of a Nester
	IsKey   bool   // the string is a key; references are not allowed there
	Stays   bool   // the string is no value; references in it stay
	Encoded bool   // the string is under "data" of a Kubernetes Secret; only of a Nester
	unquote bool   // the string is an expression without quotes
}

// file is a file of one format.
type file struct {
	syntax     Syntax
	src        *format.Source
	delimiters format.Delimiters
	input      []byte // the file with placeholders, as the parser reads it
	scalars    []format.Scalar
	strings    []String // of the scalars

	// What Write changes in the tree.
	leaves map[string]any // by placeholder: what replaces a string that is only this placeholder
	values []string       // placeholders and their values, in turn
	wholes []whole        // strings that hold a file
}

// New returns the format for one file with this syntax.
func New(s Syntax) format.Format {
	f := &file{syntax: s, leaves: map[string]any{}}
	if n, ok := s.(Nester); ok {
		return &nestingFile{f, n}
	}
	return f
}

// NoNull returns the error of a format that cannot write null.
func NoNull(files string) *backend.Error {
	return backend.Errorf(backend.CodeInvalid, "%s have no null", files).
		WithHint(`add a default, such as | default("")`)
}

// Scan implements format.Format.
//
// An expression without quotes must become a string in the copy, but the same braces inside a string must not. Which
// is which is only known after a parse. So Scan tries three choices: no region becomes a string, then all that look
// like a whole value, and then those at which the parse fails.
func (f *file) Scan(src *format.Source) (_ []format.Scalar, err error) {
	f.src = src
	for _, r := range src.Regions {
		if r.Multiline && r.MentionsCall {
			return nil, &format.Refusal{Offset: r.Start, Err: backend.Errorf(backend.CodeInvalid,
				"an expression spans lines").WithHint("write it on one line")}
		}
	}
	if f.delimiters, err = format.ChooseDelimiters(src.Data); err != nil {
		return nil, err
	}
	first := f.scan(nil)
	if first == nil {
		return f.scalars, nil
	}
	candidates := map[int]bool{}
	for _, r := range src.Regions {
		if !r.Unclosed && isWholeValue(src.Data, r) {
			candidates[r.Start] = true
		}
	}
	if err = f.scan(candidates); err == nil {
		return f.scalars, nil
	}
	unquoted := map[int]bool{}
	for err = first; len(unquoted)*len(src.Data) <= maxRereadBytes; {
		r, ok := f.regionAtError(err)
		if !ok || !candidates[r.Start] || unquoted[r.Start] {
			break
		}
		unquoted[r.Start] = true
		if err = f.scan(unquoted); err == nil {
			return f.scalars, nil
		}
	}
	return nil, first
}

// maxRereadBytes limits the bytes that are read again before a file is rejected.
const maxRereadBytes = 64 << 20

// regionAtError returns the region at which a parse failed.
func (f *file) regionAtError(err error) (format.Region, bool) {
	var at *format.ParseError
	if !errors.As(err, &at) || at == errUnpairedBraces {
		return format.Region{}, false
	}
	i := slices.IndexFunc(f.src.Regions, func(r format.Region) bool { return r.End > at.Offset })
	if i < 0 {
		return format.Region{}, false
	}
	r := f.src.Regions[i]
	return r, len(bytes.TrimLeft(f.src.Data[min(at.Offset, r.Start):r.Start], " \t\r\n:,=[")) == 0
}

// errUnpairedBraces is the error of a copy in which two braces that are not within one string count as a pair.
var errUnpairedBraces = &format.ParseError{}

// scan collects the strings with regions from a copy in which the unquoted regions are strings.
func (f *file) scan(unquoted map[int]bool) error {
	f.scalars, f.strings = nil, nil
	f.insertPlaceholders(unquoted)
	strs, err := f.syntax.Strings(f.input, Search{f.delimiters, f.src.IsUnbraced, f.src.MayBeFile, f.src.Encoded})
	if err != nil {
		return err
	}
	placeholders := format.Placeholders{Delimiters: f.delimiters, Source: f.src, Regions: f.src.Regions}
	missing := len(unquoted)
	for i := range strs {
		str := &strs[i]
		if str.unquote = unquoted[str.Start]; str.unquote {
			missing--
		}
		s := format.Scalar{Key: str.IsKey, Name: str.Name, Start: str.Inner.Start, Unencoded: str.Encoded, Stays: str.Stays}
		if !f.delimiters.ContainedIn(str.Value) {
			s.Unbraced = f.src.IsUnbraced(str.Value)
			s.Encoded, s.Unencoded = str.Encoded && !s.Unbraced, str.Encoded && s.Unbraced
			s.Parts = []format.Part{{Text: str.Value, Placeholder: str.Value}}
		} else {
			decode := func(raw string, _ bool) string { return f.syntax.Decode(raw, str) }
			var ok bool
			if s.Parts, ok = placeholders.Split(str.Value, str.Start, str.End, decode); !ok {
				return errUnpairedBraces
			}
		}
		f.scalars = append(f.scalars, s)
	}
	f.strings = strs
	for _, r := range f.src.Regions {
		if unquoted[r.Start] && r.End-r.Start-2 < len(f.delimiters.Open+f.delimiters.Close) {
			missing-- // the region is too short for a placeholder
		}
	}
	if missing > 0 {
		return errUnpairedBraces
	}
	_, err = f.syntax.Parse(f.input)
	return err
}

// insertPlaceholders makes the copy in which the unquoted regions are strings.
func (f *file) insertPlaceholders(unquoted map[int]bool) {
	f.input = bytes.Clone(f.src.Data)
	if bytes.HasPrefix(f.input, []byte(format.ByteOrderMark)) {
		copy(f.input, "   ") // not every library accepts the mark, but all skip spaces
	}
	for i, r := range f.src.Regions {
		placeholder := f.input[r.Start:r.End]
		if r.Unclosed {
			copy(placeholder, f.delimiters.Unclosed)
			continue
		}
		if unquoted[r.Start] {
			placeholder[0], placeholder[len(placeholder)-1] = '"', '"'
			placeholder = placeholder[1 : len(placeholder)-1]
		}
		f.writePlaceholder(placeholder, i)
	}
}

// writePlaceholder fills a part of the copy with a placeholder that holds a number. If the part is too short for the
// number, the placeholder is not unique.
func (f *file) writePlaceholder(placeholder []byte, number int) {
	for i := range placeholder {
		placeholder[i] = 'x'
	}
	d := f.delimiters
	if len(placeholder) < len(d.Open)+len(d.Close) {
		return
	}
	copy(placeholder, d.Open)
	copy(placeholder[len(placeholder)-len(d.Close):], d.Close)
	copy(placeholder[len(d.Open):len(placeholder)-len(d.Close)], strconv.Itoa(number)+"x")
}

// isWholeValue reports whether a region stands alone between two characters of structure, as a value without quotes
// does.
func isWholeValue(data []byte, r format.Region) bool {
	before := bytes.TrimRight(data[max(0, r.Start-format.LineContext):r.Start], " \t")
	after := bytes.TrimLeft(data[r.End:min(len(data), r.End+format.LineContext)], " \t")
	return len(before) > 0 && strings.IndexByte(":=[,\n\r", before[len(before)-1]) >= 0 &&
		(len(after) == 0 || strings.IndexByte(",]}#\r\n", after[0]) >= 0)
}
