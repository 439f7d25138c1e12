// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"encoding/xml"
	"reflect"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// xmlText has every value once in text, in both quoting styles of attributes, and in CDATA if that can hold it.
const xmlText = "<?xml version=\"1.0\"?>\n<!DOCTYPE r [<!ENTITY e \"CALL\">]>\n" +
	"<r xmlns:n='urn:n'><!-- CALL --><?p CALL?>\r\n" +
	"<text>CALL</text><mixed>a &lt;CALL&#x62; {{ .Values.x }}</mixed>\n" +
	"<a double = \"CALL\"\tsingle='x > {{ get_secret_value(\"s\") }}]' n:uri='pouncet://-/-/s'/>\n" +
	"<escaped>{{ get_secret_value(&quot;s&quot;) }}</escaped><uri>pouncet://-/-/s</uri>" +
	"<say>see pouncet://-/-/s</say></r>\n"

// xmlRead is what a reader sees in xmlText.
type xmlRead struct {
	Text    string `json:"text" xml:"text"`
	Mixed   string `json:"mixed" xml:"mixed"`
	Escaped string `json:"escaped" xml:"escaped"`
	URI     string `json:"uri" xml:"uri"`
	Say     string `json:"say" xml:"say"`
	A       struct {
		Double string `json:"double" xml:"double,attr"`
		Single string `json:"single" xml:"single,attr"`
		URI    string `json:"uri" xml:"urn:n uri,attr"`
	} `json:"a" xml:"a"`
}

// isForbiddenInXML reports whether XML 1.0 cannot hold a value.
func isForbiddenInXML(value string) bool {
	return strings.ContainsAny(value, "\x00\x01\x1b\ufffe")
}

// eachXML renders xmlText with every tricky value, and returns the texts and what a reader must see in them.
func eachXML(t *testing.T) (texts []string, want []xmlRead) {
	t.Helper()
	for _, value := range trickyValues {
		out, err := renderAs(t, interpolate.FormatXML, withCalls(xmlText), value)
		if isForbiddenInXML(value) {
			if err == nil || !strings.Contains(err.Error(), "XML 1.0 cannot hold") {
				t.Errorf("%.40q: %v", value, err)
			}
			continue
		}
		if isRefusedTemplate(t, value, err) {
			continue
		}
		if err != nil {
			t.Fatalf("%.40q: %v", value, err)
		}
		for _, untouched := range []string{withCalls(xmlText[:strings.Index(xmlText, "<text>")]), "&#x62; {{ .Values.x }}<",
			"<a double = \"", "\"\tsingle='x > ", "]' n:uri='", "<say>see pouncet://-/-/s</say></r>\n"} {
			if !strings.Contains(out, untouched) {
				t.Errorf("%.40q: %q has changed: %.400s", value, untouched, out)
			}
		}
		w := xmlRead{Text: value, Mixed: "a <" + value + "b {{ .Values.x }}", Escaped: value, URI: value,
			Say: "see pouncet://-/-/s"}
		w.A.Double, w.A.Single, w.A.URI = value, "x > "+value+"]", value
		texts, want = append(texts, out), append(want, w)
	}
	return texts, want
}

func TestXMLHoldsEveryValue(t *testing.T) {
	texts, want := eachXML(t)
	for i, text := range texts {
		var got xmlRead
		if err := xml.Unmarshal([]byte(text), &got); err != nil || got != want[i] {
			t.Errorf("%v\nread %.900q\nwant %.900q", err, got, want[i])
		}
	}
}

// TestReadersOfXMLSeeEveryValue reads the same texts with expat, which normalizes the values of attributes.
func TestReadersOfXMLSeeEveryValue(t *testing.T) {
	const program = `import sys, json, xml.etree.ElementTree as etree
out = []
for text in json.load(sys.stdin):
    root = etree.fromstring(text)
    read = {n: root.find(n).text or "" for n in ("text", "mixed", "escaped", "uri", "say")}
    read["a"] = {n.replace("{urn:n}", ""): v for n, v in root.find("a").attrib.items()}
    out.append(read)
json.dump(out, sys.stdout)`
	needsReader(t, "Python 3", "install python3", "python3", "-c", "import xml.etree.ElementTree")
	texts, want := eachXML(t)
	var got []xmlRead
	readBy(t, &got, texts, "python3", "-c", program)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %.3000q\nwant %.3000q", got, want)
	}
}

func TestXMLWritesValues(t *testing.T) {
	const cdata = "characters that a CDATA section cannot hold"
	for _, c := range []struct{ text, value, want string }{
		{"<a>CALL</a>", `<b>&"']]>`, `<a>&lt;b&gt;&amp;"'&#x5D;&#x5D;&gt;</a>`},
		{"<a b='CALL' c=\"CALL\"/>", "\t\r\n'\"", `<a b='&#x9;&#xD;&#xA;&#x27;&quot;' c="&#x9;&#xD;&#xA;&#x27;&quot;"/>`},
		{"<a>CALL</a>", "a\nb\r\n\tc", "<a>a\nb&#xD;\n\tc</a>"},
		{"<a>\n  {{- get_secret_value('s') -}}\n</a>", "x", "<a>x</a>"},
		{"<a>]]CALL</a>", ">", "<a>]]&gt;</a>"},
		{"<a>CALL></a>", "]]", "<a>&#x5D;&#x5D;></a>"},
		{"<a>&amp;CALL;</a>", "lt", "<a>&amp;lt;</a>"},
		{"<a>é CALL</a>", "é😀\u0085", "<a>é &#xE9;&#x1F600;&#x85;</a>"},
		{"<a b='{{ get_secret_value(\"s\") | int }}'>{{ get_secret_value('s') | int }}</a>", "7", "<a b='7'>7</a>"},
		{"<a><![CDATA[{{ get_secret_value('s') | int }}]]></a>", "7", "<a><![CDATA[7]]></a>"},
		{"<a><![CDATA[<x> & CALL\r\n]]> CALL</a>", "é<&>", "<a><![CDATA[<x> & é<&>\r\n]]> &#xE9;&lt;&amp;&gt;</a>"},
		{"<a><![CDATA[\r\nCALL]]></a>", "a]]", "<a><![CDATA[\r\na]]]]></a>"},
		{"<a><![CDATA[CALL]]></a>", "a]]>b", cdata},
		{"<a><![CDATA[]]CALL]]></a>", ">b", cdata},
		{"<a><![CDATA[CALL>]]></a>", "]]", cdata},
		{"<a><![CDATA[CALLCALL]]></a>", "]>", "<a><![CDATA[]>]>]]></a>"},
		{"<a><![CDATA[\r\nCALL]]></a>", "a\rb", cdata},
		{"<?xml version='1.0' encoding='ISO-8859-1'?><a><![CDATA[CALL]]></a>", "é", cdata},
		{"<?xml version='1.0' encoding='ISO-8859-1'?><a><![CDATA[CALL]]></a>", "e",
			"<?xml version='1.0' encoding='ISO-8859-1'?><a><![CDATA[e]]></a>"},
		{"<?xml version='1.0' encoding='ISO-8859-1'?><a>CALL</a>", "é",
			"<?xml version='1.0' encoding='ISO-8859-1'?><a>&#xE9;</a>"},
		{"<a><![CDATA[CALL]]></a>", "\x01", "XML 1.0 cannot hold"},
		{"<!DOCTYPE a SYSTEM 'x'><a>&nbsp;CALL</a>", "b", "<!DOCTYPE a SYSTEM 'x'><a>&nbsp;b</a>"},
		{"<a>&nbsp;CALL</a>", "b", "cannot be parsed as XML"},
		{"<a b=CALL></a>", "b", "cannot be parsed as XML"},
		{"<a><b>CALL</a></b>", "b", "cannot be parsed as XML"},
		{"<a/>\nCALL", "b", "XML: text is not allowed outside the root element"},
		{"<a>CALL</a><b/>", "b", "two root elements"},
		{"\ufeff<?xml version='1.0'?><a>CALL</a>", "b", "\ufeff<?xml version='1.0'?><a>b</a>"},
		{"<!-- x -->", "b", "<!-- x -->"},
		{"<?xml version='1.1'?><a>CALL</a>", "b", "cannot be parsed as XML"},
		{"<a>{{ get_value('n', default=none) }}</a>", "b", "XML files have no null"},
		{"<CALL/>", "b", "a key cannot hold a reference"},
		{"<a CALL='x'/>", "b", "a key cannot hold a reference"},
		{"<a>CALL<!-- CALL --></a>", "b", "<a>b<!-- {{ get_secret_value('s') }} --></a>"},
	} {
		got, err := renderAs(t, interpolate.FormatXML, withCalls(c.text), c.value)
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s with %q\nis  %s\nnot %s", c.text, c.value, got, c.want)
		}
	}
}

// TestXMLOutsideOfValues checks that a reference in the DOCTYPE or in a processing instruction stays with a warning.
// One in a comment and expressions of other tools stay without it.
func TestXMLOutsideOfValues(t *testing.T) {
	for text, warnings := range map[string]int{
		"<!DOCTYPE r [<!ENTITY p \"CALL\"><!ENTITY q 'CALL'>]><r>&p;</r>": 2, "<?x href=\"CALL\"?><r/>": 1,
		"<!DOCTYPE r [<!ENTITY p \"{{ x }}\">]><r>CALL</r>": 0, "<?x {{ y }}?><r>CALL</r>": 0,
		"<!-- CALL --><r>CALL</r>": 0, "<?xml version=\"1.0\"?><!DOCTYPE r><r>CALL</r>": 0,
	} {
		f := interpolate.File{Name: "f.xml", Data: []byte(withCalls(text))}
		doc, err := interpolate.Scan(f)
		if err != nil || len(doc.Warnings()) != warnings {
			t.Errorf("%s: %v, %v", text, doc, err)
			continue
		}
		got, err := renderDialect(t, f, everySecret("v"), interpolate.MissingError)
		if err != nil || warnings > 0 && got != withCalls(text) {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}
