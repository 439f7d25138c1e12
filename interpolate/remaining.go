// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// remainingText is the text of a rendered file that another tool reads next, with the positions of the values in it.
type remainingText struct {
	text   []byte
	values []span // in the text
	own    []span // of the same references, in the file
}

// remainingTexts returns what remains of the file: with a value for each reference, and, if that can be the beginning
// of a template, with the defaults of the references.
func (d *Document) remainingTexts(regions []format.Region) []remainingText {
	out := []remainingText{d.remainingText(regions, d.ownTexts(false))}
	if slices.ContainsFunc(d.references, func(r reference) bool {
		text, ok := r.expr.Default()
		return ok && mayJoinTemplate(text)
	}) {
		out = append(out, d.remainingText(regions, d.ownTexts(true)))
	}
	return out
}

// mayJoinTemplate reports whether a text can be a part of a sign of a template, or join the text around it to one.
func mayJoinTemplate(text string) bool { return text == "" || strings.ContainsAny(text, "{}%#<>$") }

// isOfFile reports whether an expression stands for a text that the file itself holds: a literal or a default.
func isOfFile(e *expr.Expression, text string) bool {
	if e.IsLiteral() {
		return true
	}
	own, ok := e.Default()
	return ok && own == text
}

// remainingText returns what remains of the file. References in comments remain too, but they are not of another tool.
// The texts of the file itself are by the offsets of their regions.
func (d *Document) remainingText(regions []format.Region, texts map[int]format.Edit) remainingText {
	data, own := d.file.Data, make([]span, 0, len(regions))
	var inText []span
	var out []byte
	at := 0
	for _, r := range regions {
		if !r.MentionsCall || r.Unclosed {
			continue
		}
		if l, ok := texts[r.Start]; ok {
			out = append(append(out, data[at:l.Start]...), l.Text...)
			at = l.End
			continue
		}
		own = append(own, span{r.Start, r.End})
		if texts != nil {
			shift := len(out) - at
			inText = append(inText, span{r.Start + shift, r.End + shift})
		}
	}
	if texts == nil {
		inText = own
	} else {
		data = append(out, data[at:]...)
	}
	text, values := unescapeSigns(data, inText)
	return remainingText{text, values, own}
}

// ownTexts returns the edits that replace the literal expressions, by the offsets of their regions, and with defaults
// also those that replace references by their default. It is nil without them.
func (d *Document) ownTexts(defaults bool) map[int]format.Edit {
	var out map[int]format.Edit
	for i := range d.references {
		r := &d.references[i]
		if d.nested[r.scalar] != nil || !defaults && !r.expr.IsLiteral() {
			continue
		}
		p := &d.scalars[r.scalar].Parts[r.part]
		if p.Region == nil {
			continue
		}
		text, ok := r.expr.Default()
		if r.expr.IsLiteral() {
			_, literal, err := r.expr.Evaluate(&expr.Values{})
			text, ok = literal, err == nil
		}
		if !ok {
			continue
		}
		if out == nil {
			out = map[int]format.Edit{}
		}
		out[p.Region.Start] = p.Edit(text)
	}
	return out
}

// joinTemplates finds the template syntaxes that remain in files which are read as one. The other tool sees all of
// them together.
func joinTemplates(docs []*Document) {
	parts := make([][]remainingText, len(docs))
	variants := 1
	for i, d := range docs {
		parts[i] = d.remainingTexts(d.regions())
		variants = max(variants, len(parts[i]))
	}
	for k := range variants {
		joined := make([]remainingText, len(docs))
		for i := range docs {
			joined[i] = parts[i][min(k, len(parts[i])-1)]
		}
		joinTexts(docs, joined)
	}
}

// joinTexts notes in each document what remains in the texts of all documents.
func joinTexts(docs []*Document, parts []remainingText) {
	var all remainingText
	for _, part := range parts {
		for _, v := range part.values {
			all.values = append(all.values, span{len(all.text) + v.start, len(all.text) + v.end})
		}
		all.text = append(append(all.text, part.text...), '\n')
	}
	t, inside := remainingTemplates(all.text, all.values)
	isOther := func(d *Document) bool { return !d.isForActions() }
	if t&actionsTemplates != 0 && slices.ContainsFunc(docs, isOther) {
		t |= bracedTemplates
	}
	for _, d := range docs {
		if !d.onlyDialect {
			t |= d.templates
		}
	}
	for i, d := range docs {
		n := len(parts[i].own)
		if d.row != nil && !d.row.inert {
			d.templates, d.onlyDialect = d.templates|t, d.onlyDialect && t == 0
			d.markInside(parts[i].own, inside[:n])
		}
		inside = inside[n:]
	}
}
