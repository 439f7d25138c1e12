// SPDX-License-Identifier: MPL-2.0

package expr_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

// FuzzExpression checks that parsing the canonical form yields the same expression, and that this form can stand
// between braces.
func FuzzExpression(f *testing.F) {
	for _, text := range []string{
		`get_secret_value('a', env="b", default='c').d[0]['e'] | urlencode | default("f\n")`,
		`json_value(mage_secret_var('a'), 'b["c.d"]') | int`, `env_var('A', 'b}\x7d')`,
		`pouncet://-/-/app/x/n#f?version=3 | trim`,
		`get_value('a', default=get_value('b', default=none)) | default(-1.5e3) | json`, `'a' | b64encode`, `{{`,
		`get_value('`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := expr.Parse(text)
		if err != nil {
			if !errors.Is(err, backend.ErrInvalid) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		canonical := e.String()
		if strings.ContainsAny(canonical, "\r\n") || strings.Contains(canonical, "}}") ||
			strings.Contains(canonical, "{{") {
			t.Fatalf("%q: the canonical form %q cannot stand between braces", text, canonical)
		}
		if len(canonical) > expr.MaxBytes {
			return // the keywords of a URI are longer than its punctuation
		}
		again, err := expr.Parse(canonical)
		if err != nil || again.String() != canonical {
			t.Fatalf("%q: the canonical form %q gives %v, %v", text, canonical, again, err)
		}
		uri := strings.Contains(text, "pouncet://")
		if !uri && !reflect.DeepEqual(e.References(), again.References()) {
			t.Fatalf("%q: the references differ: %+v, %+v", text, e.References(), again.References())
		}
	})
}
