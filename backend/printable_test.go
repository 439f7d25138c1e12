// SPDX-License-Identifier: MPL-2.0

package backend_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// refusedCharacters are characters that no text may have, with how they are printed.
var refusedCharacters = map[string]string{
	"\x00": `\u0000`, "\x07": `\u0007`, "\b": `\u0008`, "\v": `\u000b`, "\f": `\u000c`, "\r": `\r`, "\x1b": `\u001b`,
	"\x7f": `\u007f`, "\u0080": `\u0080`, "\u0085": `\u0085`, "\u009b": `\u009b`, "\u009f": `\u009f`,
	"\u2028": `\u2028`, "\u2029": `\u2029`,
	"\u202a": `\u202a`, "\u202b": `\u202b`, "\u202c": `\u202c`, "\u202d": `\u202d`, "\u202e": `\u202e`,
	"\u2066": `\u2066`, "\u2067": `\u2067`, "\u2068": `\u2068`, "\u2069": `\u2069`,
	"\xff": `\xff`, "\xed\xa0\x80": `\xed\xa0\x80`, "\xc0\x80": `\xc0\x80`, // not UTF-8, half of a pair, and overlong
}

// refusedInLines are characters that a text of one line may not have either.
var refusedInLines = map[string]string{
	"\n": `\n`, "\t": `\t`, "\u00ad": `\u00ad`, "\u061c": `\u061c`, "\u200b": `\u200b`, "\u200e": `\u200e`,
	"\u200f": `\u200f`, "\u2060": `\u2060`, "\ufeff": `\ufeff`, "\U000e0041": `\udb40\udc41`,
}

const allowedCharacters = " ~é\u00a0\u0301日本語😀👩\u200d💻می\u200cخواهم\u2027\u202f\u2065\u206a\ufffd\ue000"

func TestTexts(t *testing.T) {
	for c, escaped := range refusedCharacters {
		for _, check := range []func(what, text string) *backend.Error{backend.CheckText, backend.CheckLine} {
			if err := check("the text", "a"+c+"b"); err == nil || !err.Is(backend.ErrInvalid) || err.Hint == "" {
				t.Errorf("%+q: %v", c, err)
			}
		}
		for _, printed := range []string{
			backend.EscapeControls("a" + c + "b"), backend.Printable("a" + c + "b"), backend.PrintableLine("a" + c + "b"),
		} {
			if printed != "a"+escaped+"b" {
				t.Errorf("%+q is printed as %q", c, printed)
			}
		}
		if got := backend.Quote("a" + c + "b"); got != `"a`+escaped+`b"` {
			t.Errorf("%+q is quoted as %s", c, got)
		}
		if backend.CheckName(backend.KindSecret, "a"+c+"b") == nil {
			t.Errorf("%+q is allowed in a name", c)
		}
	}
	for c, escaped := range refusedInLines {
		if err := backend.CheckText("the text", c); err != nil {
			t.Errorf("%+q: %v", c, err)
		}
		if err := backend.CheckLine("the text", c); err == nil {
			t.Errorf("%+q is allowed in a line", c)
		}
		if got := backend.Printable("a" + c + "b"); got != "a"+c+"b" {
			t.Errorf("%+q is printed as %q", c, got)
		}
		if got := backend.PrintableLine(c); got != escaped {
			t.Errorf("%+q is printed as %q in a line", c, got)
		}
		if backend.CheckName(backend.KindSecret, "a"+c+"b") == nil {
			t.Errorf("%+q is allowed in a name", c)
		}
	}
	plain := strings.ReplaceAll(allowedCharacters, "\u206a", "") // a format character
	if err := backend.CheckLine("the text", plain); err != nil {
		t.Error(err)
	}
	if got := backend.PrintableLine(plain); got != plain {
		t.Errorf("%q is printed as %q", plain, got)
	}
	if err := backend.CheckText("the text", allowedCharacters); err != nil {
		t.Error(err)
	}
}

// CI systems execute such lines. GitHub Actions trims white space first, and compares as people read.
func TestCommandsOfCIAreEscaped(t *testing.T) {
	for text, want := range map[string]string{
		"::error::x":                `\u003a:error::x`,
		" \t::add-mask::x":          " \t" + `\u003a:add-mask::x`,
		"\u200b:\u200b:error::x":    "\u200b" + `\u003a` + "\u200b:error::x",
		"a\n::error::x":             "a\n" + `\u003a:error::x`,
		"a ::error::x":              "a ::error::x",
		"\x1b::error::x":            `\u001b::error::x`,
		"##[group]x":                `\u0023#[group]x`,
		"a ##[group]x":              `a \u0023#[group]x`,
		"###[group]x":               `#\u0023#[group]x`,
		"#\u200b#\ufeff[group]x":    `\u0023` + "\u200b#\ufeff[group]x",
		"##vso[task.setvariable]x":  `\u0023#vso[task.setvariable]x`,
		"##teamcity[buildStop ...]": `\u0023#teamcity[buildStop ...]`,
		"## a heading [1]":          "## a heading [1]",
		":a::":                      ":a::",
		"#":                         "#", ":": ":", "##": "##",
	} {
		if got := backend.Printable(text); got != want {
			t.Errorf("%q is printed as %q, want %q", text, got, want)
		}
	}
	if got := backend.EscapeControls("::1 ##[x]"); got != "::1 ##[x]" {
		t.Errorf("a text for a terminal is printed as %q", got)
	}
}

func TestPrintableJSONIsTheSameDocument(t *testing.T) {
	hostile := map[string]string{"::error::x": "a##[group]\u200b#\u200b#vso[x]\\##[y]"}
	for _, characters := range []map[string]string{refusedCharacters, refusedInLines} {
		for c := range characters {
			hostile["k"+c] = c + "##[group]"
		}
	}
	document, err := json.MarshalIndent(hostile, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	printed := backend.PrintableJSON(document)
	if !backend.EqualJSON(document, printed) {
		t.Errorf("the document is another one: %s", printed)
	}
	if got := backend.Printable(string(printed)); got != string(printed) {
		t.Errorf("not printable: %s", printed)
	}
}

// What is printed obeys the rule for texts, has nothing to escape, and is the text itself if nothing was to escape.
func FuzzPrintable(f *testing.F) {
	for _, s := range []string{
		"", "a", "::error::x", "a\n \u200b::x", "##[a]", "#\u200b#x[", "\xff\u202e\x1b[2J", allowedCharacters,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, line := backend.Printable(s), backend.PrintableLine(s)
		if err := backend.CheckText("the text", text); err != nil {
			t.Errorf("%q: %v", s, err)
		}
		if err := backend.CheckLine("the text", line); err != nil {
			t.Errorf("%q: %v", s, err)
		}
		if again := backend.Printable(text); again != text {
			t.Errorf("%q is printed as %q, and that as %q", s, text, again)
		}
		if again := backend.Printable(line); again != line {
			t.Errorf("%q is printed as %q in a line, and that as %q", s, line, again)
		}
		if !strings.ContainsAny(s, ":#") && (backend.CheckText("", s) == nil) != (text == s) {
			t.Errorf("%q is allowed and escaped, or neither", s)
		}
		for _, l := range strings.Split(text, "\n") {
			if strings.HasPrefix(strings.TrimSpace(l), "::") {
				t.Errorf("%q is printed as %q, which has a command", s, text)
			}
		}
		if strings.Contains(text, "##[") || !utf8.ValidString(line) {
			t.Errorf("%q is printed as %q and %q", s, text, line)
		}
	})
}
