// SPDX-License-Identifier: MPL-2.0

package leak

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/pouncet/terraform-provider-pouncet/review"
)

// The files of testdata/lines hold blocks of lines, in the shapes of public files. A label begins each line: "plain"
// for lines without a secret, and "secret" or "pem" for a block that a generated file gets one secret in. The words in
// angle brackets are filled in with text of that shape. See docs/explanation/hard-coded-secrets.md.

const (
	generatedFiles = 2000
	seededSecrets  = 200
	maxFalse       = generatedFiles / 1000
	minFound       = seededSecrets * 95 / 100
)

func TestGeneratedFilesGiveNoNoise(t *testing.T) {
	scanner, err := New()
	if err != nil {
		t.Fatal(err)
	}
	g := newGenerator(t)
	type generated struct {
		shape, text string
		kind        *seededKind
		line        int
		leaks       []review.Leak
	}
	files := make([]generated, generatedFiles)
	for i := range files {
		f := &files[i]
		if i%(generatedFiles/seededSecrets) == 0 {
			f.kind = &seededKinds[i/(generatedFiles/seededSecrets)%len(seededKinds)]
		}
		f.shape, f.text, f.line = g.file(f.kind)
	}
	var scans errgroup.Group
	scans.SetLimit(runtime.GOMAXPROCS(0))
	for i := range files {
		f := &files[i]
		scans.Go(func() error {
			f.leaks = scanner.Scan(f.shape, []byte(f.text))
			return nil
		})
	}
	if err := scans.Wait(); err != nil {
		t.Fatal(err)
	}
	found := 0
	var wrong, missed []string
	for _, f := range files {
		hit := false
		for _, l := range f.leaks {
			if f.kind != nil && l.Line == f.line {
				hit = true
				continue
			}
			wrong = append(wrong, fmt.Sprintf("%s: %s: %s", f.shape, l.Rule, strings.Split(f.text, "\n")[l.Line-1]))
		}
		switch {
		case hit:
			found++
		case f.kind != nil:
			missed = append(missed, f.kind.name+" in "+f.shape)
		}
	}
	t.Logf("%d of %d secrets of %d kinds found, %d false findings in %d files", found, seededSecrets, len(seededKinds),
		len(wrong), generatedFiles)
	if len(wrong) > maxFalse {
		t.Errorf("%d false findings, want at most %d:\n%s", len(wrong), maxFalse, strings.Join(wrong, "\n"))
	}
	if found < minFound {
		t.Errorf("%d secrets found, want at least %d; missed:\n%s", found, minFound, strings.Join(missed, "\n"))
	}
}

// seededKind is a kind of secret. The names are words that a key of its value has.
type seededKind struct {
	name  string
	value func(g *generator) string
}

// The prefixes are apart from their values, so that no scanner reports this file.
var seededKinds = []seededKind{
	{"aws access key id", func(g *generator) string { return "AKIA" + g.text(base32, 16) }},
	{"aws secret access key", func(g *generator) string { return g.text(base64Text, 40) }},
	{"github token", func(g *generator) string { return "ghp_" + g.text(alnum, 36) }},
	{"gitlab token", func(g *generator) string { return "glpat-" + g.text(alnum, 20) }},
	{"slack bot token", func(g *generator) string {
		return "xoxb-" + g.text(digits, 12) + "-" + g.text(digits, 12) + "-" + g.text(alnum, 24)
	}},
	{"slack webhook url", func(g *generator) string {
		return "https://hooks.slack.com/services/T" + g.text(upperAlnum, 10) + "/B" + g.text(upperAlnum, 10) + "/" +
			g.text(alnum, 24)
	}},
	{"stripe secret key", func(g *generator) string { return "sk_" + "live_" + g.text(alnum, 24) }},
	{"google api key", func(g *generator) string { return "AIza" + g.text(alnum, 35) }},
	{"sendgrid api key", func(g *generator) string { return "SG." + g.text(alnum, 22) + "." + g.text(alnum, 43) }},
	{"npm token", func(g *generator) string { return "npm_" + g.text(alnum, 36) }},
	{"digitalocean token", func(g *generator) string { return "dop_" + "v1_" + g.text(hexDigits, 64) }},
	{"vault token", func(g *generator) string { return "hvs." + g.text(alnum, 95) }},
	{"telegram bot token", func(g *generator) string { return g.text(digits, 10) + ":A" + g.text(alnum, 34) }},
	{"session jwt", func(g *generator) string {
		part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
		return part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(`{"sub":"`+g.text(digits, 10)+`","iat":1700000000}`) + "." +
			g.text(alnum, 43)
	}},
	{"datadog api key", func(g *generator) string { return g.text(hexDigits, 32) }},
	{"storage account key", func(g *generator) string { return g.text(base64Text, 86) + "==" }},
	{"database password", func(g *generator) string { return g.text(alnum, 20) }},
	{"django secret key", func(g *generator) string { return g.text(alnum, 50) }},
	{"client secret", func(g *generator) string { return g.text(alnum+"-_", 40) }},
	{"tls private key", func(g *generator) string {
		seed := make([]byte, ed25519.SeedSize)
		for i := range seed {
			seed[i] = byte(g.r.Uint32())
		}
		der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed))
		if err != nil {
			panic(err)
		}
		return strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE" + " KEY", Bytes: der})))
	}},
}

const (
	digits     = "0123456789"
	hexDigits  = digits + "abcdef"
	lowerAlnum = digits + "abcdefghijklmnopqrstuvwxyz"
	upperAlnum = digits + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alnum      = lowerAlnum + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	base32     = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	base64Text = alnum + "+/"
	base64URL  = alnum + "-_"
)

// generator makes files. The same seed gives the same files.
type generator struct {
	r      *rand.Rand
	shapes []shapeFile
}

type shapeFile struct {
	name   string
	blocks map[string][][]string // by label
}

func newGenerator(t *testing.T) *generator {
	t.Helper()
	names, err := filepath.Glob("testdata/lines/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal("testdata/lines has no files", err)
	}
	g := &generator{r: rand.New(rand.NewPCG(3, 4))}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f := shapeFile{strings.TrimSuffix(filepath.Base(name), ".txt"), map[string][][]string{}}
		for block := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n\n") {
			var lines []string
			label, _, _ := strings.Cut(block, " ")
			for line := range strings.SplitSeq(block, "\n") {
				text, ok := strings.CutPrefix(line, label)
				if !ok {
					t.Fatalf("%s: line %q does not have the label of its block", name, line)
				}
				lines = append(lines, strings.TrimPrefix(text, " "))
			}
			f.blocks[label] = append(f.blocks[label], lines)
		}
		g.shapes = append(g.shapes, f)
	}
	return g
}

// file returns the name of a shape, a text in this shape and the line that has a secret of a kind, from 1.
func (g *generator) file(kind *seededKind) (name, text string, line int) {
	label := "secret"
	if kind != nil && kind.name == "tls private key" {
		label = "pem"
	}
	f := g.shapes[g.r.IntN(len(g.shapes))]
	for kind != nil && f.blocks[label] == nil {
		f = g.shapes[g.r.IntN(len(g.shapes))]
	}
	blocks := slices.Clone(f.blocks["plain"])
	g.r.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
	at := -1
	if kind != nil {
		at = g.r.IntN(len(blocks) + 1)
		blocks = slices.Insert(blocks, at, f.blocks[label][g.r.IntN(len(f.blocks[label]))])
	}
	var out []string
	for i, block := range blocks {
		for _, shape := range block {
			if i == at && strings.Contains(shape, "<secret>") && line == 0 {
				line = len(out) + 1
			}
			out = append(out, strings.Split(g.fill(shape, kind), "\n")...)
		}
	}
	return f.name, strings.Join(out, "\n") + "\n", line
}

var slot = regexp.MustCompile(`<([A-Za-z0-9-]+)>`)

// fill fills in the slots of a line.
func (g *generator) fill(shape string, kind *seededKind) string {
	words := strings.Fields("tool access token")
	if kind != nil {
		words = strings.Fields(kind.name)
	}
	return slot.ReplaceAllStringFunc(shape, func(s string) string {
		switch s {
		case "<secret>":
			indent := shape[:len(shape)-len(strings.TrimLeft(shape, " "))]
			return strings.ReplaceAll(kind.value(g), "\n", "\n"+indent)
		case "<key>":
			return strings.Join(words, "_")
		case "<KEY>":
			return strings.ToUpper(strings.Join(words, "_"))
		case "<k-e-y>":
			return strings.Join(words, "-")
		case "<Key>":
			name := words[0]
			for _, w := range words[1:] {
				name += strings.ToUpper(w[:1]) + w[1:]
			}
			return name
		}
		return g.slot(strings.Trim(s, "<>"))
	})
}

var commonWords = strings.Fields(`orders billing search gateway catalog shipping reports profile ledger metrics
	crawler notifier planner scheduler inventory payments alerts streams exporter importer webapp frontend worker`)

// slotAlphabets holds the alphabets of slots whose names end with a length.
var slotAlphabets = map[string]string{
	"hex": hexDigits, "HEX": strings.ToUpper(hexDigits), "d": digits, "b64url": base64URL,
	"k8s": "bcdfghjklmnpqrstvwxz2456789", // names that Kubernetes generates
}

// slot returns a text of a shape, such as "hex40" or "uuid".
func (g *generator) slot(name string) string {
	word := func() string { return commonWords[g.r.IntN(len(commonWords))] }
	switch name {
	case "word":
		return word()
	case "n":
		return fmt.Sprint(g.r.IntN(30))
	case "uuid", "UUID":
		h := g.text(hexDigits, 32)
		id := h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
		if name == "UUID" {
			return strings.ToUpper(id)
		}
		return id
	case "b64words":
		return base64.StdEncoding.EncodeToString([]byte(word() + "-" + word() + "." + word()))
	case "b64cert":
		return base64.StdEncoding.EncodeToString([]byte("-----BEGIN CERTIFICATE-----\nMII" + g.text(base64Text, 60) + "\n" +
			g.text(base64Text, 64) + "\n-----END CERTIFICATE-----\n"))
	}
	for prefix, alphabet := range slotAlphabets {
		if count, ok := strings.CutPrefix(name, prefix); ok {
			if n, err := strconv.Atoi(count); err == nil {
				return g.text(alphabet, n)
			}
		}
	}
	return "<" + name + ">"
}

func (g *generator) text(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[g.r.IntN(len(alphabet))]
	}
	return string(b)
}
