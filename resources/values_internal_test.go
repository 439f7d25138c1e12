// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func TestEqualJSON(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"v":1e3}`, `{ "v": 1000 }`, true},
		{`{"a":1,"b":[0.10]}`, `{"b":[1E-1],"a":1.0}`, true},
		{`-0`, `0.00`, true},
		{`-120`, `-1.2e+2`, true},
		{`0.001`, `1e-3`, true},
		{`1e999999999`, `10e999999998`, true},
		{`1e99999999999999999999`, `1e99999999999999999999`, true},
		{`1`, `-1`, false},
		{`1`, `10`, false},
		{`9007199254740993`, `9007199254740992`, false},
		{`"1000"`, `1000`, false},
		{`"1e3"`, `"1000"`, false},
		{`{"v":1}`, `{"v":1,"w":null}`, false},
		{`{`, `{`, false},
	} {
		if got := equalJSON(c.a, c.b); got != c.want {
			t.Errorf("equalJSON(%s, %s) = %t", c.a, c.b, got)
		}
	}
}

// A write that gives a secret the value of another one warns, and names it.
func TestAnEqualValueWarns(t *testing.T) {
	var diags diag.Diagnostics
	warnOfSameValue(backend.Outcome{Object: backend.Object{Name: "a"}}, &diags)
	if len(diags) > 0 {
		t.Errorf("without an equal value: %v", diags)
	}
	warnOfSameValue(backend.Outcome{Object: backend.Object{Name: "a"}, SameValue: []string{"secret b in dev"}}, &diags)
	if len(diags) != 1 || diags[0].Severity() != diag.SeverityWarning ||
		!strings.Contains(diags[0].Detail(), `Secret "a" has the same value as secret b in dev.`) {
		t.Errorf("the warning: %v", diags)
	}
}
