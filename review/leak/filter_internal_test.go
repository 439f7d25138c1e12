// SPDX-License-Identifier: MPL-2.0

package leak

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
)

// Each text has one value that looks random. The value of a secret is made here, so that no scanner reports this file.
func TestEvidence(t *testing.T) {
	scanner, err := New()
	if err != nil {
		t.Fatal(err)
	}
	g := &generator{r: rand.New(rand.NewPCG(1, 1))}
	fill := strings.NewReplacer(
		"<uuid>", g.slot("uuid"), "<hex32>", g.slot("hex32"), "<hex40>", g.slot("hex40"), "<hex64>", g.slot("hex64"),
		"<random>", g.text(alnum, 32), "<short>", g.text(alnum, 20), "<base64>", g.text(base64Text, 43)+"=",
		"<words>", base64.StdEncoding.EncodeToString([]byte("the-password-of-orders")),
		"<password>", base64.StdEncoding.EncodeToString([]byte(g.text(alnum, 20))),
		"<commit>", g.slot("hex40"),
	)
	for _, c := range []struct {
		name, text string
		secret     bool
	}{
		{"password", "password: <random>", true},
		{"password in JSON", `{"db": {"password": "<random>"}}`, true},
		{"variable of a shell", "export DB_PASSWORD='<random>'", true},
		{"argument of a call", `client = Client(api_key="<random>")`, true},
		{"flag in a list", `args: ["--auth-token", "<random>"]`, true},
		{"value on the next line", "password:\n  <random>", true},
		{"name in one word", "mysqlrootpassword: <random>", true},
		{"numbered name", "password2: <random>", true},
		{"key of a Secret of Kubernetes", "kind: Secret\ndata:\n  key: <password>", true},
		{"content hash as a password", "api_key: <hex64>", true},
		{"UUID with the name of a vendor", "heroku_api_key: <uuid>", true},
		{"connection string", "storage: AccountName=orders;AccountKey=<base64>;EndpointSuffix=core.windows.net", true},
		{"secret key of a bucket", "s3:\n  bucket: logs\n  secretKey: <random>", true},

		{"key alone", "key: <random>", false},
		{"first_key", `"first_key": "<uuid>"`, false},
		{"UUID", "key: <uuid>", false},
		{"UUID of a token", "token: <uuid>", false},
		{"commit", "key: <commit>", false},
		{"reference", "remoteRef:\n  key: <random>\n  property: password", false},
		{"reference in braces", "data: [{remoteRef: {key: <random>}}]", false},
		{"reference in JSON", `{"secretKeyRef": {"name": "db", "key": "<random>"}}`, false},
		{"reference with a password", "passwordSecretRef:\n  name: db\n  token: <random>", false},
		{"existing secret", "auth:\n  existingSecret: <random>\n  existingSecretPassword: <random>", false},
		{"name of a secret", "secretName: <random>\nsecret_name: <random>", false},
		{"path of a token", "tokenPath: <random>\ntoken_file: <random>\napiKeyId: <random>", false},
		{"object of a bucket", "s3:\n  bucket: logs\n  key: <random>", false},
		{"workflow", "s3: {key: on-deletion-wf-stopped-1}\nkey: on-deletion-wf-stopped-2", false},
		{"name of Kubernetes", "token: orders-api-token-x7k2p\nsecret: orders-db-credentials-v2", false},
		{"public key", "publicKey: <base64>\npublic_api_key: <random>", false},
		{"token of a page", "nextToken: <random>\ncontinuation_token: <random>", false},
		{"checksum of a secret", "checksum/secret: <hex64>\nsecretHash: <hex32>", false},
		{"content hash in a Secret", "kind: Secret\nstringData:\n  key: <hex64>", false},
		{"words in base64", "kind: Secret\ndata:\n  password: <words>", false},
		{"sealed secret", "kind: SealedSecret\nspec:\n  encryptedData:\n    password: <random>", false},
		{"placeholder", "password: your-<random>\ntoken: replace-<random>", false},
		{"commit near the name of a vendor", "sourcegraph:\n  revision: <commit>", false},
		{"commit of a vendor", "datadog_commit: <commit>\ncloudflare: <commit>", false},
		{"field of a variable", "if s.AutoAllocatedIPv4Address != nil {", false},
		{"key without a body", "-----BEGIN PRIVATE" + " KEY-----\n" + strings.Repeat("private key here ", 5) +
			"\n-----END PRIVATE" + " KEY-----", false},
	} {
		text := fill.Replace(c.text)
		if leaks := scanner.Scan("", []byte(text+"\n")); (len(leaks) > 0) != c.secret {
			t.Errorf("%s: %+v in\n%s", c.name, leaks, text)
		}
	}
}

// TestNamesOfResources checks that the name of a secret in AWS is no secret, whatever its random end is.
func TestNamesOfResources(t *testing.T) {
	scanner, err := New()
	if err != nil {
		t.Fatal(err)
	}
	g := &generator{r: rand.New(rand.NewPCG(2, 2))}
	for range 500 {
		arn := "arn:aws:secretsmanager:eu-west-1:123456789012:secret:MySecret-" + g.text(alnum, 6)
		for _, text := range []string{"secret: " + arn, "valueFrom: \"" + arn + ":password::\"", "DB_SECRET_ARN=" + arn,
			"token: [" + arn + "]"} {
			if len(scanner.Scan("", []byte(text+"\n"))) > 0 {
				t.Errorf("the name of a resource is a finding: %s", text)
			}
		}
	}
}

// Without the parts, a rule would look at some bytes again for each value of a line.
func TestTheRulesSeeEachByteOnce(t *testing.T) {
	s := newShape()
	g := &generator{r: rand.New(rand.NewPCG(1, 1))}
	for _, unit := range []string{
		"curl ", "curl\n", "-----BEGIN", g.text(alnum, 40) + " ", g.text(alnum, 40) + "\n", g.text(base64Text, 5000),
		"key=" + g.text(hexDigits, 32) + ";", "curl -----BEGIN " + g.text(alnum, 12) + "\n", "a1b2c3 ",
		strings.Repeat(" ", 150) + g.text(alnum, 12),
	} {
		text := strings.Repeat(unit, 200_000/len(unit))
		_, parts := s.parts([]byte(text))
		last := 0
		for _, p := range parts {
			if p.start < last || p.end < p.start || p.end > len(text) {
				t.Fatalf("%.20q: part %d to %d, after %d, of %d bytes", unit, p.start, p.end, last, len(text))
			}
			last = p.end
		}
		if last == 0 {
			t.Errorf("%.20q: no part", unit)
		}
	}
}

// TestTheGenericRuleSeesNoIDs checks that the generic rule, which is slow, does not see ids named "key". It
// would match them, and they are no secrets.
func TestTheGenericRuleSeesNoIDs(t *testing.T) {
	s := newShape()
	const uuid, random = "e22487a8-feb8-4591-95aa-14b193930cb4", "q7RbXo2mZk9TvL4c"
	for text, want := range map[string]bool{
		"key: " + uuid: false, "- first_key: \"" + uuid + "\"": false, "api_key: " + uuid: false, "KEY=" + uuid: false,
		"key: on-" + random + "-stopped": false, "auth: {key: " + random + "}": false,
		"api_key: " + random: true, "kind: Secret\ndata:\n  key: " + random: true, "password: key=" + random: true,
		"token: 12:" + random: true, "password: key=" + uuid: true, "key: " + uuid + "\npassword: " + random: true,
	} {
		_, parts := s.parts([]byte(text + "\n"))
		if len(parts) != 1 || parts[0].generic != want {
			t.Errorf("%q: is %+v, want that the generic rule sees it: %v", text, parts, want)
		}
	}
}

// Ordinary text, in which the rules match nothing, must not reach them: they need most of the time.
func TestTheRulesSeeLittleOfOrdinaryText(t *testing.T) {
	s := newShape()
	g := newGenerator(t)
	seen, all := 0, 0
	for _, f := range g.shapes {
		if f.name != "crd.yaml" && f.name != "README.md" && f.name != "settings.py" {
			continue
		}
		for _, block := range f.blocks["plain"] {
			for _, line := range block {
				if strings.Contains(line, "hex") || strings.Contains(line, "uuid") || strings.Contains(line, "b64") {
					continue
				}
				text := g.fill(line, nil) + "\n"
				all += len(text)
				_, parts := s.parts([]byte(text))
				for _, p := range parts {
					seen += p.end - p.start
				}
			}
		}
	}
	if seen*10 > all {
		t.Errorf("the rules see %d of %d bytes", seen, all)
	}
}
