// SPDX-License-Identifier: MPL-2.0

package yaml

import (
	"bytes"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/text"
)

// isInTemplate reports whether quotes around the scalar would stand inside a statement of another tool or inside what
// such a statement writes: [{% for i in l %}x,{% endfor %}]. YAML takes such text for a scalar without quotes.
func (w *writer) isInTemplate() bool {
	if !w.scalar.Plain || w.scalar.Unbraced || len(w.scalar.Parts) == 1 || !w.file.hasForeign() {
		return false
	}
	var all, own strings.Builder // with the expressions of other tools, and without
	for i := range w.scalar.Parts {
		switch p := &w.scalar.Parts[i]; {
		case p.Reference:
			all.WriteByte('x')
			own.WriteByte('x')
		case p.Region != nil:
			all.WriteString(p.Text)
			own.WriteByte('x')
		default:
			all.WriteString(p.Text)
			own.WriteString(p.Text)
		}
	}
	if format.SplitsStatement(all.String()) || format.ClosesStructure(own.String()) {
		return true
	}
	before := w.file.src.Data[max(0, w.start-format.LineContext):w.start]
	return format.OpensAfterTemplate(string(before[bytes.LastIndexByte(before, '\n')+1:]))
}

// hasForeign reports whether an expression of another tool is in the file.
func (f *file) hasForeign() bool {
	if !f.foreignKnown {
		f.foreignKnown = true
		f.foreign = bytes.Contains(f.src.Data, []byte("<%")) || slices.ContainsFunc(f.src.Regions,
			func(r format.Region) bool { return !r.MentionsCall || f.src.Data[r.Start+1] == '%' })
	}
	return f.foreign
}

// editInert replaces the references of the scalar where they are, without quotes.
func (w *writer) editInert(edits []format.Edit) ([]format.Edit, *backend.Error) {
	const notice = "a statement of another tool begins or ends in the value"
	var value strings.Builder
	for i := range w.values {
		p, v := &w.scalar.Parts[i], &w.values[i]
		if !v.Replaces {
			value.WriteString(p.Placeholder)
			continue
		}
		inert, err := text.Inert(w.file.src, notice, p, v)
		if err != nil {
			return edits, err
		}
		value.WriteString(inert)
		edits = append(edits, p.Edit(inert))
	}
	w.node.Value = value.String()
	return edits, nil
}
