// SPDX-License-Identifier: MPL-2.0

package engines

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/magiconair/properties"
	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"
	"github.com/zclconf/go-cty/cty"
	"go.yaml.in/yaml/v4"
	"gopkg.in/ini.v1"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// hostileValues mean something to a format, to an engine, or to both.
var hostileValues = append([]string{
	"$(id)", "$x", "${x}", "$${x}", "%{ if true }x%{ endif }", "%%{", "%{", "#{x}", "#{", "<% x %>", "<%%",
	"%>", "{{-", "-}}", "{%- x -%}", "{{!", "{{ '", "'", `"`, "`", "''", `""`, `"""`, "'''", `\`, `\\`, `\n`,
	`\u0041`, `\` + "\n", "a\nb", "a\n\n b\n", "a\r", "\r\n", "\u2028", "a\u2028b", "\u0085", "\u00a0",
	"\ufeff", "\x00", "a\x00b", "\x01", "\x7f", "a\tb", "trailing ", "trailing\n\n", "<<", "<<EOT", "EOT",
	"  EOT\n", "&", "&amp;", "&#10;", "]]>", "<![CDATA[", "<a>", "--", "-->", "*/", "/* x", "// x", "# x",
	" # x", "; x", "a: b", "- a", "- ", "? a", "a = b", "[s]", "!t", "*a", "&a x", "|", ">", "%x", "@x", "~",
	"null", "true", "5", "1e3", "---", "...", "a\n---\nb", "[1]", "{a: 1}", "\U0001f511", "é\u0301",
}, values...)

// position is a place of a format at which a reference stands, with an expression of an engine at REST.
type position struct {
	name, text string
	want       string // the value, with the value of the reference at V
}

// formatOfPositions is a format with its positions, and a reader that returns the value "a".
type formatOfPositions struct {
	file      string
	read      func(text string) (string, error)
	positions []position
}

func formatsWithPositions() []formatOfPositions {
	return []formatOfPositions{
		{"f.yaml", readYAML, []position{
			{"plain", "a: CALL\nb: \"REST\"\n", "V"},
			{"double quotes", "b: \"REST\"\na: \"CALL\"\n", "V"},
			{"single quotes", "a: 'CALL'\nb: 'REST'\n", "V"},
			{"inside double quotes", "a: \"x CALL y\" # REST\n", "x V y"},
			{"inside single quotes", "a: 'x CALL y' # REST\n", "x V y"},
			{"inside plain text", "a: x CALL y\nb: x REST y\n", "x V y"},
			{"literal block", "a: |-\n  CALL\nb: \"REST\"\n", "V"},
			{"inside a literal block", "a: |+\n  x CALL y\nb: \"REST\"\n", "x V y\n"},
			{"folded block", "a: >-\n  CALL\nb: |\n  REST\n", "V"},
			{"line of a block", "a: |-\n  p\n  CALL\n  q\nb: \"REST\"\n", "p\nV\nq"},
			{"flow sequence", "a: [CALL]\nb: [\"REST\"]\n", "V"},
			{"flow mapping", "a: {b: CALL}\nb: {\"c\": 'REST'}\n", "V"},
			{"anchor and tag", "a: &x !!str CALL\nb: \"REST\"\n", "V"},
			{"beside in double quotes", "a: \"RESTCALL\"\n", "FV"},
			{"beside in a block", "a: |-\n  CALL REST\n", "V F"},
			{"complex key", "? a\n: CALL\n? b\n: \"REST\"\n", "V"},
			{"CR LF", "a: \"CALL\"\r\nb: \"REST\"\r\n", "V"},
			{"twice", "a: \"CALLCALL\"\nb: \"REST\"\n", "VV"},
			{"twice in a block", "a: |-\n  CALLCALL\nb: \"REST\"\n", "VV"},
			{"after a sign", "a: \"{CALL\"\nb: \"REST\"\n", "{V"},
			{"after a sign in a block", "a: |-\n  <CALL\nb: \"REST\"\n", "<V"},
			{"between signs", "a: '{CALL}'\nb: \"REST\"\n", "{V}"},
			{"file of properties", "x.properties: |\n  a=CALL\n  b=REST\n", "V"},
			{"file of JSON", "x.json: |\n  {\"a\": \"CALL\",\n  \"b\": \"REST\"}\n", "V"},
			{"file of YAML", "x.yaml: |\n  a: CALL\n  b: \"REST\"\n", "V"},
			{"file of TOML", "x.toml: |\n  a = 'CALL'\n  b = \"REST\"\n", "V"},
			{"file of variables", ".env: |\n  a=CALL\n  b=\"REST\"\n", "V"},
		}},
		{"f.json", readJSON, []position{
			{"string", `{"a": "CALL", "b": "REST"}`, "V"},
			{"inside a string", `{"b": "REST", "a": "x CALL y"}`, "x V y"},
			{"list", `{"a": ["CALL"], "b": ["REST"]}`, "V"},
			{"object", "{\"a\": {\"b\": \"CALL\"},\n\"c\": \"REST\"}", "V"},
			{"beside", `{"a": "RESTCALL"}`, "FV"},
			{"beside, after", `{"a": "CALL REST"}`, "V F"},
			{"twice", `{"a": "CALLCALL", "b": "REST"}`, "VV"},
			{"between signs", `{"a": "{CALL}", "b": "REST"}`, "{V}"},
			{"after a sign", `{"a": "<CALL", "b": "REST"}`, "<V"},
			{"in a key", "{\"a\": \"CALL\", \"REST\": 1}\n", "V"},
		}},
		{"f.jsonc", readJSONC, []position{
			{"string", "{\"a\": \"CALL\", // REST\n}", "V"},
			{"inside a string", "{/* REST */ \"a\": \"x CALL y\",}", "x V y"},
			{"list", "{\"a\": [\"CALL\",], \"b\": \"REST\"}", "V"},
			{"beside", "{\"a\": \"RESTCALL\",}", "FV"},
		}},
		{"f.toml", readTOML, []position{
			{"basic", "a = \"CALL\"\nb = \"REST\"\n", "V"},
			{"literal", "a = 'CALL'\nb = 'REST'\n", "V"},
			{"basic lines", "a = \"\"\"CALL\"\"\"\nb = \"\"\"REST\"\"\"\n", "V"},
			{"literal lines", "a = '''CALL'''\nb = '''\nREST'''\n", "V"},
			{"inside basic", "a = \"x CALL y\" # REST\n", "x V y"},
			{"inside literal", "a = 'x CALL y' # REST\n", "x V y"},
			{"inside lines", "a = \"\"\"\nx\nCALL\ny\"\"\"\nb = 'REST'\n", "x\nV\ny"},
			{"array", "a = [\"CALL\"]\nb = [\"REST\"]\n", "V"},
			{"inline table", "a = {b = \"CALL\"}\nb = {c = \"REST\"}\n", "V"},
			{"table", "# REST\n[a]\nb = 'CALL'\n", "V"},
			{"beside basic", "a = \"RESTCALL\"\n", "FV"},
			{"beside literal", "a = 'CALL REST'\n", "V F"},
			{"twice", "a = \"CALLCALL\"\nb = \"REST\"\n", "VV"},
			{"between signs", "a = '{CALL}'\nb = \"REST\"\n", "{V}"},
			{"after a sign", "a = '<CALL'\nb = \"REST\"\n", "<V"},
		}},
		{"f.ini", readINI, []position{
			{"value", "a = CALL\nb = REST\n", "V"},
			{"no blanks", "a=CALL\nb=REST\n", "V"},
			{"colon", "; REST\na: CALL\n", "V"},
			{"section", "[s]\na = CALL\nb = REST\n", "V"},
			{"inside", "a = x CALL y\nb = REST\n", "x V y"},
			{"beside", "a = x RESTCALL y\n", "x FV y"},
			{"twice", "a = CALLCALL\nb = REST\n", "VV"},
			{"between signs", "a = {CALL}\nb = REST\n", "{V}"},
			{"after a sign", "a = <CALL\nb = REST\n", "<V"},
			{"comment", "# REST\na = CALL\n", "V"},
		}},
		{"f.xml", readXML, []position{
			{"text", "<r><a>CALL</a><b>REST</b></r>", "V"},
			{"inside text", "<r><a>x CALL y</a><b>REST</b></r>", "x V y"},
			{"attribute", "<r><a v=\"CALL\"/><b v=\"REST\"/></r>", "V"},
			{"attribute in single quotes", "<r><a v='CALL'/><b v='REST'/></r>", "V"},
			{"inside an attribute", "<r><a v=\"x CALL y\"/><!-- REST --></r>", "x V y"},
			{"CDATA", "<r><a><![CDATA[CALL]]></a><b>REST</b></r>", "V"},
			{"inside CDATA", "<r><a><![CDATA[x CALL y]]></a><b><![CDATA[REST]]></b></r>", "x V y"},
			{"beside text", "<r><a>RESTCALL</a></r>", "FV"},
			{"beside an attribute", "<r><a v=\"CALL REST\"/></r>", "V F"},
			{"beside CDATA", "<r><a><![CDATA[RESTCALL]]></a></r>", "FV"},
			{"twice", "<r><a>CALLCALL</a><b>REST</b></r>", "VV"},
			{"twice in CDATA", "<r><a><![CDATA[CALLCALL]]></a><b>REST</b></r>", "VV"},
			{"between signs", "<r><a v='{CALL}'/><b>REST</b></r>", "{V}"},
			{"after a sign in CDATA", "<r><a><![CDATA[]CALL]]></a><b>REST</b></r>", "]V"},
			{"comment", "<r><!-- REST --><a>CALL</a></r>\n", "V"},
			{"lines", "<r>\r\n<a>CALL</a>\r\n<b>REST</b>\r\n</r>\r\n", "V"},
		}},
		{"f.hcl", readHCL, []position{
			{"string", "a = \"CALL\"\nb = \"REST\"\n", "V"},
			{"template", "a = \"x CALL y\" # REST\n", "x V y"},
			{"heredoc", "a = <<EOT\nCALL\nEOT\nb = \"REST\"\n", "V\n"},
			{"indented heredoc", "a = <<-EOT\n    x CALL y\n    EOT\n// REST\n", "x V y\n"},
			{"list", "a = [\"CALL\"]\nb = [\"REST\"]\n", "V"},
			{"object", "a = { b = \"CALL\" }\n/* REST */\n", "V"},
			{"beside", "a = \"RESTCALL\"\n", "FV"},
			{"beside in a heredoc", "a = <<EOT\nCALL REST\nEOT\n", "V F\n"},
			{"twice", "a = \"CALLCALL\"\nb = \"REST\"\n", "VV"},
			{"twice in a heredoc", "a = <<EOT\nCALLCALL\nEOT\nb = \"REST\"\n", "VV\n"},
			{"between signs", "a = \"{CALL}\"\nb = \"REST\"\n", "{V}"},
			{"after a sign", "a = \"%CALL\"\nb = \"REST\"\n", "%V"},
			{"after a sign in a heredoc", "a = <<EOT\n%CALL\nEOT\nb = \"REST\"\n", "%V\n"},
		}},
		{".env", readDotenv, []position{
			{"plain", "a=CALL\nb=REST\n", "V"},
			{"double quotes", "a=\"CALL\"\nb=\"REST\"\n", "V"},
			{"single quotes", "a='CALL'\nb='REST'\n", "V"},
			{"export", "export a=CALL\n# REST\n", "V"},
			{"inside double quotes", "a=\"x CALL y\"\nb=REST\n", "x V y"},
			{"inside single quotes", "a='x CALL y'\nb=REST\n", "x V y"},
			{"inside plain text", "a=xCALL\nb=REST\n", "xV"},
			{"beside double quotes", "a=\"RESTCALL\"\n", "FV"},
			{"beside single quotes", "a='CALL REST'\n", "V F"},
			{"comment", "a=CALL # REST\n", "V"},
			{"twice", "a=CALLCALL\nb=REST\n", "VV"},
			{"between signs", "a=\"{CALL}\"\nb=REST\n", "{V}"},
			{"after a sign", "a='<CALL'\nb=REST\n", "<V"},
		}},
		{"f.properties", readProperties, []position{
			{"value", "a=CALL\nb=REST\n", "V"},
			{"blanks", "a = CALL\nb = REST\n", "V"},
			{"colon", "a: CALL\n# REST\n", "V"},
			{"blank", "a CALL\n! REST\n", "V"},
			{"inside", "a=x CALL y\nb=REST\n", "x V y"},
			{"continued", "a=x\\\n  CALL\nb=REST\n", "xV"},
			{"beside", "a=RESTCALL\n", "FV"},
			{"beside, after", "a=CALL REST\n", "V F"},
			{"twice", "a=CALLCALL\nb=REST\n", "VV"},
			{"between signs", "a={CALL}\nb=REST\n", "{V}"},
			{"after a sign", "a=\\\\CALL\nb=REST\n", "\\V"},
		}},
		{"f.txt", readBrackets, []position{
			{"text", "REST\n[CALL]\n", "V"},
			{"inside a line", "REST [x CALL y] z\n", "x V y"},
			{"beside", "[RESTCALLREST]", "FVF"},
			{"lines", "[\nCALL\n]\nREST\n", "\nV\n"},
			{"command", "run --p [CALL] | x REST\n", "V"},
			{"twice", "[CALLCALL] REST\n", "VV"},
			{"between signs", "[{CALL}] REST\n", "{V}"},
			{"after a sign", "[<CALL] REST\n", "<V"},
		}},
	}
}

// restsWithoutQuotes are expressions that every format can hold.
func restsWithoutQuotes(engine string) []string {
	switch engine {
	case "go":
		return []string{"{{ .foo }}", "{{.foo}}", "{{/* c */}}F"}
	case "jinja":
		return []string{"{{ foo }}", "{% if foo %}F{% endif %}", "{# c #}F"}
	case "argo":
		return []string{"{{foo}}"}
	case "ejs":
		return []string{"<%- foo %>", "<%# c %>F"}
	case "ansible":
		return []string{"{{ foo }}", "{% if foo %}F{% endif %}"}
	case "actions":
		return []string{"${{ github.foo }}"}
	}
	return []string{"F"}
}

// TestEveryFormatKeepsEveryValue checks values at positions of every format, with an expression of an engine in the
// same file: what the engine yields, read by a parser of the format, has exactly the value. Otherwise the reference is
// refused.
func TestEveryFormatKeepsEveryValue(t *testing.T) {
	none := engine{name: "none", evaluate: func(_ *testing.T, texts []string) []string { return texts }}
	for _, e := range append([]engine{none}, engines()...) {
		t.Run(e.name, func(t *testing.T) {
			type rendered struct {
				at, in, out, value, want string
				read                     func(string) (string, error)
			}
			var cases []rendered
			var texts []string
			refused := 0
			for _, f := range formatsWithPositions() {
				if e.parsedFirst && f.file != "f.yaml" || e.name == "ejs" && f.file == "f.xml" { // "<%" is not XML
					continue
				}
				for _, p := range f.positions {
					for r, rest := range restsWithoutQuotes(e.name) {
						in := strings.NewReplacer("REST", rest, "CALL", call).Replace(p.text)
						for v, value := range hostileValues {
							if r > 0 && v%3 != 0 && value != "plain" {
								continue // to bound the time: the first expression gets all values
							}
							out, err := renderFile(t.Context(), f.file, in, value)
							switch {
							case errors.Is(err, backend.ErrInvalid):
								refused++
								if value == "plain" {
									t.Errorf("%s, %s: %q refuses a plain value: %v", f.file, p.name, in, err)
								}
								continue
							case err != nil:
								t.Fatalf("%s, %s: %q with %q: %v", f.file, p.name, in, value, err)
							}
							want := strings.ReplaceAll(p.want, "V", value)
							read := f.read
							if e.name == "ansible" {
								read = readJSON // the tree of the results
							}
							cases = append(cases, rendered{f.file + ", " + p.name, in, out, value, want, read})
							texts = append(texts, out)
						}
					}
				}
			}
			for i, out := range e.evaluate(t, texts) {
				c := cases[i]
				if got, err := c.read(out); err != nil || got != c.want {
					t.Errorf("%s: %q with %q became %q, and then %q: the value is %q (%v)", c.at, c.in, c.value, c.out,
						out, got, err)
				}
			}
			t.Logf("%d written, %d refused", len(cases), refused)
		})
	}
}

func renderFile(ctx context.Context, name, text, value string) (string, error) {
	files, err := interpolate.Render(ctx, secret(value), []interpolate.File{{Name: name, Data: []byte(text)}},
		interpolate.Options{Project: "p", Environment: "e"})
	if err != nil {
		return "", err
	}
	return string(files[0].Data), nil
}

// leaf returns the string that a list or a mapping with one element ends in.
func leaf(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case []any:
		if len(v) == 1 {
			return leaf(v[0])
		}
	case map[string]any:
		if len(v) == 1 {
			for _, inner := range v {
				return leaf(inner)
			}
		}
	}
	return "", fmt.Errorf("the value is %v", v)
}

func readYAML(text string) (string, error) {
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
		return "", err
	}
	return readNested(tree)
}

// readNested returns the value "a" of a mapping, or of the file that is its value.
func readNested(tree map[string]any) (string, error) {
	for name, read := range map[string]func(string) (string, error){"x.properties": readProperties, "x.json": readJSON,
		"x.yaml": readYAML, "x.toml": readTOML, ".env": readDotenv} {
		if text, ok := tree[name].(string); ok {
			return read(text)
		}
		if inner, ok := tree[name].(map[string]any); ok { // Ansible parses a result that is JSON
			return leaf(inner["a"])
		}
	}
	return leaf(tree["a"])
}

func readJSON(text string) (string, error) {
	var tree map[string]any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		return "", err
	}
	return readNested(tree)
}

func readJSONC(text string) (string, error) {
	plain, err := hujson.Standardize([]byte(text))
	if err != nil {
		return "", err
	}
	return readJSON(string(plain))
}

func readTOML(text string) (string, error) {
	var tree map[string]any
	if err := toml.Unmarshal([]byte(text), &tree); err != nil {
		return "", err
	}
	return leaf(tree["a"])
}

func readINI(text string) (string, error) {
	file, err := ini.LoadSources(ini.LoadOptions{
		IgnoreInlineComment: true, IgnoreContinuation: true, PreserveSurroundedQuote: true, AllowBooleanKeys: true,
	}, []byte(text))
	if err != nil {
		return "", err
	}
	if file.HasSection("s") {
		return file.Section("s").Key("a").Value(), nil
	}
	return file.Section("").Key("a").Value(), nil
}

func readXML(text string) (string, error) {
	var r struct {
		A struct {
			V    string `xml:"v,attr"`
			Text string `xml:",chardata"`
		} `xml:"a"`
	}
	d := xml.NewDecoder(bytes.NewReader([]byte(text)))
	if err := d.Decode(&r); err != nil {
		return "", err
	}
	return r.A.V + r.A.Text, nil
}

func readHCL(text string) (string, error) {
	file, diagnostics := hclsyntax.ParseConfig([]byte(text), "f", hcl.InitialPos)
	if diagnostics.HasErrors() {
		return "", diagnostics
	}
	attribute := file.Body.(*hclsyntax.Body).Attributes["a"]
	if attribute == nil {
		return "", errors.New("no attribute a")
	}
	value, diagnostics := attribute.Expr.Value(nil)
	if diagnostics.HasErrors() {
		return "", diagnostics
	}
	for value.Type() != cty.String {
		if !value.CanIterateElements() || value.LengthInt() != 1 {
			return "", errors.New("no string")
		}
		for _, v := range value.Elements() {
			value = v
		}
	}
	return value.AsString(), nil
}

func readDotenv(text string) (string, error) {
	read, err := dotenv.ParseWithLookup(strings.NewReader(text),
		func(name string) (string, bool) { return "<" + name + ">", true })
	return read["a"], err
}

func readProperties(text string) (string, error) {
	// The library reads the two escapes of one character as two characters. Java does not.
	text = strings.ReplaceAll(text, `\uD83D\uDD11`, "\U0001f511")
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	read, err := loader.LoadBytes([]byte(text))
	if err != nil {
		return "", err
	}
	return read.GetString("a", ""), nil
}

func readBrackets(text string) (string, error) {
	_, text, _ = strings.Cut(text, "[")
	end := strings.LastIndex(text, "]")
	if end < 0 {
		return "", errors.New("no brackets")
	}
	return text[:end], nil
}
