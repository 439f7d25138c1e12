// SPDX-License-Identifier: MPL-2.0

package format

import (
	"sort"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Nester is a Format in which a scalar can hold a file of another format.
type Nester interface {
	Format

	// Nested returns the text of a scalar as a file.
	Nested(scalar int) Nested

	// WriteNested appends the edits that give a scalar a new text. If the text comes from edits of the file that Nested
	// returns, these are the inner edits, and they leave as much as possible as it is. WriteNested is called instead
	// of Write. Its error says why the scalar cannot hold the text.
	WriteNested(edits []Edit, scalar int, inner []Edit, text string) ([]Edit, *backend.Error)
}

// Nested is a file in a scalar of another file.
type Nested struct {
	Data  []byte
	Start int    // the offset of the scalar
	Block bool   // the scalar is a block of lines
	Lines []Line // in the order of the file
}

// Line says where a part of a nested file is in the outer file.
type Line struct {
	Inner, Outer int  // the offsets of its beginning
	Approximate  bool // only the beginning of the part is known
}

// Offset returns the offset in the outer file for an offset in the nested file.
func (n *Nested) Offset(offset int) int {
	i := sort.Search(len(n.Lines), func(i int) bool { return n.Lines[i].Inner > offset }) - 1
	l := n.Lines[max(i, 0)]
	if l.Approximate {
		return l.Outer
	}
	return l.Outer + offset - l.Inner
}
