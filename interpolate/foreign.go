// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"encoding/hex"
	"html"
	"path"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	plaintext "github.com/pouncet/terraform-provider-pouncet/interpolate/format/text"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// Another tool may read a rendered file as a template: Helm, Ansible, Argo, GitHub Actions. It must not evaluate a
// value. Nobody knows whether such a tool looks for its signs before or after it decodes the strings of the file, so
// no way to escape them is safe. If signs of a template remain in a file, no value may begin such a sign, neither by
// itself nor together with the text next to it.

// span is a part of a text.
type span struct{ start, end int }

// templates is a set of template syntaxes.
type templates uint8

const (
	bracedTemplates  templates = 1 << iota // {{ }}, {% %} and {# #}: Go, Jinja, Argo and others
	actionsTemplates                       // ${{ }}: GitHub Actions and others
	percentTemplates                       // <% %>: ERB, EJS and others
	unclosedTemplate                       // a template has no end before a span, which could hold it
)

// openings returns the signs that begin a template, or that the tool removes elsewhere.
func (t templates) openings() []string {
	var out []string
	if t&bracedTemplates != 0 {
		out = append(out, "{{", "{%", "{#")
	}
	if t&actionsTemplates != 0 {
		out = append(out, "${{")
	}
	if t&unclosedTemplate != 0 {
		out = append(out, "}}", "%}", "#}", "%>")
	}
	if t&percentTemplates != 0 {
		out = append(out, "<%", "%>") // EJS removes a closing outside a template
	}
	return out
}

// templateSigns are the signs with which templates begin and end.
var templateSigns = [...]struct{ opening, closing string }{{"{{", "}}"}, {"{%", "%}"}, {"{#", "#}"}, {"<%", "%>"}}

// remainingTemplates returns the template syntaxes that remain in a text around the spans. The spans are in order.
// inside reports for each span whether a template that begins before it ends after it.
func remainingTemplates(text []byte, own []span) (t templates, inside []bool) {
	inside = make([]bool, len(own))
	for _, signs := range templateSigns {
		t |= markTemplates(text, own, inside, signs.opening, signs.closing)
	}
	return t, inside
}

// markTemplates returns the syntaxes of the templates with one pair of signs, and marks the spans inside them. No tool
// knows all signs, so templates with other signs do not matter.
func markTemplates(text []byte, own []span, inside []bool, opening, closing string) (t templates) {
	last, searched := 0, false // the last closing, which is searched for only if there is a template
	next := 0                  // the first span that ends after i
	end := 0                   // of the latest template
	for i := 0; ; i += len(opening) {
		at := bytes.Index(text[i:], []byte(opening))
		if at < 0 {
			return t
		}
		i += at
		for next < len(own) && own[next].end <= i {
			next++
		}
		if next < len(own) && own[next].start < i+len(opening) {
			i = own[next].end - len(opening) // the opening is not only of the text
			continue
		}
		syntax := syntaxAt(text, i)
		t |= syntax
		if syntax == 0 || i < end || next == len(own) {
			continue
		}
		if !searched {
			last, searched = lastAround(text, own, closing), true
		}
		if end = i + len(opening); last < end {
			t |= unclosedTemplate
			continue
		}
		for k := next; ; k++ {
			to := len(text)
			if k < len(own) {
				to = own[k].start
			}
			if n := bytes.Index(text[end:to], []byte(closing)); n >= 0 {
				end += n + len(closing)
				break
			}
			inside[k], end = true, own[k].end
		}
	}
}

// lastAround returns the offset of the last sign in the text around the spans, or -1.
func lastAround(text []byte, own []span, sign string) int {
	to := len(text)
	for k := len(own) - 1; k >= 0; k-- {
		if n := bytes.LastIndex(text[own[k].end:to], []byte(sign)); n >= 0 {
			return own[k].end + n
		}
		to = own[k].start
	}
	return bytes.LastIndex(text[:to], []byte(sign))
}

// syntaxAt returns the syntax of the opening at an offset.
func syntaxAt(text []byte, i int) templates {
	afterDollar := i > 0 && text[i-1] == '$'
	switch {
	case text[i] == '<':
		return percentTemplates
	case afterDollar && text[i+1] == '{':
		return actionsTemplates
	case afterDollar && text[i+1] == '#':
		return 0 // ${#name} is the length of a variable in a shell
	}
	return bracedTemplates
}

// escapedSign matches an escape of a sign of a template in a string of YAML, JSON, TOML, HCL or XML, and a backslash
// that properties ignore. A backslash at the end of a line joins the lines.
var escapedSign = pattern.Once(`\\(?:x|u00|U000000)(7[bBdD]|2[345]|3[cCeE])|\\([{}%#<>$])|\\\r?\n[ \t]*` +
	`|&(?:lt|gt|#x0*(?:7[bBdD]|2[345]|3[cCeE])|#0*(?:12[35]|3[567]|6[02]));`)

// unescapeSigns returns a text in which the signs of templates have no escapes, because another tool can read the
// strings of the file after it has parsed them. Each span becomes one byte, which is no sign.
func unescapeSigns(data []byte, own []span) ([]byte, []span) {
	if !bytes.ContainsAny(data, `\&`) {
		return data, own
	}
	out, spans := make([]byte, 0, len(data)), make([]span, 0, len(own))
	unescape := func(escape []byte) []byte {
		switch m := escapedSign().FindSubmatch(escape); {
		case escape[0] == '&':
			return []byte(html.UnescapeString(string(escape)))
		case len(m[1]) > 0:
			sign, _ := hex.DecodeString(string(m[1]))
			return sign
		default:
			return m[2] // empty for a line break
		}
	}
	at := 0
	for _, s := range own {
		out = append(out, escapedSign().ReplaceAllFunc(data[at:s.start], unescape)...)
		spans = append(spans, span{len(out), len(out) + 1})
		out = append(out, 0)
		at = s.end
	}
	return append(out, escapedSign().ReplaceAllFunc(data[at:], unescape)...), spans
}

// opensTemplate returns the index of a value that begins a template in a text, or -1. The values are at the spans. An
// empty value can join the text around it to an opening.
func (t templates) opensTemplate(text string, values []span) int {
	if t == 0 {
		return -1
	}
	openings := t.openings()
	for i, v := range values {
		from, to := max(0, v.start-2), min(len(text), v.end+2)
		for _, o := range openings {
			for at := from; ; at++ {
				n := strings.Index(text[at:to], o)
				if n < 0 {
					break
				}
				at += n
				if at < v.end && at+len(o) > v.start {
					return i
				}
			}
		}
	}
	return -1
}

// isForActions reports whether GitHub Actions reads the file, or a tool with the same syntax. Only there is "${{" not
// also an opening of Go and Jinja after a dollar.
func (d *Document) isForActions() bool {
	if d.nestedIn != nil {
		return d.nestedIn.outer.isForActions()
	}
	folder := path.Dir(strings.ToLower(strings.ReplaceAll(d.file.Name, `\`, "/")))
	return slices.ContainsFunc(strings.Split(folder, "/"), func(name string) bool {
		return name == ".github" || name == ".gitea" || name == ".forgejo"
	})
}

// findTemplates finds the template syntaxes that remain in the file. A file of Mage or Jinja is read as a template
// next, even if none remains.
func (d *Document) findTemplates(regions []format.Region) {
	remaining := d.remainingTexts(regions)
	var t templates
	inside := make([][]bool, len(remaining))
	for i := range remaining {
		var syntaxes templates
		syntaxes, inside[i] = remainingTemplates(remaining[i].text, remaining[i].values)
		t |= syntaxes
	}
	if t&actionsTemplates != 0 && !d.isForActions() {
		t |= bracedTemplates
	}
	for _, n := range d.nested {
		if !n.nestedIn.base64 && !n.onlyDialect {
			t |= n.templates // a literal expression can stand at an offset that is not known here
		}
	}
	d.onlyDialect = false
	if d.file.Dialect == DialectMage || d.file.Dialect == DialectJinja {
		d.onlyDialect = t == 0
		t |= bracedTemplates
	}
	d.templates = t
	for i := range remaining {
		d.markInside(remaining[i].own, inside[i])
	}
}

// markInside marks the references that are inside an expression of another tool. The spans are the spans of the
// references in the file.
func (d *Document) markInside(own []span, inside []bool) {
	next := 0
	for i := range d.references {
		r := &d.references[i]
		if d.nested[r.scalar] != nil {
			continue
		}
		p := &d.scalars[r.scalar].Parts[r.part]
		if p.Region == nil {
			continue // a URI without braces is a whole value
		}
		start, end := p.Extent()
		for ; next < len(own) && own[next].start < end; next++ {
			r.inside = r.inside || inside[next] && own[next].start >= start
		}
	}
	d.passTemplates(own, inside)
}

// checkTemplates returns the problems of values that another tool could read as an expression.
func (d *Document) checkTemplates(refs []reference, values []format.Value) Problems {
	if d.templates == 0 {
		return nil
	}
	var text strings.Builder
	var replaced []span
	var filled []*reference
	next := refs
	parts := d.scalars[refs[0].scalar].Parts
	for i := range parts {
		var r *reference
		if len(next) > 0 && next[0].part == i {
			r, next = &next[0], next[1:]
		}
		if !values[i].Replaces {
			text.WriteString(parts[i].Text)
			continue
		}
		if r.inside && !plaintext.IsInert(values[i].Text) {
			return Problems{d.problem(r, errInsideTemplate())}
		}
		start := text.Len()
		text.WriteString(values[i].Text)
		if !isOfFile(r.expr, values[i].Text) {
			replaced, filled = append(replaced, span{start, text.Len()}), append(filled, r)
		}
	}
	whole := text.String()
	if len(filled) > 0 && d.keeps && isReadAgain(whole, d.scalars[refs[0].scalar].Unencoded) {
		return Problems{d.problem(filled[0], errIsReference())}
	}
	// Without line breaks and escapes, the text between the values can begin a template that the file does not show.
	own, inside := remainingTemplates([]byte(whole), replaced)
	for i, v := range replaced {
		if inside[i] && !plaintext.IsInert(whole[v.start:v.end]) {
			return Problems{d.problem(filled[i], errInsideTemplate())}
		}
	}
	if i := (d.templates | own&unclosedTemplate).opensTemplate(whole, replaced); i >= 0 {
		return Problems{d.problem(filled[i], d.errOpensTemplate())}
	}
	isTemplate := d.templates&bracedTemplates != 0 && own&(bracedTemplates|actionsTemplates) != 0
	for i, v := range replaced {
		if isTemplate && strings.Contains(whole[v.start:v.end], "\r") { // Ansible reads the string after YAML
			return Problems{d.problem(filled[i], errLosesReturn())}
		}
		if d.templates.losesBlanks(whole[:v.start], whole[v.start:v.end], whole[v.end:]) {
			return Problems{d.problem(filled[i], errLosesBlanks())}
		}
	}
	return nil
}

// checkResult returns the problem of a value that means something else to another tool together with the bytes around
// it. Each edit is for the reference with the same index.
func (d *Document) checkResult(result []byte, edits []format.Edit, edited []*reference) Problems {
	if problems := d.checkBlanks(edits, edited); problems != nil || !d.row.oneText {
		return problems
	}
	// Each reference is a scalar, so only the result shows what is next to it.
	var replaced []span
	var filled []*reference
	shift := 0
	for i, e := range edits {
		start := e.Start + shift
		shift += len(e.Text) - (e.End - e.Start)
		if !isOfFile(edited[i].expr, e.Text) {
			replaced, filled = append(replaced, span{start, start + len(e.Text)}), append(filled, edited[i])
		}
	}
	if i := d.templates.opensTemplate(string(result), replaced); i >= 0 {
		return Problems{d.problem(filled[i], d.errOpensTemplate())}
	}
	return nil
}

// losesBlanks reports whether a template next to a value removes blanks at the ends of the value: {{- x -}} does.
func (t templates) losesBlanks(before, value, after string) bool {
	if t == 0 || value == "" {
		return false
	}
	isOneOf := func(text string, signs []string, has func(string, string) bool) bool {
		return slices.ContainsFunc(signs, func(sign string) bool { return has(text, sign) })
	}
	if strings.IndexByte(format.Blanks, value[0]) >= 0 &&
		isOneOf(strings.TrimRight(before, format.Blanks), trimsAfter, strings.HasSuffix) {
		return true
	}
	if strings.IndexByte(format.Blanks, value[len(value)-1]) < 0 {
		return false
	}
	return isOneOf(strings.TrimLeft(after, format.Blanks), trimsBefore, strings.HasPrefix)
}

// The signs with which a template removes the blanks before it, and after it.
var (
	trimsBefore = []string{"{{-", "{%-", "{#-", "<%-", "<%_"}
	trimsAfter  = []string{"-}}", "-%}", "-#}", "%}", "-%>", "_%>"} // Ansible removes the line break after "%}"
)

// checkBlanks returns the problem of a value that would lose blanks in the result. Each edit is for the reference with
// the same index.
func (d *Document) checkBlanks(edits []format.Edit, edited []*reference) Problems {
	data := d.file.Data
	for i, e := range edits {
		// Other formats escape a carriage return, for a tool that reads all of the file.
		if d.row.oneText && d.templates&bracedTemplates != 0 && strings.Contains(e.Text, "\r") &&
			!isOfFile(edited[i].expr, e.Text) {
			return Problems{d.problem(edited[i], errLosesReturn())}
		}
		before := data[max(0, e.Start-blankContext):e.Start]
		after := data[e.End:min(len(data), e.End+blankContext)]
		atEnd := e.End == len(data) && d.templates&bracedTemplates != 0 && strings.HasSuffix(e.Text, "\n")
		if atEnd || d.templates.losesBlanks(string(before), e.Text, string(after)) { // Jinja drops the last line break
			return Problems{d.problem(edited[i], errLosesBlanks())}
		}
	}
	return nil
}

// blankContext is how far from a value a template can be whose sign removes the blanks between them.
const blankContext = 1024

func errLosesBlanks() *backend.Error {
	return backend.Errorf(backend.CodeInvalid,
		"the value begins or ends with white space, which the expression of another tool next to it removes").
		WithHint("store the value without it, remove it with | trim, or write the reference in quotes")
}

func errLosesReturn() *backend.Error {
	return backend.Errorf(backend.CodeInvalid,
		"the value has a carriage return, and Jinja, which may read the file next, turns it into a line feed").
		WithHint("store the value with line feeds only, or encode it with | b64encode")
}

// errOpensTemplate returns the error of a value that another tool could evaluate.
func (d *Document) errOpensTemplate() *backend.Error {
	if d.keeps {
		return errIsReference()
	}
	if d.onlyDialect {
		return backend.Errorf(backend.CodeInvalid,
			"the dialect %s means that the file is read as a template next, and this value could be an expression there",
			d.file.Dialect).
			WithHint("remove the dialect if no other tool fills in the file, or encode the value with | b64encode")
	}
	return backend.Errorf(backend.CodeInvalid,
		"expressions of another tool remain in the file, and it could read this value as one").
		WithHint("render the file after the other tool fills it in, or encode the value with | b64encode")
}

// errInsideTemplate returns the error of a value inside an expression of another tool.
func errInsideTemplate() *backend.Error {
	return backend.Errorf(backend.CodeInvalid,
		"the reference is inside an expression of another tool, and this value could change it").
		WithHint("render the file after the other tool fills it in, or move the reference out of the expression")
}
