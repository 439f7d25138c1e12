// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

// Formats other than YAML work in the same way: a copy of the file holds placeholders, the strings with placeholders
// are collected, and the values replace the expressions. A library then parses the copy and the result. The trees
// must be equal after each placeholder in the tree of the copy is replaced by its value. For that reason, every
// placeholder in a file is different.

// syntax is a format other than YAML.
type syntax interface {
	// findStrings returns the strings of a text that s matches, in order. Its error is an offsetError if the text is
	// not valid.
	findStrings(text []byte, s search) ([]fileString, error)
	// decode removes the escapes from a part of a string.
	decode(raw string, str fileString) string
	// escape returns a value as it is written inside a string, or false if the whole string must be rewritten.
	escape(str fileString, value string) (string, bool)
	// rewrite returns the string that replaces str and has this value.
	rewrite(str fileString, value string) (string, *backend.Error)
	// typedLiteral returns a number, a boolean or null as it is written without quotes, and its leaf in a tree.
	typedLiteral(typ expr.Type, text string) (written string, leaf any, err *backend.Error)
	// parse returns the tree that a library reads: slices, maps with string keys, and leaves. Strings are leaves of
	// type string.
	parse(text []byte) (any, error)
}

// search matches strings that hold a placeholder or a reference without braces.
type search struct {
	delimiters
	isUnbraced func(value string) bool
}

func (s search) matches(value string) bool { return s.containedIn(value) || s.isUnbraced(value) }

// fileString is a string of a file, in any quoting style or without quotes.
type fileString struct {
	start, end           int // offsets, including the quotes
	innerStart, innerEnd int // offsets without the quotes
	value                string
	style                string // the quoting style; each format has its own styles
	isKey                bool   // the string is a key; references are not allowed there
	unquoted             bool   // the string is an expression without quotes
}

func syntaxOf(f Format) syntax {
	switch f {
	case FormatJSON:
		return jsonSyntax{}
	case FormatTOML:
		return tomlSyntax{}
	case FormatProperties:
		return propertiesSyntax{}
	case FormatDotenv, FormatVariables:
		return dotenvSyntax{composeOnly: f == FormatVariables}
	}
	return nil
}

// offsetError says why and at which offset a text cannot be parsed.
type offsetError struct {
	offset int
	reason string
}

func (e *offsetError) Error() string { return e.reason }

// formatProblem returns the problem of a file that cannot be parsed.
func (d *Document) formatProblem(err error) Problems {
	offset, reason := 0, ""
	var at *offsetError
	if errors.As(err, &at) {
		offset, reason = at.offset, ": "+at.reason
	}
	message := "the file has references and cannot be parsed as "
	if d.file.Format == FormatVariables {
		message = "the file cannot be parsed as " // ParseVariables refuses it also without references
	}
	return d.fileProblem(offset, message+d.file.format().name()+reason, HintParse)
}

// errNoNull returns the error of a format that cannot write null.
func errNoNull(format string) *backend.Error {
	return backend.Errorf(backend.CodeInvalid, "%s have no null", format).
		WithHint(`add a default, such as | default("")`)
}

// readSyntax collects the strings with references. It returns an error if the file cannot be parsed.
//
// An expression without quotes must become a string in the copy, but the same braces inside a string must not. Which
// is which is only known after a parse. So readSyntax tries three choices: no region becomes a string, then all that
// look like a whole value, and then those at which the parse fails.
func (d *Document) readSyntax(regions []region) (Problems, error) {
	for _, r := range regions {
		if r.multiline && r.mentionsCall {
			return d.fileProblem(r.start, "an expression spans lines", "write it on one line"), nil
		}
	}
	if problems := d.setDelimiters(); problems != nil {
		return problems, nil
	}
	problems, err := d.readStrings(regions, nil)
	if err == nil {
		return problems, nil
	}
	first, candidates := err, map[int]bool{}
	for _, r := range regions {
		if !r.unclosed && isWholeValue(d.file.Data, r) {
			candidates[r.start] = true
		}
	}
	if problems, err = d.readStrings(regions, candidates); err == nil {
		return problems, nil
	}
	unquoted := map[int]bool{}
	for err = first; len(unquoted)*len(d.file.Data) <= maxRereadBytes; {
		r, ok := d.regionAtError(err, regions)
		if !ok || !candidates[r.start] || unquoted[r.start] {
			break
		}
		unquoted[r.start] = true
		if problems, err = d.readStrings(regions, unquoted); err == nil {
			return problems, nil
		}
	}
	return nil, first
}

// maxRereadBytes limits the bytes that are read again before a file is rejected.
const maxRereadBytes = 64 << 20

// regionAtError returns the region at which a parse failed.
func (d *Document) regionAtError(err error, regions []region) (region, bool) {
	var at *offsetError
	if !errors.As(err, &at) {
		return region{}, false
	}
	i := slices.IndexFunc(regions, func(r region) bool { return r.end > at.offset })
	if i < 0 {
		return region{}, false
	}
	r := regions[i]
	return r, len(bytes.TrimLeft(d.file.Data[min(at.offset, r.start):r.start], " \t\r\n:,=[")) == 0
}

// readStrings collects the strings with references from a copy in which the unquoted regions are strings.
func (d *Document) readStrings(regions []region, unquoted map[int]bool) (Problems, error) {
	d.scalars, d.warnings = nil, nil
	d.insertNumberedPlaceholders(regions, unquoted)
	strs, err := d.syntax.findStrings(d.parserInput, search{d.delimiters, d.file.isUnbraced})
	if err != nil {
		return nil, err
	}
	w := walker{doc: d, regions: regions, lines: newLineCounter(d.file)}
	missing := len(unquoted)
	for _, str := range strs {
		if str.unquoted = unquoted[str.start]; str.unquoted {
			missing--
		}
		s, ok := w.splitString(str)
		if !ok {
			return nil, errUnpairedBraces
		}
		if s != nil {
			d.scalars = append(d.scalars, *s)
		}
	}
	for _, r := range regions {
		if unquoted[r.start] && r.end-r.start-2 < len(d.delimiters.open+d.delimiters.close) {
			missing-- // the region is too short for a placeholder
		}
	}
	if missing > 0 {
		return nil, errUnpairedBraces
	}
	_, err = d.syntax.parse(d.parserInput)
	return w.problems, err
}

// insertNumberedPlaceholders makes the copy in which the unquoted regions are strings.
func (d *Document) insertNumberedPlaceholders(regions []region, unquoted map[int]bool) {
	d.parserInput = bytes.Clone(d.file.Data)
	if bytes.HasPrefix(d.parserInput, []byte(byteOrderMark)) {
		copy(d.parserInput, "   ") // not every library accepts the mark, but all skip spaces
	}
	for i, r := range regions {
		placeholder := d.parserInput[r.start:r.end]
		if r.unclosed {
			copy(placeholder, d.delimiters.unclosed)
			continue
		}
		if unquoted[r.start] {
			placeholder[0], placeholder[len(placeholder)-1] = '"', '"'
			placeholder = placeholder[1 : len(placeholder)-1]
		}
		d.delimiters.writeNumberedPlaceholder(placeholder, i)
	}
}

// writeNumberedPlaceholder fills a part of the copy with a placeholder that holds a number. If the part is too short
// for the number, the placeholder is not unique.
func (m delimiters) writeNumberedPlaceholder(placeholder []byte, number int) {
	for i := range placeholder {
		placeholder[i] = 'x'
	}
	if len(placeholder) < len(m.open)+len(m.close) {
		return
	}
	copy(placeholder, m.open)
	copy(placeholder[len(placeholder)-len(m.close):], m.close)
	copy(placeholder[len(m.open):len(placeholder)-len(m.close)], strconv.Itoa(number)+"x")
}

// isWholeValue reports whether a region stands alone between two characters of structure, as a value without quotes
// does.
func isWholeValue(data []byte, r region) bool {
	before := bytes.TrimRight(data[max(0, r.start-lineContext):r.start], " \t")
	after := bytes.TrimLeft(data[r.end:min(len(data), r.end+lineContext)], " \t")
	return len(before) > 0 && strings.IndexByte(":=[,\n\r", before[len(before)-1]) >= 0 &&
		(len(after) == 0 || strings.IndexByte(",]}#\r\n", after[0]) >= 0)
}

// splitString returns the scalar for a string, or nil if the string holds no reference. It returns false if a
// placeholder is not within the string.
func (w *walker) splitString(str fileString) (*scalar, bool) {
	s := &scalar{fileString: str, extent: extent{start: str.start, end: str.end}}
	if s.unbraced = !w.doc.delimiters.containedIn(str.value); s.unbraced {
		s.parts = w.uriParts(str.value, str.innerStart, str.start, str.end)
		if strings.HasPrefix(str.value, atlasSign) {
			s.typedBy = DialectAtlas
		}
	} else {
		decode := func(raw string, _ bool) string { return w.doc.syntax.decode(raw, str) }
		var ok bool
		if s.parts, ok = w.splitValue(str.value, str.start, str.end, decode); !ok {
			return nil, false
		}
	}
	for _, p := range s.parts {
		switch {
		case p.expr == nil:
		case str.isKey:
			w.problems = append(w.problems, Problem{p.pos, p.text, errKey()})
			return nil, true
		default:
			return s, true
		}
	}
	return nil, true
}
