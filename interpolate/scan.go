// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

// File is a text with a name. The name appears in positions, and selects the format if Format is FormatByName. No
// file is opened.
type File struct {
	Name    string
	Data    []byte
	Format  Format
	Dialect Dialect
}

// Document holds the references of one file. A YAML file with several YAML documents is one Document.
type Document struct {
	file           File
	parserInput    []byte // the file with placeholders, as the parser reads it; nil if the file has no references
	delimiters     delimiters
	outline        *outline // of parserInput; nil if it has no outline and was parsed
	roots          []*yaml.Node
	scalars        []scalar // the scalars with references, in the order of the file
	warnings       []Problem
	alwaysParse    bool      // do not use an outline
	syntax         syntax    // nil for YAML, text and templates
	isText         bool      // the file has no strings: it is plain text or a template
	isTemplate     bool      // another tool still has to fill the file in
	templateNotice string    // why the file counts as a template, for problems
	templates      templates // the syntaxes of other tools that remain in the file
}

// Scan reads the references of one file, without a backend. Its error is Problems, and lists every problem of the
// file.
func Scan(f File) (*Document, error) {
	d := &Document{file: f}
	if problems := d.scan(); len(problems) > 0 {
		return nil, problems
	}
	return d, nil
}

// Reference is one position at which a file refers to an entry or an environment variable.
type Reference struct {
	Pos        Position
	Expression string // as written, including "{{" and "}}"
	expr.Reference
}

// References returns the references in the file, in the order of the file.
func (d *Document) References() []Reference {
	var out []Reference
	for p := range d.expressions() {
		for _, r := range p.expr.References() {
			out = append(out, Reference{p.pos, p.text, r})
		}
	}
	return out
}

// expressions yields the parts that are references, in order.
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

// Warnings returns the positions that look like a misspelled reference: a call with a typing error, or a URI with
// text after it. Render leaves them unchanged, because they may belong to another tool.
func (d *Document) Warnings() []Problem { return d.warnings }

func (d *Document) scan() Problems {
	data := d.file.Data
	if looksUTF16(data) {
		return d.fileProblem(0, "the file is UTF-16, which is not supported", "save the file as UTF-8")
	}
	if d.file.Dialect != DialectNone && !slices.Contains(Dialects, d.file.Dialect) {
		return d.fileProblem(0, fmt.Sprintf("dialect %s is not supported", backend.Quote(string(d.file.Dialect))),
			"use one of "+joinNames(Dialects))
	}
	hasURI := bytes.Contains(data, []byte(expr.Scheme)) ||
		d.file.Dialect == DialectAtlas && bytes.Contains(data, []byte(atlasSign))
	if !hasURI && (!bytes.Contains(data, []byte("{{")) || !d.alwaysParse && !expr.MayHoldCall(data)) {
		return nil
	}
	regions := findRegions(data)
	mayRefer, hasNearMiss := hasURI, false
	for _, r := range regions {
		mayRefer = mayRefer || r.mentionsCall
		if !mayRefer && !r.control && !hasNearMiss {
			written, _ := expr.NearMiss(string(data[r.start+2 : r.end-2]))
			hasNearMiss = written != ""
		}
	}
	if !mayRefer && !hasNearMiss {
		return nil
	}
	problems := d.checkCharacters()
	if problems == nil {
		problems = d.readFormat(regions)
	}
	if problems == nil {
		d.findTemplates(regions)
	}
	if !mayRefer {
		return nil // a file without references does not have to be valid
	}
	return problems
}

// readFormat reads the file in its format.
func (d *Document) readFormat(regions []region) Problems {
	format := d.file.format()
	switch format {
	case FormatText, FormatTemplate:
		d.isText, d.isTemplate = true, format == FormatTemplate
		d.templateNotice = "the file is a template"
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
		return d.fileProblem(0, fmt.Sprintf("format %s is not supported", backend.Quote(string(format))),
			"use one of "+joinNames(Formats))
	}
	problems, err := d.readSyntax(regions)
	if err != nil {
		return d.retryAsTemplate(regions, d.formatProblem(err))
	}
	return problems
}

// retryAsTemplate reads a file that cannot be parsed as a template. It does so only if the file holds foreign
// expressions and the caller named no format. Otherwise it returns the problems of the parse.
func (d *Document) retryAsTemplate(regions []region, problems Problems) Problems {
	foreign := func(r region) bool { return !r.mentionsCall && !r.unclosed }
	if d.file.Format != FormatByName || !slices.ContainsFunc(regions, foreign) {
		return problems
	}
	d.syntax, d.isText, d.isTemplate = nil, true, true
	d.templateNotice = fmt.Sprintf("the file is a template that cannot be parsed as %s yet (line %d)",
		d.file.format().name(), problems[0].Pos.Line)
	return d.readText(regions)
}

// HintParse is the hint for a file that cannot be parsed. It names a flag that not every caller has.
const HintParse = "correct the file; if another tool fills it in later, use --file-format template"

// fileProblem returns a problem that is not about an expression.
func (d *Document) fileProblem(offset int, message, hint string) Problems {
	return Problems{{
		Pos: newLineCounter(d.file).position(offset),
		Err: backend.Errorf(backend.CodeInvalid, "%s", message).WithHint("%s", hint),
	}}
}

// checkCharacters reports what a parser would refuse without a position: a file that is too large, that is not UTF-8,
// or that holds characters that YAML does not allow.
func (d *Document) checkCharacters() Problems {
	data := d.file.Data
	if len(data) > MaxFileBytes {
		problems := d.fileProblem(0, fmt.Sprintf("the file has references and %d bytes; the limit is %d", len(data),
			MaxFileBytes), "split the file")
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
			return d.fileProblem(i, "the text has references and is not valid UTF-8", "convert it to UTF-8")
		case isYAML && (r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff):
			return d.fileProblem(i, "the file has references and a control character that YAML does not allow",
				`write the character as an escape in double quotes, such as "\x00"`)
		}
		i += n
	}
	return nil
}

// setDelimiters chooses the delimiters for the file.
func (d *Document) setDelimiters() Problems {
	var ok bool
	if d.delimiters, ok = chooseDelimiters(d.file.Data); !ok {
		return d.fileProblem(0, "the file has references and nearly all letters from U+0100 to U+07FF",
			"split the file")
	}
	return nil
}

// joinNames joins formats or dialects for a message.
func joinNames[S ~string](list []S) string {
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}
