// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// File is a text with a name. The name appears in positions, and selects the format if Format is FormatByName. No
// file is opened.
type File struct {
	Name    string
	Data    []byte
	Format  Format
	Dialect Dialect
	Nested  Nested

	// Unnamed says that the name does not belong to a file and is only for positions. FormatByName then means YAML, or
	// plain text if all of the text is one scalar. The same holds for an empty name, and for StandardInput.
	Unnamed bool
}

func (f *File) isUnnamed() bool { return f.Unnamed || f.Name == "" || f.Name == StandardInput }

// Document holds the references of one file. A YAML file with several YAML documents is one Document.
type Document struct {
	file       File
	row        *formatRow      // of the format that read the file; nil if the file has no references
	format     format.Format   // that read the file
	scalars    []format.Scalar // what the format returned
	references []reference     // in the order of the file
	warnings   Problems
	nested     map[int]*Document // by scalar: the files in the file
	nestedIn   *nestedIn         // for a file in a file
	lines      *lineCounter      // while the references are parsed
	problems   Problems          // for Render: of the scan, and with Options.Strict its warnings
	broken     bool              // the scan found a problem, so that the file cannot be filled in
	unclear    Problems          // of texts that look like a file in an unknown format
	unfilled   Problems          // of base64 that holds references
	unencoded  Problems          // of references where Kubernetes expects base64
	hasEncoded bool              // base64 in the file holds references
	source     []format.Region   // all regions of the file, while it is scanned
	templates  templates         // the syntaxes of other tools that remain in the file

	onlyDialect bool // nothing remains in the file, but its dialect says that it is a template
	keeps       bool // references stay in the files, so that they will be rendered again
}

// Reference is one position at which a file refers to an entry or an environment variable.
type Reference struct {
	Pos        Position
	Expression string // as written, including "{{" and "}}"
	expr.Reference
}

// Scan reads the references of one file, without a backend. Its error is Problems, and lists every problem of the
// file.
func Scan(f File) (*Document, error) {
	d := &Document{file: f}
	if problems := d.scan(false); len(problems) > 0 {
		return nil, problems
	}
	return d, nil
}

// References returns the references in the file, in the order of the file.
func (d *Document) References() []Reference {
	var out []Reference
	for i := range d.references {
		r := &d.references[i]
		for _, e := range r.expr.References() {
			out = append(out, Reference{r.pos, d.text(r), e})
		}
	}
	return out
}

// Warnings returns the positions that look like a misspelled reference: a call with a typing error, or a URI with
// text after it. Render leaves them unchanged, because they may belong to another tool.
func (d *Document) Warnings() []Problem { return d.warnings }

// holdsBraces reports whether data has a "{{" or a "{%". It is one pass: two calls of bytes.Contains take twice as long
// for a file in flow style.
func holdsBraces(data []byte) bool {
	for {
		i := bytes.IndexByte(data, '{')
		if i < 0 || i+1 == len(data) {
			return false
		}
		if next := data[i+1]; next == '{' || next == '%' {
			return true
		}
		data = data[i+1:]
	}
}

// scan reads the file. If thorough is set, it uses neither a shortcut nor a faster way to read the format.
func (d *Document) scan(thorough bool) Problems {
	data := d.file.Data
	if looksUTF16(data) {
		return d.fileProblem(0, "the file is UTF-16, which is not supported", "save the file as UTF-8")
	}
	if d.file.Dialect != DialectNone && !slices.Contains(Dialects, d.file.Dialect) {
		return d.fileProblem(0, fmt.Sprintf("dialect %s is not supported", backend.Quote(string(d.file.Dialect))),
			"use one of "+joinNames(Dialects))
	}
	hasURI := slices.ContainsFunc(d.file.Dialect.prefixes(), func(prefix string) bool {
		return bytes.Contains(data, []byte(prefix))
	})
	encoded := d.mayHoldEncoded()
	hasBraces := holdsBraces(data)
	if !hasURI && !encoded && (!hasBraces || !thorough && !expr.MayHoldCall(data)) {
		return nil
	}
	regions := d.regions()
	d.source = regions
	defer func() {
		d.source = nil
		d.warnings = slices.Concat(d.warnings, d.inStatements(regions)).limited()
	}()
	mayRefer, mayWarn := hasURI, false
	mentionsCall := false
	for _, r := range regions {
		mentionsCall = mentionsCall || r.MentionsCall
		mayRefer = mayRefer || mentionsCall
		if !mayRefer && !r.Control && !r.Literal && !mayWarn {
			mayWarn = foreignWarning(string(data[r.Start+2:r.End-2])) != nil
		}
	}
	if !mayRefer && !mayWarn && !encoded {
		return nil
	}
	if mayRefer && d.file.format() == FormatByName {
		if !mentionsCall && !d.holdsBareReference() {
			return nil
		}
		return d.fileProblem(0, "the file has references, and its name belongs to no format", d.hintFormat())
	}
	problems := d.checkCharacters()
	if problems == nil {
		problems = d.read(regions, thorough)
	}
	if !d.hasEncoded && (!mayRefer || problems != nil && !mentionsCall && !d.holdsBareValue()) {
		return nil // a file without references does not have to be valid
	}
	return problems
}

// read reads the file in its format, or as a template: a file can be one if it cannot be parsed, holds foreign
// expressions, and the caller named no format.
func (d *Document) read(regions []format.Region, thorough bool) Problems {
	row := d.file.format().row()
	if row == nil {
		return d.fileProblem(0, fmt.Sprintf("format %s is not supported", backend.Quote(string(d.file.format()))),
			"use one of "+joinNames(Formats))
	}
	src := &format.Source{
		Data: d.file.Data, Regions: regions, Prefixes: d.file.Dialect.prefixes(), IsReference: isReference,
		Trims: trims, TypeOf: d.file.Dialect.typeOf(), FindRegions: findRegions, Thorough: thorough,
		Notice: "the file is a template", Encoded: d.mayHoldEncoded(),
		RemovesComments: d.file.Dialect == DialectMage || d.file.Dialect == DialectJinja,
	}
	if named := rowOf(d.file.Name); named != nil {
		src.QuotesStrings = named.quotesStrings
	}
	if d.file.Nested != NestedOff {
		src.NamesFile = namesFile
	}
	problems, parsed := d.readAs(row, src)
	if parsed && problems == nil && d.file.Format == FormatByName && d.file.isUnnamed() && d.cutsStrings() {
		return d.fileProblem(0, "the text has references, and a string around one of them begins in a key of YAML",
			"name the format of the text with --file-format: "+joinNames(Formats))
	}
	if parsed && problems == nil && d.file.Format == FormatByName && d.isOneScalar() {
		if d.nestedIn != nil {
			return d.fileProblem(0, "the value of "+backend.Quote(d.nestedIn.name)+
				" has references, and all of it is one scalar of YAML", hintNested)
		}
		if !d.file.isUnnamed() {
			return d.fileProblem(0, "the file has references, and all of it is one scalar of YAML",
				"use --file-format text if it is not YAML")
		}
		problems, _ = d.readAs(FormatText.row(), src)
		return problems
	}
	foreign := func(r format.Region) bool { return !r.MentionsCall && !r.Unclosed }
	if parsed || d.file.Format != FormatByName || !slices.ContainsFunc(regions, foreign) {
		return problems
	}
	src.Notice = fmt.Sprintf("the file is a template that cannot be parsed as %s yet (line %d)", row.title,
		problems[0].Pos.Line)
	problems, _ = d.readAs(FormatTemplate.row(), src)
	return problems
}

// cutsStrings reports whether a quote in a key begins a string that ends in the value with a reference. Then the text
// is hardly YAML: echo "a: {{ … }}".
func (d *Document) cutsStrings() bool {
	return slices.ContainsFunc(d.references, func(r reference) bool {
		s := &d.scalars[r.scalar]
		return s.Plain && slices.ContainsFunc([]string{`"`, `'`}, func(quote string) bool {
			inValue := 0
			for i := range s.Parts {
				if s.Parts[i].Region == nil {
					inValue += strings.Count(s.Parts[i].Text, quote)
				}
			}
			return strings.Count(s.Name, quote)%2 == 1 && inValue%2 == 1
		})
	})
}

// isOneScalar reports whether all of the file is one scalar, and not only one reference. A text that is not YAML often
// reads as one.
func (d *Document) isOneScalar() bool {
	f, ok := d.format.(interface{ IsScalar() bool })
	if !ok || len(d.references) == 0 || !f.IsScalar() {
		return false
	}
	whole := len(d.references) == 1 && len(d.scalars[d.references[0].scalar].Parts) == 1
	return !whole || d.file.isUnnamed()
}

// readAs reads the file in one format. It returns false if the file cannot be parsed in it.
func (d *Document) readAs(row *formatRow, src *format.Source) (_ Problems, parsed bool) {
	d.row, d.format = row, row.new()
	scalars, err := d.format.Scan(src)
	var refusal *format.Refusal
	switch {
	case err == nil:
		d.scalars = scalars
		problems := d.parseReferences(len(src.Regions))
		if problems == nil && !row.inert {
			d.findTemplates(src.Regions)
		}
		return problems, true
	case errors.As(err, &refusal):
		return Problems{{Pos: d.newLines().position(refusal.Offset), Err: refusal.Err}}, true
	}
	return d.parseProblem(err), false
}

// HintParse is the hint for a file that cannot be parsed. It names a flag that not every caller has.
const HintParse = "correct the file; if another tool fills it in later, use --file-format template"

// parseProblem returns the problem of a file that cannot be parsed in its format.
func (d *Document) parseProblem(err error) Problems {
	p := &format.ParseError{}
	errors.As(err, &p)
	reason := p.Reason
	if reason != "" {
		reason = ": " + reason
	}
	message := "the file has references and cannot be parsed as "
	if d.file.Format == FormatVariables {
		message = "the file cannot be parsed as " // ParseVariables refuses it also without references
	}
	hint := HintParse
	if d.file.Name == StandardInput && d.file.Format == FormatByName {
		hint = "correct the text, or name its format with --file-format: " + joinNames(Formats)
	}
	if d.file.format() == FormatJSON && d.canBeJSONC() {
		hint = "remove comments and trailing commas, or use --file-format jsonc for this file"
	}
	if d.nestedIn != nil {
		message = "the value of " + backend.Quote(d.nestedIn.name) + " has references and cannot be parsed as "
		hint = hintNested
	}
	problems := d.fileProblem(p.Offset, message+d.file.format().row().title+reason, hint)
	if p.Line > 0 {
		problems[0].Pos = d.position(p.Line, p.Column)
	}
	if p.Err != nil {
		problems[0].Err = p.Err
	}
	return problems
}

// canBeJSONC reports whether the file may be JSON with comments.
func (d *Document) canBeJSONC() bool {
	return bytes.Contains(d.file.Data, []byte("//")) || bytes.Contains(d.file.Data, []byte("/*")) ||
		bytes.Contains(d.file.Data, []byte(",\n"))
}

// fileProblem returns a problem that is not about an expression.
func (d *Document) fileProblem(offset int, message, hint string) Problems {
	return Problems{{
		Pos: d.newLines().position(offset),
		Err: backend.Errorf(backend.CodeInvalid, "%s", message).WithHint("%s", hint),
	}}
}

// checkCharacters reports what a parser would refuse without a position: a file that is too large, that is not UTF-8,
// or that holds characters that its format does not allow.
func (d *Document) checkCharacters() Problems {
	data := d.file.Data
	if len(data) > MaxFileBytes {
		problems := d.fileProblem(0, fmt.Sprintf("the file has references and %d bytes; the limit is %d", len(data),
			MaxFileBytes), "split the file")
		problems[0].Err.Code = backend.CodeTooLarge
		return problems
	}
	row := d.file.format().row()
	for i := 0; i < len(data); {
		r, n := rune(data[i]), 1
		if r >= ' ' && r < utf8.RuneSelf {
			i++
			continue
		}
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(data[i:])
		}
		switch {
		case r == utf8.RuneError && n == 1:
			return d.fileProblem(i, "the text has references and is not valid UTF-8", "convert it to UTF-8")
		case row != nil && row.forbids != nil && row.forbids(r):
			return d.fileProblem(i, "the file has references and a control character that "+row.title+
				" does not allow", `write the character as an escape in double quotes, such as "\x00"`)
		}
		i += n
	}
	return nil
}

// HoldsReference reports whether a text of an unknown format holds a reference in braces.
func HoldsReference(data []byte) bool {
	if !bytes.Contains(data, []byte("{{")) || !bytes.Contains(data, []byte(expr.Scheme)) && !expr.MayHoldCall(data) {
		return false
	}
	return slices.ContainsFunc(findRegions(data), func(r format.Region) bool {
		return isReference(&r, string(data[r.Start:r.End]))
	})
}

// looksUTF16 reports whether data is UTF-16 and holds double braces. The search for references reads UTF-8 only, and
// would silently miss them.
func looksUTF16(data []byte) bool {
	if len(data) < 2 {
		return false
	}
	switch string(data[:2]) {
	case "\xff\xfe":
		return bytes.Contains(data, []byte("{\x00{\x00"))
	case "\xfe\xff":
		return bytes.Contains(data, []byte("\x00{\x00{"))
	}
	return false
}

// joinNames joins formats or dialects for a message.
func joinNames[S ~string](list []S) string {
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}
