// SPDX-License-Identifier: MPL-2.0

package main

import (
	"slices"
	"testing"
)

// Windows ignores the case of a variable's name, so a token cannot pass under another spelling.
func TestNamesOfVariablesIgnoreCase(t *testing.T) {
	var v variables
	v.inherit([]string{`=C:=C:\work`, `Path=C:\bin`, "pouncet_token=t"}, false)
	if want := []string{`=C:=C:\work`, `Path=C:\bin`}; !slices.Equal(v.plain, want) {
		t.Errorf("the command gets %q, want %q", v.plain, want)
	}
	if v.claim("PATH", "prod.env") == nil {
		t.Error("a file replaces Path without --override")
	}
	v.override = true
	if err := v.claim("PATH", "prod.env"); err != nil {
		t.Error(err)
	}
	if v.claim("path", "other.env") == nil {
		t.Error("two files give the same variable")
	}
}
