// SPDX-License-Identifier: MPL-2.0

package review

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

// reparsed returns the only reference of an expression.
func reparsed(t *testing.T, text string) (expr.Reference, bool) {
	t.Helper()
	e, err := expr.Parse(text)
	if err != nil || len(e.References()) != 1 {
		return expr.Reference{}, false
	}
	return e.References()[0], true
}

// checkCanonical checks that the canonical form of a reference means the same reference.
func checkCanonical(t *testing.T, r expr.Reference) {
	t.Helper()
	r.HasDefault = false // its text is left out
	text := canonical(r)
	if strings.Contains(text, "{{") || strings.Contains(text, "}}") || strings.ContainsAny(text, "\r\n") {
		t.Errorf("%q cannot be part of an expression", text)
	}
	got, ok := reparsed(t, text)
	if !ok || got.Target != r.Target {
		t.Errorf("%+v is written as %s, which means %+v", r.Target, text, got.Target)
	}
}

// nameParts are what names of fields are made of.
var nameParts = []string{"a", "b.c", "'", `"`, "[", "]", "']", "[0]", "0", "12", "", " ", "\t", "\n", "ü", "日本",
	"\u2028", "\u00a0", "{{", "}}", "}", "%", "%20", "#", "?", "?version=2", "|", ",", ")", "(", "/", "\\", "\\n", "=",
	"-", "_", "~", "$", "\u0000", "\u007f", "\u0085", "🔑", "&", ";", ":"}

func TestTheCanonicalFormMeansTheSameReference(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	written := 0
	for i := range 20_000 {
		var text strings.Builder
		text.WriteString("get_secret_value('db'")
		if r.IntN(3) == 0 {
			text.WriteString(", env='prod', scope='app/web', version='previous'")
		}
		text.WriteString(")")
		for range 1 + r.IntN(3) {
			if r.IntN(4) == 0 {
				text.WriteString("[7]")
				continue
			}
			name := ""
			for range 1 + r.IntN(3) {
				name += nameParts[r.IntN(len(nameParts))]
			}
			if i < len(nameParts) {
				name = nameParts[i]
			}
			text.WriteString("[" + quoteString(name) + "]")
		}
		ref, ok := reparsed(t, text.String())
		if !ok {
			continue // no field path can hold a name with both of the quotes before a bracket
		}
		written++
		checkCanonical(t, ref)
		ref.Call = "pouncet"
		checkCanonical(t, ref)
	}
	if written < 18_000 {
		t.Errorf("only %d references can be written", written)
	}
}

func TestTheCanonicalFormIsShort(t *testing.T) {
	for text, want := range map[string]string{
		`get_secret_value('a').b.c[0]`:          `get_secret_value('a', field='b.c[0]')`,
		`get_secret_value('a')['b.c']`:          `get_secret_value('a', field="['b.c']")`,
		`get_secret_value('a')['b'].c`:          `get_secret_value('a', field='b.c')`,
		`get_secret_value('a')['']`:             `get_secret_value('a', field="['']")`,
		`get_secret_value('a')['0']`:            `get_secret_value('a', field='0')`,
		`get_secret_value('a')["b'c"]`:          `get_secret_value('a', field="['b'c']")`,
		`get_secret_value('a')['b"].c\'']`:      `get_secret_value('a', field='[\'b"].c\'\']')`,
		`get_secret_value('a')['naïve']`:        `get_secret_value('a', field='naïve')`,
		`get_secret_value('a')["x\ny"]`:         `get_secret_value('a', field='x\x0ay')`,
		`pouncet://-/prod/a#b.c[0]`:             `pouncet://-/prod/a#b.c[0]`,
		`pouncet://-/prod/a#['b.c']`:            `pouncet://-/prod/a#['b.c']`,
		`pouncet://-/prod/a#a%20b%3Fc`:          `pouncet://-/prod/a#a%20b%3Fc`,
		`pouncet://-/-/a#na%C3%AFve?version=3`:  `pouncet://-/-/a#na%C3%AFve?version=3`,
		`pouncet://-/-/a#b | default('secret')`: `pouncet://-/-/a#b | default(…)`,
	} {
		ref, ok := reparsed(t, text)
		if !ok {
			t.Errorf("%s cannot be parsed", text)
			continue
		}
		if got := canonical(ref); got != want {
			t.Errorf("%s is written as %s, want %s", text, got, want)
		}
	}
}

// A field with quotes was written without escapes, and baselines have a fingerprint of that text.
func TestTheFingerprintOfAFieldWithQuotesStays(t *testing.T) {
	ref, _ := reparsed(t, `get_secret_value('a')['b.c']`)
	if got, want := identityOf(ref), `get_secret_value('a', field='['b.c']')`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzCanonical(f *testing.F) {
	for _, part := range nameParts {
		f.Add(part, part)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a + b) {
			return
		}
		ref, ok := reparsed(t, "get_secret_value('db')["+quoteString(a)+"]["+quoteString(b)+"]")
		if ok {
			checkCanonical(t, ref)
			ref.Call = "pouncet"
			checkCanonical(t, ref)
		}
	})
}
