// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"bytes"
	"math/rand/v2"
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
