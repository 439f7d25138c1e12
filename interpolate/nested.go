// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/yaml"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// A scalar can hold a file: the data of a Kubernetes ConfigMap are files, and its keys are their names. A value must
// be written by the rules of that file, or it could add a key there. Such a file is a Document in the Document around
// it. Its positions are positions in the outer file. The outer check covers its result, because the scalar must read as
// exactly the text that the inner document returns.

// Nested says whether Render reads scalars as files.
type Nested string

// The values of Nested.
const (
	// NestedAuto reads a text in YAML or JSON as a file if its key is a file name of a known format.
	NestedAuto Nested = ""
	// NestedOff reads every scalar as text. It is for files that were written for version 0.1, and will be removed.
	NestedOff Nested = "off"
)

// maxNested is how deep files can be nested.
const maxNested = 2

const hintNested = "correct the value, or let its key end with .txt to fill it in as text"

// nestedIn says where a file is in another one.
type nestedIn struct {
	outer  *Document
	name   string // the key, which is the name of the file
	text   format.Nested
	depth  int
	base64 bool // the scalar is the file in base64

	// What the outer file adds to the templates of this one.
	templates templates
	inside    bool // all references are inside an expression of another tool
}

// namesFile reports whether a key is the name of a file that is filled in by the rules of its format.
func namesFile(key string) bool {
	r := rowOf(key)
	return r != nil && !r.prose
}

// newLines returns a counter of positions. Those of a nested file are in the outer file.
func (d *Document) newLines() *lineCounter {
	if d.nestedIn == nil {
		return newLineCounter(d.file)
	}
	outer := d.nestedIn.outer.lines // all nested files share it, and together read the outer file once
	if outer == nil {
		outer = d.nestedIn.outer.newLines()
	}
	return &lineCounter{outer: outer, offset: d.nestedIn.text.Offset}
}

// position returns the position for a line and column of the file.
func (d *Document) position(line, column int) Position {
	if d.nestedIn == nil {
		return Position{d.file.Name, line, column}
	}
	data, at := d.file.Data, 0
	for ; line > 1; line-- {
		i := bytes.IndexAny(data[at:], "\r\n")
		if i < 0 {
			break
		}
		at += i + 1
		if data[at-1] == '\r' && at < len(data) && data[at] == '\n' {
			at++
		}
	}
	for ; column > 1 && at < len(data) && !isCRorLF(data[at]); column-- {
		_, n := utf8.DecodeRune(data[at:])
		at += n
	}
	return d.newLines().position(at)
}

// regions returns the regions of the file. What is literal in the outer file, such as a text in {% raw %}, is literal
// in a nested one.
func (d *Document) regions() []format.Region {
	out := findRegions(d.file.Data)
	if d.nestedIn == nil || d.nestedIn.base64 {
		return out
	}
	for i := range out {
		if r := &out[i]; d.nestedIn.outer.isLiteral(d.nestedIn.text.Offset(r.Start)) {
			r.Literal, r.MentionsCall = true, false
		}
	}
	return slices.DeleteFunc(out, func(r format.Region) bool { return r.Literal && r.Unclosed })
}

// isLiteral reports whether a literal region begins at an offset.
func (d *Document) isLiteral(offset int) bool {
	i, ok := slices.BinarySearchFunc(d.source, offset, func(r format.Region, at int) int { return r.Start - at })
	return ok && d.source[i].Literal
}

// nested scans a scalar that is a file, and adds its references. It returns false for a scalar that is text.
func (p *referenceParser) nested(scalar int) bool {
	d := p.doc
	s := &d.scalars[scalar]
	f, ok := d.format.(format.Nester)
	switch {
	case !ok || s.Key:
		return false
	case s.Encoded:
		p.encoded(scalar)
		return true
	case d.file.Nested == NestedOff || s.Unbraced || !namesFile(s.Name) || isOneExpression(s.Parts):
		return false
	}
	text := f.Nested(scalar)
	if !text.Block && bytes.IndexByte(text.Data, '\n') < 0 && !isOneLineFile(s.Name, text.Data) {
		return false // a path, for example
	}
	n := d.newFile(File{Name: s.Name, Data: text.Data}, text)
	p.addFile(scalar, n, p.scanFile(n))
	return true
}

// isOneExpression reports whether a scalar is one expression, which stands for the whole file.
func isOneExpression(parts []format.Part) bool {
	regions := 0
	for i := range parts {
		switch {
		case parts[i].Region != nil:
			regions++
		case strings.TrimSpace(parts[i].Text) != "":
			return false
		}
	}
	return regions == 1
}

// isBracketed reports whether a text can be a JSON object or array.
func isBracketed(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) > 1 && (text[0] == '{' && text[1] != '{' && text[len(text)-1] == '}' ||
		text[0] == '[' && text[len(text)-1] == ']')
}

// newFile returns the document for a file in a scalar.
func (d *Document) newFile(f File, text format.Nested) *Document {
	f.Dialect, f.Nested = d.file.Dialect, d.file.Nested
	n := &Document{file: f, nestedIn: &nestedIn{outer: d, name: f.Name, text: text, depth: 1}}
	if d.nestedIn != nil {
		n.nestedIn.depth += d.nestedIn.depth
	}
	return n
}

// scanFile scans the file in a scalar.
func (p *referenceParser) scanFile(n *Document) Problems {
	mentions := func(r format.Region) bool { return r.MentionsCall }
	switch {
	case n.nestedIn.depth <= maxNested:
		return n.scan(false)
	case slices.ContainsFunc(n.regions(), mentions), bytes.Contains(n.file.Data, []byte(expr.Scheme)):
		return Problems{{Pos: n.newLines().position(0), Err: backend.Errorf(backend.CodeInvalid,
			"the value of %s is a file in more than %d other files", backend.Quote(n.nestedIn.name), maxNested).
			WithHint("move the inner file to its own file, or let its key end with .txt to fill it in as text")}}
	}
	return nil
}

// addFile adds the references and problems of the file in a scalar.
func (p *referenceParser) addFile(scalar int, n *Document, problems Problems) {
	d := p.doc
	p.problems = append(p.problems, problems...)
	d.warnings = append(d.warnings, n.warnings...)
	d.unclear, d.unencoded = append(d.unclear, n.unclear...), append(d.unencoded, n.unencoded...)
	d.unfilled, d.hasEncoded = append(d.unfilled, n.unfilled...), d.hasEncoded || n.hasEncoded
	if len(problems) > 0 || len(n.references) == 0 {
		return
	}
	if d.nested == nil {
		d.nested = map[int]*Document{}
	}
	d.nested[scalar] = n
	for i := range n.references {
		r := &n.references[i]
		d.references = append(d.references, reference{expr: r.expr, pos: r.pos, scalar: scalar, part: i})
	}
}

// mayHoldEncoded reports whether the file can hold a Kubernetes Secret.
func (d *Document) mayHoldEncoded() bool {
	switch d.file.format() {
	case FormatYAML, FormatJSON, FormatJSONC:
		return bytes.Contains(d.file.Data, []byte("Secret")) && bytes.Contains(d.file.Data, []byte("data")) &&
			secretKind().Match(d.file.Data)
	}
	return false
}

// secretKind matches the kind of a Kubernetes Secret.
var secretKind = pattern.Once(`(?m)\bkind["']?[ \t]*:[ \t]*["']?Secret\b`)

// encoded scans the text that base64 in a Kubernetes Secret stands for. Only in DialectKubernetes is it filled in.
func (p *referenceParser) encoded(scalar int) {
	d, s := p.doc, &p.doc.scalars[scalar]
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s.Parts[0].Text), ""))
	if err != nil {
		return
	}
	f := File{Name: s.Name, Data: data}
	if d.file.Nested == NestedOff || !namesFile(s.Name) || isOneExpressionText(data) {
		f.Format = FormatText
	}
	n := d.newFile(f, format.Nested{Data: data, Lines: []format.Line{{Outer: s.Start, Approximate: true}}})
	n.nestedIn.base64 = true
	problems := p.scanFile(n)
	if len(problems) == 0 && len(n.references) == 0 {
		return
	}
	d.hasEncoded = true
	if d.file.Dialect == DialectKubernetes {
		p.addFile(scalar, n, problems)
		return
	}
	d.unfilled = append(d.unfilled, Problem{Pos: p.lines.position(s.Start), Err: backend.Errorf(backend.CodeInvalid,
		"the value of %s is base64 of a text with references, which are not filled in", backend.Quote(s.Name)).
		WithHint("write the text under stringData, or use --dialect kubernetes")})
}

// noteUnencoded notes a value of a Kubernetes Secret whose references are written as they are. It cannot know whether
// the secret itself is base64.
func (p *referenceParser) noteUnencoded(scalar int, refs []reference) {
	d := p.doc
	for i := range refs {
		r := &refs[i]
		if r.expr.IsBase64() && d.nested[scalar] == nil {
			continue // in a file, it encodes a part only
		}
		d.unencoded = append(d.unencoded, d.problem(r, backend.Errorf(backend.CodeInvalid,
			"the value of %s must be base64, and the reference in it is written as it is",
			backend.Quote(d.scalars[scalar].Name)).
			WithHint("write the reference under stringData, or add | b64encode to it")))
	}
}

// isOneExpressionText reports whether a text is one expression, apart from white space.
func isOneExpressionText(text []byte) bool {
	text = bytes.TrimSpace(text)
	regions := findRegions(text)
	return len(regions) == 1 && regions[0].Start == 0 && regions[0].End == len(text)
}

// writeNested appends the edits of a scalar that is a file.
func (d *Document) writeNested(edits []format.Edit, r *reference, n *Document, v *evaluator) (
	[]format.Edit, Problems,
) {
	scalar := r.scalar
	inner, problems := n.edits(v)
	if len(problems) > 0 || len(inner) == 0 {
		return edits, problems
	}
	text := string(format.Splice(n.file.Data, inner))
	if n.nestedIn.base64 {
		text, inner = base64.StdEncoding.EncodeToString([]byte(text)), nil
	}
	edits, err := d.format.(format.Nester).WriteNested(edits, scalar, inner, text)
	if err != nil {
		return edits, Problems{d.problem(r, err)}
	}
	return edits, nil
}

// passTemplates tells the nested files which syntaxes of templates remain in this one, and whether they are inside an
// expression. A tool does not look into base64.
func (d *Document) passTemplates(own []span, inside []bool) {
	for _, n := range d.nested {
		w := n.nestedIn
		if w.base64 {
			continue
		}
		w.templates = d.templates
		start, end := w.text.Offset(0), w.text.Offset(len(w.text.Data))
		i, _ := slices.BinarySearchFunc(own, start, func(s span, at int) int { return s.start - at })
		for ; i < len(own) && own[i].end <= end; i++ {
			w.inside = w.inside || inside[i]
		}
		n.inheritTemplates()
	}
}

// inheritTemplates adds what the outer file says of templates.
func (d *Document) inheritTemplates() {
	w := d.nestedIn
	if w == nil || w.base64 {
		return
	}
	d.templates |= w.templates
	for i := range d.references {
		d.references[i].inside = d.references[i].inside || w.inside
	}
	for _, n := range d.nested {
		if !n.nestedIn.base64 {
			n.nestedIn.templates, n.nestedIn.inside = d.templates, n.nestedIn.inside || w.inside
			n.inheritTemplates()
		}
	}
}

// noteUnclear notes a scalar that is filled in as text, but looks like a file.
func (p *referenceParser) noteUnclear(scalar int) {
	d := p.doc
	s := &d.scalars[scalar]
	f, ok := d.format.(format.Nester)
	if !ok || s.Key || d.file.Nested == NestedOff || isOneExpression(s.Parts) || !hasReference(s.Parts) ||
		rowOf(s.Name) != nil {
		return
	}
	text := f.Nested(scalar)
	several := bytes.IndexByte(bytes.TrimSpace(text.Data), '\n') >= 0
	extension := fileExtension().FindString(s.Name)
	reason := "the key is not a file name"
	hint := "name the key after the file, such as config.yaml, or notes.txt for plain text"
	switch {
	case isEvaluated(s.Name) && (several || text.Block):
		reason = "Terraform evaluates the strings in such a file"
		hint = "use a variable of Terraform; with .txt as its extension, the key says that it is plain text"
	case fileName().MatchString(s.Name) && (several || text.Block):
		reason = backend.Quote(s.Name) + " is not the name of a file in a known format"
		hint = "make sure that no value needs an escape there; with .txt as its extension, the key says so"
	case extension != "" && (several || text.Block && len(extension) <= longestExtension ||
		namesFile(strings.TrimSuffix(s.Name, extension)) && looksLikeFile(text.Data)):
		reason = backend.Quote(extension) + " is not the extension of a known format"
		hint = "make sure that no value needs an escape there; with .txt as its extension, the key says so"
	case several && !looksLikeFile(text.Data):
		return
	case several, isData(text.Data), text.Block && yaml.IsCollection(withoutExpressions(text.Data, 'x')):
	default:
		return
	}
	d.unclear = append(d.unclear, Problem{Pos: p.lines.position(text.Start), Err: backend.Errorf(backend.CodeInvalid,
		"the value looks like a file and is filled in as text, because %s", reason).
		WithHint("%s", hint)})
}

// hasReference reports whether a part is a reference.
func hasReference(parts []format.Part) bool {
	return slices.ContainsFunc(parts, func(p format.Part) bool { return p.Region != nil && isReference(p.Region, p.Text) })
}

// fileName matches the name of a file that has no extension: Dockerfile, Corefile.
var fileName = pattern.Once(`^[A-Z][a-z]+file$`)

// longestExtension limits the extension of a file of one line. After the dot of other keys, words are often longer:
// datasource.password.
const longestExtension = len(".config")

// fileExtension matches the extension of a file name.
var fileExtension = pattern.Once(`\.[A-Za-z][A-Za-z0-9]{0,9}$`)

var (
	// iniLine matches a line of INI files and of their relatives: a section, an assignment, a comment or nothing.
	iniLine = pattern.Once(`^[ \t]*(?:\[[^\]]+\]|[A-Za-z_][A-Za-z0-9_.-]*[ \t]*=.*|[#;!].*)?[ \t\r]*$`)
	// assignment matches a line that assigns.
	assignment = pattern.Once(`(?m)^[ \t]*[A-Za-z_][A-Za-z0-9_.-]*[ \t]*=`)
)

// isOneLineFile reports whether a text of one line under a file name is the file, and not its path.
func isOneLineFile(name string, text []byte) bool {
	if isBracketed(text) {
		return true
	}
	text = withoutExpressions(text, 'x')
	switch rowOf(name).name {
	case FormatYAML:
		return yaml.IsCollection(text)
	case FormatJSON, FormatJSONC:
		return false
	case FormatXML:
		return isXML(text)
	}
	return assignment().Match(text)
}

// looksLikeFile reports whether a text is a collection in YAML or JSON, is XML, or has only lines of INI files. A
// script, a query or prose has other lines.
func looksLikeFile(text []byte) bool {
	hidden := withoutExpressions(text, 'x')
	ini := assignment().Match(hidden)
	for line := range bytes.Lines(hidden) {
		ini = ini && iniLine().Match(bytes.TrimRight(line, "\n"))
	}
	return ini || isData(text) || yaml.IsCollection(hidden)
}

// isData reports whether a text is JSON or XML, which one line shows. Without a string or object, JSON can be other
// text in brackets.
func isData(text []byte) bool {
	text = bytes.TrimSpace(text)
	switch {
	case len(text) == 0:
	case text[0] == '<':
		return isXML(withoutExpressions(text, 'x'))
	case isBracketed(text):
		hidden := withoutExpressions(text, '1')
		return bytes.IndexByte(hidden, '"') >= 0 && json.Valid(hidden)
	}
	return false
}

// isXML reports whether a text is one element, or several, as XML.
func isXML(text []byte) bool {
	if text = bytes.TrimSpace(text); len(text) == 0 || text[0] != '<' || text[len(text)-1] != '>' {
		return false
	}
	decoder, elements := xml.NewDecoder(bytes.NewReader(text)), false
	decoder.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for {
		t, err := decoder.Token()
		if err != nil {
			return elements && errors.Is(err, io.EOF)
		}
		_, starts := t.(xml.StartElement)
		elements = elements || starts
	}
}

// withoutExpressions returns a text in which a character fills the expressions, and spaces fill control lines.
func withoutExpressions(text []byte, with byte) []byte {
	text = bytes.Clone(text)
	for _, r := range findRegions(text) {
		fill := with
		if r.Control || r.Literal {
			fill = ' '
		}
		for i := r.Start; i < r.End; i++ {
			if text[i] != '\n' {
				text[i] = fill
			}
		}
	}
	return text
}

// Unencoded returns the references under data of a Kubernetes Secret that are not written as base64. Kubernetes refuses
// such a value, or decodes it to other bytes.
func (d *Document) Unencoded() []Problem { return d.unencoded }

// Unclear returns the positions of texts that look like files in a format that is not known, and are filled in as text.
// It also returns the positions of base64 with references, which is not filled in.
func (d *Document) Unclear() []Problem { return slices.Concat(d.unclear, d.unfilled) }
