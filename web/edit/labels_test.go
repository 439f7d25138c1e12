// SPDX-License-Identifier: MPL-2.0

package edit

import (
	"maps"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func TestLabelsAreReadAsTheyAreWritten(t *testing.T) {
	for _, labels := range []map[string]string{
		{}, {"team": "payments", "cost": ""}, {"a=b": "c=d", `"q"`: `"v"`, " space ": " value "},
		{"k": "line\nline\r\n", "ü": "\u202e", "x": `"`, `back\slash`: `\n`},
	} {
		text := labelsText(labels)
		got, err := labelsOf(text)
		if err != nil || !maps.Equal(got, labels) {
			t.Errorf("%v is written as %q and read as %v, %v", labels, text, got, err)
		}
	}
	for _, text := range []string{"team", "=v", `"a`, `"a"b=c`, `a="b`, "a=1\na=2"} {
		if got, err := labelsOf(text); err == nil || err.Attribute != "labels" || err.Code != backend.CodeInvalid {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	got, err := labelsOf("\n team = payments \r\n\n")
	if err != nil || got["team"] != "payments" || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
