// SPDX-License-Identifier: MPL-2.0

package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// sampleLines returns lines that an outline accepts, and lines that it must reject. The tests of package interpolate
// read the same file.
func sampleLines(tb testing.TB) []string {
	tb.Helper()
	data, err := os.ReadFile("testdata/lines.txt")
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for quoted := range strings.Lines(string(data)) {
		line, err := strconv.Unquote(strings.TrimSuffix(quoted, "\n"))
		if err != nil {
			tb.Fatal(quoted, err)
		}
		out = append(out, line)
	}
	return out
}

// TestOutlineOfLinePairs checks the law of the fuzz test below for every pair of lines.
func TestOutlineOfLinePairs(t *testing.T) {
	lines, outlined := sampleLines(t), 0
	for _, first := range lines {
		for _, second := range lines {
			for _, text := range []string{first + "\n" + second + "\n", "a:\n" + first + "\n" + second + "\nb: c"} {
				if newOutline([]byte(text)) != nil {
					outlined++
				}
				checkOutline(t, text)
			}
		}
	}
	if outlined < 1000 {
		t.Errorf("only %d of the texts have an outline", outlined)
	}
}

// FuzzOutline checks that a text with an outline is YAML, and that the parser sees the same values and the same
// blocks as the outline.
func FuzzOutline(f *testing.F) {
	inputs, _ := filepath.Glob("../../testdata/*.in.yaml")
	if len(inputs) == 0 {
		f.Fatal("no inputs")
	}
	for _, path := range inputs {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	lines := sampleLines(f)
	for _, line := range lines {
		f.Add("a:\n" + line)
	}
	f.Add(strings.Join(lines, "\n"))
	f.Fuzz(checkOutline)
}

func checkOutline(t *testing.T, text string) {
	o := newOutline([]byte(text))
	if o == nil {
		return
	}
	want, ok := describeOutline(o)
	if !ok {
		return // an escape is not valid
	}
	roots, err := parse([]byte(text))
	if err != nil {
		t.Fatalf("%q has an outline and cannot be parsed: %v", text, err)
	}
	located := newLocator([]byte(text))
	var got []string
	for _, root := range roots {
		got = append(got, "document")
		describe(located, root, &got)
	}
	if !slices.Equal(want, got) {
		t.Fatalf("%q:\nthe outline says %q\nthe parser says  %q", text, want, got)
	}
}

// describe lists what the parser sees: documents, keys and items with their columns, and values with their extents.
func describe(f *locator, n *yaml.Node, out *[]string) {
	switch n.Kind {
	case yaml.DocumentNode:
		for _, c := range n.Content {
			describe(f, c, out)
		}
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			k := n.Content[i]
			*out = append(*out, fmt.Sprintf("key %s at %d of %d", k.Value, k.Column, n.Column))
			describe(f, n.Content[i+1], out)
		}
	case yaml.SequenceNode:
		if n.Style&yaml.FlowStyle != 0 {
			at, _ := f.offset(n.Line, n.Column)
			*out = append(*out, fmt.Sprintf("value at %d", at))
			return
		}
		for _, c := range n.Content {
			*out = append(*out, fmt.Sprintf("item at %d", n.Column))
			describe(f, c, out)
		}
	case yaml.ScalarNode:
		if n.Value == "" && n.Style == 0 {
			return // there is no value
		}
		e, ok := f.extent(n)
		if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			e.end = e.start // whether trailing lines belong to the scalar depends on its header
		}
		if !ok {
			*out = append(*out, "a value that cannot be located")
		}
		*out = append(*out, fmt.Sprintf("value at %d to %d %s %q", e.start, e.end, n.Tag, n.Value))
	}
}

// describeOutline lists the same for an outline. It returns false if a value is not valid.
func describeOutline(o *outline) ([]string, bool) {
	var out []string
	if len(o.rows) > 0 && string(o.prefix(&o.rows[0])) != "---" {
		out = append(out, "document")
	}
	for i := range o.rows {
		r := &o.rows[i]
		head := o.prefix(r)
		if string(head) == "---" {
			out = append(out, "document")
			continue
		}
		i := countSpaces(head)
		for ; isDash(head[i:]); i += 1 + countSpaces(head[i+1:]) {
			out = append(out, fmt.Sprintf("item at %d", i+1))
		}
		if key := bytes.TrimRight(head[i:], ": "); len(key) > 0 {
			out = append(out, fmt.Sprintf("key %s at %d of %d", key, i+1, i+1))
		}
		switch {
		case r.start == r.end:
		case r.style == yaml.FlowStyle:
			out = append(out, fmt.Sprintf("value at %d", r.start))
		default:
			value, tag, ok := o.decode(r)
			if !ok {
				return nil, false
			}
			end := r.end
			if r.style == yaml.LiteralStyle {
				end = r.start
			}
			out = append(out, fmt.Sprintf("value at %d to %d %s %q", r.start, end, tag, value))
		}
	}
	return out, true
}

// braces matches the regions of the texts below.
var braces = regexp.MustCompile(`\{\{.*?\}\}`)

// scanText scans a text. Every region that calls get_secret_value is a reference.
func scanText(t *testing.T, text string, thorough bool) *file {
	t.Helper()
	src := &format.Source{
		Data: []byte(text), Prefixes: []string{"pouncet://"}, Thorough: thorough,
		Trims: func(*format.Region, string) (before, after bool) { return false, false },
	}
	for _, at := range braces.FindAllStringIndex(text, -1) {
		src.Regions = append(src.Regions, format.Region{Start: at[0], End: at[1]})
	}
	f := New().(*file)
	scalars, err := f.Scan(src)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	for _, s := range scalars {
		for i := range s.Parts {
			s.Parts[i].Reference = s.Unbraced || strings.Contains(s.Parts[i].Text, "get_secret_value")
		}
	}
	return f
}

// fillText writes a value for every reference.
func fillText(t *testing.T, f *file, value string, typ format.Type) (edits []format.Edit) {
	t.Helper()
	for i, s := range f.scalars {
		values := make([]format.Value, len(s.Parts))
		for j, p := range s.Parts {
			values[j] = format.Value{Type: typ, Text: value, Replaces: p.Reference}
		}
		if !slices.ContainsFunc(values, func(v format.Value) bool { return v.Replaces }) {
			continue
		}
		var err error
		if out, problem := f.Write(edits, i, values); problem == nil {
			edits = out
		} else {
			err = problem
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return edits
}

// TestCommonFilesHaveOutlines checks that common files are not parsed, for speed.
func TestCommonFilesHaveOutlines(t *testing.T) {
	for _, text := range []string{
		"# c\nversion: 0.1.1\ndefault:\n  # PostgreSQL\n  HOST: \"{{ get_secret_value('s') }}\"\n  PORT: 5432\n",
		"a:\n- b: {{ get_secret_value('s') }} # c\n  c: |-\n    x\n\n    y {{ get_secret_value('s') }}\n- d\ne: " +
			"['x', y]\n",
		"---\na: '{{ get_secret_value(''s'') }}'\n---\n- pouncet://-/-/s\n- \"url: é {{ get_secret_value('s') | " +
			"urlencode }}\\n\"\n",
		"a: {{ get_secret_value('s') | int }}\nb: ${{ github.token }}\nc: {{ .Values.x }}\n",
	} {
		for value, typ := range map[string]format.Type{"12": format.Int, "-1": format.String} {
			f := scanText(t, text, false)
			edits := fillText(t, f, value, typ)
			if f.outline == nil || f.roots != nil || f.Compare(edits) != nil ||
				!strings.Contains(string(format.Splice([]byte(text), edits)), value) {
				t.Errorf("%q is parsed", text)
			}
		}
	}
}

// TestWrongSpliceOfOutlineIsDetected breaks the splice of a file with an outline. Compare must then be undecided,
// unless the result is correct all the same.
func TestWrongSpliceOfOutlineIsDetected(t *testing.T) {
	const text = "a: {{ get_secret_value('s') }}\nb: c\nd: |\n  e {{ get_secret_value('s') }}\nf: '{{ " +
		"get_secret_value(''s'') }}'\ng: \"x{{ get_secret_value('s') }}\"\n"
	const value = "secret-canary: x"
	right := scanText(t, text, true)
	want := string(format.Splice([]byte(text), fillText(t, right, value, format.String)))
	for name, sabotage := range map[string]func(f *file){
		"begins too soon":     func(f *file) { f.scalarPositions[2].start-- },
		"ends too soon":       func(f *file) { f.scalarPositions[2].end-- },
		"ends too late":       func(f *file) { f.scalarPositions[0].end++ },
		"replaces a line":     func(f *file) { f.scalarPositions[2].start -= len("f: ") },
		"part ends too soon":  func(f *file) { f.scalars[3].Parts[1].Region.End-- },
		"block ends too late": func(f *file) { f.scalars[1].Parts[1].Region.End++ },
		"wrong value":         func(f *file) { f.scalarPositions[2].node = f.scalarPositions[0].node },
		"wrong style":         func(f *file) { f.scalarPositions[3].block = true },
		"lost row":            func(f *file) { f.outline.rows = f.outline.rows[:3] },
		"stops being YAML":    func(f *file) { f.input = append(f.input, "]: x"...) },
		"becomes longer":      func(f *file) { f.input = append(f.input, "h: x"...) },
	} {
		t.Run(name, func(t *testing.T) {
			f := scanText(t, text, false)
			if f.outline == nil {
				t.Fatal("the text has no outline")
			}
			sabotage(f)
			edits := fillText(t, f, value, format.String)
			if err := f.Compare(edits); err == nil {
				if got := string(format.Splice([]byte(text), edits)); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			} else if !errors.Is(err, format.ErrUndecided) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestWrongSpliceIsRefused breaks the splice of a parsed file in every way that a bug could. Compare must report a
// difference, without a value.
func TestWrongSpliceIsRefused(t *testing.T) {
	const text = "a: {{ get_secret_value('s') }}\nb: c\nd: |\n  e\nf: '{{ get_secret_value(''s'') }}'\n"
	for name, sabotage := range map[string]func(f *file){
		"no change":       nil,
		"begins too soon": func(f *file) { f.scalarPositions[1].start-- },
		"ends too soon":   func(f *file) { f.scalarPositions[1].end-- },
		"ends too late":   func(f *file) { f.scalarPositions[0].end++ },
		"replaces a line": func(f *file) { f.scalarPositions[1].start -= len("f: ") },
		"wrong value": func(f *file) {
			f.scalarPositions[1].node.Value, f.scalarPositions[1].node = "x", f.roots[0].Content[0].Content[3]
		},
		"wrong tag":        func(f *file) { f.roots[0].Content[0].Tag = "!x" },
		"wrong anchor":     func(f *file) { f.roots[0].Content[0].Anchor = "x" },
		"lost node":        func(f *file) { m := f.roots[0].Content[0]; m.Content = m.Content[:6] },
		"lost document":    func(f *file) { f.roots = append(f.roots, f.roots[0]) },
		"stops being YAML": func(f *file) { f.input = append(f.input, "]: secret-canary"...) },
	} {
		t.Run(name, func(t *testing.T) {
			f := scanText(t, text, true)
			if sabotage != nil {
				sabotage(f)
			}
			edits := fillText(t, f, "secret-canary: x", format.String)
			err := f.Compare(edits)
			if sabotage == nil {
				if data := string(format.Splice([]byte(text), edits)); err != nil ||
					strings.Count(data, "secret-canary") != 2 {
					t.Fatalf("got %s, %v", data, err)
				}
				return
			}
			var difference *format.Difference
			if !errors.As(err, &difference) || difference.Line == 0 || strings.Contains(err.Error(), "canary") {
				t.Errorf("got %v", err)
			}
		})
	}
}
