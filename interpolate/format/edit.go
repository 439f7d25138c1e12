// SPDX-License-Identifier: MPL-2.0

package format

// Edit replaces a part of a file. Edits are in the order of the file and do not overlap.
type Edit struct {
	Start, End int
	Text       string
}

// Splice returns a text with the edits applied.
func Splice(text []byte, edits []Edit) []byte {
	size := len(text)
	for _, e := range edits {
		size += len(e.Text) - (e.End - e.Start)
	}
	out := make([]byte, 0, size)
	at := 0
	for _, e := range edits {
		out = append(out, text[at:e.Start]...)
		out = append(out, e.Text...)
		at = e.End
	}
	return append(out, text[at:]...)
}
