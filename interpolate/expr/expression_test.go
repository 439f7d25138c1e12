// SPDX-License-Identifier: MPL-2.0

package expr_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

func TestParseExpression(t *testing.T) {
	for in, want := range map[string]string{
		` get_secret_value("a") `: `get_secret_value('a')`,
		`mage_secret_var ( 'a' , field = 'x', env='e',project='p', scope='app/s',version=3,)`: `mage_secret_var('a', ` +
			`project='p', env='e', scope='app/s', field='x', version='3')`,
		`get_secret_value('a').b["c"][0]`:     `get_secret_value('a', field='b.c[0]')`,
		`get_secret_value('a')['b.c']["d'e"]`: `get_secret_value('a', field='[\'b.c\'][\'d\'e\']')`,
		`get_secret_value('a', field="b").c`:  `get_secret_value('a', field='b.c')`,
		`get_secret_value('a', default='{}').c`: `json_value(get_secret_value('a', default='{}'), ` +
			`'c')`,
		`get_value('a')|default(None)|json`:           `get_value('a') | default(none) | json`,
		`get_value('a', default=-1.5e3)`:              `get_value('a', default=-1.5e3)`,
		`get_value('a', default=True)`:                `get_value('a', default=true)`,
		`env_var('A', "b\n\x41\u00e9\U0001F600\\\'")`: `env_var('A', 'b\x0aAé😀\\\'')`,
		`env_var('A', default='}\x7d')`:               `env_var('A', '}\x7d')`,
		`json_value(pouncet://-/-/app/x/n#a['b']?version=2, 'c')`: `json_value(get_secret_value('n', scope='app/x', ` +
			`field='a[\'b\']', version='2'), 'c')`,
		`pouncet://p/e/n|urlencode`:                 `get_secret_value('n', project='p', env='e') | urlencode`,
		`env_var('A').b`:                            `json_value(env_var('A'), 'b')`,
		`get_secret_value('a', version='previous')`: `get_secret_value('a', version='previous')`,
		`'text' | b64encode`:                        `'text' | b64encode`,
		`literal_value('{{ x }\x7d') | trim`:        `literal_value('{\x7b x }\x7d') | trim`,
	} {
		e, err := expr.Parse(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := e.String(); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", in, got, want)
		}
	}
}

func TestParseExpressionErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                                  "expected a call, got the end of the expression",
		"get_value":                         `expected "(", got the end of the expression`,
		"get_value(":                        "expected a call, got the end of the expression",
		"get_value('a'":                     `expected ",", got the end of the expression`,
		"get_value('a' 'b')":                `expected ",", got a string`,
		"get_value()":                       "get_value takes the name",
		"literal_value()":                   "literal_value takes a text in quotes",
		"literal_value(get_value('a'))":     "the text must be a string in quotes",
		"literal_value('a', default='b')":   "literal_value has no argument default=",
		"get_value('a', 'b')":               "get_value takes the name",
		"get_value('a') x":                  `expected the end of the expression, got "x"`,
		"get_value('a') + 'b'":              `expected the end of the expression, got "+"`,
		"get_value('a') if b":               `expected the end of the expression, got "if"`,
		"get_value('a":                      "the closing quote of the string is missing",
		`get_value('\q')`:                   "an unknown escape",
		`get_value('\ud800')`:               "an unknown escape",
		"get_value('a').":                   "the name of a field",
		"get_value('a')[":                   "an index from 0",
		"get_value('a')[-1]":                "an index from 0",
		"get_value('a')[1":                  `expected "]"`,
		`get_value('a')['b\']c"]d']`:        "a field path cannot hold this field name",
		"get_value('a') |":                  "the name of a filter",
		"get_value('a') | trim()":           "filter trim takes no argument",
		"get_value('a') | default":          `expected "("`,
		"get_value('a') | default()":        "default takes one argument",
		"get_value('a') | default(x='b')":   "default takes one argument",
		"get_value('a', env='b', env='c')":  "env= is given twice",
		"get_value('a', env='b', 'c')":      "without a keyword follows an argument with a keyword",
		"get_value('a', env='')":            "env= is empty",
		"get_value('a', env=b)":             `"b" is neither a call nor in quotes; write a name or a text in quotes: 'b'`,
		"get_value('a', env=upper('b'))":    `"upper" is not a valid call`,
		"get_value('a', scope='x/y')":       "scope \"x/y\" is not valid",
		"get_value('a', field='b..c')":      "is not valid",
		"get_value('a b')":                  "is not valid",
		"get_secret_value('a', version=0)":  "version \"0\" is not valid",
		"get_secret_value('a', version=01)": "is not a valid number",
		"get_secret_value('a', version=-1)": "version \"-1\" is not valid",
		"env_var('')":                       "is not valid",
		"env_var('A=B')":                    "is not valid",
		"env_var('A', 'b', default='c')":    "the default is given twice",
		"env_var('POUNCET_TOKEN')":          "is reserved for settings of Pouncet",
		"json_value(get_value('a'))":        "json_value takes an expression and a path",
		"json_value(get_value('a'), x='b')": "json_value has no argument x=",
		"json_value(get_value('a'), 'a[')":  "is not valid",
		"get_secret_valeu('a')":             "is not a valid call; did you mean get_secret_value?",
		"\xff":                              "is not valid UTF-8",
		strings.Repeat(" ", 5000):           "the limit is 4096",
	} {
		_, err := expr.Parse(in)
		if !errors.Is(err, backend.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %s", in, err, want)
		}
	}
}

func TestParseURI(t *testing.T) {
	secret := func(project, environment, scope, name, field, version string) expr.Target {
		return expr.Target{Kind: backend.KindSecret, Project: project, Environment: environment, Scope: scope,
			Name: name, Field: field, Version: version}
	}
	for in, want := range map[string]expr.Target{
		"pouncet://-/-/n":                               secret("", "", "", "n", "", ""),
		"pouncet://p/e/n":                               secret("p", "e", "", "n", "", ""),
		"pouncet://p/-/app/a/n#f.g[0]?version=3":        secret("p", "", "app/a", "n", "f.g[0]", "3"),
		"pouncet://-/e/pipeline/x/n?version=previous#f": secret("", "e", "pipeline/x", "n", "f", "previous"),
		"pouncet://-/-/n#a%3Fb%25":                      secret("", "", "", "n", "a?b%", ""),
		"pouncet://0190a5c4-7d1e-7abc-8def-0123456789ab/-/n": secret("0190a5c4-7d1e-7abc-8def-0123456789ab", "", "",
			"n", "", ""),
	} {
		got, err := expr.ParseURI(in)
		if err != nil || got.Target != want {
			t.Errorf("%s: got %+v, %v", in, got.Target, err)
		}
	}
	for in, want := range map[string]string{
		"vault://-/-/n":                 "does not begin with pouncet://",
		"pouncet://":                    "has 1 part;",
		"pouncet://-/-/":                "Secret key is required",
		"pouncet:///-/n":                "has no project",
		"pouncet://-//n":                "has no environment",
		"pouncet://-/*/n":               "is not valid",
		"pouncet://-/-/a/b":             "has 4 parts",
		"pouncet://-/-/other/x/n":       "has 5 parts",
		"pouncet://-/-/app//n":          "scope",
		"pouncet://-/-/n?default=x":     "of the URI is not valid",
		"pouncet://-/-/n?version=":      "of the URI is not valid",
		"pouncet://-/-/n?version=x%20":  "version \"x%20\" is not valid",
		"pouncet://-/-/n#a[":            "field path",
		"pouncet://-/-/n#%zz":           "percent encoding",
		"pouncet://-/-/n b":             "is not valid",
		"pouncet://-/-/n#f?version=1&x": "is not valid",
	} {
		if _, err := expr.ParseURI(in); !errors.Is(err, backend.ErrInvalid) ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", in, err, want)
		}
	}
}

// TestPathIsField checks that the path of json_value counts as a field of the reference that it reads.
func TestPathIsField(t *testing.T) {
	for text, want := range map[string]string{
		"json_value(get_secret_value('a'), 'x')":                               "x",
		"json_value(get_secret_value('a', field='y'), '[1].x')":                "y[1].x",
		"json_value(json_value(get_secret_value('a').z, 'y'), 'x')":            "z.y.x",
		"json_value(get_secret_value('a', default='{}'), 'x') | default('')":   "x",
		"json_value(get_value('a', default=get_value('b', field='y')), 'x.y')": "x.y y",
		"json_value(get_secret_value('a') | b64decode, 'x')":                   "",
	} {
		e, err := expr.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var fields []string
		for _, r := range e.References() {
			fields = append(fields, r.Field)
		}
		if got := strings.Join(fields, " "); got != want {
			t.Errorf("%s: the fields are %q, not %q", text, got, want)
		}
		e.Targets(func(target expr.Target) {
			if strings.Contains(target.Field, "x") {
				t.Errorf("%s: %q is resolved", text, target.Field)
			}
		})
	}
}
