// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Limits. They bound what one file can cost; a file without references is
// passed through whatever its size.
const (
	MaxFileBytes       = 128 << 20 // of a file that holds references
	MaxExpressionBytes = 4096      // between "{{" and "}}"
)

// File is a named text. The name is for messages, and says the format where
// Format does not: nothing is opened.
type File struct {
	Name    string
	Data    []byte
	Format  Format
	Dialect Dialect
}

// Document is a file that has been read for references. It may hold several
// YAML documents.
type Document struct {
	file           File
	parserInput    []byte // what the parser saw; nil if nothing in the file is ours
	delimiters     delimiters
	outline        *outline // of masked, if it has one; then there are no roots
	roots          []*yaml.Node
	scalars        []scalar // those that hold references, in the order of the file
	warnings       []Problem
	alwaysParse    bool   // take no short cut: parse the file, whatever it looks like
	syntax         syntax // nil for YAML
	isText         bool   // it is text, in which nothing has quotes
	isTemplate     bool   // text that will be some format, but is not yet
	templateNotice string // why it is taken for a template
}

// Scan reads one file for references, without a backend. Its error is Problems,
// and lists everything that is wrong with the file.
func Scan(f File) (*Document, error) {
	d := &Document{file: f}
	if problems := d.scan(); len(problems) > 0 {
		return nil, problems
	}
	return d, nil
}

// References are what the file refers to, in the order of the file.
func (d *Document) References() []Reference {
	var out []Reference
	for p := range d.expressions() {
		for _, r := range p.expr.References() {
			r.Pos, r.Expression = p.pos, p.text
			out = append(out, r)
		}
	}
	return out
}

// expressions are the parts of the file's scalars that are ours, in order.
func (d *Document) expressions() iter.Seq[*part] {
	return func(yield func(*part) bool) {
		for i := range d.scalars {
			parts := d.scalars[i].parts
			for j := range parts {
				if parts[j].expr != nil && !yield(&parts[j]) {
					return
				}
			}
		}
	}
}

// Warnings returns the positions that look like a misspelled reference: a call with a typing error, or a URI with text
// behind it. Render leaves them unchanged, because they may belong to another tool.
func (d *Document) Warnings() []Problem { return d.warnings }

func (d *Document) scan() Problems {
	data := d.file.Data
	if looksUTF16(data) {
		return d.fileProblem(0, "the file is UTF-16, in which references are not found", "save it as UTF-8")
	}
	switch d.file.Dialect {
	case DialectNone, DialectMage, DialectAtlas:
	default:
		return d.fileProblem(0, backend.Quote(string(d.file.Dialect))+" is not a dialect", "there are: mage, atlas")
	}
	uris := bytes.Contains(data, []byte(uriScheme)) || d.file.Dialect == DialectAtlas && bytes.Contains(data, []byte(atlasSign))
	if !uris && (!bytes.Contains(data, []byte("{{")) || !d.alwaysParse && !mayHoldCall(data)) {
		return nil
	}
	regions := findRegions(data)
	ours, suspicious := uris, false
	for _, r := range regions {
		ours = ours || r.mentionsCall
		if !ours && !r.control && !suspicious {
			found, _ := nearMiss(string(data[r.start+2 : r.end-2]))
			suspicious = found != ""
		}
	}
	if !ours && !suspicious {
		return nil
	}
	if problems := d.checkCharacters(); problems != nil {
		return ignoreWithoutReferences(problems, ours)
	}
	return ignoreWithoutReferences(d.readFormat(regions), ours)
}

// readAny reads the file as what it is.
func (d *Document) readFormat(regions []region) Problems {
	format := d.file.format()
	switch format {
	case FormatText, FormatTemplate:
		d.isText, d.isTemplate = true, format == FormatTemplate
		d.templateNotice = "this is a template"
		return d.readText(regions)
	case FormatYAML:
		problems, err := d.readYAML(regions)
		if err != nil {
			return d.retryAsTemplate(regions, d.yamlProblem(err))
		}
		return problems
	}
	d.syntax = syntaxOf(format)
	if d.syntax == nil {
		return d.fileProblem(0, backend.Quote(string(format))+" is not a format", "there are: "+formatNames())
	}
	problems, err := d.readSyntax(regions)
	if err != nil {
		return d.retryAsTemplate(regions, d.formatProblem(err))
	}
	return problems
}

// orTemplate reads a file as a template that is not what its name says, if
// others have a part in it and nobody insists on the format. Otherwise the file
// is broken, which is told.
func (d *Document) retryAsTemplate(regions []region, problems Problems) Problems {
	foreign := func(r region) bool { return !r.mentionsCall && !r.unclosed }
	if d.file.Format != FormatByName || !slices.ContainsFunc(regions, foreign) {
		return problems
	}
	d.syntax, d.isText, d.isTemplate = nil, true, true
	d.templateNotice = fmt.Sprintf("the file is a template, and no %s yet (line %d)", d.file.format().name(), problems[0].Pos.Line)
	return d.readText(regions)
}

// unlessForeign drops what is wrong with a file that holds nothing of ours: it
// need not be YAML, nor anything else.
func ignoreWithoutReferences(problems Problems, ours bool) Problems {
	if !ours {
		return nil
	}
	return problems
}

// whole is a problem with the file rather than with an expression.
func (d *Document) fileProblem(offset int, message, hint string) Problems {
	return Problems{{
		Pos: newLineCounter(d.file).position(offset),
		Err: backend.Errorf(backend.CodeInvalid, "%s", message).WithHint("%s", hint),
	}}
}

// readable checks what the parser would refuse without saying where.
func (d *Document) checkCharacters() Problems {
	data := d.file.Data
	if len(data) > MaxFileBytes {
		problems := d.fileProblem(0, fmt.Sprintf("the file holds references and is larger than %d MiB", MaxFileBytes>>20), "split it")
		problems[0].Err.Code = backend.CodeTooLarge
		return problems
	}
	isYAML := d.file.format() == FormatYAML
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
			return d.fileProblem(i, "the file holds references and is not UTF-8", "save it as UTF-8")
		case isYAML && (r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff):
			return d.fileProblem(i, "the file holds references and a control character that YAML does not allow", `write it as an escape in double quotes, as in "\x00"`)
		}
		i += n
	}
	return nil
}

// A view is a way to show a file to the parser. Which is the right one cannot
// be known: a template of others may be a value or a control statement, and
// braces may be YAML's own. The first one that is YAML is taken; the check of
// the result is the same whichever it was.
type view struct {
	showControl   bool // control statements are shown as text, not as comments
	showMultiline bool // what reaches across lines is shown as it is
	showForeign   bool // what others wrote is shown as it is
}

var views = []view{
	{}, {showControl: true}, {showMultiline: true}, {showMultiline: true, showControl: true}, {showForeign: true}, {showForeign: true, showMultiline: true},
}

// of chooses what to hide. An expression across lines that is not hidden as a
// whole is marked as unclosed, so that it is never left in the file in silence.
func (v view) hiddenRegions(regions []region, foreign map[int]bool) []region {
	out := make([]region, 0, len(regions))
	for _, r := range regions {
		if foreign[r.start] || v.showForeign && !r.mentionsCall {
			continue
		}
		if v.showMultiline && r.multiline {
			r = region{start: r.start, end: r.start + 2, mentionsCall: true, unclosed: true}
		}
		r.asComment = r.control && !v.showControl
		out = append(out, r)
	}
	return out
}

// read parses the file as YAML and finds the scalars that hold references. Its
// error says that it is none.
func (d *Document) readYAML(regions []region) (Problems, error) {
	m, ok := chooseDelimiters(d.file.Data)
	if !ok {
		return d.fileProblem(0, "the file holds references and nearly every letter of two bytes that there is", "split it"), nil
	}
	d.delimiters = m
	var first error
	for _, v := range views {
		problems, err := d.readYAMLView(v, regions)
		if err == nil {
			return problems, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// errAstray is the error of a view that hides something which is not within
// one value: it took braces for a pair that are none.
var errUnpairedBraces = errors.New("braces that are not a pair")

// readAs reads the file in one view; its error says that the view is wrong. What reaches
// across lines and turns out to be somebody else's was hidden in vain: the file
// is then read again with it in sight.
func (d *Document) readYAMLView(v view, regions []region) (Problems, error) {
	foreign := map[int]bool{}
	for range maxCorrections {
		shown := v.hiddenRegions(regions, foreign)
		masked := insertPlaceholders(d.file.Data, shown, d.delimiters)
		w := walker{doc: d, regions: shown, locator: newLocator(masked), lines: newLineCounter(d.file)}
		d.parserInput, d.roots, d.scalars, d.warnings = masked, nil, nil, nil
		if !w.useOutline() {
			roots, err := parseYAML(masked)
			if err != nil {
				return nil, err
			}
			d.roots, d.warnings = roots, nil
			w.walk()
		}
		switch {
		case w.unpaired:
			return nil, errUnpairedBraces
		case len(w.foreign) == 0:
			d.warnings = Problems(d.warnings).limited()
			return w.problems.limited(), nil
		}
		maps.Copy(foreign, w.foreign)
	}
	return nil, errUnpairedBraces
}

// notYAML is the problem of a file that holds references and does not parse.
func (d *Document) yamlProblem(err error) Problems {
	pos := Position{d.file.Name, 1, 1}
	message := "the file holds references and is not YAML"
	var load *yaml.LoadError
	if errors.As(err, &load) {
		message += ": " + load.Message
		if load.Mark.Line > 0 {
			pos.Line, pos.Column = load.Mark.Line, max(1, load.Mark.Column)
		}
	}
	if errors.Is(err, errTooDeep) {
		return tooDeep(pos)
	}
	return Problems{{Pos: pos, Err: backend.Errorf(backend.CodeInvalid, "%s", message).
		WithHint("mend it; or, if others fill it in later, read it as a template: --file-format template")}}
}

// parseYAML parses every document of a file, to nodes: never to Go values,
// which would follow aliases and take time quadratic in the width of a mapping.
func parseYAML(text []byte) ([]*yaml.Node, error) {
	depth := &nesting{}
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithPlugin(depth))
	if err != nil {
		return nil, err
	}
	var roots []*yaml.Node
	for {
		root := new(yaml.Node)
		switch err := loader.Load(root); {
		case errors.Is(err, io.EOF):
			return roots, nil
		case err != nil && depth.refused:
			return nil, errors.Join(errTooDeep, err)
		case err != nil:
			return nil, err
		}
		roots = append(roots, root)
	}
}
