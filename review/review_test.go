// SPDX-License-Identifier: MPL-2.0

package review

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func catalogOf(names ...string) *Catalog {
	p := &Project{Name: "default", whole: true, Environments: []Environment{{Name: "dev"}, {Name: "prod", ID: "01890000-0000-7000-8000-000000000001"}}}
	for _, n := range names {
		p.Entries = append(p.Entries, Entry{Kind: "secret", Name: n, Environment: "*", Scope: "project", version: 3})
	}
	return &Catalog{Format: 1, Projects: []*Project{p}, unseen: map[string]error{}}
}

func check(t *testing.T, text string, c *Catalog) ([]*Source, []Finding) {
	t.Helper()
	sources := scanText(t, "a.yaml", text)
	return sources, Check(sources, CheckOptions{Defaults: Defaults{Project: "default"}, Catalog: c, Environments: []string{"dev", "prod"}})
}

func TestARulesFinding(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"fine", "a: \"{{ get_secret_value('db', version=3) }}\"", nil},
		{"a version to come", "a: \"{{ get_secret_value('db', version=4) }}\"", []string{`POUNCET012 secret "db" has no version 4 in dev, prod: it is at 3`}},
		{"an environment by id", "a: \"{{ get_secret_value('db', env='01890000-0000-7000-8000-000000000001') }}\"", []string{"POUNCET004 the reference is to environment prod also in dev"}},
		{"a field that no type tells of", "a: \"{{ get_secret_value('db').x }}\"", []string{`POUNCET013 whether secret "db" has the field "x" in dev, prod cannot be told: no type says what it holds`}},
		{"a default within", "a: \"{{ get_secret_value('db2', default=get_secret_value('db')) }}\"", []string{`POUNCET010 secret "db2" does not exist in dev, prod; its default stands in`}},
		{"a key", "\"{{ get_secret_value('db') }}\": 1", []string{"POUNCET007 a key cannot hold a reference"}},
		{"not YAML", "a: \"{{ get_secret_value('db') }}", []string{"POUNCET007 the file has references and cannot be parsed as YAML: found unexpected end of stream"}},
		{"a comment in a value", "a: |\n  # {{ get_secret_value('db') }}\n", nil},
		{"a comment of somebody else", "a: 1 # {{ .Values.x }}\n", nil},
		{"a comment in quotes", "a: \"x # {{ get_secret_value('db') }}\"\n", nil},
		{"a comment", "\ufeffa: ä # {{ get_secret_value('db') }}\n", []string{"POUNCET008 a reference in a comment is not resolved"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, findings := check(t, c.text, catalogOf("db"))
			if c.name == "not YAML" { // the parser's words are its own
				if len(findings) != 1 || findings[0].Rule != Invalid {
					t.Error(brief(findings))
				}
				return
			}
			same(t, findings, c.want...)
		})
	}
}

// A fingerprint stays when lines move, and two of a kind have two.
func TestFingerprints(t *testing.T) {
	const line = "k%d: \"{{ get_secret_value('gone') }}\"\n"
	print := func(text string) string {
		sources, findings := check(t, text, catalogOf())
		var out []string
		for _, f := range Finish(sources, findings, FinishOptions{}).Findings {
			out = append(out, f.Fingerprint)
		}
		return strings.Join(out, " ")
	}
	one := print(fmt.Sprintf(line, 1))
	if moved := print("\n# above\n\n" + fmt.Sprintf(line, 2)); moved != one {
		t.Error("a fingerprint changes with its line")
	}
	if two := print(fmt.Sprintf(line+line, 1, 2)); !strings.HasPrefix(two, one+" ") || two == one+" "+one {
		t.Error("two findings of a kind are not told apart")
	}
	if other := print(strings.Replace(fmt.Sprintf(line, 1), "gone", "gone2", 1)); other == one {
		t.Error("two names have one fingerprint")
	}
}

func TestSeverities(t *testing.T) {
	s := Severities{}
	for text, ok := range map[string]bool{
		"POUNCET001=note": true, "near-miss=off": true, "POUNCET001=loud": false, "POUNCET999=note": false, "POUNCET001": false,
	} {
		if err := s.Set(text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
	if s.of(Missing) != Note || s.of(NearMiss) != Off || s.of(Unknown) != Warning {
		t.Error(s)
	}
	seen := map[string]bool{}
	last := ""
	for _, r := range Rules {
		if seen[r.Name] || r.ID <= last || r.About == "" {
			t.Errorf("%s is not a rule of its own, in order", r.ID)
		}
		seen[r.Name], last = true, r.ID
	}
}

func TestTenThousandFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range 10_000 {
		text := "a: 1\n"
		if i%10 == 0 {
			text = "a: \"{{ get_secret_value('db') }}\"\n"
		}
		folder := filepath.Join(dir, fmt.Sprint(i%100))
		if i < 100 {
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.yaml", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Find([]string{dir})
	if err != nil || len(files) != 10_000 {
		t.Fatal(len(files), err)
	}
	sources, err := Reader{}.Read(context.Background(), files)
	if err != nil || len(sources) != 1_000 {
		t.Fatalf("%d files hold something: %v", len(sources), err)
	}
	for i := 1; i < len(sources); i++ {
		if sources[i-1].Name >= sources[i].Name {
			t.Fatal("the order of files is not kept")
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Reader{}).Read(ctx, files); err == nil {
		t.Error("reading goes on when nobody waits for it")
	}
}

// No text of a file but names gets into a report, whatever is wrong with it.
func TestAReportHoldsNoText(t *testing.T) {
	const canary = "CANARY"
	for _, text := range []string{
		"a: \"{{ get_secret_value('x', default='CANARY') }}\" # CANARY",
		"a: \"{{ get_secret_value('x') | default('CANARY') | urlencode }}\"",
		"a: \"{{ get_secret_valeu('x', default='CANARY') }}\"",
		"a: \"{{ get_secret_value('x', 'CANARY') }}\"",
		"a: \"{{ env_var('HOME', 'CANARY') }} {{ get_secret_value('x') }}\"",
		"a: \"{{ json_value(get_secret_value('x'), 'a') | default('CANARY') }}\"",
		"a: pouncet://-/-/x CANARY",
		"\"{{ get_secret_value('x', default='CANARY') }}\": CANARY",
		"a: \"CANARY {{ get_secret_value('x') }} {{ get_secret_value(\"",
	} {
		sources, findings := check(t, text+"\n", catalogOf())
		if len(findings) == 0 {
			t.Errorf("%s: nothing was found", text)
		}
		out, err := json.Marshal(Finish(sources, findings, FinishOptions{}))
		if err != nil || strings.Contains(string(out), canary) {
			t.Errorf("%s: %s %v", text, out, err)
		}
	}
}

// TestManyIgnores reads as many suppressions as would take hours if each looked
// for its line anew.
func TestManyIgnores(t *testing.T) {
	const n = 300_000
	text := strings.Repeat("# pouncet:ignore POUNCET004 a reason\n", n)
	for end, want := range map[string]int{"a: 1\n": n + 1, "": 1} {
		found := findIgnores([]byte(text + end))
		if len(found) != n || found[0].target != want {
			t.Errorf("%d suppressions, the first of line %d; want %d of line %d", len(found), found[0].target, n, want)
		}
	}
}
