// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"strings"
	"testing"
)

// spansOf returns a text without the marks « and », and the spans that they mark.
func spansOf(marked string) (string, []span) {
	var out strings.Builder
	var spans []span
	for _, r := range marked {
		switch r {
		case '«':
			spans = append(spans, span{start: out.Len()})
		case '»':
			spans[len(spans)-1].end = out.Len()
		default:
			out.WriteRune(r)
		}
	}
	return out.String(), spans
}

func TestRemainingTemplates(t *testing.T) {
	for marked, want := range map[string]struct {
		templates templates
		inside    string
	}{
		"a: «{{ x }}»":                             {0, "0"},
		"a: «{{ x }}» {{ b }}":                     {bracedTemplates, "0"},
		"{{ b }} «{{ x }}»«{{ x }}»":               {bracedTemplates, "00"},
		"a: ${{ b }} «{{ x }}»":                    {actionsTemplates, "0"},
		"a: ${#b} «{{ x }}»":                       {0, "0"},
		"a: {«{{ x }}»}":                           {0, "0"},
		"{# c #} «{{ x }}»":                        {bracedTemplates, "0"},
		"{% if\n a %} «{{ x }}»":                   {bracedTemplates, "0"},
		"<% \"«{{ x }}»\" %> «{{ y }}»":            {percentTemplates, "10"},
		"<%= \"{{ a }}\" %> «{{ y }}»":             {percentTemplates | bracedTemplates, "0"},
		"{{ a\n \"«{{ x }}»\" }}":                  {bracedTemplates, "1"},
		"see {{ for more «{{ x }}»":                {bracedTemplates | unclosedTemplate, "0"},
		"{% set a = \"«{{ x }}»\" %}":              {bracedTemplates, "1"},
		"{\"a\": {\"b\": «{{ x }}»}} a < b << c {": {0, "0"},
		"<% «{{ x }}» «{{ y }}» %> «{{ z }}»":      {percentTemplates, "110"},
		"{{ a «{{ x }}» ${{ b «{{ y }}» }}":        {bracedTemplates | actionsTemplates, "11"},
		"see {{ for «{{ x }}» and «{{ y }}»":       {bracedTemplates | unclosedTemplate, "00"},
		"see {{ <% «{{ x }}» %> «{{ y }}»":         {bracedTemplates | percentTemplates | unclosedTemplate, "10"},
		"{{ a <% }} «{{ x }}» %> «{{ y }}»":        {bracedTemplates | percentTemplates, "10"},
	} {
		text, own := spansOf(marked)
		got, inside := remainingTemplates([]byte(text), own)
		flags := ""
		for _, in := range inside {
			flags += map[bool]string{false: "0", true: "1"}[in]
		}
		if got != want.templates || flags != want.inside {
			t.Errorf("%s: %b %s, want %b %s", marked, got, flags, want.templates, want.inside)
		}
	}
}

func TestOpensTemplate(t *testing.T) {
	const all = bracedTemplates | actionsTemplates | percentTemplates
	for _, c := range []struct {
		marked    string
		templates templates
		want      int
	}{
		{"a «{{» b", all, 0},
		{"a «x» «y{» %", all, -1},
		{"a «x» «y{»% ", all, 1},
		{"a {«{»", all, 0},
		{"a {«%}»", all, 0},
		{"{{ a }} «x» {{ b }}", all, -1},
		{"{{ a }}«x»{{ b }}", all, -1},
		{"{{ a }}«x{»{{ b }}", all, 0},
		{"«{»«{»", all, 0},
		{"«{»«»«{»", all, 0},
		{"{«»{ x }}", all, 0},
		{"{{ a }}«»{{ b }}", all, -1},
		{"$«{{»", actionsTemplates, 0},
		{"«{{»", actionsTemplates, -1},
		{"«$»{{ b }}", actionsTemplates, 0},
		{"«<%»", bracedTemplates, -1},
		{"«<»%", percentTemplates, 0},
		{"«{{»", 0, -1},
		{"x «}} %} #}» {a} «{ {»", all, -1},
	} {
		text, values := spansOf(c.marked)
		if got := c.templates.opensTemplate(text, values); got != c.want {
			t.Errorf("%s: value %d, want %d", c.marked, got, c.want)
		}
	}
}
