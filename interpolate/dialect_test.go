// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

func renderDialect(t *testing.T, f interpolate.File, r *resolver, missing interpolate.Missing) (string, error) {
	t.Helper()
	o := devOptions()
	o.Missing = missing
	out, err := interpolate.Render(t.Context(), r, []interpolate.File{f}, o)
	if err != nil {
		return "", err
	}
	return string(out[0].Data), nil
}

// TestMageDialectSetsTypes checks that values get the types that Mage gives them. Mage fills in text before it parses
// YAML.
func TestMageDialectSetsTypes(t *testing.T) {
	for _, c := range []struct{ text, value, want string }{
		{"a: {{ mage_secret_var('s') }} # x\n", "5432", "a: 5432 # x\n"},
		{"a: {{ mage_secret_var('s') }}\n", "true", "a: true\n"},
		{"a: {{ mage_secret_var('s') }}\n", "1.5e3", "a: 1.5e3\n"},
		{"a: {{ mage_secret_var('s') }}\n", "null", "a: null\n"},
		{"a: {{ mage_secret_var('s') }}\n", "~", "a: null\n"},
		{"a: {{ mage_secret_var('s') }}\n", "None", "a: \"None\"\n"},
		{"a: {{ mage_secret_var('s') }}\n", "word", "a: \"word\"\n"},
		{"a: {{ mage_secret_var('s') }}\n", "b: 1", "a: \"b: 1\"\n"},
		{"a: {{ mage_secret_var('s') }}\n", "5 # x", "a: \"5 # x\"\n"},
		{"a: {{ mage_secret_var('s') }}\n", "5\n", "a: \"5\\n\"\n"},
		{"a: {{ mage_secret_var('s') }}\n", "*x", "a: \"*x\"\n"},
		{"a: {{ mage_secret_var('s') }}\n", "!!int 5", "a: \"!!int 5\"\n"},
		{"a: \"{{ mage_secret_var('s') }}\"\n", "5432", "a: \"5432\"\n"},
		{"a: '{{ mage_secret_var(\"s\") }}'\n", "5432", "a: \"5432\"\n"},
		{"a: x{{ mage_secret_var('s') }}\n", "5432", "a: \"x5432\"\n"},
		{"a: 1{{ mage_secret_var('s') }}\n", "5432", "a: 15432\n"},
		{"a: {{ mage_secret_var('s') }}{{ mage_secret_var('s') }}\n", "5432", "a: 54325432\n"},
		{"a: 1{{ x }}{{ mage_secret_var('s') }}\n", "5432", "a: \"1{{ x }}5432\"\n"},
		{"a: \"{{ mage_secret_var('s') | int }}\"\n", "5432", "a: \"5432\"\n"},
		{"a: {{ mage_secret_var('s') | int }}\n", "5432", "a: 5432\n"},
		{"a: {{ mage_secret_var('absent') }}\n", "v", "a: null\n"},
		{"a: \"{{ mage_secret_var('absent') }}\"\n", "v", "a: null\n"},
		{"a: \"x {{ mage_secret_var('absent') }}\"\n", "v", "a: \"x None\"\n"},
		{"a: {{ env_var('ABSENT') }}\n", "v", "a: null\n"},
		{"a: !!str {{ mage_secret_var('s') }}\n", "yes", "a: !!str \"yes\"\n"},
		{"a: ! {{ mage_secret_var('s') }}\n", "yes", "a: ! \"yes\"\n"},
		{"a: !!str {{ mage_secret_var('s') }}\n", "null", "a: !!str \"null\"\n"},
		{"a: !!str {{ mage_secret_var('s') }}{{ mage_secret_var('s') }}\n", "5", "a: !!str \"55\"\n"},
		{"a: !!null {{ mage_secret_var('s') }}\n", "null", "a: !!null null\n"},
		{"a: !!bool {{ mage_secret_var('s') }}\n", "yes", "a: !!bool true\n"},
		{"a: x{{ env_var('ABSENT', true) }}\n", "v", "a: \"xTrue\"\n"},
		{"{% if x %} a: [\na: {{ mage_secret_var('s') }}\n", "5432", "{% if x %} a: [\na: 5432\n"},
	} {
		f := interpolate.File{Name: "io_config.yaml", Data: []byte(c.text), Dialect: interpolate.DialectMage}
		if got, err := renderDialect(t, f, everySecret(c.value), interpolate.MissingNull); err != nil || got != c.want {
			t.Errorf("%q with %q:\n got %q, %v\nwant %q", c.text, c.value, got, err, c.want)
		}
	}
}

func TestAtlasDialectReadsValues(t *testing.T) {
	r := &resolver{secrets: map[string]string{"dev/uri": `mongodb://u:p"w@h`, "dev/api-key": "0123"},
		json: map[string]string{"dev/port": "27017", "dev/on": "true", "dev/name": `"cluster"`, "dev/list": `[1, 2]`,
			"dev/half": `0.5`, "dev/none": `null`}}
	for _, c := range []struct{ name, text, want string }{
		{"config.json",
			`{"u": "%%environment.values.uri", "k": "%%values.api-key", "p": "%%values.port", "b": "%%values.on", ` +
				`"n": "%%values.name", "l": "%%values.list", "h": "%%values.half", "z": "%%values.none"}`,
			`{"u": "mongodb://u:p\"w@h", "k": "0123", "p": 27017, "b": true, "n": "cluster", "l": "[1, 2]", "h": ` +
				`0.5, "z": null}`},
		{"config.yaml",
			"u: '%%environment.values.uri'\np: \"%%values.port\" # x\nother: \"%%user.id\"\nmore: '%%values.port " +
				"and more'\n",
			"u: \"mongodb://u:p\\\"w@h\"\np: 27017 # x\nother: \"%%user.id\"\nmore: '%%values.port and more'\n"},
		{"rules.json", `{"%%true": {"%or": ["%%root.owner", "{{ get_value('port') }}"]}}`,
			`{"%%true": {"%or": ["%%root.owner", "27017"]}}`},
	} {
		f := interpolate.File{Name: c.name, Data: []byte(c.text), Dialect: interpolate.DialectAtlas}
		if got, err := renderDialect(t, f, r, interpolate.MissingError); err != nil || got != c.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", c.text, got, err, c.want)
		}
		f.Dialect = interpolate.DialectNone
		if got, _ := renderDialect(t, f, r, interpolate.MissingError); strings.Count(got, "%%") != strings.Count(c.text,
			"%%") {
			t.Errorf("without the dialect, %s became %s", c.text, got)
		}
	}
	for text, want := range map[string]string{
		`{"a": "%%values.a b"}`: "",
		`{"a": "%%values.a.b"}`: `in.json:1:8: %%values.a.b: the name after %%values is ` +
			`not valid; write %%values.NAME, where NAME has only letters, digits, "_" and "-"`,
		`{"%%values.port": 1}`: "in.json:1:3: %%values.port: a key cannot hold a reference",
		`{"a": "%%values.absent"}`: `in.json:1:8: %%values.absent: scoped value "absent" does ` +
			`not exist`,
		"{\"a\": 1,\n \"b\": \"%%values.port\",\n \"c\"": "cannot be parsed as JSON",
	} {
		f := interpolate.File{Name: "in.json", Data: []byte(text), Dialect: interpolate.DialectAtlas}
		_, err := renderDialect(t, f, r, interpolate.MissingError)
		if want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := renderDialect(t, interpolate.File{Name: "a.yaml", Dialect: "vault"}, r,
		interpolate.MissingError); err == nil || !strings.Contains(err.Error(), `dialect "vault" is not supported`) {
		t.Errorf("an unknown dialect: got %v", err)
	}
}
