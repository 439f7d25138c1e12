// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// Position is a position in a file.
type Position struct {
	File   string
	Line   int // from 1; a line ends at LF, CR LF or CR; 0 means the whole file
	Column int // from 1, in characters; a byte order mark does not count
}

// String returns the position as file:line:column, which editors and terminals turn into a link.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is one error or warning at one position in a file.
type Problem struct {
	Pos        Position
	Expression string // as written; "" if the problem is not about an expression
	Err        *backend.Error
}

// Error returns one printable line: the position, the expression, the error and the next step.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Pos.String())
	b.WriteString(": ")
	if p.Expression != "" {
		b.WriteString(oneLine(p.Expression))
		b.WriteString(": ")
	}
	b.WriteString(p.Err.Message)
	if hint := suggest.MissingHint(p.Err.Environments, p.Err.Suggestion, p.Err.Hint); hint != "" {
		b.WriteString("; " + hint)
	}
	return backend.PrintableLine(b.String())
}

// Unwrap returns the error of the problem.
func (p Problem) Unwrap() error { return p.Err }

// oneLine joins the lines of an expression.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Problems lists the problems of all files of a call, in the order of the files and of the positions in them.
// errors.Is reports whether any of them matches.
type Problems []Problem

// sorted returns the problems of one file in the order of their positions, each once.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return slices.CompactFunc(ps, func(a, b Problem) bool { return a.Pos == b.Pos && a.Err.Message == b.Err.Message })
}

// Error returns one line per problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems as errors.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// lineCounter turns offsets into positions. It reads the file once if the offsets rise, and starts again at a smaller
// one.
type lineCounter struct {
	file File
	at   int // the offset of pos
	pos  Position

	// For a file in a file: the positions of the outer file, and the offset there of an offset in the inner one.
	outer  *lineCounter
	offset func(int) int
}

func newLineCounter(f File) *lineCounter { return &lineCounter{file: f, pos: Position{f.Name, 1, 1}} }

func (r *lineCounter) position(offset int) Position {
	if r.outer != nil {
		return r.outer.position(r.offset(offset))
	}
	if offset < r.at {
		*r = *newLineCounter(r.file)
	}
	data := r.file.Data
	if r.at == 0 && bytes.HasPrefix(data, []byte(format.ByteOrderMark)) {
		r.at = min(len(format.ByteOrderMark), offset)
	}
	for {
		end := bytes.IndexAny(data[r.at:offset], "\r\n")
		if end < 0 {
			break
		}
		r.at += end + 1
		if data[r.at-1] == '\r' && r.at < offset && data[r.at] == '\n' {
			r.at++
		}
		r.pos.Line++
		r.pos.Column = 1
	}
	r.pos.Column += utf8.RuneCount(data[r.at:offset])
	r.at = offset
	return r.pos
}
