// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
)

func masked(values []string, pieces ...string) string {
	var out bytes.Buffer
	var secrets [][]byte
	for _, v := range values {
		secrets = append(secrets, []byte(v))
	}
	m := newMask(&out, secrets)
	for _, p := range pieces {
		_, _ = m.Write([]byte(p))
	}
	_ = m.Close()
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
		"the first of two overlapping is masked":  {[]string{"aabb", "bbcc"}, []string{"aabbcc"}, "***cc"},
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

// FuzzMask checks that no secret passes, however the output is cut, and that
// text without a secret does not change.
func FuzzMask(f *testing.F) {
	f.Add("secret", "a secret b", 3)
	f.Add("aaaab", "aaaaaaab", 1)
	f.Add("\n\n\n\n", "x", 2)
	f.Fuzz(func(t *testing.T, secret, text string, cut int) {
		var pieces []string
		size := 1 + (cut&0x7fffffff)%7
		for i := 0; i < len(text); i += size {
			pieces = append(pieces, text[i:min(i+size, len(text))])
		}
		got := masked([]string{secret}, pieces...)
		if whole := masked([]string{secret}, text); got != whole {
			t.Errorf("in pieces %q, in one write %q", got, whole)
		}
		maskable := len(secret) >= leastMasked && !strings.Contains(maskText, secret) && !strings.Contains(secret, "*")
		if maskable && strings.Contains(got, secret) {
			t.Errorf("%q passed: %q", secret, got)
		}
		if len(secret) < leastMasked && got != text {
			t.Errorf("%q became %q, although no value is long enough", text, got)
		}
	})
}
