// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// TestDefaultReplacesNull checks that a default applies to the null of a JSON value, in each way to write it.
func TestDefaultReplacesNull(t *testing.T) {
	r := &resolver{json: map[string]string{"dev/j": `{"n":null,"s":"null","o":{"n":null}}`}}
	for in, want := range map[string]string{
		"get_secret_value('j').n | default('d')":               "d",
		"get_secret_value('j', field='n', default='d')":        "d",
		"get_secret_value('j').o.n | default('d') | urlencode": "d",
		"json_value(get_secret_value('j'), 'n') | default('')": "",
		"get_secret_value('j').s | default('d')":               "null",
		"get_secret_value('j').n":                              "null",
		"get_secret_value('j').o | default('d')":               `{"n":null}`,
	} {
		f := interpolate.File{Name: "f.txt", Data: []byte("[{{ " + in + " }}]")}
		got, err := renderDialect(t, f, r, interpolate.MissingError)
		if err != nil || got != "["+want+"]" {
			t.Errorf("%s: %q, %v, want %q", in, got, err, want)
		}
	}
}

// TestDotenvNames checks that a value goes only to a name that every reader takes for one.
func TestDotenvNames(t *testing.T) {
	for name, valid := range map[string]bool{"A": true, "_a1": true, "A.B": false, "A-B": false, "1A": false, "É": false} {
		text := "x.y=1\n" + name + "=" + secretCall + "\n"
		got, err := renderAs(t, interpolate.FormatDotenv, text, "v")
		if valid && got != "x.y=1\n"+name+"=v\n" ||
			!valid && (err == nil || !strings.Contains(err.Error(), "disagree on the name of the variable")) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
