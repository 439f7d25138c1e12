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
		"none":             {nil, []string{"text"}, "text"},
		"whole":            {[]string{"secret"}, []string{"a secret b secret"}, "a *** b ***"},
		"in pieces":        {[]string{"secret"}, []string{"a se", "cr", "et b"}, "a *** b"},
		"only a beginning": {[]string{"secret"}, []string{"a sec", "tion"}, "a section"},
		"at the end":       {[]string{"secret"}, []string{"sec"}, "sec"},
		"overlapping":      {[]string{"aabb", "bbcc"}, []string{"aabbcc"}, "***cc"},
		"one inside one":   {[]string{"passw", "password1"}, []string{"password1 passw passwo"}, "*** *** ***o"},
		"longest, waiting": {[]string{"passw", "password1"}, []string{"passwor", "d2"}, "***ord2"},
		"too short":        {[]string{"abc"}, []string{"abc"}, "abc"},
		"line by line":     {[]string{"-----BEGIN\nMIIE\n-----END"}, []string{"MIIE\r\n"}, "***\r\n"},
		"base64":           {[]string{"secret"}, []string{"c2VjcmV0"}, "***"},
		"in a URL":         {[]string{"p@ss/w rd"}, []string{"x://u:p%40ss%2Fw+rd@h p%40ss%2Fw%20rd"}, "x://u:***@h ***"},
		"as JSON":          {[]string{"say \"hi\"\n"}, []string{`{"p":"say \"hi\"\n"}`}, `{"p":"***"}`},
	} {
		if got := masked(c.values, c.pieces...); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// FuzzMask holds that no secret passes, however the output is cut, and that
// nothing changes where there is none.
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
			t.Errorf("in pieces %q, whole %q", got, whole)
		}
		if len(secret) >= leastMasked && !strings.Contains(maskText, secret) && !strings.Contains(secret, "*") && strings.Contains(got, secret) {
			t.Errorf("%q passed: %q", secret, got)
		}
		if len(secret) < leastMasked && got != text {
			t.Errorf("%q became %q without a secret", text, got)
		}
	})
}
