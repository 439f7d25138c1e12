// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Pos is a place in a file.
type Position struct {
	File   string
	Line   int // from 1; lines end at LF, CR LF and CR
	Column int // from 1, in characters; a byte order mark is none
}

// String is the form that editors and terminals make a link of.
func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Problem is one thing that is wrong at one place.
type Problem struct {
	Pos        Position
	Expression string // as written; "" where the problem is with the file
	Err        *backend.Error
}

// Error is one line: the place, the expression, what is wrong, and the way out.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Pos.String())
	b.WriteString(": ")
	if p.Expression != "" {
		b.WriteString(oneLine(p.Expression))
		b.WriteString(": ")
	}
	b.WriteString(p.Err.Message)
	if len(p.Err.Environments) > 0 {
		b.WriteString("; it exists in " + strings.Join(p.Err.Environments, ", "))
	}
	switch {
	case p.Err.Suggestion != "":
		fmt.Fprintf(&b, "; did you mean %s?", p.Err.Suggestion)
	case len(p.Err.Environments) == 0 && p.Err.Hint != "":
		b.WriteString("; " + p.Err.Hint)
	}
	return b.String()
}

// Unwrap returns what is wrong.
func (p Problem) Unwrap() error { return p.Err }

// oneLine makes an expression that was written across lines fit into one.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Problems is everything that is wrong with a run, in the order of the files
// and of the places in them. errors.Is looks through it at each of them.
type Problems []Problem

// Error is one line for each.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// byteOrderMark may begin a UTF-8 file. It takes no column.
const byteOrderMark = "\uFEFF"

// ruler turns offsets into positions. Asked in rising order, which the callers
// keep to, it reads the file once; a smaller offset makes it begin anew.
type lineCounter struct {
	file File
	at   int // the offset that pos is the position of
	pos  Position
}

func newLineCounter(f File) *lineCounter { return &lineCounter{file: f, pos: Position{f.Name, 1, 1}} }

func (r *lineCounter) position(offset int) Position {
	if offset < r.at {
		*r = *newLineCounter(r.file)
	}
	data := r.file.Data
	if r.at == 0 && bytes.HasPrefix(data, []byte(byteOrderMark)) {
		r.at = min(len(byteOrderMark), offset)
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
