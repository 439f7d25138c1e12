// SPDX-License-Identifier: MPL-2.0

package trace

import (
	"context"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const id, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for header, valid := range map[string]bool{
		"00-" + id + "-" + span + "-01":                      true,
		"00-" + id + "-" + span + "-00":                      true,
		"cc-" + id + "-" + span + "-01-more":                 true,
		"00-" + id + "-" + span + "-01-more":                 false,
		"ff-" + id + "-" + span + "-01":                      false,
		"00-" + strings.Repeat("0", 32) + "-" + span + "-01": false,
		"00-" + id + "-" + strings.Repeat("0", 16) + "-01":   false,
		"00-" + strings.ToUpper(id) + "-" + span + "-01":     false,
		"00-" + id[:30] + "-" + span + "-01":                 false,
		"":                                                   false,
		"token":                                              false,
	} {
		if _, ok := Parse(header); ok != valid {
			t.Errorf("%q is valid: %v", header, ok)
		}
	}
}

func TestAContextIsItsHeader(t *testing.T) {
	for _, sampled := range []bool{true, false} {
		c := New(sampled)
		if got, ok := Parse(c.String()); !ok || got != c {
			t.Errorf("%s is parsed as %+v", c, got)
		}
		child := c.Child()
		if child.TraceID != c.TraceID || child.Parent != c.SpanID || child.SpanID == c.SpanID || child.Sampled != sampled {
			t.Errorf("the child of %+v is %+v", c, child)
		}
		if got, ok := From(With(context.Background(), c)); !ok || got != c {
			t.Errorf("%+v, %v", got, ok)
		}
	}
}
