// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func masked(values []string, pieces ...string) string { return maskedBy(New(values), pieces...) }

func maskedBy(set *Set, pieces ...string) string {
	var out bytes.Buffer
	w := set.Writer(&out)
	for _, p := range pieces {
		_, _ = w.Write([]byte(p))
	}
	_ = w.Close()
	return out.String()
}

func TestMask(t *testing.T) {
	for name, c := range map[string]struct {
		values []string
		pieces []string
		want   string
	}{
		"text without secrets passes unchanged":   {nil, []string{"text"}, "text"},
		"every occurrence is masked":              {[]string{"secret"}, []string{"a secret b secret"}, "a *** b ***"},
		"a secret in pieces is masked":            {[]string{"secret"}, []string{"a se", "cr", "et b"}, "a *** b"},
		"the start of a secret passes":            {[]string{"secret"}, []string{"a sec", "tion"}, "a section"},
		"the start of a secret at the end passes": {[]string{"secret"}, []string{"sec"}, "sec"},
		"overlapping secrets leave no rest":       {[]string{"aabb", "bbcc"}, []string{"aabbcc"}, "***"},
		"the longer of two secrets is masked": {
			[]string{"passw", "password1"}, []string{"password1 passw passwo"}, "*** *** ***o",
		},
		"the longer of two secrets is waited for": {
			[]string{"passw", "password1"}, []string{"passwor", "d2"}, "***ord2",
		},
		"a short value passes": {[]string{"abc"}, []string{"abc"}, "abc"},
		"each line of a secret is masked": {
			[]string{"-----BEGIN\nMIIE\n-----END"}, []string{"MIIE\r\n"}, "***\r\n",
		},
		"base64 is masked": {[]string{"secret"}, []string{"c2VjcmV0"}, "***"},
		"URL encodings are masked": {
			[]string{"p@ss/w rd"}, []string{"x://u:p%40ss%2Fw+rd@h p%40ss%2Fw%20rd"}, "x://u:***@h ***",
		},
		"JSON is masked": {[]string{"say \"hi\"\n"}, []string{`{"p":"say \"hi\"\n"}`}, `{"p":"***"}`},
	} {
		if got := masked(c.values, c.pieces...); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestTexts checks which texts are masked for a value, beside the value itself, and which are not.
func TestTexts(t *testing.T) {
	var numbers strings.Builder
	for i := range 200 {
		fmt.Fprint(&numbers, i*i)
	}
	long := numbers.String()
	for name, c := range map[string]struct{ value, output, want string }{
		"blanks that a shell collapses": {"  two   blanks\tand\n a line ", "[two blanks and a line]", "[***]"},
		"only the blanks of a shell":    {"two\u00a0  words\r\nhere", "two\u00a0 words\r here", Text},
		"a line with blanks":            {"first\nnext   line  here", "[next line here]", "[***]"},
		"escapes that printf decodes":   {`BEGIN\nline one\nline two`, "BEGIN\nline one\nline two|line one", "***|***"},
		"percent that a program decodes": {
			"postgres://app:p%40ss-w0rd@db", "postgres://app:p@ss-w0rd@db", Text,
		},
		"escapes in a string of JSON":     {`{"key":"a%2Fb%2Fc"}`, "a/b/c", Text},
		"a number as Go prints it":        {`{"pin":12345678}`, "1.2345678e+07", Text},
		"a number as Java prints it":      {`{"pin":12345678}`, "1.2345678E7", Text},
		"a number as jq prints it":        {`{"pin":1.2345678e7}`, "12345678", Text},
		"a small number without exponent": {`{"pin":1.2345e-7}`, "0.00000012345 1.2345E-7", "*** ***"},
		"a number with an exponent":       {`{"pin":1e3}`, "1e3 1000 1000.0 1.0E3 1E+3", "1e3 *** ***.0 *** ***"},
		"a power as Python prints it":     {`{"pin":1000000000000000000000000}`, "1e+24 1.0E24", "*** ***"},
		"a long secret in base64":         {long, base64.StdEncoding.EncodeToString([]byte("xy" + long)), "eHk***"},
		"escapes as they are":             {`a\nb%41&amp;`, `a\nb%41&amp; "a\\nb%41&amp;"`, `*** "***"`},
		"JSON of a secret in base64": {
			"p\"é<w", base64.StdEncoding.EncodeToString([]byte(`{"password":"p\"é<w"}`)), "eyJwYXNzd29yZCI6In***ifQ==",
		},
		"ASCII JSON of a secret in base64": {
			`{"a":"p\"é<w"}`, base64.StdEncoding.EncodeToString([]byte(`{"password":"p\"\u00e9<w"}`)),
			"eyJwYXNzd29yZCI6In***In0=",
		},
		"booleans are not secret":          {"true", "true", "true"},
		"booleans in lines are not secret": {"false\nnull \nsecret", "null secret false", "null *** false"},
		"booleans in JSON are not secret":  {`{"a":"false","b":null,"c":"secret"}`, "false null secret", "false null ***"},
	} {
		if got := masked([]string{c.value}, c.output); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestLongSecrets checks secrets that are cut into parts, and where their parts begin.
func TestLongSecrets(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	secret := ""
	for len(secret) < 500 {
		secret += fmt.Sprint(r.Uint64())
	}
	set := New([]string{secret, "it's " + secret + "\"x"})
	for width := shortestLine; width < 200; width++ {
		for _, text := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
			if got := maskedBy(set, "«"+wrap(text, width, "\n    ")+"»"); got != "«***»" {
				t.Errorf("in lines of %d bytes: %q", width, got)
			}
		}
	}
	// The decoder for JSON begins late in the part, and the one for the URL around it in front of it.
	secret = "a b" + strings.Repeat("correct", 15) + "\"x"
	before := strings.Repeat("0123456789", 20)
	output := url.PathEscape(before + jsonText(secret, false))
	if got, want := masked([]string{secret}, output), before+"%22***%22"; got != want {
		t.Errorf("JSON in a URL: %q, want %q", got, want)
	}
}

func TestSize(t *testing.T) {
	if got := Size([]string{"secret", "a", "secret", "", "b"}); got != 8 {
		t.Errorf("%d bytes, want 8: equal values count once", got)
	}
}

// TestNotMasked shows what the guide for "pouncet run" lists as not masked.
func TestNotMasked(t *testing.T) {
	const value = "it's = secret"
	encoded := base64.StdEncoding.EncodeToString([]byte(value))
	quoted := url.QueryEscape(value)
	for name, c := range map[string]struct{ value, output string }{
		"a hash":                          {value, fmt.Sprintf("%x", sha256.Sum256([]byte(value)))},
		"reversed":                        {value, "terces = s'ti"},
		"a part":                          {value, "it's = secre"},
		"another case":                    {value, "It's = Secret"},
		"UTF-16":                          {"secret", "s\x00e\x00c\x00r\x00e\x00t\x00"},
		"hexadecimal with separators":     {"secret", "73 65 63 72 65 74 73:65:63:72:65:74"},
		"base32":                          {value, base32.StdEncoding.EncodeToString([]byte(value))},
		"quoted-printable":                {value, "it's =3D secret"},
		"base64 in base64":                {value, base64.StdEncoding.EncodeToString([]byte(encoded))},
		"base64 of a URL":                 {value, base64.StdEncoding.EncodeToString([]byte(quoted))},
		"a URL in a URL in a URL":         {value, url.QueryEscape(url.QueryEscape(quoted))},
		"colours in a secret":             {value, "it's\x1b[0m = secret"},
		"lines with more than 60 blanks":  {encoded + encoded, encoded + "\n" + strings.Repeat(" ", 70) + encoded},
		"a number with separators":        {`{"pin":12345678}`, "12,345,678 12 345 678 0xbc614e"},
		"a boolean":                       {`{"admin":true}`, "true"},
		"a short string in JSON":          {`{"pin":"123"}`, "123"},
		"a short line":                    {"secret\nabc\nsecret", "abc"},
		"the name of a field":             {`{"password":"secret"}`, "password"},
		"a reference without a semicolon": {"a<<b", "a&lt&ltb"},
	} {
		if got := masked([]string{c.value}, c.output); got != c.output {
			t.Errorf("%s: %q became %q", name, c.output, got)
		}
	}
}

func TestTooShort(t *testing.T) {
	for value, want := range map[string]bool{
		"abc": true, "abc\n": true, " abc\t": true, "\r\n--\r\n": true, `{"a":"abc"}`: true, `["abcd",{"a":" abc\n"}]`: true,
		"": false, "abcd": false, "abcd\nef\n": false, "\n": false, "  \t  ": false,
		`{"a":"abcd","b":1,"c":true,"d":""}`: false,
	} {
		if got := TooShort(value); got != want {
			t.Errorf("%q: %t, want %t", value, got, want)
		}
	}
}

// TestEntities checks the names of characters that begin or end in an unusual way.
func TestEntities(t *testing.T) {
	for output, want := range map[string]string{
		"a;&dollar;b": Text, "a&semi;&#36;b": Text, "a&semi;&dollarx;b": "a&semi;&dollarx;b",
		"x&CounterClockwiseContourIntegral;y": Text, "&ampx; a;$b": "&ampx; ***",
	} {
		if got := masked([]string{"a;$b", "x\u2233y"}, pieces(rand.New(rand.NewPCG(1, 2)), output)...); got != want {
			t.Errorf("%q: %q, want %q", output, got, want)
		}
	}
}

// endless are outputs that may go on like the beginning of a secret: what a program prints first, and then again and
// again.
var endless = map[string]struct{ start, repeated string }{
	"one continued line":                   {"s\\\n", " "},
	"continued lines":                      {"s", "\\\n"},
	"continued lines in JSON":              {"s", `\\\n`},
	"continued lines in a query":           {"s", "%5C%0A"},
	"lines after base64":                   {startOfBase64, "\n"},
	"indented lines after base64":          {startOfBase64, "\n  "},
	"one indented line after base64":       {startOfBase64 + "\n", " "},
	"lines in JSON after base64":           {startOfBase64, `\n`},
	"lines in JSON in JSON after base64":   {startOfBase64, `\\n`},
	"lines in a query after base64":        {startOfBase64, "%0A"},
	"lines and continued lines":            {startOfBase64, "\n\\\n"},
	"the beginning of a secret, continued": {"", "s\\\n"},
	"blank lines":                          {"\n", "\n\n "},
	"references":                           {"s&", "a"},
	"references in references":             {"s", "&amp;amp"},
	"quotes":                               {`s'"`, "'"},
	"percent in percent":                   {"s", "%25"},
	"several escapes":                      {"s", "\\ %25\n\n'"},
}

var startOfBase64 = base64.StdEncoding.EncodeToString([]byte(endlessSecrets[0]))[:16]

var endlessSecrets = []string{"secret-0123456789", "it's a \"secret\" \n here: 100% $HOME é", " \n blanks"}

// TestWaiting checks that little output waits for more, whatever a program prints without end after the beginning of a
// secret, and that secrets in it and after it are masked.
func TestWaiting(t *testing.T) {
	set := New(endlessSecrets)
	for name, c := range endless {
		var out bytes.Buffer
		w := set.Writer(&out)
		_, _ = w.Write([]byte(c.start))
		count := 64 << 10 / len(c.repeated)
		for n := 0; n < count; n += 100 {
			_, _ = w.Write([]byte(strings.Repeat(c.repeated, min(100, count-n))))
		}
		total := len(c.start) + count*len(c.repeated)
		if held := total - out.Len(); held > maxPending {
			t.Errorf("%s: %d bytes of %d wait", name, held, total)
		}
		if kept := cap(w.text); kept > 4*maxPending {
			t.Errorf("%s: the writer keeps %d bytes", name, kept)
		}
		_, _ = w.Write([]byte(" " + endlessSecrets[0]))
		_ = w.Close()
		if got := out.String(); strings.Contains(got, endlessSecrets[0]) || !strings.HasSuffix(got, Text) {
			t.Errorf("%s: the secret after it passed", name)
		} else if n := out.Len(); n != total+len(" "+Text) {
			t.Errorf("%s: %d bytes became %d", name, total, n-len(" "+Text))
		}
	}
}

// TestWork checks that the work for an output grows with its length only: neither with the length of what may be the
// beginning of a secret, nor with the length of the secrets.
func TestWork(t *testing.T) {
	check := func(name string, set *Set, output string) {
		for _, piece := range []int{1, len(output)} {
			w := set.Writer(io.Discard)
			for rest := output; rest != ""; {
				n := min(piece, len(rest))
				_, _ = w.Write([]byte(rest[:n]))
				rest = rest[n:]
			}
			_ = w.Close()
			if steps := w.steps / int64(len(output)); steps > 300 {
				t.Errorf("%s, in writes of %d bytes: %d steps for each byte", name, piece, steps)
			}
		}
	}
	set := New(endlessSecrets)
	for name, c := range endless {
		check(name, set, c.start+strings.Repeat(c.repeated, 32<<10/len(c.repeated)))
	}
	// Every second character of the secret begins an escape.
	secret := strings.Repeat("it's 5%\\n \"x&$\n", 1000)
	set = New([]string{secret})
	r := rand.New(rand.NewPCG(5, 6))
	for name, write := range writers {
		check(name, set, write(r, secret).secret)
	}
	check("equal letters", New([]string{strings.Repeat("a", 20000)}), strings.Repeat("a", 20000))
}

// FuzzMask checks that no form of a secret passes, however the output is cut, and that text without a secret does not
// change.
func FuzzMask(f *testing.F) {
	for i, v := range awkward {
		f.Add(v, awkward[len(awkward)-1-i], uint64(i))
	}
	f.Add("secret", "a secret b", uint64(3))
	f.Add("aaaab", "aaaaaaab", uint64(1))
	f.Add("\n\n\n\n", "x", uint64(2))
	f.Add("ab\r\ncd", "ab\r\r \n\n cd %", uint64(2))
	f.Fuzz(func(t *testing.T, secret, text string, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		set := New([]string{secret})
		whole := maskedBy(set, text)
		if got := maskedBy(set, pieces(r, text)...); got != whole {
			t.Errorf("in pieces %q, in one write %q", got, whole)
		}
		if len(secret) < Least && whole != text {
			t.Errorf("%q became %q, although no value is long enough", text, whole)
		}
		if len(secret) < Least || !utf8.ValidString(secret) || strings.Contains(secret, "*") {
			return
		}
		for name, write := range writers {
			x := write(r, secret)
			if got := maskedBy(set, pieces(r, text+"«"+x.before+x.secret+x.after+text)...); strings.Contains(got, x.secret) {
				t.Errorf("%s: %q passed: %q", name, secret, got)
			}
		}
	})
}
