// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// sampleLines are lines that an outline accepts, and lines that it must reject.
var sampleLines = []string{
	"a:", "a: b", "  b: 1 # c", "  c: 'it''s'", "- x", "-", "  - y: z", "    w: \"\\x70ouncet://-/-/s\"", "- - - x",
	"a: |", "    text", "  text", "a: >+ # c", "",
	"  ", "# c", "   # c", "---", "--- # c", "...", "a: [x, 'y', \"z\"]", "a: []", "a: b: c", "a: 'b'c",
	"a: \"b\" \"c\"", "a: &x b", "a: *x", "? a", "a: -", "a: - b",
	"a: b #", "a: b#c", "a: # c", "a:b", "\"a\": b", "<<: b", "a: |2-", "a: %b", "a: @b", "a: !x b", "a: {b: c}",
	"a: 'b", "  c'", "a: \"b", "a: ...", "a: ---",
	"-  a: b", "   c: d", "- # c", "  a: b", " a: b", "%YAML 1.2", "a: é", "é: a", "a: \u2028", "a: b\r", "a:\tb",
	"a: $x", "a: ~", "a: [x, {{ y }}]", "a: :b", "a: b:",
	"a: {{ get_secret_value('s') }}", "  a: \"x {{ get_secret_value('s') }} y\" # c",
	"- '{{ get_secret_value(''s'') }}'", "  text {{ get_secret_value('s') }}",
	"a: pouncet://-/-/s", "- \"pouncet://-/-/s\"", "a: {{ get_secret_value('s') | int }}",
	"{{ get_secret_value('s') }}: a", "# {{ get_secret_value('s') }}",
	"a: {{ GET_VALU\t\u00a0('s') }}", "a: {{ get_value }}", "a: {{ env_vra (x) }}", "a: {{ f(1) }} (",
	"a: {{ x.json_val('s') }}",
	"a: {{ .Values.x }} {{ get_secret_value('s') }}", "a: {{ get_secret_valeu('s') }}", "{{- if x }}",
	"a: {{ get_secret_value('s'", "a: ${{ get_secret_value('s') }}",
	"- \"{{ get_secret_value(\\\"s\\\") }}\"", "a: {{ get_secret_value('nobody') }}",
	"a: [\"{{ get_secret_value('s') }}\"]", "a: pouncet://-/-/s b", "a: '#{{ get_secret_value(''s'') }}'",
}

func seedLines(f *testing.F, add func(text string)) {
	f.Helper()
	inputs, _ := filepath.Glob("testdata/*.in.yaml")
	for _, path := range inputs {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		add(string(data))
	}
	for _, line := range sampleLines {
		add("a:\n" + line)
	}
	add(strings.Join(sampleLines, "\n"))
}

// TestOutlineOfLinePairs checks the laws of the two fuzz tests below for every pair of lines.
func TestOutlineOfLinePairs(t *testing.T) {
	outlined := 0
	for i, first := range sampleLines {
		for j, second := range sampleLines {
			for _, text := range []string{first + "\n" + second + "\n", "a:\n" + first + "\n" + second + "\nb: c"} {
				if newOutline([]byte(text)) != nil {
					outlined++
				}
				checkOutline(t, text)
				checkSameAsParser(t, text, hardInputs[(i+j)%len(hardInputs)], Missing((i+j)%3))
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
	seedLines(f, func(text string) { f.Add(text) })
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
	roots, err := parseYAML([]byte(text))
	if err != nil {
		t.Fatalf("%q has an outline and cannot be parsed: %v", text, err)
	}
	finder := newLocator([]byte(text))
	var got []string
	for _, root := range roots {
		got = append(got, "document")
		describe(finder, root, &got)
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

// runResult is everything that a run of one file returns.
type runResult struct {
	Data     string
	Problems []string
	Warnings []string
	Refs     []Reference
}

func runFile(text, value string, missing Missing, parse bool) (runResult, *Document) {
	d := &Document{file: File{Name: "f", Data: []byte(text)}, alwaysParse: parse}
	var out runResult
	problems := d.scan()
	if len(problems) == 0 {
		out.Refs = d.References()
		v, err := resolveAll(context.Background(), secretS(value), []*Document{d},
			Options{Project: "p", Environment: "e", Missing: missing})
		if err != nil {
			return runResult{Data: err.Error()}, d
		}
		var data []byte
		data, problems = d.fill(v)
		out.Data = string(data)
	}
	for _, p := range problems {
		out.Problems = append(out.Problems, fmt.Sprintf("%s %+v", p.Error(), *p.Err))
	}
	for _, p := range d.warnings {
		out.Warnings = append(out.Warnings, p.Error())
	}
	return out, d
}

// secretS is a resolver with one secret, named s.
type secretS string

func (o secretS) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out := make([]backend.Resolution, len(refs))
	for i, r := range refs {
		if r.Name == "s" {
			out[i].Value = backend.PlaintextString(string(o))
		} else {
			out[i].Err = backend.Errorf(backend.CodeNotFound, "the secret does not exist")
		}
	}
	return out, nil
}

// FuzzOutlineRendersLikeParser checks that a file has the same result, problems and warnings, whether it is read
// through its outline or parsed.
func FuzzOutlineRendersLikeParser(f *testing.F) {
	n := 0
	seedLines(f, func(text string) {
		n++
		f.Add(text, hardInputs[n%len(hardInputs)], uint8(n))
	})
	f.Fuzz(func(t *testing.T, text, value string, missing uint8) {
		checkSameAsParser(t, text, value, Missing(missing%3))
	})
}

// hardInputs are values that have a meaning in YAML.
var hardInputs = []string{"v", "1", "a: b # c", "\n", "'\"\\", " x ", "-", "|", "\u2028é\x00", "null", ""}

func checkSameAsParser(t *testing.T, text, value string, missing Missing) {
	fast, _ := runFile(text, value, missing, false)
	slow, _ := runFile(text, value, missing, true)
	if !reflect.DeepEqual(fast, slow) {
		t.Fatalf("%q with %q, %d:\nby its outline %+v\nby the parser  %+v", text, value, missing, fast, slow)
	}
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
		for _, value := range []string{"12", "-1"} {
			out, d := runFile(text, value, MissingError, false)
			if d.outline == nil || d.roots != nil || len(out.Problems) > 0 || !strings.Contains(out.Data, value) {
				t.Errorf("%q is parsed: %+v", text, out)
			}
		}
	}
}

// TestWrongSpliceOfOutlineIsDetected breaks the splice of a file with an outline. Render must then parse the file,
// and return the correct result.
func TestWrongSpliceOfOutlineIsDetected(t *testing.T) {
	const text = "a: {{ get_secret_value('s') }}\nb: c\nd: |\n  e {{ get_secret_value('s') }}\nf: '{{ " +
		"get_secret_value(''s'') }}'\ng: \"x{{ get_secret_value('s') }}\"\n"
	const value = "secret-canary: x"
	want, _ := runFile(text, value, MissingError, true)
	for name, sabotage := range map[string]func(d *Document){
		"begins too soon":     func(d *Document) { d.scalars[2].start-- },
		"ends too soon":       func(d *Document) { d.scalars[2].end-- },
		"ends too late":       func(d *Document) { d.scalars[0].end++ },
		"replaces a line":     func(d *Document) { d.scalars[2].start -= len("f: ") },
		"part ends too soon":  func(d *Document) { d.scalars[3].parts[1].end-- },
		"block ends too late": func(d *Document) { d.scalars[1].parts[1].end++ },
		"wrong value":         func(d *Document) { d.scalars[2].node = d.scalars[0].node },
		"wrong style":         func(d *Document) { d.scalars[3].block = true },
		"lost row":            func(d *Document) { d.outline.rows = d.outline.rows[:3] },
		"stops being YAML":    func(d *Document) { d.parserInput = append(d.parserInput, "]: x"...) },
		"becomes longer":      func(d *Document) { d.parserInput = append(d.parserInput, "h: x"...) },
	} {
		t.Run(name, func(t *testing.T) {
			d := &Document{file: File{Name: "f", Data: []byte(text)}}
			if problems := d.scan(); len(problems) > 0 || d.outline == nil {
				t.Fatal(problems)
			}
			v, err := resolveAll(t.Context(), secretS(value), []*Document{d}, Options{Project: "p", Environment: "e"})
			if err != nil {
				t.Fatal(err)
			}
			sabotage(d)
			if data, problems := d.fill(v); len(problems) > 0 || string(data) != want.Data {
				t.Errorf("got %q, %v; want %q", data, problems, want.Data)
			}
		})
	}
}
