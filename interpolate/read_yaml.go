// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"errors"
	"io"
	"maps"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// A view decides which regions of a file become placeholders. The right choice cannot be known: a foreign expression
// can be a value or a control statement, and braces can be YAML's own. The first view in which the file parses is
// used. The check of the result is the same in every view.
type view struct {
	showControl   bool // control statements become text instead of comments
	showMultiline bool // regions that span lines stay as they are
	showForeign   bool // foreign expressions stay as they are
}

var views = []view{
	{}, {showControl: true}, {showMultiline: true}, {showMultiline: true, showControl: true},
	{showForeign: true}, {showForeign: true, showMultiline: true},
}

// hiddenRegions returns the regions that become placeholders. A region that spans lines and stays as it is counts as
// unclosed, so that a reference in it is reported and never left in the file silently.
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

// readYAML parses the file as YAML, and collects the scalars with references. It returns an error if the file is not
// YAML in any view.
func (d *Document) readYAML(regions []region) (Problems, error) {
	if problems := d.setDelimiters(); problems != nil {
		return problems, nil
	}
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

// errUnpairedBraces is the error of a view that takes two braces for a pair although they are not within one value.
var errUnpairedBraces = errors.New("unpaired braces")

// readYAMLView parses the file in one view. It returns an error if the view is wrong. If a region that spans lines
// turns out to be foreign, hiding it was wrong: the file is then read again, and that region stays as it is.
func (d *Document) readYAMLView(v view, regions []region) (Problems, error) {
	foreign := map[int]bool{}
	for range maxCorrections {
		hidden := v.hiddenRegions(regions, foreign)
		input := insertPlaceholders(d.file.Data, hidden, d.delimiters)
		w := walker{doc: d, regions: hidden, locator: newLocator(input), lines: newLineCounter(d.file)}
		d.parserInput, d.roots, d.scalars, d.warnings = input, nil, nil, nil
		if !w.useOutline() {
			roots, err := parseYAML(input)
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

// yamlProblem returns the problem of a file that has references and is not YAML.
func (d *Document) yamlProblem(err error) Problems {
	pos := Position{d.file.Name, 1, 1}
	reason := ""
	var load *yaml.LoadError
	if errors.As(err, &load) {
		reason = ": " + load.Message
		if load.Mark.Line > 0 {
			pos.Line, pos.Column = load.Mark.Line, max(1, load.Mark.Column)
		}
	}
	if errors.Is(err, errTooDeep) {
		return tooDeep(pos)
	}
	return Problems{{Pos: pos, Err: backend.Errorf(backend.CodeInvalid,
		"the file has references and cannot be parsed as YAML%s", reason).WithHint("%s", HintParse)}}
}

// parseYAML parses every document of a text to nodes. It does not decode to Go values: that would follow aliases, and
// take quadratic time for a wide mapping.
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
