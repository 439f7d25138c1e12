// SPDX-License-Identifier: MPL-2.0

package yaml

import (
	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// Compare implements format.Format. The copy with placeholders takes the same edits as the file. When it is parsed
// again, the parser sees the values, but not the foreign expressions.
func (f *file) Compare(edits []format.Edit) error {
	result := format.Splice(f.input, edits)
	if f.outline != nil {
		if f.outline.equals(result) {
			return nil
		}
		return format.ErrUndecided
	}
	if at := f.firstDifference(result); at != nil {
		return &format.Difference{Line: max(1, at.Line), Column: max(1, at.Column)}
	}
	return nil
}

// firstDifference parses a result, and returns the first node in which it differs from what it must be, or nil. It
// drops the error of the parser, which can hold a part of a value.
func (f *file) firstDifference(result []byte) *yaml.Node {
	roots, err := parse(result)
	if err != nil || len(roots) != len(f.roots) {
		return f.roots[0]
	}
	for i, want := range f.roots {
		if at := nodeDifference(want, roots[i]); at != nil {
			return at
		}
	}
	return nil
}

// nodeDifference returns the first node of want that differs from got, or nil. It ignores styles, and it ignores
// comments because no edit touches one.
func nodeDifference(want, got *yaml.Node) *yaml.Node {
	if want.Kind != got.Kind || want.Tag != got.Tag || want.Anchor != got.Anchor || want.Value != got.Value ||
		len(want.Content) != len(got.Content) {
		return want
	}
	for i := range want.Content {
		if at := nodeDifference(want.Content[i], got.Content[i]); at != nil {
			return at
		}
	}
	return nil
}
