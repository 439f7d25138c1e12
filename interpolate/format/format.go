// SPDX-License-Identifier: MPL-2.0

// Package format is what package interpolate knows of a file format. There is one package per format below it.
//
// A Format does three things with a file. Scan returns the scalars that can hold references: it reads a copy of the
// file in which placeholders hide the expressions, because an expression without quotes is rarely valid in a format.
// Write returns the edits that put values into a scalar. Compare checks that the file with these edits reads as it did
// before, except for the values.
//
// A format does not know the language of the references. It sees the regions of a file that stand between braces, and
// what stands in their place in the end. It never encodes a file: all that it does not edit keeps its bytes.
package format

import (
	"errors"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Format reads and writes one file in its format.
type Format interface {
	// Scan returns the scalars of the file that hold a region or begin like a reference without braces, in the order
	// of the file. Its error is a ParseError if the file is not valid in this format, and a Refusal if it is valid but
	// not supported.
	Scan(src *Source) ([]Scalar, error)

	// Write appends the edits that give a scalar its values. The scalar is the one with this index in the result of
	// Scan, and there is one value per part. Write is called at most once per scalar, and only if a value replaces a
	// part. Its error says why the scalar cannot hold the values.
	Write(edits []Edit, scalar int, values []Value) ([]Edit, *backend.Error)

	// Compare reports whether the file with all these edits reads as expected. Its error is a Difference, or
	// ErrUndecided.
	Compare(edits []Edit) error
}

// Source is a file, and what is known of it before its format reads it.
type Source struct {
	Data    []byte
	Regions []Region // in the order of the file

	// Prefixes lists what a reference without braces begins with. The first one is the scheme of URIs.
	Prefixes []string

	// IsReference reports whether a region is a reference. The text is the text of the region without escapes, with
	// braces.
	IsReference func(r *Region, text string) bool
	// Trims reports which white space around a region goes with it: {{- x -}}.
	Trims func(r *Region, text string) (before, after bool)
	// TypeOf returns the type of a scalar without quotes that has this text after several parts were replaced, and its
	// text as it is written. Nil makes all of them strings.
	TypeOf func(text string) (Type, string)
	// FindRegions returns the regions of a part of the file.
	FindRegions func(data []byte) []Region

	// NamesFile reports whether a key is the name of a file whose format is known. It is nil if no scalar is read as a
	// file.
	NamesFile func(key string) bool
	// Encoded asks for the values under "data" of Kubernetes Secrets, which are base64.
	Encoded bool

	// RemovesComments says that the tool which reads the file next removes {# … #} before it parses the file.
	RemovesComments bool

	// Thorough asks for the most thorough way to read the file, after Compare returned ErrUndecided.
	Thorough bool

	// Notice says why the file counts as a template. QuotesStrings says whether every string of the file has quotes in
	// the end. Both are for templates only.
	Notice        string
	QuotesStrings bool
}

// IsUnbraced reports whether a value begins like a reference without braces, which must be a whole value.
func (s *Source) IsUnbraced(value string) bool {
	for _, prefix := range s.Prefixes {
		if strings.HasPrefix(value, prefix) {
			return true
		}
	}
	return false
}

// MayBeFile reports whether a scalar that has no expression can be a file with references without braces.
func (s *Source) MayBeFile(name, value string) bool {
	if name == "" || s.NamesFile == nil || !s.NamesFile(name) {
		return false
	}
	for _, prefix := range s.Prefixes {
		if strings.Contains(value, prefix) {
			return true
		}
	}
	return false
}

// Scalar is a scalar of a file: a string, or a value without quotes.
type Scalar struct {
	Parts    []Part
	Start    int    // the offset of the text, without its quotes; only if Unbraced, Encoded or Err is set
	Name     string // the key that the scalar is the value of, if it is known
	Unbraced bool   // the only part begins like a reference without braces
	Key      bool   // the scalar is a key; references are not allowed there
	Stays    bool   // the scalar is no value, so references in it stay
	Plain    bool   // the scalar has no quotes, so that it can also be a number, a boolean or null
	Text     bool   // an explicit tag says that the scalar is none of these, although it is Plain

	// Encoded is for base64 of a Kubernetes Secret. It has one part, without a region, and Start is set.
	Encoded bool

	// Unencoded is for a value with references where a Kubernetes Secret has base64.
	Unencoded bool

	// Alias is for a key that is an alias of another scalar: 1 more than the index of that scalar. Such a key has no
	// parts.
	Alias int

	// Err says why the scalar cannot hold a reference. If Warning is set, it only may be wrong.
	Err     *backend.Error
	Warning bool
}

// Part is a part of the value of a scalar: text, or a region.
type Part struct {
	Text        string   // without escapes; of a region, with its braces
	Placeholder string   // the same part in the copy with placeholders, and the white space that goes with it
	Region      *Region  // nil for text
	Trimmed     *Trimmed // the white space that goes with the region; usually nil
	Reference   bool     // the part is a reference, and neither text nor foreign; set by the caller of Scan
}

// Trimmed is the white space that goes with a region, and where it begins and ends in the file.
type Trimmed struct {
	Before, After string
	Start, End    int
}

// Extent returns the offsets between which a value replaces a region.
func (p *Part) Extent() (start, end int) {
	if p.Trimmed != nil {
		return p.Trimmed.Start, p.Trimmed.End
	}
	return p.Region.Start, p.Region.End
}

// Edit returns the edit that replaces a region by a text.
func (p *Part) Edit(text string) Edit {
	start, end := p.Extent()
	return Edit{start, end, text}
}

// Value replaces a part of a scalar.
type Value struct {
	Type     Type
	Text     string
	Replaces bool // otherwise, the part stays
}

// Type is the type that a value has if it is the whole scalar.
type Type int

// The types. Inside longer text, every value is a string.
const (
	String Type = iota
	Int
	Float
	Bool
	Null
)

// Whole returns the value that is the whole scalar, or nil.
func Whole(values []Value) *Value {
	if len(values) == 1 && values[0].Replaces {
		return &values[0]
	}
	return nil
}

// NewText returns the text of a scalar with its values.
func NewText(parts []Part, values []Value) string {
	var text strings.Builder
	for i := range parts {
		switch p := &parts[i]; {
		case values[i].Replaces:
			text.WriteString(values[i].Text)
		case p.Trimmed != nil:
			text.WriteString(p.Trimmed.Before + p.Text + p.Trimmed.After)
		default:
			text.WriteString(p.Text)
		}
	}
	return text.String()
}

// ParseError says why a file is not valid in a format. It never holds a value.
type ParseError struct {
	Offset       int
	Line, Column int            // if Line is not 0, the position instead of Offset
	Reason       string         // why it is not valid, if that is known
	Err          *backend.Error // the whole error, if it is not about the syntax
}

// Error implements error.
func (e *ParseError) Error() string { return e.Reason }

// Refusal says why a file cannot be filled in although it is valid.
type Refusal struct {
	Offset int
	Err    *backend.Error
}

// Error implements error.
func (e *Refusal) Error() string { return e.Err.Error() }

// Unwrap returns the error without its offset.
func (e *Refusal) Unwrap() error { return e.Err }

// Difference is the error of a file in which edits change more than they should.
type Difference struct {
	Line, Column int // of the first difference; 0 if it is not known
}

// Error implements error.
func (*Difference) Error() string { return "the edits change other parts of the file" }

// ErrUndecided says that Compare cannot decide. The file must be scanned again with Source.Thorough.
var ErrUndecided = errors.New("the file must be read in a more thorough way")
