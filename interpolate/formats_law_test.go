// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/magiconair/properties"
	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"go.yaml.in/yaml/v4"
	"gopkg.in/ini.v1"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// formatLaw is what the tests below need to know of a format. Every format of the table must have one.
type formatLaw struct {
	// line is a line that can stand in a file many times, with a number for %d and the reference for CALL.
	line string
	// head and tail are what must stand before and after the lines.
	head, tail string
	// texts are files with CALL for references.
	texts []string
	// read returns the tree of a text, as a reader outside the package sees it.
	read func(text string) (any, error)
	// supports reports whether that reader agrees with the format on a text and a value; nil if it always does.
	supports func(text, value string) bool
}

var formatLaws = map[interpolate.Format]formatLaw{
	interpolate.FormatYAML: {
		line: "a%d: CALL\n",
		texts: []string{
			"a: CALL\nb: \"x CALL\" # CALL\nc: 'y CALL'\nd: |\n  x\n  CALL\n  y\n", "a: &x CALL\nb: *x\n--- [CALL, {c: CALL}]\n",
			"- \"x\n  CALL\"\n- >\n  CALL\n", "CALL: 1", "a: {{ .Values.x }} CALL\n",
		},
		read: func(text string) (any, error) {
			roots, err := parseAll([]byte(text))
			var out []any
			for _, r := range roots {
				out = append(out, nodeTree(r))
			}
			return out, err
		},
	},
	interpolate.FormatJSON: {
		line: "{\"a%d\": \"CALL\"}\n",
		texts: []string{
			"{\"a\": \"CALL\", \"b\": [\"x CALL y\", CALL, 1.50, null, true], \"c\": {\"d\\u0041\": \"\\\"CALL\\\\\"}}",
			"\"CALL\"\n[]\n", "{\"CALL\": 1}", "\ufeff{\"a\": \"CALL\", \"a\": \"pouncet://-/-/s\"}\r\n", "[\"CALL]",
		},
		read: func(text string) (any, error) {
			var out []any
			for decoder := json.NewDecoder(strings.NewReader(text)); ; {
				var tree any
				if err := decoder.Decode(&tree); errors.Is(err, io.EOF) {
					return out, nil
				} else if err != nil {
					return nil, err
				}
				out = append(out, tree)
			}
		},
	},
	interpolate.FormatJSONC: {
		head: "[\n", line: "{\"a%d\": \"CALL\", /* c */}, // c\n", tail: "]\n",
		texts: []string{
			"{\"a\": \"CALL\", // CALL \"x\n \"b\": [\"x CALL y\", CALL, 1.50, /* ] */ null, true,], /* , */}\n// end",
			"// c\r\n\"CALL\"\r\n", "{\"CALL\": 1,}", "\ufeff{\"a\": \"CALL\", \"a\": \"pouncet://-/-/s\"}\r\n", "[\"CALL]",
			"[\"// CALL\", \"/* CALL\", \"*/\", \"\\\"CALL//\\\\\"/**/,]", "[,CALL]", "[CALL,,]", "{,}\"CALL\"", "/CALL/",
		},
		read: func(text string) (any, error) {
			plain, err := hujson.Standardize([]byte(text))
			if err != nil {
				return nil, err
			}
			var tree any
			err = json.Unmarshal(plain, &tree)
			return tree, err
		},
	},
	interpolate.FormatINI: {
		head: "[s]\n", line: "a%d = CALL\n",
		texts: []string{
			"a = CALL\nb: xCALL # CALL\n[s]\n; CALL\nc = \"CALL\"\n[t]\n\td = CALL\n\te = {{ x }}\n", "a=CALL=CALL\r\nb\r\n",
			"a = 1\n  CALL\n", "a = CALL\n  b = 1\n", "[CALL]\nCALL = 1\n", "\ufeffa = pouncet://-/-/s\nb =CALL y\nb = CALL",
			"a = `CALL\n", "a = \"\"\"CALL\nb = CALL\n", "a = CALL \\\nb = c\n",
		},
		read: readINIByLibrary,
	},
	interpolate.FormatTOML: {
		line: "a%d = \"CALL\"\n",
		texts: []string{
			"a = 'CALL'\nb = \"x CALL\" # CALL\nc = '''\nCALL'''\nd.\"e\" = [\"\"\"\n CALL \\\n  CALL\"\"\"\"]\n",
			"a = CALL\r\nb = {c = CALL, d = 1}\n",
			"[[a]]\nb = 1979-05-27 07:32:00\n[a.b]\nc = [CALL,\n # CALL\n CALL,]\n",
			"\ufeffa = \"pouncet://-/-/s\"\nb = \"\\u0041\\\"CALL\\\\\"\n", "[\"CALL\"]\n'CALL' = 1",
			"a = '''x: CALL\n'''\nb = CALL\n",
		},
		read: func(text string) (any, error) {
			var tree map[string]any
			err := toml.Unmarshal([]byte(text), &tree)
			return fillPlaceholders(tree, placeholder), err
		},
	},
	interpolate.FormatProperties: {
		line: "a%d=CALL\n",
		texts: []string{
			"a=CALL\nb : xCALL\nc CALL d\n# CALL\n e\\=\\ f = \\\n   CALL\\\n  CALL\n",
			"a=\\CALL\\u0041\\ud83d\\ude00 CALL\r\n! CALL\\\r\nb=\\\r\n CALL", "CALL=1", "a\\\nb=CALL",
			"a pouncet://-/-/s\nb==CALL\n:=CALL\n= CALL",
		},
		read: readPropertiesByLibrary,
		// The library differs from Java in lines that continue after CR, and in characters of two escapes.
		supports: func(text, value string) bool {
			return !strings.Contains(text, "\r") && !strings.Contains(text, `\u`) &&
				!strings.ContainsFunc(value, func(r rune) bool { return r > 0xffff })
		},
	},
	interpolate.FormatDotenv:    {line: "A%d=CALL\n", texts: dotenvTexts, read: readDotenvByLibrary},
	interpolate.FormatVariables: {line: "A%d=CALL\n", texts: dotenvTexts, read: readDotenvByLibrary},
	interpolate.FormatXML: {
		head: "<r>\n", line: "<a b='CALL' n=\"%d\">x CALL</a>\n", tail: "</r>\n",
		texts: []string{
			"<?xml version=\"1.0\"?>\n<!DOCTYPE r [<!ENTITY e \"CALL\">]>\n<r><!-- CALL --><?p CALL?>&e;CALL&lt;</r>\n",
			"\ufeff<?xml version='1.0' encoding='ISO-8859-1'?>\r\n<r><![CDATA[a\r\n]CALL]]]>CALL<![CDATA[CALL]]></r>",
			"<n:r xmlns:n='u' n:a = \"CALL\"\n b='pouncet://-/-/s'><c/>CALL></n:r>", "<r a='CALL'/>CALL", "<CALL/>",
			"<r CALL='x'>&#x41;CALL&amp;</r>", "<r>CALL</CALL>",
		},
		read: readXMLByLibrary,
	},
	interpolate.FormatHCL: {
		line: "a%d = \"CALL\"\n",
		texts: []string{
			"a = CALL\nb = \"x CALL\" # CALL\nc = [\"%CALL\", \"%CALL{x}\", CALL, 1.50, null, \"CALLCALL\"]\n",
			"a = <<EOT\n  x CALL y\n%CALL{\nCALL\nEOT\nb = {\n  c = <<-EOT\n    CALL\n      \"CALL\"\n    EOT\n}\n",
			"\ufeffa = \"pouncet://-/-/s\"\r\nb {\r\n  c = \"\\\"CALL\\\\\" // CALL\r\n}\r\n", "a = { \"CALL\" = 1 }\n",
			"b \"CALL\" {}\n", "CALL = 1\n", "a = \"$${CALL}\"\n", "a = \"%%CALL\"\nb = \"xCALL\\u0041{\"\n",
		},
		read: readHCLByLibrary,
	},
	interpolate.FormatText: {
		line:  "a%d CALL\n",
		texts: []string{"# CALL: \"CALL\"\n{{ x }}CALL", "CALL", "{% x %}\npouncet://-/-/s\nCALL\r\n"},
		read:  func(text string) (any, error) { return text, nil },
	},
	interpolate.FormatTemplate: {
		line: "a%d: \"CALL\"\n",
		texts: []string{
			"a: CALL\nb: \"x CALL\"\n# CALL\n{{ .x }}: CALL\n", "{% if x %}\n CALL\n{% endif %}\n", "a: pouncet://-/-/s\n",
			"\ufeff# CALL\nxCALL",
		},
		read: func(text string) (any, error) { // in comments, nothing is replaced
			var out []any
			for line := range strings.Lines(text) {
				if !strings.HasPrefix(strings.TrimLeft(line, "\ufeff \t"), "#") {
					out = append(out, line)
				}
			}
			return out, nil
		},
	},
}

var dotenvTexts = []string{
	"A=CALL\nexport B='CALL' # CALL\r\nC=\"x CALL\nCALL\"\n# CALL\nD = aCALL-$HOME\n",
	"A='a\\nCALL'\nA=CALL\nB=\"${A:-b}CALL\\\"\"\nC\n", "CALL=1\nA=pouncet://-/-/s\nB=~/CALL;x",
	"A=(\nB=`x\nC='\\'\nD='CALL'",
	"A=\"$HOME\\CALL\"\nB=\u00a0'CALL'\u0085", "A= #CALL\nB=a\t#CALL\nC=$$CALL",
}

func readDotenvByLibrary(text string) (any, error) {
	read, err := dotenv.ParseWithLookup(strings.NewReader(text),
		func(name string) (string, bool) { return "<" + name + ">", true })
	tree := map[string]any{}
	for k, v := range read {
		tree[k] = v
	}
	return tree, err
}

func readPropertiesByLibrary(text string) (any, error) {
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	read, err := loader.LoadBytes([]byte(text))
	if err != nil {
		return nil, err
	}
	tree := map[string]any{}
	for k, v := range read.Map() {
		tree[k] = v
	}
	return tree, nil
}

func readINIByLibrary(text string) (any, error) {
	read, err := ini.LoadSources(ini.LoadOptions{
		IgnoreInlineComment: true, IgnoreContinuation: true, PreserveSurroundedQuote: true, AllowBooleanKeys: true,
	}, []byte(text))
	if err != nil {
		return nil, err
	}
	tree := map[string]any{}
	for _, s := range read.Sections() {
		values := map[string]any{}
		for _, k := range s.Keys() {
			values[k.Name()] = k.Value()
		}
		tree[s.Name()] = values
	}
	return tree, nil
}

// readHCLByLibrary returns the values of a text without variables.
func readHCLByLibrary(text string) (any, error) {
	file, diagnostics := hclsyntax.ParseConfig([]byte(text), "f", hcl.InitialPos)
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}
	return hclBody(file.Body.(*hclsyntax.Body))
}

func hclBody(body *hclsyntax.Body) (any, error) {
	out := map[string]any{}
	for name, a := range body.Attributes {
		value, diagnostics := a.Expr.Value(nil)
		if diagnostics.HasErrors() {
			return nil, diagnostics
		}
		data, err := ctyjson.Marshal(value, value.Type())
		if err != nil {
			return nil, err
		}
		var tree any
		if err := json.Unmarshal(data, &tree); err != nil {
			return nil, err
		}
		out[name] = tree
	}
	for _, b := range body.Blocks {
		inner, err := hclBody(b.Body)
		if err != nil {
			return nil, err
		}
		out[b.Type] = []any{len(b.Labels), inner}
	}
	return out, nil
}

// readXMLByLibrary returns the raw tokens of a text. Text next to CDATA is one text with it.
func readXMLByLibrary(text string) (any, error) {
	var out []any
	between := ""
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
		d.Entity = map[string]string{"e": "&e;"}
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return append(out, between), nil
		}
		if err != nil {
			return nil, err
		}
		if data, ok := token.(xml.CharData); ok {
			between += string(data)
			continue
		}
		out = append(out, between)
		between = ""
		switch token := token.(type) {
		case xml.StartElement:
			out = append(out, token.Name)
			for _, a := range token.Attr {
				out = append(out, a.Name, a.Value)
			}
		case xml.EndElement:
			out = append(out, token)
		default: // comments, instructions and the DOCTYPE keep their bytes
			out = append(out, fmt.Sprintf("%T", token))
		}
	}
}

// nodeTree returns a node of YAML with all nodes below it, without positions, styles and comments.
func nodeTree(n *yaml.Node) any {
	out := []any{int(n.Kind), n.Tag, n.Anchor, n.Value}
	for _, c := range n.Content {
		out = append(out, nodeTree(c))
	}
	return out
}

// checkFormat checks the laws of formats. A file whose expressions are all kept does not change. If a
// file is valid with a placeholder for every reference, read returns the same tree for the result, except for the
// values. Every error is about the file, and not about an edit.
func checkFormat(t *testing.T, format interpolate.Format, text, v string, law formatLaw) {
	file := []interpolate.File{{Name: "f.yaml", Data: []byte(text), Format: format}}
	o := interpolate.Options{Project: "p", Environment: "dev", Missing: interpolate.MissingKeep,
		LookupEnv: func(string) (string, bool) { return "", false }}
	kept, err := interpolate.Render(t.Context(), &resolver{}, file, o)
	if err == nil && string(kept[0].Data) != text && !strings.Contains(text, "default") &&
		!strings.Contains(text, "'") {
		t.Fatalf("a kept file has changed:\n%q\n%q", text, kept[0].Data)
	}
	o.Missing = interpolate.MissingError
	out, err := interpolate.Render(t.Context(), &resolver{secrets: map[string]string{"dev/s": v}}, file, o)
	if err != nil {
		var own *backend.Error
		if !errors.As(err, &own) || errors.Is(err, backend.ErrInternal) ||
			strings.Contains(err.Error(), "cannot be located") {
			t.Fatalf("%v in %q with %q", err, text, v)
		}
		return
	}
	plain := strings.ReplaceAll(text, secretCall, placeholder)
	if law.supports != nil && !law.supports(text, v) {
		return
	}
	if strings.Contains(text, placeholder) || strings.Contains(plain, "{{") || strings.Contains(plain, "{%") ||
		strings.Contains(text, "pouncet://") || strings.Contains(v, placeholder) {
		return // read cannot distinguish this text from a reference
	}
	want, err := law.read(plain)
	if err != nil {
		return
	}
	got, err := law.read(string(out[0].Data))
	if want = fillPlaceholders(want, v); err != nil || !reflect.DeepEqual(want, got) {
		t.Fatalf("%v: the trees differ:\n%q\n%q\nwant %q\nis   %q", err, text, out[0].Data, want, got)
	}
}

// fillPlaceholders replaces the placeholders in the values of a tree.
func fillPlaceholders(tree any, v string) any {
	switch tree := tree.(type) {
	case string:
		return strings.ReplaceAll(tree, placeholder, v)
	case float64:
		if tree != tree {
			return "NaN, which is not equal to itself"
		}
	case []any:
		for i := range tree {
			tree[i] = fillPlaceholders(tree[i], v)
		}
	case map[string]any:
		for k := range tree {
			tree[k] = fillPlaceholders(tree[k], v)
		}
	}
	return tree
}

// eachLaw calls f with every format of the table, and its law.
func eachLaw(t *testing.T, f func(t *testing.T, format interpolate.Format, law formatLaw)) {
	for _, format := range interpolate.AllFormats() {
		t.Run(string(format), func(t *testing.T) {
			law, ok := formatLaws[format]
			if !ok {
				t.Fatal("the format has no row in formatLaws")
			}
			f(t, format, law)
		})
	}
}

// TestFormatsObeyTheirLaws checks the laws with every text and every tricky value of every format.
func TestFormatsObeyTheirLaws(t *testing.T) {
	eachLaw(t, func(t *testing.T, format interpolate.Format, law formatLaw) {
		for _, text := range append([]string{law.head + fmt.Sprintf(law.line, 1) + law.tail}, law.texts...) {
			for _, value := range trickyValues {
				checkFormat(t, format, withCalls(text), value[:min(len(value), 99)], law)
			}
		}
	})
}

// TestFormatsFillInEveryLine renders a file of many lines in every format.
func TestFormatsFillInEveryLine(t *testing.T) {
	const lines = 2000
	eachLaw(t, func(t *testing.T, format interpolate.Format, law formatLaw) {
		text := withCalls(law.head + numbered(lines, law.line) + law.tail)
		got, err := renderAs(t, format, text, "word")
		if want := lines * strings.Count(law.line, "CALL"); err != nil || strings.Count(got, "word") != want ||
			strings.Contains(got, "get_secret_value") {
			t.Errorf("%v in %.200q, want %d values", err, got, want)
		}
	})
}

// FuzzFormats checks the laws of every format of the table.
func FuzzFormats(f *testing.F) {
	for i, format := range interpolate.AllFormats() {
		for j, text := range formatLaws[format].texts {
			f.Add(uint8(i), withCalls(text), trickyValues[(j*7+10)%len(trickyValues)])
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, text, v string) {
		formats := interpolate.AllFormats()
		format := formats[int(n)%len(formats)]
		checkFormat(t, format, text, v, formatLaws[format])
	})
}
