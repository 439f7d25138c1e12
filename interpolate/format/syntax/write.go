// SPDX-License-Identifier: MPL-2.0

package syntax

import (
	"reflect"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// Write implements format.Format.
func (f *file) Write(edits []format.Edit, scalar int, values []format.Value) ([]format.Edit, *backend.Error) {
	s, str := &f.scalars[scalar], &f.strings[scalar]
	edits, rewritten, err := f.editString(edits, s, str, values)
	if err != nil {
		return edits, err
	}
	for i, p := range s.Parts {
		switch v := values[i]; {
		case s.Unbraced: // the copy holds the URI itself, which takes the role of a placeholder
			if _, typed := f.leaves[p.Placeholder]; !typed {
				f.leaves[p.Placeholder] = v.Text
			}
		case v.Replaces:
			f.values = append(f.values, p.Placeholder, v.Text)
		case rewritten: // a rewritten string holds foreign expressions instead of their placeholders
			f.values = append(f.values, p.Placeholder, p.Text)
		}
	}
	return edits, nil
}

// editString appends the edits for one string, and returns whether they rewrite the whole string. It adds a typed
// value to the leaves.
func (f *file) editString(edits []format.Edit, s *format.Scalar, str *String, values []format.Value) (
	_ []format.Edit, rewritten bool, _ *backend.Error,
) {
	if v := format.Whole(values); v != nil && v.Type != format.String {
		text, leaf, err := f.syntax.TypedLiteral(v.Type, v.Text)
		f.leaves[s.Parts[0].Placeholder] = leaf
		return append(edits, format.Edit{Start: str.Start, End: str.End, Text: text}), false, err
	}
	before, keeps := len(edits), !s.Unbraced && !str.unquote
	for i := range s.Parts {
		if !keeps {
			break
		}
		if v := values[i]; v.Replaces {
			var text string
			if text, keeps = f.syntax.Escape(str, v.Text); keeps {
				edits = append(edits, s.Parts[i].Edit(text))
			}
		}
	}
	if keeps {
		return edits, false, nil
	}
	text, err := f.syntax.Rewrite(str, format.NewText(s.Parts, values))
	if err == nil && str.Span == str.Inner && strings.ContainsAny(text[:min(1, len(text))], `"'`) &&
		format.CommentAtEdge(s.Parts) {
		err = format.ErrComment()
	}
	return append(edits[:before], format.Edit{Start: str.Start, End: str.End, Text: text}), true, err
}

// Compare implements format.Format: a library must read the result as the copy with each placeholder replaced by its
// value.
func (f *file) Compare(edits []format.Edit) error {
	want, err := f.syntax.Parse(f.expected())
	if err != nil {
		return &format.Difference{}
	}
	got, err := f.syntax.Parse(format.Splice(f.input, edits))
	if err != nil || !reflect.DeepEqual(fillTree(want, f.leaves, strings.NewReplacer(f.values...)), got) {
		return &format.Difference{}
	}
	return nil
}

// fillTree replaces the placeholders in the strings of a tree.
func fillTree(tree any, leaves map[string]any, r *strings.Replacer) any {
	switch t := tree.(type) {
	case string:
		if leaf, ok := leaves[t]; ok {
			return leaf
		}
		return r.Replace(t)
	case []any:
		out := slices.Clone(t)
		for i := range out {
			out[i] = fillTree(out[i], leaves, r)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(t))
		for k, v := range t {
			out[k] = fillTree(v, leaves, r)
		}
		return out
	}
	return tree
}
