// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// checkRewritten returns the error of a scalar that is written again in another style, and in which this changes what
// another tool reads next: the bytes of its expressions, or what is between its statements.
func (d *Document) checkRewritten(scalar int, values []format.Value, edits []format.Edit) *backend.Error {
	if d.templates == 0 || d.row.inert {
		return nil
	}
	parts := d.scalars[scalar].Parts
	for _, e := range edits {
		rest, rewritten := e.Text, false
		for i := range parts {
			r := parts[i].Region
			if r == nil || values[i].Replaces || r.Start < e.Start || r.End > e.End {
				continue
			}
			var ok bool
			if _, rest, ok = strings.Cut(rest, string(d.file.Data[r.Start:r.End])); !ok {
				return errChangesTemplate()
			}
			rewritten = true
		}
		if rewritten && !isQuoted(string(d.file.Data[e.Start:e.End])) && isQuoted(e.Text) &&
			format.SplitsStatement(withLetters(parts)) {
			return errSplitsStatement()
		}
	}
	return nil
}

func isQuoted(text string) bool { return strings.HasPrefix(text, `"`) || strings.HasPrefix(text, "'") }

// withLetters returns the text of a scalar with a letter in place of each reference.
func withLetters(parts []format.Part) string {
	var text strings.Builder
	for i := range parts {
		if parts[i].Reference {
			text.WriteByte('x')
		} else {
			text.WriteString(parts[i].Text)
		}
	}
	return text.String()
}

func errChangesTemplate() *backend.Error {
	return backend.Errorf(backend.CodeInvalid,
		"the value needs another quoting style, and the expression of another tool beside it would have to change").
		WithHint("give the reference its own value, write the value in double quotes, or encode it with | b64encode")
}

func errSplitsStatement() *backend.Error {
	return backend.Errorf(backend.CodeInvalid,
		"the value must be written in quotes, and a statement of another tool begins or ends in it").
		WithHint("write quotes around the reference, or render the file after the other tool fills it in")
}
