// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// awkward are values with the characters that forms write in their own way.
var awkward = []string{
	"correct horse", "s3cr3t", `it's "so" for $HOME `, "p@ss/w+rd=100%&<x>", "\\back\\slash\\n", "zażółć gęślą jaźń",
	"emoji \U0001f600\U0001f511 key", "tab\there", "a'b''c'''d", `""quoted""`, "'quoted'", "trailing\n",
	" \tboth ends\r\n",
	"-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDabcdefghijklmnop\n" +
		"abcdEFGH/+==\n-----END KEY-----\n",
	"crlf\r\nlines\r\nhere", "ąb\u0085\u2028\u00a0c", "x\x01\x02\x1b[0m\x7f", "abcd", "~{}[]|^`!*()#;?",
	strings.Repeat("long passphrase with words ", 12) + "end", "/%2F+ %zz\\u0041&amp;", "ÿéèñ",
	`{"a":"b c","d":[1234567,"efgh"]}`,
}

// randomValue returns a value of at least Least bytes. Half of its characters are letters.
func randomValue(r *rand.Rand) string {
	const letters, signs = "abcdefXYZ0189", "'\"\\/%&<>+= $`!*()[]{}#;?|~^,.:@-_\n\r\t\x01\x1béß€\U0001f600\u0085\u2028"
	var b strings.Builder
	for b.Len() < Least+r.IntN(40) {
		if r.IntN(2) == 0 {
			b.WriteByte(letters[r.IntN(len(letters))])
		} else {
			all := []rune(signs)
			b.WriteRune(all[r.IntN(len(all))])
		}
	}
	return b.String()
}

// written is how a program prints a value, with what it prints around it.
type written struct{ before, secret, after string }

// writers write a value as programs do.
var writers = map[string]func(r *rand.Rand, v string) written{
	"plain":                     func(_ *rand.Rand, v string) written { return written{"", v, ""} },
	"JSON":                      func(_ *rand.Rand, v string) written { return inQuotes(jsonText(v, true)) },
	"JSON without HTML escapes": func(_ *rand.Rand, v string) written { return inQuotes(jsonText(v, false)) },
	"JSON in JSON": func(_ *rand.Rand, v string) written {
		twice := jsonText(jsonText(v, false), false)
		return written{`"\"`, twice[3 : len(twice)-3], `\""`}
	},
	"JSON with every letter escaped": func(r *rand.Rand, v string) written {
		var b strings.Builder
		for _, unit := range utf16.Encode([]rune(v)) {
			fmt.Fprintf(&b, []string{`\u%04x`, `\u%04X`}[r.IntN(2)], unit)
		}
		return written{`"`, b.String(), `"`}
	},
	"JSON with some letters escaped": func(r *rand.Rand, v string) written {
		var b strings.Builder
		for _, c := range v {
			switch quoted := jsonText(string(c), false); {
			case c == '/' && r.IntN(2) == 0:
				b.WriteString(`\/`)
			case c < 0x10000 && r.IntN(2) == 0:
				fmt.Fprintf(&b, `\u%04X`, c)
			default:
				b.WriteString(quoted[1 : len(quoted)-1])
			}
		}
		return written{`"`, b.String(), `"`}
	},
	"query": func(_ *rand.Rand, v string) written { return written{"x=", url.QueryEscape(v), "&y="} },
	"path":  func(_ *rand.Rand, v string) written { return written{"/", url.PathEscape(v), "/"} },
	"URL":   func(_ *rand.Rand, v string) written { return written{"", (&url.URL{Path: "/" + v}).String()[1:], "?"} },
	"query, lower case": func(_ *rand.Rand, v string) written {
		out := []byte(url.QueryEscape(v))
		for i := range out {
			if out[i] == '%' {
				copy(out[i:], bytes.ToLower(out[i:i+3]))
			}
		}
		return written{"", string(out), ""}
	},
	"query with slashes": func(_ *rand.Rand, v string) written {
		return written{"", strings.ReplaceAll(url.QueryEscape(v), "%2F", "/"), ""}
	},
	"query without plus": func(_ *rand.Rand, v string) written {
		return written{"", strings.ReplaceAll(url.QueryEscape(v), "+", "%20"), ""}
	},
	"every byte percent": func(_ *rand.Rand, v string) written {
		var b strings.Builder
		for i := range len(v) {
			fmt.Fprintf(&b, "%%%02x", v[i])
		}
		return written{"", b.String(), ""}
	},
	"query of a query": func(_ *rand.Rand, v string) written {
		return written{"x=", url.QueryEscape(url.QueryEscape(v)), "&y="}
	},
	"query of JSON": func(_ *rand.Rand, v string) written {
		return written{"x=%22", url.QueryEscape(inQuotes(jsonText(v, false)).secret), "%22"}
	},
	"HTML of JSON": func(_ *rand.Rand, v string) written {
		return written{"&#34;", html.EscapeString(inQuotes(jsonText(v, false)).secret), "&#34;"}
	},
	"JSON of HTML": func(_ *rand.Rand, v string) written { return inQuotes(jsonText(html.EscapeString(v), true)) },
	"JSON of a query": func(_ *rand.Rand, v string) written {
		return inQuotes(jsonText("?x="+url.QueryEscape(v)+"; ", true)).cut(3)
	},
	"JSON in JSON in JSON": func(_ *rand.Rand, v string) written {
		thrice := jsonText(jsonText(jsonText(v, false), false), false)
		return written{`"\"\\\"`, thrice[7 : len(thrice)-7], `\\\"\""`}
	},
	"JSON of a shell command": func(_ *rand.Rand, v string) written {
		return inQuotes(jsonText("x '"+strings.ReplaceAll(v, `'`, `'\''`)+"' ", false)).cut(3)
	},
	"shell command with JSON": func(_ *rand.Rand, v string) written {
		return written{`'"`, strings.ReplaceAll(inQuotes(jsonText(v, false)).secret, `'`, `'\''`), `"' `}
	},
	"JSON of SQL": func(_ *rand.Rand, v string) written {
		return inQuotes(jsonText("x '"+strings.ReplaceAll(v, `'`, `''`)+"' ", false)).cut(3)
	},
	"CSV of JSON": func(_ *rand.Rand, v string) written {
		return written{`"""`, strings.ReplaceAll(inQuotes(jsonText(v, false)).secret, `"`, `""`), `""",`}
	},
	"Docker Compose": func(_ *rand.Rand, v string) written {
		return written{": ", strings.ReplaceAll(v, `$`, `$$`), ";"}
	},
	"Terraform": func(_ *rand.Rand, v string) written {
		return inQuotes(strings.NewReplacer(`${`, `$${`, `%{`, `%%{`).Replace(jsonText(v, false)))
	},
	"HTML with names": func(_ *rand.Rand, v string) written {
		names := strings.NewReplacer("é", "&eacute;", "ß", "&szlig;", "$", "&dollar;", "/", "&sol;", ";", "&semi;",
			"&", "&amp;", "<", "&lt;")
		return written{"<p>", names.Replace(v), "</p>"}
	},
	"HTML": func(_ *rand.Rand, v string) written { return written{"<p>", html.EscapeString(v), "</p>"} },
	"hex":  func(_ *rand.Rand, v string) written { return written{"0x", hex.EncodeToString([]byte(v)), "\n"} },
	"HEX":  func(_ *rand.Rand, v string) written { return written{"", fmt.Sprintf("%X", v), "\n"} },
	"hex in lines": func(_ *rand.Rand, v string) written {
		return written{"", wrap(hex.EncodeToString([]byte(v)), 60, "\n"), "\n"}
	},
	"Go":        func(_ *rand.Rand, v string) written { return inQuotes(fmt.Sprintf("%q", v)) },
	"Go, ASCII": func(_ *rand.Rand, v string) written { return inQuotes(fmt.Sprintf("%+q", v)) },
	"CSV":       func(_ *rand.Rand, v string) written { return written{`"`, strings.ReplaceAll(v, `"`, `""`), `",`} },
	"SQL":       func(_ *rand.Rand, v string) written { return written{`'`, strings.ReplaceAll(v, `'`, `''`), `',`} },
	"shell":     func(_ *rand.Rand, v string) written { return written{`'`, strings.ReplaceAll(v, `'`, `'\''`), `' `} },
	"terminal": func(_ *rand.Rand, v string) written {
		return written{"", strings.ReplaceAll(strings.ReplaceAll(v, "\r\n", "\n"), "\n", "\r\n"), ""}
	},
	"base64":                       base64Writer(base64.StdEncoding, 0, ""),
	"base64, no padding":           base64Writer(base64.RawStdEncoding, 0, ""),
	"base64 for URLs":              base64Writer(base64.URLEncoding, 0, ""),
	"base64 in 64":                 base64Writer(base64.StdEncoding, 64, "\n"),
	"base64 in 76":                 base64Writer(base64.StdEncoding, 76, "\r\n"),
	"base64 in YAML":               base64Writer(base64.StdEncoding, 76, "\n    "),
	"base64 in JSON":               base64Writer(base64.StdEncoding, 76, `\n`),
	"base64 in lines in the query": base64Writer(base64.StdEncoding, 76, "%0A"),
	"base64 in the query":          base64Writer(base64.StdEncoding, 0, "%"),
}

func inQuotes(quoted string) written { return written{`"`, quoted[1 : len(quoted)-1], `"`} }

// cut moves the first n bytes of the secret, and the last n-1 bytes, to what is around it.
func (w written) cut(n int) written {
	last := len(w.secret) - n + 1
	return written{w.before + w.secret[:n], w.secret[n:last], w.secret[last:] + w.after}
}

func jsonText(v string, escapeHTML bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escapeHTML)
	_ = e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n")
}

func wrap(s string, width int, by string) string {
	var b strings.Builder
	for width > 0 && len(s) > width {
		b.WriteString(s[:width] + by)
		s = s[width:]
	}
	return b.String() + s
}

// base64Writer writes a text with the value in it, in lines of a width. With by "%", it encodes for a query.
func base64Writer(e *base64.Encoding, width int, by string) func(r *rand.Rand, v string) written {
	return func(r *rand.Rand, v string) written {
		before, after := r.IntN(80), []string{"", "\n", "\xff\xff\xff"}[r.IntN(3)]
		text := e.EncodeToString([]byte(strings.Repeat("\x00", before) + v + after))
		from, to := (before*8+5)/6, ((before+len(v))*8+5)/6
		if after == "" {
			to = len(text)
		}
		partOf := func(i int) int { // 0 is before the secret, 1 in it, 2 after it
			switch {
			case i < from:
				return 0
			case i < to:
				return 1
			}
			return 2
		}
		var out [3]strings.Builder
		for i := range len(text) {
			// A line break in front of the secret or after it is not a part of the secret.
			if width > 0 && i > 0 && i%width == 0 {
				lineBreak := partOf(i - 1)
				if lineBreak == 1 {
					lineBreak = partOf(i)
				}
				out[lineBreak].WriteString(by)
			}
			part := partOf(i)
			c := text[i : i+1]
			if by == "%" {
				c = url.QueryEscape(c)
			}
			out[part].WriteString(c)
		}
		return written{out[0].String(), out[1].String(), out[2].String()}
	}
}

// pieces cuts an output at random places.
func pieces(r *rand.Rand, s string) []string {
	var out []string
	for s != "" {
		n := min(len(s), 1+r.IntN(12))
		out, s = append(out, s[:n]), s[n:]
	}
	return out
}

// TestForms checks that no form of a value passes, wherever the output is cut, and that all other bytes pass.
func TestForms(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	values := slices.Clone(awkward)
	for range 100 {
		values = append(values, randomValue(r))
	}
	failed := map[string]bool{}
	for _, v := range values {
		set := New([]string{v})
		for name, write := range writers {
			x := write(r, v)
			got := maskedBy(set, pieces(r, "«"+x.before+x.secret+x.after+"»")...)
			if want := "«" + x.before + Text + x.after + "»"; withoutQuotes(got) != withoutQuotes(want) && !failed[name] {
				failed[name] = true
				t.Errorf("%s of %q:\n%q\nbecame %q\nwant   %q", name, v, x.before+x.secret+x.after, got, want)
			}
		}
	}
}

// withoutQuotes removes quotes. Of several in a row, the first may be outside of a value or the value's first byte.
func withoutQuotes(s string) string { return strings.NewReplacer(`"`, "", "'", "").Replace(s) }
