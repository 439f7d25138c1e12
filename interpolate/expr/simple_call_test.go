// SPDX-License-Identifier: MPL-2.0

package expr

import (
	"reflect"
	"testing"
)

// FuzzSimpleCall checks that ParseSimpleCall returns what the parser returns.
func FuzzSimpleCall(f *testing.F) {
	for _, text := range []string{
		" get_secret_value('a') ", `mage_secret_var("a-b_1")`, "get_value('a')", "get_value('')", "get_value('a\")",
		"get_value(a)", "get_value('a', 'b')",
		"get_value('a').b", "get_value(('a'))", " get_value ('a')", "get_value('a' )", "env_var('A')", "get_value(''')",
		"x.get_value('a')", "get_value('" + string(make([]byte, 300)) + "')",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		simple := ParseSimpleCall(text)
		if simple == nil {
			return
		}
		parsed, err := Parse(text)
		if err != nil || !IsReference(text) || !reflect.DeepEqual(simple, parsed) {
			t.Errorf("%q: got %+v, but the parser returns %+v, %v", text, simple.References(), parsed, err)
		}
	})
}
