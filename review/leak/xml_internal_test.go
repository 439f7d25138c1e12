// SPDX-License-Identifier: MPL-2.0

package leak

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/zricethezav/gitleaks/v8/config"
)

// xmlForms are the places of XML that hold a secret. NAME is the name of the secret.
var xmlForms = []string{
	"<config>\n  <NAME>VALUE</NAME>\n</config>",
	"<NAME>VALUE</NAME>",
	"<c:NAME xmlns:c=\"urn:c\">VALUE</c:NAME>",
	"<NAME type=\"plain\" order=\"3\">VALUE</NAME>",
	"<NAME\n   type=\"plain\">\n  VALUE\n</NAME>",
	"<NAME><![CDATA[VALUE]]></NAME>",
	"<string name=\"NAME\">VALUE</string>",
	"<entry key='NAME'>VALUE</entry>",
	"<entry key=\"NAME\"><![CDATA[VALUE]]></entry>",
	"<add key=\"NAME\" value=\"VALUE\"/>",
	"<add key = 'NAME'  value = 'VALUE' />",
	"<property name=\"NAME\" value=\"VALUE\" />",
	"<property\n    name=\"NAME\"\n    value=\"VALUE\"/>",
	"<property name=\"NAME\"><value>VALUE</value></property>",
	"<property>\n  <name>NAME</name>\n  <value>VALUE</value>\n</property>",
	"<dict>\n\t<key>NAME</key>\n\t<string>VALUE</string>\n</dict>",
	"<setting name=\"NAME\" serializeAs=\"String\">\n  <value>VALUE</value>\n</setting>",
	"<server url=\"https://example.com\" NAME=\"VALUE\"/>",
	"<server NAME='VALUE' />",
	"          <add value=\"VALUE\" key=\"NAME\"/>",
}

func TestSecretsInXML(t *testing.T) {
	scanner, err := New()
	if err != nil {
		t.Fatal(err)
	}
	g := &generator{r: rand.New(rand.NewPCG(5, 6))}
	found, all := 0, 0
	for _, form := range xmlForms {
		missed := 0
		for i := range seededKinds {
			kind := &seededKinds[i]
			words := strings.Fields(kind.name)
			name := strings.Join(words, []string{"_", "-", "."}[i%3])
			text := strings.ReplaceAll(strings.ReplaceAll(form, "NAME", name), "VALUE", kind.value(g))
			line := strings.Count(form[:strings.Index(form, "VALUE")], "\n") + 1
			leaks := scanner.Scan("a.xml", []byte("<!-- a file -->\n"+text+"\n"))
			all++
			switch {
			case len(leaks) == 1 && leaks[0].Line == line+1:
				found++
			case len(leaks) > 0:
				t.Errorf("%s in %q: %+v, want line %d", kind.name, form, leaks, line+1)
			default:
				missed++
			}
		}
		if missed > 3 {
			t.Errorf("%d of %d kinds are missed in %q", missed, len(seededKinds), form)
		}
	}
	t.Logf("%d of %d secrets found", found, all)
	if found*100 < all*95 {
		t.Errorf("%d of %d secrets found, want 95 %%", found, all)
	}
}

// The names do not belong to credentials, or the values are not random.
func TestXMLWithoutSecrets(t *testing.T) {
	scanner, err := New()
	if err != nil {
		t.Fatal(err)
	}
	g := &generator{r: rand.New(rand.NewPCG(7, 8))}
	for _, form := range xmlForms {
		for _, c := range [][2]string{
			{"publicKeyToken", g.text(hexDigits, 16)}, {"key", g.text(alnum, 20)}, {"checksum", g.text(hexDigits, 64)},
			{"passwordFile", "/etc/secrets/" + g.text(alnum, 12)}, {"userSecretsId", g.slot("uuid")},
			{"commit", g.slot("hex40")}, {"password_hint", "the-name-of-your-dog"}, {"token", g.slot("uuid")},
			{"password", "${env.DB_PASSWORD}"}, {"password", "{{ get_secret_value('db') }}"},
			{"password", "changeme-" + g.text(alnum, 8)}, {"title", g.text(alnum, 20)},
		} {
			text := strings.ReplaceAll(strings.ReplaceAll(form, "NAME", c[0]), "VALUE", c[1]) + "\n"
			if leaks := scanner.Scan("a.xml", []byte(text)); len(leaks) > 0 {
				t.Errorf("%+v in %q", leaks, text)
			}
		}
	}
}

// TestXMLKeepsItsLines checks that every byte stays where it is, apart from those between two values.
func TestXMLKeepsItsLines(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	parts := []string{"<", ">", "</", "/>", "<name>", "</name>", "<value>", "</value>", "<a key=\"k\" value=\"", "\"", "'",
		"<![CDATA[", "]]>", "password", " ", "\n", "=", "key=", "name='x'", "\x00", "é", "<b\n c='d'>", "<!--", "-->"}
	for range 20000 {
		var text []byte
		for range r.IntN(16) {
			text = append(text, parts[r.IntN(len(parts))]...)
		}
		before := bytes.Clone(text)
		out := withXMLNames(text)
		if !bytes.Equal(text, before) {
			t.Fatalf("%q is changed", before)
		}
		if len(out) != len(text) || bytes.Count(out, []byte("\n")) != bytes.Count(text, []byte("\n")) {
			t.Fatalf("%q becomes %q", text, out)
		}
	}
}

// TestHostileXML reads texts in which an algorithm with quadratic time would reach the timeout.
func TestHostileXML(t *testing.T) {
	for _, unit := range []string{
		"</", "<a b='", "<a ", "<a b=\"c\" ", "<a>", "<name>x</name> ", "<![CDATA[", "<a key='token' value='", "<token>",
		"<a\n", "<password a='b'> ", "<value>", "<name>token</name>" + strings.Repeat(" ", 2000), "]]></a>", "/>",
	} {
		text := []byte("<a></a>" + strings.Repeat(unit, MaxBytes/len(unit)))
		if out := withXMLNames(text); len(out) != len(text) {
			t.Errorf("%q: %d bytes became %d", unit, len(text), len(out))
		}
	}
}

func TestTokensOfDocker(t *testing.T) {
	scanner, err := New()
	if err != nil {
		t.Fatal(err)
	}
	g := &generator{r: rand.New(rand.NewPCG(11, 12))}
	for i := range 40 {
		token := "dckr_" + "pat_" + g.text(base64URL, 27)
		if i%2 == 1 {
			token = "dckr_" + "oat_" + g.text(base64URL, 32)
		}
		for _, form := range []string{"x: %", "password: \"%\"", "ENV X=%", "docker login -p % -u me", "<value>%</value>",
			`{"a":"%"}`} {
			text := strings.ReplaceAll(form, "%", token) + "\n"
			if leaks := scanner.Scan("", []byte(text)); len(leaks) != 1 {
				t.Errorf("%+v in %q", leaks, text)
			}
		}
	}
	for _, text := range []string{"dckr_pat_your-token-goes-in-this-place", "dckr_pat_xxxxxxxxxxxxxxxxxxxxxxxxxxx"} {
		if leaks := scanner.Scan("", []byte("token: "+text+"\n")); len(leaks) > 0 {
			t.Errorf("%+v in %q", leaks, text)
		}
	}
}

// TestRulesAreNoSecrets checks that the rules of Gitleaks give no finding, in their own file and in another one.
func TestRulesAreNoSecrets(t *testing.T) {
	scanner, err := New()
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("regexes = ['''" + "ghp_" + "a8Kq2ZxW9rTb5Yc7Lm3Vn1Pd6Hf4Gj0Ss8Qe''']\n")
	for name, secret := range map[string]bool{"gitleaks.toml": false, "a/.gitleaks.toml": false, "a.toml": true} {
		if leaks := scanner.Scan(name, text); (len(leaks) > 0) != secret {
			t.Errorf("%s: %+v", name, leaks)
		}
	}
	if leaks := scanner.Scan("rules.toml", []byte(config.DefaultConfig)); len(leaks) > 0 {
		t.Errorf("the rules of Gitleaks: %+v", leaks)
	}
}
